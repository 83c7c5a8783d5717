"""Quantized forms of operators: what computes on integers what an operator of real numbers computes between DEQUANTIZE and QUANTIZE."""

from collections.abc import Callable, Sequence

import numpy as np

from tachylite.model.dtypes import limits
from tachylite.model.graph import Operator, Quantization, Tensor
from tachylite.ops import registry
from tachylite.ops.arguments import SUFFIXES

from .rewrite import Rewriter, is_float, same_quantization, value_of

INT8, UINT8, INT16 = (np.dtype(t) for t in (np.int8, np.uint8, np.int16))
BYTES = (INT8, UINT8)


def is_per_tensor(tensor: Tensor) -> bool:
    """Whether integers have one scale."""
    q = tensor.quantization
    return q is not None and len(q.scale) == 1 and q.details is None


def made_like(tensor: Tensor, dtype: np.dtype, quantization: Quantization | None, stem: str) -> Tensor:
    """A new tensor of the same shape."""
    return Tensor(f"{tensor.name}/{stem}", tensor.shape, dtype, quantization, shape_signature=tensor.shape_signature)


def _byte_type(source: Operator, dtype: np.dtype) -> np.dtype | None:
    """The type of bytes in which the operator computes these ones."""
    return next((t for t in (dtype, INT8) if t in BYTES and takes(source, t)), None)


def takes(op: Operator, dtype: np.dtype) -> bool:
    """Whether an operator works on elements of this type."""
    return not {"any", SUFFIXES[dtype]}.isdisjoint(registry.get(op).variants)


Form = Callable[[Rewriter, Operator, Tensor], Tensor | None]


def _integers(build: Rewriter, tensor: Tensor | None) -> Tensor | None:
    """The integers that a tensor was dequantized from."""
    source = build.maker(tensor, "DEQUANTIZE")
    x = source.inputs[0] if source else None
    return x if x is not None and x.is_quantized else None


def recast(build: Rewriter, x: Tensor, dtype: np.dtype, quantization: Quantization | None = None) -> Tensor:
    """Integers in another type, of the same scale unless another quantization is asked for."""
    if quantization is None:
        quantization = Quantization.per_tensor(float(x.scale), x.zero_point + limits(dtype)[0] - limits(x.dtype)[0])
    like = Tensor("", x.shape, dtype, quantization)
    if x.dtype == dtype and same_quantization(x, like):
        return x
    result: Tensor = build.QUANTIZE(x, out=made_like(x, dtype, quantization, str(dtype)))
    return result


def _finish(
    build: Rewriter, source: Operator, operands: Sequence[Tensor | None], y: Tensor, dtype: np.dtype, quantization: Quantization | None
) -> Tensor:
    """The operator in its quantized form, whose result has this type and quantization; changed into those of y."""
    like = Tensor("", y.shape, dtype, quantization)
    if dtype == y.dtype and same_quantization(like, y):
        whole: Tensor = build.again(source, *operands, out=y)
        return whole
    middle = build.again(source, *operands, out=made_like(y, dtype, quantization, "wide"))
    result: Tensor = build.QUANTIZE(middle, out=y)
    return result


def middle_of(tensor: Tensor) -> int:
    """The zero point of symmetric bytes."""
    return 128 if tensor.dtype == UINT8 else 0


# Products with weights.


def _weighted(data: int, axis: int) -> Form:
    """data: the position of the operand that is no weight; axis: the weights' axis of outputs."""

    def form(build: Rewriter, source: Operator, y: Tensor) -> Tensor | None:
        x, weights = _integers(build, source.inputs[data]), _integers(build, source.inputs[1])
        operands = [*source.inputs, *[None] * (data + 2 - len(source.inputs))]
        bias, offsets = operands[data + 1] if data == 2 else operands[2], None
        if x is None or weights is None or weights.data is None or not is_per_tensor(x):
            return None
        dtype, filters = _common_type(build, x, weights, y)
        if filters is None or not _is_at(filters, axis):
            return None
        inner = recast(build, x, dtype) if dtype != INT16 else x
        if bias is not None:
            offsets = _bias(build, bias, inner, filters)
            if offsets is None:
                return None
        operands[1], operands[data], operands[3 if data == 2 else 2] = filters, inner, offsets
        return _finish(build, source, operands, y, dtype, in_type(y, dtype))

    return form


def _common_type(build: Rewriter, x: Tensor, weights: Tensor, y: Tensor) -> tuple[np.dtype, Tensor | None]:
    """The type of the whole operator, and the weights for it: symmetric ones of int8, or uint8 with a zero point."""
    signed = _as_signed(build, weights)
    if INT16 in (x.dtype, y.dtype):
        return INT16, signed if x.dtype == y.dtype else None
    if x.dtype not in BYTES:
        return x.dtype, None
    return (INT8, signed) if signed is not None else (UINT8, _as_unsigned(build, weights))


def _as_signed(build: Rewriter, weights: Tensor) -> Tensor | None:
    """Weights as symmetric int8; None where their zero is not in the middle."""
    q, data = weights.quantization, weights.data
    if q is None or data is None or weights.dtype not in BYTES:
        return None
    if (q.zero_point != middle_of(weights)).any():
        return None
    if weights.dtype == INT8:
        return weights
    return build.constant((data.astype(np.int16) - 128).astype(INT8), weights.name, Quantization(q.scale, 0 * q.zero_point, q.axis))


