"""Gradients of graphs: against central differences in float64 for drawn geometries and for whole models; what has none is named."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tachylite
from tachylite import Builder, Graph, Tensor
from tachylite.model.errors import TachyliteError
from tachylite.ops.calculus import Term
from tachylite.train.gradient import gradients

from ..frontends import applications
from ..frontends.test_applications import NAMES, members
from .exact import central_difference, clone, doubles, evaluate, wide

MODELS = Path(__file__).parents[3] / "shared" / "models" / "tflite"


def check(graph: Graph, wrt: Sequence[Tensor], values: dict[Tensor, np.ndarray], rel: float = 1e-5, **options: int) -> None:
    """Compare the slope of the outputs' sum, weighted at random, along a random direction of `wrt`."""
    rng, forward, whole = np.random.default_rng(3), clone(graph), clone(graph)
    build = Builder(whole)
    weights = {y: rng.uniform(0.5, 1.5, y.shape).astype(np.float32) for y in graph.outputs}
    found = gradients(whole, {y: build.constant(w) for y, w in weights.items()}, wrt, **options)
    present = {t: g for t, g in zip(wrt, found, strict=True) if g is not None}
    directions = {t: rng.normal(size=t.shape) for t in wrt}
    known = {t: wide(value) for t in wrt if (value := values.get(t, t.dense())) is not None}

    def loss(step: float) -> float:
        given = {**values, **{t: v + step * directions[t] for t, v in known.items()}}
        return float(
            sum((wide(w) * y).sum() for w, y in zip(weights.values(), evaluate(forward.operators, given, graph.outputs), strict=True))
        )

    with doubles(), np.errstate(all="ignore"):
        exact = evaluate(whole.operators, {**values, **known}, list(present.values()))
        slope = sum(float((g * directions[t]).sum()) for t, g in zip(present, exact, strict=True))
        size = sum(float(np.abs(g * directions[t]).sum()) for t, g in zip(present, exact, strict=True))
        assert present
        assert slope == pytest.approx(central_difference(loss), abs=rel * size + 1e-9)


def inputs_of(graph: Graph) -> dict[Tensor, np.ndarray]:
    rng = np.random.default_rng(4)
    return {t: rng.uniform(-1, 1, t.shape) for t in graph.inputs}


