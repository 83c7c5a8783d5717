"""Shapes: operators that give the same elements another shape, that repeat them, or that tell and compute shapes."""

import math
from ctypes import c_int32
from typing import Any

import numpy as np

from tachylite.model.graph import Operator, Shape

from . import movement_gradient
from .arguments import (
    ANY_TYPE,
    MAX_ELEMENTS,
    SUFFIXES,
    axis_of,
    check_type,
    index_type,
    new_shape,
    same_quantization,
    same_type,
    settle,
    vector,
    version_by_type,
)
from .channels import Channels, lane, reshaped
from .copy import canvas, is_plain, lower_same, lower_views, strided_copy
from .integer import SHAPE_ONLY, SHARED, Integer
from .kernel import Params, kernel
from .permute import Axes, Permuted, constant, inserted, per_axis, without
from .registry import OpDef, Spec, broadcast_shapes, normalize_axis, register


def _infer_reshape(op: Operator, x: Spec, shape: Spec | None = None) -> Spec | None:
    if shape is not None and shape.rank == 1:
        wanted = vector(op, "the dimensions", shape)
    else:
        wanted = list(op.options.new_shape)
        # Old converters wrote [0] for a scalar.
        wanted = [] if wanted == [0] else wanted
    return None if wanted is None else Spec(_resolve(op, x.shape, wanted), x.dtype)


def _resolve(op: Operator, shape: Shape, wanted: list[int]) -> Shape:
    """The wanted shape with its -1, if there is one, replaced by what the number of elements leaves."""
    if wanted.count(-1) > 1:
        raise op.error(f"the new shape {wanted} has several dimensions of -1, at most one can follow from the others")
    given = [d for d in wanted if d != -1]
    # Zeros on both sides answer each other, as in [0, 6] to [0, 2, -1].
    rest = 0 if 0 in shape and 0 not in given else math.prod(filter(None, shape)) // math.prod(filter(None, given))
    result = new_shape(op, (rest if d == -1 else d for d in wanted))
    if math.prod(result) != math.prod(shape):
        raise op.error(f"the input has {math.prod(shape)} elements {list(shape)}, the new shape {wanted} needs another number; correct it")
    return result


def reshape(op: Operator, x: np.ndarray, shape: np.ndarray | None = None) -> np.ndarray:
    """x: any shape and type; shape: int32 or int64 [rank], else the option new_shape serves. One dimension may be -1."""
    return x.reshape(settle(_infer_reshape, op, x, shape).shape)


def _infer_squeeze(op: Operator, x: Spec) -> Spec:
    named = {normalize_axis(op, a, x.rank) for a in op.options.squeeze_dims}
    if any(x.shape[a] != 1 for a in named):
        raise op.error(f"the axes {sorted(named)} of {list(x.shape)} are to go, only dimensions of 1 can; correct squeeze_dims")
    gone = named or {a for a, d in enumerate(x.shape) if d == 1}
    return Spec(tuple(d for a, d in enumerate(x.shape) if a not in gone), x.dtype)


def squeeze(op: Operator, x: np.ndarray) -> np.ndarray:
    """x without the dimensions of 1 that the option squeeze_dims names; without any of them where it names none."""
    return x.reshape(settle(_infer_squeeze, op, x).shape)


def _infer_expand_dims(op: Operator, x: Spec, axis: Spec) -> Spec | None:
    same_quantization(op, 0)
    position = axis_of(op, "the axis", axis, x.rank + 1)
    return None if position is None else Spec((*x.shape[:position], 1, *x.shape[position:]), x.dtype)


def expand_dims(op: Operator, x: np.ndarray, axis: np.ndarray) -> np.ndarray:
    """x with one more dimension, of 1, at `axis` (one int32 or int64) of the result."""
    return x.reshape(settle(_infer_expand_dims, op, x, axis).shape)


