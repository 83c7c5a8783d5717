"""Cases of object detection."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from tachylite.model import flexbuffer

from ..harness import Case, Operand, case, constant, out, quantized

rng = np.random.default_rng(10)


def cases() -> Iterator[Case]:
    yield from _suppression()
    for regular in (False, True):
        name = "regular" if regular else "fast"
        encodings, predictions, anchors = _detector(40)
        yield _post_process(f"f32-{name}", encodings, predictions, constant(anchors), use_regular_nms=regular)
        yield _post_process(f"u8-{name}", *_as_uint8(encodings, predictions, anchors), use_regular_nms=regular)
    few = encodings[:, :2], predictions[:, :2], constant(anchors[:2])
    yield _post_process("f32-few", *few, use_regular_nms=True)
    yield _free_slots()
    yield _post_process(
        "f32-no-background", encodings, predictions[:, :, 1:], constant(anchors), use_regular_nms=True, detections_per_class=2
    )
    encodings, predictions, anchors = _detector(30)
    # Two classes per detection; LiteRT leaves the slots that it does not need as they are in memory, here there are none.
    yield _post_process("f32-two-classes", encodings, predictions, constant(anchors), max_detections=4, max_classes_per_detection=2)


def _suppression() -> Iterator[Case]:
    corners = rng.uniform(0, 1, (30, 2, 2))
    boxes = np.concatenate([corners[:, 0], corners[:, 0] + corners[:, 1]], axis=1).astype(np.float32)
    boxes[::3] = boxes[::3][:, [2, 1, 0, 3]]
    scores = rng.permutation(30).astype(np.float32) / 30
    for name, count, most, least in (("few", 5, 0.3, 0.2), ("all", 40, 0.9, -1.0), ("none", 4, 0.5, 2.0)):
        limits = [constant(np.float32(most)), constant(np.float32(least))]
        yield case(name, "NON_MAX_SUPPRESSION_V4", boxes, scores, constant(np.int32(count)), *limits)
        for sigma in (0.0, 0.4):
            arguments = [boxes, scores, constant(np.int32(count)), *limits, constant(np.float32(sigma))]
            yield case(f"{name}-{sigma}", "NON_MAX_SUPPRESSION_V5", *arguments)
    arguments = [boxes, scores, np.int32(6), np.float32(0.4), np.float32(0.1)]
    yield case("dynamic", "NON_MAX_SUPPRESSION_V4", *arguments, out=[out(np.int32), out(np.int32)])
    # An empty box overlaps nothing, not even itself, so that LiteRT selects it again and again. TensorFlow selects it once.
    empty = np.array([[0, 0, 1, 1], [2, 2, 2, 3]], np.float32)
    arguments = [empty, np.array([0.5, 0.9], np.float32), *(constant(v) for v in (np.int32(3), np.float32(0.5), np.float32(0)))]
    yield case("empty-box", "NON_MAX_SUPPRESSION_V4", *arguments, expected=[np.array([1, 0, 0], np.int32), np.array(2, np.int32)])


def _free_slots() -> Case:
    """Two boxes at their anchors, room for six. LiteRT leaves free slots as the memory is, so that it cannot be the oracle."""
    predictions = np.array([[[0, 0.2, 0.9, 0.1], [0, 0.8, 0.3, 0.1]]], np.float32)
    anchors = np.array([[0.5, 0.5, 0.2, 0.2], [0.1, 0.1, 0.2, 0.2]], np.float32)
    boxes, classes, scores = np.zeros((1, 6, 4), np.float32), np.zeros((1, 6), np.float32), np.zeros((1, 6), np.float32)
    boxes[0, :2] = [[0.4, 0.4, 0.6, 0.6], [0, 0, 0.2, 0.2]]
    classes[0, :2], scores[0, :2] = [1, 0], [0.9, 0.8]
    expected = [boxes, classes, scores, np.array([2], np.float32)]
    return _post_process("f32-free-slots", np.zeros((1, 2, 4), np.float32), predictions, constant(anchors), expected=expected)


def _detector(boxes: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    anchors = np.concatenate([rng.uniform(0, 1, (boxes, 2)), rng.uniform(0.1, 0.5, (boxes, 2))], axis=1).astype(np.float32)
    scores = (rng.permutation(boxes * 4) / (boxes * 4)).reshape(1, boxes, 4)
    return rng.normal(size=(1, boxes, 4)).astype(np.float32), scores.astype(np.float32), anchors


def _as_uint8(encodings: np.ndarray, predictions: np.ndarray, anchors: np.ndarray) -> list[Operand]:
    return [
        quantized(np.round(encodings / 0.05 + 128).clip(0, 255), 0.05, 128, dtype=np.uint8),
        quantized(np.round(predictions * 255), 1 / 255, 0, dtype=np.uint8),
        constant(np.round(anchors / 0.01).clip(1, 255).astype(np.uint8), 0.01, 0),
    ]


def _post_process(name: str, *operands: Any, expected: Any = None, **options: Any) -> Case:
    settings = {"max_detections": 6, "max_classes_per_detection": 1, "num_classes": 3, "nms_score_threshold": 0.1, "nms_iou_threshold": 0.4}
    scales = {"y_scale": 10.0, "x_scale": 10.0, "h_scale": 5.0, "w_scale": 5.0}
    return case(
        name, "TFLite_Detection_PostProcess", *operands, custom_options=flexbuffer.write(settings | scales | options), expected=expected
    )
