"""Shapes, and rearranging elements."""

import numpy as np

from tachylite.frontends.builder import dims
from tachylite.frontends.onnx.node import Node, as_list, op
from tachylite.frontends.onnx.tensors import dtype_of
from tachylite.frontends.shaping import ints, size_of, transpose
from tachylite.frontends.shaping import reshape as reshape_to
from tachylite.frontends.types import cast, move, moving_type
from tachylite.model.dtypes import limits
from tachylite.model.graph import Tensor


@op("Reshape")
def reshape(self: Node, x: Tensor, sizes: Tensor) -> Tensor:
    """0 stands for a size of x. Sizes that follow from unknown dimensions are left open, so that the model can be resized."""
    known = self.build.sizes(sizes)
    if known is None:
        return self.build.RESHAPE(x, cast(self.build, sizes, np.int32))
    kept = [_kept(x, i) if n == 0 and not self.get("allowzero", 0) else n for i, n in enumerate(known)]
    open_ones = [i for i, n in enumerate(kept) if n is None or n < 0]
    if len(open_ones) <= 1:
        return reshape_to(self.build, x, [None if n is None or n < 0 else n for n in kept])
    if len(known) == len(x.shape) and all(known[i] == 0 for i in open_ones if kept[i] is None):
        return reshape_to(self.build, x, [size_of(self.build, x, i) if known[i] == 0 else n for i, n in enumerate(kept)])
    return self.build.RESHAPE(x, cast(self.build, sizes, np.int32))


def _kept(x: Tensor, axis: int) -> int | None:
    return dims(x)[axis]


@op("Flatten")
def flatten(self: Node, x: Tensor) -> Tensor:
    """A matrix: the axes before `axis`, and those from it on."""
    axis, rank = self.get("axis", 1), len(x.shape)
    axis = axis + rank if axis < 0 else axis
    first, last = dims(x)[:axis], dims(x)[axis:]
    if None in last:
        return reshape_to(self.build, x, [int(np.prod(x.shape[:axis])), None])
    return reshape_to(self.build, x, [None if None in first else int(np.prod(x.shape[:axis])), int(np.prod(x.shape[axis:]))])


@op("Transpose")
def transpose_(self: Node, x: Tensor) -> Tensor:
    return transpose(self.build, x, self.get("perm") or list(range(len(x.shape)))[::-1])


@op("Squeeze")
def squeeze(self: Node, x: Tensor, axes: Tensor | None = None) -> Tensor:
    found = self.integers("axes", axes)
    if found is None:
        found = [i for i, d in enumerate(dims(x)) if d == 1]
    return self.build.SQUEEZE(x, squeeze_dims=tuple(sorted(a % len(x.shape) for a in found))) if found else x


@op("Unsqueeze")
def unsqueeze(self: Node, x: Tensor, axes: Tensor | None = None) -> Tensor:
    found = self.integers("axes", axes) or []
    rank = len(x.shape) + len(found)
    for axis in sorted(a % rank for a in found):
        x = self.build.EXPAND_DIMS(x, np.array(axis, np.int32))
    return x


@op("Concat")
def concat(self: Node, *parts: Tensor) -> Tensor:
    if len(parts) == 1:
        return parts[0]
    return move(self.build, "CONCATENATION", parts, axis=self.need("axis") % len(parts[0].shape))


