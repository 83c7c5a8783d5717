"""Operators that make, move, repeat, cut and join elements."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tachylite.frontends.builder import dims
from tachylite.frontends.shaping import ints, move_axis, size_of
from tachylite.frontends.shaping import transpose as permute_axes
from tachylite.frontends.torch.node import axes_of, op, reshaped, result_type, sizes_of, tensor, vector
from tachylite.frontends.traced.converter import Call
from tachylite.frontends.types import cast, move
from tachylite.model.graph import Tensor

# Shapes.


@op("aten.view", "aten.reshape", "aten._unsafe_view", "aten.view_copy", "aten._reshape_copy")
def view(self: Call, x: Tensor, size: Sequence[Any]) -> Tensor:
    return reshaped(self, x, size)


@op("aten.flatten")
def flatten(self: Call, x: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    rank = max(len(x.shape), 1)
    first, last = start_dim % rank, end_dim % rank
    sizes = sizes_of(self, x)
    return reshaped(self, x, [*sizes[:first], -1, *sizes[last + 1 :]])


@op("aten.unflatten")
def unflatten(self: Call, x: Tensor, dim: int, sizes: Sequence[Any]) -> Tensor:
    axis, own = dim % len(x.shape), sizes_of(self, x)
    return reshaped(self, x, [*own[:axis], *sizes, *own[axis + 1 :]])


@op("aten.squeeze")
def squeeze(self: Call, x: Tensor, dim: Any = None) -> Tensor:
    gone = [axis for axis in axes_of(x, dim) if dims(x)[axis] == 1]
    return self.build.SQUEEZE(x, squeeze_dims=tuple(gone)) if gone else x


@op("aten.unsqueeze")
def unsqueeze(self: Call, x: Tensor, dim: int) -> Tensor:
    return self.build.EXPAND_DIMS(x, np.array(dim % (len(x.shape) + 1), np.int32))


@op("aten.permute")
def permute(self: Call, x: Tensor, order: Sequence[int]) -> Tensor:
    axes = [axis % len(order) for axis in order]
    value = self.build.value(x)
    if value is not None:
        return self.build.constant(value.transpose(axes), x.name.rpartition("/")[2])
    return permute_axes(self.build, x, axes)


@op("aten.transpose", "aten.swapaxes", "aten.swapdims")
def transpose(self: Call, x: Tensor, first: int, second: int) -> Tensor:
    order = list(range(len(x.shape)))
    order[first], order[second] = order[second], order[first]
    return permute(self, x, order)


@op("aten.movedim", "aten.moveaxis")
def move_axes(self: Call, x: Tensor, source: Any, target: Any) -> Tensor:
    if isinstance(source, int):
        return move_axis(self.build, x, source, target)
    rest = [axis for axis in range(len(x.shape)) if axis not in axes_of(x, source)]
    for place, axis in sorted(zip(axes_of(x, target), axes_of(x, source), strict=True)):
        rest.insert(place, axis)
    return permute(self, x, rest)


@op("aten.expand")
def expand(self: Call, x: Tensor, size: Sequence[Any], implicit: bool = False) -> Tensor:
    """-1 keeps a dimension."""
    own = [*[1] * (len(size) - len(x.shape)), *sizes_of(self, x)]
    wanted = [mine if isinstance(n, int) and n == -1 else n for n, mine in zip(size, own, strict=True)]
    if all(n is m or (isinstance(n, int) and n == m) for n, m in zip(wanted, own, strict=True)) and len(size) == len(x.shape):
        return x
    if None not in self.output.shape and self.output.shape == dims(x):
        return x
    return move(self.build, "BROADCAST_TO", [x], vector(self, wanted))


@op("aten.copy")
def copy(self: Call, x: Tensor, source: Tensor, non_blocking: bool = False) -> Tensor:
    """The source in the shape and type of x."""
    return expand(self, cast(self.build, source, x.dtype), sizes_of(self, x))


@op("aten.expand_as")
def expand_as(self: Call, x: Tensor, other: Tensor) -> Tensor:
    return move(self.build, "BROADCAST_TO", [x], vector(self, sizes_of(self, other)))


@op("aten.broadcast_to")
def broadcast_to(self: Call, x: Tensor, size: Sequence[Any]) -> Tensor:
    return expand(self, x, size)


@op("aten.repeat", "aten.tile")
def repeat(self: Call, x: Tensor, times: Sequence[Any]) -> Tensor:
    """New axes come in front."""
    missing = len(times) - len(x.shape)
    for _ in range(missing):
        x = self.build.EXPAND_DIMS(x, np.array(0, np.int32))
    return move(self.build, "TILE", [x], vector(self, [*[1] * max(-missing, 0), *times]))


@op("aten.repeat_interleave")
def repeat_interleave(self: Call, x: Tensor, repeats: Any, dim: int | None = None, output_size: Any = None) -> Tensor:
    if not isinstance(repeats, int) or dim is None or dims(x)[dim] is None:
        raise self.refuse("it repeats each element differently, or along an unknown dimension", "give one number, and dim")
    axis = dim % len(x.shape)
    return self.build.GATHER(x, np.repeat(np.arange(x.shape[axis], dtype=np.int32), repeats), axis=axis)


@op("aten.flip")
def flip(self: Call, x: Tensor, axes: Sequence[int]) -> Tensor:
    """One axis at a time, because LiteRT takes neighbours alone."""
    for axis in axes_of(x, list(axes)):
        x = self.build.REVERSE_V2(x, ints(axis))
    return x


@op("aten.roll")
def roll(self: Call, x: Tensor, shifts: Sequence[int], axes: Sequence[int] = ()) -> Tensor:
    """What is pushed out at the end comes in again in front."""
    if not axes:
        raise self.refuse("it rolls all elements as one row", "give it dims")
    for shift, axis in zip(shifts, axes_of(x, list(axes)), strict=True):
        size = dims(x)[axis]
        if size is None:
            raise self.refuse(f"its axis {axis} has an unknown size", "fix it with input_shapes=")
        cut = -shift % size
        if cut:
            x = self.build.CONCATENATION(section(self, x, axis, cut, size), section(self, x, axis, 0, cut), axis=axis)
    return x


# Parts.


def section(self: Call, x: Tensor, axis: int, begin: Any, end: Any, step: int = 1) -> Tensor:
    """x from `begin` up to `end` (numbers, or sizes; end None: to its end) along an axis."""
    rank = len(x.shape)
    rest = sum(1 << other for other in range(rank) if other != axis)
    places = [[value if other == axis else 0 for other in range(rank)] for value in (begin, 0 if end is None else end)]
    first, last = (ints(*row) if all(isinstance(n, int) for n in row) else vector(self, row) for row in places)
    steps = ints(*(step if other == axis else 1 for other in range(rank)))
    return self.build.STRIDED_SLICE(x, first, last, steps, begin_mask=rest, end_mask=rest | (1 << axis if end is None else 0))


@op("aten.slice", "aten.slice_copy")
def slice_(self: Call, x: Tensor, dim: int = 0, start: Any = None, end: Any = None, step: int = 1) -> Tensor:
    axis, size = dim % len(x.shape), dims(x)[dim]
    begin, end = 0 if start is None else start, _limit(end, size)
    if isinstance(begin, int) and size is not None:
        begin = min(begin + size if begin < 0 else begin, size)
        begin = max(begin, 0)
    if isinstance(begin, int) and begin == 0 and end is None and step == 1:
        return x
    return section(self, x, axis, begin, end, step)


def _limit(end: Any, size: int | None) -> Any:
    """None where a slice reaches to the end of its axis."""
    if not isinstance(end, int):
        return end
    return None if end > np.iinfo(np.int32).max or (size is not None and end >= size) else end


@op("aten.narrow")
def narrow(self: Call, x: Tensor, dim: int, start: Any, length: Any) -> Tensor:
    end = start + length if isinstance(start, int) and isinstance(length, int) else None
    if end is None:
        end = self.build.ADD(tensor(self, start, np.int32), tensor(self, length, np.int32))
    return slice_(self, x, dim, start, end)


@op("aten.select", "aten.select_copy")
def select(self: Call, x: Tensor, dim: int, index: Any) -> Tensor:
    axis = dim % len(x.shape)
    if isinstance(index, Tensor):
        return self.build.GATHER(x, cast(self.build, index, np.int32), axis=axis)
    rank, rest = len(x.shape), sum(1 << other for other in range(len(x.shape)) if other != axis)
    begin = ints(*(index if other == axis else 0 for other in range(rank)))
    end = ints(*(index + 1 if other == axis else 0 for other in range(rank)))
    return self.build.STRIDED_SLICE(
        x, begin, end, ints(*[1] * rank), begin_mask=rest, end_mask=rest | (1 << axis if index == -1 else 0), shrink_axis_mask=1 << axis
    )


@op("aten.split", "aten.split_with_sizes", "aten.split_copy")
def split(self: Call, x: Tensor, sizes: Any, dim: int = 0) -> list[Tensor]:
    """Pieces of one size, the last of which may be smaller, or of sizes that are told."""
    axis, whole = dim % len(x.shape), dims(x)[dim]
    if isinstance(sizes, int):
        if whole is None:
            raise self.refuse("it splits an unknown dimension", "fix it with input_shapes=")
        sizes = [min(sizes, whole - begin) for begin in range(0, whole, sizes)]
    if len(set(sizes)) == 1 and whole is not None:
        results = self.build.SPLIT(np.array(axis, np.int32), x, num_splits=len(sizes))
    else:
        results = self.build.SPLIT_V(x, ints(*sizes), np.array(axis, np.int32), num_splits=len(sizes))
    return [results] if isinstance(results, Tensor) else list(results)


@op("aten.chunk")
def chunk(self: Call, x: Tensor, chunks: int, dim: int = 0) -> list[Tensor]:
    whole = dims(x)[dim]
    if whole is None:
        raise self.refuse("it splits an unknown dimension", "fix it with input_shapes=")
    return split(self, x, -(-whole // chunks), dim)


@op("aten.unbind")
def unbind(self: Call, x: Tensor, dim: int = 0) -> list[Tensor]:
    axis = dim % len(x.shape)
    if dims(x)[axis] is None:
        raise self.refuse("it takes an unknown dimension apart", "fix it with input_shapes=")
    results = self.build.UNPACK(x, num=x.shape[axis], axis=axis)
    return [results] if isinstance(results, Tensor) else list(results)


@op("aten.cat", "aten.concat", "aten.concatenate")
def cat(self: Call, parts: Sequence[Tensor], dim: int = 0) -> Tensor:
    given = [tensor(self, x, result_type(self)) for x in parts if dims(x) != (0,)]
    return given[0] if len(given) == 1 else move(self.build, "CONCATENATION", given, axis=dim % len(given[0].shape))


@op("aten.hstack")
def hstack(self: Call, parts: Sequence[Tensor]) -> Tensor:
    return cat(self, parts, min(len(parts[0].shape) - 1, 1))


@op("aten.stack")
def stack(self: Call, parts: Sequence[Tensor], dim: int = 0) -> Tensor:
    given = [tensor(self, x, result_type(self)) for x in parts]
    return move(self.build, "PACK", given, values_count=len(given), axis=dim % (len(given[0].shape) + 1))


@op("aten.select_scatter")
def select_scatter(self: Call, x: Tensor, part: Tensor, dim: int, index: int) -> Tensor:
    """x with one element of an axis replaced."""
    axis = dim % len(x.shape)
    return slice_scatter(self, x, self.build.EXPAND_DIMS(part, np.array(axis, np.int32)), dim, index, None if index == -1 else index + 1)


@op("aten.slice_scatter")
def slice_scatter(self: Call, x: Tensor, part: Tensor, dim: int = 0, start: Any = None, end: Any = None, step: int = 1) -> Tensor:
    """x with a section of an axis replaced: what is before it, it, and what is behind."""
    axis, size = dim % len(x.shape), dims(x)[dim]
    begin, limit = start or 0, _limit(end, size)
    if step != 1 or not isinstance(begin, int) or not isinstance(limit, int | None):
        raise self.refuse("it writes every few elements, or where only the run tells", "write a whole section")
    before = [] if begin == 0 else [section(self, x, axis, 0, begin)]
    behind = [] if limit is None else [section(self, x, axis, limit, None)]
    parts = [*before, tensor(self, part, x.dtype), *behind]
    return parts[0] if len(parts) == 1 else self.build.CONCATENATION(*parts, axis=axis)


# Indices.


def clipped(self: Call, x: Tensor, indices: Tensor, axis: int) -> Tensor:
    """int32 indices of which negative ones count from the end; constants are settled at once, others are taken to be none."""
    value = self.build.value(indices)
    size = dims(x)[axis]
    if value is not None and size is not None:
        return self.build.constant(np.where(value < 0, value + size, value).astype(np.int32))
    return cast(self.build, indices, np.int32)


@op("aten.embedding")
def embedding(
    self: Call, weight: Tensor, indices: Tensor, padding_idx: int = -1, scale_grad_by_freq: bool = False, sparse: bool = False
) -> Tensor:
    return self.build.GATHER(weight, indices, axis=0)


@op("aten.index_select")
def index_select(self: Call, x: Tensor, dim: int, indices: Tensor) -> Tensor:
    return self.build.GATHER(x, clipped(self, x, indices, dim), axis=dim % len(x.shape))


@op("aten.index")
def index(self: Call, x: Tensor, indices: Sequence[Tensor | None]) -> Tensor:
    """Along one axis, or by coordinates along neighbouring first axes; all axes that are None are taken whole."""
    axes = [axis for axis, places in enumerate(indices) if places is not None]
    given = [places for places in indices if places is not None]
    if any(places.dtype == np.bool_ for places in given):
        raise self.refuse("it picks by a mask, and only the run tells how many", "use torch.where")
    if len(axes) == 1:
        return self.build.GATHER(x, clipped(self, x, given[0], axes[0]), axis=axes[0])
    if axes != list(range(len(axes))):
        raise self.refuse(f"it indexes the axes {axes} together", "move them to the front")
    settled = [clipped(self, x, places, axis) for axis, places in zip(axes, given, strict=True)]
    shape = np.broadcast_shapes(*(t.shape for t in settled))
    if any(None in dims(t) for t in settled):
        raise self.refuse("its indices have unknown sizes", "fix them with input_shapes=")
    spread = [t if t.shape == shape else self.build.BROADCAST_TO(t, ints(*shape)) for t in settled]
    return self.build.GATHER_ND(x, self.build.PACK(*spread, values_count=len(spread), axis=len(shape)))


@op("aten.gather")
def gather(self: Call, x: Tensor, dim: int, indices: Tensor, sparse_grad: bool = False) -> Tensor:
    """From each row along the axis, its own elements. The other axes must be as long as those of x."""
    axis, rank = dim % len(x.shape), len(x.shape)
    if any(dims(x)[a] != dims(indices)[a] for a in range(rank) if a != axis):
        raise self.refuse(f"its indices {list(indices.shape)} are shorter than {list(x.shape)}", "cut the tensor first")
    places = move_axis(self.build, clipped(self, x, indices, axis), axis, -1)
    y = self.build.GATHER(move_axis(self.build, x, axis, -1), places, axis=rank - 1, batch_dims=rank - 1)
    return move_axis(self.build, y, -1, axis)


@op("aten.one_hot")
def one_hot(self: Call, x: Tensor, num_classes: int = -1) -> Tensor:
    if num_classes < 0:
        raise self.refuse("its number of classes follows from the data", "give num_classes")
    return self.build.ONE_HOT(
        cast(self.build, x, np.int32), np.array(num_classes, np.int32), np.array(1, np.int64), np.array(0, np.int64), axis=-1
    )


# Padding.

MODES = {"reflect": "REFLECT"}


@op("aten.constant_pad_nd")
def constant_pad(self: Call, x: Tensor, amounts: Sequence[int], value: float = 0) -> Tensor:
    """Pairs for the axes from the last on; negative ones cut off."""
    pads = _pairs(x, amounts)
    y = _cropped(self, x, np.maximum(-pads, 0))
    more = np.maximum(pads, 0)
    if not more.any():
        return y
    return self.build.PAD(y, more) if value == 0 else self.build.PADV2(y, more, np.array(value, x.dtype))


def _pairs(x: Tensor, amounts: Sequence[int]) -> np.ndarray:
    pairs = [(amounts[i], amounts[i + 1]) for i in range(0, len(amounts), 2)]
    return np.array([*[(0, 0)] * (len(x.shape) - len(pairs)), *reversed(pairs)], np.int32)


def _cropped(self: Call, x: Tensor, cut: np.ndarray) -> Tensor:
    for axis, (before, behind) in enumerate(cut.tolist()):
        if before or behind:
            x = section(self, x, axis, before, -behind if behind else None)
    return x


@op("aten.pad")
def pad(self: Call, x: Tensor, amounts: Sequence[int], mode: str = "constant", value: float | None = None) -> Tensor:
    if mode == "constant":
        return constant_pad(self, x, amounts, value or 0)
    if mode == "replicate":
        return replication_pad(self, x, amounts)
    if mode not in MODES:
        raise self.refuse(f"its mode is {mode!r}", "use constant, reflect or replicate")
    return self.build.MIRROR_PAD(x, _pairs(x, amounts), mode=MODES[mode])


@op("aten.reflection_pad1d", "aten.reflection_pad2d")
def reflection_pad(self: Call, x: Tensor, amounts: Sequence[int]) -> Tensor:
    return self.build.MIRROR_PAD(x, _pairs(x, amounts), mode="REFLECT")


@op("aten.replication_pad1d", "aten.replication_pad2d", "aten.replication_pad3d")
def replication_pad(self: Call, x: Tensor, amounts: Sequence[int]) -> Tensor:
    """The border's elements again and again."""
    for axis, (before, behind) in enumerate(_pairs(x, amounts).tolist()):
        if before or behind:
            size = dims(x)[axis]
            if size is None:
                raise self.refuse("it pads an unknown dimension", "fix it with input_shapes=")
            places = np.clip(np.arange(-before, size + behind), 0, size - 1).astype(np.int32)
            x = self.build.GATHER(x, places, axis=axis)
    return x


