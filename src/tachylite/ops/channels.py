"""How channels run through operators: the contract of `OpDef.channels`, and the kinds that families share.

`channels(op)` tells which entries along which axes of an operator's tensors belong together: they are removed together, and the operator
then does for the others what it did before. None where it has no such channels. `compress/channels.py` lives by it.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from tachylite.model.graph import Operator, Tensor

from .permute import constant


class Lane(NamedTuple):
    """An axis of a tensor; entry i along it belongs to channel numbers[i]."""

    tensor: Tensor
    axis: int
    numbers: np.ndarray


Tie = Sequence[Lane]
"""Lanes that number their channels alike."""


class Channels(NamedTuple):
    """What an operator ties.

    makes: the lane of the weights that compute each channel, where the operator makes new ones.
    refit: the operator once its tensors have been cut, where constants or options of it state their shapes.
    """

    ties: Sequence[Tie]
    makes: Lane | None = None
    refit: Callable[[Operator], Operator] | None = None


ChannelsOf = Callable[[Operator], Channels | None]


def lane(tensor: Tensor, axis: int = -1, numbers: np.ndarray | None = None) -> Lane:
    """A lane whose entries are channels of their own, unless their numbers are given. axis: may count from the last."""
    return Lane(tensor, axis % len(tensor.shape), np.arange(tensor.shape[axis]) if numbers is None else numbers)


def last_axis(op: Operator) -> Channels | None:
    """The last axis of the first input is that of the output."""
    x, y = op.inputs[0], op.outputs[0]
    if x is None or not x.shape or not y.shape or x.shape[-1] != y.shape[-1]:
        return None
    return Channels([[lane(x), lane(y)]])


def elementwise(op: Operator) -> Channels:
    """Every axis of the output is that of all operands that are not broadcast along it."""
    (y, *_), ties = op.outputs, []
    for axis, size in enumerate(y.shape, -len(y.shape)):
        operands = [t for t in op.inputs if t is not None and len(t.shape) >= -axis and t.shape[axis] == size]
        ties.append([lane(t, axis) for t in (*operands, *op.outputs)])
    return Channels(ties)


def product(op: Operator, x: int = 0, weights: int = 1, bias: int = 2) -> Channels | None:
    """Weights [outputs, ..., inputs] meet the last axis of x, once for each of its channels or, where x is flattened first, in turn."""
    source, kernel, result = op.inputs[x], op.inputs[weights], op.outputs[0]
    added = op.inputs[bias] if bias < len(op.inputs) else None
    if source is None or kernel is None or not source.size or not source.shape or kernel.shape[-1] % source.shape[-1]:
        return None
    met = [lane(source), lane(kernel, -1, np.arange(kernel.shape[-1]) % source.shape[-1])]
    made = [lane(t, axis) for t, axis in ((kernel, 0), (added, 0), (result, -1)) if t is not None]
    return Channels([met, made], makes=made[0])


def joined(op: Operator) -> Channels | None:
    """The option `axis` names the axis along which inputs follow each other; the others are common to all."""
    (y, *_), ties, rank = op.outputs, [], len(op.outputs[0].shape)
    inputs = [t for t in op.inputs if t is not None]
    for axis in range(rank):
        if axis != op.options.axis % rank:
            ties.append([lane(t, axis) for t in (*inputs, y)])
            continue
        starts = np.cumsum([0, *(t.shape[axis] for t in inputs)])
        ties.append([*(lane(t, axis, np.arange(t.shape[axis]) + start) for t, start in zip(inputs, starts, strict=False)), lane(y, axis)])
    return Channels(ties)


def split(op: Operator) -> Channels | None:
    """Equal parts of the second input along the axis that the first names: all parts lose the same channels, so that they stay equal."""
    named, x = constant(op.inputs[0]), op.inputs[1]
    if named is None or x is None:
        return None
    axis = int(named.reshape(())) % len(x.shape)
    size = op.outputs[0].shape[axis]
    ties = [[lane(t, a) for t in (x, *op.outputs)] for a in range(len(x.shape)) if a != axis]
    return Channels([*ties, [lane(x, axis, np.arange(x.shape[axis]) % size), *(lane(y, axis) for y in op.outputs)]])


def split_by_sizes(op: Operator) -> Channels | None:
    """Parts of the sizes that the second input gives along the axis that the third names."""
    x, sizes, named = op.inputs[0], constant(op.inputs[1]), constant(op.inputs[2])
    if x is None or sizes is None or named is None:
        return None
    axis = int(named.reshape(())) % len(x.shape)
    starts = np.cumsum([0, *(y.shape[axis] for y in op.outputs)])
    parts = [lane(y, axis, np.arange(y.shape[axis]) + start) for y, start in zip(op.outputs, starts, strict=False)]
    ties = [[lane(t, a) for t in (x, *op.outputs)] for a in range(len(x.shape)) if a != axis]
    return Channels([*ties, [lane(x, axis), *parts]], refit=lambda op: with_constant(op, 1, np.array([y.shape[axis] for y in op.outputs])))


def sliced(op: Operator) -> Channels | None:
    """A part that begins where the first input does, or ends where it ends, along each axis; one from the middle holds its channels."""
    x, starts, sizes, y = op.inputs[0], constant(op.inputs[1]), constant(op.inputs[2]), op.outputs[0]
    if x is None or starts is None or sizes is None:
        return None
    at_an_end = [a for a, start in enumerate(starts.tolist()) if start == 0 or start + y.shape[a] == x.shape[a]]
    ties = [[lane(x, a), lane(y, a, np.arange(y.shape[a]) + int(starts[a]))] for a in at_an_end]

    def refit(op: Operator) -> Operator:
        source, part = op.inputs[0], op.outputs[0]
        assert source is not None
        begins = [source.shape[a] - part.shape[a] if a in at_an_end and start else start for a, start in enumerate(starts.tolist())]
        counts = [size if size == -1 else part.shape[a] for a, size in enumerate(sizes.tolist())]
        return with_constant(with_constant(op, 1, np.array(begins)), 2, np.array(counts))

    return Channels(ties, refit=refit)


def unless_named(position: int) -> ChannelsOf:
    """As `last_axis`, unless the constant input at this position names the last axis, by its number."""

    def channels(op: Operator) -> Channels | None:
        named, found = constant(op.inputs[position]), last_axis(op)
        if named is None or found is None:
            return None
        last = found.ties[0][0]
        return None if any(int(axis) in (last.axis, -1) for axis in named.ravel()) else found

    return channels


def unless_padded(op: Operator) -> Channels | None:
    """As `last_axis`, unless the paddings, the second input, add to that axis."""
    paddings = constant(op.inputs[1])
    return None if paddings is None or paddings[-1].any() else last_axis(op)


def reshaped(op: Operator) -> Channels | None:
    """In memory, the last axis of the input is repeated in the output's, or the other way round."""
    x, y = op.inputs[0], op.outputs[0]
    if x is None or not x.size or not x.shape or not y.shape or (len(op.inputs) > 1 and constant(op.inputs[1]) is None):
        return None
    fewer, more = sorted((x.shape[-1], y.shape[-1]))
    if more % fewer:
        return None
    return Channels([[lane(t, -1, np.arange(t.shape[-1]) % fewer) for t in (x, y)]], refit=_refit_reshape)


def _refit_reshape(op: Operator) -> Operator:
    """The shape that it is given follows its output's, but for a -1 in it."""
    last = op.outputs[0].shape[-1]

    def fit(shape: Sequence[int]) -> list[int]:
        return [*shape[:-1], shape[-1] if shape[-1] == -1 else last] if len(shape) else []

    options = replace(op.options, new_shape=tuple(fit(op.options.new_shape))) if op.options is not None else None
    shape = constant(op.inputs[1]) if len(op.inputs) > 1 else None
    return replace(op, options=options) if shape is None else with_constant(replace(op, options=options), 1, np.array(fit(shape.tolist())))


def with_constant(op: Operator, position: int, value: np.ndarray) -> Operator:
    """The operator with another constant at `position`, of the type that it had."""
    old = op.inputs[position]
    assert old is not None
    data = np.ascontiguousarray(value.astype(old.dtype))
    data.flags.writeable = False
    inputs = list(op.inputs)
    inputs[position] = replace(old, data=data, shape=data.shape)
    return replace(op, inputs=inputs)
