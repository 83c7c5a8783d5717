"""Activations as layers."""

from typing import Any

import numpy as np

from tachylite.frontends.keras import activations
from tachylite.frontends.keras.activations import activate
from tachylite.frontends.keras.layer import Layer, layer
from tachylite.model.graph import Tensor


@layer("Activation", mask="pass")
def activation(self: Layer, x: Tensor) -> Tensor:
    return activate(self, x, self.config["activation"])


@layer("ReLU", mask="pass")
def relu(self: Layer, x: Tensor) -> Tensor:
    return activations.relu(self.build, x, self.get("negative_slope", 0.0), self.config.get("max_value"), self.get("threshold", 0.0))


@layer("LeakyReLU", mask="pass")
def leaky_relu(self: Layer, x: Tensor) -> Tensor:
    """Keras 2 calls the slope alpha."""
    return activations.leaky_relu(self.build, x, _number(self.get("negative_slope", self.get("alpha", 0.3))))


@layer("ELU", mask="pass")
def elu(self: Layer, x: Tensor) -> Tensor:
    return activations.elu(self.build, x, _number(self.get("alpha", 1.0)))


@layer("ThresholdedReLU", mask="pass")
def thresholded_relu(self: Layer, x: Tensor) -> Tensor:
    """Of Keras 2."""
    return activations.threshold(self.build, x, _number(self.get("theta", 1.0)))


@layer("PReLU", mask="pass")
def prelu(self: Layer, x: Tensor) -> Tensor:
    (alpha,) = self.take(1)
    return self.build.PRELU(x, self.build.constant(alpha, "alpha"))


@layer("Softmax", mask="pass")
def softmax(self: Layer, x: Tensor, mask: Tensor | None = None) -> Tensor:
    """Over an axis or several. Where the mask is false, a large number is taken away first."""
    if mask is not None:
        kept = self.build.CAST(mask, in_data_type="BOOL", out_data_type="FLOAT32")
        x = self.build.ADD(x, self.build.MUL(self.build.SUB(activations.scalar(1), kept), activations.scalar(-1e9)))
    return activations.softmax(self.build, x, self.get("axis", -1))


def _number(value: Any) -> float:
    """Keras 2 wrote some parameters as serialized arrays."""
    return float(np.asarray(value["value"] if isinstance(value, dict) else value))
