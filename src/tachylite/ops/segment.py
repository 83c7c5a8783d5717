"""Segment reductions: elements are gathered into numbered segments, and each segment is reduced to one."""

from collections.abc import Callable

import numpy as np

from tachylite.model.graph import Operator

from . import reduce_gradient
from .arguments import check_type, new_shape, scalar, settle
from .registry import OpDef, Spec, register


def _check(op: Operator, data: Spec, ids: Spec) -> None:
    check_type(op, data)
    if ids.dtype != np.int32:
        raise op.error(f"the segment ids are {ids.dtype}, they must be int32; insert a CAST")
    if ids.shape != data.shape[: ids.rank]:
        raise op.error(f"segment ids {list(ids.shape)} must have the shape of the data's first dimensions, which is {list(data.shape)}")


def _infer_sorted(op: Operator, data: Spec, ids: Spec) -> Spec | None:
    _check(op, data, ids)
    if ids.rank != 1:
        raise op.error(f"the segment ids have {ids.rank} dimensions, they must have one; use UNSORTED_SEGMENT_SUM")
    return None if ids.value is None else Spec((_last_segment(op, ids.value) + 1, *data.shape[1:]), data.dtype)


def _last_segment(op: Operator, ids: np.ndarray) -> int:
    """The greatest id; -1 where there is none."""
    if ids.size and (ids[0] != 0 or not np.isin(np.diff(ids.astype(np.int64)), (0, 1)).all()):
        raise op.error("the segment ids must start at 0 and rise by 0 or 1; sort the data, or use UNSORTED_SEGMENT_SUM")
    return int(ids[-1]) if ids.size else -1


def segment_sum(op: Operator, data: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """data: [n, ...], float32 or int32, which wraps around; ids: int32 [n], rising. Returns [segments, ...]."""
    sums = np.zeros((_last_segment(op, ids) + 1, *data.shape[1:]), data.dtype)
    np.add.at(sums, ids, data)
    return sums


def _infer_unsorted(op: Operator, data: Spec, ids: Spec, segments: Spec) -> Spec | None:
    _check(op, data, ids)
    count = scalar(op, "the number of segments", segments)
    return None if count is None else Spec(new_shape(op, (count, *data.shape[ids.rank :])), data.dtype)


def _unsorted(combine: np.ufunc, start: Callable[[np.dtype], float]) -> Callable[..., np.ndarray]:
    def reference(op: Operator, data: np.ndarray, ids: np.ndarray, segments: np.ndarray) -> np.ndarray:
        """data: [*ids, ...], float32 or int32; ids: int32 of any rank, negative ones are dropped. Returns [segments, ...]."""
        shape, flat = settle(_infer_unsorted, op, data, ids, segments).shape, ids.ravel()
        if flat.max(initial=-1) >= shape[0]:
            raise op.error(f"segment id {flat.max()} is out of range; ids must be less than the number of segments, {shape[0]}")
        result = np.full(shape, start(data.dtype), data.dtype)
        kept = flat >= 0
        combine.at(result, flat[kept], data.reshape(flat.size, *shape[1:])[kept])
        return result

    return reference


def _lowest(dtype: np.dtype) -> float:
    return np.finfo(dtype).min if dtype.kind == "f" else np.iinfo(dtype).min


def _greatest(dtype: np.dtype) -> float:
    return np.finfo(dtype).max if dtype.kind == "f" else np.iinfo(dtype).max


register(OpDef("SEGMENT_SUM", _infer_sorted, segment_sum, "SegmentSumOptions", ("f32", "i32"), gradient=reduce_gradient.segment_sum))
for _name, _combine, _start, _gradient in (
    ("Sum", np.add, lambda dtype: 0, reduce_gradient.segment_sum),
    ("Prod", np.multiply, lambda dtype: 1, None),
    ("Max", np.fmax, _lowest, reduce_gradient.segment_extreme),
    ("Min", np.fmin, _greatest, reduce_gradient.segment_extreme),
):
    register(
        OpDef(
            f"UNSORTED_SEGMENT_{_name.upper()}",
            infer=_infer_unsorted,
            reference=_unsorted(_combine, _start),
            options=f"UnsortedSegment{_name}Options",
            variants=("f32", "i32"),
            gradient=_gradient,
        )
    )