@st.composite
def convolutions(draw: st.DrawFn) -> Graph:
    """One convolution or pooling of any kind, with strides, dilations, groups, paddings and sizes that do not divide."""
    op = draw(st.sampled_from(["CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "MAX_POOL_2D", "AVERAGE_POOL_2D", "L2_POOL_2D"]))
    build, number = Builder(), lambda low, high: draw(st.integers(low, high))
    groups, kernel = number(1, 3), (number(1, 4), number(1, 3))
    stride, dilation = (number(1, 3), number(1, 3)), (number(1, 2), number(1, 2))
    size = [number((k - 1) * d + 1, (k - 1) * d + 7) for k, d in zip(kernel, dilation, strict=True)]
    x = build.input("x", (2, *size, groups * number(1, 2)))
    options = {"padding": draw(st.sampled_from(["SAME", "VALID"])), "stride_h": stride[0], "stride_w": stride[1]}
    if "POOL" in op:
        options |= {"filter_height": kernel[0], "filter_width": kernel[1]}
        return build.outputs(getattr(build, op)(x, **options))
    if op == "TRANSPOSE_CONV":
        filters = build.input("filters", (3, *kernel, x.shape[3]))
        slack = [0 if options["padding"] == "SAME" else k - s for k, s in zip(kernel, stride, strict=True)]
        shape = [max(1, n * s + k) for n, s, k in zip(size, stride, slack, strict=True)]
        return build.outputs(build.TRANSPOSE_CONV(np.array([2, *shape, 3], np.int32), filters, x, build.input("bias", (3,)), **options))
    options |= {"dilation_h_factor": dilation[0], "dilation_w_factor": dilation[1]}
    if op == "CONV_2D":
        count = groups * number(1, 2)
        filters, bias = build.input("filters", (count, *kernel, x.shape[3] // groups)), build.input("bias", (count,))
        return build.outputs(build.CONV_2D(x, filters, bias, **options))
    multiplier = number(1, 2)
    filters, bias = build.input("filters", (1, *kernel, x.shape[3] * multiplier)), build.input("bias", (x.shape[3] * multiplier,))
    return build.outputs(build.DEPTHWISE_CONV_2D(x, filters, bias, depth_multiplier=multiplier, **options))


@given(convolutions())
@settings(max_examples=60)
def test_convolutions_of_any_geometry(graph: Graph) -> None:
    check(graph, graph.inputs, inputs_of(graph))


@given(st.lists(st.integers(1, 3), max_size=4), st.data())
@settings(max_examples=40)
def test_operands_that_broadcast(shape: list[int], data: st.DataObject) -> None:
    build = Builder()
    names = ["ADD", "SUB", "MUL", "DIV", "MAXIMUM", "MINIMUM", "SQUARED_DIFFERENCE", "SELECT_V2"]
    name, parts = data.draw(st.sampled_from(names)), []
    for letter in "ab":
        part = [data.draw(st.sampled_from([1, d])) for d in shape[data.draw(st.integers(0, len(shape))) :]]
        parts.append(build.input(letter, tuple(part)))
    condition = [build.GREATER(*parts)] if name == "SELECT_V2" else []
    graph = build.outputs(getattr(build, name)(*condition, *parts))
    values = inputs_of(graph)
    check(graph, graph.inputs, {t: v + 2 * np.sign(v) for t, v in values.items()})


def classifier() -> tuple[Graph, list[Tensor]]:
    """A small net whose layers are read more than once, with its weights."""
    build, rng = Builder(Graph("net")), np.random.default_rng(0)
    x = Term(build, build.input("x", (2, 6, 6, 3)))
    filters = [build.constant(rng.normal(size=s).astype(np.float32), f"w{i}") for i, s in enumerate([(4, 3, 3, 3), (4, 3, 3, 4), (5, 4)])]
    bias = np.zeros(4, np.float32)
    h = x.CONV_2D(filters[0], bias, padding="SAME", stride_h=1, stride_w=1, fused_activation_function="RELU")
    for _ in range(3):
        h = h + h.CONV_2D(filters[1], bias, padding="SAME", stride_h=1, stride_w=1).TANH() * h.LOGISTIC()
    logits = h.MEAN(np.array([1, 2], np.int32)).FULLY_CONNECTED(filters[2], None)
    return build.outputs(logits.LOG_SOFTMAX().tensor), filters


@pytest.mark.parametrize("segments", [1, 2, 5])
def test_segments_that_are_computed_again_change_nothing(segments: int) -> None:
    graph, weights = classifier()
    check(graph, [*weights, *graph.inputs], inputs_of(graph), segments=segments)


def test_segments_keep_only_what_lies_between_them() -> None:
    """No operator behind the forward pass reads what it computed within a segment."""
    graph, weights = classifier()
    count = len(graph.operators)
    gradients(graph, {graph.outputs[0]: Builder(graph).constant(np.ones((2, 5), np.float32))}, weights, segments=3)
    inside = {t for i, op in enumerate(graph.operators[:-1]) if i < count // 3 for t in op.outputs}
    late = [t for op in graph.operators[count:] for t in op.inputs if t in inside]
    assert len(set(late)) < len(inside)


def test_loop_that_counts_is_unrolled() -> None:
    cond, body, build = Builder(Graph("cond")), Builder(Graph("body")), Builder()
    cond.outputs(cond.LESS(cond.input("i", (), np.int32), 3))
    cond.input("x", (2, 3))
    i, x = body.input("i", (), np.int32), body.input("x", (2, 3))
    body.outputs(body.ADD(i, 1), body.MUL(body.TANH(x), x))
    start = build.input("x", (2, 3))
    graph = build.outputs(build.WHILE(build.constant(0), start, subgraphs=[cond.graph, body.graph])[1])
    check(graph, [start], inputs_of(graph))


def test_composite_is_differentiated_through_its_decomposition() -> None:
    inner, build = Builder(Graph("square root")), Builder()
    inner.outputs(inner.SQRT(inner.input("x", (3,))))
    graph = build.outputs(build.STABLEHLO_COMPOSITE(build.EXP(build.input("x", (3,))), subgraphs=[inner.graph], name="any"))
    check(graph, graph.inputs, inputs_of(graph))


def test_everything_without_a_gradient_is_named() -> None:
    build = Builder(Graph("main"))
    x = build.input("x", (1, 4, 4))
    y = build.COMPLEX_ABS(build.RFFT2D(build.EXP(x), np.array([4, 4], np.int32)), name="size")
    z = build.IF(build.input("c", (), np.bool_), y, subgraphs=[same((1, 4, 3)), same((1, 4, 3))], name="choice")
    with pytest.raises(TachyliteError, match=r"'main' cannot be .* RFFT2D #1 .*COMPLEX_ABS #2 'size'.*IF #3 'choice'") as problem:
        gradients(build.outputs(z), {z: build.constant(np.ones((1, 4, 3), np.float32))}, [x])
    assert "EXP" not in str(problem.value)


def same(shape: tuple[int, ...]) -> Graph:
    build = Builder(Graph("same"))
    return build.outputs(build.NEG(build.input("x", shape)))


def test_what_does_not_matter_has_no_gradient() -> None:
    build = Builder()
    x, other = build.input("x", (3,)), build.input("other", (4, 4))
    build.RFFT2D(build.EXP(other), np.array([4, 4], np.int32))  # which has no gradient, and needs none
    y = build.NEG(x)
    found = gradients(build.outputs(y), {y: build.constant(np.ones(3, np.float32))}, [x, other])
    assert found[0] is not None
    assert found[1] is None


def weights_of(graph: Graph) -> list[Tensor]:
    """Matrices and filters, biases and scales."""
    floats = [t for op in graph.operators for t in op.inputs if t is not None and t.is_constant and t.dtype == np.float32]
    return list(dict.fromkeys(floats))


def application(name: str) -> Graph:
    config, metadata, shapes = (members()[f"{name}/{part}"] for part in ("config.json", "metadata.json", "shapes.json"))
    return tachylite.convert(applications.archive_of(config.decode(), metadata.decode(), json.loads(shapes))).graph


@pytest.mark.parametrize("name", ["MobileNet", "MobileNetV2", "MobileNetV3Small"])
def test_applications_agree_with_central_differences(name: str) -> None:
    """The families that take little time; the others did so too, in two minutes."""
    graph = application(name)
    x = applications.picture([1, *graph.inputs[0].shape[1:]])
    check(graph, [*weights_of(graph), *graph.inputs], {graph.inputs[0]: wide(x)}, rel=1e-4)


def untrained(graph: Graph) -> list[str]:
    """Weights that the outputs depend on, and that get no gradient."""
    build, weights = Builder(graph), weights_of(graph)
    for tensor in weights:
        tensor.data = None  # as it is trained, nothing is known of it
    floats = [y for y in graph.outputs if y.dtype == np.float32]
    found = gradients(graph, {y: build.input(f"d{y.name}", y.shape) for y in floats}, weights)
    return [t.name for t, g in zip(weights, found, strict=True) if g is None]


@pytest.mark.parametrize("name", NAMES)
def test_every_family_of_keras_applications_has_gradients(name: str) -> None:
    assert untrained(application(name)) == []


FLOAT_MODELS = ["ad01_fp32", "basic_pitch", "mobilenet_v2_f32", "pretrainedResnet", "trained_lstm", "vww_96_float"]


@pytest.mark.parametrize("name", FLOAT_MODELS)
def test_published_float_models_have_gradients(name: str) -> None:
    path = MODELS / f"{name}.tflite"
    if not path.exists():
        pytest.skip(f"{path} is not there")
    assert untrained(tachylite.load(path).model.graph) == []
