"""Reductions along axes, sorting, running sums."""

from collections.abc import Callable

import numpy as np

from tachylite.frontends.onnx.node import Node, op
from tachylite.frontends.shaping import ints, move_axis, size_of
from tachylite.frontends.types import cast, compute, computing_type
from tachylite.model.dtypes import limits
from tachylite.model.graph import Tensor


def reduction(self: Node, name: str, x: Tensor, axes: list[int] | None) -> Tensor:
    """Along these axes, or along all."""
    over = ints(*(range(len(x.shape)) if axes is None else (a % len(x.shape) for a in axes)))
    dtype = computing_type(name, x.dtype)
    y = getattr(self.build, name)(cast(self.build, x, dtype), over, keep_dims=bool(self.get("keepdims", 1)))
    return cast(self.build, y, x.dtype)


def axes_of(self: Node, operand: Tensor | None) -> list[int] | None:
    """The axes to reduce; None for all."""
    return self.integers("axes", operand) or (None if not self.get("noop_with_empty_axes", 0) else [])


def _reduce(name: str) -> Callable[..., Tensor]:
    def emit(self: Node, x: Tensor, axes: Tensor | None = None) -> Tensor:
        found = axes_of(self, axes)
        return x if found == [] else reduction(self, name, x, found)

    return emit


op("ReduceSum")(_reduce("SUM"))
op("ReduceMean")(_reduce("MEAN"))
op("ReduceProd")(_reduce("REDUCE_PROD"))


def _extreme(name: str, of_flags: str) -> Callable[..., Tensor]:
    """The greatest or the least element; of no elements, the end of the type's range."""

    def emit(self: Node, x: Tensor, axes: Tensor | None = None) -> Tensor:
        found = axes_of(self, axes)
        if found == []:
            return x
        if x.dtype == np.bool_:
            return reduction(self, of_flags, x, found)
        if 0 in x.shape:
            return _of_nothing(self, x, found, is_greatest=name == "REDUCE_MAX")
        return reduction(self, name, x, found)

    return emit


def _of_nothing(self: Node, x: Tensor, axes: list[int] | None, is_greatest: bool) -> Tensor:
    over = tuple(range(len(x.shape))) if axes is None else tuple(axes)
    low, high = (-np.inf, np.inf) if x.dtype.kind == "f" else limits(x.dtype)
    shape = np.empty(x.shape).sum(over, keepdims=bool(self.get("keepdims", 1))).shape
    return self.build.constant(np.full(shape, low if is_greatest else high, x.dtype))


op("ReduceMax")(_extreme("REDUCE_MAX", "REDUCE_ANY"))
op("ReduceMin")(_extreme("REDUCE_MIN", "REDUCE_ALL"))


@op("ReduceL1")
def reduce_l1(self: Node, x: Tensor, axes: Tensor | None = None) -> Tensor:
    return _reduced(self, compute(self.build, "ABS", x), axes)


@op("ReduceL2")
def reduce_l2(self: Node, x: Tensor, axes: Tensor | None = None) -> Tensor:
    """Without elements to reduce, the absolute values."""
    total = _reduced(self, compute(self.build, "MUL", x, x), axes)
    return cast(self.build, self.build.SQRT(cast(self.build, total, np.float32)), x.dtype)


@op("ReduceSumSquare")
def reduce_sum_square(self: Node, x: Tensor, axes: Tensor | None = None) -> Tensor:
    return _reduced(self, compute(self.build, "MUL", x, x), axes)


@op("ReduceLogSum")
def reduce_log_sum(self: Node, x: Tensor, axes: Tensor | None = None) -> Tensor:
    return cast(self.build, self.build.LOG(cast(self.build, _reduced(self, x, axes), np.float32)), x.dtype)


@op("ReduceLogSumExp")
def reduce_log_sum_exp(self: Node, x: Tensor, axes: Tensor | None = None) -> Tensor:
    """The greatest element is taken out of the exponentials, so that they stay finite."""
    build, found = self.build, axes_of(self, axes)
    if found == [] or 0 in x.shape:
        return build.LOG(_reduced(self, build.EXP(x), axes))
    over = ints(*(range(len(x.shape)) if found is None else found))
    keep = bool(self.get("keepdims", 1))
    greatest = build.REDUCE_MAX(x, over, keep_dims=True)
    sums = build.SUM(build.EXP(build.SUB(x, greatest)), over, keep_dims=keep)
    return build.ADD(build.LOG(sums), greatest if keep else build.REDUCE_MAX(x, over, keep_dims=False))


