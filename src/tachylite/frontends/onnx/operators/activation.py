"""Activation functions."""

import numpy as np

from tachylite.frontends.keras.activations import activation_function, clip, scalar
from tachylite.frontends.keras.activations import elu as elu_of
from tachylite.frontends.onnx.node import Node, op
from tachylite.frontends.shaping import move_axis, open_shape, reshape
from tachylite.frontends.types import compute
from tachylite.model.graph import Tensor


@op("Relu")
def relu(self: Node, x: Tensor) -> Tensor:
    return self.build.RELU(x) if x.dtype == np.float32 else compute(self.build, "MAXIMUM", x, self.build.constant(np.zeros((), x.dtype)))


@op("Sigmoid")
def sigmoid(self: Node, x: Tensor) -> Tensor:
    return self.build.LOGISTIC(x)


@op("HardSigmoid")
def hard_sigmoid(self: Node, x: Tensor) -> Tensor:
    alpha, beta = self.get("alpha", 0.2), self.get("beta", 0.5)
    return clip(self.build, self.build.ADD(self.build.MUL(x, scalar(alpha)), scalar(beta)), 0, 1)


@op("HardSwish")
def hard_swish(self: Node, x: Tensor) -> Tensor:
    return self.build.HARD_SWISH(x)


@op("Softplus")
def softplus(self: Node, x: Tensor) -> Tensor:
    return activation_function("softplus")(self.build, x)


@op("Softsign")
def softsign(self: Node, x: Tensor) -> Tensor:
    return activation_function("softsign")(self.build, x)


@op("Mish")
def mish(self: Node, x: Tensor) -> Tensor:
    return activation_function("mish")(self.build, x)


@op("LeakyRelu")
def leaky_relu(self: Node, x: Tensor) -> Tensor:
    return self.build.LEAKY_RELU(x, alpha=self.get("alpha", 0.01))


@op("PRelu")
def prelu(self: Node, x: Tensor, slope: Tensor) -> Tensor:
    """The slope broadcasts to x."""
    if x.dtype == np.float32:
        return self.build.PRELU(x, slope)
    is_below = self.build.LESS(x, self.build.constant(np.zeros((), x.dtype)))
    return self.build.SELECT_V2(is_below, compute(self.build, "MUL", x, slope), x)


@op("Elu")
def elu(self: Node, x: Tensor) -> Tensor:
    return elu_of(self.build, x, self.get("alpha", 1.0))


@op("Selu")
def selu(self: Node, x: Tensor) -> Tensor:
    y = elu_of(self.build, x, self.get("alpha", 1.67326319217681884765625))
    return self.build.MUL(y, scalar(self.get("gamma", 1.05070102214813232421875)))


@op("Celu")
def celu(self: Node, x: Tensor) -> Tensor:
    alpha = self.get("alpha", 1.0)
    below = self.build.ELU(self.build.MUL(self.build.MINIMUM(x, scalar(0)), scalar(1 / alpha)))
    return self.build.ADD(self.build.RELU(x), self.build.MUL(below, scalar(alpha)))


@op("Gelu")
def gelu(self: Node, x: Tensor) -> Tensor:
    return self.build.GELU(x, approximate=self.get("approximate", "none") == "tanh")


@op("ThresholdedRelu")
def thresholded_relu(self: Node, x: Tensor) -> Tensor:
    return self.build.SELECT_V2(self.build.GREATER(x, scalar(self.get("alpha", 1.0))), x, scalar(0))


@op("Softmax")
def softmax(self: Node, x: Tensor) -> Tensor:
    return _over(self, x, "SOFTMAX", beta=1.0)


@op("LogSoftmax")
def log_softmax(self: Node, x: Tensor) -> Tensor:
    return _over(self, x, "LOG_SOFTMAX")


def _over(self: Node, x: Tensor, name: str, **options: float) -> Tensor:
    """Along one axis; before operator set 13, over all axes from this one on."""
    build, rank = self.build, len(x.shape)
    emit = getattr(build, name)
    axis = self.get("axis", -1 if self.version >= 13 else 1) % max(rank, 1)
    if self.version < 13 and axis != rank - 1:
        flat = reshape(build, x, [*open_shape(build, x, 0, axis), int(np.prod(x.shape[axis:]))])
        return reshape(build, emit(flat, **options), open_shape(build, x, 0, rank))
    if axis == rank - 1:
        return emit(x, **options)
    return move_axis(build, emit(move_axis(build, x, axis, -1), **options), -1, axis)
