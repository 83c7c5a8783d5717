"""Recurrent cells: what a layer computes at each step, with the products of the inputs taken for all steps at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tachylite.frontends.builder import FrontendBuilder, dims
from tachylite.frontends.shaping import open_shape, reshape
from tachylite.model.graph import Tensor

from .activations import Activation, activation_function, activation_name
from .dense import fully_connected
from .layer import Layer, Unsupported

States = Sequence[Tensor]


@dataclass
class Cell:
    """The weights of a simple cell; the other cells are classes of their own.

    kernel: [inputs, gates * units]; recurrent: [units, gates * units]; bias: [gates * units], or for a GRU [2, gates * units].
    activation, gate: functions of (build, x); config: the layer's or the cell's.
    """

    kernel: np.ndarray
    recurrent: np.ndarray
    bias: np.ndarray
    activation: Activation
    gate: Activation
    config: dict[str, Any]

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

    def drive(self, layer: Layer, x: Tensor) -> Tensor:
        """The products of the inputs at all steps, [n, steps, gates * units]."""
        return fully_connected(layer, x, self.kernel, self.input_bias)

    def state_shape(self, drive: Tensor) -> list[int | Tensor]:
        """The shape of a state without the batch."""
        return [self.units]

    def step(self, build: FrontendBuilder, x: Tensor, states: States) -> list[Tensor]:
        """The next states. x: the products of one step's inputs, [n, gates * units]."""
        return [self.activation(build, build.ADD(x, recur(build, states[0], self.recurrent)))]


class LstmCell(Cell):
    """Gates in the order input, forget, candidate, output."""

    gates = 4
    states = 2

    def step(self, build: FrontendBuilder, x: Tensor, states: States) -> list[Tensor]:
        h, c = states
        drive = build.ADD(x, self.back(build, h))
        into, forget, candidate, out = build.SPLIT(np.array(len(x.shape) - 1, np.int32), drive, num_splits=4)
        kept = build.MUL(self.gate(build, forget), c)
        c = build.ADD(kept, build.MUL(self.gate(build, into), self.activation(build, candidate)))
        return [build.MUL(self.gate(build, out), self.activation(build, c)), c]

    def back(self, build: FrontendBuilder, h: Tensor) -> Tensor:
        """What h adds to the gates."""
        return recur(build, h, self.recurrent)


class ConvLstmCell(LstmCell):
    """An LSTM whose products are convolutions. kernel: [*size, inputs, gates * units]; recurrent: [*size, units, gates * units]."""

    @property
    def units(self) -> int:
        return self.recurrent.shape[-2]

    def drive(self, layer: Layer, x: Tensor) -> Tensor:
        build, rank = layer.build, self.kernel.ndim - 2
        flat = reshape(build, x, [None, *dims(x)[2:]])
        strides, dilation = (_each(self.config.get(key, 1), rank) for key in ("strides", "dilation_rate"))
        y = correlate(build, flat, self.kernel, self.bias, strides, dilation, self.config.get("padding", "valid"))
        return reshape(build, y, [*open_shape(build, x, 0, 2), *dims(y)[1:]])

    def state_shape(self, drive: Tensor) -> list[int | Tensor]:
        sizes = [size for size in dims(drive)[2:-1] if size is not None]
        if len(sizes) != len(drive.shape) - 3:
            raise Unsupported(f"its pictures have unknown sizes ({list(dims(drive))}); give them with input_shapes=")
        return [*sizes, self.units]

    def back(self, build: FrontendBuilder, h: Tensor) -> Tensor:
        rank = self.kernel.ndim - 2
        nothing = np.zeros(self.recurrent.shape[-1], np.float32)
        return correlate(build, h, self.recurrent, nothing, [1] * rank, [1] * rank, "same")


def _each(value: Any, rank: int) -> list[int]:
    return [value] * rank if isinstance(value, int) else list(value) * (rank // len(value))


def correlate(
    build: FrontendBuilder, x: Tensor, kernel: np.ndarray, bias: np.ndarray, strides: list[int], dilation: list[int], padding: str
) -> Tensor:
    """A convolution in as many dimensions as the kernel has."""
    rank = kernel.ndim - 2
    if rank == 1:
        flat = build.EXPAND_DIMS(x, np.array(1, np.int32))
        return build.SQUEEZE(correlate(build, flat, kernel[None], bias, [1, *strides], [1, *dilation], padding), squeeze_dims=(1,))
    options = {f"stride_{a}": s for a, s in zip("dhw"[-rank:], strides, strict=True)}
    options |= {f"dilation_{a}_factor": d for a, d in zip("dhw"[-rank:], dilation, strict=True)}
    offset = build.constant(bias, "bias")
    if rank == 3:
        return build.CONV_3D(x, build.constant(kernel, "kernel"), offset, padding=padding.upper(), **options)
    return build.CONV_2D(x, build.constant(kernel.transpose(3, 0, 1, 2), "kernel"), offset, padding=padding.upper(), **options)


class GruCell(Cell):
    """Gates in the order update, reset, candidate."""

    gates = 3

    def step(self, build: FrontendBuilder, x: Tensor, states: States) -> list[Tensor]:
        (h,) = states
        x_update, x_reset, x_candidate = build.SPLIT(np.array(1, np.int32), x, num_splits=3)
        if self.config.get("reset_after", False):
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


KINDS = {"LSTM": LstmCell, "GRU": GruCell, "SimpleRNN": Cell, "ConvLSTM": ConvLstmCell}


def cell_of(self: Layer, config: dict[str, Any], kind: str, *path: str) -> Cell:
    """The cell that a layer's config describes, with the weights at this path."""
    use_bias = config.get("use_bias", True)
    kernel, recurrent, *bias = self.take(2 + use_bias, *path)
    return KINDS[kind](
        kernel,
        recurrent,
        bias[0] if bias else np.zeros(kernel.shape[-1], np.float32),
        _function(self, config.get("activation", "tanh")),
        _function(self, config.get("recurrent_activation", "sigmoid")),
        config,
    )


def _function(self: Layer, serialized: Any) -> Activation:
    name = activation_name(serialized)
    if name is None:
        raise Unsupported(f"its activation is the layer {serialized['class_name']}; take a function, such as 'tanh'")
    return activation_function(self.own_activation(name))