def _reduced(self: Node, x: Tensor, axes: Tensor | None) -> Tensor:
    found = axes_of(self, axes)
    return x if found == [] else reduction(self, "SUM", x, found)


# Positions.


def _position(name: str) -> Callable[..., Tensor]:
    def emit(self: Node, x: Tensor) -> Tensor:
        build, axis = self.build, self.get("axis", 0) % len(x.shape)
        x = cast(build, x, computing_type(name, x.dtype))
        is_last, along = self.get("select_last_index", 0), np.array(axis, np.int32)
        y = getattr(build, name)(build.REVERSE_V2(x, ints(axis)) if is_last else x, along, output_type="INT32")
        if is_last:
            size = size_of(build, x, axis)
            y = build.SUB(build.SUB(size if isinstance(size, Tensor) else np.array(size, np.int32), np.array(1, np.int32)), y)
        y = build.EXPAND_DIMS(y, np.array(axis, np.int32)) if self.get("keepdims", 1) else y
        return cast(build, y, np.int64)

    return emit


op("ArgMax")(_position("ARG_MAX"))
op("ArgMin")(_position("ARG_MIN"))


@op("TopK")
def top_k(self: Node, x: Tensor, k: Tensor | None = None) -> list[Tensor]:
    """Of the last axis; the least are the greatest of what is turned round."""
    build, axis = self.build, self.get("axis", -1)
    count = self.build.constant(np.array(self.need("k"), np.int32)) if k is None else build.RESHAPE(cast(build, k, np.int32), ints())
    inner = computing_type("TOPK_V2", x.dtype)
    turned = move_axis(build, cast(build, x, inner), axis, -1)
    is_least = not self.get("largest", 1)
    values, places = build.TOPK_V2(_opposite(self, turned) if is_least else turned, count)
    values = _opposite(self, values) if is_least else values
    return [cast(build, move_axis(build, values, -1, axis), x.dtype), cast(build, move_axis(build, places, -1, axis), np.int64)]


def _opposite(self: Node, x: Tensor) -> Tensor:
    """Numbers in the opposite order; of integers, the complement, which all of them have."""
    if x.dtype.kind == "f":
        return self.build.NEG(x)
    return compute(self.build, "SUB", self.build.constant(np.array(-1, x.dtype)), x)


@op("CumSum")
def cumulative_sum(self: Node, x: Tensor, axis: Tensor) -> Tensor:
    (number,) = self.known_ints(axis, "axis")
    options = {"exclusive": bool(self.get("exclusive", 0)), "reverse": bool(self.get("reverse", 0))}
    return self.build.CUMSUM(x, np.array(number % len(x.shape), np.int32), **options)


@op("LpNormalization")
def lp_normalization(self: Node, x: Tensor) -> Tensor:
    build, axis = self.build, ints(self.get("axis", -1) % len(x.shape))
    is_euclidean = self.get("p", 2) == 2
    total = build.SUM(build.MUL(x, x) if is_euclidean else build.ABS(x), axis, keep_dims=True)
    norm = build.SQRT(total) if is_euclidean else total
    return build.DIV(x, build.MAXIMUM(norm, np.array(np.finfo(np.float32).tiny, np.float32)))


@op("Hardmax")
def hardmax(self: Node, x: Tensor) -> Tensor:
    """1 at the first maximum along an axis."""
    if self.version < 13:
        raise self.refuse("before operator set 13 it works on a flattened matrix", "export the model in operator set 13 or later")
    build, axis = self.build, self.get("axis", -1) % len(x.shape)
    places = build.ARG_MAX(x, np.array(axis, np.int32), output_type="INT32")
    y = build.ONE_HOT(places, np.array(x.shape[axis], np.int32), np.float32(1), np.float32(0), axis=-1)
    return move_axis(build, y, -1, axis)
