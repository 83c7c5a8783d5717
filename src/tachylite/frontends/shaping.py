"""Reshaping and reordering axes, whether or not all dimensions are known. These emit nothing where there is nothing to do."""

from collections.abc import Sequence

import numpy as np

from tachylite.model.graph import Tensor

from .builder import FrontendBuilder, dims


def size_of(build: FrontendBuilder, x: Tensor, axis: int) -> int | Tensor:
    """The size of an axis; where it is unknown, an int32 scalar computed at run time."""
    size = dims(x)[axis]
    if size is not None:
        return size
    axis %= len(x.shape)
    return build.STRIDED_SLICE(build.SHAPE(x, out_type="INT32"), ints(axis), ints(axis + 1), ints(1), shrink_axis_mask=1)


def shape_vector(build: FrontendBuilder, sizes: Sequence[int | Tensor]) -> Tensor:
    """An int32 vector of sizes: a constant where all are known."""
    known = [size for size in sizes if not isinstance(size, Tensor)]
    if len(known) == len(sizes):
        return build.constant(ints(*known))
    parts = [size if isinstance(size, Tensor) else np.array(size, np.int32) for size in sizes]
    return build.PACK(*parts, values_count=len(parts), axis=0)


def reshape(build: FrontendBuilder, x: Tensor, shape: Sequence[int | Tensor | None]) -> Tensor:
    """x in another shape. None: a size that is not known; one may be left to RESHAPE, more must be given as tensors."""
    if dims(x) == tuple(shape):
        return x
    open_sizes = [i for i, size in enumerate(shape) if not isinstance(size, int)]
    if len(open_sizes) <= 1:
        return build.RESHAPE(x, ints(*(size if isinstance(size, int) else -1 for size in shape)))
    return build.RESHAPE(x, shape_vector(build, [-1 if size is None else size for size in shape]))


def transpose(build: FrontendBuilder, x: Tensor, axes: Sequence[int]) -> Tensor:
    """Axis i of the result is axis axes[i] of x."""
    return x if list(axes) == list(range(len(axes))) else build.TRANSPOSE(x, ints(*axes))


def move_axis(build: FrontendBuilder, x: Tensor, source: int, target: int) -> Tensor:
    """x with one axis in another place, the rest in their order."""
    rank = len(x.shape)
    axes = [i for i in range(rank) if i != source % rank]
    axes.insert(target % rank, source % rank)
    return transpose(build, x, axes)


def ints(*values: int) -> np.ndarray:
    """An int32 vector."""
    return np.array(values, np.int32)


def open_shape(build: FrontendBuilder, x: Tensor, first: int, last: int) -> list[int | Tensor | None]:
    """Sizes of x's axes from `first` up to `last`, for `reshape`: the first unknown one is left open, others are computed."""
    sizes: list[int | Tensor | None] = []
    for axis in range(first, last):
        is_left = dims(x)[axis] is None and None not in sizes
        sizes.append(None if is_left else size_of(build, x, axis))
    return sizes
