"""TFLite_Detection_PostProcess: what stands behind the convolutions of an SSD object detector."""

from ctypes import c_float, c_int32
from typing import Any, NamedTuple

import numpy as np

from tachylite.model import flexbuffer
from tachylite.model.graph import Operator, Tensor

from .arguments import new_shape
from .kernel import Params, kernel
from .nms import overlap, queue_and_selection
from .registry import OpDef, Spec, register

_FLOAT = np.dtype(np.float32)


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
        if tensor.dtype != _FLOAT and not (tensor.dtype.name in ("uint8", "int8") and tensor.is_quantized):
            raise op.error(f"the {name} are {tensor.dtype}, they must be float32 or quantized uint8 or int8; insert a DEQUANTIZE")
    slots = settings.max_detections * settings.max_classes_per_detection
    return [Spec(new_shape(op, shape), _FLOAT) for shape in ((1, slots, 4), (1, slots), (1, slots), (1,))]


def _real(tensor: Tensor | None, x: np.ndarray) -> np.ndarray:
    return x if x.dtype == _FLOAT else (x.astype(np.float32) - tensor.zero_point) * tensor.scale


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
    selected: list[np.intp] = []
    while len(rest) and len(selected) < count:
        selected.append(rest[0])
        rest = rest[1:][~(overlap(boxes[rest[0]], boxes[rest[1:]]) > np.float32(settings.nms_iou_threshold))]
    return np.array(selected, np.intp)


class _Detections(NamedTuple):
    """Detections, the best first: which box, its class and its score in each slot, and which slots are taken."""

    boxes: np.ndarray
    classes: np.ndarray
    scores: np.ndarray
    slots: np.ndarray
    total: int


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
    return [*outputs, np.array([found.total], np.float32)]


class DetectionParams(Params):
    """Sizes; which scores and overlaps count; divisor: of the encodings; of each input the type, and what stored values stand for."""

    _fields_ = (
        *((name, c_int32) for name in ("boxes", "encoding", "predictions", "classes", "detections", "room", "per_class", "regular")),
        ("most", c_float),
        ("least", c_float),
        ("divisor", c_float * 4),
        ("type", c_int32 * 3),
        ("zero_point", c_float * 3),
        ("scale", c_float * 3),
    )


DETECTION = kernel("detection", DetectionParams, "any")


def lower_detection(low: Any, op: Operator) -> None:
    """One call, of one work item."""
    settings = _settings(op)
    (_, boxes, encoding), predictions = low.spec(op.inputs[0]).shape, low.spec(op.inputs[1]).shape[2]
    types = [("float32", "uint8", "int8").index(t.dtype.name) for t in op.inputs]
    params = DetectionParams(
        boxes=boxes,
        encoding=encoding,
        predictions=predictions,
        classes=settings.num_classes,
        detections=settings.max_detections,
        room=settings.max_classes_per_detection,
        per_class=min(settings.detections_per_class, settings.max_detections),
        regular=settings.use_regular_nms,
        # The kernel's limits are those of NON_MAX_SUPPRESSION: an overlap of `most` suppresses, a score of `least` is too low.
        most=np.nextafter(np.float32(settings.nms_iou_threshold), np.float32(np.inf)),
        least=np.nextafter(np.float32(settings.nms_score_threshold), np.float32(-np.inf)),
        divisor=settings.scales,
        type=tuple(types),
        zero_point=tuple(t.zero_point if kind else 0 for t, kind in zip(op.inputs, types, strict=True)),
        scale=tuple(t.scale if kind else 1 for t, kind in zip(op.inputs, types, strict=True)),
    )
    low.call(DETECTION, "any", op, params, work=1, scratch=queue_and_selection(low, boxes, settings.max_detections))


register(
    OpDef(
        "TFLite_Detection_PostProcess",
        infer=_infer_detection,
        reference=detection_post_process,
        variants=("f32", "u8", "s8"),
        lower=lower_detection,
        is_custom=True,
    )
)
