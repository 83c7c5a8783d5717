"""Preprocessing that belongs to a model; random augmentation does nothing at inference."""

from typing import Any

import numpy as np

from tachylite.frontends.builder import dims
from tachylite.frontends.keras.activations import scalar
from tachylite.frontends.keras.layer import Layer, layer
from tachylite.frontends.keras.layers.core import cast
from tachylite.frontends.keras.layers.normalization import along
from tachylite.frontends.keras.layers.reshaping import resize
from tachylite.frontends.keras.spatial import channels_last
from tachylite.frontends.shaping import ints
from tachylite.model.graph import Tensor


@layer("Rescaling", mask="pass")
def rescaling(self: Layer, x: Tensor) -> Tensor:
    """x * scale + offset, each a number or one for each channel."""
    scale, offset = (np.asarray(plain(self.get(key, default)), np.float32) for key, default in (("scale", 1.0), ("offset", 0.0)))
    y = self.build.MUL(cast(self, x, np.float32), self.build.constant(scale, "scale"))
    return self.build.ADD(y, self.build.constant(offset, "offset")) if np.any(offset != 0) else y


@layer("Normalization", mask="pass")
def normalization(self: Layer, x: Tensor) -> Tensor:
    """Mean and variance are in the config, or were found by `adapt` and are weights."""
    given = self.config.get("mean")
    mean, variance = self.take(3)[:2] if given is None else (np.asarray(plain(self.config[k]), np.float32) for k in ("mean", "variance"))
    axis = plain(self.config.get("axis", -1))
    axes = tuple(sorted(a % len(x.shape) for a in ([] if axis is None else [axis] if isinstance(axis, int) else axis)))
    middle = self.build.constant(_spread(mean, x, axes), "mean")
    deviation = self.build.constant(_spread(np.maximum(np.sqrt(variance), np.float32(1e-7)), x, axes), "deviation")
    x = cast(self, x, np.float32)
    if self.get("invert", False):
        return self.build.ADD(self.build.MUL(x, deviation), middle)
    return self.build.DIV(self.build.SUB(x, middle), deviation)


def _spread(values: np.ndarray, x: Tensor, axes: tuple[int, ...]) -> np.ndarray:
    sizes = tuple(x.shape[a] for a in axes)
    return (
        along(np.broadcast_to(values.reshape([s for s in values.shape if s != 1] or [1] * bool(sizes)), sizes), x, axes) if axes else values
    )


@layer("Discretization")
def discretization(self: Layer, x: Tensor) -> Tensor:
    bounds = self.config.get("bin_boundaries")
    if bounds is None:
        raise self.refuse("it has no bin_boundaries", "call adapt before saving")
    bins = self.build.BUCKETIZE(x, boundaries=tuple(float(b) for b in bounds))
    return encode(self, bins, self.get("output_mode", "int"), len(bounds) + 1)


@layer("CategoryEncoding")
def category_encoding(self: Layer, x: Tensor) -> Tensor:
    return encode(self, cast(self, x, np.int32), self.get("output_mode", "multi_hot"), self.config["num_tokens"])


def encode(self: Layer, x: Tensor, mode: str, depth: int) -> Tensor:
    """Numbers as they are, or as vectors of 0 and 1 (one_hot), of those that occur (multi_hot), or of how often they do (count)."""
    if mode == "int":
        return x
    if mode == "one_hot" and len(x.shape) > 1 and x.shape[-1] == 1:
        x = self.build.SQUEEZE(x, squeeze_dims=(len(x.shape) - 1,))
    hot = self.build.ONE_HOT(x, np.array(depth, np.int32), scalar(1), scalar(0), axis=-1)
    if mode == "one_hot":
        return hot
    over = ints(len(x.shape) - 1)
    return self.build.REDUCE_MAX(hot, over, keep_dims=False) if mode == "multi_hot" else self.build.SUM(hot, over, keep_dims=False)


# Pictures.


@layer("Resizing")
@channels_last
def resizing(self: Layer, x: Tensor) -> Tensor:
    height, width = self.config["height"], self.config["width"]
    if self.get("antialias", False) or self.get("pad_to_aspect_ratio", False):
        raise self.refuse("it pads or smooths", "set antialias and pad_to_aspect_ratio to False")
    x = cast(self, x, np.float32)
    if self.get("crop_to_aspect_ratio", False):
        x = crop_to_ratio(self, x, height, width)
    return resize(self, x, [height, width], self.get("interpolation", "bilinear"))


@layer("CenterCrop", "RandomCrop")
@channels_last
def center_crop(self: Layer, x: Tensor) -> Tensor:
    """The middle of the picture; of one that is too small, the middle part of the same form, enlarged."""
    height, width = self.config["height"], self.config["width"]
    rows, columns = known_size(self, x)
    x = cast(self, x, np.float32)
    if rows >= height and columns >= width:
        return cut(self, x, (rows - height) // 2, (columns - width) // 2, height, width)
    return resize(self, crop_to_ratio(self, x, height, width), [height, width], "bilinear")


def known_size(self: Layer, x: Tensor) -> tuple[int, int]:
    """Height and width. Raises Unsupported where they are not known."""
    rows, columns = dims(x)[1:3]
    if rows is None or columns is None:
        raise self.refuse(f"its input has the unknown dimensions {list(dims(x))}", "give its size with input_shapes=")
    return rows, columns


def crop_to_ratio(self: Layer, x: Tensor, height: int, width: int) -> Tensor:
    """The largest middle part of x in the form height : width."""
    rows, columns = known_size(self, x)
    tall, wide = min(rows, max(1, int(columns * height / width))), min(columns, max(1, int(rows * width / height)))
    return cut(self, x, (rows - tall) // 2, (columns - wide) // 2, tall, wide)


def cut(self: Layer, x: Tensor, top: int, left: int, height: int, width: int) -> Tensor:
    """A part of [n, h, w, c]."""
    if (height, width) == dims(x)[1:3]:
        return x
    begin, end = ints(0, top, left, 0), ints(0, top + height, left + width, 0)
    return self.build.STRIDED_SLICE(x, begin, end, ints(1, 1, 1, 1), begin_mask=0b1001, end_mask=0b1001)


@layer(
    *(f"Random{what}" for what in "Brightness ColorDegeneration ColorJitter Contrast ElasticTransform Erasing Flip GaussianBlur".split()),
    *(f"Random{what}" for what in "Grayscale Height Hue Invert Perspective Posterization Rotation Saturation Sharpness Shear".split()),
    *(f"Random{what}" for what in "Translation Width Zoom".split()),
    *"AugMix CutMix MixUp RandAugment".split(),
)
def augmentation(self: Layer, x: Tensor) -> Tensor:
    """What matters in training alone, except that it gives floats."""
    return cast(self, x, np.float32)


def plain(value: Any) -> Any:
    """A value that Keras may have serialized as a tuple or an array."""
    if isinstance(value, dict):
        return value["items"] if "items" in value else value["config"]["value"]
    return value
