"""Two operands natively, element by element, with broadcasting.

The dimensions of a shape that both operands step through alike are one to the kernel; what is left are a few extents and strides.
"""

from ctypes import c_float, c_int32, c_int64
from math import prod
from typing import Any

import numpy as np

from tachylite.model.graph import Operator, Shape

from .kernel import Kernel, Params
from .registry import Spec

RANK = 6
"""The most dimensions that one call of the kernels handles."""

GRAIN = 16384
"""Elements that are worth a thread's while."""


_SHORT = 256
"""Elements below which a row is not worth a loop of its own."""


class BroadcastParams(Params):
    """Extents, outermost first, with each operand's strides in elements; then what the arithmetic needs.

    low and high clip integer results, least and greatest float ones. Quantized operands are centred on their zero points, shifted to the
    left by `headroom`, and multiplied; so is their result, which has no headroom.
    """

    _fields_ = (
        ("extent", c_int32 * RANK),
        ("first_stride", c_int32 * RANK),
        ("second_stride", c_int32 * RANK),
        ("low", c_int64),
        ("high", c_int64),
        ("least", c_float),
        ("greatest", c_float),
        ("headroom", c_int32),
        ("first_zero_point", c_int32),
        ("first_multiplier", c_int32),
        ("first_shift", c_int32),
        ("second_zero_point", c_int32),
        ("second_multiplier", c_int32),
        ("second_shift", c_int32),
        ("zero_point", c_int32),
        ("multiplier", c_int32),
        ("shift", c_int32),
    )


class SelectParams(Params):
    """Extents, outermost first, with each operand's strides in elements."""

    _fields_ = (
        ("extent", c_int32 * RANK),
        ("condition_stride", c_int32 * RANK),
        ("first_stride", c_int32 * RANK),
        ("second_stride", c_int32 * RANK),
    )


def emit_binary(
    low: Any, kind: Kernel, variant: str, op: Operator, a: tuple[int, Shape], b: tuple[int, Shape], target: int, /, **values: Any
) -> None:
    """Emit one call on two values, which are seen in these shapes; they have no more than RANK dimensions once those are merged."""
    a, b = _lengthened(low, a, b[1]), _lengthened(low, b, a[1])
    extent, first, second = steps(merged_axes(a[1], b[1]))
    params = BroadcastParams(extent=extent, first_stride=first, second_stride=second, **values)
    low.call(kind, variant, op, params, work=prod(extent), inputs=[a[0], b[0]], outputs=[target], grain=GRAIN)


def _lengthened(low: Any, operand: tuple[int, Shape], other: Shape) -> tuple[int, Shape]:
    """The operand, repeated along its last dimensions if it is a constant and would break the result into short rows."""
    number, shape = operand
    value, whole = low.program.values[number], np.broadcast_shapes(shape, other)
    if value.data is None or merged_axes(shape, other)[-1][0] >= _SHORT:
        return operand
    padded = (1,) * (len(whole) - len(shape)) + tuple(shape)
    kept = max((k for k in range(len(whole)) if prod(whole[k:]) >= _SHORT), default=0)
    longer = padded[:kept] + whole[kept:]
    if prod(longer) > GRAIN or prod(longer) == prod(shape):
        return operand
    repeated = np.ascontiguousarray(np.broadcast_to(value.data.reshape(padded), longer))
    return low.temporary(Spec(longer, value.dtype, repeated)), longer


def fits(*shapes: Shape) -> bool:
    """Whether one call of the kernels handles operands of these shapes."""
    return len(merged_axes(*shapes)) <= RANK


def steps(axes: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """Axes as a parameter block has them: RANK extents, and RANK strides of each operand."""
    unused = (1, *[0] * (len(axes[0]) - 1))
    return list(zip(*[unused] * (RANK - len(axes)), *axes, strict=True))


def merged_axes(*shapes: Shape) -> list[tuple[int, ...]]:
    """The extent of each dimension of the broadcast, outermost first, and how many elements each operand steps by along it.

    Neighbours that all operands step through as one are one.
    """
    shape = np.broadcast_shapes(*shapes)
    axes: list[tuple[int, ...]] = []
    for size, *strides in zip(shape, *(_strides(s, len(shape)) for s in shapes), strict=True):
        if size == 1:
            continue
        if axes and axes[-1][1:] == tuple(size * stride for stride in strides):
            axes[-1] = (axes[-1][0] * size, *strides)
        else:
            axes.append((size, *strides))
    return axes or [(1, *[1] * len(shapes))]


def _strides(shape: Shape, rank: int) -> list[int]:
    """An operand's strides in elements along the result's dimensions: 0 where it broadcasts."""
    padded = (1,) * (rank - len(shape)) + tuple(shape)
    return [prod(padded[i + 1 :]) if size > 1 else 0 for i, size in enumerate(padded)]
