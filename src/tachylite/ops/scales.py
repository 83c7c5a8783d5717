"""Scales and zero points: what operators ask of them, and what stored integers stand for. Each check raises OpError."""

from math import prod

import numpy as np

from tachylite.model.dtypes import limits
from tachylite.model.graph import Blockwise, Operator, Quantization, Shape, Tensor

from .fixedpoint import Multiplier, rescale, saturate
from .registry import Spec

# Checks.


def check_scales(op: Operator, *tensors: Tensor | None) -> None:
    """Refuse tensors without scales, or with scales that are no positive numbers."""
    for tensor in tensors:
        if tensor is None or not tensor.is_quantized:
            name = "an omitted tensor" if tensor is None else repr(tensor.name)
            raise op.error(f"{name} has no scale, integer arithmetic needs one; quantize the model again")
        scale = tensor.quantization.scale
        if not (np.isfinite(scale) & (scale > 0)).all():
            raise op.error(f"{tensor.name!r} has scale {scale.min()}, it must be a positive number; quantize the model again")


def check_zero_points(op: Operator, *tensors: Tensor | None) -> None:
    """Refuse zero points that are no stored values, and others than 0 with int16, which is symmetric by definition."""
    for tensor in tensors:
        low, high = (0, 0) if tensor.dtype == np.int16 else limits(tensor.dtype)
        for zero_point in tensor.quantization.zero_point:
            if not low <= zero_point <= high:
                raise op.error(f"{tensor.name!r} has zero point {zero_point}, it must lie in [{low}, {high}]; quantize the model again")


def check_quantization(op: Operator, tensor: Tensor | None, shape: Shape) -> None:
    """Refuse scales and zero points that do not fit a tensor of this shape: one in all, one per slice along an axis, or one per block."""
    check_scales(op, tensor)
    q = tensor.quantization
    if isinstance(q.details, Blockwise):
        _check_blocks(op, tensor, q.details, shape)
        return
    count = len(q.scale)
    if count > 1 and not (0 <= q.axis < len(shape) and shape[q.axis] == count):
        found = f"{count} scales along axis {q.axis} of shape {list(shape)}"
        raise op.error(f"{tensor.name!r} has {found}; it needs one in all, or one for each slice of that axis")
    if len(q.zero_point) not in (0, 1, count):
        raise op.error(f"{tensor.name!r} has {len(q.zero_point)} zero points and {count} scales; there must be as many of each")
    check_zero_points(op, tensor)


def check_weight_scales(op: Operator, weights: Spec) -> None:
    """Refuse rows of constant integers, input 1, unless they have one scale, one for each row, or one for each block of a row."""
    tensor = op.inputs[1]
    check_scales(op, tensor)
    q = tensor.quantization
    if isinstance(q.details, Blockwise):
        _check_blocks(op, tensor, q.details, weights.shape)
    elif q.is_per_channel and (q.axis != 0 or len(q.scale) != weights.shape[0]):
        found = f"{len(q.scale)} scales along axis {q.axis}"
        raise op.error(f"{tensor.name!r} has {found}; it needs one in all, or one for each of its {weights.shape[0]} rows")


def _check_blocks(op: Operator, tensor: Tensor | None, blocks: Blockwise, shape: Shape) -> None:
    row = prod(shape[1:] or shape)
    for part in (blocks.scales, blocks.zero_points):
        count = 0 if part is None or part.data is None else part.data.size
        if part is not None and (blocks.size <= 0 or row % blocks.size or count * blocks.size != prod(shape)):
            found = f"{count} constants in {part.name!r} for blocks of {blocks.size}"
            raise op.error(f"{tensor.name!r} has {found}; rows of its shape {list(shape)} must divide into as many blocks")


def are_quantized(op: Operator, *tensors: Tensor | None) -> bool:
    """Whether the elements of these tensors stand for real numbers, by one scale each. Refuses them where only some do."""
    stored = [t for t in tensors if t is not None and is_stored(t.dtype)]
    if not any(t.is_quantized for t in stored):
        return False
    for tensor in stored:
        count = 0 if tensor.quantization is None else len(tensor.quantization.scale)
        if count != 1:
            raise op.error(f"{tensor.name!r} has {count or 'no'} scales, needed is one, as its other operands have; quantize it per tensor")
    check_scales(op, *stored)
    check_zero_points(op, *stored)
    return True


def require_output_quantization(op: Operator, scale: float, zero_point: int, tolerance: float = 0.0) -> None:
    """Refuse an output without this scale, within a relative tolerance, and this zero point: the operator computes no other."""
    for tensor in op.outputs[:1]:
        if abs(float(tensor.scale) - scale) > tolerance * scale or tensor.zero_point != zero_point:
            found = f"scale {tensor.scale:g} and zero point {tensor.zero_point}"
            raise op.error(f"the output has {found}, it must have {scale:g} and {zero_point}; QUANTIZE to other values afterwards")


# Stored integers.


def is_stored(dtype: np.dtype) -> bool:
    """Whether elements of this type may stand for real numbers where operators take plain integers as well; wider ones never do."""
    return dtype in (np.int8, np.uint8, np.int16)


def padding_of(op: Operator, dtype: np.dtype) -> int:
    """The element that stands for 0 in the output."""
    return op.outputs[0].zero_point if is_stored(dtype) else 0


def centred(x: np.ndarray, tensor: Tensor | None) -> np.ndarray:
    """Steps away from the zero point, int64."""
    return x.astype(np.int64) - tensor.zero_point


def requantize(y: np.ndarray, multiplier: Multiplier | tuple[np.ndarray, np.ndarray], output: Tensor) -> np.ndarray:
    """Integers to the output's steps, rounded twice and saturated."""
    return saturate(rescale(y, multiplier) + output.zero_point, output.dtype)


def scales_of(quantization: Quantization | None, rank: int) -> tuple[np.ndarray, np.ndarray]:
    """Scales (float32) and zero points (int64) in a shape that broadcasts against a tensor of this rank."""
    shape = [1] * rank
    if quantization.is_per_channel:
        shape[quantization.axis] = -1
    zero_point = quantization.zero_point if len(quantization.zero_point) else np.zeros(1, np.int64)
    zero_point = np.broadcast_to(zero_point, quantization.scale.shape)
    return quantization.scale.reshape(shape), zero_point.reshape(shape)


def real_values(x: np.ndarray, tensor: Tensor | None) -> np.ndarray:
    """What the stored values `x` of a quantized tensor stand for, float32."""
    quantization = tensor.quantization
    if isinstance(quantization.details, Blockwise):
        return _real_blocks(x, quantization.details)
    scale, zero_point = scales_of(quantization, x.ndim)
    return scale * (x.astype(np.int32) - zero_point).astype(np.float32)


def _real_blocks(x: np.ndarray, blocks: Blockwise) -> np.ndarray:
    steps = x.astype(np.float32).reshape(-1, blocks.size)
    if blocks.zero_points is not None:
        steps = steps - blocks.zero_points.data.astype(np.float32).reshape(-1, 1)
    return (steps * blocks.scales.data.astype(np.float32).reshape(-1, 1)).reshape(x.shape)
