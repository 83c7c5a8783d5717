"""Reductions along axes, sorting, running sums, softmax."""

from collections.abc import Callable

import numpy as np

from tachylite.frontends.shaping import ints
from tachylite.frontends.tf.node import Node, op
from tachylite.frontends.tf.operators.shape import as_int32
from tachylite.model.dtypes import TYPE_NAMES
from tachylite.model.graph import Tensor

REDUCTIONS = {
    "Mean": "MEAN",
    "Sum": "SUM",
    "Prod": "REDUCE_PROD",
    "Max": "REDUCE_MAX",
    "Min": "REDUCE_MIN",
    "All": "REDUCE_ALL",
    "Any": "REDUCE_ANY",
}


def _reduction(name: str) -> Callable[..., Tensor]:
    def reduce(self: Node, x: Tensor, axes: Tensor) -> Tensor:
        numbers = self.known_ints(axes, "axes")
        return getattr(self.build, name)(x, ints(*numbers), keep_dims=self.flag("keep_dims")) if numbers else x

    return reduce


for _source, _target in REDUCTIONS.items():
    op(_source)(_reduction(_target))


@op("EuclideanNorm")
def euclidean_norm(self: Node, x: Tensor, axes: Tensor) -> Tensor:
    return self.build.SQRT(_reduction("SUM")(self, self.build.MUL(x, x), axes))


def _arg(name: str) -> Callable[..., Tensor]:
    def find(self: Node, x: Tensor, axis: Tensor) -> Tensor:
        dtype = self.dtype("output_type") if self.has("output_type") else np.dtype(np.int64)
        return getattr(self.build, name)(x, as_int32(self, axis), output_type=TYPE_NAMES[dtype])

    return find


op("ArgMax")(_arg("ARG_MAX"))
op("ArgMin")(_arg("ARG_MIN"))


@op("Softmax")
def softmax(self: Node, x: Tensor) -> Tensor:
    return self.build.SOFTMAX(x, beta=1.0)


@op("LogSoftmax")
def log_softmax(self: Node, x: Tensor) -> Tensor:
    return self.build.LOG_SOFTMAX(x)


@op("Cumsum")
def cumsum(self: Node, x: Tensor, axis: Tensor) -> Tensor:
    return self.build.CUMSUM(x, as_int32(self, axis), exclusive=self.flag("exclusive"), reverse=self.flag("reverse"))


@op("TopKV2", outputs="values indices")
def top_k(self: Node, x: Tensor, k: Tensor) -> list[Tensor]:
    return self.outputs_like(self.build.TOPK_V2(x, k))


@op("SegmentSum")
def segment_sum(self: Node, x: Tensor, segments: Tensor) -> Tensor:
    return self.build.SEGMENT_SUM(x, segments)


def _unsorted(name: str) -> Callable[..., Tensor]:
    return lambda self, x, segments, count: getattr(self.build, name)(x, segments, count)


for _kind in ("Sum", "Max", "Min", "Prod"):
    op(f"UnsortedSegment{_kind}")(_unsorted(f"UNSORTED_SEGMENT_{_kind.upper()}"))


@op("NonMaxSuppressionV4", outputs="selected_indices valid_outputs")
def non_max_suppression(self: Node, *operands: Tensor) -> list[Tensor]:
    """boxes, scores, the greatest number, the thresholds of overlap and score; padded to the greatest number."""
    if not self.flag("pad_to_max_output_size"):
        raise self.refuse("it is not padded to max_output_size", "pass pad_to_max_output_size=True")
    return self.outputs_like(self.build.NON_MAX_SUPPRESSION_V4(*operands))


@op("NonMaxSuppressionV5", outputs="selected_indices selected_scores valid_outputs")
def soft_non_max_suppression(self: Node, *operands: Tensor) -> list[Tensor]:
    """As V4, with the sigma of soft suppression."""
    if not self.flag("pad_to_max_output_size"):
        raise self.refuse("it is not padded to max_output_size", "pass pad_to_max_output_size=True")
    return self.outputs_like(self.build.NON_MAX_SUPPRESSION_V5(*operands))
