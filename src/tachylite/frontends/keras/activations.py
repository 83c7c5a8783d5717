"""Activation functions: names in a layer's config, layers of their own, or layers as a config's activation."""

from collections.abc import Callable
from typing import Any

import numpy as np

from tachylite.frontends.builder import FrontendBuilder
from tachylite.frontends.shaping import ints, move_axis
from tachylite.model.graph import Tensor

from .layer import Layer, Unsupported

Activation = Callable[..., Tensor]
_activations: dict[str, Activation] = {}

#: What an operator can do to its own result.
FUSED = {"linear": "NONE", "relu": "RELU", "relu6": "RELU6"}


def activation(*names: str) -> Callable[[Activation], Activation]:
    """Enter a function of (build, x) under Keras's names."""

    def enter(function: Activation) -> Activation:
        _activations.update(dict.fromkeys(names, function))
        return function

    return enter


def activation_name(serialized: Any) -> str | None:
    """The name of a function without parameters; None for a layer in its place."""
    if serialized is None:
        return "linear"
    if isinstance(serialized, str):
        return serialized
    if serialized.get("class_name") == "function":
        return str(serialized["registered_name"] or serialized["config"]).rpartition(">")[2]
    return None


def activate(self: Layer, x: Tensor, serialized: Any) -> Tensor:
    """The activation of a config on x. Raises Unsupported."""
    name = activation_name(serialized)
    if name is None:
        return self.call(serialized, self.weights, x)
    return activation_function(self.own_activation(name))(self.build, x)


def activation_function(name: str) -> Activation:
    """The function of this name. Raises Unsupported."""
    if name not in _activations:
        raise Unsupported(f"its activation is {name!r}, a function that is not Keras's; take one of {', '.join(sorted(_activations))}")
    return _activations[name]


def fused(serialized: Any) -> tuple[str, Any]:
    """The operator's own activation, and what remains to be applied after it."""
    name = activation_name(serialized)
    return (FUSED[name], None) if name in FUSED else ("NONE", serialized)


def scalar(value: float) -> np.ndarray:
    """A float32 constant."""
    return np.array(value, np.float32)


def clip(build: FrontendBuilder, x: Tensor, low: float, high: float) -> Tensor:
    """x between two bounds."""
    return build.MINIMUM(build.MAXIMUM(x, scalar(low)), scalar(high))


@activation("linear")
def linear(build: FrontendBuilder, x: Tensor) -> Tensor:
    return x


@activation("relu")
def relu(build: FrontendBuilder, x: Tensor, slope: float = 0.0, ceiling: float | None = None, threshold: float = 0.0) -> Tensor:
    """x from the threshold on, up to the ceiling; below, the slope times the distance from the threshold."""
    if slope == 0 and threshold == 0:
        if ceiling is None:
            return build.RELU(x)
        return build.RELU6(x) if ceiling == 6 else clip(build, x, 0, ceiling)
    if threshold == 0:
        above = build.LEAKY_RELU(x, alpha=slope)
        return above if ceiling is None else build.MINIMUM(above, scalar(ceiling))
    above = x if ceiling is None else build.MINIMUM(x, scalar(ceiling))
    below = build.MUL(build.SUB(x, scalar(threshold)), scalar(slope))
    return build.SELECT_V2(build.GREATER_EQUAL(x, scalar(threshold)), above, below)


@activation("relu6")
def relu6(build: FrontendBuilder, x: Tensor) -> Tensor:
    return build.RELU6(x)


@activation("leaky_relu")
def leaky_relu(build: FrontendBuilder, x: Tensor, slope: float = 0.2) -> Tensor:
    return build.LEAKY_RELU(x, alpha=slope)


@activation("elu")
def elu(build: FrontendBuilder, x: Tensor, alpha: float = 1.0) -> Tensor:
    """x where positive, else alpha * (exp(x) - 1)."""
    if alpha == 1:
        return build.ELU(x)
    return build.ADD(build.RELU(x), build.MUL(build.ELU(build.MINIMUM(x, scalar(0))), scalar(alpha)))


@activation("selu")
def selu(build: FrontendBuilder, x: Tensor) -> Tensor:
    return build.MUL(elu(build, x, 1.6732632423543772), scalar(1.0507009873554805))


@activation("celu")
def celu(build: FrontendBuilder, x: Tensor, alpha: float = 1.0) -> Tensor:
    return elu(build, x, alpha) if alpha == 1 else build.MUL(build.ELU(build.MUL(x, scalar(1 / alpha))), scalar(alpha))


@activation("softplus")
def softplus(build: FrontendBuilder, x: Tensor) -> Tensor:
    """log(1 + exp(x)) without overflow: max(x, 0) - log(sigmoid(|x|))."""
    return build.SUB(build.RELU(x), build.LOG(build.LOGISTIC(build.ABS(x))))


