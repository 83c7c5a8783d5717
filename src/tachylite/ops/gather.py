"""Elements chosen by position or by condition, and scattered to positions."""

from math import prod
from typing import Any

import numpy as np

from tachylite.model.graph import Operator, Shape

from . import gather_gradient
from .arguments import (
    ANY_TYPE,
    check_dimensions,
    check_dtype,
    check_positions,
    check_type,
    new_shape,
    same_type,
    scalar,
    settle,
    vector,
    version_by_type,
)
from .broadcast import GRAIN, SelectParams, fits, merged_axes, steps
from .copy import ONE_HOT, RANK, SCATTER, OneHotParams, canvas, constant, is_plain, lower_rows, moved, position_params, strided_copy, width
from .integer import SHARED
from .kernel import kernel
from .permute import Axes, Permuted, elementwise
from .registry import OpDef, Spec, broadcast_shapes, normalize_axis, register


def _gather_axes(op: Operator, x: Spec, positions: Spec) -> tuple[int, int]:
    """The axis that positions count along, and the number of leading dimensions that x and positions share."""
    axis = normalize_axis(op, op.options.axis, x.rank)
    batch = op.options.batch_dims + (positions.rank if op.options.batch_dims < 0 else 0)
    if not 0 <= batch <= axis or x.shape[:batch] != positions.shape[:batch]:
        raise op.error(
            f"batch_dims is {op.options.batch_dims} for an input {list(x.shape)}, positions {list(positions.shape)} and axis {axis}; "
            "the batches must lie before the axis and be alike in both"
        )
    return axis, batch


def _infer_gather(op: Operator, x: Spec, positions: Spec) -> Spec:
    check_type(op, x)
    check_dtype(op, "the positions", positions, np.int16, np.int32, np.int64)
    axis, batch = _gather_axes(op, x, positions)
    return Spec(new_shape(op, x.shape[:axis] + positions.shape[batch:] + x.shape[axis + 1 :]), x.dtype)


