"""Layer normalization, which no file has as one operator: `program/fuse.py` finds it in the operators that files spell it with."""

from ctypes import c_float, c_int32
from math import prod
from typing import Any, NamedTuple

import numpy as np

from tachylite.model.graph import Operator

from .kernel import Params, kernel
from .registry import OpDef, same_shape


class LayerNormOptions(NamedTuple):
    """What the variance is added to before its root is taken."""

    epsilon: float


def layer_norm(op: Operator, x: np.ndarray, scale: np.ndarray, offset: np.ndarray) -> np.ndarray:
    """x, less its mean over the last axis and over its deviation there, times scale plus offset. x: [..., n]; both others: [n]; float32."""
    deviation = x - x.mean(axis=-1, keepdims=True)
    variance = np.square(deviation).mean(axis=-1, keepdims=True)
    return deviation / np.sqrt(variance + np.float32(op.options.epsilon)) * scale + offset


class LayerNormParams(Params):
    """Channels of a row."""

    _fields_ = (("channels", c_int32), ("epsilon", c_float))


_KERNEL = kernel("layer_norm", LayerNormParams, "f32")
_GRAIN = 2**14


def lower_layer_norm(low: Any, op: Operator) -> None:
    """One call; a work item is one row."""
    *rows, channels = low.spec(op.inputs[0]).shape
    params = LayerNormParams(channels=channels, epsilon=op.options.epsilon)
    low.call(_KERNEL, "f32", op, params, work=prod(rows) if channels else 0, grain=1 + _GRAIN // (channels + 1))


LAYER_NORM = OpDef("LAYER_NORM", infer=same_shape, reference=layer_norm, lower=lower_layer_norm, in_place=True)
