"""Parts of tensors: cut out, written over, padded, spread or turned around."""

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from tachylite.model.graph import Operator

from . import movement_gradient
from .arguments import (
    ANY_TYPE,
    amounts,
    check_type,
    new_shape,
    same_quantization,
    same_type,
    settle,
    vector,
    version_by_type,
)
from .channels import unless_padded
from .copy import (
    RANK,
    REVERSE_SEQUENCE,
    UPDATE_SLICE,
    ReverseSequenceParams,
    UpdateSliceParams,
    canvas,
    constant,
    fill_around,
    is_plain,
    lower_views,
    moved,
    row_strides,
    strided_copy,
)
from .integer import SHARED
from .permute import Axes, Permuted, per_axis, without
from .permute import constant as constant_value
from .registry import OpDef, Spec, normalize_axis, register
from .scales import is_stored, padding_of

Index = tuple[slice | int | None, ...]
"""What numpy takes between brackets."""


def _infer_slice(op: Operator, x: Spec, begin: Spec, size: Spec) -> Spec | None:
    starts = vector(op, "the starts", begin, x.rank)
    sizes = vector(op, "the sizes", size, x.rank)
    if starts is None or sizes is None:
        return None
    sizes = [d - b if s == -1 else s for d, b, s in zip(x.shape, starts, sizes, strict=True)]
    if any(b < 0 or s < 0 or b + s > d for d, b, s in zip(x.shape, starts, sizes, strict=True)):
        raise op.error(f"the slice of {sizes} elements from {starts} does not lie inside the input {list(x.shape)}; correct begin or size")
    return Spec(tuple(sizes), x.dtype)


def slice_(op: Operator, x: np.ndarray, begin: np.ndarray, size: np.ndarray) -> np.ndarray:
    """x: any shape and type; begin, size: int32 or int64 [rank]. A size of -1 reaches to the end."""
    sizes = settle(_infer_slice, op, x, begin, size).shape
    return x[_box(begin.tolist(), sizes)]


def _box(starts: Sequence[int], sizes: Sequence[int]) -> Index:
    return tuple(slice(b, b + s) for b, s in zip(starts, sizes, strict=True))


def _slice_version(op: Operator) -> int:
    return max(5 if len(op.inputs[0].shape) > 4 else 1, version_by_type(s8=2, str=3, s16=4, u32=6, s4=7, f16=8)(op))


def _infer_strided_slice(op: Operator, x: Spec, begin: Spec, end: Spec, strides: Spec) -> Spec | None:
    starts = vector(op, "the starts", begin)
    stops = vector(op, "the ends", end, begin.shape[0])
    steps = vector(op, "the strides", strides, begin.shape[0])
    if starts is None or stops is None or steps is None:
        return None
    # A tensor of x's shape, one element large.
    return Spec(np.broadcast_to(np.int8(0), x.shape)[_index(op, x, starts, stops, steps)].shape, x.dtype)


def _index(op: Operator, x: Spec, starts: list[int], stops: list[int], steps: list[int]) -> Index:
    """The index that the operator's specification means. Each of its entries is an ellipsis, a new axis, or takes of one axis of x."""
    options, count = op.options, len(starts)
    ellipses = [i for i in range(count) if options.ellipsis_mask >> i & 1]
    if len(ellipses) > 1:
        raise op.error(f"ellipsis_mask is {options.ellipsis_mask:#b}, at most one bit may be set")
    new = {i for i in range(count) if options.new_axis_mask >> i & 1 and i not in ellipses}
    # Without an ellipsis, what the specification leaves out stands at its end. One may stand for no axis at all, though LiteRT takes one.
    spread = x.rank - (count - len(new) - len(ellipses))
    if spread < 0:
        raise op.error(f"the specification has {count} entries, too many for the input {list(x.shape)}; take some away")
    index: list[slice | int | None] = []
    axis = 0
    for i in range(count):
        if i in ellipses:
            index += [slice(None)] * spread
            axis += spread
        elif i in new:
            index.append(None)
        else:
            index.append(_entry(op, i, x.shape[axis], starts[i], stops[i], steps[i]))
            axis += 1
    return tuple(index)


