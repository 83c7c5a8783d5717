"""Operations on Keras tensors: `keras.ops` and the operators of Python, each a class in the config as a layer is.

What is not a tensor is in the config or among the arguments, as it was given.
"""

from typing import Any

import numpy as np

from tachylite.frontends.einsum import einsum
from tachylite.frontends.keras import activations
from tachylite.frontends.keras.activations import activation_function, scalar
from tachylite.frontends.keras.layer import Layer, operation
from tachylite.frontends.keras.layers.core import cast
from tachylite.frontends.keras.layers.preprocessing import plain
from tachylite.frontends.shaping import ints, move_axis
from tachylite.model.graph import Tensor


def operands(self: Layer, *values: Any) -> list[Any]:
    """Tensors, and numbers as constants, all of one type: that of the floats, if there are any."""
    dtypes = [v.dtype for v in values if isinstance(v, Tensor)]
    dtype = next((d for d in dtypes if d.kind == "f"), dtypes[0])
    if dtype.kind in "iu" and any(np.asarray(v).dtype.kind == "f" for v in values if not isinstance(v, Tensor)):
        dtype = np.dtype(np.float32)
    return [cast(self, v, dtype) if isinstance(v, Tensor) else np.asarray(v, dtype) for v in values]


def argument(self: Layer, name: str, given: Any, default: Any = None) -> Any:
    """A parameter that was given in the call, or when the operation was made."""
    value = given if given is not None else plain(self.config.get(name))
    return default if value is None else plain(value)


# Elementwise.

BINARY = {
    "Add": "ADD",
    "Subtract": "SUB",
    "Multiply": "MUL",
    "Divide": "DIV",
    "TrueDivide": "DIV",
    "FloorDivide": "FLOOR_DIV",
    "Mod": "FLOOR_MOD",
    "Maximum": "MAXIMUM",
    "Minimum": "MINIMUM",
    "Power": "POW",
    "Equal": "EQUAL",
    "NotEqual": "NOT_EQUAL",
    "Greater": "GREATER",
    "GreaterEqual": "GREATER_EQUAL",
    "Less": "LESS",
    "LessEqual": "LESS_EQUAL",
    "LogicalAnd": "LOGICAL_AND",
    "LogicalOr": "LOGICAL_OR",
    "Arctan2": "ATAN2",
}

UNARY = {
    "Absolute": "ABS",
    "Abs": "ABS",
    "Negative": "NEG",
    "Exp": "EXP",
    "Log": "LOG",
    "Sqrt": "SQRT",
    "Rsqrt": "RSQRT",
    "Square": "SQUARE",
    "Sin": "SIN",
    "Cos": "COS",
    "Floor": "FLOOR",
    "Ceil": "CEIL",
    "Round": "ROUND",
    "Sign": "SIGN",
    "LogicalNot": "LOGICAL_NOT",
    "ZerosLike": "ZEROS_LIKE",
}

ACTIVATIONS = {
    "Relu": "relu",
    "Relu6": "relu6",
    "Sigmoid": "sigmoid",
    "SparseSigmoid": "sparse_sigmoid",
    "SparsePlus": "sparse_plus",
    "Softplus": "softplus",
    "Softsign": "softsign",
    "Silu": "silu",
    "Squareplus": "squareplus",
    "LogSigmoid": "log_sigmoid",
    "HardSigmoid": "hard_sigmoid",
    "HardSilu": "hard_silu",
    "HardTanh": "hard_tanh",
    "Selu": "selu",
    "TanhShrink": "tanh_shrink",
    "Tanh": "tanh",
}


@operation(*BINARY)
def binary(self: Layer, x1: Any, x2: Any) -> Tensor:
    return getattr(self.build, BINARY[self.class_name])(*operands(self, x1, x2))


@operation(*UNARY)
def unary(self: Layer, x: Tensor) -> Tensor:
    return getattr(self.build, UNARY[self.class_name])(x)


@operation(*ACTIVATIONS)
def activation(self: Layer, x: Tensor) -> Tensor:
    return activation_function(ACTIVATIONS[self.class_name])(self.build, x)


@operation("LeakyRelu")
def leaky_relu(self: Layer, x: Tensor) -> Tensor:
    return activations.leaky_relu(self.build, x, self.get("negative_slope", 0.2))


@operation("Elu")
def elu(self: Layer, x: Tensor) -> Tensor:
    return activations.elu(self.build, x, self.get("alpha", 1.0))


@operation("Celu")
def celu(self: Layer, x: Tensor) -> Tensor:
    return activations.celu(self.build, x, self.get("alpha", 1.0))


@operation("Gelu")
def gelu(self: Layer, x: Tensor) -> Tensor:
    return activations.gelu(self.build, x, bool(self.get("approximate", True)))


@operation("Softmax")
def softmax(self: Layer, x: Tensor) -> Tensor:
    return activations.softmax(self.build, x, plain(self.get("axis", -1)))


