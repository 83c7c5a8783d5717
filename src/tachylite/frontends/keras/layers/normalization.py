"""Normalizations, in plain operators; what is constant is folded into a factor and an offset."""

import numpy as np

from tachylite.frontends.keras.activations import scalar
from tachylite.frontends.keras.layer import Layer, layer
from tachylite.frontends.keras.layers.merging import unit
from tachylite.frontends.shaping import ints, move_axis, open_shape, reshape
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


def standardize(self: Layer, x: Tensor, axes: tuple[int, ...], epsilon: float, centred: bool = True) -> Tensor:
    """x with mean 0 (where `centred`) and mean square 1 over these axes."""
    over = ints(*axes)
    if centred:
        x = self.build.SUB(x, self.build.MEAN(x, over, keep_dims=True))
    power = self.build.MEAN(self.build.SQUARE(x), over, keep_dims=True)
    return self.build.MUL(x, self.build.RSQRT(self.build.ADD(power, scalar(epsilon))))


def learned(self: Layer) -> tuple[np.ndarray | None, np.ndarray | None]:
    """The layer's gamma and beta, None where it has none."""
    has_scale, has_center = bool(self.get("scale", True)), bool(self.get("center", True))
    weights = iter(self.take(has_scale + has_center))
    return next(weights) if has_scale else None, next(weights) if has_center else None


@layer("LayerNormalization", mask="pass")
def layer_normalization(self: Layer, x: Tensor) -> Tensor:
    """rms_scaling divides by the deviation and does nothing else."""
    axes, epsilon = axes_of(self, x), self.get("epsilon", 1e-3)
    if not self.get("rms_scaling", False):
        return affine(self, standardize(self, x, axes, epsilon), *learned(self), axes)
    gamma = self.take(1)[0] if self.get("scale", True) else None
    mean = self.build.MEAN(x, ints(*axes), keep_dims=True)
    variance = self.build.MEAN(self.build.SQUARED_DIFFERENCE(x, mean), ints(*axes), keep_dims=True)
    return affine(self, self.build.MUL(x, self.build.RSQRT(self.build.ADD(variance, scalar(epsilon)))), gamma, None, axes)


@layer("RMSNormalization")
def rms_normalization(self: Layer, x: Tensor) -> Tensor:
    (scale,) = self.take(1)
    axes = axes_of(self, x)
    return affine(self, standardize(self, x, axes, self.get("epsilon", 1e-6), centred=False), scale, None, axes)


@layer("UnitNormalization", mask="pass")
def unit_normalization(self: Layer, x: Tensor) -> Tensor:
    return unit(self, x, *axes_of(self, x))


@layer("GroupNormalization", mask="pass")
def group_normalization(self: Layer, x: Tensor) -> Tensor:
    """Each group of channels is standardized over everything but the batch. -1 groups are as many as channels."""
    (axis,) = axes_of(self, x)
    channels, groups = x.shape[axis], self.get("groups", 32)
    groups = channels if groups == -1 else groups
    last = move_axis(self.build, x, axis, -1)
    grouped = reshape(self.build, last, [*open_shape(self.build, last, 0, len(x.shape) - 1), groups, channels // groups])
    inner = (*range(1, len(x.shape) - 1), len(x.shape))
    y = standardize(self, grouped, inner, self.get("epsilon", 1e-3))
    y = reshape(self.build, y, [*open_shape(self.build, last, 0, len(x.shape) - 1), channels])
    return affine(self, move_axis(self.build, y, -1, axis), *learned(self), (axis,))


@layer("LayerScale")
def layer_scale(self: Layer, x: Tensor) -> Tensor:
    """Of keras.applications."""
    return affine(self, x, self.take(1)[0], None, (len(x.shape) - 1,))


@layer("SpectralNormalization")
def spectral_normalization(self: Layer, x: Tensor) -> Tensor:
    """The wrapped layer, whose kernel was divided by its norm in training."""
    return self.call(self.config["layer"], self.weights.child("layer"), x)


@layer("BatchNormalization", "SyncBatchNormalization", "BatchNormalizationV1", "BatchNormalizationV2", mask="pass")
def batch_normalization(self: Layer, x: Tensor) -> Tensor:
    """With the moving mean and variance."""
    has_scale, has_center = bool(self.get("scale", True)), bool(self.get("center", True))
    *given, mean, variance = self.take(2 + has_scale + has_center)
    factor = 1 / np.sqrt(variance + np.float32(self.get("epsilon", 1e-3)))
    if has_scale:
        factor = factor * given.pop(0)
    offset = -mean * factor
    if has_center:
        offset = offset + given.pop(0)
    return affine(self, x, factor.astype(np.float32), offset.astype(np.float32), axes_of(self, x))