def _entry(op: Operator, i: int, size: int, start: int, stop: int, step: int) -> slice | int:
    """Which elements of a dimension entry i of the specification takes."""
    options, shrink = op.options, op.options.shrink_axis_mask >> i & 1
    if not step or (shrink and step < 0):
        raise op.error(f"stride {i} is {step}, it must be {'positive where an axis shrinks' if shrink else 'positive or negative'}")
    low, high = (0, size) if step > 0 else (-1, size - 1)
    first, last = (low, high) if step > 0 else (high, low)
    start = first if options.begin_mask >> i & 1 else min(max(start + size if start < 0 else start, low), high)
    if shrink:
        if start >= size:
            raise op.error(f"start {i} lies behind the end of its dimension, which has {size} elements; it must be less")
        return start
    if options.end_mask >> i & 1:
        stop = last
    else:
        stop = stop + start if options.offset else stop
        stop = min(max(stop + size if stop < 0 else stop, low), high)
    if not range(start, stop, step):
        return slice(0, 0)
    return slice(start, stop if stop >= 0 else None, step)


def strided_slice(op: Operator, x: np.ndarray, begin: np.ndarray, end: np.ndarray, strides: np.ndarray) -> np.ndarray:
    """x: any shape and type; begin, end, strides: int32 [n], as in x[begin:end:stride, ...].

    Bits of the masks say that a begin or end is open, that an entry is an ellipsis or a new axis, or that its axis shrinks away;
    `offset` counts end from begin.
    """
    return x[*_index(op, Spec(x.shape, x.dtype), begin.tolist(), end.tolist(), strides.tolist()), ...]


def _strided_slice_version(op: Operator) -> int:
    rank = 4 if len(op.inputs[0].shape) > 4 else 1
    masks = 8 if op.options.offset else 6 if op.options.ellipsis_mask or op.options.new_axis_mask else 1
    return max(rank, masks, version_by_type(s8=2, bool=3, str=5, u32=7)(op))


def _infer_pad(op: Operator, x: Spec, paddings: Spec, value: Spec | None = None) -> Spec | None:
    check_type(op, x)
    if value is not None:
        same_type(op, x, value)
        if value.shape not in ((), (1,)):
            raise op.error(f"the padding value has shape {list(value.shape)}, it must be a scalar")
        if is_stored(x.dtype):
            same_quantization(op, 2)
    elif is_stored(x.dtype) and op.outputs and not np.iinfo(x.dtype).min <= op.outputs[0].zero_point <= np.iinfo(x.dtype).max:
        raise op.error(f"the output's zero point {op.outputs[0].zero_point} is no {x.dtype}; it stands for the padding's 0 and must be one")
    pairs = amounts(op, "the paddings", paddings, x.rank)
    return None if pairs is None else Spec(new_shape(op, (a + d + b for d, (a, b) in zip(x.shape, pairs, strict=True))), x.dtype)


def pad(op: Operator, x: np.ndarray, paddings: np.ndarray, value: np.ndarray | None = None) -> np.ndarray:
    """x: any shape and numeric type; paddings: integers [rank, 2], before and behind each dimension; value: one of x's type, else 0."""
    shape = settle(_infer_pad, op, x, paddings, value).shape
    return _set_in(x, shape, padding_of(op, x.dtype) if value is None else value.item(), _box(paddings[:, 0].tolist(), x.shape))


def lower_pad(low: Any, op: Operator) -> None:
    """The edges are filled, the input is copied between them."""
    x, paddings, *value = op.inputs
    spec, pairs = low.spec(op.outputs[0]), low.spec(paddings).value.tolist()
    fill = low.value(value[0]) if value and value[0] is not None else constant(low, padding_of(op, spec.dtype), spec.dtype)
    result = low.define(op.outputs[0])
    inner = fill_around(low, op, fill, result, canvas(spec.shape), pairs)
    strided_copy(low, op, low.value(x), canvas(low.spec(x).shape), result, inner)


def _set_in(x: np.ndarray, shape: tuple[int, ...], value: Any, index: Index) -> np.ndarray:
    """A tensor full of `value` but for x at `index`."""
    result = np.full(shape, value, x.dtype)
    result[index] = x
    return result


def _pad_version(op: Operator) -> int:
    return max(4 if len(op.inputs[0].shape) > 4 else 1, version_by_type(s8=2, s16=3, bool=5, f8=6)(op))


def _infer_mirror_pad(op: Operator, x: Spec, paddings: Spec) -> Spec | None:
    same_quantization(op, 0)
    pairs = amounts(op, "the paddings", paddings, x.rank)
    if pairs is None:
        return None
    edge = 1 if op.options.mode == "REFLECT" else 0
    if any(max(pair) > max(d - edge, 0) for d, pair in zip(x.shape, pairs, strict=True)):
        raise op.error(f"the paddings {pairs} need more elements than the input {list(x.shape)} has to mirror in mode {op.options.mode}")
    return Spec(new_shape(op, (a + d + b for d, (a, b) in zip(x.shape, pairs, strict=True))), x.dtype)


