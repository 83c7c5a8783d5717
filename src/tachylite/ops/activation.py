"""Activations: functions of one element that networks put between their layers."""

import numpy as np

from tachylite.model.graph import Operator

from .fixedpoint import Multiplier, rescale, saturate
from .registry import OpDef, register, same_shape


def leaky_relu_slopes(op: Operator) -> tuple[Multiplier, Multiplier]:
    """How many output steps one input step is worth, above and below the zero point."""
    source, result = op.inputs[0].scale, op.outputs[0].scale
    # In float32 and in this order: the multipliers of TensorFlow Lite's kernel, to the last bit.
    return Multiplier.of(source / result), Multiplier.of(source * np.float32(op.options.alpha) / result)


def leaky_relu(op: Operator, x: np.ndarray) -> np.ndarray:
    """x: any shape, float32, int8, uint8 or int16; the result has the same shape and the output's dtype."""
    if not op.inputs[0].is_quantized:
        return np.where(x > 0, x, x * x.dtype.type(op.options.alpha))
    above, below = leaky_relu_slopes(op)
    centred = x.astype(np.int32) - op.inputs[0].zero_point
    y = np.where(centred >= 0, rescale(centred, above), rescale(centred, below))
    return saturate(y + op.outputs[0].zero_point, op.outputs[0].dtype)


register(
    OpDef(
        "LEAKY_RELU",
        options="LeakyReluOptions",
        infer=same_shape,
        reference=leaky_relu,
        variants=("f32", "s8", "u8", "s16"),
        version=lambda op: 2 if op.inputs[0].dtype == np.int16 else 1,
        in_place=True,
    )
)
