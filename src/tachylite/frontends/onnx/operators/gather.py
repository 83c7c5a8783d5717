"""Picking elements by their positions, and putting elements in places."""

from typing import Any

import numpy as np

from tachylite.frontends.builder import dims
from tachylite.frontends.onnx.node import Node, op
from tachylite.frontends.shaping import ints, move_axis, shape_vector, size_of
from tachylite.frontends.types import cast, compare, compute, move, moving_type
from tachylite.model.graph import Tensor


def from_the_start(self: Node, indices: Tensor, size: int | Tensor) -> Tensor:
    """Indices, of which negative ones count from the end, as int32 that are not negative."""
    build = self.build
    indices = cast(build, indices, np.int32)
    value = build.value(indices)
    count = size if isinstance(size, Tensor) else build.constant(np.array(size, np.int32))
    if value is not None and (value >= 0).all():
        return indices
    if value is not None and isinstance(size, int):
        return build.constant(np.where(value < 0, value + size, value).astype(np.int32))
    return build.SELECT_V2(build.LESS(indices, np.array(0, np.int32)), build.ADD(indices, count), indices)


@op("Gather")
def gather(self: Node, x: Tensor, indices: Tensor) -> Tensor:
    axis = self.get("axis", 0) % len(x.shape)
    return move(self.build, "GATHER", [x], from_the_start(self, indices, size_of(self.build, x, axis)), axis=axis)


@op("GatherND")
def gather_nd(self: Node, x: Tensor, indices: Tensor) -> Tensor:
    """Batch dimensions become positions of their own."""
    batch, depth = self.get("batch_dims", 0), indices.shape[-1]
    sizes = [size_of(self.build, x, batch + i) for i in range(depth)]
    places = from_the_start(self, indices, shape_vector(self.build, sizes)) if depth else cast(self.build, indices, np.int32)
    return move(self.build, "GATHER_ND", [x], _with_positions(self, places, list(range(batch))))


def _with_positions(self: Node, places: Tensor, axes: list[int]) -> Tensor:
    """Places [..., depth] with their own positions along these axes in front of them: [..., len(axes) + depth]."""
    if not axes:
        return places
    if None in dims(places):
        raise self.refuse("its indices have unknown sizes", "fix them with input_shapes=")
    grids = [
        np.broadcast_to(
            np.arange(places.shape[a]).reshape([-1 if i == a else 1 for i in range(len(places.shape))]), (*places.shape[:-1], 1)
        )
        for a in axes
    ]
    own = self.build.constant(np.concatenate(grids, axis=-1).astype(np.int32))
    return self.build.CONCATENATION(own, places, axis=len(places.shape) - 1)


def _element_places(self: Node, x: Tensor, indices: Tensor, axis: int) -> Tensor:
    """Positions [*indices, rank] in x of what `indices` mean along one axis, each at its own place along the others."""
    build, rank = self.build, len(x.shape)
    if None in dims(indices):
        raise self.refuse("its indices have unknown sizes", "fix them with input_shapes=")
    places = from_the_start(self, indices, size_of(build, x, axis))
    parts: list[Any] = list(np.indices(indices.shape, np.int32))
    parts[axis] = places
    return build.PACK(*parts, values_count=rank, axis=rank)


@op("GatherElements")
def gather_elements(self: Node, x: Tensor, indices: Tensor) -> Tensor:
    axis = self.get("axis", 0) % len(x.shape)
    return move(self.build, "GATHER_ND", [x], _element_places(self, x, indices, axis))


# Scattering.


@op("ScatterND")
def scatter_nd(self: Node, x: Tensor, indices: Tensor, updates: Tensor) -> Tensor:
    sizes = [size_of(self.build, x, i) for i in range(indices.shape[-1])]
    return _scatter(self, x, from_the_start(self, indices, shape_vector(self.build, sizes)), updates)


@op("ScatterElements", "Scatter")
def scatter_elements(self: Node, x: Tensor, indices: Tensor, updates: Tensor) -> Tensor:
    return _scatter(self, x, _element_places(self, x, indices, self.get("axis", 0) % len(x.shape)), updates)


