"""Fusion: what becomes one kernel gives what its operators give one by one, and what must not become one does not."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tachylite import Builder, Graph, Interpreter, Model, OpResolverType, TachyliteError, Tensor
from tachylite.ops.registry import Spec
from tachylite.program.lower import lower
from tachylite.program.pattern import Leaf, Op
from tachylite.program.program import Call, Program
from tachylite.program.target import Target

from ..ops.test_ops import EXECUTORS
from .graphs import run

ROWS, CHANNELS = 5, 37
RNG = np.random.default_rng(0)
SCALE, OFFSET = (RNG.normal(size=CHANNELS).astype(np.float32) for _ in range(2))
X = RNG.normal(2, 3, (2, ROWS, CHANNELS)).astype(np.float32)

Chain = Callable[[Builder, Tensor], Tensor]


def mean(build: Builder, x: Tensor, axis: int = -1, keep_dims: bool = True) -> Tensor:
    return build.MEAN(x, build.constant(np.array([axis], np.int32)), keep_dims=keep_dims)


def inverse(build: Builder, squares: Tensor, axis: int = -1) -> Tensor:
    return build.RSQRT(build.ADD(mean(build, squares, axis), build.constant(np.float32(1e-3))))


def per_channel(build: Builder, x: Tensor, values: np.ndarray = SCALE) -> Tensor:
    return build.constant(np.resize(values, x.shape[-1]))


def keras(build: Builder, x: Tensor, scale: np.ndarray | None = None, axis: int = -1) -> Tensor:
    """x * factor + (offset - mean * factor)."""
    m = mean(build, x, axis)
    factor = build.MUL(
        inverse(build, build.SQUARED_DIFFERENCE(x, m), axis), per_channel(build, x) if scale is None else build.constant(scale)
    )
    return build.ADD(build.MUL(x, factor), build.SUB(per_channel(build, x, OFFSET), build.MUL(m, factor)))


def without_offset(build: Builder, x: Tensor) -> Tensor:
    """x * factor + -mean * factor, in the order of transformer_dyn."""
    m = mean(build, x)
    negative = build.NEG(m)
    factor = build.MUL(inverse(build, build.SQUARED_DIFFERENCE(x, m)), build.constant(np.resize(SCALE, (1, 1, x.shape[-1]))))
    return build.ADD(build.MUL(x, factor), build.MUL(negative, factor))


def textbook(build: Builder, x: Tensor) -> Tensor:
    """(x - mean) / sqrt(variance + epsilon) * scale + offset."""
    deviation = build.SUB(x, mean(build, x))
    variance = mean(build, build.POW(deviation, build.constant(np.float32(2))))
    normal = build.DIV(deviation, build.SQRT(build.ADD(build.constant(np.float32(1e-3)), variance)))
    return build.ADD(per_channel(build, x, OFFSET), build.MUL(normal, per_channel(build, x)))


def product_of_itself(build: Builder, x: Tensor) -> Tensor:
    """Neither scale nor offset; the square as a product."""
    deviation = build.SUB(x, mean(build, x, axis=2))
    return build.MUL(inverse(build, build.MUL(deviation, deviation), axis=2), deviation)


def one_scale_for_all(build: Builder, x: Tensor) -> Tensor:
    deviation = build.SUB(x, mean(build, x))
    factor = build.MUL(build.constant(np.float32([3])), inverse(build, build.SQUARE(deviation)))
    return build.ADD(build.MUL(deviation, factor), per_channel(build, x, OFFSET))


def attention(build: Builder, x: Tensor) -> Tensor:
    return build.SOFTMAX(build.MUL(x, build.constant(np.float32(0.3))), beta=1.0)


def divided_attention(build: Builder, x: Tensor) -> Tensor:
    return build.SOFTMAX(build.DIV(x, build.constant(np.float32(7))), beta=1.0)


LAYER_NORMS: list[Chain] = [keras, without_offset, textbook, product_of_itself, one_scale_for_all]
KERNELS = dict.fromkeys(LAYER_NORMS, "layer_norm_f32") | dict.fromkeys((attention, divided_attention), "softmax_f32")


def graph_of(*chains: Chain) -> Graph:
    """One chain after another, between operators of which none is part of any."""
    build = Builder()
    y = build.input("x", X.shape)
    for chain in chains:
        y = chain(build, build.ABS(y))
    return build.outputs(build.TANH(y, name="y"))


def program_of(graph: Graph, **target: Any) -> Program:
    return lower(Model.of(graph), target=Target(**{"isa": "baseline", **target}))


def kernels(graph: Graph, **target: Any) -> list[str]:
    """What a graph becomes on a native target."""
    return [i.kernel for i in next(iter(program_of(graph, **target).entries.values())).code if isinstance(i, Call)]


def reference(graph: Graph, *inputs: np.ndarray) -> list[np.ndarray]:
    return run(graph, *inputs, experimental_op_resolver_type=OpResolverType.BUILTIN_REF)


def assert_close(actual: np.ndarray, expected: np.ndarray) -> None:
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("chain", KERNELS)
def test_a_chain_becomes_one_call(chain: Chain) -> None:
    assert kernels(graph_of(chain)) == ["abs_f32", KERNELS[chain], "tanh_f32"]


@pytest.mark.parametrize("executor", set(EXECUTORS) - {"reference"})
@pytest.mark.parametrize("channels", [2, 4, 16, 31, 100])
@pytest.mark.parametrize("chain", KERNELS)
def test_results_are_those_of_the_operators(chain: Chain, channels: int, executor: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TACHYLITE_ISA", executor.partition("-")[0])
    build = Builder()
    graph = build.outputs(chain(build, build.input("x", (3, 7, channels))))
    values = RNG.normal(2, 3, (3, 7, channels)).astype(np.float32)
    (actual,) = run(graph, values, num_threads=3 if executor.endswith("3threads") else 1)
    assert_close(actual, *reference(graph, values))


def test_several_chains() -> None:
    graph = graph_of(keras, attention, textbook, without_offset)
    assert [k for k in kernels(graph) if k not in ("abs_f32", "tanh_f32")] == ["layer_norm_f32", "softmax_f32"] + ["layer_norm_f32"] * 2
    assert_close(*run(graph, X), *reference(graph, X))


# What must stay as it is.


def intermediate_is_an_output() -> Graph:
    build = Builder()
    y = keras(build, build.input("x", X.shape))
    squares = next(op.outputs[0] for op in build.graph.operators if op.op == "SQUARED_DIFFERENCE")
    return build.outputs(y, squares)


def intermediate_has_another_reader() -> Graph:
    build = Builder()
    y = keras(build, build.input("x", X.shape))
    root = next(op.outputs[0] for op in build.graph.operators if op.op == "RSQRT")
    return build.outputs(build.MUL(y, root))


def another_axis() -> Graph:
    build = Builder()
    return build.outputs(keras(build, build.input("x", X.shape), axis=1))


def all_axes() -> Graph:
    build = Builder()
    x = build.input("x", X.shape)
    axes = build.constant(np.array([0, 1, 2], np.int32))
    m = build.MEAN(x, axes, keep_dims=True)
    variance = build.MEAN(build.SQUARED_DIFFERENCE(x, m), axes, keep_dims=True)
    return build.outputs(build.MUL(build.SUB(x, m), build.RSQRT(build.ADD(variance, build.constant(np.float32(1e-3))))))


def two_axes_that_differ() -> Graph:
    build = Builder()
    x = build.input("x", X.shape)
    deviation = build.SUB(x, mean(build, x, axis=2))
    return build.outputs(build.MUL(deviation, inverse(build, build.SQUARE(deviation), axis=1)))


def dropped_dimension() -> Graph:
    """Without keep_dims the mean meets other elements."""
    build = Builder()
    x = build.input("x", (4, 4))
    deviation = build.SUB(x, mean(build, x, keep_dims=False))
    return build.outputs(build.MUL(deviation, inverse(build, build.SQUARE(deviation))))


def means_of_two_tensors() -> Graph:
    build = Builder()
    x = build.input("x", X.shape)
    squares = build.SQUARED_DIFFERENCE(x, mean(build, build.NEG(x)))
    return build.outputs(build.MUL(build.SUB(x, mean(build, x)), inverse(build, squares)))


def activation_inside() -> Graph:
    build = Builder()
    x = build.input("x", X.shape)
    deviation = build.SUB(x, mean(build, x), fused_activation_function="RELU")
    return build.outputs(build.MUL(deviation, inverse(build, build.SQUARE(deviation))))


def a_scale_of_more_dimensions() -> Graph:
    build = Builder()
    return build.outputs(keras(build, build.input("x", X.shape[1:]), scale=SCALE.reshape(1, 1, -1)))


def a_scale_for_each_row() -> Graph:
    build = Builder()
    return build.outputs(keras(build, build.input("x", X.shape), scale=RNG.normal(size=(ROWS, 1)).astype(np.float32)))


def negative_attention() -> Graph:
    build = Builder()
    return build.outputs(build.SOFTMAX(build.MUL(build.input("x", X.shape), build.constant(np.float32(-1))), beta=1.0))


def attention_by_nothing() -> Graph:
    """Divided by zero: shares of infinities."""
    build = Builder()
    return build.outputs(build.SOFTMAX(build.DIV(build.input("x", X.shape), build.constant(np.float32(0))), beta=1.0))


@pytest.mark.parametrize(
    "make",
    [
        intermediate_is_an_output,
        intermediate_has_another_reader,
        another_axis,
        all_axes,
        two_axes_that_differ,
        dropped_dimension,
        means_of_two_tensors,
        activation_inside,
        a_scale_of_more_dimensions,
        a_scale_for_each_row,
        negative_attention,
        attention_by_nothing,
    ],
)
def test_what_looks_like_it_but_is_not(make: Callable[[], Graph]) -> None:
    graph = make()
    count = len(graph.operators)
    assert len(program_of(graph).entries["main"].code) >= count
    assert "layer_norm_f32" not in kernels(graph)
    x = np.resize(X, graph.inputs[0].shape)
    for actual, expected in zip(run(graph, x), reference(graph, x), strict=True):
        assert_close(actual, expected)


@pytest.mark.parametrize("target", [{"exact": True}, {"preserve_all": True}, {"isa": "reference"}], ids=str)
def test_targets_that_want_every_operator(target: dict[str, Any]) -> None:
    assert len(program_of(graph_of(keras), **target).entries["main"].code) == len(graph_of(keras).operators)


def test_a_graph_that_all_tensors_are_read_from() -> None:
    graph = graph_of(keras)
    interpreter = Interpreter(model_content=Model.of(graph), experimental_preserve_all_tensors=True)
    interpreter.allocate_tensors()
    interpreter.set_tensor(0, X)
    interpreter.invoke()
    squares = next(op.outputs[0] for op in graph.operators if op.op == "SQUARED_DIFFERENCE")
    kept = interpreter.get_tensor(graph.tensors.index(squares))
    assert_close(kept, np.square(np.abs(X) - np.abs(X).mean(axis=-1, keepdims=True)))


# Where shapes, state and control flow come in.


def test_other_shapes_of_the_input() -> None:
    graph = graph_of(keras)
    x = RNG.normal(size=(4, 1, CHANNELS)).astype(np.float32)
    assert_close(*run(graph, x), *reference(graph, x))


def test_a_shape_that_one_of_them_cannot_take() -> None:
    graph = graph_of(textbook)
    index = next(i for i, op in enumerate(graph.operators) if op.op == "MUL")
    with pytest.raises(TachyliteError, match=f"MUL #{index} "):
        run(graph, np.ones((2, ROWS, CHANNELS + 1), np.float32))


def test_a_barrier_inside_a_chain() -> None:
    """UNIQUE ends the code that can be planned; what waits for the rest of its group is computed before."""
    build = Builder()
    x, numbers = build.input("x", X.shape), build.input("numbers", (4,), np.int32)
    deviation = build.SUB(x, mean(build, x))
    unique, _ = build.UNIQUE(numbers, idx_out_type="INT32", out=[Tensor(n, (4,), np.dtype(np.int32)) for n in ("unique", "index")])
    graph = build.outputs(build.MUL(deviation, inverse(build, build.SQUARE(deviation))), unique)
    inputs = X, np.array([3, 1, 3, 1], np.int32)
    actual, expected = run(graph, *inputs), reference(graph, *inputs)
    assert_close(actual[0], expected[0])
    np.testing.assert_array_equal(actual[1], [3, 1])


def test_a_chain_behind_a_barrier() -> None:
    build = Builder()
    numbers = build.input("numbers", (4,), np.int32)
    unique, _ = build.UNIQUE(numbers, idx_out_type="INT32", out=[Tensor(n, (4,), np.dtype(np.int32)) for n in ("unique", "index")])
    y = product_of_itself(build, build.RESHAPE(build.CAST(unique, out=Tensor("f", (4,), X.dtype)), build.constant(np.int32([1, 1, -1]))))
    graph = build.outputs(y)
    x = np.array([3, 1, 3, 2], np.int32)
    assert_close(*run(graph, x), *reference(graph, x))
    (entry,) = program_of(graph).entries.values()
    assert entry.barrier is not None
    rest = entry.barrier.resume([Spec((3,), np.dtype(np.int32))] * len(entry.barrier.live))
    assert "layer_norm_f32" in [i.kernel for e in rest.entries.values() for i in e.code if isinstance(i, Call)]


def test_a_chain_in_the_body_of_a_loop() -> None:
    body = Builder(Graph("body"))
    i, rows = body.input("i", (), np.int32), body.input("rows", X.shape)
    inner = body.outputs(body.ADD(i, body.constant(np.int32(1))), keras(body, rows))
    build = Builder()
    state = [build.constant(np.int32(0)), build.input("x", X.shape)]
    cond = Builder(Graph("cond"))
    count, _ = cond.input("i", (), np.int32), cond.input("rows", X.shape)
    out = [Tensor("n", (), np.dtype(np.int32)), Tensor("y", X.shape, X.dtype)]
    build.WHILE(*state, subgraphs=[cond.outputs(cond.LESS(count, cond.constant(np.int32(3)))), inner], out=out)
    graph = build.outputs(out[1])
    assert "layer_norm_f32" in kernels(graph)
    assert_close(*run(graph, X), *reference(graph, X))


def test_a_chain_of_constants_is_computed_before_the_run() -> None:
    build = Builder()
    x = build.input("x", X.shape)
    graph = build.outputs(build.ADD(x, keras(build, build.constant(X))))
    assert kernels(graph) == ["add_f32"]
    assert_close(*run(graph, X), *reference(graph, X))


def test_what_a_profile_says() -> None:
    graph = graph_of(keras, attention)
    interpreter = Interpreter(model_content=Model.of(graph), profile=True)
    interpreter.allocate_tensors()
    interpreter.invoke()
    rows = [row for row in interpreter.profile() if row.op not in ("ABS", "TANH")]
    softmax = next(i for i, op in enumerate(graph.operators) if op.op == "SOFTMAX")
    # The place is that of the last operator, whose output is what is computed.
    assert [(row.op, row.index, row.output, row.kernel) for row in rows] == [
        ("LAYER_NORM", softmax - 3, graph.operators[softmax - 3].outputs[0].name, "layer_norm_f32"),
        ("MUL + SOFTMAX", softmax, graph.operators[softmax].outputs[0].name, "softmax_f32"),
    ]
    assert rows[0].flops == 8 * X.size


# Patterns.


def test_a_pattern_that_is_used_twice_stands_for_one_tensor() -> None:
    build = Builder()
    x, y = build.input("x", (2, 3)), build.input("y", (2, 3))
    once, again = build.NEG(x), build.NEG(y)
    twice, both = build.MUL(once, once), build.MUL(once, again)
    build.outputs(twice, both)
    producers = {op.outputs[0]: op for op in build.graph.operators}
    leaf = Leaf()
    negative = Op("NEG", leaf)
    square = Op("MUL", negative, negative)
    assert {match[leaf] for match in square.find(twice, producers, {})} == {x}
    assert not list(square.find(both, producers, {}))
    assert len(list(Op("MUL", Op("NEG", Leaf()), Op("NEG", Leaf())).find(both, producers, {}))) == 2


def test_alternatives_are_all_tried() -> None:
    """The first one that fits a sum's operand is not always the one that fits the rest."""
    build = Builder()
    x = build.input("x", (2, 3))
    y = build.ADD(build.NEG(x), build.ABS(build.NEG(x)))
    build.outputs(y)
    producers = {op.outputs[0]: op for op in build.graph.operators}
    anything = Leaf()
    pattern = Op("ADD", Leaf() | Op("NEG", anything), Op("ABS", Op("NEG", anything)))
    assert any(match.get(anything) is x for match in pattern.find(y, producers, {}))
    assert not list(Op("SUB", Leaf(), Leaf()).find(y, producers, {}))