# New tensors.


def filled(self: Call, sizes: Sequence[Any], value: Any) -> Tensor:
    """All of one value."""
    known = [n for n in sizes if isinstance(n, int)]
    if len(known) == len(sizes):
        return self.build.constant(np.full(known, value, result_type(self)), "full")
    return self.build.FILL(vector(self, sizes), tensor(self, value, result_type(self)))


@op("aten.full", "aten.new_full", "aten.full_like", "aten.fill")
def full(self: Call, *operands: Any, dtype: Any = None) -> Tensor:
    """A tensor or sizes, the sizes of a new one, and the value."""
    *shape, value = operands
    return filled(self, _sizes(self, shape[-1]), value.data.item() if isinstance(value, Tensor) and value.data is not None else value)


def _sizes(self: Call, like: Any) -> list[Any]:
    return sizes_of(self, like) if isinstance(like, Tensor) else list(like)


def _constant_of(value: float) -> Callable[..., Tensor]:
    def emit(self: Call, *operands: Any, dtype: Any = None) -> Tensor:
        return filled(self, _sizes(self, operands[-1]), value)

    return emit


op("aten.zeros", "aten.zeros_like", "aten.new_zeros", "aten.empty", "aten.empty_like", "aten.new_empty")(_constant_of(0))
op("aten.ones", "aten.ones_like", "aten.new_ones")(_constant_of(1))


