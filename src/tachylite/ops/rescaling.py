"""Integers from one scale to another natively."""

from ctypes import c_int32
from math import prod
from typing import Any

import numpy as np

from tachylite.model.dtypes import limits
from tachylite.model.graph import Operator

from .arguments import SUFFIXES
from .broadcast import GRAIN
from .cast import convert
from .fixedpoint import Multiplier
from .kernel import Params, kernel


class RequantizeParams(Params):
    """(x - input_zero_point) * 2**headroom times the multiplier, clipped to limits less the zero point, and plus the zero point."""

    _fields_ = (
        ("input_zero_point", c_int32),
        ("headroom", c_int32),
        ("multiplier", c_int32),
        ("shift", c_int32),
        ("low", c_int32),
        ("high", c_int32),
        ("zero_point", c_int32),
    )


REQUANTIZE = kernel(
    "requantize",
    RequantizeParams,
    *("s8_s16", "u8_s16", "s16_s8", "s16_s16", "s8_i32", "u8_i32", "s16_i32", "i32_s8", "i32_s16", "i32_i32"),
)


def small_rescale(multiplier: Multiplier, reach: int) -> Multiplier | None:
    """A multiplier as tl_rescale_small takes it, for values of at most `reach` in magnitude; None where they are too great for it."""
    if not -29 <= multiplier.shift < 32:
        return Multiplier(0, -1)  # nothing of such values is left, or nothing of their bits within 32
    return None if reach << max(multiplier.shift, 0) >= 1 << 29 else multiplier


def requantize_call(
    low: Any,
    op: Operator,
    source: int,
    target: int,
    multiplier: Multiplier,
    zero_points: tuple[int, int] = (0, 0),
    within: tuple[int, int] | None = None,
    headroom: int = 0,
) -> None:
    """Emit rescale((x - zero point) << headroom) + zero point, saturated to the target's type or `within`.

    int16, and 8 bits that become wider, or int32.
    """
    x, y = (low.program.values[v] for v in (source, target))
    dtype = x.dtype
    small = small_rescale(multiplier, 1 << (16 + headroom))
    if dtype != np.int32 and small is None:
        dtype = np.dtype(np.int32)
        source = convert(low, op, source, x.dtype, dtype, x.shape)
    elif dtype != np.int32 and small is not None:
        multiplier = small
    least, greatest = within or limits(y.dtype)
    params = RequantizeParams(
        input_zero_point=zero_points[0],
        headroom=headroom,
        multiplier=multiplier.mantissa,
        shift=multiplier.shift,
        low=max(least - zero_points[1], limits(np.dtype(np.int32))[0]),
        high=min(greatest - zero_points[1], limits(np.dtype(np.int32))[1]),
        zero_point=zero_points[1],
    )
    variant = f"{SUFFIXES[dtype]}_{SUFFIXES[y.dtype]}"
    low.call(REQUANTIZE, variant, op, params, work=prod(x.shape), inputs=[source], outputs=[target], grain=GRAIN)
