"""Shapes, and rearranging elements."""

from typing import Any

import numpy as np

from tachylite.frontends.shaping import ints, transpose
from tachylite.frontends.shaping import reshape as reshape_to
from tachylite.frontends.tf.node import Node, op
from tachylite.model.dtypes import TYPE_NAMES
from tachylite.model.graph import Tensor


@op("Shape")
def shape(self: Node, x: Tensor) -> Tensor:
    return self.build.SHAPE(x, out_type=TYPE_NAMES[self.dtype("out_type")] if self.has("out_type") else "INT32")


@op("ShapeN")
def shape_n(self: Node, *xs: Tensor) -> list[Tensor]:
    return [shape(self, x) for x in xs]


@op("Rank")
def rank(self: Node, x: Tensor) -> Tensor:
    return self.build.constant(np.array(len(x.shape), np.int32))


@op("Size")
def size(self: Node, x: Tensor) -> Tensor:
    return self.build.REDUCE_PROD(shape(self, x), ints(0))


@op("Reshape")
def reshape(self: Node, x: Tensor, sizes: Tensor) -> Tensor:
    """Sizes that follow from unknown dimensions are left open, so that the model can be resized."""
    known = self.build.sizes(sizes)
    if known is None:
        return self.build.RESHAPE(x, as_int32(self, sizes))
    if known.count(None) > 1 or (None in known and -1 in known):
        return self.build.RESHAPE(x, as_int32(self, sizes))
    return reshape_to(self.build, x, [None if n is None or n < 0 else n for n in known])


def as_int32(self: Node, x: Tensor) -> Tensor:
    """Sizes or indices in the type that all operators take."""
    if x.dtype != np.int64:
        return x
    value = self.build.value(x)
    if value is not None:
        return self.build.constant(value.astype(np.int32))
    return self.build.CAST(x, in_data_type="INT64", out_data_type="INT32")


@op("ExpandDims")
def expand_dims(self: Node, x: Tensor, axis: Tensor) -> Tensor:
    return self.build.EXPAND_DIMS(x, as_int32(self, axis))


@op("Squeeze")
def squeeze(self: Node, x: Tensor) -> Tensor:
    axes = self.integers("squeeze_dims") or [i for i, n in enumerate(x.shape_signature or x.shape) if n == 1]
    return self.build.SQUEEZE(x, squeeze_dims=tuple(axes))


@op("Transpose")
def transpose_(self: Node, x: Tensor, axes: Tensor) -> Tensor:
    return transpose(self.build, x, self.known_ints(axes, "axes"))


@op("InvertPermutation")
def invert_permutation(self: Node, x: Tensor) -> Tensor:
    return self.build.constant(np.argsort(self.known(x, "axes")).astype(x.dtype))


@op("ConcatV2")
def concat(self: Node, *operands: Tensor) -> Tensor:
    *parts, axis = operands
    return _concatenate(self, parts, axis)


@op("Concat")
def old_concat(self: Node, axis: Tensor, *parts: Tensor) -> Tensor:
    return _concatenate(self, list(parts), axis)


def _concatenate(self: Node, parts: list[Tensor], axis: Tensor) -> Tensor:
    (number,) = self.known_ints(axis, "axis")
    return parts[0] if len(parts) == 1 else self.build.CONCATENATION(*parts, axis=number % len(parts[0].shape))


@op("Split")
def split(self: Node, axis: Tensor, x: Tensor) -> list[Tensor]:
    return self.outputs_like(self.build.SPLIT(axis, x, num_splits=self.integer("num_split")))


@op("SplitV")
def split_v(self: Node, x: Tensor, sizes: Tensor, axis: Tensor) -> list[Tensor]:
    return self.outputs_like(self.build.SPLIT_V(x, as_int32(self, sizes), as_int32(self, axis), num_splits=self.integer("num_split")))


@op("Pack")
def pack(self: Node, *parts: Tensor) -> Tensor:
    return self.build.PACK(*parts, values_count=len(parts), axis=self.integer("axis") % (len(parts[0].shape) + 1))


