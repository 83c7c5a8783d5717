"""Layers that merge several tensors."""

from collections.abc import Sequence

from tachylite.frontends.builder import dims
from tachylite.frontends.keras.activations import scalar
from tachylite.frontends.keras.layer import Layer, layer
from tachylite.frontends.shaping import reshape
from tachylite.model.graph import Tensor


def fold(self: Layer, operator: str, inputs: Sequence[Tensor]) -> Tensor:
    """One after the other. Inputs of lower rank get axes of 1 after the batch."""
    rank = max(len(x.shape) for x in inputs)
    result, *rest = [_widen(self, x, rank) for x in inputs]
    for x in rest:
        result = getattr(self.build, operator)(result, x)
    return result


def _widen(self: Layer, x: Tensor, rank: int) -> Tensor:
    batch, *rest = dims(x)
    return reshape(self.build, x, [batch, *[1] * (rank - len(x.shape)), *rest])


@layer("Add", mask="pass")
def add(self: Layer, inputs: Sequence[Tensor]) -> Tensor:
    return fold(self, "ADD", inputs)


@layer("Subtract", mask="pass")
def subtract(self: Layer, inputs: Sequence[Tensor]) -> Tensor:
    return fold(self, "SUB", inputs)


@layer("Multiply", mask="pass")
def multiply(self: Layer, inputs: Sequence[Tensor]) -> Tensor:
    return fold(self, "MUL", inputs)


@layer("Maximum", mask="pass")
def maximum(self: Layer, inputs: Sequence[Tensor]) -> Tensor:
    return fold(self, "MAXIMUM", inputs)


@layer("Minimum", mask="pass")
def minimum(self: Layer, inputs: Sequence[Tensor]) -> Tensor:
    return fold(self, "MINIMUM", inputs)


@layer("Average", mask="pass")
def average(self: Layer, inputs: Sequence[Tensor]) -> Tensor:
    return self.build.MUL(fold(self, "ADD", inputs), scalar(1 / len(inputs)))


@layer("Concatenate", mask="pass")
def concatenate(self: Layer, inputs: Sequence[Tensor]) -> Tensor:
    axis = self.get("axis", -1) % len(inputs[0].shape)
    return inputs[0] if len(inputs) == 1 else self.build.CONCATENATION(*inputs, axis=axis)
