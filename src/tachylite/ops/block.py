"""Blocks: operators that trade the extent of spatial dimensions for depth or for batches."""

from math import prod

import numpy as np

from tachylite.model.graph import Operator

from .arguments import ANY_TYPE, amounts, check_type, new_shape, same_quantization, settle, vector, version_by_type
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
    shape = settle(_infer_space_to_depth, op, x).shape
    batch, height, width, _ = shape
    size, depth = op.options.block_size, x.shape[3]
    return x.reshape(batch, height, size, width, size, depth).transpose(0, 1, 3, 2, 4, 5).reshape(shape)


def _infer_depth_to_space(op: Operator, x: Spec) -> Spec:
    size = _block_size(op, x)
    batch, height, width, depth = x.shape
    if depth % (size * size):
        raise op.error(f"a depth of {depth} does not make blocks of {size} x {size}; it must be a multiple of {size * size}")
    return Spec(new_shape(op, (batch, height * size, width * size, depth // (size * size))), x.dtype)


def depth_to_space(op: Operator, x: np.ndarray) -> np.ndarray:
    """x: [batch, height, width, depth]; every pixel becomes a block of pixels, which share its depth."""
    shape = settle(_infer_depth_to_space, op, x).shape
    batch, height, width, _ = x.shape
    size, depth = op.options.block_size, shape[3]
    return x.reshape(batch, height, width, size, size, depth).transpose(0, 1, 3, 2, 4, 5).reshape(shape)


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


def _batch_version(op: Operator) -> int:
    return max(3 if len(op.inputs[0].shape) != 4 else 1, version_by_type(s8=2, s16=4)(op))


for _name, _infer, _reference, _options in (
    ("SPACE_TO_DEPTH", _infer_space_to_depth, space_to_depth, "SpaceToDepthOptions"),
    ("DEPTH_TO_SPACE", _infer_depth_to_space, depth_to_space, "DepthToSpaceOptions"),
):
    register(OpDef(_name, _infer, _reference, _options, ("f32", "s8", "u8", "i32", "i64"), version=version_by_type(s8=2)))
register(OpDef("SPACE_TO_BATCH_ND", _infer_space_to_batch, space_to_batch_nd, "SpaceToBatchNDOptions", ANY_TYPE, version=_batch_version))
register(OpDef("BATCH_TO_SPACE_ND", _infer_batch_to_space, batch_to_space_nd, "BatchToSpaceNDOptions", ANY_TYPE, version=_batch_version))
