"""Non-maximum suppression, class by class."""

import numpy as np

from tachylite.frontends.builder import dims
from tachylite.frontends.onnx.node import Node, op
from tachylite.frontends.shaping import ints
from tachylite.frontends.types import cast
from tachylite.model.graph import Tensor

#: Each picture and class is an operator of its own; more of them are refused.
MOST_CLASSES = 128


@op("NonMaxSuppression")
def non_max_suppression(
    self: Node,
    boxes: Tensor,
    scores: Tensor,
    count: Tensor | None = None,
    overlap: Tensor | None = None,
    least: Tensor | None = None,
) -> Tensor:
    """boxes: [n, boxes, 4]; scores: [n, classes, boxes]. Gives [selected, 3]: picture, class and box, as many as there are."""
    build, (pictures, classes, candidates) = self.build, dims(scores)
    if pictures is None or classes is None or candidates is None or pictures * classes > MOST_CLASSES:
        raise self.refuse(
            f"its scores are {list(dims(scores))}, an operator for each picture and class",
            f"fix the sizes, to at most {MOST_CLASSES} of them",
        )
    most = min(int(self.known(count, "numbers of boxes").item()), candidates) if count is not None else 0
    if self.get("center_point_box", 0):
        centre, size = build.SPLIT(np.array(2, np.int32), boxes, num_splits=2)
        half = build.MUL(size, np.array(0.5, np.float32))
        boxes = build.CONCATENATION(build.SUB(centre, half), build.ADD(centre, half), axis=2)
    limits = [_above(self, _scalar(self, overlap, 0.0)), _scalar(self, least, float(np.finfo(np.float32).min))]
    parts = [_select(self, boxes, scores, (i, j), most, limits) for i in range(pictures) for j in range(classes)]
    return parts[0] if len(parts) == 1 else build.CONCATENATION(*parts, axis=0)


def _scalar(self: Node, x: Tensor | None, default: float) -> Tensor:
    return self.build.constant(np.array(default, np.float32)) if x is None else self.build.RESHAPE(x, ints())


def _above(self: Node, limit: Tensor) -> Tensor:
    """The next greater number: boxes that overlap by the limit itself stay here, in TFLite they go."""
    value = self.build.value(limit)
    return limit if value is None else self.build.constant(np.nextafter(value, np.float32(np.inf)))


def _select(self: Node, boxes: Tensor, scores: Tensor, place: tuple[int, int], most: int, limits: list[Tensor]) -> Tensor:
    """The boxes of one class in one picture, int64 [selected, 3]."""
    build, (picture, number) = self.build, place
    own = build.GATHER(boxes, np.array(picture, np.int32), axis=0)
    score = build.GATHER_ND(scores, ints(picture, number))
    selected, found = build.NON_MAX_SUPPRESSION_V4(own, score, np.array(most, np.int32), *limits)
    out = build.open_tensor(f"{self.name}/selected", (None,), np.int32, most)
    indices = build.SLICE(selected, ints(0), build.RESHAPE(found, ints(1)), out=out)
    alike = build.SHAPE(indices, out_type="INT32")
    columns = [build.FILL(alike, np.array(n, np.int32)) for n in place]
    return cast(build, build.PACK(*columns, indices, values_count=3, axis=1), np.int64)
