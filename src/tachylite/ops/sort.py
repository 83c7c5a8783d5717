"""Order: the largest elements and their places, distinct elements, running sums, and buckets."""

from collections.abc import Callable
from ctypes import c_int32
from math import prod
from typing import Any

import numpy as np

from tachylite.model.graph import Operator

from . import reduce_gradient
from .arguments import SUFFIXES, axis_of, check_dimensions, check_type, index_type, scalar, settle, version_by_type
from .integer import OWN, SHARED
from .kernel import Kernel, Params, kernel
from .permute import along_input
from .registry import OpDef, Spec, normalize_axis, register


class AxisParams(Params):
    """For lines along one axis of [outer, n, inner]. TOPK: `inner` is k."""

    _fields_ = (("n", c_int32), ("inner", c_int32), ("wide", c_int32), ("exclusive", c_int32), ("backward", c_int32))


ARG_MAX = kernel("arg_max", AxisParams, "f32", "s8", "u8", "i32")
ARG_MIN = kernel("arg_min", AxisParams, "f32", "s8", "u8", "i32")
CUMSUM = kernel("cumsum", AxisParams, "f32", "i32", "i64")
TOPK = kernel("topk", AxisParams, "f32", "s8", "u8", "s16", "i32", "i64")

_GRAIN = 16384
"""Elements that are worth a thread's while."""


def _infer_topk(op: Operator, x: Spec, k: Spec) -> list[Spec] | None:
    check_type(op, x)
    check_dimensions(op, x)
    positions = op.outputs[1].dtype if len(op.outputs) > 1 else np.dtype(np.int32)
    if positions not in (np.int16, np.int32):
        raise op.error(f"the positions are {positions}, they must be int16 or int32")
    count = scalar(op, "the number of elements", k)
    if count is None:
        return None
    size = x.shape[-1]
    if count > size or size - 1 > np.iinfo(positions).max:
        raise op.error(
            f"the {count} largest of {size} elements are wanted, their positions as {positions}; there must be so many, and so few"
        )
    shape = (*x.shape[:-1], max(count, 0))
    return [Spec(shape, x.dtype), Spec(shape, positions)]


