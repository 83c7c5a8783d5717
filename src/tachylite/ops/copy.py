"""Moving elements natively. A strided copy serves every operator that only rearranges what it is given.

What goes where is told by numpy: a canvas has a tensor's shape and is never read, and views of it (sliced, transposed, broadcast, turned
around) say by their strides which elements they mean. An operator whose reference is a view is so lowered by that reference.
"""

from collections.abc import Callable, Sequence
from ctypes import c_int32, c_int64
from math import prod
from typing import Any

import numpy as np

from tachylite.model.graph import Operator, Shape

from .kernel import Params, kernel
from .registry import Spec

RANK = 8
"""The most dimensions that one call of the kernels handles, once those that can be are merged."""


class CopyParams(Params):
    """Sizes, outermost first, and each tensor's offset and strides in elements; a row is copied in `pieces` of `piece` columns."""

    _fields_ = (
        ("source_offset", c_int32),
        ("target_offset", c_int32),
        ("piece", c_int32),
        ("pieces", c_int32),
        ("size", c_int32 * RANK),
        ("source_stride", c_int32 * RANK),
        ("target_stride", c_int32 * RANK),
    )


STRIDED_COPY = kernel("strided_copy", CopyParams, "b8", "b16", "b32", "b64")
MAPPED_COPY = kernel("mapped_copy", CopyParams, "b8", "b16")
TRANSPOSE = kernel("transpose", CopyParams, "b8", "b16", "b32", "b64")


class PositionParams(Params):
    """Position vectors of `depth` numbers along dimensions of these sizes; the kernel says whether run and strides count bytes.

    positions, source, target: which of the call's tensors these are. It has all of the operator's own, so that its reference can explain
    a failure.
    """

    _fields_ = (
        ("outer_stride", c_int64),
        ("stride", c_int64 * RANK),
        ("size", c_int32 * RANK),
        ("depth", c_int32),
        ("position_bytes", c_int32),
        ("count", c_int32),
        ("outer", c_int32),
        ("run", c_int32),
        ("positions", c_int32),
        ("source", c_int32),
        ("target", c_int32),
    )


class OneHotParams(Params):
    """Positions [outer, inner] become [outer, depth, inner]."""

    _fields_ = (("depth", c_int32), ("inner", c_int32), ("position_bytes", c_int32))


class UpdateSliceParams(Params):
    """Sizes of the update, the greatest start along each dimension, strides of the target and the row's length in bytes."""

    _fields_ = (
        ("stride", c_int64 * RANK),
        ("size", c_int32 * RANK),
        ("limit", c_int32 * RANK),
        ("rank", c_int32),
        ("position_bytes", c_int32),
        ("run", c_int32),
    )


class ReverseSequenceParams(Params):
    """Dimensions [..., first, middle, second, run], the last in bytes."""

    _fields_ = (
        ("first", c_int32),
        ("middle", c_int32),
        ("second", c_int32),
        ("run", c_int32),
        ("sequence_first", c_int32),
        ("position_bytes", c_int32),
    )


GATHER = kernel("gather", PositionParams, "any")
SCATTER = kernel("scatter", PositionParams, "b8", "b16", "b32", "b64", "add_b8", "add_b32", "add_b64", "add_f32", "add_bool")
ONE_HOT = kernel("one_hot", OneHotParams, "b8", "b16", "b32", "b64")
UPDATE_SLICE = kernel("update_slice", UpdateSliceParams, "any")
REVERSE_SEQUENCE = kernel("reverse_sequence", ReverseSequenceParams, "any")

_LINE, _TILE = 64, 16
"""Bytes of the band and of the tile that the transposing kernel moves at once."""

_PIECE = 16384
"""Columns of a row that are worth a work item of their own; also the bytes that are worth a thread's while, times four."""


def canvas(shape: Shape) -> np.ndarray:
    """An array that is never read; an element is one byte, so that strides count elements."""
    return np.empty(shape, np.uint8)


def is_plain(dtype: np.dtype) -> bool:
    """Whether elements are bytes in memory, which kernels can move, and not the host's objects."""
    return not (dtype.hasobject or dtype.names)


def width(dtype: np.dtype) -> str:
    """The kernel variant for elements of a type; the widest are moved in halves."""
    return f"b{min(dtype.itemsize, 8) * 8}"