@op("Split")
def split(self: Node, x: Tensor, sizes: Tensor | None = None) -> list[Tensor]:
    """Into pieces of these sizes, or into as many as there are outputs, of which the last may be smaller."""
    axis = self.get("axis", 0) % len(x.shape)
    found = self.integers("split", sizes)
    if found is None:
        count = self.get("num_outputs", len(self.is_read))
        if dims(x)[axis] is None or x.shape[axis] % count == 0:
            return as_list(move_split(self, x, axis, count))
        each = -(-x.shape[axis] // count)
        found = [min(each, x.shape[axis] - i * each) for i in range(count)]
    return pieces(self, x, axis, found)


def move_split(self: Node, x: Tensor, axis: int, count: int) -> list[Tensor]:
    """Equal pieces."""
    inner = cast(self.build, x, _split_type(x))
    return [cast(self.build, y, x.dtype) for y in as_list(self.build.SPLIT(np.array(axis, np.int32), inner, num_splits=count))]


def pieces(self: Node, x: Tensor, axis: int, sizes: list[int]) -> list[Tensor]:
    """Pieces of these sizes."""
    inner = cast(self.build, x, _split_type(x))
    results = as_list(self.build.SPLIT_V(inner, ints(*sizes), np.array(axis, np.int32), num_splits=len(sizes)))
    return [cast(self.build, y, x.dtype) for y in results]


def _split_type(x: Tensor) -> np.dtype:
    return moving_type("SPLIT_V", x.dtype)


@op("Tile")
def tile(self: Node, x: Tensor, counts: Tensor) -> Tensor:
    return self.build.TILE(x, cast(self.build, counts, np.int32))


@op("Expand")
def expand(self: Node, x: Tensor, sizes: Tensor) -> Tensor:
    """To the shape that x and one of these sizes broadcast to."""
    build = self.build
    known = build.value(sizes)
    if known is not None and None not in dims(x):
        return build.BROADCAST_TO(x, ints(*np.broadcast_shapes(x.shape, tuple(known.tolist()))))
    own = build.SHAPE(x, out_type="INT32")
    return build.BROADCAST_TO(x, build.BROADCAST_ARGS(own, cast(build, sizes, np.int32)))


@op("Range")
def range_(self: Node, start: Tensor, limit: Tensor, step: Tensor) -> Tensor:
    inner = np.dtype(np.int32) if start.dtype == np.int16 else start.dtype
    operands = [cast(self.build, self.build.RESHAPE(x, ints()), inner) for x in (start, limit, step)]
    if all(self.build.value(x) is not None for x in operands):
        return cast(self.build, self.build.RANGE(*operands), start.dtype)
    return cast(self.build, self.build.RANGE(*operands, out=self.build.open_tensor(self.name, (None,), inner)), start.dtype)


# Slices.


@op("Slice")
def slice_(
    self: Node,
    x: Tensor,
    starts: Tensor | None = None,
    ends: Tensor | None = None,
    axes: Tensor | None = None,
    steps: Tensor | None = None,
) -> Tensor:
    """Bounds are attributes before operator set 10. Those of other axes than `axes` are open."""
    rank = len(x.shape)
    first, last = (_bounds(self, name, operand) for name, operand in (("starts", starts), ("ends", ends)))
    count = first.shape[0]
    chosen = [a % rank for a in self.integers("axes", axes) or range(count)]
    strides = self.integers("steps", steps) or [1] * count
    known = [self.build.value(bounds) for bounds in (first, last)]
    if known[0] is not None and known[1] is not None:
        return _known_slice(self, x, chosen, known[0].tolist(), known[1].tolist(), strides)
    if any(s < 0 for s in strides):
        raise self.refuse("it goes backwards from a place that is computed when the model runs", "make starts and ends constant")
    step = np.ones(rank, np.int32)
    step[chosen] = strides
    mask = sum(1 << a for a in range(rank) if a not in chosen)
    begin, end = (_spread(self, bounds, chosen, rank) for bounds in (first, last))
    out = None
    if self.build.sizes(begin) is None or self.build.sizes(end) is None:
        length = _distance(self, first, last) if set(strides) == {1} else None
        out = self.build.open_tensor(self.name, tuple(length if a in chosen else d for a, d in enumerate(dims(x))), x.dtype)
    return self.build.STRIDED_SLICE(x, begin, end, step, begin_mask=mask, end_mask=mask, out=out)


def _distance(self: Node, first: Tensor, last: Tensor) -> int | None:
    """How far the end of a slice lies behind its beginning, where it is that plus a number, as in x[i : i + 1]."""
    start, end = (self.converter.origins.get(t) for t in (first, last))
    if end is None:
        return None
    if end.node.op == "Add":
        rest = [self.build.value(t) for t in end.inputs if t is not first]
        return int(rest[0].item()) if len(rest) == 1 and rest[0] is not None and rest[0].size == 1 else None
    is_same = start is not None and start.node.op == end.node.op and end.node.op in ("Unsqueeze", "Reshape", "Cast")
    return _distance(self, start.inputs[0], end.inputs[0]) if start is not None and is_same else None


def _bounds(self: Node, name: str, operand: Tensor | None) -> Tensor:
    return self.build.constant(np.array(self.need(name), np.int64)) if operand is None else operand


def _known_slice(self: Node, x: Tensor, axes: list[int], starts: list[int], ends: list[int], steps: list[int]) -> Tensor:
    """Open ends are told by masks, so that the slice follows the sizes of x."""
    rank = len(x.shape)
    begin, end, stride = np.zeros(rank, np.int32), np.zeros(rank, np.int32), np.ones(rank, np.int32)
    masks = [(1 << rank) - 1] * 2
    for axis, first, last, step in zip(axes, starts, ends, steps, strict=True):
        stride[axis] = np.clip(step, *limits(stride.dtype))
        for place, (bounds, bound) in enumerate(zip((begin, end), _span(dims(x)[axis], first, last, int(stride[axis])), strict=True)):
            if bound is not None:
                bounds[axis] = np.clip(bound, *limits(bounds.dtype))
                masks[place] &= ~(1 << axis)
    return self.build.STRIDED_SLICE(x, begin, end, stride, begin_mask=masks[0], end_mask=masks[1])


def _span(size: int | None, first: int, last: int, step: int) -> tuple[int | None, int | None]:
    """Where a slice of an axis begins and ends, None where that is where the axis does."""
    low, high = limits(np.dtype(np.int32))
    if size is not None:
        first, last, _ = slice(first, last, step).indices(size)
        edges = (0, size) if step > 0 else (size - 1, -1)
        return None if first == edges[0] else first, None if last == edges[1] else last
    if step > 0:
        return first or None, None if last >= high else last
    return None if first == -1 or first >= high else first, None if last <= low else last


def _spread(self: Node, bounds: Tensor, axes: list[int], rank: int) -> Tensor:
    """Bounds of some axes as one of each axis, zeros for the others."""
    build = self.build
    places, count = np.zeros(rank, np.int32), len(axes)
    places[:] = count
    places[axes] = range(count)
    low, high = (np.array(n, np.int64) for n in limits(np.dtype(np.int32)))
    bounded = build.MINIMUM(build.MAXIMUM(cast(build, bounds, np.int64), low), high)
    padded = build.CONCATENATION(cast(build, bounded, np.int32), ints(0), axis=0)
    return build.GATHER(padded, places, axis=0)


# Padding.


@op("Pad")
def pad(self: Node, x: Tensor, pads: Tensor | None = None, fill: Tensor | None = None, axes: Tensor | None = None) -> Tensor:
    """Negative pads crop. Axes that are not told come without."""
    build, rank = self.build, len(x.shape)
    chosen = [a % rank for a in self.known_ints(axes, "axes")] if axes is not None else list(range(rank))
    amounts = self.integers("pads", pads) or []
    pairs = np.zeros((rank, 2), np.int32)
    pairs[chosen] = np.array(amounts, np.int32).reshape(2, -1).T
    mode = self.get("mode", "constant")
    if mode == "wrap":
        return _wrapped(self, x, pairs)
    x = _cropped(self, x, np.maximum(-pairs, 0))
    pairs = np.maximum(pairs, 0)
    if not pairs.any():
        return x
    if mode == "reflect":
        return build.MIRROR_PAD(x, pairs, mode="REFLECT")
    if mode == "edge":
        return _repeated(self, x, pairs)
    value = build.constant(np.array(self.get("value", 0), x.dtype)) if fill is None else build.RESHAPE(fill, ints())
    is_zero = (known := build.value(value)) is not None and known == 0
    return move(build, "PAD", [x], pairs) if is_zero else _filled(self, x, pairs, value)


def _filled(self: Node, x: Tensor, pairs: np.ndarray, value: Tensor) -> Tensor:
    inner = moving_type("PADV2", x.dtype)
    return cast(self.build, self.build.PADV2(cast(self.build, x, inner), pairs, cast(self.build, value, inner)), x.dtype)


def _cropped(self: Node, x: Tensor, margins: np.ndarray) -> Tensor:
    if not margins.any():
        return x
    axes = [int(a) for a in np.flatnonzero(margins.any(axis=1))]
    ends = [-int(margins[a, 1]) or 2**31 for a in axes]
    return _known_slice(self, x, axes, [int(margins[a, 0]) for a in axes], ends, [1] * len(axes))


def _repeated(self: Node, x: Tensor, pairs: np.ndarray) -> Tensor:
    """Elements at the edges repeated: a symmetric padding, one element at a time."""
    while pairs.any():
        step = np.minimum(pairs, 1)
        x = self.build.MIRROR_PAD(x, step.astype(np.int32), mode="SYMMETRIC")
        pairs = pairs - step
    return x


def _wrapped(self: Node, x: Tensor, pairs: np.ndarray) -> Tensor:
    """Elements gathered from the other end."""
    for axis, (before, after) in enumerate(pairs.tolist()):
        if before or after:
            if dims(x)[axis] is None:
                raise self.refuse("it wraps along an axis whose size is unknown", "fix it with input_shapes=")
            places = np.arange(-before, x.shape[axis] + after) % x.shape[axis]
            x = move(self.build, "GATHER", [x], places.astype(np.int32), axis=axis)
    return x


@op("ReverseSequence")
def reverse_sequence(self: Node, x: Tensor, lengths: Tensor) -> Tensor:
    return self.build.REVERSE_SEQUENCE(x, lengths, seq_dim=self.get("time_axis", 0), batch_dim=self.get("batch_axis", 1))


@op("Trilu")
def triangle(self: Node, x: Tensor, k: Tensor | None = None) -> Tensor:
    """The upper or the lower triangle from diagonal k, zeros in the other."""
    shift = 0 if k is None else int(self.known(k, "diagonal"))
    if None in dims(x)[-2:]:
        raise self.refuse("its matrices have unknown sizes", "fix them with input_shapes=")
    ones = np.ones(x.shape[-2:], bool)
    kept = np.triu(ones, shift) if self.get("upper", 1) else np.tril(ones, shift)
    return self.build.SELECT_V2(kept, x, np.zeros((), x.dtype))


@op("EyeLike")
def eye_like(self: Node, x: Tensor) -> Tensor:
    dtype = dtype_of(self.get("dtype")) if self.has("dtype") else x.dtype
    if None in dims(x):
        raise self.refuse("its matrix has unknown sizes", "fix them with input_shapes=")
    return self.build.constant(np.eye(x.shape[0], x.shape[1], k=self.get("k", 0)).astype(dtype))
