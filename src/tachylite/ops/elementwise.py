"""What elementwise operators share: the checks of their operands, and the scales of quantized ones."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tachylite.model.graph import Operator, Tensor

from .arguments import check_type, same_type
from .fixedpoint import Multiplier, rescale, saturate
from .registry import OpDef, Spec, broadcast_shapes, register

#: The dtypes whose elements may stand for real numbers here; wider integers are always plain numbers.
_QUANTIZABLE = (np.int8, np.uint8, np.int16)


def infer_unary(op: Operator, x: Spec) -> Spec:
    """The output is shaped and typed like the input."""
    return _infer(op, x)


def infer_binary(op: Operator, x: Spec, y: Spec) -> Spec:
    """Two inputs of one type, broadcast; the output has that type too."""
    return _infer(op, x, y)


def infer_predicate(op: Operator, x: Spec, y: Spec) -> Spec:
    """Two inputs of one type, broadcast; the output is bool."""
    are_quantized(op, *op.inputs)
    return Spec(_broadcast(op, x, y), np.dtype(np.bool_))


def _infer(op: Operator, *operands: Spec) -> Spec:
    shape, dtype = _broadcast(op, *operands), operands[0].dtype
    for output in op.outputs[:1]:
        if output.dtype != dtype:
            raise op.error(f"the output is {output.dtype}, the input {dtype}; they must be of one type, insert a CAST or QUANTIZE")
    is_quantized(op)
    return Spec(shape, dtype)


def _broadcast(op: Operator, *operands: Spec) -> tuple[int, ...]:
    for x in operands:
        check_type(op, x)
    same_type(op, *operands)
    return broadcast_shapes(op, *(x.shape for x in operands))


def are_quantized(op: Operator, *tensors: Tensor | None) -> bool:
    """Whether the elements of these tensors stand for real numbers. Raises OpError where only some do, or a scale is unusable."""
    small = [t for t in tensors if t is not None and t.dtype in _QUANTIZABLE]
    if not any(t.is_quantized for t in small):
        return False
    for t in small:
        info = np.iinfo(t.dtype)
        if t.quantization is None or len(t.quantization.scale) != 1:
            found = len(t.quantization.scale) if t.quantization else "no"
            raise op.error(f"{t.name!r} has {found} scales, needed is one, as its other operands have; quantize it per tensor")
        if not (t.scale > 0 and math.isfinite(t.scale)):
            raise op.error(f"{t.name!r} has the scale {t.scale}, it must be positive and finite; quantize the model again")
        if not info.min <= t.zero_point <= info.max or (t.dtype == np.int16 and t.zero_point != 0):
            wanted = "0" if t.dtype == np.int16 else f"in [{info.min}, {info.max}]"
            raise op.error(f"{t.name!r} has the zero point {t.zero_point}, it must be {wanted}; quantize the model again")
    return True


def is_quantized(op: Operator) -> bool:
    """`are_quantized` of all inputs and outputs."""
    return are_quantized(op, *op.inputs, *op.outputs)


def centred(x: np.ndarray, tensor: Tensor | None) -> np.ndarray:
    """Steps away from the zero point, int64."""
    return x.astype(np.int64) - tensor.zero_point


def requantize(y: np.ndarray, multiplier: Multiplier | tuple[np.ndarray, np.ndarray], output: Tensor) -> np.ndarray:
    """Integers to the output's steps, rounded twice and saturated."""
    return saturate(rescale(y, multiplier) + output.zero_point, output.dtype)


def is_wide_broadcast(op: Operator) -> bool:
    """Whether the inputs broadcast in more than four dimensions: several operators count that as a version of its own."""
    shapes = [t.shape for t in op.inputs if t is not None]
    return len(set(shapes)) > 1 and max(map(len, shapes)) > 4


def define(name: str, reference: Callable[..., np.ndarray], variants: str, options: str | None = None, **fields: Any) -> None:
    """Register an elementwise operator; `variants` are dtype suffixes between blanks."""
    register(OpDef(name, reference=reference, variants=tuple(variants.split()), options=options, **{"in_place": True, **fields}))