def _infer_shape(op: Operator, x: Spec) -> Spec:
    value = np.array(x.shape, index_type(op, "out_type"))
    return Spec(value.shape, value.dtype, value)


def shape_(op: Operator, x: np.ndarray) -> np.ndarray:
    """The shape of x: [rank], int32 or int64 as the option out_type says."""
    return np.array(x.shape, index_type(op, "out_type"))


def _infer_rank(op: Operator, x: Spec) -> Spec:
    return Spec((), np.dtype(np.int32), np.array(x.rank, np.int32))


def rank(op: Operator, x: np.ndarray) -> np.ndarray:
    """The number of dimensions of x: int32 []."""
    return np.array(x.ndim, np.int32)


def _permutation(op: Operator, x: Spec, permutation: Spec) -> list[int] | None:
    axes = vector(op, "the axes", permutation, x.rank)
    if axes is None:
        return None
    axes = [normalize_axis(op, a, x.rank) for a in axes]
    if len(set(axes)) != x.rank:
        raise op.error(f"the permutation {axes} names an axis twice; it must name each of the {x.rank} axes once")
    return axes


def _infer_transpose(op: Operator, x: Spec, permutation: Spec) -> Spec | None:
    axes = _permutation(op, x, permutation)
    return None if axes is None else Spec(tuple(x.shape[a] for a in axes), x.dtype)


def transpose(op: Operator, x: np.ndarray, permutation: np.ndarray) -> np.ndarray:
    """x: any shape and type; permutation: int32 [rank]. Dimension i of the result is dimension permutation[i] of x."""
    settle(_infer_transpose, op, x, permutation)
    return x.transpose(permutation)


def _transpose_version(op: Operator) -> int:
    tensor = op.inputs[0]
    ranks = {5: 4, 6: 6}.get(len(tensor.shape), 8 if len(tensor.shape) > 6 else 1)
    return max(ranks, version_by_type(s8=2, bool=3, s16=5, s4=7, bf16=8, f16=9)(op))


def _infer_broadcast_to(op: Operator, x: Spec, shape: Spec) -> Spec | None:
    wanted = vector(op, "the dimensions", shape)
    if wanted is None:
        return None
    result = new_shape(op, wanted)
    if broadcast_shapes(op, x.shape, result) != result:
        raise op.error(
            f"the input {list(x.shape)} does not broadcast to {list(result)}; its dimensions must be equal or 1, counted from the last"
        )
    return Spec(result, x.dtype)


def broadcast_to(op: Operator, x: np.ndarray, shape: np.ndarray) -> np.ndarray:
    """x: any shape and type, repeated along its dimensions of 1 and new leading ones; shape: int32 or int64 [rank]."""
    return np.broadcast_to(x, settle(_infer_broadcast_to, op, x, shape).shape)


def _infer_broadcast_args(op: Operator, a: Spec, b: Spec) -> Spec:
    same_type(op, a, b)
    vector(op, "the first dimensions", a)
    vector(op, "the second dimensions", b)
    return Spec((max(a.shape[0], b.shape[0]),), a.dtype)