@operation("LogSoftmax")
def log_softmax(self: Layer, x: Tensor) -> Tensor:
    axis = self.get("axis", -1) % len(x.shape)
    return move_axis(self.build, self.build.LOG_SOFTMAX(move_axis(self.build, x, axis, -1)), -1, axis)


@operation("Reciprocal")
def reciprocal(self: Layer, x: Tensor) -> Tensor:
    return self.build.DIV(scalar(1), x)


@operation("Log1p")
def log1p(self: Layer, x: Tensor) -> Tensor:
    return self.build.LOG(self.build.ADD(x, scalar(1)))


@operation("Expm1")
def expm1(self: Layer, x: Tensor) -> Tensor:
    return self.build.SUB(self.build.EXP(x), scalar(1))


@operation("Clip")
def clip(self: Layer, x: Tensor, x_min: Any = None, x_max: Any = None) -> Tensor:
    low, high = argument(self, "x_min", x_min), argument(self, "x_max", x_max)
    return self.build.MINIMUM(self.build.MAXIMUM(x, np.asarray(low, x.dtype)), np.asarray(high, x.dtype))


@operation("Where")
def where(self: Layer, condition: Tensor, x1: Any = None, x2: Any = None) -> Tensor:
    if x1 is None or x2 is None:
        raise self.refuse("it looks for indices", "give both values that it is to choose from")
    tensors = [v for v in (x1, x2) if isinstance(v, Tensor)]
    one, other = operands(self, x1, x2) if tensors else [np.asarray(v, np.float32) for v in (x1, x2)]
    return self.build.SELECT_V2(cast(self, condition, np.bool_), one, other)


@operation("Cast")
def cast_to(self: Layer, x: Tensor) -> Tensor:
    """Floats of any width are float32."""
    name = self.config["dtype"]
    return cast(self, x, np.float32 if "float" in name else np.dtype(name))


@operation("StopGradient", "Copy", "ConvertToTensor")
def same(self: Layer, x: Tensor) -> Tensor:
    return x


# Over axes.

REDUCTIONS = {"Mean": "MEAN", "Sum": "SUM", "Max": "REDUCE_MAX", "Amax": "REDUCE_MAX", "Min": "REDUCE_MIN", "Amin": "REDUCE_MIN"}
REDUCTIONS |= {"Prod": "REDUCE_PROD", "Any": "REDUCE_ANY", "All": "REDUCE_ALL"}


def axes_of(self: Layer, x: Tensor) -> tuple[np.ndarray, bool]:
    """The axes of the config, all where it has none, and whether they are kept."""
    axis = plain(self.config.get("axis"))
    axes = range(len(x.shape)) if axis is None else [axis] if isinstance(axis, int) else axis
    return ints(*(a % len(x.shape) for a in axes)), bool(self.get("keepdims", False))


@operation(*REDUCTIONS)
def reduction(self: Layer, x: Tensor) -> Tensor:
    axes, keep = axes_of(self, x)
    return getattr(self.build, REDUCTIONS[self.class_name])(x, axes, keep_dims=keep)


@operation("Var", "Std")
def variance(self: Layer, x: Tensor) -> Tensor:
    axes, keep = axes_of(self, x)
    y = self.build.MEAN(self.build.SQUARED_DIFFERENCE(x, self.build.MEAN(x, axes, keep_dims=True)), axes, keep_dims=keep)
    return self.build.SQRT(y) if self.class_name == "Std" else y


@operation("Argmax", "Argmin")
def arg_extreme(self: Layer, x: Tensor) -> Tensor:
    axis = self.config.get("axis")
    if axis is None or self.get("keepdims", False):
        raise self.refuse("it has no axis or keeps its dimensions", "give the axis, and reshape afterwards")
    operator = self.build.ARG_MAX if self.class_name == "Argmax" else self.build.ARG_MIN
    return operator(x, np.array(axis % len(x.shape), np.int32), output_type="INT32")


@operation("Cumsum")
def cumsum(self: Layer, x: Tensor) -> Tensor:
    return self.build.CUMSUM(x, np.array(self.config["axis"], np.int32), exclusive=False, reverse=False)


@operation("Matmul")
def matmul(self: Layer, x1: Any, x2: Any) -> Tensor:
    one, other = operands(self, x1, x2)
    if isinstance(other, np.ndarray) and other.ndim == 2:
        return self.build.FULLY_CONNECTED(one, np.ascontiguousarray(other.T), None, keep_num_dims=True)
    return self.build.BATCH_MATMUL(one, other)


@operation("Einsum")
def einsum_operation(self: Layer, *values: Any) -> Tensor:
    one, other = operands(self, *values)
    tensors = (v if isinstance(v, Tensor) else self.build.constant(v) for v in (one, other))
    return einsum(self.build, self.config["subscripts"], *tensors)
