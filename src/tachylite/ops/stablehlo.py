"""StableHLO operators that reduce, pad, gather and scatter; https://openxla.org/stablehlo/spec defines them.

Shapes are written as numpy's, and `op.subgraphs[0]` is the computation that combines two elements.
"""

from collections.abc import Sequence
from itertools import product
from math import prod
from typing import Any

import numpy as np

from tachylite.model.graph import Operator, Shape

from .arguments import new_shape
from .registry import OpDef, Spec, register, same_shape

# Elementwise operators


def _infer_elementwise(op: Operator, x: Spec, y: Spec) -> Spec:
    if (x.shape, x.dtype) != (y.shape, y.dtype):
        found = f"{x.dtype}{list(x.shape)} and {y.dtype}{list(y.shape)}"
        raise op.error(f"inputs are {found}, both must be of one type and shape; insert a CAST or a BROADCAST_TO")
    return same_shape(op, x)


def _infer_bitwise(op: Operator, x: Spec, y: Spec) -> Spec:
    if x.dtype.kind not in "iub":
        raise op.error(f"inputs are {x.dtype}, they must be integers or bool")
    return _infer_elementwise(op, x, y)


def _register_elementwise(
    name: str, function: np.ufunc, variants: tuple[str, ...], infer: Any = _infer_elementwise, options: str | None = None
) -> None:
    # Integers wrap around; of bool, a sum is OR and a product AND.
    register(OpDef(name, infer, lambda op, x, y: function(x, y), options, variants, in_place=True))


_NUMBERS = ("f16", "f32", "f64", "s8", "s16", "i32", "i64", "u8", "u16", "u32", "u64", "bool")
_register_elementwise("STABLEHLO_ADD", np.add, _NUMBERS)
_register_elementwise("STABLEHLO_MULTIPLY", np.multiply, _NUMBERS)
_register_elementwise("STABLEHLO_MAXIMUM", np.maximum, _NUMBERS)
_register_elementwise("STABLEHLO_MINIMUM", np.minimum, _NUMBERS)
_register_elementwise("STABLEHLO_AND", np.bitwise_and, _NUMBERS[3:], _infer_bitwise)
_register_elementwise("STABLEHLO_SHIFT_LEFT", np.left_shift, ("s8", "s16", "i32"), _infer_bitwise, "StablehloShiftLeftOptions")


# Padding


def _padded_shape(shape: Shape, low: Sequence[int], high: Sequence[int], interior: Sequence[int]) -> Shape:
    return tuple(d + max(d - 1, 0) * i + a + b for d, a, b, i in zip(shape, low, high, interior, strict=True))


