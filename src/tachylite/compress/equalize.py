"""Cross-layer equalization: channels between two layers are scaled so that the weights on both sides use their ranges alike.

What goes from one layer to the next through a RELU, or nothing, may be scaled channel by channel if the second layer's weights undo it. It
helps where one scale serves all channels: activations always, weights of uint8 and of operators without a scale per channel.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from tachylite.model.graph import Graph, Model, Operator, Tensor

from .assign import integer_of
from .grid import constant
from .layer import FLOAT, biases_of, dense, source_of, weights_of

ROUNDS = 20
"""A layer stands in two pairs, which pull at it until they agree."""

LINEAR = ("NONE", "RELU")
"""Fused activations that a positive factor passes through."""


class Pair(NamedTuple):
    """Two layers and what goes from the first to nobody but the second."""

    first: Operator
    second: Operator


def equalize(model: Model) -> Model:
    """Scale the channels between layers, in place; returns the model, which computes the same."""
    for graph in model.graphs:
        pairs = list(pairs_of(graph))
        for _ in range(ROUNDS if pairs else 0):
            for pair in pairs:
                _balance(graph, pair)
    return model


def pairs_of(graph: Graph) -> Iterator[Pair]:
    """The pairs of layers in a graph."""
    for first in graph.operators:
        if not _is_layer(first) or getattr(first.options, "fused_activation_function", "NONE") not in LINEAR:
            continue
        between = first.outputs[0]
        readers = graph.consumers(between)
        if len(readers) == 1 and not any(t is between for t in graph.outputs) and _is_layer(readers[0]):
            second = readers[0]
            if source_of(second, integer_of(second)) is between and _input_axis(second) is not None:
                yield Pair(first, second)


def _is_layer(op: Operator) -> bool:
    """Whether it multiplies by constant weights that have a scale per output channel, and nobody else has them."""
    integer = integer_of(op)
    weights = weights_of(op, integer)
    return integer.rows is not None and len(weights) == 1 and all(b.is_constant for b in biases_of(op, integer).values())


def _place(op: Operator) -> tuple[int, int]:
    """The position of the weights, and the axis of their outputs."""
    ((position, axis),) = integer_of(op).weights.items()
    return position, axis or 0


def _input_axis(op: Operator) -> int | None:
    """The axis of the weights along which the input's channels lie; None where they lie along none."""
    weights, source = op.inputs[_place(op)[0]], source_of(op, integer_of(op))
    assert weights is not None
    last = len(weights.shape) - 1
    return last if source is not None and source.shape and weights.shape[last] == source.shape[-1] else None


def _balance(graph: Graph, pair: Pair) -> None:
    first, second = (_place(op) for op in pair)
    inner = _input_axis(pair.second)
    assert inner is not None
    given, taken = _magnitudes(pair.first.inputs[first[0]], first[1]), _magnitudes(pair.second.inputs[second[0]], inner)
    useful = (given > 0) & (taken > 0)
    factors = np.where(useful, np.sqrt(given / np.where(useful, taken, 1)), 1).astype(FLOAT)
    _scale(graph, pair.first, first[0], 1 / factors, first[1])
    for position in biases_of(pair.first, integer_of(pair.first)):
        _scale(graph, pair.first, position, 1 / factors, 0)
    _scale(graph, pair.second, second[0], factors, inner)


def _magnitudes(tensor: Tensor | None, axis: int) -> np.ndarray:
    assert tensor is not None
    value = np.moveaxis(np.abs(dense(tensor)), axis, 0)
    return value.reshape(len(value), -1).max(axis=1).astype(np.float64)


def _scale(graph: Graph, op: Operator, position: int, factors: np.ndarray, axis: int) -> None:
    """Multiply the slices of a constant, which becomes the operator's own."""
    tensor = op.inputs[position]
    assert tensor is not None
    shape = [-1 if i == axis else 1 for i in range(len(tensor.shape))] if len(tensor.shape) > 1 else [-1]
    scaled = constant(tensor.name, (dense(tensor) * factors.reshape(shape)).astype(FLOAT), None)
    op.inputs[position] = scaled
    graph.tensors.append(scaled)
