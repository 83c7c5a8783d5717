"""Order: the largest elements and their places, distinct elements, running sums, and buckets."""

from collections.abc import Callable

import numpy as np

from tachylite.model.graph import Operator

from .arguments import axis_of, check_dimensions, check_type, index_type, scalar, settle, version_by_type
from .registry import OpDef, Spec, register


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
        version=lambda op: 3 if np.int16 in (op.inputs[1].dtype, op.outputs[1].dtype) else version_by_type(s8=2, s16=3)(op),
    )
)
register(OpDef("UNIQUE", _infer_unique, unique, "UniqueOptions", ("f32", "s8", "u8", "s16", "i32", "i64")))
for _name, _reduce, _options in (("ARG_MAX", np.fmax, "ArgMaxOptions"), ("ARG_MIN", np.fmin, "ArgMinOptions")):
    register(
        OpDef(
            _name,
            infer=_infer_extreme,
            reference=_extreme(_reduce),
            options=_options,
            variants=("f32", "s8", "u8", "i32", "bool"),
            version=version_by_type(s8=2, bool=3),
        )
    )
register(OpDef("CUMSUM", _infer_cumsum, cumsum, "CumsumOptions", ("f32", "i32", "i64")))
register(OpDef("BUCKETIZE", _infer_bucketize, bucketize, "BucketizeOptions", ("f32", "f64", "i32", "i64")))
