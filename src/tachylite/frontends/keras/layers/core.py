"""Dense, EinsumDense, Embedding, and layers that do nothing at inference."""

from typing import Any

import numpy as np

from tachylite.frontends.einsum import einsum
from tachylite.frontends.keras.activations import activate, scalar
from tachylite.frontends.keras.dense import fully_connected
from tachylite.frontends.keras.layer import Layer, layer
from tachylite.model.dtypes import TYPE_NAMES
from tachylite.model.graph import Tensor


@layer("Dense", mask="pass")
def dense(self: Layer, x: Tensor) -> Tensor:
    kernel, *bias = self.take(1 + self.get("use_bias", True))
    return fully_connected(self, x, kernel, bias[0] if bias else None, self.config.get("activation"))


@layer("Embedding", mask="own")
def embedding(self: Layer, x: Tensor) -> Tensor:
    """Rows of a table. Where 0 stands for padding, the result has a mask."""
    (table,) = self.take(1)
    return look_up(self, x, table)


def look_up(self: Layer, x: Tensor, table: np.ndarray) -> Tensor:
    """The rows of the table that x numbers."""
    if x.dtype not in (np.int32, np.int64):
        x = cast(self, x, np.int32)
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
    *"ActivityRegularization Identity StochasticDepth".split(),
    mask="pass",
)
def identity(self: Layer, x: Any) -> Any:
    """What matters in training alone."""
    return x


def cast(self: Layer, x: Tensor, dtype: Any) -> Tensor:
    """x in another element type."""
    source, target = TYPE_NAMES[x.dtype], TYPE_NAMES[np.dtype(dtype)]
    return x if source == target else self.build.CAST(x, in_data_type=source, out_data_type=target)


@layer("EinsumDense")
def einsum_dense(self: Layer, x: Tensor) -> Tensor:
    kernel, *bias = self.take(1 + (self.config.get("bias_axes") is not None))
    y = einsum(self.build, self.config["equation"], x, self.build.constant(kernel, "kernel"))
    if bias:
        y = self.build.ADD(y, self.build.constant(bias[0], "bias"))
    return activate(self, y, self.config.get("activation"))


@layer("ReversibleEmbedding", mask="own")
def reversible_embedding(self: Layer, x: Tensor, reverse: bool = False) -> Tensor:
    """An embedding, or its transpose, with an optional soft bound on what comes out."""
    is_tied = self.get("tie_weights", True)
    weights = self.take(1 if is_tied else 2)
    if not reverse:
        return look_up(self, x, weights[0])
    y = fully_connected(self, x, weights[0].T if is_tied else weights[1], None)
    cap = self.config.get("logit_soft_cap")
    return y if cap is None else self.build.MUL(self.build.TANH(self.build.MUL(y, scalar(1 / cap))), scalar(cap))
