"""Two operands natively, element by element, with broadcasting.

The dimensions of a shape that both operands step through alike are one to the kernel; what is left are a few extents and strides.
"""

from collections.abc import Sequence
from ctypes import c_float, c_int32, c_int64
from math import prod
from typing import Any

from tachylite.model.graph import Operator, Shape

from .kernel import Kernel, Params

RANK = 6
"""The most dimensions that one call of the kernels handles."""

GRAIN = 16384
"""Elements that are worth a thread's while."""


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


def binary_call(low: Any, kind: Kernel, variant: str, op: Operator, /, **values: Any) -> None:
    """Emit one call on the operator's two inputs; a work item is one element of the output."""
    shape = low.spec(op.outputs[0]).shape
    axes = _merge(shape, *(_strides(low.spec(t).shape, len(shape)) for t in op.inputs))
    if len(axes) > RANK:
        low.host(op)
        return
    extent, first, second = zip(*[(1, 0, 0)] * (RANK - len(axes)), *axes, strict=True)
    params = BroadcastParams(extent=extent, first_stride=first, second_stride=second, **values)
    low.call(kind, variant, op, params, work=prod(shape), grain=GRAIN)


def _strides(shape: Shape, rank: int) -> list[int]:
    """An operand's strides in elements along the result's dimensions: 0 where it broadcasts."""
    padded = (1,) * (rank - len(shape)) + tuple(shape)
    return [prod(padded[i + 1 :]) if size > 1 else 0 for i, size in enumerate(padded)]


def _merge(shape: Shape, first: Sequence[int], second: Sequence[int]) -> list[tuple[int, int, int]]:
    """(extent, stride, stride) of each dimension, outermost first; neighbours that both operands step through as one are one."""
    axes: list[tuple[int, int, int]] = []
    for size, a, b in zip(shape, first, second, strict=True):
        if size == 1:
            continue
        if axes and axes[-1][1:] == (size * a, size * b):
            axes[-1] = (axes[-1][0] * size, a, b)
        else:
            axes.append((size, a, b))
    return axes or [(1, 1, 1)]
