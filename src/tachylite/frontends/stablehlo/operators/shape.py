"""Operators that move, repeat, cut and join elements."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tachylite.frontends.builder import Dims, dims
from tachylite.frontends.shaping import ints, size_of
from tachylite.frontends.shaping import reshape as reshape_to
from tachylite.frontends.shaping import transpose as permute
from tachylite.frontends.stablehlo.node import full, op
from tachylite.frontends.traced.converter import Call
from tachylite.frontends.traced.values import Broadcast, as_tensor
from tachylite.frontends.types import cast
from tachylite.model.graph import Tensor


def shape_of(self: Call, sizes: Tensor | None = None) -> Dims:
    """The first output's shape; sizes: the operand that tells it, from which more may be known than the program says."""
    known = self.build.sizes(sizes) if sizes is not None else None
    return tuple(known) if known is not None else tuple(self.output.shape)


# Shapes.


@op("reshape")
def reshape(self: Call, x: Any) -> Any:
    return _reshaped(self, x, shape_of(self), None)


@op("dynamic_reshape")
def dynamic_reshape(self: Call, x: Any, sizes: Tensor) -> Any:
    return _reshaped(self, x, shape_of(self, sizes), cast(self.build, sizes, np.int32))


def _reshaped(self: Call, x: Any, shape: Dims, sizes: Tensor | None) -> Any:
    """A scalar that was broadcast stays one."""
    if isinstance(x, Broadcast) and x.small.size == 1:
        return Broadcast(reshape_to(self.build, x.small, ()), shape, sizes)
    x = as_tensor(self.build, x)
    value = self.build.value(x)
    if value is not None and None not in shape:
        return self.build.constant(value.reshape([d for d in shape if d is not None]))
    if sizes is not None and shape.count(None) > 1:
        return self.build.RESHAPE(x, sizes)
    return reshape_to(self.build, x, shape)


@op("broadcast_in_dim")
def broadcast_in_dim(self: Call, x: Any, broadcast_dimensions: Sequence[int]) -> Any:
    return _broadcast(self, x, broadcast_dimensions, shape_of(self), None)


@op("dynamic_broadcast_in_dim")
def dynamic_broadcast_in_dim(self: Call, x: Any, sizes: Tensor, broadcast_dimensions: Sequence[int], **known: Any) -> Any:
    return _broadcast(self, x, broadcast_dimensions, shape_of(self, sizes), cast(self.build, sizes, np.int32))


def _broadcast(self: Call, x: Any, axes: Sequence[int], shape: Dims, sizes: Tensor | None) -> Any:
    """Axis i of x becomes axes[i]; what is to be repeated is left to the operators that read it."""
    small = x.small if isinstance(x, Broadcast) else x
    axes = list(axes)[len(axes) - len(small.shape) :]  # axes in front that numpy's rules add are left out
    small = permute(self.build, small, [int(i) for i in np.argsort(axes)])
    small = _spread(self, small, sorted(axes), len(shape))
    return small if dims(small) == shape else Broadcast(small, shape, sizes)


def _spread(self: Call, x: Tensor, axes: Sequence[int], rank: int) -> Tensor:
    """x with its axes in these places of a higher rank, without axes of 1 in front."""
    first = next((place for place, size in zip(axes, dims(x), strict=True) if size != 1), rank)
    kept = [(place, size) for place, size in zip(axes, dims(x), strict=True) if place >= first]
    spread: list[int | None] = [dict(kept).get(place, 1) for place in range(first, rank)]
    value = self.build.value(x)
    if value is not None:
        return self.build.constant(value.reshape([d for d in spread if d is not None]), x.name.rpartition("/")[2])
    if spread.count(None) <= 1:
        return reshape_to(self.build, x, spread)
    for place in range(min(axes), rank):
        if place not in axes:
            x = self.build.EXPAND_DIMS(x, np.array(place - min(axes), np.int32))
    return x


