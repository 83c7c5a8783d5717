"""Reductions along axes and over windows, sums that run, sorting."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tachylite.frontends import nchw
from tachylite.frontends.builder import dims
from tachylite.frontends.shaping import ints, move_axis, reshape, transpose
from tachylite.frontends.stablehlo.node import full, op
from tachylite.frontends.traced.converter import Call
from tachylite.frontends.traced.program import Ref
from tachylite.frontends.traced.values import Broadcast, as_tensor
from tachylite.model.graph import Tensor

#: The operator in a reduction's body, the reduction, and the operator that takes an initial value in.
REDUCTIONS = {
    "add": ("SUM", "ADD"),
    "maximum": ("REDUCE_MAX", "MAXIMUM"),
    "minimum": ("REDUCE_MIN", "MINIMUM"),
    "multiply": ("REDUCE_PROD", "MUL"),
    "and": ("REDUCE_ALL", "LOGICAL_AND"),
    "or": ("REDUCE_ANY", "LOGICAL_OR"),
}


@op("reduce")
def reduce(self: Call, *operands: Any, dimensions: Sequence[int]) -> Any:
    """Operands, then their initial values. Two operands are values and their positions, of the greatest or the least."""
    half = len(operands) // 2
    if half == 2:
        return _extreme(self, as_tensor(self.build, operands[0]), operands[1], dimensions)
    x, initial = (as_tensor(self.build, t) for t in (operands[0], operands[half]))
    kind = _body_operator(self)
    if half != 1 or kind not in REDUCTIONS:
        raise self.refuse("its body is none of " + ", ".join(REDUCTIONS), "write it with sums, products, maxima or minima")
    name, joined = _for_type(REDUCTIONS[kind], x)
    y = getattr(self.build, name)(x, ints(*dimensions), keep_dims=False) if dimensions else x
    return y if _is_neutral(self, kind, initial) else getattr(self.build, joined)(y, initial)


def _for_type(names: tuple[str, str], x: Tensor) -> tuple[str, str]:
    """Sums and maxima of booleans are logical ones."""
    logical = {"SUM": "or", "REDUCE_MAX": "or", "REDUCE_MIN": "and", "REDUCE_PROD": "and"}
    return REDUCTIONS[logical[names[0]]] if x.dtype == np.bool_ and names[0] in logical else names


def _body_operator(self: Call) -> str:
    """The one operator of a body, which joins its arguments; empty where it does anything else."""
    (body,) = self.node.bodies
    if len(body.nodes) != 1 or len(body.arguments) != 2:
        return ""
    (node,) = body.nodes
    arguments = [Ref(value.name) for value in body.arguments]
    is_plain = sorted(node.inputs, key=repr) == sorted(arguments, key=repr) and body.results == [Ref(node.outputs[0].name)]
    return node.op if is_plain else ""


def _is_neutral(self: Call, kind: str, initial: Tensor) -> bool:
    """Whether a reduction that begins with this value is as if it began with nothing."""
    value = self.build.value(initial)
    if value is None:
        return False
    least, most = (False, True) if value.dtype == np.bool_ else (-np.inf, np.inf)
    if value.dtype.kind in "iu":
        least, most = np.iinfo(value.dtype).min, np.iinfo(value.dtype).max
    neutral = {"add": 0, "multiply": 1, "maximum": least, "minimum": most, "and": True, "or": False}
    return bool(value == neutral[kind])


def _extreme(self: Call, values: Tensor, positions: Any, dimensions: Sequence[int]) -> list[Tensor]:
    """As argmax and argmin come: both the value and its position, carried along together."""
    chosen = _tried(self, np.array(1, values.dtype), np.array(0), np.array(2, values.dtype), np.array(1))
    if len(dimensions) != 1 or not _are_positions(self, positions, dimensions[0]) or chosen not in ([1, 0], [2, 1]):
        raise self.refuse("it reduces several operands together", "write argmax or argmin, or a reduction of one operand")
    (axis,), is_greatest = dimensions, chosen == [2, 1]
    find = self.build.ARG_MAX if is_greatest else self.build.ARG_MIN
    found = find(values, np.array(axis, np.int32), output_type=np.dtype(self.node.outputs[1].dtype).name.upper())
    value = (self.build.REDUCE_MAX if is_greatest else self.build.REDUCE_MIN)(values, ints(axis), keep_dims=False)
    return [value, found]


def _tried(self: Call, *values: np.ndarray) -> list[Any]:
    """What the node's body makes of these scalars; None for what it does not tell."""
    (body,) = self.node.bodies
    trial = self.build.body("trial")
    given = [trial.constant(x.astype(v.dtype)) for x, v in zip(values, body.arguments, strict=True)]
    results = self.converter.within(trial).run(body, given, self.values)
    found = [trial.value(x) if isinstance(x, Tensor) else None for x in results]
    return [None if x is None else x.item() for x in found]


