"""The registry of PyTorch's operators, and what their functions have in common.

A function has the parameters of the operator that it is entered for, and tells overloads by their arguments.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tachylite.frontends.shaping import reshape, shape_vector, size_of
from tachylite.frontends.traced.converter import Call
from tachylite.frontends.traced.registry import Operations
from tachylite.frontends.types import cast
from tachylite.model.graph import Tensor

op = Operations(f"{__package__}.operators")

Size = int | Tensor
"""A dimension: a number, or an int32 scalar where it is unknown."""


def tensor(self: Call, x: Any, dtype: Any) -> Tensor:
    """An operand, number or tensor, as a tensor of this type."""
    return cast(self.build, x, dtype) if isinstance(x, Tensor) else self.build.constant(np.array(x, np.dtype(dtype)))


def result_type(self: Call) -> np.dtype:
    """The type that torch gives the result."""
    return np.dtype(self.output.dtype)


def common_type(*operands: Any) -> np.dtype:
    """The type in which torch works on these together: numbers do not change the type of tensors, but for its kind."""
    arrays = [x.dtype for x in operands if isinstance(x, Tensor)]
    kinds = ["b" if isinstance(x, bool) else "i" if isinstance(x, int) else "f" for x in operands if not isinstance(x, Tensor)]
    floats = [d for d in arrays if d.kind not in "biu"]
    if floats:
        return max(floats, key=lambda d: d.itemsize)
    if "f" in kinds or not arrays:
        return np.dtype(np.float32)
    whole = np.result_type(*arrays)
    return np.dtype(np.int64) if whole == np.bool_ and "i" in kinds else whole


def sizes_of(self: Call, x: Tensor) -> list[Size]:
    """All dimensions of x."""
    return [size_of(self.build, x, axis) for axis in range(len(x.shape))]


def reshaped(self: Call, x: Tensor, wanted: Sequence[Any]) -> Tensor:
    """x in a shape of numbers, -1 and sizes; what more is known of it is told by the operator's result."""
    value = self.build.value(x)
    known = [d for d in wanted if not isinstance(d, Tensor)]
    if value is not None and len(known) == len(wanted):
        return self.build.constant(value.reshape(known), x.name.rpartition("/")[2])
    shape = self.output.shape
    if shape.count(None) <= 1:
        return reshape(self.build, x, shape)
    return reshape(self.build, x, [None if isinstance(d, int) and d < 0 else d for d in wanted])


def vector(self: Call, sizes: Sequence[Any]) -> Tensor:
    """Sizes as an int32 vector."""
    return shape_vector(self.build, sizes)


def axes_of(x: Tensor, given: Any) -> list[int]:
    """Axes counted from the front: one number, several, or None for all."""
    rank = len(x.shape)
    if given is None or given == []:
        return list(range(rank))
    return [axis % max(rank, 1) for axis in ([given] if isinstance(given, int) else given)]


def each(values: Any, count: int) -> list[Any]:
    """A parameter for each dimension, where one number may serve all."""
    listed = [values] if not isinstance(values, list) else values
    return listed * count if len(listed) == 1 else listed
