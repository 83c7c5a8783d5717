"""Pooling: windows in one, two and three dimensions, and whole inputs."""

from typing import Any

import numpy as np

from tachylite.frontends.builder import dims
from tachylite.frontends.keras.layer import Layer, layer
from tachylite.frontends.keras.spatial import channels_last, flat_1d, spatial
from tachylite.frontends.shaping import ints, reshape
from tachylite.model.graph import Tensor


def operator(self: Layer) -> str:
    return "AVERAGE_POOL_2D" if "Av" in self.class_name else "MAX_POOL_2D"


def pool(self: Layer, x: Tensor, size: list[int], strides: list[int]) -> Tensor:
    """Windows over the middle axes of [n, h, w, c]. What 'same' adds counts for nothing."""
    return getattr(self.build, operator(self))(
        x,
        padding=self.get("padding", "valid").upper(),
        filter_height=size[0],
        filter_width=size[1],
        stride_h=strides[0],
        stride_w=strides[1],
    )


def windows(self: Layer, rank: int) -> tuple[list[int], list[int]]:
    """Sizes and strides; windows that are not told otherwise do not overlap."""
    key = "pool_size" if "pool_size" in self.config else "pool_length"
    return spatial(self, key, rank), spatial(self, "strides" if self.config.get("strides") is not None else key, rank)


@layer("MaxPooling1D", "AveragePooling1D", "MaxPool1D", "AvgPool1D")
@channels_last
@flat_1d
def pool_1d(self: Layer, x: Tensor) -> Tensor:
    return pool(self, x, *windows(self, 2))


@layer("MaxPooling2D", "AveragePooling2D", "MaxPool2D", "AvgPool2D")
@channels_last
def pool_2d(self: Layer, x: Tensor) -> Tensor:
    return pool(self, x, *windows(self, 2))


@layer("MaxPooling3D", "AveragePooling3D", "MaxPool3D", "AvgPool3D")
@channels_last
def pool_3d(self: Layer, x: Tensor) -> Tensor:
    """Two dimensions, then the third: maxima of maxima, and means of means, because each window holds as many elements."""
    size, strides = windows(self, 3)
    batch, depth, *_ = dims(x)
    flat = pool(self, reshape(self.build, x, [None, *dims(x)[2:]]), size[1:], strides[1:])
    _, height, width, channels = dims(flat)
    columns = reshape(self.build, flat, [batch, depth, None if height is None or width is None else height * width, channels])
    y = pool(self, columns, [size[0], 1], [strides[0], 1])
    return reshape(self.build, y, [batch, dims(y)[1], height, width, channels])


@layer(*(f"Global{kind}Pooling{n}D" for kind in ("Average", "Max") for n in (1, 2, 3)), "GlobalAvgPool2D", "GlobalMaxPool2D")
def global_pool(self: Layer, x: Tensor, mask: Tensor | None = None) -> Tensor:
    """Over all elements of a channel; a mean leaves out masked steps."""
    axes = ints(*(range(2, len(x.shape)) if self.is_channels_first else range(1, len(x.shape) - 1)))
    keep = bool(self.get("keepdims", False))
    if "Max" in self.class_name:
        return self.build.REDUCE_MAX(x, axes, keep_dims=keep)
    mask = mask if mask is not None else self.masks.get(x)
    if mask is None or len(x.shape) != 3:
        return self.build.MEAN(x, axes, keep_dims=keep)
    return masked_mean(self, x, mask, axes, keep)


def masked_mean(self: Layer, x: Tensor, mask: Tensor, axes: Any, keep: bool) -> Tensor:
    """mask: [n, steps]."""
    weight = self.build.EXPAND_DIMS(
        self.build.CAST(mask, in_data_type="BOOL", out_data_type="FLOAT32"), np.array(1 if self.is_channels_first else 2, np.int32)
    )
    total = self.build.SUM(self.build.MUL(x, weight), axes, keep_dims=keep)
    return self.build.DIV(total, self.build.SUM(weight, axes, keep_dims=keep))


@layer(*(f"Adaptive{kind}Pooling{n}D" for kind in ("Average", "Max") for n in (1, 2, 3)))
@channels_last
def adaptive_pool(self: Layer, x: Tensor) -> Tensor:
    """A given number of windows, which differ in size by one at most, along one axis after the other."""
    rank = len(x.shape) - 2
    counts = self.config["output_size"]
    for axis, count in enumerate([counts] * rank if isinstance(counts, int) else counts, start=1):
        x = adapt(self, x, axis, count)
    return x


def adapt(self: Layer, x: Tensor, axis: int, count: int) -> Tensor:
    """x with `count` means or maxima of windows along an axis."""
    size = dims(x)[axis]
    if size is None:
        raise self.refuse(f"its input has the unknown dimensions {list(dims(x))}", "give its size with input_shapes=")
    reduce = self.build.MEAN if "Average" in self.class_name else self.build.REDUCE_MAX
    if size == count:
        return x
    if size % count == 0:
        apart = reshape(self.build, x, [*dims(x)[:axis], count, size // count, *dims(x)[axis + 1 :]])
        return reduce(apart, ints(axis + 1), keep_dims=False)
    windows = [(i * size // count, -(-(i + 1) * size // count)) for i in range(count)]
    parts = [reduce(section(self, x, axis, begin, end), ints(axis), keep_dims=True) for begin, end in windows]
    return self.build.CONCATENATION(*parts, axis=axis)


def section(self: Layer, x: Tensor, axis: int, begin: int, end: int) -> Tensor:
    """x from `begin` up to `end` along an axis."""
    rest = sum(1 << other for other in range(len(x.shape)) if other != axis)
    first, last = (ints(*(value if other == axis else 0 for other in range(len(x.shape)))) for value in (begin, end))
    return self.build.STRIDED_SLICE(x, first, last, ints(*[1] * len(x.shape)), begin_mask=rest, end_mask=rest)
