"""Delegates: what they get, where operators run, and who takes over where they fail."""

import re
import warnings
from collections.abc import Callable
from importlib.metadata import EntryPoint
from typing import Any

import numpy as np
import pytest

import tachylite
from tachylite import Builder, Delegate, Graph, Interpreter, Model, Operator, OpResolverType, Quantization, TachyliteError, Tensor
from tachylite.interpreter import Delegate as TfLiteDelegate
from tachylite.runtime import delegate as delegates
from tachylite.runtime.delegate import DelegateError, DelegateWarning, from_text, load_delegate
from tests.program.graphs import doubling, fibonacci, run, variable_handle

from .echo import Echo

RNG = np.random.default_rng(0)
WEIGHTS = RNG.normal(size=(4, 4)).astype(np.float32)


def branches() -> Model:
    """y = relu(x W) + cos(x W), and sin of it."""
    build = Builder()
    x = build.input("x", (1, 4))
    x.shape_signature = (-1, 4)
    product = build.FULLY_CONNECTED(x, build.constant(WEIGHTS), None, name="product")
    total = build.ADD(build.RELU(product, name="relu"), build.COS(product, name="cos"), name="sum")
    return Model.of(build.outputs(total, build.SIN(total, name="sin")))


X = np.linspace(-1, 1, 4, dtype=np.float32)[None]


def takes(*names: str) -> Callable[[Operator], bool | str]:
    return lambda op: op.op in names or "is not on the list"


def planned(model: Model, *given: Delegate, **options: Any) -> Interpreter:
    interpreter = Interpreter(model_content=model, experimental_delegates=given, **options)
    interpreter.allocate_tensors()
    return interpreter


def outputs(interpreter: Interpreter, *inputs: np.ndarray) -> list[np.ndarray]:
    for detail, value in zip(interpreter.get_input_details(), inputs, strict=True):
        interpreter.set_tensor(detail["index"], value)
    interpreter.invoke()
    return [interpreter.get_tensor(d["index"]) for d in interpreter.get_output_details()]


def assert_equal(found: list[np.ndarray], expected: list[np.ndarray]) -> None:
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("resolver", [OpResolverType.AUTO, OpResolverType.BUILTIN_REF])
def test_a_cut_through_the_middle(resolver: OpResolverType) -> None:
    """FULLY_CONNECTED and RELU cannot be one partition with ADD and SIN, because COS is between."""
    model, echo = branches(), Echo(claims=lambda op: op.op != "COS" or "has no cosine")
    interpreter = planned(model, echo, experimental_op_resolver_type=resolver)
    assert_equal(outputs(interpreter, X), run(model, X, experimental_op_resolver_type=resolver))
    assert [[op.op for op in graph.operators] for graph in echo.compiled] == [["FULLY_CONNECTED", "RELU"], ["ADD", "SIN"]]
    assert [[t.name for t in graph.inputs] for graph in echo.compiled] == [["x"], ["relu", "cos"]]
    assert [[t.name for t in graph.outputs] for graph in echo.compiled] == [["product", "relu"], ["sum", "sin"]]
    assert echo.calls == 2


def test_the_report() -> None:
    interpreter = planned(branches(), Echo(claims=takes("FULLY_CONNECTED", "RELU", "ADD")))
    report = interpreter.partition_report()
    assert [(o.op, o.where, o.partition, o.why) for o in report.operators] == [
        ("FULLY_CONNECTED", "echo", 0, ""),
        ("RELU", "echo", 0, ""),
        ("COS", "cpu", None, "echo: is not on the list"),
        ("ADD", "echo", 1, ""),
        ("SIN", "cpu", None, "echo: is not on the list"),
    ]
    assert [(p.operators, p.operations, p.bytes_in, p.bytes_out) for p in report.partitions] == [(2, 36, 16, 32), (1, 4, 32, 16)]
    assert report.share == pytest.approx(40 / 48)
    for text in (
        "3 of 5 operators",
        "83.3%",
        "partition 0: echo, 2 operators, 36 operations, 16 bytes in, 32 bytes out",
        "COS #2 'cos': cpu",
    ):
        assert text in str(report)
    with pytest.raises(TachyliteError, match="allocate_tensors"):
        Interpreter(model_content=branches()).partition_report()


def test_small_parts_stay_on_the_cpu() -> None:
    echo = Echo({"least_work": "30"}, claims=lambda op: op.op != "COS" or "has no cosine")
    interpreter = planned(branches(), echo)
    assert [[op.op for op in graph.operators] for graph in echo.compiled] == [["FULLY_CONNECTED", "RELU"]]
    assert "echo: too small a part, of 8 operations where 30 are worth a call" in str(interpreter.partition_report())
    assert_equal(outputs(interpreter, X), run(branches(), X))


