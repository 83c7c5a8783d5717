"""Natively from sums of products to stored integers: how a kernel rounds, and the tables that it rounds with (tl_requantize.h)."""

from ctypes import c_int32
from enum import IntEnum
from typing import NamedTuple

import numpy as np

from tachylite.model.dtypes import limits
from tachylite.model.graph import Operator

from .fixedpoint import FARTHEST, rescale
from .fused import activation_range
from .panels import extended

BLOCK = 16
"""Channels whose scales stand together in a table."""

#: Fields of a parameter block that say how a kernel rounds and what it stores.
OUTPUT_FIELDS = tuple((name, c_int32) for name in ("rounding", "output_type", "output_zero_point", "low", "high"))


Multipliers = tuple[np.ndarray, np.ndarray]
"""Mantissas and shifts, one for each channel or one for all."""

_SETTLED = 10
"""Bits that a settled sum is shifted to the right by."""


class Rounding(IntEnum):
    """As in tl_requantize.h."""

    TWICE_FAST = 0
    TWICE = 1
    ONCE_AWAY = 2
    ONCE_UP = 3
    PLAIN = 4
    ONCE_UP_FAR = 5


class Scaling(NamedTuple):
    """How to round, and the table of scales by blocks of channels."""

    rounding: Rounding
    table: np.ndarray


def twice(multipliers: Multipliers, groups: int, channels: int, reach: int) -> Scaling:
    """`fixedpoint.rescale` of sums of at most `reach` in magnitude. multipliers: one for each of groups * channels, or one for all."""
    mantissas, shifts = multipliers
    is_fast = reach < 2**29
    if is_fast:
        # Such sums give 0 with still smaller multipliers, as channels have whose filters are nearly 0.
        vanishes = (mantissas == 0) | (shifts < -29)
        mantissas, shifts = np.where(vanishes, 0, mantissas), np.where(vanishes, -1, shifts)
        is_fast = bool(shifts.max() <= 0)
    parts = mantissas, -shifts if is_fast else shifts
    table = np.stack([blocks(part.astype(np.int32), groups, channels, 1 if is_fast else 0) for part in parts], axis=1)
    return Scaling(Rounding.TWICE_FAST if is_fast else Rounding.TWICE, table)


def settled(bias: np.ndarray, is_empty: np.ndarray, multipliers: Multipliers) -> tuple[np.ndarray, Multipliers]:
    """Bias and multipliers of sums that are rounded twice, small ones for channels whose filters are empty, that is, 0.

    Such a channel's result is that of its bias alone, which converters that divide by vanishing scales make huge.
    """
    empty = is_empty & (np.abs(bias) >= 1 << 28)
    if not empty.any():
        return bias, multipliers
    mantissas, shifts = (np.broadcast_to(part, bias.shape) for part in multipliers)
    result = np.clip(rescale(bias, (mantissas, shifts)), -(1 << 17), 1 << 17)
    mantissas, shifts = np.where(empty, 1 << 30, mantissas), np.where(empty, 1 - _SETTLED, shifts)
    return np.where(empty, result << _SETTLED, bias), (mantissas, shifts)


def once_away(factors: np.ndarray, groups: int, channels: int, _reach: int) -> Scaling:
    """`fixedpoint.round_half_away` of sums times float64 factors, one for each of groups * channels or one for all."""
    return Scaling(Rounding.ONCE_AWAY, blocks(factors.astype(np.float64), groups, channels))


def once_up(multipliers: Multipliers, groups: int, channels: int, reach: int) -> Scaling:
    """`fixedpoint.rescale_int64` of sums of at most `reach` in magnitude."""
    mantissas, shifts = multipliers
    if reach >= 2**37:
        return Scaling(Rounding.ONCE_UP_FAR, np.stack([blocks(part.astype(np.int32), groups, channels) for part in multipliers], axis=1))
    # The reduced multiplier has 15 bits, so that a double holds all of the product and of the half that is added to it.
    reduced = np.where(mantissas < 0x7FFF0000, (mantissas + (1 << 15)) >> 16, 0x7FFF)
    return Scaling(Rounding.ONCE_UP, blocks(np.ldexp(reduced.astype(np.float64), np.minimum(shifts, FARTHEST) - 15), groups, channels))


def plain(_multipliers: None, _groups: int, _channels: int, _reach: int) -> Scaling:
    """Sums as they are."""
    return Scaling(Rounding.PLAIN, np.zeros(0, np.int32))


def blocks(values: np.ndarray, groups: int, channels: int, fill: int = 0) -> np.ndarray:
    """Values of all channels, or one for all, as [groups * blocks, BLOCK]: each group's last block is padded with `fill`."""
    full = np.broadcast_to(values.reshape(-1), groups * channels).reshape(groups, channels)
    return np.ascontiguousarray(extended(full, 0, -channels % BLOCK, fill=fill).reshape(-1, BLOCK))


_TYPES = [np.dtype(name) for name in ("int8", "uint8", "int16", "int32")]


def output_fields(op: Operator, scaling: Scaling) -> dict[str, int]:
    """The values of OUTPUT_FIELDS for the operator's output; plain sums have no zero point and no activation."""
    output = op.outputs[0]
    fields = {"rounding": int(scaling.rounding), "output_type": _TYPES.index(output.dtype)}
    if scaling.rounding is Rounding.PLAIN:
        return fields
    has_activation = hasattr(op.options, "fused_activation_function")
    low, high = activation_range(op, output) if has_activation else limits(output.dtype)
    return {**fields, "output_zero_point": output.zero_point, "low": low, "high": high}
