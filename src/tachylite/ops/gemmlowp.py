"""Functions of a real number in int32 fixed point, as gemmlowp computes them: the same Newton steps, hence the same last bits.

A value of format Qn has n integer bits: it stands for `raw * 2**(n - 31)`. Raw values are int32 numbers in int64 arrays.
"""

import numpy as np

from .fixedpoint import divide_by_pot, doubling_high_mul

_ONE = 2**31 - 1
"""1 in Q0, as near as it comes."""


def shift_left(x: np.ndarray, bits: int) -> np.ndarray:
    """x * 2**bits, saturated to int32."""
    return np.clip(x << bits, -(2**31), 2**31 - 1)


def bit_length(x: np.ndarray) -> np.ndarray:
    """Bits that each non-negative integer below 2**53 takes; 0 takes none."""
    return np.frexp(np.asarray(x, np.float64))[1].astype(np.int64)


def one_over_one_plus_x(x: np.ndarray) -> np.ndarray:
    """1 / (1 + x) in Q0, for x in [0, 1) in Q0."""
    half_denominator = (x + _ONE + 1) >> 1
    # The line 48/17 - 32/17 d is the best start on d in [1/2, 1]; these are its coefficients in Q2.
    y = 1515870810 + doubling_high_mul(half_denominator, -1010580540)
    for _ in range(3):
        residual = (1 << 29) - doubling_high_mul(half_denominator, y)
        y = y + shift_left(doubling_high_mul(y, residual), 2)
    return shift_left(y, 1)


def inverse_sqrt(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """1 / sqrt(x) of non-negative int32 values, as mantissas and shifts of multipliers; 0 counts as 1."""
    x = np.maximum(np.asarray(x, np.int64), 1)
    # Scale by powers of four, so that x / 2**29 lies in [1/4, 1).
    pairs = (29 - bit_length(x)) >> 1
    scaled = np.where(pairs >= 0, x << np.maximum(2 * pairs, 0), x >> np.maximum(-2 * pairs, 0))
    half = divide_by_pot(scaled >> 1, 1)
    y = np.full(x.shape, 1 << 28, np.int64)
    for _ in range(5):
        cube = shift_left(doubling_high_mul(doubling_high_mul(y, y), y), 6)
        y = shift_left(doubling_high_mul(y, (1 << 28) + (1 << 27)) - doubling_high_mul(half, cube), 3)
    mantissa = doubling_high_mul(y, 1518500250)  # sqrt(2) / 2
    shift = pairs - 11
    mantissa, shift = mantissa << np.maximum(shift, 0), np.minimum(shift, 0)
    # 1 itself would overflow the mantissa.
    return np.where(x == 1, _ONE, mantissa), np.where(x == 1, 0, shift)