def test_the_first_delegate_has_the_choice() -> None:
    first, second = Echo({"least_work": 30}, takes("FULLY_CONNECTED", "SIN")), Echo(claims=takes("FULLY_CONNECTED", "SIN", "RELU"))
    second.name = "second"
    report = planned(branches(), first, second).partition_report()
    assert [o.where for o in report.operators] == ["echo", "second", "cpu", "cpu", "second"]


def test_a_new_shape_is_compiled_for() -> None:
    echo = Echo()
    model = tachylite.load(branches(), delegates=[echo])
    for rows in (1, 3, 1):
        model(np.zeros((rows, 4), np.float32))
    assert [graph.inputs[0].shape for graph in echo.compiled] == [(1, 4), (3, 4)]
    assert "5 of 5 operators" in str(model.partition_report())


def test_what_is_certain_is_constant_in_the_subgraph() -> None:
    build = Builder()
    x = build.input("x", (2, 3))
    shape = build.PACK(build.constant(3), build.constant(2), values_count=2, axis=0)
    echo = Echo()
    interpreter = planned(Model.of(build.outputs(build.NEG(build.RESHAPE(x, shape)))), echo)
    (graph,) = echo.compiled
    assert [op.op for op in graph.operators] == ["RESHAPE", "NEG"]
    assert graph.operators[0].inputs[1].data.tolist() == [3, 2]
    assert interpreter.partition_report().operators[0].where == "before"


def test_a_failure_in_a_run_is_loud_once_and_the_answers_are_right() -> None:
    class Fragile(Echo):
        def compile(self, graph: Graph) -> Callable[..., list[np.ndarray]]:
            compiled = super().compile(graph)

            def fail_later(*arrays: np.ndarray) -> list[np.ndarray]:
                if self.calls == 3:
                    raise OSError("the cable was pulled")
                return compiled(*arrays)

            return fail_later

    fragile = Fragile(claims=lambda op: op.op != "COS" or "has no cosine")
    interpreter, expected = planned(branches(), fragile, profile=True), run(branches(), X)
    assert_equal(outputs(interpreter, X), expected)
    with pytest.warns(DelegateWarning, match=r"'echo' failed in a run, at the 2 operators from ADD #3 on: the cable was pulled.*CPU"):
        assert_equal(outputs(interpreter, X), expected)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert_equal(outputs(interpreter, X), expected)
    assert fragile.calls == 3
    assert [p.problem for p in interpreter.partition_report().partitions] == ["the cable was pulled"] * 2
    assert "SIN" in [row.op for row in interpreter.profile()]

    interpreter = planned(branches(), Fragile(claims=lambda op: op.op != "COS"), strict=True)
    outputs(interpreter, X)
    with pytest.raises(DelegateError, match=r"the cable was pulled.*strict"):
        outputs(interpreter, X)
    with pytest.raises(DelegateError, match=r"the cable was pulled.*strict"):
        outputs(interpreter, X)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda y: [y, y], r"float32\[1, 4\], float32\[1, 4\] where float32\[1, 4\]"),
        (lambda y: [y[0]], r"float32\[4\] where"),
        (lambda y: [y.astype(np.float64)], r"float64\[1, 4\] where"),
        (lambda y: [], "nothing where"),
    ],
)
def test_wrong_results_are_failures(answer: Callable[[np.ndarray], Any], message: str) -> None:
    class Wrong(Echo):
        def compile(self, graph: Graph) -> Callable[..., Any]:
            return answer

    with pytest.warns(DelegateWarning, match=message):
        assert_equal(outputs(planned(branches(), Wrong(claims=takes("COS"))), X), run(branches(), X))


def test_failures_while_planning() -> None:
    class Broken(Echo):
        def compile(self, graph: Graph) -> Callable[..., Any]:
            raise NotImplementedError

    class Asking(Echo):
        def supports(self, op: Operator) -> bool | str:
            return op.nonsense  # type: ignore[attr-defined]

    for broken, message in ((Broken(), "could not compile it: NotImplementedError"), (Asking(), "failed when asked for it: .*nonsense")):
        with pytest.warns(DelegateWarning, match="'echo' failed while it prepared the model"):
            interpreter = planned(branches(), broken)
        operators = interpreter.partition_report().operators
        assert all(o.where == "cpu" and re.search(message, o.why) for o in operators)
        assert_equal(outputs(interpreter, X), run(branches(), X))
        with pytest.raises(DelegateError, match="strict"):
            planned(branches(), broken, strict=True)


