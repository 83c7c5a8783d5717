"""Sequences whose length and order are known while converting: lists of tensors, which leave no operator behind."""

from typing import Any

import numpy as np

from tachylite.frontends.builder import dims
from tachylite.frontends.onnx.node import Node, as_list, op
from tachylite.frontends.onnx.operators.shape import move_split, pieces
from tachylite.frontends.types import move
from tachylite.model.graph import Tensor


@op("SequenceEmpty")
def sequence_empty(self: Node) -> list[Any]:
    return [[]]


@op("SequenceConstruct")
def sequence_construct(self: Node, *values: Tensor) -> list[Any]:
    return [list(values)]


@op("SequenceAt")
def sequence_at(self: Node, values: list[Tensor], position: Tensor) -> Tensor:
    return values[_position(self, position)]


@op("SequenceInsert")
def sequence_insert(self: Node, values: list[Tensor], value: Tensor, position: Tensor | None = None) -> list[Any]:
    place = len(values) if position is None else _position(self, position)
    return [[*values[:place], value, *values[place:]]]


@op("SequenceErase")
def sequence_erase(self: Node, values: list[Tensor], position: Tensor | None = None) -> list[Any]:
    place = (-1 if position is None else _position(self, position)) % len(values)
    return [[*values[:place], *values[place + 1 :]]]


def _position(self: Node, position: Tensor) -> int:
    return int(self.known(position, "position").item())


@op("SequenceLength")
def sequence_length(self: Node, values: list[Tensor]) -> Tensor:
    return self.build.constant(np.array(len(values), np.int64))


@op("SplitToSequence")
def split_to_sequence(self: Node, x: Tensor, sizes: Tensor | None = None) -> list[Any]:
    """Pieces of one size, of these sizes, or single elements, whose axis may go."""
    axis = self.get("axis", 0) % len(x.shape)
    if dims(x)[axis] is None:
        raise self.refuse("it splits an axis whose size is unknown", "fix it with input_shapes=")
    if sizes is None:
        parts = move_split(self, x, axis, x.shape[axis])
        return [parts if self.get("keepdims", 1) else [self.build.SQUEEZE(p, squeeze_dims=(axis,)) for p in parts]]
    wanted = self.known(sizes, "sizes")
    each = int(wanted.item()) if wanted.ndim == 0 else 0
    counts = [min(each, x.shape[axis] - i) for i in range(0, x.shape[axis], each)] if each else [int(n) for n in wanted]
    return [as_list(pieces(self, x, axis, counts))]


@op("ConcatFromSequence")
def concat_from_sequence(self: Node, values: list[Tensor]) -> Tensor:
    axis, is_new = self.need("axis"), bool(self.get("new_axis", 0))
    axis %= len(values[0].shape) + is_new
    if is_new:
        return move(self.build, "PACK", values, values_count=len(values), axis=axis)
    return values[0] if len(values) == 1 else move(self.build, "CONCATENATION", values, axis=axis)