def _as_unsigned(build: Rewriter, weights: Tensor) -> Tensor | None:
    """Weights as uint8, which have one scale."""
    q, data = weights.quantization, weights.data
    if q is None or data is None or weights.dtype not in BYTES or not is_per_tensor(weights):
        return None
    if weights.dtype == UINT8:
        return weights
    shifted = Quantization(q.scale, q.zero_point + 128)
    return build.constant((data.astype(np.int16) + 128).astype(UINT8), weights.name, shifted)


def _is_at(filters: Tensor, axis: int) -> bool:
    q = filters.quantization
    return q is not None and (not q.is_per_channel or q.axis == axis)


def _bias(build: Rewriter, bias: Tensor, x: Tensor, filters: Tensor) -> Tensor | None:
    """A bias in steps of both scales; None where it is computed."""
    value, q = value_of(bias), filters.quantization
    if value is None or q is None or not is_float(bias):
        return None
    dtype = np.dtype(np.int64 if x.dtype == INT16 else np.int32)
    scale = (x.scale * q.scale).astype(np.float32)
    steps = np.clip(np.rint(value.astype(np.float64) / scale), *limits(dtype)) if scale.all() else np.zeros(value.shape)
    return build.constant(steps.astype(dtype), bias.name, Quantization(scale, np.zeros(scale.size, np.int64), 0))


def in_type(y: Tensor, dtype: np.dtype) -> Quantization:
    """What y stands for, in another type of as many bits."""
    return Quantization.per_tensor(float(y.scale), y.zero_point + limits(dtype)[0] - limits(y.dtype)[0] if dtype in BYTES else y.zero_point)


# Functions of one tensor or of several.


def _function(own: tuple[float, int] | None = None, is_same: bool = False) -> Form:
    """own: scale and zero point for int8 that the operator's result always has; is_same: the result has those of its input."""

    def form(build: Rewriter, source: Operator, y: Tensor) -> Tensor | None:
        x = _integers(build, source.inputs[0])
        dtype = _byte_type(source, x.dtype) if x is not None else None
        if x is None or dtype is None or not is_per_tensor(x) or x.dtype not in BYTES or y.dtype not in BYTES:
            return None
        inner = recast(build, x, dtype)
        quantization = inner.quantization if is_same else in_type(y, dtype)
        if own is not None:
            quantization = Quantization.per_tensor(own[0], own[1] + limits(dtype)[0] - limits(INT8)[0])
        return _finish(build, source, [inner, *source.inputs[1:]], y, dtype, quantization)

    return form


def _several(count: int | None, is_same: bool = False) -> Form:
    """count: of the operands that are quantized, None for all; is_same: all of them must be as the result is."""

    def form(build: Rewriter, source: Operator, y: Tensor) -> Tensor | None:
        given = source.inputs[:count]
        dtype = _byte_type(source, y.dtype)
        if dtype is None or y.dtype not in BYTES:
            return None
        found = [_integers(build, t) or _constant(build, t, dtype) for t in given]
        operands = [t for t in found if t is not None and is_per_tensor(t) and t.dtype in BYTES]
        if len(operands) < len(given) or all(t.is_constant for t in operands):
            return None
        quantization = in_type(y, dtype)
        operands = [recast(build, t, dtype, quantization if is_same else None) for t in operands]
        return _finish(build, source, [*operands, *source.inputs[len(given) :]], y, dtype, quantization)

    return form


def _constant(build: Rewriter, tensor: Tensor | None, dtype: np.dtype) -> Tensor | None:
    """A constant of real numbers as bytes, as exactly as they allow."""
    value = value_of(tensor)
    if tensor is None or value is None or not is_float(tensor) or dtype not in BYTES or not np.isfinite(value).all():
        return None
    low, high = min(float(value.min(initial=0)), 0.0), max(float(value.max(initial=0)), 0.0)
    scale = (high - low) / 255 or 1.0
    least, greatest = limits(dtype)
    zero_point = round(least - low / scale)
    steps = np.clip(np.rint(value / scale) + zero_point, least, greatest)
    return build.constant(steps.astype(dtype), tensor.name, Quantization.per_tensor(scale, zero_point))


FORMS: dict[str, Form] = {
    "CONV_2D": _weighted(0, 0),
    "DEPTHWISE_CONV_2D": _weighted(0, 3),
    "FULLY_CONNECTED": _weighted(0, 0),
    "TRANSPOSE_CONV": _weighted(2, 0),
    "ADD": _several(2),
    "SUB": _several(2),
    "MUL": _several(2),
    "MAXIMUM": _several(2, is_same=True),
    "MINIMUM": _several(2, is_same=True),
    "CONCATENATION": _several(None, is_same=True),
    "BATCH_MATMUL": _several(2),
    "PRELU": _several(2),
    "AVERAGE_POOL_2D": _function(is_same=True),
    "RESIZE_BILINEAR": _function(is_same=True),
    "MEAN": _function(),
    "SUM": _function(),
    "REDUCE_MAX": _function(is_same=True),
    "REDUCE_MIN": _function(is_same=True),
    "LEAKY_RELU": _function(),
    "HARD_SWISH": _function(),
    "GELU": _function(),
    "LOGISTIC": _function((1 / 256, -128)),
    "TANH": _function((1 / 128, 0)),
    "SOFTMAX": _function((1 / 256, -128)),
    "L2_NORMALIZATION": _function((1 / 128, 0)),
}
"""How the operators that have a quantized form come to it."""