def mirror_pad(op: Operator, x: np.ndarray, paddings: np.ndarray) -> np.ndarray:
    """x: any shape and type; paddings: int32 or int64 [rank, 2]. Mode REFLECT leaves the edge out of the image, SYMMETRIC does not."""
    settle(_infer_mirror_pad, op, x, paddings)
    for axis, (before, after) in enumerate(paddings.tolist()):
        if before or after:
            positions = np.pad(np.arange(x.shape[axis]), (before, after), mode=op.options.mode.lower())
            x = x.take(positions, axis)
    return x


def lower_mirror_pad(low: Any, op: Operator) -> None:
    """The input is copied to the middle; then each axis, from the last on, is mirrored within the result."""
    x, paddings = op.inputs
    spec = low.spec(x)
    if not is_plain(spec.dtype):
        low.host(op)
        return
    y, pairs = canvas(low.spec(op.outputs[0]).shape), low.spec(paddings).value.tolist()
    result = low.define(op.outputs[0])
    box = _box([before for before, _ in pairs], spec.shape)
    strided_copy(low, op, low.value(x), canvas(spec.shape), result, y[box])
    edge = 1 if op.options.mode == "REFLECT" else 0
    for axis in reversed(range(spec.rank)):
        lines = np.moveaxis(y[box[:axis]], axis, 0)
        before, after = pairs[axis]
        stop = before + spec.shape[axis]
        strided_copy(low, op, result, lines[before + edge :][:before][::-1], result, lines[:before])
        strided_copy(low, op, result, lines[: stop - edge][::-1][:after], result, lines[stop:])


def _infer_reverse(op: Operator, x: Spec, axes: Spec) -> Spec:
    check_type(op, x)
    vector(op, "the axes", axes)
    return Spec(x.shape, x.dtype)


def reverse_v2(op: Operator, x: np.ndarray, axes: np.ndarray) -> np.ndarray:
    """x: any shape and numeric type, turned around along the axes, int32 [n]."""
    named = [normalize_axis(op, a, x.ndim) for a in axes.tolist()]
    if len(set(named)) < len(named):
        raise op.error(f"the axes {named} name one twice; name each once")
    return np.flip(x, tuple(named))


def _infer_reverse_sequence(op: Operator, x: Spec, lengths: Spec) -> Spec:
    check_type(op, x)
    sequence, batch = op.options.seq_dim, op.options.batch_dim
    if not (0 <= sequence < x.rank and 0 <= batch < x.rank and sequence != batch):
        raise op.error(f"seq_dim is {sequence} and batch_dim {batch}; they must be two different axes in [0, {x.rank - 1}]")
    vector(op, "the lengths", lengths, x.shape[batch])
    return Spec(x.shape, x.dtype)


