"""What operators ask of the scales of their operands; each check raises OpError."""

from math import prod

import numpy as np

from tachylite.model.graph import Blockwise, Operator, Tensor

from .registry import Spec


def check_scales(op: Operator, *tensors: Tensor | None) -> None:
    """Refuse tensors without scales, or with scales that are no positive numbers."""
    for tensor in tensors:
        if tensor is None or not tensor.is_quantized:
            name = "an omitted tensor" if tensor is None else repr(tensor.name)
            raise op.error(f"{name} has no scale, integer arithmetic needs one; quantize the model again")
        scale = tensor.quantization.scale
        if not (np.isfinite(scale) & (scale > 0)).all():
            raise op.error(f"{tensor.name!r} has scale {scale.min()}, it must be a positive number; quantize the model again")


def check_weight_scales(op: Operator, weights: Spec) -> None:
    """Refuse rows of constant integers, input 1, unless they have one scale, one for each row, or one for each block of a row."""
    quantization = op.inputs[1].quantization
    if quantization is not None and isinstance(quantization.details, Blockwise):
        _check_blocks(op, weights, quantization.details)
        return
    check_scales(op, op.inputs[1])
    if quantization.is_per_channel and (quantization.axis != 0 or len(quantization.scale) != weights.shape[0]):
        found = f"{len(quantization.scale)} scales along axis {quantization.axis}"
        raise op.error(f"{op.inputs[1].name!r} has {found}; it needs one in all, or one for each of its {weights.shape[0]} rows")


def _check_blocks(op: Operator, weights: Spec, blocks: Blockwise) -> None:
    scales = 0 if blocks.scales.data is None else blocks.scales.data.size
    if blocks.size <= 0 or prod(weights.shape[1:]) % blocks.size or scales * blocks.size != prod(weights.shape):
        found = f"{scales} constant scales for blocks of {blocks.size}"
        raise op.error(f"{op.inputs[1].name!r} has {found}; rows of its shape {list(weights.shape)} must divide into as many blocks")