@full("get_dimension_size")
def get_dimension_size(self: Call, x: Tensor, dimension: int) -> Tensor:
    size = size_of(self.build, x, dimension)
    return size if isinstance(size, Tensor) else self.build.constant(np.array(size, np.int32))


# Order.


@op("transpose")
def transpose(self: Call, x: Any, permutation: Sequence[int]) -> Any:
    if isinstance(x, Broadcast) and x.small.shape == ():
        return Broadcast(x.small, tuple(x.shape[a] for a in permutation))
    x = as_tensor(self.build, x)
    value = self.build.value(x)
    return permute(self.build, x, permutation) if value is None else self.build.constant(value.transpose(permutation))


@full("reverse")
def reverse(self: Call, x: Tensor, dimensions: Sequence[int]) -> Tensor:
    """One axis at a time, because LiteRT takes neighbours alone."""
    for axis in dimensions:
        x = self.build.REVERSE_V2(x, ints(axis))
    return x


@op("iota")
def iota(self: Call, iota_dimension: int) -> Any:
    return _counted(self, self.output.shape, iota_dimension, None)


@full("dynamic_iota")
def dynamic_iota(self: Call, sizes: Tensor, iota_dimension: int) -> Any:
    return _counted(self, shape_of(self, sizes), iota_dimension, cast(self.build, sizes, np.int32))


def _counted(self: Call, shape: Dims, axis: int, sizes: Tensor | None) -> Any:
    """0, 1, 2 … along one axis."""
    count, dtype = shape[axis], np.dtype(self.output.dtype)
    if count is not None:
        numbers = self.build.constant(np.arange(count, dtype=dtype).reshape([count, *[1] * (len(shape) - axis - 1)]))
    else:
        assert sizes is not None
        limit = self.build.STRIDED_SLICE(sizes, ints(axis), ints(axis + 1), ints(1), shrink_axis_mask=1)
        steps = self.build.RANGE(np.array(0, np.int32), limit, np.array(1, np.int32))
        steps = cast(self.build, steps, dtype)
        numbers = reshape_to(self.build, steps, [None, *[1] * (len(shape) - axis - 1)])
    return numbers if len(shape) == 1 else Broadcast(numbers, shape, sizes)


# Parts.


@full("concatenate")
def concatenate(self: Call, *parts: Tensor, dimension: int) -> Tensor:
    return parts[0] if len(parts) == 1 else self.build.CONCATENATION(*parts, axis=dimension)


@full("slice")
def slice_(self: Call, x: Tensor, start_indices: Sequence[int], limit_indices: Sequence[int], strides: Sequence[int]) -> Tensor:
    return sliced(self, x, start_indices, limit_indices, strides)


def sliced(self: Call, x: Tensor, begin: Sequence[int], end: Sequence[int], steps: Sequence[int]) -> Tensor:
    """Axes that are taken whole are left open, so that they may be resized."""
    whole = sum(1 << i for i, (a, b, d) in enumerate(zip(begin, end, dims(x), strict=True)) if a == 0 and d in (b, None))
    return self.build.STRIDED_SLICE(x, ints(*begin), ints(*end), ints(*steps), begin_mask=whole, end_mask=whole)


@full("real_dynamic_slice")
def real_dynamic_slice(self: Call, x: Tensor, begin: Tensor, end: Tensor, steps: Tensor) -> Tensor:
    """Bounds that are computed from unknown dimensions."""
    starts, ends, known = self.build.sizes(begin), self.build.sizes(end), dims(x)
    whole = 0
    if starts is not None and ends is not None:
        whole = sum(1 << i for i, (a, b) in enumerate(zip(starts, ends, strict=True)) if a == 0 and b == known[i])
    return self.build.STRIDED_SLICE(x, *(cast(self.build, t, np.int32) for t in (begin, end, steps)), begin_mask=whole, end_mask=whole)


