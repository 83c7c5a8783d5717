"""Fused activations: what CONV_2D, ADD and the like apply to their result, in real numbers and in quantized steps."""

import ml_dtypes
import numpy as np

from tachylite.model.dtypes import limits
from tachylite.model.graph import Operator, Tensor

from .fixedpoint import round_half_away

_BOUNDS: dict[str, tuple[float, float]] = {
    "NONE": (-np.inf, np.inf),
    "RELU": (0.0, np.inf),
    "RELU_N1_TO_1": (-1.0, 1.0),
    "RELU6": (0.0, 6.0),
}


def check_activation(op: Operator, dtype: np.dtype) -> None:
    """Refuse a fused activation that is not defined for results of this type. SIGN_BIT, which no runtime knows, never is."""
    known = _BOUNDS if dtype.kind in "biu" else (*_BOUNDS, "TANH")
    if op.options.fused_activation_function not in known:
        found = op.options.fused_activation_function
        raise op.error(f"the fused activation is {found}, for {dtype} it must be one of {', '.join(known)}; put it into its own operator")


def activate(op: Operator, y: np.ndarray) -> np.ndarray:
    """The operator's fused activation on float or plain integer results; the dtype stays.

    As TensorFlow Lite's reference kernels do, it keeps infinities out of float results: they become the greatest finite values.
    """
    activation = op.options.fused_activation_function
    check_activation(op, y.dtype)
    if activation == "TANH":
        return np.tanh(y)
    if activation == "NONE" and y.dtype.kind not in "fV":
        return y
    info = np.iinfo(y.dtype) if y.dtype.kind in "iu" else ml_dtypes.finfo(y.dtype)  # type: ignore[no-untyped-call]
    low, high = _BOUNDS[activation]
    return np.clip(y, y.dtype.type(max(low, info.min)), y.dtype.type(min(high, info.max))).astype(y.dtype, copy=False)


def real_range(op: Operator, dtype: np.dtype | type = np.float32) -> tuple[float, float]:
    """The least and the greatest float of this type that the fused activation, one that clips, lets through."""
    low, high = _BOUNDS[op.options.fused_activation_function]
    greatest = float(ml_dtypes.finfo(dtype).max)  # type: ignore[no-untyped-call]
    return max(low, -greatest), min(high, greatest)


def plain_range(op: Operator, dtype: np.dtype) -> tuple[int, int]:
    """The least and the greatest integer, one that stands for itself, that the fused activation lets through."""
    low, high = _BOUNDS[op.options.fused_activation_function]
    info = np.iinfo(dtype)
    return int(max(low, info.min)), int(min(high, info.max))


def activate_steps(op: Operator, steps: np.ndarray) -> np.ndarray:
    """Steps from the output's zero point to stored values, saturated, within the range of the fused activation."""
    output = op.outputs[0]
    return np.clip(steps + output.zero_point, *activation_range(op, output)).astype(output.dtype)


def activation_range(op: Operator, output: Tensor) -> tuple[int, int]:
    """The least and the greatest stored value that the fused activation lets through, for a quantized output."""
    check_activation(op, output.dtype)
    return stored_range(output, *_BOUNDS[op.options.fused_activation_function])


def stored_range(output: Tensor, low: float, high: float) -> tuple[int, int]:
    """The least and the greatest stored value of a quantized tensor within the real numbers [low, high]."""
    least, greatest = limits(output.dtype)
    return int(max(least, _step(output, low))), int(min(greatest, _step(output, high)))


def _step(output: Tensor, real: float) -> float:
    """The stored value that stands for `real`, in float32 arithmetic as TensorFlow Lite computes it."""
    return real if np.isinf(real) else output.zero_point + float(round_half_away(np.float32(real) / output.scale))