def gather(op: Operator, x: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """x: any shape; positions: int16, int32 or int64 of any shape, which takes the place of the dimension `axis` in the result.

    The first batch_dims dimensions are common to both: each batch has positions of its own.
    """
    axis, batch = _gather_axes(op, Spec(x.shape, x.dtype), Spec(positions.shape, positions.dtype))
    check_positions(op, positions, x.shape[axis])
    batches, between, behind = x.shape[:batch], x.shape[batch:axis], x.shape[axis + 1 :]
    # As [batches, axis, the rest] and [batches, positions] one index serves for all.
    rows = np.moveaxis(x, axis, batch).reshape(prod(batches), x.shape[axis], prod(between + behind))
    wanted = positions.reshape(prod(batches), prod(positions.shape[batch:]))
    chosen = rows[np.arange(prod(batches))[:, np.newaxis], wanted].reshape(positions.shape + between + behind)
    return np.moveaxis(chosen, range(positions.ndim, positions.ndim + len(between)), range(batch, axis))


def lower_gather(low: Any, op: Operator) -> None:
    """Behind the axis lies what is moved as it is."""
    x, positions = (low.spec(t) for t in op.inputs)
    axis, batch = _gather_axes(op, x, positions)
    lower_rows(low, op, x.shape[axis : axis + 1], positions, x.shape[axis + 1 :], prod(x.shape[batch:axis]), positions.shape[batch:])


def _gather_version(op: Operator) -> int:
    index = 6 if op.inputs[1].dtype == np.int16 else 5 if op.options.batch_dims else 1
    return max(index, version_by_type(s8=2, bool=3, s16=4, s4=7, f8=8)(op))


def _infer_gather_nd(op: Operator, x: Spec, positions: Spec) -> Spec:
    check_type(op, x)
    check_dtype(op, "the positions", positions, np.int16, np.int32, np.int64)
    if not (x.rank and positions.rank and positions.shape[-1] <= x.rank):
        raise op.error(
            f"positions {list(positions.shape)} do not index {list(x.shape)}; their last dimension must be at most its rank, {x.rank}"
        )
    return Spec(new_shape(op, positions.shape[:-1] + x.shape[positions.shape[-1] :]), x.dtype)


def gather_nd(op: Operator, x: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """x: any shape; positions: int16, int32 or int64 [..., n], each along the first n dimensions of x."""
    n = positions.shape[-1]
    rows = x.reshape(prod(x.shape[:n]), *x.shape[n:])
    return rows.take(_rows(op, positions, x.shape[:n]), axis=0)


def lower_gather_nd(low: Any, op: Operator) -> None:
    """Behind the first n dimensions lies what is moved as it is."""
    x, positions = (low.spec(t) for t in op.inputs)
    n = positions.shape[-1]
    lower_rows(low, op, x.shape[:n], positions, x.shape[n:], 1, positions.shape[:-1])


def _rows(op: Operator, positions: np.ndarray, dimensions: Shape) -> np.ndarray:
    """positions: [..., n] along n dimensions. Their numbers [...] where these dimensions count as one."""
    sizes = np.array(dimensions, np.int64)
    check_positions(op, positions, sizes)
    strides = np.append(np.cumprod(sizes[:0:-1])[::-1], 1)[: len(sizes)]
    return np.asarray(positions.astype(np.int64) @ strides.astype(np.int64))


def _gather_nd_version(op: Operator) -> int:
    return max(4 if op.inputs[1].dtype == np.int16 else 1, version_by_type(str=2, s16=3, bool=5, f8=6)(op))


def _infer_scatter_nd(op: Operator, positions: Spec, updates: Spec, shape: Spec) -> Spec | None:
    check_type(op, updates, "the update")
    check_dtype(op, "the positions", positions, np.int32)
    wanted = vector(op, "the dimensions", shape)
    if wanted is None:
        return None
    result = new_shape(op, wanted)
    n = positions.shape[-1] if positions.rank else -1
    if not 0 <= n <= len(result) or updates.shape != positions.shape[:-1] + result[n:]:
        raise op.error(
            f"positions {list(positions.shape)} and updates {list(updates.shape)} do not fill {list(result)}; "
            "for positions [..., n], updates must have the shape [...] and that of the result behind its first n dimensions"
        )
    return Spec(result, updates.dtype)


def scatter_nd(op: Operator, positions: np.ndarray, updates: np.ndarray, shape: np.ndarray) -> np.ndarray:
    """positions: int32 [..., n]; updates: [..., *shape[n:]]; shape: int32. Zeros but for the updates, which add up (and wrap around)."""
    result = np.zeros(settle(_infer_scatter_nd, op, positions, updates, shape).shape, updates.dtype)
    n = positions.shape[-1]
    rows = result.reshape(prod(result.shape[:n]), *result.shape[n:])
    np.add.at(rows, _rows(op, positions, result.shape[:n]), updates)
    return result


def lower_scatter_nd(low: Any, op: Operator) -> None:
    """All is zero, then the updates are added one after another."""
    positions, updates, _ = (low.spec(t) for t in op.inputs)
    n = positions.shape[-1]
    suffix = "add_f32" if updates.dtype == np.float32 else "add_bool" if updates.dtype == np.bool_ else f"add_{width(updates.dtype)}"
    zero = constant(low, 0, updates.dtype)
    _lower_scatter(low, op, 1, prod(positions.shape[:-1]), n, low.spec(op.outputs[0]).shape, zero, suffix)


def _lower_scatter(low: Any, op: Operator, updates: int, count: int, n: int, shape: Shape, rest: int, suffix: str) -> None:
    """Fill the output with the element in `rest`, then put `count` of input `updates`, or its only one, to the positions of input 0."""
    if n > RANK:
        low.host(op)
        return
    run = prod(shape[n:])
    stride = run if low.spec(op.inputs[updates]).rank else 0
    places = {"positions": 0, "source": updates, "target": len(op.inputs)}
    params = position_params(shape[:n], 1, run, low.spec(op.inputs[0]), count=count, outer_stride=stride, **places)
    result = low.define(op.outputs[0])
    strided_copy(low, op, rest, canvas(()), result, canvas(shape))
    inputs = [low.value(t) for t in op.inputs]
    low.call(SCATTER, suffix, op, params, work=run, inputs=inputs, outputs=[result], grain=moved(count))


def _infer_one_hot(op: Operator, positions: Spec, depth: Spec, on: Spec, off: Spec) -> Spec | None:
    check_type(op, on, "the value")
    same_type(op, on, off)
    check_dtype(op, "the positions", positions, np.int32, np.int64)
    if prod(on.shape) != 1 or prod(off.shape) != 1:
        raise op.error(f"the values have shapes {list(on.shape)} and {list(off.shape)}, they must be scalars")
    axis = _one_hot_axis(op, positions.rank)
    count = scalar(op, "the depth", depth)
    return None if count is None else Spec(new_shape(op, (*positions.shape[:axis], count, *positions.shape[axis:])), on.dtype)


def _one_hot_axis(op: Operator, rank: int) -> int:
    return normalize_axis(op, op.options.axis, rank + 1)


def one_hot(op: Operator, positions: np.ndarray, depth: np.ndarray, on: np.ndarray, off: np.ndarray) -> np.ndarray:
    """positions: int32 or int64 of any shape; depth: one int32; on, off: scalars. Adds a dimension, `axis`, of size depth.

    In it the element at each position is `on`, all others are `off`. A position outside leaves all of them `off`.
    """
    shape = settle(_infer_one_hot, op, positions, depth, on, off).shape
    axis = _one_hot_axis(op, positions.ndim)
    steps = np.arange(shape[axis]).reshape((-1,) + (1,) * (positions.ndim - axis))
    return np.where(np.expand_dims(positions, axis) == steps, on.reshape(()), off.reshape(()))


def lower_one_hot(low: Any, op: Operator) -> None:
    """All is `off`, then `on` is put to the positions."""
    tensor, _, on, off = op.inputs
    positions, shape = low.spec(tensor), low.spec(op.outputs[0]).shape
    axis = _one_hot_axis(op, positions.rank)
    result = low.define(op.outputs[0])
    strided_copy(low, op, low.value(off), canvas(()), result, canvas(shape))
    params = OneHotParams(depth=shape[axis], inner=prod(shape[axis + 1 :]), position_bytes=positions.dtype.itemsize)
    inputs = [low.value(tensor), low.value(on)]
    low.call(ONE_HOT, width(low.spec(on).dtype), op, params, work=prod(positions.shape), inputs=inputs, outputs=[result], grain=4096)


def _check_select(op: Operator, condition: Spec, x: Spec, y: Spec) -> None:
    same_type(op, x, y)
    if condition.dtype != np.bool_:
        raise op.error(f"the condition is {condition.dtype}, it must be bool; insert a NOT_EQUAL with 0")


def _infer_select(op: Operator, condition: Spec, x: Spec, y: Spec) -> Spec:
    _check_select(op, condition, x, y)
    if x.shape != y.shape or condition.shape not in (x.shape, (), x.shape[:1]):
        shapes = f"{list(x.shape)} and {list(y.shape)} by {list(condition.shape)}"
        raise op.error(
            f"the choice is between {shapes}; x and y must be alike, the condition too, or a scalar, or a vector along their first axis"
        )
    return Spec(_declared(op, x.shape), x.dtype)


def _infer_select_v2(op: Operator, condition: Spec, x: Spec, y: Spec) -> Spec:
    _check_select(op, condition, x, y)
    return Spec(_declared(op, new_shape(op, broadcast_shapes(op, condition.shape, x.shape, y.shape))), x.dtype)


def _declared(op: Operator, shape: Shape) -> Shape:
    """A single element keeps the shape that the file gives it: to converters, [] and [1] are one."""
    single = prod(shape) == 1 and op.outputs and prod(op.outputs[0].shape) == 1
    return op.outputs[0].shape if single else shape


def select(op: Operator, condition: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """x, y: alike in shape and type; condition: bool, like them, [], or [n] to choose whole slices. Where it holds, x, else y."""
    if condition.ndim == 1:
        condition = condition.reshape(-1, *[1] * (x.ndim - 1))
    return np.where(condition, x, y).reshape(_declared(op, x.shape))


def select_v2(op: Operator, condition: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """condition: bool; x, y: alike in type; the three broadcast. Where the condition holds, x, else y."""
    chosen = np.where(condition, x, y)
    return chosen.reshape(_declared(op, chosen.shape))


SELECT = kernel("select", SelectParams, "b8", "b16", "b32", "b64")


def lower_select(low: Any, op: Operator) -> None:
    """One call, with broadcasting; a vector of conditions chooses slices of SELECT."""
    condition, x, y = map(low.spec, op.inputs)
    slices = condition.rank == 1 and op.op == "SELECT"
    shapes = (*condition.shape, *[1] * (x.rank - 1)) if slices else condition.shape, x.shape, y.shape
    if not is_plain(x.dtype) or x.dtype.itemsize > 8 or not fits(*shapes):
        low.host(op)
    else:
        params = SelectParams(*steps(merged_axes(*shapes)))
        low.call(SELECT, width(x.dtype), op, params, work=low.size(op.outputs[0]), grain=GRAIN)


def _select_version(op: Operator) -> int:
    tensors = op.inputs[:3]
    return max(3 if any(len(t.shape) == 5 for t in tensors) else 1, version_by_type(position=1, s8=2, u32=4)(op))


def _infer_where(op: Operator, condition: Spec) -> Spec | None:
    check_type(op, condition, "the condition")
    check_dimensions(op, condition, "the condition")
    return None if condition.value is None else Spec((int(np.count_nonzero(condition.value)), condition.rank), np.dtype(np.int64))


def where(op: Operator, condition: np.ndarray) -> np.ndarray:
    """condition: any shape, bool or a number. The positions of all elements but zeros, in order: int64 [n, rank]."""
    return np.argwhere(condition).astype(np.int64)


def _infer_sparse_to_dense(op: Operator, positions: Spec, shape: Spec, values: Spec, default: Spec) -> Spec | None:
    check_type(op, values, "the value")
    same_type(op, values, default)
    check_dtype(op, "the positions", positions, np.int32, np.int64)
    vector(op, "the dimensions", shape)
    count = positions.shape[0] if positions.rank else 1
    if positions.rank > 2 or shape.shape != (positions.shape[1:] or (1,)):
        raise op.error(
            f"positions {list(positions.shape)} do not index a result of rank {shape.shape[0]}; they must be [n, rank], or [n] for rank 1"
        )
    if values.shape not in ((), (count,)) or prod(default.shape) != 1:
        raise op.error(
            f"there are {count} positions, values {list(values.shape)}, default {list(default.shape)}; needed are {count} values or one"
        )
    dimensions = vector(op, "the dimensions", shape)
    return None if dimensions is None else Spec(new_shape(op, dimensions), values.dtype)


def sparse_to_dense(op: Operator, positions: np.ndarray, shape: np.ndarray, values: np.ndarray, default: np.ndarray) -> np.ndarray:
    """positions: int32 or int64 [n, rank], or [n] or [] for rank 1; shape: [rank]; values: [n], or [] for all; default: for the rest."""
    dimensions = settle(_infer_sparse_to_dense, op, positions, shape, values, default).shape
    result = np.full(prod(dimensions), default.reshape(()), values.dtype)
    result[_rows(op, positions.reshape(-1, len(dimensions)), dimensions)] = values
    return result.reshape(dimensions)


def lower_sparse_to_dense(low: Any, op: Operator) -> None:
    """All is the default, then the values are put to their positions."""
    positions, shape = low.spec(op.inputs[0]), low.spec(op.outputs[0]).shape
    count = positions.shape[0] if positions.rank else 1
    _lower_scatter(low, op, 2, count, len(shape), shape, low.value(op.inputs[3]), width(low.spec(op.outputs[0]).dtype))


def _infer_matrix_diag(op: Operator, diagonal: Spec) -> Spec:
    check_type(op, diagonal, "the diagonal")
    check_dimensions(op, diagonal, "the diagonal")
    return Spec(new_shape(op, (*diagonal.shape, diagonal.shape[-1])), diagonal.dtype)


def matrix_diag(op: Operator, diagonal: np.ndarray) -> np.ndarray:
    """diagonal: [..., n]. Square matrices [..., n, n] with these diagonals, zero elsewhere."""
    n = diagonal.shape[-1]
    result = np.zeros((*diagonal.shape, n), diagonal.dtype)
    result[..., np.arange(n), np.arange(n)] = diagonal
    return result


def lower_matrix_diag(low: Any, op: Operator) -> None:
    """All is zero, then the diagonals are written."""
    spec = low.spec(op.outputs[0])
    y, result = canvas(spec.shape), low.define(op.outputs[0])
    strided_copy(low, op, constant(low, 0, spec.dtype), canvas(()), result, y)
    strided_copy(low, op, low.value(op.inputs[0]), canvas(spec.shape[:-1]), result, _diagonals(y))


def _diagonals(y: np.ndarray) -> np.ndarray:
    return y.diagonal(axis1=-2, axis2=-1)


def _infer_matrix_set_diag(op: Operator, x: Spec, diagonal: Spec) -> Spec:
    check_type(op, x)
    same_type(op, x, diagonal)
    if x.rank < 2 or diagonal.shape != (*x.shape[:-2], min(x.shape[-2:])):
        raise op.error(
            f"the diagonal {list(diagonal.shape)} does not belong to matrices {list(x.shape)}; give the shorter side's number of elements"
        )
    return Spec(x.shape, x.dtype)


def matrix_set_diag(op: Operator, x: np.ndarray, diagonal: np.ndarray) -> np.ndarray:
    """x: [..., rows, columns] with its main diagonals replaced by diagonal: [..., min(rows, columns)]."""
    along = np.arange(diagonal.shape[-1])
    result = x.copy()
    result[..., along, along] = diagonal
    return result


def lower_matrix_set_diag(low: Any, op: Operator) -> None:
    """The output takes over the input's memory where it can, and only the diagonals are written."""
    x, diagonal = op.inputs
    result = low.define(op.outputs[0])
    low.move([(low.value(x), result)])
    strided_copy(low, op, low.value(diagonal), canvas(low.spec(diagonal).shape), result, _diagonals(canvas(low.spec(x).shape)))


def _permute_gather(op: Operator, axes: Axes) -> Permuted | None:
    """The axis is another; positions stay as they are, where they have the dimensions of the axis that they take the place of."""
    rank, axis = len(op.inputs[1].shape), op.options.axis % len(axes)
    if op.options.batch_dims or len(op.inputs[0].shape) != len(axes):
        return None
    order = [range(axis, axis + rank) if a == axis else [a if a < axis else a + rank - 1] for a in axes]
    return Permuted([axes, None], [tuple(a for part in order for a in part)], {"axis": axes.index(axis)})


def _permute_select(op: Operator, axes: Axes) -> Permuted | None:
    """A condition of rank 1 would choose along the first axis."""
    return elementwise(op, axes) if len({len(t.shape) for t in op.inputs}) == 1 else None


register(
    OpDef(
        "GATHER",
        infer=_infer_gather,
        reference=gather,
        options="GatherOptions",
        variants=("f32", "f16", "bf16", "f8", "s8", "u8", "s16", "s4", "i32", "i64", "bool", "str"),
        version=_gather_version,
        lower=lower_gather,
        integer=SHARED,
        permute=_permute_gather,
        gradient=gather_gradient.gather,
    )
)
register(
    OpDef(
        "GATHER_ND",
        infer=_infer_gather_nd,
        reference=gather_nd,
        options="GatherNdOptions",
        variants=("f32", "f16", "bf16", "f8", "s8", "u8", "s16", "i32", "i64", "bool", "str"),
        version=_gather_nd_version,
        lower=lower_gather_nd,
        gradient=gather_gradient.gather_nd,
        integer=SHARED,
    )
)
register(
    OpDef(
        "SCATTER_ND",
        infer=_infer_scatter_nd,
        reference=scatter_nd,
        options="ScatterNdOptions",
        variants=("f32", "s8", "u8", "i32", "i64", "bool"),
        lower=lower_scatter_nd,
        gradient=gather_gradient.scatter_nd,
    )
)
register(OpDef("ONE_HOT", _infer_one_hot, one_hot, "OneHotOptions", ("f32", "s8", "u8", "i32", "i64", "bool"), lower=lower_one_hot))
register(
    OpDef(
        "SELECT",
        _infer_select,
        select,
        "SelectOptions",
        ANY_TYPE,
        version=_select_version,
        lower=lower_select,
        permute=_permute_select,
        gradient=gather_gradient.select,
        integer=SHARED,
    )
)
register(
    OpDef(
        "SELECT_V2",
        _infer_select_v2,
        select_v2,
        "SelectV2Options",
        ANY_TYPE,
        version=version_by_type(position=1, u32=2),
        lower=lower_select,
        integer=SHARED,
        permute=elementwise,
        gradient=gather_gradient.select,
    )
)
register(
    OpDef(
        "WHERE",
        infer=_infer_where,
        reference=where,
        options="WhereOptions",
        variants=("f32", "s8", "u8", "i32", "u32", "i64", "bool"),
        version=version_by_type(2, bool=1),
    )
)
register(
    OpDef(
        "SPARSE_TO_DENSE",
        infer=_infer_sparse_to_dense,
        reference=sparse_to_dense,
        options="SparseToDenseOptions",
        variants=("f32", "s8", "u8", "i32", "i64"),
        version=version_by_type(position=2, i64=2, s8=3, u8=3),
        lower=lower_sparse_to_dense,
    )
)
for _name, _infer, _reference, _gradient, _options, _lower in (
    ("MATRIX_DIAG", _infer_matrix_diag, matrix_diag, gather_gradient.matrix_diag, "MatrixDiagOptions", lower_matrix_diag),
    (
        "MATRIX_SET_DIAG",
        _infer_matrix_set_diag,
        matrix_set_diag,
        gather_gradient.matrix_set_diag,
        "MatrixSetDiagOptions",
        lower_matrix_set_diag,
    ),
):
    _types = ("f32", "s8", "u8", "s16", "i32", "i64", "bool")
    register(OpDef(_name, _infer, _reference, _options, _types, lower=_lower, gradient=_gradient))
