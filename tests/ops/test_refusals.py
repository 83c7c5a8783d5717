"""What reductions, resizing, detection, random numbers and StableHLO refuse, and that the message says so."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tachylite.model import flexbuffer
from tachylite.model.errors import OpError

from .cases.stablehlo import computation
from .harness import Case, answers, case, constant, out, quantized

X = np.zeros((2, 3), np.float32)
IMAGE = np.zeros((1, 4, 4, 1), np.float32)
BOXES, SCORES = np.zeros((3, 4), np.float32), np.ones(3, np.float32)
TABLE = constant(np.ones((2, 3)), [0.5, 2], dtype=np.int8)
PADDING = {"edge_padding_low": (0, 0), "edge_padding_high": (0, 0), "interior_padding": (0, 0)}
ROWS = {"offset_dims": (1,), "collapsed_slice_dims": (0,), "start_index_map": (0,), "index_vector_dim": 1, "slice_sizes": (1, 3)}
WINDOW_LISTS = [constant(np.array(v, np.int64)) for v in ((1, 1), (0, 1), (1, 1))]


def ints(*values: int) -> Any:
    return constant(np.array(values, np.int32))


def detector(**options: Any) -> Case:
    operands = [np.zeros((1, 2, 4), np.float32), np.zeros((1, 2, 3), np.float32), constant(np.ones((2, 4), np.float32))]
    return case("", "TFLite_Detection_PostProcess", *operands, custom_options=flexbuffer.write(options))


AT_BUILD: list[tuple[str, Callable[[], Case]]] = [
    ("axis 2 is out of range for rank 2", lambda: case("", "SUM", X, ints(2))),
    ("the axes are int64", lambda: case("", "SUM", X, constant(np.array([0], np.int64)))),
    ("must be one of BOOL", lambda: case("", "REDUCE_ANY", X, ints(0))),
    ("quantized uint8", lambda: case("", "REDUCE_PROD", quantized(X, 1, dtype=np.uint8), ints(0), out=out(np.uint8, 1))),
    ("zero points .* must be 0", lambda: case("", "MEAN", quantized(X, 1, 3, dtype=np.int16), ints(0), out=out(np.int16, 1))),
    ("they must be equal", lambda: case("", "REDUCE_MAX", quantized(X, 1), ints(0), out=out(np.int8, 2))),
    ("0 to 1000000000000000000 in steps of 1 would be 1e.18 elements", lambda: case("", "RANGE", *map(constant, np.int64([0, 10**18, 1])))),
    ("must start at 0 and rise by 0 or 1", lambda: case("", "SEGMENT_SUM", X, ints(0, 2))),
    ("the shape of the data's first dimensions", lambda: case("", "SEGMENT_SUM", X, ints(0, 0, 0))),
    ("no dimension may be negative", lambda: case("", "UNSORTED_SEGMENT_SUM", X, ints(0, 0), ints(-1))),
    ("it must have 4", lambda: case("", "RESIZE_NEAREST_NEIGHBOR", X, ints(1, 1))),
    ("both must be positive", lambda: case("", "RESIZE_BILINEAR", IMAGE, ints(0, 1))),
    ("at most one may be", lambda: case("", "RESIZE_BILINEAR", IMAGE, ints(1, 1), align_corners=True, half_pixel_centers=True)),
    ("must be float32", lambda: case("", "RANDOM_UNIFORM", ints(2), out=out(np.int32))),
    ("the logits are", lambda: case("", "MULTINOMIAL", np.zeros((2, 0), np.float32), constant(np.int32(1)))),
    ("uint64 of 2", lambda: case("", "STABLEHLO_RNG_BIT_GENERATOR", np.zeros(3, np.uint64), algorithm="THREEFRY")),
    ("one per box", lambda: case("", "NON_MAX_SUPPRESSION_V4", BOXES, SCORES[:2], *(constant(v) for v in (np.int32(1), *SCORES[:2])))),
    ("need numbers for max_classes_per_detection", lambda: detector(max_detections=1)),
    ("of one type and shape", lambda: case("", "STABLEHLO_ADD", X, X[:1])),
    ("must be integers or bool", lambda: case("", "STABLEHLO_AND", X, X)),
    ("no dimension may be negative", lambda: case("", "STABLEHLO_PAD", X, np.float32(0), **PADDING | {"edge_padding_low": (-3, 0)})),
    ("interior ones must not be negative", lambda: case("", "STABLEHLO_PAD", X, np.float32(0), **PADDING | {"interior_padding": (-1, 0)})),
    ("it must fit into the operand", lambda: case("", "STABLEHLO_GATHER", X, np.array([[1]], np.int32), **ROWS | {"slice_sizes": (1, 4)})),
    ("different dimensions", lambda: case("", "STABLEHLO_GATHER", X, np.zeros((1, 2), np.int32), **ROWS | {"start_index_map": (0, 0)})),
    ("one of ADD", lambda: reduce_window("STABLEHLO_SHIFT_LEFT")),
    ("has no operator", lambda: reduce_window("")),
    ("each needs 2 positive numbers", lambda: case("", "REDUCE_WINDOW", X, np.float32(0), *WINDOW_LISTS, reduce_function="ADD")),
]


def reduce_window(body: str) -> Case:
    ones = dict.fromkeys(("window_dimensions", "window_strides", "base_dilations", "window_dilations"), (1, 1))
    x = X.astype(np.int32)
    return case("", "STABLEHLO_REDUCE_WINDOW", x, np.int32(0), subgraphs=[computation(body, np.int32)], padding=(0,) * 4, **ones)


@pytest.mark.parametrize(("message", "build"), AT_BUILD, ids=[message for message, _ in AT_BUILD])
def test_refused_before_the_run(message: str, build: Callable[[], Case]) -> None:
    with pytest.raises(OpError, match=message):
        build()


IN_THE_RUN: list[tuple[str, Callable[[], Case]]] = [
    ("would be 1e.18 elements, at most", lambda: case("", "RANGE", *np.float32([0, 1e18, 1]), out=out(np.float32, shape=(1,)))),
    ("would be nan elements, at most", lambda: case("", "RANGE", *np.float32([0, np.nan, 1]), out=out(np.float32, shape=(1,)))),
    ("axis -3 is out of range", lambda: case("", "MEAN", X, np.array([-3], np.int32), out=out(np.float32))),
    ("must start at 0", lambda: case("", "SEGMENT_SUM", X, np.array([1, 1], np.int32), out=out(np.float32))),
    ("segment id 5 is out of range", lambda: case("", "UNSORTED_SEGMENT_MAX", X, np.array([0, 5], np.int32), ints(5))),
    ("both must be positive", lambda: case("", "RESIZE_BILINEAR", IMAGE, np.array([2, -1], np.int32), out=out(np.float32))),
    ("do not broadcast", lambda: case("", "BROADCAST_ARGS", np.array([2, 3], np.int32), np.array([2], np.int32))),
    ("index 2 at .1. is out of range", lambda: case("", "EMBEDDING_LOOKUP", np.array([0, 2], np.int32), TABLE, out=out(np.float32))),
    (
        "sigma is -1",
        lambda: case("", "NON_MAX_SUPPRESSION_V5", BOXES, SCORES, *(constant(v) for v in (np.int32(1), *SCORES[:2], -SCORES[0]))),
    ),
]


@pytest.mark.parametrize(("message", "build"), IN_THE_RUN, ids=[message for message, _ in IN_THE_RUN])
def test_refused_in_the_run(message: str, build: Callable[[], Case]) -> None:
    refused = build()
    with pytest.raises(OpError, match=message):
        answers(refused.graph, *refused.inputs)