def reverse_sequence(op: Operator, x: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """x: any shape; lengths: int32 or int64 [batch]. In each batch the first elements, as many as its length says, are turned around."""
    sequence, batch = op.options.seq_dim, op.options.batch_dim
    if lengths.max(initial=0) > x.shape[sequence]:
        raise op.error(f"a length is {lengths.max()}, none may exceed the sequence dimension, {x.shape[sequence]}")
    step, length = np.arange(x.shape[sequence])[:, np.newaxis], lengths[np.newaxis]
    source = np.where(step < length, length - 1 - step, step)
    shape = [1] * x.ndim
    shape[sequence], shape[batch] = source.shape
    source = (source if sequence < batch else source.T).reshape(shape)
    return np.take_along_axis(x, source, sequence)


def lower_reverse_sequence(low: Any, op: Operator) -> None:
    """Runs behind the sequence and the batch dimension are moved as they are."""
    x, lengths = (low.spec(t) for t in op.inputs)
    sequence, batch = op.options.seq_dim, op.options.batch_dim
    first, second = sorted((sequence, batch))
    run = prod(x.shape[second + 1 :]) * x.dtype.itemsize
    params = ReverseSequenceParams(
        first=x.shape[first],
        middle=prod(x.shape[first + 1 : second]),
        second=x.shape[second],
        run=run,
        sequence_first=sequence == first,
        position_bytes=lengths.dtype.itemsize,
    )
    low.call(REVERSE_SEQUENCE, "any", op, params, work=prod(x.shape[: second + 1]) if run else 0, grain=moved(run))


def _infer_dynamic_update_slice(op: Operator, x: Spec, update: Spec, starts: Spec) -> Spec:
    same_type(op, x, update)
    vector(op, "the starts", starts, x.rank)
    if update.rank != x.rank or any(u > d for u, d in zip(update.shape, x.shape, strict=True)):
        raise op.error(
            f"the update {list(update.shape)} does not fit into the input {list(x.shape)}; it must be of its rank and nowhere larger"
        )
    return Spec(x.shape, x.dtype)


def dynamic_update_slice(op: Operator, x: np.ndarray, update: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """x with `update` written over it from `starts` (int32 or int64 [rank]) on, which move as far as it takes to keep it inside."""
    inside = np.clip(starts, 0, np.subtract(x.shape, update.shape))
    result = x.copy()
    result[_box(inside.tolist(), update.shape)] = update
    return result


def lower_dynamic_update_slice(low: Any, op: Operator) -> None:
    """The output takes over the input's memory where it can, and only the update is written."""
    x, update, starts = op.inputs
    shape, part, width = low.spec(x).shape, low.spec(update).shape, low.spec(x).dtype.itemsize
    if len(shape) > RANK or not is_plain(low.spec(x).dtype):
        low.host(op)
        return
    result = low.define(op.outputs[0])
    low.move([(low.value(x), result)])
    rest = (0,) * (RANK - len(shape))
    row = part[-1] if part else 1
    params = UpdateSliceParams(
        rank=len(shape),
        position_bytes=low.spec(starts).dtype.itemsize,
        run=row * width,
        size=(*part, *rest),
        limit=(*(d - u for d, u in zip(shape, part, strict=True)), *rest),
        stride=(*(s * width for s in row_strides(shape)), *rest),
    )
    rows = prod(part[:-1]) if row else 0
    low.call(
        UPDATE_SLICE,
        "any",
        op,
        params,
        work=rows,
        inputs=[low.value(update), low.value(starts)],
        outputs=[result],
        grain=moved(row * width),
    )


def _infer_dilate(op: Operator, x: Spec, dilations: Spec, value: Spec) -> Spec | None:
    same_type(op, x, value)
    if not x.rank or np.prod(value.shape) != 1:
        raise op.error(
            f"the input is {list(x.shape)} and the value {list(value.shape)}; the first must have dimensions, the second be a scalar"
        )
    factors = vector(op, "the dilations", dilations, x.rank)
    if factors is None:
        return None
    if min(factors) < 1:
        raise op.error(f"the dilations are {factors}, each must be at least 1")
    return Spec(new_shape(op, (max((d - 1) * f + 1, 0) for d, f in zip(x.shape, factors, strict=True))), x.dtype)


def dilate(op: Operator, x: np.ndarray, dilations: np.ndarray, value: np.ndarray) -> np.ndarray:
    """x: any type, spread so that dilations[i] - 1 (int32 [rank]) times the value stands between neighbours along axis i."""
    shape = settle(_infer_dilate, op, x, dilations, value).shape
    return _set_in(x, shape, value.item(), tuple(slice(None, None, f) for f in dilations.tolist()))


def lower_dilate(low: Any, op: Operator) -> None:
    """All is filled, then the input is spread over it."""
    x, dilations, value = op.inputs
    if not is_plain(low.spec(x).dtype):
        low.host(op)
        return
    y, result = canvas(low.spec(op.outputs[0]).shape), low.define(op.outputs[0])
    strided_copy(low, op, low.value(value), canvas(()), result, y)
    spread = y[tuple(slice(None, None, f) for f in low.spec(dilations).value.tolist())]
    strided_copy(low, op, low.value(x), canvas(low.spec(x).shape), result, spread)


def _permute_strided_slice(op: Operator, axes: Axes) -> Permuted | None:
    """Entries and bits of masks move with their axes; axes that the specification leaves out are taken whole."""
    options, entries = op.options, [e for t in op.inputs[1:] if (e := constant_value(t)) is not None]
    if options.new_axis_mask or options.ellipsis_mask or len(entries) < 3 or len(axes) != len(op.inputs[0].shape):
        return None
    count, rest = len(entries[0]), len(axes) - len(entries[0])
    whole = ((1 << rest) - 1) << count
    masks = {name: getattr(options, name) for name in ("begin_mask", "end_mask", "shrink_axis_mask")}
    masks["begin_mask"] |= whole
    masks["end_mask"] |= whole
    moved = [np.append(e, np.full(rest, fill, e.dtype))[list(axes)] for e, fill in zip(entries, (0, 0, 1), strict=True)]
    turned = {name: sum((mask >> a & 1) << i for i, a in enumerate(axes)) for name, mask in masks.items()}
    gone = [a for a in axes if masks["shrink_axis_mask"] >> a & 1]
    return Permuted([axes, *moved], [without(axes, gone)], turned)


def _permute_reverse(op: Operator, axes: Axes) -> Permuted | None:
    """The second input names axes."""
    named = constant_value(op.inputs[1])
    return None if named is None else Permuted([axes, np.array([axes.index(a % len(axes)) for a in named.tolist()], np.int32)], [axes])


def _permute_update(op: Operator, axes: Axes) -> Permuted | None:
    """The update has the input's axes, and the starts an entry for each."""
    starts = constant_value(op.inputs[2])
    return None if starts is None else Permuted([axes, axes, starts[list(axes)]], [axes])


register(
    OpDef(
        "SLICE",
        infer=_infer_slice,
        reference=slice_,
        options="SliceOptions",
        variants=ANY_TYPE,
        version=_slice_version,
        lower=lower_views(slice_),
        integer=SHARED,
        permute=per_axis(2),
        gradient=movement_gradient.slice_,
    )
)
register(
    OpDef(
        "STRIDED_SLICE",
        infer=_infer_strided_slice,
        reference=strided_slice,
        options="StridedSliceOptions",
        variants=ANY_TYPE,
        version=_strided_slice_version,
        lower=lower_views(strided_slice),
        integer=SHARED,
        permute=_permute_strided_slice,
        gradient=movement_gradient.strided_slice(_index),
    )
)
for _name, _options in (("PAD", "PadOptions"), ("PADV2", "PadV2Options")):
    register(
        OpDef(
            _name,
            infer=_infer_pad,
            reference=pad,
            options=_options,
            variants=("f32", "f16", "bf16", "f8", "s8", "u8", "s16", "i32", "i64", "bool"),
            version=_pad_version,
            lower=lower_pad,
            integer=SHARED,
            permute=per_axis(1),
            channels=unless_padded,
            gradient=movement_gradient.pad,
        )
    )
register(
    OpDef(
        "MIRROR_PAD",
        infer=_infer_mirror_pad,
        reference=mirror_pad,
        options="MirrorPadOptions",
        variants=ANY_TYPE,
        version=version_by_type(s8=2, s16=3),
        lower=lower_mirror_pad,
        integer=SHARED,
        channels=unless_padded,
        permute=per_axis(1),
        gradient=movement_gradient.mirror_pad,
    )
)
register(
    OpDef(
        "REVERSE_V2",
        infer=_infer_reverse,
        reference=reverse_v2,
        options="ReverseV2Options",
        variants=("f32", "f16", "bf16", "f8", "s8", "u8", "s16", "i32", "i64", "bool"),
        version=version_by_type(bool=2, s8=3, f8=4),
        lower=lower_views(reverse_v2),
        integer=SHARED,
        permute=_permute_reverse,
        gradient=movement_gradient.reverse_v2,
    )
)
register(
    OpDef(
        "REVERSE_SEQUENCE",
        infer=_infer_reverse_sequence,
        reference=reverse_sequence,
        options="ReverseSequenceOptions",
        variants=("f32", "u8", "s16", "i32", "i64"),
        lower=lower_reverse_sequence,
        integer=SHARED,
        gradient=movement_gradient.reverse_sequence,
    )
)
register(
    OpDef(
        "DYNAMIC_UPDATE_SLICE",
        infer=_infer_dynamic_update_slice,
        reference=dynamic_update_slice,
        options="DynamicUpdateSliceOptions",
        variants=ANY_TYPE,
        version=lambda op: version_by_type(2 if op.inputs[2].dtype == np.int64 else 1, f16=3, s16=4, s4=5, bf16=6)(op),
        in_place=True,
        lower=lower_dynamic_update_slice,
        integer=SHARED,
        permute=_permute_update,
        gradient=movement_gradient.dynamic_update_slice,
    )
)
register(OpDef("DILATE", _infer_dilate, dilate, "DilateOptions", ANY_TYPE, lower=lower_dilate, permute=per_axis(1)))
