"""Layers that merge several tensors."""

from collections.abc import Sequence

import numpy as np

from tachylite.frontends.builder import dims
from tachylite.frontends.einsum import einsum
from tachylite.frontends.keras.activations import scalar
from tachylite.frontends.keras.layer import Layer, layer
from tachylite.frontends.shaping import ints, reshape
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


@layer("CustomScaleLayer")
def add_scaled(self: Layer, inputs: Sequence[Tensor]) -> Tensor:
    """Of keras.applications: the second input counts so many times."""
    x, y = inputs
    return self.build.ADD(x, self.build.MUL(y, scalar(self.config["scale"])))


@layer("Concatenate", mask="pass")
def concatenate(self: Layer, inputs: Sequence[Tensor]) -> Tensor:
    axis = self.get("axis", -1) % len(inputs[0].shape)
    return inputs[0] if len(inputs) == 1 else self.build.CONCATENATION(*inputs, axis=axis)


@layer("Dot")
def dot(self: Layer, inputs: Sequence[Tensor]) -> Tensor:
    """Products along one axis of each, for every pair of what their other axes hold."""
    x, y = inputs
    axes = self.config["axes"]
    a, b = (axis % len(t.shape) for axis, t in zip([axes, axes] if isinstance(axes, int) else axes, inputs, strict=True))
    if self.get("normalize", False):
        x, y = unit(self, x, a), unit(self, y, b)
    left = ["z" if i == a else letter for i, letter in enumerate("nabcd"[: len(x.shape)])]
    right = ["z" if i == b else letter for i, letter in enumerate("npqrs"[: len(y.shape)])]
    result = [letter for letter in [*left, *right[1:]] if letter != "z"]
    product = einsum(self.build, f"{''.join(left)},{''.join(right)}->{''.join(result)}", x, y)
    return product if len(result) > 1 else self.build.EXPAND_DIMS(product, np.array(1, np.int32))


def unit(self: Layer, x: Tensor, *axes: int) -> Tensor:
    """x with length 1 over these axes."""
    power = self.build.SUM(self.build.SQUARE(x), ints(*axes), keep_dims=True)
    return self.build.MUL(x, self.build.RSQRT(self.build.MAXIMUM(power, scalar(1e-24))))
