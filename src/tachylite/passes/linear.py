"""The operators that multiply by constant weights and add a bias, as data: what batch norms and other affine operators fold into."""

from typing import NamedTuple

import numpy as np

from tachylite.model.graph import Operator, Tensor

from .rewrite import Rewriter, is_float, value_of


class Linear(NamedTuple):
    """Where such an operator has its operands, and which axis of the weights counts outputs."""

    data: int
    weights: int
    bias: int
    outputs: int


LINEAR = {
    "CONV_2D": Linear(0, 1, 2, 0),
    "DEPTHWISE_CONV_2D": Linear(0, 1, 2, 3),
    "FULLY_CONNECTED": Linear(0, 1, 2, 0),
    "TRANSPOSE_CONV": Linear(2, 1, 3, 0),
    "CONV_3D": Linear(0, 1, 2, 4),
}


class Layer:
    """One such operator, plain float with constant weights."""

    def __init__(self, op: Operator, weights: np.ndarray):
        self.op, self.place = op, LINEAR[op.op]
        self.weights = weights
        self.x = op.inputs[self.place.data]
        bias = value_of(self._input(self.place.bias))
        self.bias = np.zeros(self.outputs, np.float32) if bias is None else bias.reshape(-1)

    @classmethod
    def of(cls, op: Operator | None) -> "Layer | None":
        """The operator as a layer; None where it is none, is quantized, or its weights or bias are computed."""
        if op is None or op.op not in LINEAR or len(op.outputs) != 1 or not is_float(*op.outputs):
            return None
        place = LINEAR[op.op]
        bias = op.inputs[place.bias] if len(op.inputs) > place.bias else None
        weights = op.inputs[place.weights]
        value = value_of(weights)
        if value is None or not is_float(op.inputs[place.data], weights, bias) or (bias is not None and not bias.is_constant):
            return None
        return cls(op, value)

    @property
    def outputs(self) -> int:
        """The number of output channels."""
        return int(self.weights.shape[self.place.outputs])

    def along_outputs(self, vector: np.ndarray) -> np.ndarray:
        """One number for each output channel, in a shape that broadcasts to the weights."""
        shape = [1] * self.weights.ndim
        shape[self.place.outputs] = -1
        return vector.reshape(shape)

    def rebuild(
        self,
        build: Rewriter,
        out: Tensor,
        x: Tensor | None = None,
        weights: np.ndarray | None = None,
        bias: np.ndarray | None = None,
        activation: str | None = None,
    ) -> Tensor:
        """The operator that computes `out`, with what is given here in the place of its own."""
        inputs = [*self.op.inputs, *[None] * (self.place.bias + 1 - len(self.op.inputs))]
        if x is not None:
            inputs[self.place.data] = x
        if weights is not None:
            inputs[self.place.weights] = build.constant(weights.astype(np.float32), self._name(self.place.weights))
        if bias is not None:
            inputs[self.place.bias] = build.constant(bias.astype(np.float32), self._name(self.place.bias) or f"{out.name}/bias")
        options = {} if activation is None else {"fused_activation_function": activation}
        result: Tensor = build.again(self.op, *inputs, out=out, **options)
        return result

    def _input(self, position: int) -> Tensor | None:
        return self.op.inputs[position] if len(self.op.inputs) > position else None

    def _name(self, position: int) -> str:
        tensor = self._input(position)
        return "" if tensor is None else tensor.name
