"""Dense, EinsumDense, Embedding, and layers that do nothing at inference."""

from typing import Any

import numpy as np

from tachylite.frontends.keras.activations import activate, fused
from tachylite.frontends.keras.layer import Layer, layer
from tachylite.model.graph import Tensor


def fully_connected(self: Layer, x: Tensor, kernel: np.ndarray, bias: np.ndarray | None, function: Any = None, name: str = "") -> Tensor:
    """x @ kernel + bias on the last axis, then the activation. kernel: [inputs, units]."""
    own, rest = fused(function)
    filters = self.build.constant(np.ascontiguousarray(kernel.T), f"{name}kernel")
    offset = self.build.constant(np.zeros(kernel.shape[1], np.float32) if bias is None else bias, f"{name}bias")
    y = self.build.FULLY_CONNECTED(x, filters, offset, fused_activation_function=own, keep_num_dims=len(x.shape) != 2)
    return y if rest is None else activate(self, y, rest)


@layer("Dense", mask="pass")
def dense(self: Layer, x: Tensor) -> Tensor:
    kernel, *bias = self.take(1 + self.get("use_bias", True))
    return fully_connected(self, x, kernel, bias[0] if bias else None, self.config.get("activation"))


@layer("Embedding", mask="own")
def embedding(self: Layer, x: Tensor) -> Tensor:
    """Rows of a table. Where 0 stands for padding, the result has a mask."""
    (table,) = self.take(1)
    if x.dtype not in (np.int32, np.int64):
        x = self.build.CAST(x, in_data_type=type_name(x.dtype), out_data_type="INT32")
    y = self.build.GATHER(self.build.constant(table, "embeddings"), x, axis=0)
    if self.get("mask_zero", False):
        self.masks[y] = self.build.NOT_EQUAL(x, np.array(0, x.dtype))
    return y


@layer("Masking", mask="own")
def masking(self: Layer, x: Tensor) -> Tensor:
    """Steps whose features all equal a value become 0, and are masked."""
    value = np.array(self.get("mask_value", 0.0), np.float32)
    mask = self.build.REDUCE_ANY(self.build.NOT_EQUAL(x, value), np.array([-1], np.int32), keep_dims=True)
    y = self.build.MUL(x, self.build.CAST(mask, in_data_type="BOOL", out_data_type="FLOAT32"))
    self.masks[y] = self.build.SQUEEZE(mask, squeeze_dims=(len(x.shape) - 1,))
    return y


@layer(
    *"Dropout SpatialDropout1D SpatialDropout2D SpatialDropout3D GaussianDropout GaussianNoise AlphaDropout".split(),
    *"ActivityRegularization Identity".split(),
    mask="pass",
)
def identity(self: Layer, x: Any) -> Any:
    """What matters in training alone."""
    return x


def type_name(dtype: Any) -> str:
    """The schema's name of an element type."""
    from tachylite.model.dtypes import TYPE_NAMES

    return TYPE_NAMES[np.dtype(dtype)]