def _pad(x: np.ndarray, value: np.ndarray, low: Sequence[int], high: Sequence[int], interior: Sequence[int]) -> np.ndarray:
    """x with `interior` values between its elements and then `low` and `high` at the edges, where negative numbers crop."""
    padded = np.full(_padded_shape(x.shape, low, high, interior), value.reshape(()), x.dtype)
    source, target = [], []
    for size, new_size, start, gap in zip(x.shape, padded.shape, low, interior, strict=True):
        step = gap + 1
        first = max(0, -(start // step))
        last = min(size - 1, (new_size - 1 - start) // step)
        if first > last:
            return padded
        source.append(slice(first, last + 1))
        target.append(slice(start + first * step, start + last * step + 1, step))
    padded[tuple(target)] = x[tuple(source)]
    return padded


def _infer_pad(op: Operator, x: Spec, value: Spec) -> Spec:
    options = op.options
    low, high, interior = options.edge_padding_low, options.edge_padding_high, options.interior_padding
    if value.dtype != x.dtype or prod(value.shape) != 1:
        raise op.error(f"the padding value is {value.dtype}{list(value.shape)}, it must be one {x.dtype}")
    if {len(low), len(high), len(interior)} != {x.rank} or min(interior, default=0) < 0:
        found = f"low {list(low)}, high {list(high)}, interior {list(interior)}"
        raise op.error(f"paddings are {found}; each needs {x.rank} numbers, and interior ones must not be negative")
    return Spec(new_shape(op, _padded_shape(x.shape, low, high, interior)), x.dtype)


def pad(op: Operator, x: np.ndarray, value: np.ndarray) -> np.ndarray:
    """x: any shape and dtype; value: one element of that dtype."""
    return _pad(x, value, op.options.edge_padding_low, op.options.edge_padding_high, op.options.interior_padding)


register(OpDef("STABLEHLO_PAD", _infer_pad, pad, "StablehloPadOptions", _NUMBERS))


# Gathering and scattering. Both address windows of an operand: an index vector says where one starts.


def _index_vectors(indices: np.ndarray, dim: int) -> np.ndarray:
    """The indices with the axis that holds the vectors last; they are scalars where `dim` lies behind the last axis."""
    return indices[..., None] if dim == indices.ndim else np.moveaxis(indices, dim, -1)


def _vectors_shape(op: Operator, indices: Spec, dim: int) -> Shape:
    if indices.dtype not in (np.int32, np.int64):
        raise op.error(f"the indices are {indices.dtype}, they must be int32 or int64; insert a CAST")
    if not 0 <= dim <= indices.rank:
        raise op.error(f"index_vector_dim is {dim}, it must lie in [0, {indices.rank}]")
    shape = (*indices.shape, 1) if dim == indices.rank else indices.shape
    return (*shape[:dim], *shape[dim + 1 :], shape[dim])


def _check_dims(op: Operator, name: str, dims: Sequence[int], rank: int) -> None:
    if len(set(dims)) != len(dims) or any(not 0 <= d < rank for d in dims):
        raise op.error(f"{name} is {list(dims)}, it must hold different dimensions in [0, {rank - 1}]")


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
    sizes, offset_dims, collapsed, start_dims = (
        options.slice_sizes,
        options.offset_dims,
        options.collapsed_slice_dims,
        options.start_index_map,
    )
    if len(sizes) != x.rank or any(not 0 <= size <= d for size, d in zip(sizes, x.shape, strict=True)):
        raise op.error(f"slice_sizes is {list(sizes)}, it must fit into the operand {list(x.shape)}")
    _check_dims(op, "collapsed_slice_dims", collapsed, x.rank)
    _check_dims(op, "start_index_map", start_dims, x.rank)
    _check_dims(op, "offset_dims", offset_dims, len(batch) + len(offset_dims))
    kept = [size for i, size in enumerate(sizes) if i not in collapsed]
    if len(start_dims) != length or len(kept) != len(offset_dims) or any(sizes[i] != 1 for i in collapsed):
        found = f"{len(start_dims)} start_index_map, {len(offset_dims)} offset_dims, collapsed_slice_dims {list(collapsed)}"
        raise op.error(f"{found} do not match index vectors of {length} and slices {list(sizes)}; collapsed sizes must be 1")
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
    slices = x[tuple(_positions(starts, options.slice_sizes))].reshape(vectors.shape[:-1] + tuple(options.slice_sizes))
    slices = slices.squeeze(tuple(batch + i for i in options.collapsed_slice_dims))
    return np.moveaxis(slices, range(batch, slices.ndim), options.offset_dims)


register(OpDef("STABLEHLO_GATHER", _infer_gather, gather, "StablehloGatherOptions", _NUMBERS))


_COMPUTATIONS: dict[str, np.ufunc] = {
    "ADD": np.add,
    "STABLEHLO_ADD": np.add,
    "MUL": np.multiply,
    "STABLEHLO_MULTIPLY": np.multiply,
    "MAXIMUM": np.maximum,
    "STABLEHLO_MAXIMUM": np.maximum,
    "MINIMUM": np.minimum,
    "STABLEHLO_MINIMUM": np.minimum,
    "LOGICAL_AND": np.logical_and,
    "STABLEHLO_AND": np.logical_and,
    "LOGICAL_OR": np.logical_or,
    "STABLEHLO_OR": np.logical_or,
}


def _computation(op: Operator) -> np.ufunc | None:
    """What the operator's subgraph does with two elements; None where it has no operator and just takes the second."""
    body = op.subgraphs[0].operators if op.subgraphs else None
    if body is None or len(body) > 1 or any(inner.op not in _COMPUTATIONS for inner in body):
        found = "none" if body is None else ", ".join(inner.op for inner in body)
        raise op.error(f"its computation is {found}; it must be at most one of {', '.join(_COMPUTATIONS)}")
    return _COMPUTATIONS[body[0].op] if body else None


def _infer_scatter(op: Operator, x: Spec, indices: Spec, updates: Spec) -> Spec:
    options = op.options
    _computation(op)
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
        raise op.error(f"{found} do not match updates {list(updates.shape)}, indices {list(indices.shape)} and operand {list(x.shape)}")
    return same_shape(op, x)


def scatter(op: Operator, x: np.ndarray, indices: np.ndarray, updates: np.ndarray) -> np.ndarray:
    """x: any shape and dtype; indices: int32 or int64; updates: windows of x's dtype. What falls outside of x is dropped."""
    options = op.options
    vectors = _index_vectors(indices, options.index_vector_dim)
    sizes = iter(updates.shape[i] for i in options.update_window_dims)
    window = [1 if i in options.inserted_window_dims else next(sizes) for i in range(x.ndim)]
    positions = _positions(_starts(vectors, options.scatter_dims_to_operand_dims, x.ndim), window)
    # Updates of one element apply in the order in which they lie in memory.
    batch = vectors.ndim - 1
    squeezed = [np.broadcast_to(p, vectors.shape[:-1] + tuple(window)) for p in positions]
    squeezed = [p.squeeze(tuple(batch + i for i in options.inserted_window_dims)) for p in squeezed]
    ordered = [np.moveaxis(p, range(batch, p.ndim), options.update_window_dims) for p in squeezed]
    inside = np.logical_and.reduce([(p >= 0) & (p < d) for p, d in zip(ordered, x.shape, strict=True)])
    inside = np.broadcast_to(inside, updates.shape)
    where = tuple(p[inside] for p in ordered)
    result, combine = x.copy(), _computation(op)
    if combine is None:
        result[where] = updates[inside]
    else:
        combine.at(result, where, updates[inside])
    return result


register(OpDef("STABLEHLO_SCATTER", _infer_scatter, scatter, "StablehloScatterOptions", _NUMBERS))


# Reductions over windows


def _window_counts(op: Operator, shape: Shape, window: Sequence[int], strides: Sequence[int], dilations: Sequence[int]) -> Shape:
    """How many windows fit into `shape` along each axis."""
    if {len(window), len(strides), len(dilations)} != {len(shape)} or min(*window, *strides, *dilations, 1) < 1:
        found = f"window {list(window)}, strides {list(strides)}, dilations {list(dilations)}"
        raise op.error(f"has {found}; each needs {len(shape)} positive numbers")
    reach = [(size - 1) * dilation + 1 for size, dilation in zip(window, dilations, strict=True)]
    return tuple(max(0, (d - r) // stride + 1) for d, r, stride in zip(shape, reach, strides, strict=True))


def _reduce_windows(
    combine: np.ufunc,
    x: np.ndarray,
    init: np.ndarray,
    counts: Shape,
    window: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
) -> np.ndarray:
    """Each window's elements combined one after the other with `init`; a step takes one element of every window."""
    result = np.full(counts, init.reshape(()), x.dtype)
    if not result.size:
        return result
    for tap in product(*(range(size) for size in window)):
        starts = [i * dilation for i, dilation in zip(tap, dilations, strict=True)]
        taken = tuple(slice(a, a + (n - 1) * s + 1, s) for a, n, s in zip(starts, counts, strides, strict=True))
        result = combine(result, x[taken]).astype(x.dtype, copy=False)
    return result


def _check_init(op: Operator, x: Spec, init: Spec) -> None:
    if init.dtype != x.dtype or prod(init.shape) != 1:
        raise op.error(f"the initial value is {init.dtype}{list(init.shape)}, it must be one {x.dtype}")


def _edges(op: Operator) -> tuple[Sequence[int], Sequence[int], Sequence[int]]:
    """Low, high and interior padding of the operand before its windows are taken."""
    return op.options.padding[::2], op.options.padding[1::2], [d - 1 for d in op.options.base_dilations]


def _infer_reduce_window(op: Operator, x: Spec, init: Spec) -> Spec:
    _check_init(op, x, init)
    options = op.options
    if _computation(op) is None:
        raise op.error(f"its computation has no operator; it must be one of {', '.join(_COMPUTATIONS)}")
    if len(options.padding) != 2 * x.rank or len(options.base_dilations) != x.rank or min(options.base_dilations, default=1) < 1:
        found = f"padding {list(options.padding)} and base_dilations {list(options.base_dilations)}"
        raise op.error(f"has {found}; it needs {2 * x.rank} paddings and {x.rank} positive dilations")
    shape = new_shape(op, _padded_shape(x.shape, *_edges(op)))
    if min(shape, default=1) < 1:
        raise op.error(f"its padding makes {list(x.shape)} to {list(shape)}, which has no elements; crop less")
    return Spec(_window_counts(op, shape, options.window_dimensions, options.window_strides, options.window_dilations), x.dtype)


def stablehlo_reduce_window(op: Operator, x: np.ndarray, init: np.ndarray) -> np.ndarray:
    """x: any shape; init: one element of x's dtype, which also fills the padding."""
    options = op.options
    windows = options.window_dimensions, options.window_strides, options.window_dilations
    padded = _pad(x, init, *_edges(op))
    return _reduce_windows(_computation(op), padded, init, _window_counts(op, padded.shape, *windows), *windows)


_FUNCTIONS: dict[str, np.ufunc] = {
    "ADD": np.add,
    "MUL": np.multiply,
    "MINIMUM": np.minimum,
    "MAXIMUM": np.maximum,
    "ALL": np.logical_and,
    "ANY": np.logical_or,
}


def _infer_tflite_reduce_window(op: Operator, x: Spec, init: Spec, *windows: Spec) -> Spec | None:
    _check_init(op, x, init)
    if op.options.reduce_function not in _FUNCTIONS:
        raise op.error(f"reduce_function is {op.options.reduce_function}, it must be one of {', '.join(_FUNCTIONS)}")
    if len(windows) != 3 or any(w.dtype != np.int64 or w.rank != 1 for w in windows):
        raise op.error("the window's shape, strides and dilations must be lists of int64")
    if any(w.value is None for w in windows):
        return None
    return Spec(_window_counts(op, x.shape, *([int(n) for n in w.value] for w in windows)), x.dtype)


def reduce_window(op: Operator, x: np.ndarray, init: np.ndarray, *windows: np.ndarray) -> np.ndarray:
    """x: any shape; init: one element of x's dtype; the window's shape, strides and dilations: int64 [rank]."""
    lists = [[int(n) for n in w] for w in windows]
    return _reduce_windows(_FUNCTIONS[op.options.reduce_function], x, init, _window_counts(op, x.shape, *lists), *lists)


_WINDOWED = ("f32", "f64", "s8", "s16", "i32", "i64", "u8", "bool")
register(OpDef("STABLEHLO_REDUCE_WINDOW", _infer_reduce_window, stablehlo_reduce_window, "StablehloReduceWindowOptions", _WINDOWED))
register(OpDef("REDUCE_WINDOW", _infer_tflite_reduce_window, reduce_window, "ReduceWindowOptions", _WINDOWED))
