"""Products with a matrix, which many layers are made of."""

from typing import Any

import numpy as np

from tachylite.model.graph import Tensor

from .activations import activate, fused
from .layer import Layer


def fully_connected(self: Layer, x: Tensor, kernel: np.ndarray, bias: np.ndarray | None, function: Any = None, name: str = "") -> Tensor:
    """x @ kernel + bias on the last axis, then the activation. kernel: [inputs, units]."""
    own, rest = fused(function)
    filters = self.build.constant(np.ascontiguousarray(kernel.T), f"{name}kernel")
    offset = self.build.constant(np.zeros(kernel.shape[1], np.float32) if bias is None else bias, f"{name}bias")
    y = self.build.FULLY_CONNECTED(x, filters, offset, fused_activation_function=own, keep_num_dims=len(x.shape) != 2)
    return y if rest is None else activate(self, y, rest)
