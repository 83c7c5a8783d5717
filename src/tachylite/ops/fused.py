"""Fused activations: what CONV_2D, ADD and the like apply to their result, in real numbers and in quantized steps."""

import ml_dtypes
import numpy as np

from tachylite.model.graph import Operator, Tensor

from .fixedpoint import round_half_away

_BOUNDS: dict[str, tuple[float, float]] = {
    "NONE": (-np.inf, np.inf),
    "RELU": (0.0, np.inf),
    "RELU_N1_TO_1": (-1.0, 1.0),
    "RELU6": (0.0, 6.0),
}


def activate(op: Operator, y: np.ndarray, activation: str | None = None) -> np.ndarray:
    """The operator's fused activation on float or plain integer results; the dtype stays.

    As TensorFlow Lite's reference kernels do, it keeps infinities out of float results: they become the greatest finite values.
    """
    activation = activation or op.options.fused_activation_function
    if activation == "TANH":
        return np.tanh(y)
    if activation not in _BOUNDS:
        raise op.error(f"fused activation {activation} has no definition here; use NONE, RELU, RELU6, RELU_N1_TO_1 or TANH")
    if activation == "NONE" and y.dtype.kind not in "fV":
        return y
    info = np.iinfo(y.dtype) if y.dtype.kind in "iu" else ml_dtypes.finfo(y.dtype)  # type: ignore[no-untyped-call]
    low, high = _BOUNDS[activation]
    return np.clip(y, y.dtype.type(max(low, info.min)), y.dtype.type(min(high, info.max))).astype(y.dtype, copy=False)


def activation_range(op: Operator, output: Tensor, activation: str | None = None) -> tuple[int, int]:
    """The least and the greatest stored value that the fused activation lets through, for a quantized output."""
    activation = activation or op.options.fused_activation_function
    if activation not in _BOUNDS:
        raise op.error(f"fused activation {activation} is not defined for a quantized output; use NONE, RELU, RELU6 or RELU_N1_TO_1")
    return stored_range(output, *_BOUNDS[activation])


def stored_range(output: Tensor, low: float, high: float) -> tuple[int, int]:
    """The least and the greatest stored value of a quantized tensor within the real numbers [low, high]."""
    info = np.iinfo(output.dtype)
    return int(max(info.min, _step(output, low))), int(min(info.max, _step(output, high)))


def _step(output: Tensor, real: float) -> float:
    """The stored value that stands for `real`, in float32 arithmetic as TensorFlow Lite computes it."""
    return output.zero_point + float(round_half_away(np.float32(real) / output.scale))
