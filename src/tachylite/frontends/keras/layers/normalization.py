"""Normalizations, in plain operators; what is constant is folded into a factor and an offset."""

import numpy as np

from tachylite.frontends.keras.layer import Layer, layer
from tachylite.model.graph import Tensor


def affine(self: Layer, x: Tensor, scale: np.ndarray | None, offset: np.ndarray | None, axes: tuple[int, ...]) -> Tensor:
    """x * scale + offset, whose dimensions belong to these axes of x."""
    if scale is not None:
        x = self.build.MUL(x, self.build.constant(along(scale, x, axes), "scale"))
    return x if offset is None else self.build.ADD(x, self.build.constant(along(offset, x, axes), "offset"))


def along(values: np.ndarray, x: Tensor, axes: tuple[int, ...]) -> np.ndarray:
    """values reshaped so that they broadcast along these axes of x, in as few dimensions as that takes."""
    sizes = dict(zip(axes, values.shape, strict=True))
    shape = [sizes.get(axis, 1) for axis in range(min(axes), len(x.shape))]
    return values.reshape(shape)


def axes_of(self: Layer, x: Tensor, default: int = -1) -> tuple[int, ...]:
    """The layer's axes, counted from the front, in order."""
    axes = self.get("axis", default)
    return tuple(sorted(a % len(x.shape) for a in (axes if isinstance(axes, list | tuple) else [axes])))


@layer("BatchNormalization", "SyncBatchNormalization", "BatchNormalizationV1", "BatchNormalizationV2", mask="pass")
def batch_normalization(self: Layer, x: Tensor) -> Tensor:
    """With the moving mean and variance."""
    has_scale, has_center = bool(self.get("scale", True)), bool(self.get("center", True))
    *learned, mean, variance = self.take(2 + has_scale + has_center)
    factor = 1 / np.sqrt(variance + np.float32(self.get("epsilon", 1e-3)))
    if has_scale:
        factor = factor * learned.pop(0)
    offset = -mean * factor
    if has_center:
        offset = offset + learned.pop(0)
    return affine(self, x, factor.astype(np.float32), offset.astype(np.float32), axes_of(self, x))