def broadcast_args(op: Operator, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a, b: shapes as int32 or int64 vectors. The shape that tensors of these shapes broadcast to."""
    return np.array(broadcast_shapes(op, tuple(a), tuple(b)), a.dtype)


class BroadcastArgsParams(Params):
    """The ranks of both shapes."""

    _fields_ = (("first", c_int32), ("second", c_int32))


BROADCAST_ARGS = kernel("broadcast_args", BroadcastArgsParams, "i32", "i64")


def lower_broadcast_args(low: Any, op: Operator) -> None:
    """One call; all of it is one work item."""
    first, second = (low.spec(t).shape[0] for t in op.inputs)
    low.call(BROADCAST_ARGS, SUFFIXES[low.spec(op.inputs[0]).dtype], op, BroadcastArgsParams(first=first, second=second), work=1)


def _infer_tile(op: Operator, x: Spec, multiples: Spec) -> Spec | None:
    factors = vector(op, "the multiples", multiples, x.rank)
    if factors is None:
        return None
    if any(f < 0 for f in factors):
        raise op.error(f"the multiples are {factors}, none may be negative")
    return Spec(new_shape(op, (d * f for d, f in zip(x.shape, factors, strict=True))), x.dtype)


def tile(op: Operator, x: np.ndarray, multiples: np.ndarray) -> np.ndarray:
    """x: any shape and type, laid end to end multiples[i] times along dimension i; multiples: int32 or int64 [rank]."""
    shape = settle(_infer_tile, op, x, multiples).shape
    return _tiles(op, x, multiples).reshape(shape)


def _tiles(op: Operator, x: np.ndarray, multiples: np.ndarray) -> np.ndarray:
    """The result with each dimension in two: the tiles, and what lies in one."""
    single = [part for d in x.shape for part in (1, d)]
    return np.broadcast_to(x.reshape(single), [part for d, m in zip(x.shape, multiples.tolist(), strict=True) for part in (m, d)])


def _infer_fill(op: Operator, dimensions: Spec, value: Spec) -> Spec | None:
    same_quantization(op, 1)
    if value.rank:
        raise op.error(f"the value has shape {list(value.shape)}, it must be a scalar; RESHAPE it to []")
    wanted = vector(op, "the dimensions", dimensions)
    return None if wanted is None else Spec(new_shape(op, wanted), value.dtype)


def fill(op: Operator, dimensions: np.ndarray, value: np.ndarray) -> np.ndarray:
    """A tensor of shape `dimensions` (int32 or int64 [rank]), every element of which is `value`, a scalar of any type."""
    return np.full(settle(_infer_fill, op, dimensions, value).shape, value[()], value.dtype)


def lower_fill(low: Any, op: Operator) -> None:
    """The one element is copied to every place."""
    _, value = op.inputs
    if not is_plain(low.spec(value).dtype):
        low.host(op)
        return
    result = low.define(op.outputs[0])
    strided_copy(low, op, low.value(value), canvas(()), result, canvas(low.spec(op.outputs[0]).shape))


def _infer_range(op: Operator, start: Spec, limit: Spec, delta: Spec) -> Spec | None:
    check_type(op, start, "the start")
    same_type(op, start, limit, delta)
    if start.rank or limit.rank or delta.rank:
        raise op.error(f"the operands have shapes {list(start.shape)}, {list(limit.shape)}, {list(delta.shape)}; all must be scalars")
    if start.value is None or limit.value is None or delta.value is None:
        return None
    first, last, step = start.value.item(), limit.value.item(), delta.value.item()
    if not step or (last - first) * step < 0:
        raise op.error(f"no steps of {step} lead from {first} to {last}; the step must have the direction of the range")
    if start.dtype.kind == "f":
        with np.errstate(over="ignore", invalid="ignore"):
            count = float(np.ceil((limit.value - start.value) / delta.value))
    else:
        count = -((first - last) // step)
    if not count <= MAX_ELEMENTS:  # nor is NaN
        found = f"{first} to {last} in steps of {step} would be {count:.3g} elements"
        raise op.error(f"{found}, at most {MAX_ELEMENTS} are possible; choose a nearer limit or larger steps")
    return Spec((int(count),), start.dtype)


def range_(op: Operator, start: np.ndarray, limit: np.ndarray, delta: np.ndarray) -> np.ndarray:
    """start, start + delta, ... as long as limit is not reached: float32, int32 or int64 [n]. Floats accumulate their rounding."""
    (count,) = settle(_infer_range, op, start, limit, delta).shape
    steps = np.full(count, delta, delta.dtype)
    steps[:1] = start
    return np.cumsum(steps, out=steps)


def _transpose_channels(op: Operator) -> Channels | None:
    """Axes change their places."""
    order, x, (y, *_) = constant(op.inputs[1]), op.inputs[0], op.outputs
    if order is None or x is None:
        return None
    return Channels([[lane(x, int(source)), lane(y, axis)] for axis, source in enumerate(order)])


def _permute_squeeze(op: Operator, axes: Axes) -> Permuted | None:
    """The dimensions that go are named; which ones are 1 may depend on the run."""
    gone = [a % len(axes) for a in op.options.squeeze_dims]
    return Permuted([axes], [without(axes, gone)], {"squeeze_dims": tuple(axes.index(a) for a in gone)}) if gone else None


def _permute_expand_dims(op: Operator, axes: Axes) -> Permuted | None:
    """The new dimension stays where it is."""
    position = constant(op.inputs[1])
    return None if position is None else Permuted([axes, None], [inserted(axes, int(position.item()) % (len(axes) + 1))])


register(
    OpDef(
        "RESHAPE",
        _infer_reshape,
        reshape,
        "ReshapeOptions",
        ANY_TYPE,
        in_place=True,
        lower=lower_same,
        channels=reshaped,
        integer=SHARED,
        gradient=movement_gradient.same,
    )
)
register(
    OpDef(
        "SQUEEZE",
        _infer_squeeze,
        squeeze,
        "SqueezeOptions",
        ANY_TYPE,
        version=version_by_type(str=2),
        in_place=True,
        lower=lower_same,
        permute=_permute_squeeze,
        gradient=movement_gradient.same,
        integer=SHARED,
    )
)
register(
    OpDef(
        "EXPAND_DIMS",
        _infer_expand_dims,
        expand_dims,
        "ExpandDimsOptions",
        ANY_TYPE,
        in_place=True,
        lower=lower_same,
        permute=_permute_expand_dims,
        gradient=movement_gradient.same,
        integer=SHARED,
    )
)
register(OpDef("SHAPE", _infer_shape, shape_, "ShapeOptions", ANY_TYPE, integer=SHAPE_ONLY))
register(OpDef("RANK", _infer_rank, rank, "RankOptions", ANY_TYPE, integer=SHAPE_ONLY))
register(
    OpDef(
        "TRANSPOSE",
        _infer_transpose,
        transpose,
        "TransposeOptions",
        ANY_TYPE,
        version=_transpose_version,
        lower=lower_views(transpose),
        integer=SHARED,
        channels=_transpose_channels,
        gradient=movement_gradient.transpose,
    )
)
register(
    OpDef(
        "BROADCAST_TO",
        infer=_infer_broadcast_to,
        reference=broadcast_to,
        options="BroadcastToOptions",
        variants=ANY_TYPE,
        # Version 1 was withdrawn.
        version=version_by_type(2, s8=3, s16=3, f8=4),
        lower=lower_views(broadcast_to),
        gradient=movement_gradient.broadcast_to,
        integer=SHARED,
        permute=per_axis(1),
    )
)
register(OpDef("BROADCAST_ARGS", _infer_broadcast_args, broadcast_args, variants=("i32", "i64"), lower=lower_broadcast_args))
register(
    OpDef(
        "TILE",
        _infer_tile,
        tile,
        "TileOptions",
        ANY_TYPE,
        version=version_by_type(str=2, s8=3),
        lower=lower_views(_tiles),
        gradient=movement_gradient.tile,
        integer=Integer(("u8", "s16"), shared=True),  # LiteRT has no TILE of the version that int8 needs
        permute=per_axis(1),
    )
)
register(
    OpDef(
        "FILL",
        infer=_infer_fill,
        reference=fill,
        options="FillOptions",
        variants=ANY_TYPE,
        version=version_by_type(position=1, bool=2, str=2, s8=3, s16=3, f16=4, f8=5),
        lower=lower_fill,
        gradient=movement_gradient.fill,
    )
)
register(OpDef("RANGE", _infer_range, range_, "RangeOptions", ("f32", "i32", "i64"), version=version_by_type(i64=2)))
