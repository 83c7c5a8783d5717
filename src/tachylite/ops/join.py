"""Joining tensors along an axis, old or new, and taking them apart again."""

from typing import Any

import numpy as np

from tachylite.model.graph import Operator, Shape, Tensor

from . import movement_gradient
from .arguments import axis_of, check_type, new_shape, same_quantization, same_type, settle, vector, version_by_type
from .channels import joined
from .copy import canvas, lower_views, strided_copy
from .fixedpoint import round_half_away, saturate
from .integer import SHARED
from .permute import Axes, Permuted, along_input, along_option, inserted, without
from .registry import OpDef, Spec, normalize_axis, register
from .scales import check_scales, is_stored


def _infer_concatenation(op: Operator, *xs: Spec) -> Spec:
    first = xs[0]
    check_type(op, first)
    same_type(op, *xs)
    # Scalars are joined into a vector.
    shapes = [x.shape or (1,) for x in xs]
    axis = normalize_axis(op, op.options.axis, len(shapes[0]))
    if any(x.rank != first.rank for x in xs) or len({_without(s, axis) for s in shapes}) > 1:
        listing = ", ".join(str(list(x.shape)) for x in xs)
        raise op.error(f"the operands have shapes {listing}; along every axis but {axis} they must be alike")
    for source in op.inputs:
        if op.outputs and source is not None and not _is_alike(source, op.outputs[0]):
            check_scales(op, source, op.outputs[0])
    total = sum(s[axis] for s in shapes)
    return Spec(new_shape(op, (*shapes[0][:axis], total, *shapes[0][axis + 1 :])), first.dtype)


def _is_alike(source: Tensor, result: Tensor) -> bool:
    """Whether the same element stands for the same number in both."""
    return not is_stored(source.dtype) or (source.scale, source.zero_point) == (result.scale, result.zero_point)


def _without(shape: Shape, axis: int) -> Shape:
    return shape[:axis] + shape[axis + 1 :]


def concatenation(op: Operator, *xs: np.ndarray) -> np.ndarray:
    """xs: alike in type, and in shape but for the dimension `axis`. Quantized operands are brought to the output's scale.

    No runtime applies the option fused_activation_function: what converters write there has no effect.
    """
    parts = [_in_steps_of(op.outputs[0], tensor, x) for tensor, x in zip(op.inputs, xs, strict=True) if tensor is not None]
    return np.concatenate([np.atleast_1d(part) for part in parts], axis=op.options.axis)


def _in_steps_of(result: Tensor, source: Tensor, x: np.ndarray) -> np.ndarray:
    """Stored integers of `source` as stored integers of `result`."""
    if _is_alike(source, result):
        return x
    # In float32 and in this order, as TensorFlow Lite's kernel computes it.
    factor = source.scale * (np.float32(1) / result.scale)
    steps = round_half_away(x.astype(np.float32) * factor + np.float32(-source.zero_point) * factor)
    return saturate(steps.astype(np.float64) + result.zero_point, x.dtype)


def lower_concatenation(low: Any, op: Operator) -> None:
    """Each operand is copied to its place, through a table where its scale is another."""
    result, shape = op.outputs[0], low.spec(op.outputs[0]).shape
    target, whole = low.define(result), np.moveaxis(canvas(shape), op.options.axis, 0)
    start = 0
    for tensor in filter(None, op.inputs):
        x = np.moveaxis(np.atleast_1d(canvas(low.spec(tensor).shape)), op.options.axis, 0)
        table = None if _is_alike(tensor, result) else _table(low, result, tensor)
        strided_copy(low, op, low.value(tensor), x, target, whole[start : start + len(x)], table)
        start += len(x)


def _table(low: Any, result: Tensor, source: Tensor) -> int:
    """What each stored integer of `source` becomes, in the order of its bits."""
    bits = np.arange(1 << 8 * source.dtype.itemsize, dtype=f"u{source.dtype.itemsize}")
    steps = _in_steps_of(result, source, bits.view(source.dtype))
    return int(low.temporary(Spec(steps.shape, steps.dtype, steps)))


def _infer_pack(op: Operator, *xs: Spec) -> Spec:
    first = xs[0]
    check_type(op, first)
    same_type(op, *xs)
    same_quantization(op, *range(len(xs)))
    if op.options.values_count != len(xs):
        raise op.error(f"{len(xs)} operands are given, the option values_count says {op.options.values_count}; they must agree")
    if any(x.shape != first.shape for x in xs):
        listing = ", ".join(str(list(x.shape)) for x in xs)
        raise op.error(f"the operands have shapes {listing}; all must be alike")
    axis = normalize_axis(op, op.options.axis, first.rank + 1)
    return Spec(new_shape(op, (*first.shape[:axis], len(xs), *first.shape[axis:])), first.dtype)


def pack(op: Operator, *xs: np.ndarray) -> np.ndarray:
    """xs: alike in shape and type. The result has a new dimension `axis`, which counts them."""
    return np.stack(xs, axis=op.options.axis)


def lower_pack(low: Any, op: Operator) -> None:
    """Each operand is copied to its place."""
    target, whole = low.define(op.outputs[0]), np.moveaxis(canvas(low.spec(op.outputs[0]).shape), op.options.axis, 0)
    for i, tensor in enumerate(op.inputs):
        strided_copy(low, op, low.value(tensor), canvas(low.spec(tensor).shape), target, whole[i, ...])


def _infer_unpack(op: Operator, x: Spec) -> list[Spec]:
    check_type(op, x)
    same_quantization(op, 0)
    axis = normalize_axis(op, op.options.axis, x.rank)
    count = _outputs(op, op.options.num)
    if x.shape[axis] != count:
        raise op.error(f"the input {list(x.shape)} comes apart along axis {axis} into {count} pieces; the dimension must be that number")
    return [Spec(_without(x.shape, axis), x.dtype)] * count