def test_shapes_that_only_the_run_tells() -> None:
    """What precedes WHERE is partitioned when the model is planned for, what follows it when its shape is known."""
    build = Builder()
    x = build.input("x", (6,))
    places = build.WHERE(build.GREATER(build.NEG(x), build.constant(np.float32(0))), out=Tensor("places", (0, 1), np.dtype(np.int64)))
    model = Model.of(build.outputs(build.ADD(places, places, name="twice")))
    echo = Echo()
    interpreter = planned(model, echo)
    for x_value in (np.arange(-3, 3), np.arange(-5, 1)):
        value = x_value.astype(np.float32)
        assert_equal(outputs(interpreter, value), run(model, value))
    assert [[op.op for op in graph.operators] for graph in echo.compiled] == [["NEG", "GREATER"], ["ADD"], ["ADD"]]
    assert [o.op for o in interpreter.partition_report().operators if o.where == "echo"] == ["NEG", "GREATER", "ADD"]


@pytest.mark.parametrize(
    ("graph", "inputs"),
    [(fibonacci(9), [np.int32(0), np.int32(1)]), (doubling(3), [np.int32([5])])],
    ids=["fibonacci", "doubling"],
)
def test_bodies_of_loops_are_partitioned(graph: Graph, inputs: list[np.ndarray]) -> None:
    echo = Echo()
    interpreter = planned(Model.of(graph), echo)
    assert_equal(outputs(interpreter, *inputs), run(Model.of(graph), *inputs))
    assert echo.calls > 3


def test_effects_stay_on_the_cpu_and_in_order() -> None:
    """READ, ASSIGN, READ: the delegate's parts before and after see the old and the new value."""
    build = Builder()
    x = build.input("x", (2,))
    build.ASSIGN_VARIABLE(variable_handle(build), build.NEG(x))
    old = build.READ_VARIABLE(variable_handle(build), out=Tensor("old", (2,), x.dtype))
    build.ASSIGN_VARIABLE(variable_handle(build), build.ADD(old, x))
    new = build.READ_VARIABLE(variable_handle(build), out=Tensor("new", (2,), x.dtype))
    model = Model.of(build.outputs(build.ABS(old), build.ABS(new)))
    echo = Echo()
    interpreter, value = planned(model, echo), np.float32([3, 4])
    assert_equal(outputs(interpreter, value), [value, 0 * value])
    assert {o.why for o in interpreter.partition_report().operators if o.where == "cpu"} == {"keeps state or calls graphs"}


def test_quantized_weights_reach_the_delegate_whole() -> None:
    build = Builder()
    x = build.input("x", (1, 4), np.int8, Quantization.per_tensor(0.1, 3))
    weights = build.constant(RNG.integers(-127, 128, (3, 4)).astype(np.int8), quantization=Quantization.per_tensor(0.02))
    y = build.FULLY_CONNECTED(x, weights, None, out=Tensor("y", (1, 3), np.dtype(np.int8), Quantization.per_tensor(0.05, -1)))
    model, echo = Model.of(build.outputs(y)), Echo()
    value = np.int8([[1, -2, 3, -4]])
    assert_equal(outputs(planned(model, echo), value), run(model, value))
    assert echo.compiled[0].operators[0].inputs[1].scale == np.float32(0.02)


# Loading.


def test_delegates_are_found_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    points = {"mine": EntryPoint("mine", "tests.delegates.echo:Echo", "tachylite.delegates")}
    monkeypatch.setattr(delegates, "installed", lambda: points)
    assert load_delegate("mine", {"least_work": "7"}).least_work == 7
    assert from_text("tests.delegates.echo:Echo,least_work=8").least_work == 8
    wrapped = TfLiteDelegate("mine", {"least_work": 9})
    assert_equal(outputs(planned(branches(), wrapped), X), run(branches(), X))
    for call, message in (
        (lambda: load_delegate("nobody"), "no delegate 'nobody'; installed are: mine"),
        (lambda: load_delegate("tests.delegates.echo:Nobody"), "Nobody"),
        (lambda: load_delegate("no.such.module:Echo"), "no.such"),
        (lambda: load_delegate("builtins:dict"), "subclass of tachylite.Delegate"),
        (lambda: load_delegate("mine", {"least_work": "much"}), "'much'.*whole number"),
        (lambda: from_text("mine,fast"), "'fast' is no option"),
        (lambda: Interpreter(model_content=branches(), experimental_delegates=["mine"]), "'mine' is not a delegate"),  # type: ignore[list-item]
    ):
        with pytest.raises(ValueError, match=message):
            call()
