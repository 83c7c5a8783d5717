"""STABLEHLO_GATHER and STABLEHLO_SCATTER: windows of a tensor, each of which starts where an index vector says.

https://openxla.org/stablehlo/spec defines them.
"""

from collections.abc import Sequence

import numpy as np

from tachylite.model.graph import Operator, Shape

from .arguments import new_shape
from .registry import OpDef, Spec, register, same_shape
from .stablehlo_elementwise import NUMBERS, check_numbers, computation


def _index_vectors(indices: np.ndarray, dim: int) -> np.ndarray:
    """The indices with the axis that holds the vectors last; they are scalars where `dim` lies behind the last axis."""
    return indices[..., None] if dim == indices.ndim else np.moveaxis(indices, dim, -1)


def _vectors_shape(op: Operator, indices: Spec, dim: int) -> Shape:
    if indices.dtype not in (np.int32, np.int64):
        raise op.error(f"the indices are {indices.dtype}, they must be int32 or int64; insert a CAST")
    if not 0 <= dim <= indices.rank:
        raise op.error(f"index_vector_dim is {dim}, it must lie in [0, {indices.rank}]; correct the options")
    shape = (*indices.shape, 1) if dim == indices.rank else indices.shape
    return (*shape[:dim], *shape[dim + 1 :], shape[dim])


def _check_dims(op: Operator, name: str, dims: Sequence[int], rank: int) -> None:
    if len(set(dims)) != len(dims) or any(not 0 <= d < rank for d in dims):
        raise op.error(f"{name} is {list(dims)}, it must hold different dimensions in [0, {rank - 1}]; correct the options")


def _starts(vectors: np.ndarray, dims: Sequence[int], rank: int) -> np.ndarray:
    """Where each window starts, int64 [..., rank]: `dims` says which operand dimension each number of a vector counts."""
    starts = np.zeros((*vectors.shape[:-1], rank), np.int64)
    starts[..., list(dims)] = vectors
    return starts


def _positions(starts: np.ndarray, window: Sequence[int]) -> list[np.ndarray]:
    """Operand coordinates of the windows' elements: per operand dimension an array that broadcasts to [..., *window]."""
    rank = len(window)
    steps = np.ogrid[tuple(slice(size) for size in window)]
    return [starts[..., i].reshape(starts.shape[:-1] + (1,) * rank) + steps[i] for i in range(rank)]


def _infer_gather(op: Operator, x: Spec, indices: Spec) -> Spec:
    options = op.options
    *batch, length = _vectors_shape(op, indices, options.index_vector_dim)
    sizes, collapsed = options.slice_sizes, options.collapsed_slice_dims
    offset_dims, start_dims = options.offset_dims, options.start_index_map
    if len(sizes) != x.rank or any(not 0 <= size <= d for size, d in zip(sizes, x.shape, strict=True)):
        raise op.error(f"slice_sizes is {list(sizes)}, it must fit into the operand {list(x.shape)}; correct the options")
    _check_dims(op, "collapsed_slice_dims", collapsed, x.rank)
    _check_dims(op, "start_index_map", start_dims, x.rank)
    _check_dims(op, "offset_dims", offset_dims, len(batch) + len(offset_dims))
    kept = [size for i, size in enumerate(sizes) if i not in collapsed]
    if len(start_dims) != length or len(kept) != len(offset_dims) or any(sizes[i] != 1 for i in collapsed):
        found = f"{len(start_dims)} start_index_map, {len(offset_dims)} offset_dims, collapsed_slice_dims {list(collapsed)}"
        raise op.error(
            f"{found} do not match index vectors of {length} and slices {list(sizes)}; collapsed sizes must be 1, correct the options"
        )
    rest = iter(batch)
    offsets = dict(zip(offset_dims, kept, strict=True))
    return Spec(new_shape(op, (offsets[i] if i in offsets else next(rest) for i in range(len(batch) + len(kept)))), x.dtype)