def unpack(op: Operator, x: np.ndarray) -> list[np.ndarray]:
    """The slices of x along `axis`, which they no longer have."""
    slices = np.moveaxis(x, op.options.axis, 0)
    return [slices[i, ...] for i in range(len(slices))]


def _outputs(op: Operator, count: int) -> int:
    """The number of outputs as an option gives it, which must be the number that the operator has."""
    if count < 1 or (op.outputs and len(op.outputs) != count):
        raise op.error(f"the operator has {len(op.outputs)} outputs, its options say {count}; they must agree")
    return count


def _infer_split(op: Operator, axis: Spec, x: Spec) -> list[Spec] | None:
    check_type(op, x)
    count = _outputs(op, op.options.num_splits)
    along = axis_of(op, "the axis", axis, x.rank)
    if along is None:
        return None
    if x.shape[along] % count:
        raise op.error(f"the input {list(x.shape)} is split along axis {along} into {count}; the dimension must be a multiple of it")
    return [Spec((*x.shape[:along], x.shape[along] // count, *x.shape[along + 1 :]), x.dtype)] * count


def split(op: Operator, axis: np.ndarray, x: np.ndarray) -> list[np.ndarray]:
    """num_splits equal pieces of x along `axis` (one int32)."""
    return np.split(x, len(settle(_infer_split, op, axis, x)), axis=int(axis.item()))


def _infer_split_v(op: Operator, x: Spec, sizes: Spec, axis: Spec) -> list[Spec] | None:
    check_type(op, x)
    lengths = vector(op, "the sizes", sizes, _outputs(op, op.options.num_splits))
    along = axis_of(op, "the axis", axis, x.rank)
    if lengths is None or along is None:
        return None
    if lengths.count(-1) == 1:
        lengths[lengths.index(-1)] = x.shape[along] - sum(lengths) - 1
    if min(lengths) < 0 or sum(lengths) != x.shape[along]:
        raise op.error(f"the input {list(x.shape)} is split along axis {along} into pieces of {lengths}; they must add up to the dimension")
    return [Spec((*x.shape[:along], length, *x.shape[along + 1 :]), x.dtype) for length in lengths]


def split_v(op: Operator, x: np.ndarray, sizes: np.ndarray, axis: np.ndarray) -> list[np.ndarray]:
    """Pieces of x along `axis` (one int32), of the given sizes (int32 or int64 [num_splits]); one size may be -1, which is the rest."""
    specs = settle(_infer_split_v, op, x, sizes, axis)
    along = int(axis.item())
    return np.split(x, np.cumsum([s.shape[along] for s in specs])[:-1], axis=along)


def _permute_pack(op: Operator, axes: Axes) -> Permuted | None:
    """The new axis stays where it is."""
    position = op.options.axis % (len(axes) + 1)
    return Permuted([axes] * len(op.inputs), [inserted(axes, position)])


def _permute_unpack(op: Operator, axes: Axes) -> Permuted | None:
    """The axis that goes is another."""
    axis = op.options.axis % len(axes)
    return Permuted([axes], [without(axes, [axis])] * len(op.outputs), {"axis": axes.index(axis)})


register(
    OpDef(
        "CONCATENATION",
        infer=_infer_concatenation,
        reference=concatenation,
        options="ConcatenationOptions",
        variants=("f32", "f16", "bf16", "f8", "s8", "u8", "s16", "s4", "i32", "u32", "i64", "bool"),
        version=version_by_type(s8=2, s16=3, u32=4, s4=5, f16=6, f8=7),
        lower=lower_concatenation,
        integer=SHARED,
        channels=joined,
        permute=along_option,
        gradient=movement_gradient.concatenation,
    )
)
register(
    OpDef(
        "PACK",
        infer=_infer_pack,
        reference=pack,
        options="PackOptions",
        variants=("f32", "f8", "s8", "u8", "s16", "i32", "u32", "i64"),
        version=version_by_type(s8=2, s16=3, u32=4, f8=5),
        lower=lower_pack,
        integer=SHARED,
        permute=_permute_pack,
        gradient=movement_gradient.pack,
    )
)
register(
    OpDef(
        "UNPACK",
        infer=_infer_unpack,
        reference=unpack,
        options="UnpackOptions",
        variants=("f32", "f16", "bf16", "f8", "s8", "u8", "s16", "i32", "bool"),
        version=version_by_type(s8=2, u8=2, bool=3, s16=4, f16=5, bf16=5, f8=6),
        lower=lower_views(unpack),
        integer=SHARED,
        permute=_permute_unpack,
        gradient=movement_gradient.unpack,
    )
)
register(
    OpDef(
        "SPLIT",
        infer=_infer_split,
        reference=split,
        options="SplitOptions",
        variants=("f32", "f8", "s8", "u8", "s16", "i32", "i64"),
        version=version_by_type(position=1, s8=2, i32=3, s16=4, f8=5),
        lower=lower_views(split, position=1),
        integer=SHARED,
        permute=along_input(0),
        gradient=movement_gradient.split,
    )
)
register(
    OpDef(
        "SPLIT_V",
        infer=_infer_split_v,
        reference=split_v,
        options="SplitVOptions",
        variants=("f32", "f8", "s8", "u8", "s16", "i32", "i64"),
        version=version_by_type(s8=2, f8=3),
        lower=lower_views(split_v),
        integer=SHARED,
        permute=along_input(2),
        gradient=movement_gradient.split_v,
    )
)
