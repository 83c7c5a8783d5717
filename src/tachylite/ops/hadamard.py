"""Rotation by Hadamard matrices: what ai-edge-quantizer puts before a FULLY_CONNECTED to spread outliers over all channels."""

from typing import Any

import numpy as np

from tachylite.model import flexbuffer
from tachylite.model.graph import Operator

from .registry import OpDef, Spec, register


def _size(op: Operator) -> int:
    options: Any = flexbuffer.read(op.custom_options)
    size = options.get("hadamard_size") if isinstance(options, dict) else None
    if not isinstance(size, int) or size < 1 or size & (size - 1):
        raise op.error(f"hadamard_size is {size!r}, needed a power of 2; the custom options are corrupted")
    return size


def _infer_hadamard_rotation(op: Operator, x: Spec) -> Spec:
    size = _size(op)
    if x.dtype != np.float32 or not x.rank or x.shape[-1] % size:
        raise op.error(f"input is {x.dtype}{list(x.shape)}, needed float32 whose last dimension is a multiple of {size}")
    return Spec(x.shape, x.dtype)


def hadamard_rotation(op: Operator, x: np.ndarray) -> np.ndarray:
    """x: float32 [..., k * hadamard_size]; each run of hadamard_size elements times the orthonormal Hadamard matrix."""
    size = _size(op)
    y = x.reshape(-1, size)
    span = 1
    while span < size:
        # Sylvester's construction: every pair of runs of `span` elements becomes its sum and its difference.
        first, second = np.moveaxis(y.reshape(-1, 2, span), 1, 0)
        y = np.stack([first + second, first - second], axis=1)
        span *= 2
    return (y * (np.float32(1) / np.sqrt(np.float32(size)))).reshape(x.shape)


register(OpDef("aeq.hadamard_rotation", infer=_infer_hadamard_rotation, reference=hadamard_rotation, is_custom=True))