def _are_positions(self: Call, x: Any, axis: int) -> bool:
    """Whether a tensor counts along an axis."""
    small = x.small if isinstance(x, Broadcast) else x
    value, shape = self.build.value(small), x.shape
    if value is None or shape[axis] is None:
        return False
    numbers = np.arange(shape[axis]).reshape([-1 if i == axis else 1 for i in range(len(shape))])
    return value.size > 0 and np.array_equal(np.broadcast_arrays(value, numbers)[0], np.broadcast_arrays(value, numbers)[1])


# Windows.


@full("reduce_window")
def reduce_window(
    self: Call,
    x: Tensor,
    initial: Tensor,
    window_dimensions: Sequence[int],
    window_strides: Sequence[int] = (),
    base_dilations: Sequence[int] = (),
    window_dilations: Sequence[int] = (),
    padding: np.ndarray | None = None,
) -> Tensor:
    """Pools over up to three axes, and sums that run along one."""
    rank, kind = len(x.shape), _body_operator(self)
    if kind not in ("add", "maximum", "minimum") or not _is_neutral(self, kind, initial) or any(n != 1 for n in base_dilations):
        raise self.refuse(f"a window is reduced with {kind or 'a function'}", "take sums, maxima or minima, without base_dilation")
    strides, dilations = (list(values) or [1] * rank for values in (window_strides, window_dilations))
    pads = np.zeros((rank, 2), int) if padding is None else padding
    windows = [
        nchw.Window(size, stride, step, int(before), int(after))
        for size, stride, step, (before, after) in zip(window_dimensions, strides, dilations, pads, strict=True)
    ]
    axes = [axis for axis, window in enumerate(windows) if window != nchw.Window(1)]
    running = _running_sum(self, x, axes, windows) if kind == "add" else None
    return running if running is not None else _pool(self, x, kind, axes, windows)


def _running_sum(self: Call, x: Tensor, axes: Sequence[int], windows: Sequence[nchw.Window]) -> Tensor | None:
    """A window from the first element to each, or from each to the last."""
    if len(axes) != 1:
        return None
    (axis,) = axes
    size = dims(x)[axis]
    whole = [nchw.Window(size, before=size - 1), nchw.Window(size, after=size - 1)] if size is not None else []
    if windows[axis] not in whole:
        return None
    return self.build.CUMSUM(x, np.array(axis, np.int32), exclusive=False, reverse=windows[axis] == whole[1])


def _pool(self: Call, x: Tensor, kind: str, axes: Sequence[int], windows: Sequence[nchw.Window]) -> Tensor:
    """With the axes that windows move along at the end, as `nchw` has them."""
    build, rank = self.build, len(x.shape)
    if x.dtype != np.float32 or len(axes) > 3:
        raise self.refuse(f"windows of {len(axes)} dimensions on {x.dtype}", "pool float32 over up to three dimensions")
    order = [axis for axis in range(rank) if axis not in axes] + list(axes)
    turned = transpose(build, x, order)
    outer = dims(turned)[: rank - len(axes)]
    first = outer[:1] if len(outer) == 2 else (None,)
    pictures = reshape(build, turned, [*first, outer[1] if len(outer) == 2 else 1, *dims(turned)[len(outer) :]])
    moving = [windows[axis] for axis in axes]
    y = _pooled(self, pictures, kind, moving)
    y = reshape(build, y, [*outer, *dims(y)[2:]])
    return transpose(build, y, [int(i) for i in np.argsort(order)])


def _pooled(self: Call, x: Tensor, kind: str, windows: Sequence[nchw.Window]) -> Tensor:
    """x: [n, c, *size]. A sum is a mean, times as many as the window holds."""
    if kind == "add":
        return nchw.average_pool(self.build, x, windows, count_padding=True, divisor=1)
    if kind == "maximum":
        return nchw.max_pool(self.build, x, windows)
    return self.build.NEG(nchw.max_pool(self.build, self.build.NEG(x), windows))


# Order.


@op("sort")
def sort(self: Call, x: Any, *others: Any, dimension: int) -> Any:
    """Upward or downward, alone or with the positions from which the elements come."""
    size, x = x.shape[dimension], as_tensor(self.build, x)
    if len(others) > 1 or size is None or any(not _are_positions(self, t, dimension) for t in others):
        raise self.refuse("it sorts several operands, or along a dimension that is not known", "sort, or argsort, one tensor")
    low, high, rest = np.array(1), np.array(2), [np.array(0)] * (2 * len(others))
    order = _tried(self, low, high, *rest), _tried(self, high, low, *rest)
    if order not in (([True], [False]), ([False], [True])):
        raise self.refuse("it sorts by something else than the elements' order", "sort upward or downward")
    is_upward = order == ([True], [False])
    last = move_axis(self.build, self.build.NEG(x) if is_upward else x, dimension, -1)
    values, positions = self.build.TOPK_V2(last, np.array(size, np.int32))
    values = self.build.NEG(values) if is_upward else values
    return [move_axis(self.build, t, -1, dimension) for t in (values, positions)][: 1 + len(others)]


@full("chlo.top_k", "mhlo.topk")
def top_k(self: Call, x: Tensor, k: int, largest: bool = True) -> list[Tensor]:
    if not largest:
        raise self.refuse("it looks for the least (largest=False)", "negate what goes in")
    return list(self.build.TOPK_V2(x, np.array(k, np.int32)))
