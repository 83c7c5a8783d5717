"""Gathering and scattering."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tachylite.frontends.builder import dims
from tachylite.frontends.shaping import ints, open_shape, reshape, transpose
from tachylite.frontends.stablehlo.node import full
from tachylite.frontends.stablehlo.operators.shape import clipped, slice_from
from tachylite.frontends.traced.converter import Call
from tachylite.frontends.types import cast
from tachylite.model.graph import Tensor


@full("gather")
def gather(self: Call, x: Tensor, indices: Tensor, dimension_numbers: Mapping[str, Any], slice_sizes: Sequence[int]) -> Tensor:
    """Slices of x from where the vectors in `indices` point; places outside of x move to its border."""
    return Form(self, x, indices, dimension_numbers, slice_sizes).emit()


@full("dynamic_gather")
def dynamic_gather(self: Call, x: Tensor, indices: Tensor, sizes: Tensor, dimension_numbers: Mapping[str, Any]) -> Tensor:
    """As `gather`, with sizes that are computed from unknown dimensions: all of them, or as many from a known place."""
    known = self.build.sizes(sizes)
    if known is None:
        raise self.refuse("its slices' sizes are computed when the model runs", "make them constant, or those of dimensions")
    is_whole = [self.build.is_size_of(sizes, axis, x, axis) for axis in range(len(known))]
    form = Form(self, x, indices, dimension_numbers, [d if w else n for d, n, w in zip(dims(x), known, is_whole, strict=True)])
    if all(n is not None or w for n, w in zip(known, is_whole, strict=True)):
        return form.emit()
    return form.open_slice(sizes, is_whole)


class Form:
    """What a gather says, in few words. axes: those of x that vectors count along; gone: those that the result does not have."""

    def __init__(self, call: Call, x: Tensor, indices: Tensor, numbers: Mapping[str, Any], sizes: Sequence[int | None]):
        self.call, self.x, self.sizes = call, x, list(sizes)
        self.offsets, self.gone = list(numbers["offset_dims"]), list(numbers["collapsed_slice_dims"])
        self.batch, self.index_batch = list(numbers["operand_batching_dims"]), list(numbers["start_indices_batching_dims"])
        self.axes, self.vector = list(numbers["start_index_map"]), int(numbers["index_vector_dim"])
        self.indices = cast(call.build, indices, np.int32)
        #: Axes of `indices` that are not the vectors.
        self.lead = [axis for axis in range(len(indices.shape)) if axis != self.vector]

    @property
    def build(self) -> Any:
        return self.call.build

    def emit(self) -> Tensor:
        """The operators for it. Raises Unsupported."""
        if not self.lead and len(self.indices.shape) == 1:
            return self.one_slice()
        if self.is_along_one_axis():
            return self.along_one_axis()
        if self.is_by_coordinates():
            return self.by_coordinates()
        raise self.call.refuse(
            f"it gathers slices {self.sizes} of {list(self.x.shape)} at {len(self.axes)} coordinates",
            "take whole slices along one axis (jnp.take, x[i], take_along_axis), or index the first axes (x[i, j])",
        )

    def is_whole(self, axes: Sequence[int]) -> bool:
        """Whether slices have one element along these axes and all of them along the others."""
        return all(size == (1 if axis in axes else dims(self.x)[axis]) for axis, size in enumerate(self.sizes))

    def one_slice(self) -> Tensor:
        """A single vector."""
        places = reshape(self.build, self.indices, [len(self.axes)])
        starts = [self.build.constant(np.array(0, np.int32))] * len(self.sizes)
        for position, axis in enumerate(self.axes):
            starts[axis] = element(self.call, places, position)
        return self._without_gone(slice_from(self.call, self.x, starts, self.sizes))

    def open_slice(self, sizes: Tensor, is_whole: Sequence[bool]) -> Tensor:
        """A single vector that is certain, with sizes that are not. Raises Unsupported."""
        if self.lead:
            raise self.call.refuse("it gathers several slices of unknown size", "fix the sizes with input_shapes=")
        begin = [0] * len(self.sizes)
        for axis, place in zip(self.axes, self.call.known(self.indices, "places").reshape(-1), strict=True):
            begin[axis] = int(place)
        end = self.build.ADD(cast(self.build, sizes, np.int32), ints(*begin))
        open_axes = sum(1 << axis for axis, whole in enumerate(is_whole) if whole)
        y = self.build.STRIDED_SLICE(self.x, ints(*begin), end, ints(*[1] * len(begin)), begin_mask=open_axes, end_mask=open_axes)
        return self._without_gone(y)

    def _without_gone(self, y: Tensor) -> Tensor:
        return reshape(self.build, y, [d for axis, d in enumerate(dims(y)) if axis not in self.gone])

    def is_along_one_axis(self) -> bool:
        """Whether whole slices are taken along one axis, in a batch or not."""
        count = len(self.batch)
        in_front = self.batch == list(range(count)) == self.index_batch
        return len(self.axes) == 1 and self.gone in ([], self.axes) and in_front and self.is_whole([*self.axes, *self.batch])

    def along_one_axis(self) -> Tensor:
        """GATHER puts the indices' axes where the axis was, and so the result's others in their order around them."""
        (axis,), count = self.axes, len(self.batch)
        places = self.indices
        if self.vector < len(places.shape):
            kept = open_shape(self.build, places, 0, len(places.shape))
            places = reshape(self.build, places, [kept[i] for i in self.lead])
        places = clipped(self.call, places, dims(self.x)[axis], self.x, axis)
        y = self.build.GATHER(self.x, places, axis=axis, batch_dims=count)
        if not self.gone:
            y = self.build.EXPAND_DIMS(y, np.array(axis + len(self.lead) - count, np.int32))
        inner = [i for i in range(len(y.shape)) if i < count or axis <= i < axis + len(self.lead) - count]
        return self._arranged(y, inner)

    def is_by_coordinates(self) -> bool:
        """Whether vectors count along the first axes, in order, and slices are whole along the others."""
        first = list(range(len(self.axes)))
        return self.axes == first == self.gone and not self.batch and self.is_whole(first) and self.vector == len(self.lead)

    def by_coordinates(self) -> Tensor:
        limits = [dims(self.x)[axis] for axis in self.axes]
        if None in limits:
            raise self.call.refuse("it indexes dimensions that are not known", "fix them with input_shapes=")
        last = np.array([size - 1 for size in limits if size is not None], np.int32)
        places = self.build.MINIMUM(self.build.MAXIMUM(self.indices, np.array(0, np.int32)), last)
        return self._arranged(self.build.GATHER_ND(self.x, places), list(range(len(self.lead))))

    def _arranged(self, y: Tensor, inner: Sequence[int]) -> Tensor:
        """y with the axes `inner`, which come from the indices, where the result has them, and the others at the offsets."""
        others = [axis for axis in range(len(y.shape)) if axis not in inner]
        order = [0] * len(y.shape)
        for axis, source in zip(self.offsets, others, strict=True):
            order[axis] = source
        for axis, source in zip((a for a in range(len(order)) if a not in self.offsets), inner, strict=True):
            order[axis] = source
        return transpose(self.build, y, order)


def element(self: Call, x: Tensor, position: int) -> Tensor:
    """One element of a vector, as a scalar."""
    value = self.build.value(x)
    if value is not None:
        return self.build.constant(value[position])
    return self.build.STRIDED_SLICE(x, ints(position), ints(position + 1), ints(1), shrink_axis_mask=1)


@full("scatter")
def scatter(self: Call, x: Tensor, indices: Tensor, updates: Tensor, scatter_dimension_numbers: Mapping[str, Any]) -> Tensor:
    """One window is put into x. Unlike a gather, what is not within x is left out; here it moves to the border."""
    numbers, (body,) = scatter_dimension_numbers, self.node.bodies
    is_set = not body.nodes and [r.name for r in body.results] == [body.arguments[1].name]
    if not is_set or len(indices.shape) != 1 or numbers["input_batching_dims"]:
        raise self.refuse(
            "it scatters more than one window, or adds to what is there", "write it with x.at[i].set(window), or one-hot products"
        )
    places = cast(self.build, indices, np.int32)
    gone = list(numbers["inserted_window_dims"])
    sizes = iter(dims(updates))
    window = [1 if axis in gone else next(sizes) for axis in range(len(x.shape))]
    starts: list[Any] = [np.array(0, np.int32)] * len(x.shape)
    for position, axis in enumerate(numbers["scattered_dims_to_operand_dims"]):
        starts[axis] = element(self, places, position)
    place = self.build.PACK(*starts, values_count=len(starts), axis=0)
    return self.build.DYNAMIC_UPDATE_SLICE(x, reshape(self.build, updates, window), place)
