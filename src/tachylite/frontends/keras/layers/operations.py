"""Operations on Keras tensors: `keras.ops` and the operators of Python, each a class in the config as a layer is.

What is not a tensor is in the config or among the arguments, as it was given.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from tachylite.frontends.builder import dims
from tachylite.frontends.einsum import einsum
from tachylite.frontends.keras import activations
from tachylite.frontends.keras.activations import activation_function, scalar
from tachylite.frontends.keras.layer import Layer, operation
from tachylite.frontends.keras.layers.core import cast
from tachylite.frontends.keras.layers.preprocessing import plain
from tachylite.frontends.shaping import ints, move_axis, open_shape, reshape, size_of, transpose
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


# Shapes.


@operation("Reshape")
def reshape_operation(self: Layer, x: Tensor, newshape: Any = None) -> Tensor:
    """-1 and None stand for what is not said; a first dimension that repeats an unknown batch stays open."""
    target = list(argument(self, "newshape", newshape))
    sizes: list[int | Tensor | None] = [None if d in (-1, None) else d for d in target]
    return reshape(self.build, x, sizes)


@operation("Ravel")
def ravel(self: Layer, x: Tensor) -> Tensor:
    return reshape(self.build, x, [None])


@operation("Transpose")
def transpose_operation(self: Layer, x: Tensor) -> Tensor:
    axes = plain(self.config.get("axes"))
    return transpose(self.build, x, list(axes) if axes is not None else list(reversed(range(len(x.shape)))))


@operation("Swapaxes")
def swap_axes(self: Layer, x: Tensor) -> Tensor:
    axes = list(range(len(x.shape)))
    one, other = self.config["axis1"], self.config["axis2"]
    axes[one], axes[other] = axes[other], axes[one]
    return transpose(self.build, x, axes)


@operation("Moveaxis")
def move_axis_operation(self: Layer, x: Tensor) -> Tensor:
    source, target = plain(self.config["source"]), plain(self.config["destination"])
    if not isinstance(source, int) or not isinstance(target, int):
        raise self.refuse("it moves several axes", "write keras.ops.transpose")
    return move_axis(self.build, x, source, target)


@operation("ExpandDims")
def expand_dims(self: Layer, x: Tensor) -> Tensor:
    axis = plain(self.config["axis"])
    for each in [axis] if isinstance(axis, int) else axis:
        x = self.build.EXPAND_DIMS(x, np.array(each, np.int32))
    return x


@operation("Squeeze")
def squeeze(self: Layer, x: Tensor) -> Tensor:
    axis = plain(self.config.get("axis"))
    known = [i for i, d in enumerate(dims(x)) if d == 1]
    axes = known if axis is None else [axis] if isinstance(axis, int) else axis
    return self.build.SQUEEZE(x, squeeze_dims=tuple(a % len(x.shape) for a in axes))


@operation("Concatenate")
def concatenate(self: Layer, xs: Sequence[Any]) -> Tensor:
    parts = operands(self, *xs)
    return self.build.CONCATENATION(*parts, axis=self.get("axis", 0) % len(parts[0].shape))


@operation("Stack")
def stack(self: Layer, x: Sequence[Any]) -> Tensor:
    parts = operands(self, *x)
    return self.build.PACK(*parts, values_count=len(parts), axis=self.get("axis", 0) % (len(parts[0].shape) + 1))


@operation("Unstack")
def unstack(self: Layer, x: Tensor) -> Any:
    axis = self.get("axis", 0) % len(x.shape)
    return self.build.UNPACK(x, num=x.shape[axis], axis=axis)


@operation("Split")
def split(self: Layer, x: Tensor) -> Any:
    """In so many equal parts, or at these places."""
    axis = np.array(self.get("axis", 0) % len(x.shape), np.int32)
    where = plain(self.config["indices_or_sections"])
    if isinstance(where, int):
        return self.build.SPLIT(axis, x, num_splits=where)
    sizes = np.diff([0, *where, x.shape[int(axis)]])
    return self.build.SPLIT_V(x, ints(*sizes), axis, num_splits=len(sizes))


@operation("Tile")
def tile(self: Layer, x: Tensor) -> Tensor:
    repeats = plain(self.config["repeats"])
    repeats = [repeats] if isinstance(repeats, int) else list(repeats)
    return self.build.TILE(x, ints(*[1] * (len(x.shape) - len(repeats)), *repeats))


@operation("Repeat")
def repeat(self: Layer, x: Tensor) -> Tensor:
    """Each element along an axis so many times: the axis next to it is tiled, then both are one."""
    axis, repeats = self.config.get("axis"), plain(self.config["repeats"])
    if axis is None or not isinstance(repeats, int):
        raise self.refuse("it repeats without an axis, or differently by element", "give an axis and one number")
    axis %= len(x.shape)
    apart = self.build.EXPAND_DIMS(x, np.array(axis + 1, np.int32))
    tiled = self.build.TILE(apart, ints(*(repeats if i == axis + 1 else 1 for i in range(len(apart.shape)))))
    size = dims(x)[axis]
    before, after = open_shape(self.build, x, 0, axis), [size_of(self.build, x, i) for i in range(axis + 1, len(x.shape))]
    return reshape(self.build, tiled, [*before, None if size is None else size * repeats, *after])


@operation("Flip")
def flip(self: Layer, x: Tensor) -> Tensor:
    axis = plain(self.config.get("axis"))
    axes = range(len(x.shape)) if axis is None else [axis] if isinstance(axis, int) else axis
    for each in axes:
        x = self.build.REVERSE_V2(x, ints(each % len(x.shape)))
    return x


@operation("Pad")
def pad(self: Layer, x: Tensor, constant_values: Any = None) -> Tensor:
    width = np.broadcast_to(np.asarray(plain_deep(self.config["pad_width"]), np.int32), (len(x.shape), 2))
    mode = self.get("mode", "constant")
    if mode in ("reflect", "symmetric"):
        return self.build.MIRROR_PAD(x, np.ascontiguousarray(width), mode=mode.upper())
    if mode != "constant":
        raise self.refuse(f"it pads in mode {mode!r}", "take 'constant', 'reflect' or 'symmetric'")
    value = argument(self, "constant_values", constant_values, 0)
    return self.build.PADV2(x, np.ascontiguousarray(width), np.asarray(value, x.dtype)) if value else self.build.PAD(x, np.array(width))


def plain_deep(value: Any) -> Any:
    """`plain`, all the way down."""
    value = plain(value)
    return [plain_deep(v) for v in value] if isinstance(value, list | tuple) else value


@operation("Take")
def take(self: Layer, x: Any, indices: Any) -> Tensor:
    axis = self.config.get("axis")
    if axis is None:
        raise self.refuse("it takes from all elements in a row", "give an axis")
    numbers = indices if isinstance(indices, Tensor) else np.asarray(indices, np.int32)
    return self.build.GATHER(x, numbers, axis=axis % len(x.shape))


@operation("GetItem")
def get_item(self: Layer, x: Tensor, key: Any) -> Tensor:
    """x[key], as numpy has it: numbers, slices, an ellipsis, None."""
    return index(self, x, list(key) if isinstance(key, list | tuple) else [key])


def index(self: Layer, x: Tensor, key: list[Any]) -> Tensor:
    """A strided slice; a number takes its axis away, None adds one."""
    parts = _spell_out(key, len(x.shape))
    spans = [p if isinstance(p, slice) else slice(p, None if p == -1 else (p or 0) + 1) for p in parts]
    begin, end, strides = ([getattr(s, name) for s in spans] for name in ("start", "stop", "step"))
    if not all(value is None or isinstance(value, int) for value in (*begin, *end, *strides)):
        raise self.refuse("its slice is computed by the model", "slice with numbers, or take elements with keras.ops.take")
    return self.build.STRIDED_SLICE(
        x,
        *(ints(*(default if v is None else v for v in values)) for values, default in ((begin, 0), (end, 0), (strides, 1))),
        begin_mask=_bits(value is None for value in begin),
        end_mask=_bits(value is None for value in end),
        new_axis_mask=_bits(part is None for part in parts),
        shrink_axis_mask=_bits(isinstance(part, int) for part in parts),
    )


def _spell_out(key: list[Any], rank: int) -> list[Any]:
    """The key with slices for the ellipsis, which stands at the end if there is none."""
    place = next((i for i, part in enumerate(key) if part is ...), len(key))
    used = sum(part is not None and part is not ... for part in key)
    return [*key[:place], *[slice(None)] * (rank - used), *key[place + 1 :]]


def _bits(flags: Iterable[bool]) -> int:
    return sum(1 << i for i, flag in enumerate(flags) if flag)
