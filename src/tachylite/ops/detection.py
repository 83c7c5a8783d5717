"""Object detection: non-maximum suppression, and the whole post-processing of an SSD model."""

import heapq
from typing import NamedTuple

import numpy as np

from tachylite.model import flexbuffer
from tachylite.model.graph import Operator, Tensor

from .arguments import new_shape, scalar, settle
from .registry import OpDef, Spec, register

_FLOAT, _INT = np.dtype(np.float32), np.dtype(np.int32)


def _overlap(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Intersection over union of one box [4] with others [n, 4], as corners (top, left, bottom, right). Empty boxes overlap nothing."""
    area, areas = ((b[..., 2] - b[..., 0]) * (b[..., 3] - b[..., 1]) for b in (box, boxes))
    height = np.minimum(box[2], boxes[:, 2]) - np.maximum(box[0], boxes[:, 0])
    width = np.minimum(box[3], boxes[:, 3]) - np.maximum(box[1], boxes[:, 1])
    common = np.maximum(height, 0) * np.maximum(width, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where((area <= 0) | (areas <= 0), np.float32(0), common / (area + areas - common))


# NON_MAX_SUPPRESSION_V4 and V5


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
        score = _decay(-negative, _overlap(corners[i], corners[indices[heeded:][::-1]]), most, least, sigma)
        if score == -negative:
            indices.append(i)
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


for _name in ("NON_MAX_SUPPRESSION_V4", "NON_MAX_SUPPRESSION_V5"):
    register(OpDef(_name, _infer_nms, non_max_suppression, f"NonMaxSuppressionV{_name[-1]}Options"))


# TFLite_Detection_PostProcess


class _Settings(NamedTuple):
    """The custom options, under their names in the file."""

    max_detections: int
    max_classes_per_detection: int
    num_classes: int
    nms_iou_threshold: float
    y_scale: float
    x_scale: float
    h_scale: float
    w_scale: float
    nms_score_threshold: float = 0.0
    detections_per_class: int = 100
    use_regular_nms: bool = False

    @property
    def scales(self) -> tuple[float, ...]:
        return self.y_scale, self.x_scale, self.h_scale, self.w_scale


def _settings(op: Operator) -> _Settings:
    options = flexbuffer.read(op.custom_options) if op.custom_options else {}
    if not isinstance(options, dict):
        raise op.error(f"its options are a {type(options).__name__}, they must be a map; write the model again")
    given = {name: value for name, value in options.items() if name in _Settings._fields}
    wrong = [name for name, value in given.items() if not isinstance(value, int | float)]
    missing = [name for name in _Settings._fields if name not in given and name not in _Settings._field_defaults]
    if missing or wrong:
        raise op.error(f"its options need numbers for {', '.join(missing + wrong)}")
    settings = _Settings(**{name: _Settings.__annotations__[name](value) for name, value in given.items()})
    counts = settings.max_detections, settings.max_classes_per_detection, settings.num_classes, settings.detections_per_class
    if min(counts) < 1 or 0 in settings.scales or not 0 < settings.nms_iou_threshold <= 1:
        raise op.error(f"has options {settings}; counts must be positive, scales not 0, nms_iou_threshold above 0 and at most 1")
    return settings


def _infer_detection(op: Operator, boxes: Spec, scores: Spec, anchors: Spec) -> list[Spec]:
    settings = _settings(op)
    if boxes.rank != 3 or boxes.shape[0] != 1 or boxes.shape[2] < 4:
        raise op.error(f"the box encodings are {list(boxes.shape)}, they must be [1, boxes, 4 or more]")
    if scores.rank != 3 or scores.shape[:2] != boxes.shape[:2] or scores.shape[2] - settings.num_classes not in (0, 1):
        needed = f"[1, {boxes.shape[1]}, {settings.num_classes}], or one more with a background class in front"
        raise op.error(f"the class predictions are {list(scores.shape)}, they must be {needed}")
    if anchors.shape != (boxes.shape[1], 4):
        raise op.error(f"the anchors are {list(anchors.shape)}, they must be [{boxes.shape[1]}, 4]: one per box")
    for name, tensor in zip(("box encodings", "class predictions", "anchors"), op.inputs, strict=True):
        if tensor.dtype != _FLOAT and not (tensor.dtype in (np.uint8, np.int8) and tensor.is_quantized):
            raise op.error(f"the {name} are {tensor.dtype}, they must be float32 or quantized uint8 or int8; insert a DEQUANTIZE")
    slots = settings.max_detections * settings.max_classes_per_detection
    return [Spec(new_shape(op, shape), _FLOAT) for shape in ((1, slots, 4), (1, slots), (1, slots), (1,))]


def _real(tensor: Tensor, x: np.ndarray) -> np.ndarray:
    return x if x.dtype == _FLOAT else (x.astype(np.float32) - np.float32(tensor.zero_point)) * tensor.scale


def _decode(encodings: np.ndarray, anchors: np.ndarray, scales: tuple[float, ...]) -> np.ndarray:
    """Corners float32 [n, 4] from encodings [n, 4] (y, x, height, width) relative to anchors [n, 4]; computed in float64."""
    relative = encodings.astype(np.float64) / np.array(scales, np.float32).astype(np.float64)
    anchor_centre, anchor_size = np.split(anchors.astype(np.float64), 2, axis=1)
    centre = (relative[:, :2] * anchor_size + anchor_centre).astype(np.float32)
    with np.errstate(over="ignore"):
        half = (0.5 * np.exp(relative[:, 2:]) * anchor_size).astype(np.float32)
    return np.concatenate([centre - half, centre + half], axis=1)


def _select(boxes: np.ndarray, scores: np.ndarray, count: int, settings: _Settings) -> np.ndarray:
    """Plain non-maximum suppression of boxes [n, 4] of one class: indices of up to `count` boxes, the best first."""
    kept = np.flatnonzero(scores >= np.float32(settings.nms_score_threshold))
    rest = kept[np.argsort(-scores[kept], kind="stable")]
    selected = []
    while len(rest) and len(selected) < count:
        selected.append(rest[0])
        rest = rest[1:][~(_overlap(boxes[rest[0]], boxes[rest[1:]]) > np.float32(settings.nms_iou_threshold))]
    return np.array(selected, np.intp)


class _Detections(NamedTuple):
    """Detections, the best first: which box, its class and its score in each slot, and which slots are taken."""

    boxes: np.ndarray
    classes: np.ndarray
    scores: np.ndarray
    slots: np.ndarray
    count: int


def _detect_regular(boxes: np.ndarray, scores: np.ndarray, settings: _Settings) -> _Detections:
    """Suppression class by class; the best of all classes remain."""
    limit = min(settings.detections_per_class, settings.max_detections)
    per_class = [_select(boxes, column, limit, settings) for column in scores.T]
    found = np.concatenate(per_class)
    classes = np.repeat(np.arange(len(per_class)), [len(selected) for selected in per_class])
    best = np.argsort(-scores[found, classes], kind="stable")[: settings.max_detections]
    found, classes = found[best], classes[best]
    return _Detections(found, classes, scores[found, classes], np.arange(len(best)), len(best))


def _detect_fast(boxes: np.ndarray, scores: np.ndarray, settings: _Settings) -> _Detections:
    """One suppression, by the score of each box's best class; a detection is a box with its best classes."""
    found = _select(boxes, scores.max(axis=1), settings.max_detections, settings)
    room = settings.max_classes_per_detection
    classes = np.argsort(-scores[found], axis=1, kind="stable")[:, :room]
    repeated = np.repeat(found, classes.shape[1])
    slots = np.arange(len(found))[:, None] * room + np.arange(classes.shape[1])
    return _Detections(repeated, classes.ravel(), scores[repeated, classes.ravel()], slots.ravel(), len(found))


def detection_post_process(op: Operator, encodings: np.ndarray, predictions: np.ndarray, anchors: np.ndarray) -> list[np.ndarray]:
    """encodings: [1, n, 4 or more]; predictions: [1, n, classes]; anchors: [n, 4]; float32 or quantized.

    Returns float32 boxes [1, slots, 4], classes [1, slots], scores [1, slots] and the number of detections [1]; free slots are 0.
    """
    settings = _settings(op)
    encodings, predictions, anchors = (_real(t, x) for t, x in zip(op.inputs, (encodings, predictions, anchors), strict=True))
    boxes = _decode(encodings[0, :, :4], anchors, settings.scales)
    if (boxes[:, :2] > boxes[:, 2:]).any():
        raise op.error("a decoded box has its corners swapped; heights and widths of anchors must not be negative")
    detect = _detect_regular if settings.use_regular_nms else _detect_fast
    found = detect(boxes, predictions[0][:, -settings.num_classes :], settings)
    slots = settings.max_detections * settings.max_classes_per_detection
    outputs = [np.zeros(shape, np.float32) for shape in ((1, slots, 4), (1, slots), (1, slots))]
    for output, values in zip(outputs, (boxes[found.boxes], found.classes, found.scores), strict=True):
        output[0, found.slots] = values
    return [*outputs, np.array([found.count], np.float32)]


register(
    OpDef(
        "TFLite_Detection_PostProcess",
        infer=_infer_detection,
        reference=detection_post_process,
        variants=("f32", "u8", "s8"),
        is_custom=True,
    )
)
