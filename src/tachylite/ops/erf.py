"""The complementary error function of arrays, which numpy does not have."""

import math

import numpy as np

_END = 26.0
"""Beyond it erfc is less than any double that matters: 1e-295."""


def _logarithm(t: np.ndarray) -> np.ndarray:
    """log(erfc(x) / t) + x**2 for t = 2 / (2 + x): a smooth and nearly straight function."""
    x = 2 / t - 2
    return np.array([math.log(math.erfc(v)) for v in x]) - np.log(t) + x * x


_SERIES = np.polynomial.Chebyshev.interpolate(_logarithm, 27, domain=[2 / (2 + _END), 1])


def erfc(x: np.ndarray) -> np.ndarray:
    """1 - erf(x) of float64, with a relative error below 1e-12."""
    size = np.abs(x)
    t = 2 / (2 + size)
    upper = t * np.exp(_SERIES(np.maximum(t, _SERIES.domain[0])) - size * size)
    return np.where(x < 0, 2 - upper, upper)