@op("aten.scalar_tensor")
def scalar_tensor(self: Call, value: Any, dtype: Any = None) -> Tensor:
    return tensor(self, value, result_type(self))


@op("aten.arange")
def arange(self: Call, *bounds: Any, dtype: Any = None) -> Tensor:
    """(end), (start, end) or (start, end, step)."""
    start, end, step = (0, bounds[0], 1) if len(bounds) == 1 else (*bounds, 1)[:3]
    if all(not isinstance(n, Tensor) for n in (start, end, step)):
        return self.build.constant(np.arange(start, end, step).astype(result_type(self)), "arange")
    kind = np.float32 if result_type(self).kind == "f" else np.int32
    return cast(self.build, self.build.RANGE(*(tensor(self, n, kind) for n in (start, end, step))), result_type(self))


@op("aten.linspace")
def linspace(self: Call, start: float, end: float, steps: int, dtype: Any = None) -> Tensor:
    return self.build.constant(np.linspace(start, end, steps).astype(result_type(self)), "linspace")


@op("aten.eye")
def eye(self: Call, rows: int, columns: int | None = None, dtype: Any = None) -> Tensor:
    return self.build.constant(np.eye(rows, columns, dtype=result_type(self)), "eye")


def _triangle(keep: Callable[..., np.ndarray]) -> Callable[..., Tensor]:
    def emit(self: Call, x: Tensor, diagonal: int = 0) -> Tensor:
        if dims(x)[-1] is None or dims(x)[-2] is None:
            raise self.refuse("its matrices have unknown sizes", "fix them with input_shapes=")
        mask = keep(np.ones(x.shape[-2:], np.bool_), diagonal)
        value = self.build.value(x)
        if value is not None:
            return self.build.constant(np.where(mask, value, np.zeros((), value.dtype)))
        if x.dtype == np.bool_:
            return self.build.LOGICAL_AND(x, mask)
        return self.build.SELECT_V2(mask, x, np.zeros((), x.dtype))

    return emit


op("aten.tril")(_triangle(np.tril))
op("aten.triu")(_triangle(np.triu))


@op("aten.meshgrid")
def meshgrid(self: Call, vectors: Sequence[Tensor], indexing: str = "ij") -> list[Tensor]:
    sizes = [size_of(self.build, x, 0) for x in vectors]
    results = []
    for place, x in enumerate(vectors):
        for axis in range(len(vectors)):
            x = x if axis == place else self.build.EXPAND_DIMS(x, np.array(axis, np.int32))
        results.append(move(self.build, "BROADCAST_TO", [x], vector(self, sizes)))
    return results if indexing == "ij" else [permute(self, y, [1, 0, *range(2, len(vectors))]) for y in results]