@activation("softsign")
def softsign(build: FrontendBuilder, x: Tensor) -> Tensor:
    return build.DIV(x, build.ADD(build.ABS(x), scalar(1)))


@activation("sigmoid")
def sigmoid(build: FrontendBuilder, x: Tensor) -> Tensor:
    return build.LOGISTIC(x)


@activation("log_sigmoid")
def log_sigmoid(build: FrontendBuilder, x: Tensor) -> Tensor:
    return build.NEG(softplus(build, build.NEG(x)))


@activation("tanh")
def tanh(build: FrontendBuilder, x: Tensor) -> Tensor:
    return build.TANH(x)


@activation("tanh_shrink")
def tanh_shrink(build: FrontendBuilder, x: Tensor) -> Tensor:
    return build.SUB(x, build.TANH(x))


@activation("silu", "swish")
def silu(build: FrontendBuilder, x: Tensor) -> Tensor:
    return build.MUL(x, build.LOGISTIC(x))


@activation("gelu")
def gelu(build: FrontendBuilder, x: Tensor, approximate: bool = False) -> Tensor:
    return build.GELU(x, approximate=approximate)


@activation("hard_sigmoid")
def hard_sigmoid(build: FrontendBuilder, x: Tensor) -> Tensor:
    """Keras 3's: relu6(x + 3) / 6."""
    return build.MUL(build.RELU6(build.ADD(x, scalar(3))), scalar(1 / 6))


@activation("hard_sigmoid of Keras 2")
def hard_sigmoid_2(build: FrontendBuilder, x: Tensor) -> Tensor:
    """x / 5 + 1 / 2, between 0 and 1."""
    return clip(build, build.ADD(build.MUL(x, scalar(0.2)), scalar(0.5)), 0, 1)


@activation("hard_silu", "hard_swish")
def hard_silu(build: FrontendBuilder, x: Tensor) -> Tensor:
    return build.HARD_SWISH(x)


@activation("hard_tanh")
def hard_tanh(build: FrontendBuilder, x: Tensor) -> Tensor:
    return build.RELU_N1_TO_1(x)


@activation("mish")
def mish(build: FrontendBuilder, x: Tensor) -> Tensor:
    return build.MUL(x, build.TANH(softplus(build, x)))


@activation("exponential", "exp")
def exponential(build: FrontendBuilder, x: Tensor) -> Tensor:
    return build.EXP(x)


@activation("squareplus")
def squareplus(build: FrontendBuilder, x: Tensor, b: float = 4.0) -> Tensor:
    return build.MUL(build.ADD(x, build.SQRT(build.ADD(build.MUL(x, x), scalar(b)))), scalar(0.5))


@activation("hard_shrink")
def hard_shrink(build: FrontendBuilder, x: Tensor, threshold: float = 0.5) -> Tensor:
    return build.MUL(x, build.CAST(build.GREATER(build.ABS(x), scalar(threshold)), in_data_type="BOOL", out_data_type="FLOAT32"))


@activation("soft_shrink")
def soft_shrink(build: FrontendBuilder, x: Tensor, threshold: float = 0.5) -> Tensor:
    return build.SUB(x, clip(build, x, -threshold, threshold))


@activation("threshold")
def threshold(build: FrontendBuilder, x: Tensor, threshold: float = 1.0, default_value: float = 0.0) -> Tensor:
    return build.SELECT_V2(build.GREATER(x, scalar(threshold)), x, scalar(default_value))


@activation("softmax")
def softmax(build: FrontendBuilder, x: Tensor, axis: Any = -1) -> Tensor:
    """Over one axis or several."""
    axes = sorted(a % len(x.shape) for a in (axis if isinstance(axis, list | tuple) else [axis]))
    if len(axes) > 1:
        over = ints(*axes)
        y = build.EXP(build.SUB(x, build.REDUCE_MAX(x, over, keep_dims=True)))
        return build.DIV(y, build.SUM(y, over, keep_dims=True))
    if axes == [len(x.shape) - 1]:
        return build.SOFTMAX(x, beta=1.0)
    return move_axis(build, build.SOFTMAX(move_axis(build, x, axes[0], -1), beta=1.0), -1, axes[0])


@activation("log_softmax")
def log_softmax(build: FrontendBuilder, x: Tensor) -> Tensor:
    return build.LOG_SOFTMAX(x)


@activation("sparse_plus")
def sparse_plus(build: FrontendBuilder, x: Tensor) -> Tensor:
    """0 up to -1, x from 1 on, (x + 1)^2 / 4 between."""
    between = clip(build, x, -1, 1)
    return build.ADD(build.RELU(build.SUB(x, scalar(1))), build.MUL(build.SQUARE(build.ADD(between, scalar(1))), scalar(0.25)))


@activation("sparse_sigmoid")
def sparse_sigmoid(build: FrontendBuilder, x: Tensor) -> Tensor:
    return build.MUL(build.ADD(clip(build, x, -1, 1), scalar(1)), scalar(0.5))
