"""Operators that work element by element, with broadcasting."""

from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np

from tachylite.frontends import erf as functions
from tachylite.frontends.onnx.node import Node, op
from tachylite.frontends.onnx.operators.dynamic import hybrid_of
from tachylite.frontends.types import cast, compare, compute
from tachylite.model.graph import Tensor

#: Arithmetic that TFLite has as it is.
SAME = {
    "Abs": "ABS",
    "Add": "ADD",
    "Ceil": "CEIL",
    "Cos": "COS",
    "Exp": "EXP",
    "Floor": "FLOOR",
    "Log": "LOG",
    "Neg": "NEG",
    "Round": "ROUND",
    "Sign": "SIGN",
    "Sin": "SIN",
    "Sqrt": "SQRT",
    "Sub": "SUB",
    "Tanh": "TANH",
}


def _same(name: str) -> Callable[..., Any]:
    return lambda self, *operands: compute(self.build, name, *operands)


for _source, _target in SAME.items():
    op(_source)(_same(_target))

COMPARISONS = {
    "Equal": "EQUAL",
    "Greater": "GREATER",
    "GreaterOrEqual": "GREATER_EQUAL",
    "Less": "LESS",
    "LessOrEqual": "LESS_EQUAL",
    "And": "LOGICAL_AND",
    "Or": "LOGICAL_OR",
    "Xor": "NOT_EQUAL",
    "Not": "LOGICAL_NOT",
}


def _comparison(name: str) -> Callable[..., Any]:
    return lambda self, *operands: compare(self.build, name, *operands)


for _source, _target in COMPARISONS.items():
    op(_source)(_comparison(_target))


def like(x: Tensor, value: float) -> np.ndarray:
    """A scalar of x's type."""
    return np.array(value, x.dtype)


@op("Mul")
def multiply(self: Node, x: Tensor, y: Tensor) -> Tensor:
    """Also the end of what TFLite has one operator for: a GELU, a hybrid product."""
    base = functions.Products(self.build, self.converter.origins).gelu_of(x, y)
    if base is not None:
        return self.build.GELU(base, approximate=False)
    hybrid = hybrid_of(self, x, y)
    return compute(self.build, "MUL", x, y) if hybrid is None else hybrid


@op("Div")
def divide(self: Node, x: Tensor, y: Tensor) -> Tensor:
    """Integers round towards zero."""
    return compute(self.build, "DIV", x, y)


@op("Mod")
def modulo(self: Node, x: Tensor, y: Tensor) -> Tensor:
    """With the sign of the divisor, or with fmod=1 of the dividend."""
    build = self.build
    if not self.get("fmod", 0):
        return compute(build, "FLOOR_MOD", x, y)
    size = compute(build, "FLOOR_MOD", compute(build, "ABS", x), compute(build, "ABS", y))
    is_negative = compare(build, "LESS", x, build.constant(like(x, 0)))
    return build.SELECT_V2(is_negative, compute(build, "SUB", build.constant(like(x, 0)), size), size)


@op("Pow")
def power(self: Node, x: Tensor, y: Tensor) -> Tensor:
    """In the type of the base."""
    if x.dtype == y.dtype:
        return compute(self.build, "POW", x, y)
    return cast(self.build, self.build.POW(cast(self.build, x, np.float32), cast(self.build, y, np.float32)), x.dtype)


@op("Reciprocal")
def reciprocal(self: Node, x: Tensor) -> Tensor:
    return self.build.DIV(like(x, 1), x)


def _joined(name: str) -> Callable[..., Any]:
    return lambda self, *operands: reduce(lambda x, y: compute(self.build, name, x, y), operands)


for _source, _target in {"Max": "MAXIMUM", "Min": "MINIMUM", "Sum": "ADD"}.items():
    op(_source)(_joined(_target))


@op("Mean")
def mean(self: Node, *operands: Tensor) -> Tensor:
    total = reduce(self.build.ADD, operands)
    return self.build.MUL(total, like(total, 1 / len(operands)))


@op("Clip")
def clip(self: Node, x: Tensor, low: Tensor | None = None, high: Tensor | None = None) -> Tensor:
    """Bounds are attributes before operator set 11."""
    bounds = [("MAXIMUM", low, "min"), ("MINIMUM", high, "max")]
    for name, bound, attribute in bounds:
        if bound is None and self.has(attribute):
            bound = self.build.constant(like(x, self.get(attribute)))
        x = x if bound is None else compute(self.build, name, x, bound)
    return x


@op("Where")
def where(self: Node, condition: Tensor, x: Tensor, y: Tensor) -> Tensor:
    return self.build.SELECT_V2(condition, x, y)


@op("Erf")
def erf(self: Node, x: Tensor) -> Tensor:
    return functions.erf(self.build, x)


@op("IsNaN")
def is_nan(self: Node, x: Tensor) -> Tensor:
    return self.build.NOT_EQUAL(x, x)


@op("IsInf")
def is_inf(self: Node, x: Tensor) -> Tensor:
    both = self.get("detect_positive", 1), self.get("detect_negative", 1)
    if both == (1, 1):
        return self.build.EQUAL(self.build.ABS(x), like(x, np.inf))
    return self.build.EQUAL(x, like(x, np.inf if both[0] else -np.inf if both[1] else np.nan))


@op("Tan")
def tan(self: Node, x: Tensor) -> Tensor:
    return self.build.DIV(self.build.SIN(x), self.build.COS(x))


@op("Sinh")
def sinh(self: Node, x: Tensor) -> Tensor:
    return self.build.MUL(self.build.SUB(self.build.EXP(x), self.build.EXP(self.build.NEG(x))), like(x, 0.5))


@op("Cosh")
def cosh(self: Node, x: Tensor) -> Tensor:
    return self.build.MUL(self.build.ADD(self.build.EXP(x), self.build.EXP(self.build.NEG(x))), like(x, 0.5))


@op("Atan")
def atan(self: Node, x: Tensor) -> Tensor:
    return self.build.ATAN2(x, self.build.FILL(self.build.SHAPE(x, out_type="INT32"), like(x, 1)))


@op("BitwiseXor")
def bitwise_xor(self: Node, x: Tensor, y: Tensor) -> Tensor:
    return compute(self.build, "BITWISE_XOR", x, y)
