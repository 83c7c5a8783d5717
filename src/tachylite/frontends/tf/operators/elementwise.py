"""Operators that work element by element, with broadcasting."""

from collections.abc import Callable
from typing import Any

import numpy as np

from tachylite.frontends.keras.activations import activation_function
from tachylite.frontends.tf.node import Node, op
from tachylite.model.graph import Tensor

#: Operators that TFLite has as they are.
SAME = {
    "Abs": "ABS",
    "Add": "ADD",
    "AddV2": "ADD",
    "AddN": "ADD_N",
    "Atan2": "ATAN2",
    "BitwiseXor": "BITWISE_XOR",
    "Ceil": "CEIL",
    "ComplexAbs": "COMPLEX_ABS",
    "Cos": "COS",
    "Div": "DIV",
    "Elu": "ELU",
    "Equal": "EQUAL",
    "Exp": "EXP",
    "Floor": "FLOOR",
    "FloorDiv": "FLOOR_DIV",
    "FloorMod": "FLOOR_MOD",
    "Greater": "GREATER",
    "GreaterEqual": "GREATER_EQUAL",
    "Imag": "IMAG",
    "Less": "LESS",
    "LessEqual": "LESS_EQUAL",
    "Log": "LOG",
    "LogicalAnd": "LOGICAL_AND",
    "LogicalNot": "LOGICAL_NOT",
    "LogicalOr": "LOGICAL_OR",
    "Maximum": "MAXIMUM",
    "Minimum": "MINIMUM",
    "Neg": "NEG",
    "NotEqual": "NOT_EQUAL",
    "Pow": "POW",
    "Real": "REAL",
    "RealDiv": "DIV",
    "Relu": "RELU",
    "Relu6": "RELU6",
    "RightShift": "RIGHT_SHIFT",
    "Round": "ROUND",
    "Rint": "ROUND",
    "Rsqrt": "RSQRT",
    "SelectV2": "SELECT_V2",
    "Select": "SELECT",
    "Sigmoid": "LOGISTIC",
    "Sign": "SIGN",
    "Sin": "SIN",
    "Sqrt": "SQRT",
    "Square": "SQUARE",
    "SquaredDifference": "SQUARED_DIFFERENCE",
    "Sub": "SUB",
    "Tanh": "TANH",
    "TruncateDiv": "DIV",
    "ZerosLike": "ZEROS_LIKE",
}


def _same(name: str) -> Callable[..., Any]:
    return lambda self, *operands: getattr(self.build, name)(*operands)


for _source, _target in SAME.items():
    op(_source)(_same(_target))

#: Activation functions that are several operators of TFLite; Keras's frontend has them by these names.
ACTIVATIONS = {"Selu": "selu", "Softplus": "softplus", "Softsign": "softsign"}


def _activation(name: str) -> Callable[..., Any]:
    return lambda self, x: activation_function(name)(self.build, x)


for _source, _target in ACTIVATIONS.items():
    op(_source)(_activation(_target))


def like(x: Tensor, value: float) -> np.ndarray:
    """A scalar of x's type."""
    return np.array(value, x.dtype)


@op("LeakyRelu")
def leaky_relu(self: Node, x: Tensor) -> Tensor:
    return self.build.LEAKY_RELU(x, alpha=self.real("alpha", 0.2))


@op("ClipByValue")
def clip_by_value(self: Node, x: Tensor, low: Tensor, high: Tensor) -> Tensor:
    return self.build.MINIMUM(self.build.MAXIMUM(x, low), high)


@op("OnesLike")
def ones_like(self: Node, x: Tensor) -> Tensor:
    return self.build.FILL(self.build.SHAPE(x, out_type="INT32"), like(x, 1))


@op("Reciprocal", "Inv")
def reciprocal(self: Node, x: Tensor) -> Tensor:
    return self.build.DIV(like(x, 1), x)


@op("Log1p")
def log1p(self: Node, x: Tensor) -> Tensor:
    return self.build.LOG(self.build.ADD(x, like(x, 1)))


@op("Expm1")
def expm1(self: Node, x: Tensor) -> Tensor:
    return self.build.SUB(self.build.EXP(x), like(x, 1))


@op("Tan")
def tan(self: Node, x: Tensor) -> Tensor:
    return self.build.DIV(self.build.SIN(x), self.build.COS(x))


@op("Sinh")
def sinh(self: Node, x: Tensor) -> Tensor:
    grows = self.build.EXP(x)
    return self.build.MUL(self.build.SUB(grows, self.build.EXP(self.build.NEG(x))), like(x, 0.5))


@op("Cosh")
def cosh(self: Node, x: Tensor) -> Tensor:
    return self.build.MUL(self.build.ADD(self.build.EXP(x), self.build.EXP(self.build.NEG(x))), like(x, 0.5))


@op("LogicalXor")
def logical_xor(self: Node, x: Tensor, y: Tensor) -> Tensor:
    return self.build.NOT_EQUAL(x, y)


@op("IsNan")
def is_nan(self: Node, x: Tensor) -> Tensor:
    return self.build.NOT_EQUAL(x, x)


@op("IsInf")
def is_inf(self: Node, x: Tensor) -> Tensor:
    return self.build.EQUAL(self.build.ABS(x), like(x, np.inf))


@op("IsFinite")
def is_finite(self: Node, x: Tensor) -> Tensor:
    return self.build.LESS(self.build.ABS(x), like(x, np.inf))


@op("DivNoNan")
def divide_no_nan(self: Node, x: Tensor, y: Tensor) -> Tensor:
    return _zero_where_zero(self, y, self.build.DIV(x, y))


@op("MulNoNan")
def multiply_no_nan(self: Node, x: Tensor, y: Tensor) -> Tensor:
    return _zero_where_zero(self, y, self.build.MUL(x, y))


@op("Xdivy")
def xdivy(self: Node, x: Tensor, y: Tensor) -> Tensor:
    return _zero_where_zero(self, x, self.build.DIV(x, y))


@op("Xlogy")
def xlogy(self: Node, x: Tensor, y: Tensor) -> Tensor:
    return _zero_where_zero(self, x, self.build.MUL(x, self.build.LOG(y)))


def _zero_where_zero(self: Node, test: Tensor, y: Tensor) -> Tensor:
    return self.build.SELECT_V2(self.build.EQUAL(test, like(test, 0)), like(y, 0), y)


@op("L2Loss")
def l2_loss(self: Node, x: Tensor) -> Tensor:
    axes = np.arange(len(x.shape), dtype=np.int32)
    return self.build.MUL(self.build.SUM(self.build.MUL(x, x), axes), like(x, 0.5))
