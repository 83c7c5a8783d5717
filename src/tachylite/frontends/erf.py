"""The error function as a polynomial, which TFLite has no operator for."""

import numpy as np

from tachylite.model.graph import Tensor

from .builder import FrontendBuilder

#: Abramowitz and Stegun, 7.1.26: good to 1.5e-7.
WIDTH = 0.3275911
COEFFICIENTS = (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592)


def erf(build: FrontendBuilder, x: Tensor) -> Tensor:
    """erf(x) of a float32 tensor."""
    return build.MUL(build.SIGN(x), build.SUB(_scalar(1), _tail(build, build.ABS(x))))


def erfc(build: FrontendBuilder, x: Tensor) -> Tensor:
    """1 - erf(x)."""
    tail = _tail(build, build.ABS(x))
    return build.SELECT_V2(build.LESS(x, _scalar(0)), build.SUB(_scalar(2), tail), tail)


def _tail(build: FrontendBuilder, x: Tensor) -> Tensor:
    """1 - erf(x) for x >= 0: a polynomial of 1 / (1 + WIDTH * x), times exp(-x * x)."""
    t = build.DIV(_scalar(1), build.ADD(build.MUL(x, _scalar(WIDTH)), _scalar(1)))
    y = build.MUL(t, _scalar(COEFFICIENTS[0]))
    for coefficient in COEFFICIENTS[1:]:
        y = build.MUL(build.ADD(y, _scalar(coefficient)), t)
    return build.MUL(y, build.EXP(build.NEG(build.MUL(x, x))))


def _scalar(value: float) -> np.ndarray:
    return np.array(value, np.float32)
