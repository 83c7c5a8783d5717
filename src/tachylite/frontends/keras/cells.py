"""Recurrent cells: what a layer computes at each step, with the products of the inputs taken for all steps at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tachylite.frontends.builder import FrontendBuilder
from tachylite.model.graph import Tensor

from .activations import Activation, activation_function, activation_name
from .layer import Layer, Unsupported

States = Sequence[Tensor]


@dataclass
class Cell:
    """The weights of a simple cell; the other cells are classes of their own.

    kernel: [inputs, gates * units]; recurrent: [units, gates * units]; bias: [gates * units], or for a GRU [2, gates * units].
    activation, gate: functions of (build, x).
    """

    kernel: np.ndarray
    recurrent: np.ndarray
    bias: np.ndarray
    activation: Activation
    gate: Activation
    reset_after: bool = True

    gates = 1
    #: How many tensors [n, units] the cell hands on. The first is its output.
    states = 1

    @property
    def units(self) -> int:
        return self.recurrent.shape[0]

    @property
    def input_bias(self) -> np.ndarray:
        """What is added to the products of the inputs."""
        return self.bias if self.bias.ndim == 1 else self.bias[0]

    def step(self, build: FrontendBuilder, x: Tensor, states: States) -> list[Tensor]:
        """The next states. x: the products of one step's inputs, [n, gates * units]."""
        return [self.activation(build, build.ADD(x, recur(build, states[0], self.recurrent)))]


class LstmCell(Cell):
    """Gates in the order input, forget, candidate, output."""

    gates = 4
    states = 2

    def step(self, build: FrontendBuilder, x: Tensor, states: States) -> list[Tensor]:
        h, c = states
        drive = build.ADD(x, recur(build, h, self.recurrent))
        into, forget, candidate, out = build.SPLIT(np.array(1, np.int32), drive, num_splits=4)
        kept = build.MUL(self.gate(build, forget), c)
        c = build.ADD(kept, build.MUL(self.gate(build, into), self.activation(build, candidate)))
        return [build.MUL(self.gate(build, out), self.activation(build, c)), c]


class GruCell(Cell):
    """Gates in the order update, reset, candidate."""

    gates = 3

    def step(self, build: FrontendBuilder, x: Tensor, states: States) -> list[Tensor]:
        (h,) = states
        x_update, x_reset, x_candidate = build.SPLIT(np.array(1, np.int32), x, num_splits=3)
        if self.reset_after:
            inner = recur(build, h, self.recurrent, self.bias[1] if self.bias.ndim == 2 else None)
            h_update, h_reset, h_candidate = build.SPLIT(np.array(1, np.int32), inner, num_splits=3)
            reset = self.gate(build, build.ADD(x_reset, h_reset))
            past = build.MUL(reset, h_candidate)
        else:
            h_update, h_reset = build.SPLIT(np.array(1, np.int32), recur(build, h, self.recurrent[:, : 2 * self.units]), num_splits=2)
            reset = self.gate(build, build.ADD(x_reset, h_reset))
            past = recur(build, build.MUL(reset, h), self.recurrent[:, 2 * self.units :])
        update = self.gate(build, build.ADD(x_update, h_update))
        candidate = self.activation(build, build.ADD(x_candidate, past))
        return [build.ADD(candidate, build.MUL(update, build.SUB(h, candidate)))]


def recur(build: FrontendBuilder, h: Tensor, weights: np.ndarray, bias: np.ndarray | None = None) -> Tensor:
    """h @ weights + bias."""
    offset = np.zeros(weights.shape[1], np.float32) if bias is None else bias
    return build.FULLY_CONNECTED(
        h, build.constant(np.ascontiguousarray(weights.T), "recurrent_kernel"), build.constant(offset, "recurrent_bias")
    )


KINDS = {"LSTM": LstmCell, "GRU": GruCell, "SimpleRNN": Cell}


def cell_of(self: Layer, config: dict[str, Any], kind: str, *path: str) -> Cell:
    """The cell that a layer's config describes, with the weights at this path."""
    use_bias = config.get("use_bias", True)
    kernel, recurrent, *bias = self.take(2 + use_bias, *path)
    return KINDS[kind](
        kernel,
        recurrent,
        bias[0] if bias else np.zeros(kernel.shape[1], np.float32),
        _function(self, config.get("activation", "tanh")),
        _function(self, config.get("recurrent_activation", "sigmoid")),
        config.get("reset_after", False),
    )


def _function(self: Layer, serialized: Any) -> Activation:
    name = activation_name(serialized)
    if name is None:
        raise Unsupported(f"its activation is the layer {serialized['class_name']}; take a function, such as 'tanh'")
    return activation_function(self.own_activation(name))