@op("Unpack")
def unpack(self: Node, x: Tensor) -> list[Tensor]:
    axis = self.integer("axis") % len(x.shape)
    return self.outputs_like(self.build.UNPACK(x, num=self.integer("num"), axis=axis))


@op("Tile")
def tile(self: Node, x: Tensor, counts: Tensor) -> Tensor:
    return self.build.TILE(x, as_int32(self, counts))


@op("BroadcastTo")
def broadcast_to(self: Node, x: Tensor, sizes: Tensor) -> Tensor:
    return self.build.BROADCAST_TO(x, as_int32(self, sizes))


@op("BroadcastArgs")
def broadcast_args(self: Node, x: Tensor, y: Tensor) -> Tensor:
    return self.build.BROADCAST_ARGS(x, y)


@op("Fill")
def fill(self: Node, sizes: Tensor, value: Tensor) -> Tensor:
    return self.build.FILL(as_int32(self, sizes), value)


@op("Range")
def range_(self: Node, start: Tensor, limit: Tensor, step: Tensor) -> Tensor:
    return self.build.RANGE(start, limit, step)


@op("LinSpace")
def lin_space(self: Node, start: Tensor, stop: Tensor, count: Tensor) -> Tensor:
    first, last, number = (self.known(x, "bounds") for x in (start, stop, count))
    return self.build.constant(np.linspace(first.item(), last.item(), int(number), dtype=start.dtype))


@op("Pad")
def pad(self: Node, x: Tensor, paddings: Tensor) -> Tensor:
    return self.build.PAD(x, as_int32(self, paddings))


@op("PadV2")
def pad_v2(self: Node, x: Tensor, paddings: Tensor, value: Tensor) -> Tensor:
    return self.build.PADV2(x, as_int32(self, paddings), value)


@op("MirrorPad")
def mirror_pad(self: Node, x: Tensor, paddings: Tensor) -> Tensor:
    return self.build.MIRROR_PAD(x, as_int32(self, paddings), mode=self.text("mode"))


@op("ReverseV2")
def reverse(self: Node, x: Tensor, axes: Tensor) -> Tensor:
    """One axis at a time, because LiteRT takes neighbours alone."""
    for axis in self.known_ints(axes, "axes"):
        x = self.build.REVERSE_V2(x, ints(axis % len(x.shape)))
    return x


@op("ReverseSequence")
def reverse_sequence(self: Node, x: Tensor, lengths: Tensor) -> Tensor:
    return self.build.REVERSE_SEQUENCE(x, lengths, seq_dim=self.integer("seq_dim"), batch_dim=self.integer("batch_dim"))


@op("Slice")
def slice_(self: Node, x: Tensor, begin: Tensor, sizes: Tensor) -> Tensor:
    return self.build.SLICE(x, begin, sizes)


@op("StridedSlice")
def strided_slice(self: Node, x: Tensor, begin: Tensor, end: Tensor, strides: Tensor) -> Tensor:
    """Written without ellipsis and new axes, which runtimes take in few ranks: what is new comes from a reshape."""
    masks = {name: self.integer(f"{name}_mask") for name in ("begin", "end", "shrink_axis", "ellipsis", "new_axis")}
    if not masks["ellipsis"] and not masks["new_axis"]:
        masks = {f"{name}_mask": bits for name, bits in masks.items()}
        return self.build.STRIDED_SLICE(x, *(as_int32(self, t) for t in (begin, end, strides)), **masks)
    return _general_slice(self, x, [self.known_ints(t, "bounds") for t in (begin, end, strides)], masks)


