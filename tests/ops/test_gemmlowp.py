"""gemmlowp's functions against the real ones: the fixed-point steps must land within a few last bits."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tachylite.ops import gemmlowp

INT32 = st.integers(-(2**31), 2**31 - 1)


def real(stored: np.ndarray, integer_bits: int, width: int = 32) -> np.ndarray:
    return np.asarray(stored) / 2.0 ** (width - 1 - integer_bits)


@pytest.mark.parametrize(("width", "error"), [(32, 1e-6), (16, 2e-3)])
@pytest.mark.parametrize("integer_bits", [0, 3, 5, 6])
@pytest.mark.parametrize(
    ("fixed", "function"),
    [(gemmlowp.logistic, lambda x: 1 / (1 + np.exp(-x))), (gemmlowp.tanh, np.tanh), (gemmlowp.exp_of_negative, np.exp)],
)
def test_function(
    fixed: Callable[..., np.ndarray], function: Callable[..., np.ndarray], integer_bits: int, width: int, error: float
) -> None:
    stored = np.linspace(-(2 ** (width - 1)), 2 ** (width - 1) - 1, 9999).astype(np.int64)
    if fixed is gemmlowp.exp_of_negative:
        stored = -np.abs(stored)
    result = fixed(stored, integer_bits, width)
    assert np.abs(result).max() <= gemmlowp.one(0, width)
    np.testing.assert_allclose(real(result, 0, width), function(real(stored, integer_bits, width)), rtol=0, atol=error)


def test_exp_of_zero_is_one() -> None:
    assert gemmlowp.exp_of_negative(np.array(0), 5) == gemmlowp.one(0)


@given(st.integers(2**19, 2**31 - 1))
def test_log(stored: int) -> None:
    result = gemmlowp.log(np.array([stored]), 12, 5)
    np.testing.assert_allclose(real(result, 5), np.log(real(np.array([stored]), 12)), rtol=0, atol=1e-7)


@given(st.integers(1, 2**31 - 1))
def test_reciprocal(stored: int) -> None:
    result, shift = gemmlowp.reciprocal(np.array([stored]), 12)
    np.testing.assert_allclose(real(result, 0) / 2.0**shift, 1 / real(np.array([stored]), 12), rtol=1e-8)


@given(st.integers(2, 2**31 - 1))
def test_inverse_sqrt(x: int) -> None:
    mantissa, shift = gemmlowp.inverse_sqrt(np.array([x]))
    assert 0 < mantissa[0] < 2**31
    np.testing.assert_allclose(mantissa * 2.0 ** (shift - 31), x**-0.5, rtol=1e-5)


@given(INT32, INT32)
def test_multiply_rounds_to_nearest(a: int, b: int) -> None:
    product = int(gemmlowp.multiply(np.array(a), np.array(b)))
    assert product == min((a * b + 2**30) // 2**31, 2**31 - 1)


def test_changing_bits_saturates_and_rounds() -> None:
    x = np.array([2**30, -(2**30) - 1, 5, -5])
    np.testing.assert_array_equal(gemmlowp.change_bits(x, 2, 0), [2**31 - 1, -(2**31), 20, -20])
    np.testing.assert_array_equal(gemmlowp.change_bits(x, 0, 1), [2**29, -(2**29) - 1, 3, -3])