def topk_v2(op: Operator, x: np.ndarray, k: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """x: [..., n]; k: one int16 or int32. The k largest of each row, largest first, and their positions; equals in order, NaN last."""
    values, positions = settle(_infer_topk, op, x, k)
    # Both keys turn the order around, ~x without overflow.
    falling = ~x if x.dtype.kind in "iu" else -x
    order = np.argsort(falling, axis=-1, kind="stable")[..., : values.shape[-1]]
    return np.take_along_axis(x, order, -1), order.astype(positions.dtype)


def lower_topk(low: Any, op: Operator) -> None:
    """Rows are told apart; places of 16 bits are left to the host."""
    x, (values, positions) = low.spec(op.inputs[0]), op.outputs
    if low.spec(positions).dtype != np.int32:
        low.host(op)
        return
    params = AxisParams(n=x.shape[-1], inner=low.spec(values).shape[-1])
    low.call(TOPK, SUFFIXES[x.dtype], op, params, work=prod(x.shape[:-1]), grain=_GRAIN // max(x.shape[-1], 1) + 1)


def _infer_unique(op: Operator, x: Spec) -> list[Spec] | None:
    check_type(op, x)
    positions = index_type(op, "idx_out_type")
    if x.rank != 1:
        raise op.error(f"the input is {list(x.shape)}, it must have one dimension; RESHAPE it to [-1]")
    return None if x.value is None else [Spec((len(np.unique(x.value)),), x.dtype), Spec(x.shape, positions)]


def unique(op: Operator, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """x: [n]. Its distinct elements in order of appearance, and for each element its place among them: int32 or int64 [n]."""
    _, first, inverse = np.unique(x, return_index=True, return_inverse=True)
    appearance = np.argsort(first)
    place = np.argsort(appearance)
    return x[first[appearance]], place[inverse].astype(index_type(op, "idx_out_type"))


def _infer_extreme(op: Operator, x: Spec, axis: Spec) -> Spec | None:
    check_type(op, x)
    positions = index_type(op, "output_type")
    along = axis_of(op, "the axis", axis, x.rank)
    if along is None:
        return None
    if not x.shape[along]:
        raise op.error(f"axis {along} of {list(x.shape)} is empty, there is no extreme; it must have elements")
    return Spec(x.shape[:along] + x.shape[along + 1 :], positions)


def _extreme(reduce: np.ufunc) -> Callable[..., np.ndarray]:
    def reference(op: Operator, x: np.ndarray, axis: np.ndarray) -> np.ndarray:
        """x: any shape; axis: one int32 or int64. The position of the first extreme along it, int32 or int64; NaN counts only among NaN."""
        spec = settle(_infer_extreme, op, x, axis)
        along = int(axis.item())
        best = x == reduce.reduce(x, axis=along, keepdims=True)
        return np.asarray(best.argmax(along), spec.dtype)

    return reference


def _lower_extreme(of: Kernel) -> Callable[[Any, Operator], None]:
    def lower(low: Any, op: Operator) -> None:
        x, axis = (low.spec(t) for t in op.inputs)
        along = normalize_axis(op, int(axis.value.item()), x.rank)
        params = AxisParams(n=x.shape[along], inner=prod(x.shape[along + 1 :]), wide=low.spec(op.outputs[0]).dtype == np.int64)
        suffix = "u8" if x.dtype == np.bool_ else SUFFIXES[x.dtype]
        low.call(of, suffix, op, params, work=low.size(op.outputs[0]), grain=_GRAIN // x.shape[along] + 1)

    return lower


def _infer_cumsum(op: Operator, x: Spec, axis: Spec) -> Spec:
    check_type(op, x)
    axis_of(op, "the axis", axis, x.rank)
    return Spec(x.shape, x.dtype)


def cumsum(op: Operator, x: np.ndarray, axis: np.ndarray) -> np.ndarray:
    """x: any shape, float32 or integer, which wraps around; axis: one int32. Each element becomes the sum of all up to it.

    Without itself where the option `exclusive` is set, and from the end where `reverse` is.
    """
    settle(_infer_cumsum, op, x, axis)
    lines = np.moveaxis(x, int(axis.item()), -1)
    lines = lines[..., ::-1] if op.options.reverse else lines
    sums = np.cumsum(lines, axis=-1, dtype=x.dtype)
    if op.options.exclusive:
        sums = np.concatenate([np.zeros_like(sums[..., :1]), sums[..., :-1]], axis=-1)
    return np.moveaxis(sums[..., ::-1] if op.options.reverse else sums, -1, int(axis.item()))


def lower_cumsum(low: Any, op: Operator) -> None:
    """Lines along the axis are independent of each other."""
    x, axis = (low.spec(t) for t in op.inputs)
    if axis.value is None:
        low.host(op)
        return
    along = normalize_axis(op, int(axis.value.item()), x.rank)
    lines = x.shape[:along] + x.shape[along + 1 :]
    params = AxisParams(n=x.shape[along], inner=prod(x.shape[along + 1 :]), exclusive=op.options.exclusive, backward=op.options.reverse)
    low.call(CUMSUM, SUFFIXES[x.dtype], op, params, work=prod(lines), grain=_GRAIN // max(x.shape[along], 1) + 1)


def _infer_bucketize(op: Operator, x: Spec) -> Spec:
    check_type(op, x)
    if any(a > b for a, b in zip(op.options.boundaries, op.options.boundaries[1:], strict=False)):
        raise op.error("the boundaries are out of order; they must rise")
    return Spec(x.shape, np.dtype(np.int32))


def bucketize(op: Operator, x: np.ndarray) -> np.ndarray:
    """x: any shape. How many of the option's boundaries do not exceed each element: int32."""
    boundaries = np.array(op.options.boundaries, np.float32)
    # C compares an integer to a float as a float.
    numbers = x if x.dtype.kind == "f" else x.astype(np.float32)
    return np.searchsorted(boundaries, numbers, side="right").astype(np.int32)


register(
    OpDef(
        "TOPK_V2",
        infer=_infer_topk,
        reference=topk_v2,
        options="TopKV2Options",
        variants=("f32", "s8", "u8", "s16", "i32", "i64"),
        lower=lower_topk,
        gradient=reduce_gradient.topk,
        integer=SHARED,
        version=lambda op: 3 if np.int16 in (op.inputs[1].dtype, op.outputs[1].dtype) else version_by_type(s8=2, s16=3)(op),
    )
)
register(OpDef("UNIQUE", _infer_unique, unique, "UniqueOptions", ("f32", "s8", "u8", "s16", "i32", "i64")))
for _name, _reduce, _options, _kernel in (("ARG_MAX", np.fmax, "ArgMaxOptions", ARG_MAX), ("ARG_MIN", np.fmin, "ArgMinOptions", ARG_MIN)):
    register(
        OpDef(
            _name,
            infer=_infer_extreme,
            reference=_extreme(_reduce),
            options=_options,
            variants=("f32", "s8", "u8", "i32", "bool"),
            version=version_by_type(s8=2, bool=3),
            lower=_lower_extreme(_kernel),
            integer=OWN,
            permute=along_input(1, drops=True),
        )
    )
register(
    OpDef(
        "CUMSUM",
        _infer_cumsum,
        cumsum,
        "CumsumOptions",
        ("f32", "i32", "i64"),
        lower=lower_cumsum,
        permute=along_input(1),
        gradient=reduce_gradient.cumsum,
    )
)
register(OpDef("BUCKETIZE", _infer_bucketize, bucketize, "BucketizeOptions", ("f32", "f64", "i32", "i64")))
