"""Non-maximum suppression: of boxes that overlap, the one with the highest score remains."""

import heapq
from ctypes import c_int32
from typing import Any, NamedTuple

import numpy as np

from tachylite.model.graph import Operator

from .arguments import new_shape, scalar, settle
from .kernel import Params, kernel
from .registry import OpDef, Spec, register

_FLOAT, _INT = np.dtype(np.float32), np.dtype(np.int32)


def overlap(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Intersection over union of one box [4] with others [n, 4], as corners (top, left, bottom, right). Empty boxes overlap nothing."""
    area, areas = ((b[..., 2] - b[..., 0]) * (b[..., 3] - b[..., 1]) for b in (box, boxes))
    height = np.minimum(box[2], boxes[:, 2]) - np.maximum(box[0], boxes[:, 0])
    width = np.minimum(box[3], boxes[:, 3]) - np.maximum(box[1], boxes[:, 1])
    common = np.maximum(height, 0) * np.maximum(width, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where((area <= 0) | (areas <= 0), np.float32(0), common / (area + areas - common))


class _Selection(NamedTuple):
    indices: np.ndarray
    scores: np.ndarray


def _decay(score: np.float32, overlaps: np.ndarray, most: np.float32, least: np.float32, sigma: np.float32) -> np.float32:
    """The score of a box beside selected ones that it overlaps so much, the latest first; -inf where one of them suppresses it."""
    hard = overlaps >= most
    if sigma == 0:
        return np.float32(-np.inf) if hard.any() else score
    factors = np.exp(np.float32(-0.5 / float(sigma)) * overlaps * overlaps)
    scores = np.multiply.accumulate(np.append(score, factors))
    # The comparison ends with the first that suppresses the box, or when its score is too low anyway.
    stop = np.flatnonzero(np.append(hard, True) | (scores <= least))[0]
    return np.float32(-np.inf) if stop < len(hard) and hard[stop] else scores[stop]


def _suppress(boxes: np.ndarray, scores: np.ndarray, count: int, most: np.float32, least: np.float32, sigma: np.float32) -> _Selection:
    """Soft non-maximum suppression (Bodla et al., 2017), which with a sigma of 0 is the plain one.

    boxes: [n, 4], any two opposite corners; scores: [n]. Selects up to `count` boxes that score above `least` and overlap none that
    scores higher by `most` or more. A selected box lowers the scores of its neighbours, which so go back into the queue.
    """
    corners = np.concatenate([np.minimum(boxes[:, :2], boxes[:, 2:]), np.maximum(boxes[:, :2], boxes[:, 2:])], axis=1)
    # Of equal scores the first box wins. The last number is how many of the selected boxes the score already heeds.
    queue = [(-scores[i], i, 0) for i in np.flatnonzero(scores > least)]
    heapq.heapify(queue)
    indices: list[int] = []
    final: list[np.float32] = []
    while queue and len(indices) < count:
        negative, i, heeded = heapq.heappop(queue)
        score = _decay(-negative, overlap(corners[i], corners[indices[heeded:][::-1]]), most, least, sigma)
        if score == -negative:
            indices.append(int(i))
            final.append(score)
        elif score > least:
            heapq.heappush(queue, (-score, i, len(indices)))
    return _Selection(np.array(indices, np.int32), np.array(final, np.float32))


def _infer_nms(op: Operator, boxes: Spec, scores: Spec, count: Spec, *thresholds: Spec) -> list[Spec] | None:
    if boxes.dtype != _FLOAT or boxes.rank != 2 or boxes.shape[1] != 4:
        raise op.error(f"the boxes are {boxes.dtype}{list(boxes.shape)}, they must be float32 [boxes, 4]")
    if scores.dtype != _FLOAT or scores.shape != boxes.shape[:1]:
        raise op.error(f"the scores are {scores.dtype}{list(scores.shape)}, they must be float32 {list(boxes.shape[:1])}: one per box")
    expected = 3 if op.op.endswith("V5") else 2
    if len(thresholds) != expected or any(t.dtype != _FLOAT or t.rank for t in thresholds):
        raise op.error(f"needs {expected} float32 scalars after the output size: thresholds of overlap and score, and for V5 sigma")
    most = scalar(op, "the output size", count)
    if most is None:
        return None
    size = new_shape(op, [most])
    return [Spec(size, _INT), *([Spec(size, _FLOAT)] if expected == 3 else []), Spec((), _INT)]


def non_max_suppression(
    op: Operator, boxes: np.ndarray, scores: np.ndarray, count: np.ndarray, *thresholds: np.ndarray
) -> list[np.ndarray]:
    """boxes: float32 [n, 4]; scores: float32 [n]; count: int32 []; thresholds: float32 [] of overlap, of score, and for V5 sigma.

    Returns the indices int32 [count], for V5 their scores float32 [count], both filled up with zeros, and how many there are, int32 [].
    """
    most, least, sigma = ([np.float32(t) for t in thresholds] + [np.float32(0)])[:3]
    if not sigma >= 0:
        raise op.error(f"sigma is {sigma}, it must not be negative")
    (size,) = settle(_infer_nms, op, boxes, scores, count, *thresholds)[0].shape
    selection = _suppress(boxes, scores, size, most, least, sigma)
    found = len(selection.indices)
    padded = [np.concatenate([part, np.zeros(size - found, part.dtype)]) for part in selection]
    return [*(padded if op.op.endswith("V5") else padded[:1]), np.array(found, np.int32)]


class NmsParams(Params):
    """How many boxes there are, and how many may be selected."""

    _fields_ = (("boxes", c_int32), ("size", c_int32))


NMS = kernel("nms", NmsParams, "v4", "v5")


def queue_and_selection(low: Any, boxes: int, count: int) -> list[int]:
    """Scratch values of the kernels in nms.c: a queue of so many boxes, and room for those that are selected."""
    return [low.scratch(12 * boxes), low.scratch(24 * min(boxes, count))]


def lower_nms(low: Any, op: Operator) -> None:
    """One call, of one work item."""
    params = NmsParams(low.spec(op.inputs[0]).shape[0], low.spec(op.outputs[0]).shape[0])
    low.call(NMS, op.op[-2:].lower(), op, params, work=1, scratch=queue_and_selection(low, params.boxes, params.size))


for _name in ("NON_MAX_SUPPRESSION_V4", "NON_MAX_SUPPRESSION_V5"):
    register(OpDef(_name, _infer_nms, non_max_suppression, f"NonMaxSuppressionV{_name[-1]}Options", lower=lower_nms))