@full("dynamic_slice")
def dynamic_slice(self: Call, x: Tensor, *starts: Tensor, slice_sizes: Sequence[int]) -> Tensor:
    """From where the run decides, but always within x."""
    return slice_from(self, x, starts, slice_sizes)


def slice_from(self: Call, x: Tensor, starts: Sequence[Tensor], sizes: Sequence[int | None]) -> Tensor:
    """As many elements of x from these places, which move back so far that all are within.

    Along axes where the run decides, elements are gathered: SLICE would give a tensor whose shape only the run knows.
    """
    known = [self.build.value(start) for start in starts]
    begin = [0] * len(sizes)
    for axis, size in enumerate(sizes):
        whole, start = dims(x)[axis], known[axis]
        if size is None or size == whole:
            continue
        if whole is not None and start is not None:
            begin[axis] = int(np.clip(start, 0, whole - size))
        else:
            first = reshape_to(self.build, cast(self.build, starts[axis], np.int32), [1])
            first = clipped(self, first, None if whole is None else whole - size + 1, x, axis, size)
            places = first if size == 1 else self.build.ADD(first, np.arange(size, dtype=np.int32))
            x = self.build.GATHER(x, places, axis=axis)
    if all(size == d for size, d in zip(sizes, dims(x), strict=True)):
        return x
    return sliced(self, x, begin, [a + (size or 0) for a, size in zip(begin, sizes, strict=True)], [1] * len(sizes))


def clipped(self: Call, places: Tensor, count: int | None, x: Tensor, axis: int, size: int = 1) -> Tensor:
    """Places (int32) along an axis of x, none below 0, and none from `count` on; where that is None, `size` elements fit behind."""
    value = self.build.value(places)
    if value is not None and count is not None:
        return self.build.constant(np.clip(value, 0, count - 1).astype(np.int32))
    last: Any = np.array(0 if count is None else count - 1, np.int32)
    if count is None:
        last = self.build.SUB(size_of(self.build, x, axis), np.array(size, np.int32))
    return self.build.MINIMUM(self.build.MAXIMUM(places, np.array(0, np.int32)), last)


@full("dynamic_update_slice")
def dynamic_update_slice(self: Call, x: Tensor, update: Tensor, *starts: Tensor) -> Tensor:
    """The operator itself keeps the update within x."""
    values = [self.build.value(start) for start in starts]
    if all(v is not None for v in values):
        places = self.build.constant(ints(*(int(v) for v in values if v is not None)))
    else:
        places = self.build.PACK(*(cast(self.build, start, np.int32) for start in starts), values_count=len(starts), axis=0)
    return self.build.DYNAMIC_UPDATE_SLICE(x, update, places)


@full("pad")
def pad(
    self: Call,
    x: Tensor,
    value: Tensor,
    edge_padding_low: Sequence[int],
    edge_padding_high: Sequence[int],
    interior_padding: Sequence[int],
) -> Tensor:
    """Between elements, then around them; what is negative is cut off."""
    if any(interior_padding):
        x = self.build.DILATE(x, ints(*(n + 1 for n in interior_padding)), value)
    pads = np.array([edge_padding_low, edge_padding_high], np.int32).T
    if (pads > 0).any():
        is_zero = self.build.value(value) is not None and not np.any(self.build.value(value))
        amounts = np.maximum(pads, 0)
        x = self.build.PAD(x, amounts) if is_zero else self.build.PADV2(x, amounts, value)
    if (pads < 0).any():
        cut = np.maximum(-pads, 0)
        x = _cropped(self, x, cut)
    return x


def _cropped(self: Call, x: Tensor, cut: np.ndarray) -> Tensor:
    """x without so many elements at each axis's begin and end."""
    is_open = sum(1 << axis for axis, (_, last) in enumerate(cut) if last == 0)
    return self.build.STRIDED_SLICE(x, ints(*cut[:, 0]), ints(*-cut[:, 1]), ints(*[1] * len(cut)), end_mask=is_open)
