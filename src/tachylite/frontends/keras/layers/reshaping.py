"""Layers that move elements without computing anything."""

from math import prod

import numpy as np

from tachylite.frontends.builder import dims
from tachylite.frontends.keras.layer import Layer, layer
from tachylite.frontends.keras.spatial import channels_last, spatial
from tachylite.frontends.shaping import ints, move_axis, reshape, shape_vector, size_of, transpose
from tachylite.model.graph import Tensor


def product(sizes: tuple[int | None, ...]) -> int | None:
    """None where a size is unknown."""
    known = [size for size in sizes if size is not None]
    return prod(known) if len(known) == len(sizes) else None


@layer("Flatten")
def flatten(self: Layer, x: Tensor) -> Tensor:
    if self.is_channels_first and len(x.shape) > 2:
        x = move_axis(self.build, x, 1, -1)
    batch, *rest = dims(x)
    count = product(tuple(rest))
    return reshape(self.build, x, [size_of(self.build, x, 0) if count is None else batch, count if rest else 1])


@layer("Reshape")
def reshape_layer(self: Layer, x: Tensor) -> Tensor:
    """One dimension of the target may be -1."""
    batch, *rest = dims(x)
    target: list[int | None] = [None if d in (-1, None) else int(d) for d in self.config["target_shape"]]
    count = product(tuple(rest))
    if None in target and count is not None:
        known = product(tuple(d for d in target if d is not None)) or 1
        target[target.index(None)] = count // known
    return reshape(self.build, x, [size_of(self.build, x, 0) if None in target else batch, *target])


@layer("Permute")
def permute(self: Layer, x: Tensor) -> Tensor:
    return transpose(self.build, x, [0, *self.config["dims"]])


@layer("RepeatVector")
def repeat_vector(self: Layer, x: Tensor) -> Tensor:
    return self.build.TILE(self.build.EXPAND_DIMS(x, np.array(1, np.int32)), ints(1, self.config["n"], 1))


@layer("ZeroPadding1D", "ZeroPadding2D", "ZeroPadding3D")
@channels_last
def zero_padding(self: Layer, x: Tensor) -> Tensor:
    return self.build.PAD(x, np.array([(0, 0), *pairs(self, "padding", len(x.shape) - 2), (0, 0)], np.int32))


@layer("Cropping1D", "Cropping2D", "Cropping3D")
@channels_last
def cropping(self: Layer, x: Tensor) -> Tensor:
    cuts = [(0, 0), *pairs(self, "cropping", len(x.shape) - 2), (0, 0)]
    begin, end = ints(*(before for before, _ in cuts)), ints(*(-after for _, after in cuts))
    to_the_end = sum(1 << axis for axis, (_, after) in enumerate(cuts) if after == 0)
    return self.build.STRIDED_SLICE(x, begin, end, ints(*[1] * len(cuts)), end_mask=to_the_end)


def pairs(self: Layer, key: str, rank: int) -> list[tuple[int, int]]:
    """How much before and after each dimension: Keras writes a number for all, one for each, or pairs."""
    value = self.get(key, 1)
    if isinstance(value, int):
        return [(value, value)] * rank
    if rank == 1 and all(isinstance(v, int) for v in value):
        value = [value]
    return [(v, v) if isinstance(v, int) else (v[0], v[1]) for v in value]


@layer("UpSampling1D")
def up_sampling_1d(self: Layer, x: Tensor) -> Tensor:
    """Every step so many times."""
    flat = self.build.EXPAND_DIMS(x, np.array(1, np.int32))
    return self.build.SQUEEZE(enlarge(self, flat, [1, self.get("size", self.get("length", 2))]), squeeze_dims=(1,))


@layer("UpSampling2D")
@channels_last
def up_sampling_2d(self: Layer, x: Tensor) -> Tensor:
    return enlarge(self, x, spatial(self, "size", 2), self.get("interpolation", "nearest"))


@layer("UpSampling3D")
@channels_last
def up_sampling_3d(self: Layer, x: Tensor) -> Tensor:
    """Two dimensions, then the third."""
    depth, *plane = spatial(self, "size", 3)
    flat = enlarge(self, reshape(self.build, x, [None, *dims(x)[2:]]), plane)
    _, height, width, channels = dims(flat)
    columns = reshape(self.build, flat, [*dims(x)[:2], product((height, width)), channels])
    y = enlarge(self, columns, [depth, 1])
    return reshape(self.build, y, [dims(x)[0], dims(y)[1], height, width, channels])


def enlarge(self: Layer, x: Tensor, factors: list[int], interpolation: str = "nearest") -> Tensor:
    """[n, h, w, c] with h and w so many times as large."""
    sizes: list[int | Tensor] = []
    for axis, factor in zip((1, 2), factors, strict=True):
        size = size_of(self.build, x, axis)
        sizes.append(size * factor if isinstance(size, int) else self.build.MUL(size, np.array(factor, np.int32)))
    return resize(self, x, sizes, interpolation)


def resize(self: Layer, x: Tensor, sizes: list[int | Tensor], interpolation: str) -> Tensor:
    """[n, h, w, c] in another size; samples lie in the middle of pixels."""
    if interpolation not in ("nearest", "bilinear"):
        raise self.refuse(f"it interpolates {interpolation!r}", "take 'bilinear' or 'nearest'")
    operator = self.build.RESIZE_BILINEAR if interpolation == "bilinear" else self.build.RESIZE_NEAREST_NEIGHBOR
    return operator(x, shape_vector(self.build, sizes), half_pixel_centers=True, align_corners=False)
