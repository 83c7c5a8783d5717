"""How operators follow a permutation of their inputs' axes: the contract of `OpDef.permute`, and the kinds that families share.

`permute(op, axes)` answers for an operator whose data inputs come with their axes in another order, as TRANSPOSE by `axes` leaves them:
axis i of the new input is axis axes[i] of the old one. It says what the operator must become, and in which order the axes of its outputs
then are; None where it cannot follow, or where that depends on a value that is no constant. `passes/layout.py` lives by it.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from tachylite.model.graph import Operator, Tensor

Axes = tuple[int, ...]


class Permuted(NamedTuple):
    """What becomes of an operator.

    inputs: for each one the order of its axes, a constant that takes its place, or None where it stays as it is.
    outputs: the order of the axes of each one; options: those that change.
    """

    inputs: Sequence[Axes | np.ndarray | None]
    outputs: Sequence[Axes]
    options: Mapping[str, Any] = MappingProxyType({})


Permute = Callable[[Operator, Axes], Permuted | None]


def compose(first: Axes, second: Axes) -> Axes:
    """The order of axes after one permutation and then another."""
    return tuple(first[a] for a in second)


def inverse(axes: Axes) -> Axes:
    """The permutation that undoes `axes`."""
    return tuple(axes.index(i) for i in range(len(axes)))


def constant(tensor: Tensor | None) -> np.ndarray | None:
    """A constant's value; None for what is none."""
    return None if tensor is None else tensor.dense()


def elementwise(op: Operator, axes: Axes) -> Permuted | None:
    """Every operand of full rank comes in the new order; constants of lower rank, which broadcast, are given it; single elements stay."""
    if len(op.outputs[0].shape) != len(axes) or not all(_follows(t, len(axes)) for t in (*op.inputs, *op.outputs)):
        return None
    return Permuted([_operand(t, axes) for t in op.inputs], [axes])


def _follows(tensor: Tensor | None, rank: int) -> bool:
    """Whether a tensor of one scale is of full rank, or a constant that broadcasts to it."""
    if tensor is None:
        return True
    if tensor.quantization is not None and (tensor.quantization.is_per_channel or tensor.quantization.details):
        return False
    return len(tensor.shape) == rank or (tensor.is_constant and len(tensor.shape) < rank)


def _operand(tensor: Tensor | None, axes: Axes) -> Axes | np.ndarray | None:
    value = constant(tensor)
    if tensor is None or (value is not None and value.size == 1):
        return None
    if value is None or value.ndim == len(axes):
        return axes
    return value.reshape((1,) * (len(axes) - value.ndim) + value.shape).transpose(axes)


def without(axes: Axes, gone: Sequence[int]) -> Axes:
    """The order of the axes that are left when the axes `gone`, counted in the old order, disappear."""
    left = [a for a in range(len(axes)) if a not in gone]
    return tuple(left.index(a) for a in axes if a not in gone)


def reduction(op: Operator, axes: Axes) -> Permuted | None:
    """The second input names axes, which go or become 1 as `keep_dims` says."""
    named = constant(op.inputs[1])
    if named is None or not axes or len(op.inputs[0].shape) != len(axes):
        return None
    gone = [int(a) % len(axes) for a in named.ravel()]
    moved = np.array([axes.index(a) for a in gone], np.int32).reshape(named.shape)
    return Permuted([axes, moved], [axes if op.options.keep_dims else without(axes, gone)])


def along_input(position: int, *, drops: bool = False) -> Permute:
    """An input, one constant integer, names an axis of every other input, which the outputs have in the same order, or no longer."""

    def permute(op: Operator, axes: Axes) -> Permuted | None:
        named = constant(op.inputs[position])
        if named is None or not axes:
            return None
        axis = int(named.item()) % len(axes)
        moved = np.full(named.shape, axes.index(axis), named.dtype)
        inputs = [moved if i == position else axes if len(t.shape) == len(axes) else None for i, t in enumerate(op.inputs) if t is not None]
        return Permuted(inputs, [without(axes, [axis]) if drops else axes] * len(op.outputs))

    return permute


def along_option(op: Operator, axes: Axes) -> Permuted | None:
    """The option `axis` names an axis of all inputs and outputs."""
    axis = op.options.axis % len(axes) if axes else 0
    if not axes or any(t is None or len(t.shape) != len(axes) for t in op.inputs):
        return None
    return Permuted([axes] * len(op.inputs), [axes] * len(op.outputs), {"axis": axes.index(axis)})


def per_axis(count: int) -> Permute:
    """The `count` inputs behind the first hold an entry for each axis: paddings, starts, sizes. What follows stays."""

    def permute(op: Operator, axes: Axes) -> Permuted | None:
        entries = [constant(t) for t in op.inputs[1 : 1 + count]]
        if any(e is None or len(e) != len(axes) for e in entries):
            return None
        moved = [e[list(axes)] for e in entries if e is not None]
        return Permuted([axes, *moved, *[None] * (len(op.inputs) - 1 - count)], [axes])

    return permute


def last_stays(op: Operator, axes: Axes) -> Permuted | None:
    """The operator works along the last axis, and follows permutations of the others."""
    return Permuted([axes], [axes]) if axes and axes[-1] == len(axes) - 1 else None


def inserted(axes: Axes, position: int) -> Axes:
    """The order of axes where the old and the new result both have a new one at `position`."""
    moved = [a + (a >= position) for a in axes]
    return (*moved[:position], position, *moved[position:])