def strided_copy(low: Any, op: Operator, source: int, x: np.ndarray, target: int, y: np.ndarray, table: int | None = None) -> None:
    """Emit y[...] = x, or table[x], where x is a view of value `source` that broadcasts to y, a view of value `target`."""
    if not y.size:
        return
    dtype = low.program.values[target].dtype
    axes = _merge(np.broadcast_to(x, y.shape), y)
    offsets = [_offset(x), _offset(y)]
    if dtype.itemsize == 16:
        axes = [*((size, 2 * a, 2 * b) for size, a, b in axes), (2, 1, 1)]
        offsets = [2 * offset for offset in offsets]
    if len(axes) > RANK:
        for part, whole in zip(np.broadcast_to(x, y.shape), y, strict=True):
            strided_copy(low, op, source, part, target, whole, table)
        return
    kind = STRIDED_COPY if table is None else MAPPED_COPY
    if table is None and (turned := _turn(axes, _TILE // min(dtype.itemsize, 8))):
        kind, axes = TRANSPOSE, turned
    size, source_stride, target_stride = zip(*[(1, 0, 0)] * (RANK - len(axes)), *axes, strict=True)
    piece = min(size[-1], _PIECE)
    pieces = -(-size[-1] // piece)
    rows = -(-size[-2] * min(dtype.itemsize, 8) // _LINE) if kind is TRANSPOSE else size[-2]
    work = prod(size[:-2]) * rows * pieces
    params = CopyParams(
        source_offset=offsets[0],
        target_offset=offsets[1],
        piece=piece,
        pieces=pieces,
        size=size,
        source_stride=source_stride,
        target_stride=target_stride,
    )
    inputs = [source] if table is None else [source, table]
    grain = max(1, 4 * _PIECE * work // (prod(size) * dtype.itemsize))
    low.call(kind, width(dtype), op, params, work=work, inputs=inputs, outputs=[target], grain=grain)


Axis = tuple[int, int, int]
"""Size, source stride, target stride."""


def _merge(x: np.ndarray, y: np.ndarray) -> list[Axis]:
    """The axes of two views of one shape, in the order of the target's memory; neighbours that both step through as one are one."""
    axes: list[Axis] = []
    for size, a, b in sorted(zip(y.shape, x.strides, y.strides, strict=True), key=lambda axis: -abs(axis[2])):
        if axes and axes[-1][1:] == (size * a, size * b):
            axes[-1] = (axes[-1][0] * size, a, b)
        elif size > 1:
            axes.append((size, a, b))
    return axes or [(1, 1, 1)]


def _turn(axes: list[Axis], least: int) -> list[Axis] | None:
    """The axes, last the two of which the source has its neighbours along one, the target along the other; None where none are so."""
    columns = axes[-1]
    if columns[2] != 1 or columns[1] in (0, 1) or columns[0] < least:
        return None
    rows = next((axis for axis in axes[:-1] if axis[1] == 1 and axis[0] >= least), None)
    return rows and [*(axis for axis in axes[:-1] if axis is not rows), rows, columns]


def _offset(view: np.ndarray) -> int:
    """Where a view of a canvas begins in it."""
    whole = view if view.base is None else view.base
    return int(view.ctypes.data - whole.ctypes.data)


def constant(low: Any, value: Any, dtype: np.dtype) -> int:
    """The value of one constant element."""
    return int(low.temporary(Spec((), dtype, np.array(value, dtype))))


def fill_around(low: Any, op: Operator, source: int, target: int, y: np.ndarray, pairs: Sequence[tuple[int, int]]) -> np.ndarray:
    """Fill so many elements at the edges of y, before and after along each axis, with that of `source`. Returns the view between."""
    one = canvas(())
    for axis, (before, after) in enumerate(pairs):
        lead, stop = (slice(None),) * axis, y.shape[axis] - after
        strided_copy(low, op, source, one, target, y[*lead, :before])
        strided_copy(low, op, source, one, target, y[*lead, stop:])
        y = y[*lead, before:stop]
    return y


def lower_same(low: Any, op: Operator) -> None:
    """The output has the input's bytes: no copy, where it can take over their memory."""
    if is_plain(low.spec(op.inputs[0]).dtype):
        low.move([(low.value(op.inputs[0]), low.define(op.outputs[0]))])
    else:
        low.host(op)


def lower_views(view: Callable[..., Any], position: int = 0) -> Callable[[Any, Operator], None]:
    """The lowering of an operator whose outputs are views of one input: `view` is its reference, or one but for the final shape."""

    def lower(low: Any, op: Operator) -> None:
        specs = [low.spec(t) for t in op.inputs]
        x = canvas(specs[position].shape)
        known = [None if s is None else s.value for s in specs]
        if not is_plain(specs[position].dtype) or any(s is not None and s.value is None for s in specs[:position] + specs[position + 1 :]):
            low.host(op)
            return
        result = view(op, *known[:position], x, *known[position + 1 :])
        source = low.value(op.inputs[position])
        for tensor, part in zip(op.outputs, result if isinstance(result, list) else [result], strict=True):
            strided_copy(low, op, source, part, low.define(tensor), canvas(low.spec(tensor).shape).reshape(part.shape))

    return lower


def moved(size: int) -> int:
    """The grain of items that move so many bytes each."""
    return max(1, 4 * _PIECE // max(size, 1))


def row_strides(shape: Shape) -> list[int]:
    """How many elements lie between neighbours along each dimension."""
    return [prod(shape[i + 1 :]) for i in range(len(shape))]


def position_params(sizes: Shape, width: int, run: int, vectors: Spec, **rest: int) -> PositionParams:
    """Positions along the leading dimensions `sizes` of a tensor, behind which lie `run` elements of `width` bytes."""
    none = (0,) * (RANK - len(sizes))
    return PositionParams(
        stride=(*(s * run * width for s in row_strides(sizes)), *none),
        size=(*sizes, *none),
        depth=len(sizes),
        position_bytes=vectors.dtype.itemsize,
        run=run * width,
        **rest,
    )


def lower_rows(low: Any, op: Operator, sizes: Shape, positions: Spec, behind: Shape, outer: int, counted: Shape, source: int = 0) -> None:
    """Gather from input `source`, [batch, outer, *sizes, *behind], at positions that are the other input, [batch, *counted, ...]."""
    dtype = low.spec(op.inputs[source]).dtype
    if not is_plain(dtype) or len(sizes) > RANK:
        low.host(op)
        return
    run, count = prod(behind), prod(counted)
    stride = prod(sizes) * run * dtype.itemsize
    places = {"source": source, "positions": 1 - source, "target": 2}
    params = position_params(sizes, dtype.itemsize, run, positions, count=count, outer=outer, outer_stride=stride, **places)
    work = low.size(op.outputs[0]) // run if run else 0
    low.call(GATHER, "any", op, params, work=work, grain=moved(params.run))