def gather(op: Operator, x: np.ndarray, indices: np.ndarray) -> np.ndarray:
    """x: any shape and dtype; indices: int32 or int64. A slice that would reach over the edge is moved back inside."""
    options = op.options
    vectors = _index_vectors(indices, options.index_vector_dim)
    starts = _starts(vectors, options.start_index_map, x.ndim)
    starts = np.clip(starts, 0, np.array(x.shape, np.int64) - np.array(options.slice_sizes, np.int64))
    batch = vectors.ndim - 1
    slices = np.broadcast_to(x[tuple(_positions(starts, options.slice_sizes))], vectors.shape[:-1] + options.slice_sizes)
    slices = slices.squeeze(tuple(batch + i for i in options.collapsed_slice_dims))
    return np.moveaxis(slices, range(batch, slices.ndim), options.offset_dims)


register(OpDef("STABLEHLO_GATHER", _infer_gather, gather, "StablehloGatherOptions", NUMBERS))


def _infer_scatter(op: Operator, x: Spec, indices: Spec, updates: Spec) -> Spec:
    options = op.options
    computation(op)
    check_numbers(op, x)
    if not x.rank:
        raise op.error("the operand is a scalar, it must have a dimension to scatter along; insert a RESHAPE")
    *batch, length = _vectors_shape(op, indices, options.index_vector_dim)
    window_dims, inserted, start_dims = options.update_window_dims, options.inserted_window_dims, options.scatter_dims_to_operand_dims
    _check_dims(op, "update_window_dims", window_dims, updates.rank)
    _check_dims(op, "inserted_window_dims", inserted, x.rank)
    _check_dims(op, "scatter_dims_to_operand_dims", start_dims, x.rank)
    if updates.dtype != x.dtype:
        raise op.error(f"updates are {updates.dtype}, the operand is {x.dtype}; both must be of one type, insert a CAST")
    scattered = [d for i, d in enumerate(updates.shape) if i not in window_dims]
    if scattered != batch or len(window_dims) + len(inserted) != x.rank or len(start_dims) != length:
        found = f"update_window_dims {list(window_dims)}, inserted_window_dims {list(inserted)} and index vectors of {length}"
        given = f"updates {list(updates.shape)}, indices {list(indices.shape)} and operand {list(x.shape)}"
        raise op.error(f"{found} do not match {given}; correct the options")
    return same_shape(op, x)


def scatter(op: Operator, x: np.ndarray, indices: np.ndarray, updates: np.ndarray) -> np.ndarray:
    """x: any shape and dtype; indices: int32 or int64; updates: windows of x's dtype. What falls outside of x is dropped."""
    options = op.options
    vectors = _index_vectors(indices, options.index_vector_dim)
    sizes = iter(updates.shape[i] for i in options.update_window_dims)
    window = [1 if i in options.inserted_window_dims else next(sizes) for i in range(x.ndim)]
    positions = _positions(_starts(vectors, options.scatter_dims_to_operand_dims, x.ndim), window)
    # Back in the layout of the updates, because those of one element apply in the order in which they lie in memory.
    batch, shape = vectors.ndim - 1, vectors.shape[:-1] + tuple(window)
    inserted = tuple(batch + i for i in options.inserted_window_dims)
    windowed = range(batch, batch + len(options.update_window_dims))
    positions = [np.moveaxis(np.broadcast_to(p, shape).squeeze(inserted), windowed, options.update_window_dims) for p in positions]
    inside = np.logical_and.reduce([(p >= 0) & (p < d) for p, d in zip(positions, x.shape, strict=True)])
    where = tuple(p[inside] for p in positions)
    result, combine = x.copy(), computation(op)
    if combine is None:
        result[where] = updates[inside]
    else:
        combine.at(result, where, updates[inside])
    return result


register(OpDef("STABLEHLO_SCATTER", _infer_scatter, scatter, "StablehloScatterOptions", NUMBERS))
