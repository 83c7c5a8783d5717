"""Operators of each element."""

from collections.abc import Callable
from typing import Any

import numpy as np

from tachylite.frontends.erf import erf
from tachylite.frontends.stablehlo.node import elementwise, op
from tachylite.frontends.traced.converter import Call
from tachylite.frontends.traced.values import Broadcast
from tachylite.frontends.types import cast
from tachylite.model.graph import Tensor

#: Operators that TFLite has as they are.
SAME = {
    "abs": "ABS",
    "atan2": "ATAN2",
    "ceil": "CEIL",
    "cosine": "COS",
    "divide": "DIV",
    "exponential": "EXP",
    "floor": "FLOOR",
    "log": "LOG",
    "logistic": "LOGISTIC",
    "negate": "NEG",
    "power": "POW",
    "round_nearest_even": "ROUND",
    "rsqrt": "RSQRT",
    "select": "SELECT_V2",
    "sign": "SIGN",
    "sine": "SIN",
    "sqrt": "SQRT",
    "subtract": "SUB",
    "tanh": "TANH",
}

#: Operators that mean something else for booleans, which comes second.
ALSO_LOGICAL = {
    "add": ("ADD", "LOGICAL_OR"),
    "and": (None, "LOGICAL_AND"),
    "maximum": ("MAXIMUM", "LOGICAL_OR"),
    "minimum": ("MINIMUM", "LOGICAL_AND"),
    "multiply": ("MUL", "LOGICAL_AND"),
    "not": (None, "LOGICAL_NOT"),
    "or": (None, "LOGICAL_OR"),
    "xor": ("BITWISE_XOR", "NOT_EQUAL"),
}

COMPARISONS = {"EQ": "EQUAL", "NE": "NOT_EQUAL", "GE": "GREATER_EQUAL", "GT": "GREATER", "LE": "LESS_EQUAL", "LT": "LESS"}


def _same(number: str | None, logical: str | None) -> Callable[..., Any]:
    def convert(self: Call, *operands: Tensor) -> Tensor:
        name = logical if logical and operands[0].dtype == np.bool_ else number
        if name is None:
            raise self.refuse(f"it works on the bits of {operands[0].dtype}", "write it for booleans, or with arithmetic")
        result: Tensor = getattr(self.build, name)(*operands)
        return result

    return convert


for _source, _target in SAME.items():
    elementwise(_source)(_same(_target, None))
for _source, (_number, _logical) in ALSO_LOGICAL.items():
    elementwise(_source)(_same(_number, _logical))


def like(x: Tensor, value: float) -> np.ndarray:
    """A scalar of x's type."""
    return np.array(value, x.dtype)


@op("constant")
def constant(self: Call, value: np.ndarray) -> Any:
    """What is all of one value comes as a scalar that is broadcast."""
    if value.ndim and value.size and not any(value.strides):
        return Broadcast(self.build.constant(value.reshape(-1)[:1].reshape(())), value.shape)
    return self.build.constant(value)


@elementwise("compare")
def compare(self: Call, x: Tensor, y: Tensor, comparison_direction: str) -> Tensor:
    """Booleans are compared as numbers."""
    if x.dtype == np.bool_ and comparison_direction not in ("EQ", "NE"):
        x, y = (cast(self.build, t, np.int32) for t in (x, y))
    result: Tensor = getattr(self.build, COMPARISONS[comparison_direction])(x, y)
    return result


@elementwise("convert")
def convert(self: Call, x: Tensor) -> Tensor:
    return cast(self.build, x, self.output.dtype)


@elementwise("clamp")
def clamp(self: Call, low: Tensor, x: Tensor, high: Tensor) -> Tensor:
    return self.build.MINIMUM(self.build.MAXIMUM(x, low), high)


@elementwise("remainder")
def remainder(self: Call, x: Tensor, y: Tensor) -> Tensor:
    """With the sign of x, where FLOOR_MOD has that of y; DIV of integers rounds towards zero."""
    if x.dtype.kind in "iu":
        return self.build.SUB(x, self.build.MUL(self.build.DIV(x, y), y))
    rest = self.build.FLOOR_MOD(self.build.ABS(x), self.build.ABS(y))
    return self.build.MUL(rest, self.build.SIGN(x))


@elementwise("exponential_minus_one")
def expm1(self: Call, x: Tensor) -> Tensor:
    return self.build.SUB(self.build.EXP(x), like(x, 1))


@elementwise("log_plus_one")
def log1p(self: Call, x: Tensor) -> Tensor:
    return self.build.LOG(self.build.ADD(x, like(x, 1)))


@elementwise("tan")
def tan(self: Call, x: Tensor) -> Tensor:
    return self.build.DIV(self.build.SIN(x), self.build.COS(x))


@elementwise("cbrt")
def cbrt(self: Call, x: Tensor) -> Tensor:
    return self.build.MUL(self.build.SIGN(x), self.build.POW(self.build.ABS(x), like(x, 1 / 3)))


@elementwise("round_nearest_afz")
def round_away_from_zero(self: Call, x: Tensor) -> Tensor:
    whole = self.build.FLOOR(self.build.ADD(self.build.ABS(x), like(x, 0.5)))
    return self.build.MUL(whole, self.build.SIGN(x))


@elementwise("is_finite")
def is_finite(self: Call, x: Tensor) -> Tensor:
    return self.build.LESS(self.build.ABS(x), like(x, np.inf))


@elementwise("chlo.erf", "mhlo.erf")
def erf_(self: Call, x: Tensor, **attributes: Any) -> Tensor:
    return erf(self.build, x)


@op("optimization_barrier")
def barrier(self: Call, *values: Any) -> Any:
    return list(values)
