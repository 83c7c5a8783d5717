"""Blocks: operators that trade the extent of spatial dimensions for depth or for batches."""

from math import prod
from typing import Any

import numpy as np

from tachylite.model.graph import Operator

from . import movement_gradient
from .arguments import ANY_TYPE, amounts, check_type, new_shape, same_quantization, settle, vector, version_by_type
from .channels import last_axis
from .copy import canvas, constant, fill_around, is_plain, lower_views, strided_copy
from .integer import SHARED
from .registry import OpDef, Spec, register
from .scales import padding_of


def _block_size(op: Operator, x: Spec) -> int:
    """The side of a block of a [batch, height, width, depth] tensor."""
    check_type(op, x)
    size: int = op.options.block_size
    if x.rank != 4 or size < 1:
        raise op.error(f"the input is {list(x.shape)} and block_size {size}; needed are four dimensions and a positive size")
    return size


def _infer_space_to_depth(op: Operator, x: Spec) -> Spec:
    size = _block_size(op, x)
    batch, height, width, depth = x.shape
    if height % size or width % size:
        raise op.error(f"blocks of {size} x {size} do not fill an image of {height} x {width}; PAD it to a multiple")
    return Spec(new_shape(op, (batch, height // size, width // size, depth * size * size)), x.dtype)


def space_to_depth(op: Operator, x: np.ndarray) -> np.ndarray:
    """x: [batch, height, width, depth]; every block of pixels becomes one pixel, as deep as all of them together."""
    return _pixels_of_blocks(op, x).reshape(settle(_infer_space_to_depth, op, x).shape)


def _pixels_of_blocks(op: Operator, x: np.ndarray) -> np.ndarray:
    """[batch, height, width, side, side, depth]: the result with its depth in three."""
    batch, height, width, depth = x.shape
    size = op.options.block_size
    return x.reshape(batch, height // size, size, width // size, size, depth).transpose(0, 1, 3, 2, 4, 5)


def _infer_depth_to_space(op: Operator, x: Spec) -> Spec:
    size = _block_size(op, x)
    batch, height, width, depth = x.shape
    if depth % (size * size):
        raise op.error(f"a depth of {depth} does not make blocks of {size} x {size}; it must be a multiple of {size * size}")
    return Spec(new_shape(op, (batch, height * size, width * size, depth // (size * size))), x.dtype)


def depth_to_space(op: Operator, x: np.ndarray) -> np.ndarray:
    """x: [batch, height, width, depth]; every pixel becomes a block of pixels, which share its depth."""
    return _blocks_of_pixels(op, x).reshape(settle(_infer_depth_to_space, op, x).shape)


def _blocks_of_pixels(op: Operator, x: np.ndarray) -> np.ndarray:
    """[batch, height, side, width, side, depth]: the result with its height and width each in two."""
    batch, height, width, depth = x.shape
    size = op.options.block_size
    return x.reshape(batch, height, width, size, size, depth // (size * size)).transpose(0, 1, 3, 2, 4, 5)


def _blocks(op: Operator, x: Spec, block: Spec) -> list[int] | None:
    """The sides of a block of a tensor [batch, *spatial, depth]; None while they are unknown."""
    same_quantization(op, 0)
    if x.rank not in (3, 4):
        raise op.error(f"the input is {list(x.shape)}; it must have 3 or 4 dimensions, RESHAPE it")
    sides = vector(op, "the sides of the block", block, x.rank - 2)
    if sides is not None and min(sides) < 1:
        raise op.error(f"the sides of the block are {sides}, each must be at least 1")
    return sides


def _infer_space_to_batch(op: Operator, x: Spec, block: Spec, paddings: Spec) -> Spec | None:
    sides = _blocks(op, x, block)
    pairs = amounts(op, "the paddings", paddings, x.rank - 2)
    if sides is None or pairs is None:
        return None
    padded = [a + d + b for d, (a, b) in zip(x.shape[1:-1], pairs, strict=True)]
    if any(d % s for d, s in zip(padded, sides, strict=True)):
        raise op.error(f"blocks of {sides} do not fill the padded input, {padded}; correct the paddings")
    spatial = (d // s for d, s in zip(padded, sides, strict=True))
    return Spec(new_shape(op, (x.shape[0] * prod(sides), *spatial, x.shape[-1])), x.dtype)


def space_to_batch_nd(op: Operator, x: np.ndarray, block: np.ndarray, paddings: np.ndarray) -> np.ndarray:
    """x: [batch, *spatial, depth]; block: int32 [n]; paddings: int32 [n, 2], for the n spatial dimensions.

    Padded x is cut into blocks. The result has one batch for each position in a block, made of all elements that stand there.
    """
    shape = settle(_infer_space_to_batch, op, x, block, paddings).shape
    batch, depth, sides = x.shape[0], x.shape[-1], block.tolist()
    spatial = [d * s for d, s in zip(shape[1:-1], sides, strict=True)]
    padded = np.full((batch, *spatial, depth), padding_of(op, x.dtype), x.dtype)
    padded[:, *(slice(a, a + d) for (a, _), d in zip(paddings.tolist(), x.shape[1:-1], strict=True))] = x
    n = len(sides)
    split = padded.reshape(batch, *(part for d, s in zip(shape[1:-1], sides, strict=True) for part in (d, s)), depth)
    return split.transpose(*range(2, 2 * n + 1, 2), 0, *range(1, 2 * n, 2), 2 * n + 1).reshape(shape)


def lower_space_to_batch(low: Any, op: Operator) -> None:
    """Each position in a block takes every so many elements of the input, and has paddings of its own."""
    x, block, paddings = (low.spec(t) for t in op.inputs)
    if not is_plain(x.dtype):
        low.host(op)
        return
    sides, result = block.value.tolist(), low.define(op.outputs[0])
    source, fill = low.value(op.inputs[0]), constant(low, padding_of(op, x.dtype), x.dtype)
    shape = low.spec(op.outputs[0]).shape
    batches = canvas(shape).reshape(*sides, x.shape[0], *shape[1:])
    for place in np.ndindex(*sides):
        pairs, taken = [(0, 0)], [slice(None)]
        axes = zip(place, sides, shape[1:-1], x.shape[1:-1], paddings.value[:, 0].tolist(), strict=True)
        for at, side, count, size, before in axes:
            # Element i of the result is element i * side + at - before of the input, where there is one.
            first = min(max(-((at - before) // side), 0), count)
            stop = min(max(-((at - before - size) // side), first), count)
            pairs.append((first, count - stop))
            begin = first * side + at - before
            taken.append(slice(begin, begin + (stop - first) * side, side) if stop > first else slice(0, 0))
        inner = fill_around(low, op, fill, result, batches[place], [*pairs, (0, 0)])
        strided_copy(low, op, source, canvas(x.shape)[*taken, :], result, inner)


def _infer_batch_to_space(op: Operator, x: Spec, block: Spec, crops: Spec) -> Spec | None:
    sides = _blocks(op, x, block)
    pairs = amounts(op, "the crops", crops, x.rank - 2)
    if sides is None or pairs is None:
        return None
    if x.shape[0] % prod(sides):
        raise op.error(f"{x.shape[0]} batches do not make blocks of {sides}; their number must be a multiple of {prod(sides)}")
    spatial = (d * s - a - b for d, s, (a, b) in zip(x.shape[1:-1], sides, pairs, strict=True))
    return Spec(new_shape(op, (x.shape[0] // prod(sides), *spatial, x.shape[-1])), x.dtype)


def batch_to_space_nd(op: Operator, x: np.ndarray, block: np.ndarray, crops: np.ndarray) -> np.ndarray:
    """x: [batch, *spatial, depth]; block: int32 [n]; crops: int32 [n, 2]. The inverse of SPACE_TO_BATCH_ND; crops undo its paddings."""
    shape = settle(_infer_batch_to_space, op, x, block, crops).shape
    batch, depth, sides, spatial = shape[0], shape[-1], block.tolist(), x.shape[1:-1]
    n = len(sides)
    split = x.reshape(*sides, batch, *spatial, depth)
    mixed = split.transpose(n, *(axis for i in range(n) for axis in (n + 1 + i, i)), 2 * n + 1)
    whole = mixed.reshape(batch, *(d * s for d, s in zip(spatial, sides, strict=True)), depth)
    return whole[:, *(slice(a, a + d) for (a, _), d in zip(crops.tolist(), shape[1:-1], strict=True))]


def lower_batch_to_space(low: Any, op: Operator) -> None:
    """Each position in a block gives every so many elements of the result."""
    x, block, crops = (low.spec(t) for t in op.inputs)
    if not is_plain(x.dtype):
        low.host(op)
        return
    sides, source, result = block.value.tolist(), low.value(op.inputs[0]), low.define(op.outputs[0])
    whole = canvas(low.spec(op.outputs[0]).shape)
    batches = canvas(x.shape).reshape(*sides, whole.shape[0], *x.shape[1:])
    for place in np.ndindex(*sides):
        taken, given = [slice(None)], [slice(None)]
        for at, side, size, before in zip(place, sides, whole.shape[1:-1], crops.value[:, 0].tolist(), strict=True):
            # Element i of the batch is element i * side + at - before of the result, where there is one.
            first = max(-((at - before) // side), 0)
            stop = max(-((at - before - size) // side), first)
            taken.append(slice(first, stop))
            given.append(slice(first * side + at - before, size, side))
        part = batches[place][*taken, :]
        if part.size:
            strided_copy(low, op, source, part, result, whole[*given, :])


def _batch_version(op: Operator) -> int:
    return max(3 if len(op.inputs[0].shape) != 4 else 1, version_by_type(s8=2, s16=4)(op))


for _name, _inverse, _infer, _reference, _view, _options in (
    ("SPACE_TO_DEPTH", "DEPTH_TO_SPACE", _infer_space_to_depth, space_to_depth, _pixels_of_blocks, "SpaceToDepthOptions"),
    ("DEPTH_TO_SPACE", "SPACE_TO_DEPTH", _infer_depth_to_space, depth_to_space, _blocks_of_pixels, "DepthToSpaceOptions"),
):
    register(
        OpDef(
            _name,
            infer=_infer,
            reference=_reference,
            options=_options,
            variants=("f32", "s8", "u8", "i32", "i64"),
            version=version_by_type(s8=2),
            lower=lower_views(_view),
            integer=SHARED,
            gradient=movement_gradient.inverse(_inverse),
        )
    )
for _name, _inverse, _infer_blocks, _move, _lower, _options in (
    ("SPACE_TO_BATCH_ND", "BATCH_TO_SPACE_ND", _infer_space_to_batch, space_to_batch_nd, lower_space_to_batch, "SpaceToBatchNDOptions"),
    ("BATCH_TO_SPACE_ND", "SPACE_TO_BATCH_ND", _infer_batch_to_space, batch_to_space_nd, lower_batch_to_space, "BatchToSpaceNDOptions"),
):
    register(
        OpDef(
            _name,
            _infer_blocks,
            _move,
            _options,
            ANY_TYPE,
            version=_batch_version,
            lower=_lower,
            integer=SHARED,
            channels=last_axis,
            gradient=movement_gradient.inverse(_inverse),
        )
    )