def _general_slice(self: Node, x: Tensor, bounds: list[list[int]], masks: dict[str, int]) -> Tensor:
    """Entry by entry: each takes an axis of x, adds one, or takes all those that the others leave."""
    count = len(bounds[0])
    is_set = {name: [bool(bits >> i & 1) for i in range(count)] for name, bits in masks.items()}
    taken = sum(not is_set["new_axis"][i] and not is_set["ellipsis"][i] for i in range(count))
    rows: list[tuple[int, int, int]] = []
    flags: dict[str, int] = {"begin_mask": 0, "end_mask": 0, "shrink_axis_mask": 0}
    new_axes: list[int] = []
    axis_out = 0
    for i in range(count):
        if is_set["ellipsis"][i]:
            for _ in range(len(x.shape) - taken):
                flags["begin_mask"] |= 1 << len(rows)
                flags["end_mask"] |= 1 << len(rows)
                rows.append((0, 0, 1))
                axis_out += 1
        elif is_set["new_axis"][i]:
            new_axes.append(axis_out)
            axis_out += 1
        else:
            for name in ("begin", "end", "shrink_axis"):
                flags[f"{name}_mask"] |= is_set[name][i] << len(rows)
            rows.append((bounds[0][i], bounds[1][i], bounds[2][i]))
            axis_out += not is_set["shrink_axis"][i]
    y: Any = x
    if any(flags["begin_mask"] >> i & flags["end_mask"] >> i & 1 == 0 or row[2] != 1 for i, row in enumerate(rows)):
        y = self.build.STRIDED_SLICE(x, *(ints(*column) for column in zip(*rows, strict=True)), **flags)
    for axis in new_axes:
        y = self.build.EXPAND_DIMS(y, np.array(axis, np.int32))
    return y


@op("GatherV2")
def gather(self: Node, x: Tensor, indices: Tensor, axis: Tensor) -> Tensor:
    (number,) = self.known_ints(axis, "axis")
    return self.build.GATHER(x, indices, axis=number % len(x.shape), batch_dims=self.integer("batch_dims"))


@op("Gather")
def old_gather(self: Node, x: Tensor, indices: Tensor) -> Tensor:
    return self.build.GATHER(x, indices, axis=0)


@op("GatherNd")
def gather_nd(self: Node, x: Tensor, indices: Tensor) -> Tensor:
    return self.build.GATHER_ND(x, indices)


@op("ScatterNd")
def scatter_nd(self: Node, indices: Tensor, updates: Tensor, sizes: Tensor) -> Tensor:
    return self.build.SCATTER_ND(indices, updates, sizes)


@op("OneHot")
def one_hot(self: Node, indices: Tensor, depth: Tensor, on: Tensor, off: Tensor) -> Tensor:
    return self.build.ONE_HOT(indices, depth, on, off, axis=self.integer("axis", -1))


@op("MatrixDiag")
def matrix_diag(self: Node, x: Tensor) -> Tensor:
    return self.build.MATRIX_DIAG(x)


@op("MatrixSetDiag")
def matrix_set_diag(self: Node, x: Tensor, diagonal: Tensor) -> Tensor:
    return self.build.MATRIX_SET_DIAG(x, diagonal)


@op("MatrixDiagV2", "MatrixDiagV3")
def matrix_diag_v3(self: Node, x: Tensor, k: Tensor, rows: Tensor, columns: Tensor, padding: Tensor) -> Tensor:
    """The main diagonal of a square matrix, padded with zeros."""
    sizes = [self.known_ints(operand, "diagonals") for operand in (k, rows, columns)]
    if set(sizes[0]) != {0} or any(n not in (-1, x.shape[-1]) for n in (*sizes[1], *sizes[2])) or np.any(self.known(padding, "padding")):
        raise self.refuse("it is more than a square matrix of a main diagonal and zeros", "write it with tf.linalg.diag(x) alone")
    return self.build.MATRIX_DIAG(x)


@op("Where")
def where(self: Node, condition: Tensor) -> Tensor:
    """Positions [n, rank] of what is true, as many as there are."""
    out = self.build.tensor(self.build.unique(self.name), (0, len(condition.shape)), np.int64)
    out.shape_signature = (-1, len(condition.shape))
    return self.build.WHERE(condition, out=out)
