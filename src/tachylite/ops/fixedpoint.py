"""Integer requantization: real multipliers as int32 fixed point, with the rounding of TensorFlow Lite's reference kernels.

Which rounding an operator uses is part of its definition; see docs/numerics.md.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from tachylite.model.dtypes import limits

FARTHEST = 14
"""Shifts of 16x8 operators, at most: one more would leave nothing to round."""


class Multiplier(NamedTuple):
    """A real number as `mantissa * 2**(shift - 31)`, mantissa in [2**30, 2**31) or 0."""

    mantissa: int
    shift: int

    @classmethod
    def of(cls, real: float | np.floating) -> Multiplier:
        """The nearest fixed-point form of `real` (TensorFlow Lite's QuantizeMultiplier)."""
        if real == 0:
            return cls(0, 0)
        fraction, shift = math.frexp(float(real))
        mantissa = math.floor(fraction * 2**31 + 0.5) if fraction > 0 else math.ceil(fraction * 2**31 - 0.5)
        if abs(mantissa) == 2**31:
            mantissa //= 2
            shift += 1
        if shift < -31:
            return cls(0, 0)
        return cls(mantissa, shift)


def multipliers(reals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mantissas and shifts (int64 arrays) of several real numbers."""
    fractions, shifts = np.frexp(np.asarray(reals, np.float64))
    mantissas = round_half_away(fractions * 2**31).astype(np.int64)
    carried = np.abs(mantissas) == 2**31
    mantissas = np.where(carried, mantissas // 2, mantissas)
    shifts = shifts.astype(np.int64) + carried
    vanishes = (mantissas == 0) | (shifts < -31)
    return np.where(vanishes, 0, mantissas), np.where(vanishes, 0, shifts)


def doubling_high_mul(a: np.ndarray, b: np.ndarray | int) -> np.ndarray:
    """gemmlowp's SaturatingRoundingDoublingHighMul: round(a * b / 2**31), halves up, for int32 values in int64 arrays."""
    product = np.asarray(a, np.int64) * np.asarray(b, np.int64)
    product += 1 << 30
    product >>= 31
    return np.minimum(product, 2**31 - 1)


def divide_by_pot(x: np.ndarray, exponent: np.ndarray | int) -> np.ndarray:
    """gemmlowp's RoundingDivideByPOT: x / 2**exponent, halves away from zero."""
    x = np.asarray(x, np.int64)
    exponent = np.asarray(exponent, np.int64)
    half = (np.int64(1) << exponent) >> 1
    # The shift rounds down, so that a negative half must begin one below.
    return (x + half - ((x < 0) & (half > 0))) >> exponent


def rescale(x: np.ndarray, multiplier: Multiplier | tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """x * multiplier, rounded twice (MultiplyByQuantizedMultiplier with TFLite's default double rounding).

    x: int32 values; multiplier: one, or `(mantissas, shifts)` arrays that broadcast against x. int64 result, not saturated.
    """
    mantissa, shift = multiplier
    left = np.maximum(shift, 0)
    right = np.maximum(-np.asarray(shift), 0)
    # The left shift wraps in 32 bits, as C's does.
    shifted = (np.asarray(x, np.int64) << left).astype(np.int32).astype(np.int64)
    return divide_by_pot(doubling_high_mul(shifted, mantissa), right)


def rescale_once(x: np.ndarray, multiplier: Multiplier | tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """x * multiplier, rounded once, halves up (the single rounding of MultiplyByQuantizedMultiplier). int64 result, not saturated.

    TensorFlow Lite demands shifts of at most 30; larger ones count as 30.
    """
    mantissa, shift = multiplier
    total = np.maximum(31 - np.asarray(shift, np.int64), 1)
    return (np.asarray(x, np.int64) * mantissa + (np.int64(1) << (total - 1))) >> total


def rescale_int64(x: np.ndarray, multiplier: Multiplier | tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """x (int64 accumulators below 2**47) * multiplier reduced to 16 bits, rounded once: the requantization of 16x8 operators.

    TensorFlow Lite demands shifts below 8; those beyond FARTHEST count as that.
    """
    mantissa, shift = (np.asarray(part, np.int64) for part in multiplier)
    reduced = np.where(mantissa < 0x7FFF0000, (mantissa + (1 << 15)) >> 16, 0x7FFF)
    total = 15 - np.minimum(shift, FARTHEST)
    return (np.asarray(x, np.int64) * reduced + (np.int64(1) << (total - 1))) >> total


def round_half_away(x: np.ndarray | np.floating) -> np.ndarray:
    """C's round(): to the nearest integer, halves away from zero; floating in, floating out."""
    truncated = np.trunc(x)
    return truncated + np.where(np.abs(x - truncated) >= 0.5, np.sign(x), 0).astype(np.asarray(x).dtype)


def saturate(x: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """x clipped to the range of an integer dtype, and of that dtype."""
    return np.clip(x, *limits(dtype)).astype(dtype)


def exponent_of(scale: float | np.floating) -> int | None:
    """log2 of a scale; None where it is no power of two."""
    if not 0 < scale < math.inf:
        return None
    exponent = math.log2(scale)
    return round(exponent) if abs(exponent - round(exponent)) < 1e-3 else None
