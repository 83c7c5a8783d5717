"""What a model's outputs say: a ranking of classes, boxes, key points, a mask; told from the graph and the shapes alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tachylite.model.graph import Graph, Tensor


@dataclass(frozen=True)
class Ranking:
    """Classes by falling score."""

    classes: list[tuple[str, float]]


@dataclass(frozen=True)
class Box:
    """A found object. `box` is (top, left, bottom, right) as fractions of the picture."""

    label: str
    score: float
    box: tuple[float, float, float, float]


@dataclass(frozen=True)
class Detections:
    """Objects by falling score."""

    boxes: list[Box]


@dataclass(frozen=True)
class KeyPoints:
    """(y, x, score) rows, y and x as fractions of the picture: float32 [n, 3]."""

    points: np.ndarray


@dataclass(frozen=True)
class Mask:
    """The class of every pixel, int [height, width], and the names of the classes that occur, by falling area share."""

    pixels: np.ndarray
    shares: list[tuple[str, float]]


@dataclass(frozen=True)
class Numbers:
    """Outputs that mean nothing known here: real values by output name."""

    outputs: dict[str, np.ndarray]


Answer = Ranking | Detections | KeyPoints | Mask | Numbers


def interpret(
    graph: Graph, outputs: Mapping[Tensor, np.ndarray], labels: Sequence[str] = (), threshold: float = 0.3, top: int = 5
) -> Answer:
    """The answer in a model's outputs (as stored; they are dequantized here).

    labels: class names by index; threshold: the least score of a detection; top: classes kept in a ranking.
    """
    values = {t: real(t, outputs[t]) for t in graph.outputs}
    detector = next((op for op in graph.operators if op.op == "TFLite_Detection_PostProcess"), None)
    if detector is not None and all(t in values for t in detector.outputs):
        return _detections([values[t] for t in detector.outputs], labels, threshold)
    if len(values) == 1:
        (value,) = values.values()
        if value.ndim == 4 and value.shape[:2] == (1, 1) and value.shape[3] == 3 and value.shape[2] > 1:
            return KeyPoints(value[0, 0])
        if value.ndim == 4 and value.shape[0] == 1 and min(value.shape[1:3]) > 1:
            return _mask(value[0], labels)
        if value.size > 1 and value.size == max(value.shape):
            return _ranking(value.ravel(), labels, top)
    return Numbers({t.name: value for t, value in values.items()})


def real(tensor: Tensor, stored: np.ndarray) -> np.ndarray:
    """The real numbers that a tensor's stored values stand for."""
    if not tensor.is_quantized or stored.dtype.kind not in "iu":
        return stored
    return (stored.astype(np.float32) - tensor.zero_point) * tensor.scale


def name_of(labels: Sequence[str], index: int) -> str:
    """The label of a class, its number where there is none."""
    return labels[index] if 0 <= index < len(labels) and labels[index] else f"class {index}"


def _ranking(scores: np.ndarray, labels: Sequence[str], top: int) -> Ranking:
    order = np.argsort(-scores, kind="stable")[:top]
    return Ranking([(name_of(labels, int(i)), float(scores[i])) for i in order])


def _detections(outputs: Sequence[np.ndarray], labels: Sequence[str], threshold: float) -> Detections:
    boxes, classes, scores, count = (np.squeeze(o, 0) if o.ndim > 1 else o for o in outputs)
    found = [
        Box(name_of(labels, int(classes[i])), float(scores[i]), tuple(float(edge) for edge in boxes[i]))  # type: ignore[arg-type]
        for i in range(int(count.ravel()[0]))
        if scores[i] >= threshold
    ]
    return Detections(sorted(found, key=lambda b: -b.score))


def _mask(scores: np.ndarray, labels: Sequence[str]) -> Mask:
    pixels = scores.argmax(-1) if scores.shape[-1] > 1 else (scores[..., 0] > 0.5).astype(np.int64)
    classes, counts = np.unique(pixels, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return Mask(pixels, [(name_of(labels, int(classes[i])), float(counts[i] / pixels.size)) for i in order])