#: More are refused where each is an operator of its own.
MOST_UPDATES = 64

#: What joins an update with what stands in its place. TFLite adds up what falls on one place, so that only sums may fall together.
REDUCTIONS = {"add": "ADD", "mul": "MUL", "max": "MAXIMUM", "min": "MINIMUM"}


def _scatter(self: Node, x: Tensor, places: Tensor, updates: Tensor) -> Tensor:
    """x with the updates in their places, or joined with what is there."""
    build, kind = self.build, self.get("reduction", "none")
    shape = shape_vector(build, [size_of(build, x, i) for i in range(len(x.shape))])
    inner = moving_type("SCATTER_ND", x.dtype)
    if kind == "add":
        return compute(build, "ADD", x, cast(build, build.SCATTER_ND(places, cast(build, updates, inner), shape), x.dtype))
    if kind != "none":
        return _joined(self, x, places, updates, REDUCTIONS[kind])
    return _put(self, x, places, updates)


def _put(self: Node, x: Tensor, places: Tensor, updates: Tensor) -> Tensor:
    """x with the updates in their places."""
    build, inner = self.build, moving_type("SCATTER_ND", x.dtype)
    shape = shape_vector(build, [size_of(build, x, i) for i in range(len(x.shape))])
    ones = build.FILL(build.SHAPE(updates, out_type="INT32"), np.array(1, np.int32))
    is_new = build.GREATER(build.SCATTER_ND(places, ones, shape), np.array(0, np.int32))
    spread = build.SCATTER_ND(places, cast(build, updates, inner), shape)
    return build.SELECT_V2(is_new, cast(build, spread, x.dtype), x)


def _joined(self: Node, x: Tensor, places: Tensor, updates: Tensor, name: str) -> Tensor:
    """Update after update, because several may fall on one place."""
    build, depth = self.build, places.shape[-1]
    if None in dims(places) or None in dims(updates):
        raise self.refuse("its indices have unknown sizes", "fix them with input_shapes=")
    count = int(np.prod(places.shape[:-1]))
    if count > MOST_UPDATES:
        raise self.refuse(
            f"it joins {count} updates by {name.lower()}, one after the other", f"take at most {MOST_UPDATES}, or reduction='add'"
        )
    rows = build.RESHAPE(places, ints(count, 1, depth))
    values = build.RESHAPE(updates, ints(count, 1, *updates.shape[len(places.shape) - 1 :]))
    for i in range(count):
        place, value = (
            build.SQUEEZE(build.SLICE(t, ints(i, *[0] * (len(t.shape) - 1)), ints(1, *t.shape[1:])), squeeze_dims=(0,))
            for t in (rows, values)
        )
        x = _put(self, x, place, compute(build, name, build.GATHER_ND(x, place), value))
    return x


# Made from indices.


@op("OneHot")
def one_hot(self: Node, indices: Tensor, depth: Tensor, values: Tensor) -> Tensor:
    """values: off and on; negative indices count from the end, and what is beyond the depth is off everywhere."""
    build, axis = self.build, self.get("axis", -1)
    count = int(self.known(depth, "depth").reshape(()))
    places = from_the_start(self, indices, count)
    off, on = (build.RESHAPE(part, ints()) for part in build.SPLIT(np.array(0, np.int32), values, num_splits=2))
    inner = moving_type("ONE_HOT", values.dtype)
    y = build.ONE_HOT(places, np.array(count, np.int32), cast(build, on, inner), cast(build, off, inner), axis=-1)
    return cast(build, move_axis(build, y, -1, axis), values.dtype)


@op("NonZero")
def non_zero(self: Node, x: Tensor) -> Tensor:
    """Positions [rank, n] of what is not zero, as many as there are."""
    build, rank = self.build, len(x.shape)
    is_set = x if x.dtype == np.bool_ else compare(build, "NOT_EQUAL", x, build.constant(np.zeros((), x.dtype)))
    out = build.open_tensor(self.name, (None, rank), np.int64)
    return build.TRANSPOSE(build.WHERE(is_set, out=out), ints(1, 0))
