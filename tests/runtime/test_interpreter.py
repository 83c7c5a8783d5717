"""The interpreter's own behaviour: errors that help, views, threads, custom operators."""

import threading

import numpy as np
import pytest

import tachylite
from tachylite import Builder, Interpreter, Model, OpDef, Spec, TachyliteError, Tensor
from tachylite.interpreter import InterpreterWithCustomOps
from tachylite.model.dtypes import DTYPES, STRING
from tachylite.model.graph import Operator


def chain() -> Model:
    """y = abs(-x) + 1."""
    build = Builder()
    x = build.input("x", (2, 3))
    x.shape_signature = (-1, 3)
    return Model.of(build.outputs(build.ADD(build.ABS(build.NEG(x, name="negated"), name="size"), build.constant(1.0), name="y")))


@pytest.fixture
def interpreter() -> Interpreter:
    interpreter = Interpreter(model_content=chain().to_bytes())
    interpreter.allocate_tensors()
    return interpreter


def index(interpreter: Interpreter, name: str) -> int:
    return next(d["index"] for d in interpreter.get_tensor_details() if d["name"] == name)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.zeros((2, 3), np.float64), r"float64\[2, 3\].*float32\[2, 3\].*astype\(np.float32\)"),
        (np.zeros((2, 4), np.float32), r"float32\[2, 4\].*float32\[2, 3\].*resize_tensor_input"),
        (np.zeros(6, np.float32), r"float32\[6\].*float32\[2, 3\]"),
    ],
)
def test_a_wrong_input_shows_what_was_expected(interpreter: Interpreter, value: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        interpreter.set_tensor(0, value)


def test_wrong_indices_and_arguments(interpreter: Interpreter) -> None:
    for call in (
        lambda: interpreter.set_tensor(99, np.zeros(1)),
        lambda: interpreter.get_tensor(-1),
        lambda: interpreter.get_tensor(0, subgraph_index=4),
        lambda: interpreter.get_tensor_details(subgraph_index=1),
        lambda: interpreter.resize_tensor_input(index(interpreter, "y"), [1]),
        lambda: interpreter.resize_tensor_input(0, [-1, 3]),
        lambda: interpreter.resize_tensor_input(0, [2, 4], strict=True),
        lambda: interpreter.set_tensor(index(interpreter, "y"), np.zeros((2, 3), np.float32)),
        lambda: interpreter.get_signature_runner("none"),
        lambda: interpreter.get_signature_runner(),
        lambda: Interpreter(),
        lambda: Interpreter("a.tflite", b"b"),
        lambda: Interpreter(model_content=b"nonsense, and not a model"),
        lambda: Interpreter(model_content=chain(), num_threads=0),
        lambda: Interpreter(model_content=chain(), experimental_op_resolver_type=1),  # type: ignore[arg-type]
        lambda: Interpreter(model_content=chain(), experimental_delegates=["gpu"]),  # type: ignore[list-item]
    ):
        with pytest.raises(TachyliteError):
            call()
    with pytest.raises(FileNotFoundError):
        Interpreter(model_path="missing.tflite")


def test_before_allocation(interpreter: Interpreter) -> None:
    fresh = Interpreter(model_content=chain())
    with pytest.raises(RuntimeError, match="allocate_tensors"):
        fresh.invoke()
    interpreter.resize_tensor_input(0, [5, 3], strict=True)
    with pytest.raises(RuntimeError, match="allocate_tensors"):
        interpreter.invoke()


def test_an_operator_that_cannot_take_a_shape_is_named(interpreter: Interpreter) -> None:
    build = Builder()
    x = build.input("x", (2, 3))
    y = build.ADD(x, build.constant(np.ones((2, 3), np.float32)), name="sum")
    interpreter = Interpreter(model_content=Model.of(build.outputs(y)))
    interpreter.resize_tensor_input(0, [4, 3])
    with pytest.raises(RuntimeError, match=r"ADD #0 'sum' \(subgraph 0\): .*\[4, 3\].*\[2, 3\]"):
        interpreter.allocate_tensors()


def test_views_share_memory(interpreter: Interpreter) -> None:
    x, y = interpreter.tensor(0), interpreter.tensor(index(interpreter, "y"))
    x()[:] = -4
    interpreter.invoke()
    assert (y() == 5).all()
    assert y() is y() or np.shares_memory(y(), y())


def test_intermediate_results() -> None:
    lost = Interpreter(model_content=chain())
    lost.allocate_tensors()
    with pytest.raises(TachyliteError, match="experimental_preserve_all_tensors"):
        lost.get_tensor(index(lost, "negated"))
    kept = Interpreter(model_content=chain(), experimental_preserve_all_tensors=True)
    kept.allocate_tensors()
    kept.set_tensor(0, np.full((2, 3), 2, np.float32))
    kept.invoke()
    assert (kept.get_tensor(index(kept, "negated")) == -2).all()
    assert (kept.get_tensor(index(kept, "size")) == 2).all()


def test_programs_are_cached_by_shape(interpreter: Interpreter, monkeypatch: pytest.MonkeyPatch) -> None:
    from tachylite.runtime import session

    lowered = []
    monkeypatch.setattr(session, "lower", lambda *args, lower=session.lower: lowered.append(1) or lower(*args))
    for rows in (1, 7, 1, 7, 2):
        interpreter.resize_tensor_input(0, [rows, 3])
        interpreter.allocate_tensors()
        interpreter.set_tensor(0, np.ones((rows, 3), np.float32))
        interpreter.invoke()
        assert interpreter.get_tensor(index(interpreter, "y")).shape == (rows, 3)
    assert len(lowered) == 2  # the file's own shape was lowered by the fixture


def test_invoke_async_gives_a_future(interpreter: Interpreter) -> None:
    interpreter.set_tensor(0, np.full((2, 3), 3, np.float32))
    future = interpreter.invoke_async()
    assert future.result(timeout=60) is None
    assert (interpreter.get_tensor(index(interpreter, "y")) == 4).all()
    with pytest.raises(RuntimeError, match="allocate_tensors"):
        Interpreter(model_content=chain()).invoke_async().result(timeout=60)


def test_signatures_called_from_many_threads_give_their_own_answers() -> None:
    model = tachylite.load(chain())
    wrong = []

    def work(n: int) -> None:
        answers = (model(np.full((n, 3), n, np.float32)) for _ in range(20))
        wrong.extend(n for answer in answers if not (answer == n + 1).all())

    threads = [threading.Thread(target=work, args=(n,)) for n in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_load_and_call() -> None:
    model = tachylite.load(chain().to_bytes())
    assert (model(np.ones((4, 3), np.float32)) == 2).all()
    assert (model(x=np.ones((1, 3), np.float32)) == 2).all()
    assert "'x' float32[-1, 3]" in repr(model)
    for call in (lambda: model(), lambda: model(z=1), lambda: model(np.ones((1, 3)), np.ones(1))):
        with pytest.raises(TachyliteError, match="takes 'x'"):
            call()


def custom_model(name: str) -> Model:
    build = Builder()
    x = build.input("x", (3,))
    graph = build.graph
    graph.append(Operator(name, [x], [Tensor("y", (3,), np.dtype(np.float32))], is_custom=True, custom_options=b"\x02"))
    return Model.of(build.outputs(graph.operators[0].outputs[0]))


def scale(name: str) -> OpDef:
    """A custom operator that multiplies by the byte in its options."""
    return OpDef(
        name,
        infer=lambda op, x: Spec(x.shape, x.dtype),
        reference=lambda op, x: x * np.float32(op.custom_options[0]),
        is_custom=True,
    )


def test_a_builtin_operator_can_be_replaced() -> None:
    import subprocess
    import sys

    code = """
import numpy as np, tachylite
tachylite.register(tachylite.OpDef("NEG", infer=lambda op, x: x, reference=lambda op, x: x + 100, options="NegOptions"))
build = tachylite.Builder()
graph = build.outputs(build.NEG(build.input("x", (1,))))
assert tachylite.load(tachylite.Model.of(graph))(np.ones(1, np.float32)) == 101
"""
    subprocess.run([sys.executable, "-c", code], check=True)  # in a process of its own, because the registry is global


def test_a_custom_operator_is_visible_at_once() -> None:
    content = custom_model("Scale").to_bytes()
    with pytest.raises(TachyliteError, match=r"custom operator 'Scale'.*register"):
        tachylite.load(content)(np.ones(3, np.float32))
    tachylite.register(scale("Scale"))
    assert (tachylite.load(content)(np.ones(3, np.float32)) == 2).all()


def test_interpreter_with_custom_ops_calls_its_registerers() -> None:
    interpreter = InterpreterWithCustomOps(
        custom_op_registerers=[lambda: tachylite.register(scale("Scale2"))], model_content=custom_model("Scale2").to_bytes()
    )
    interpreter.allocate_tensors()
    with pytest.raises(TachyliteError, match="not a function"):
        InterpreterWithCustomOps(custom_op_registerers=["TF_Register"], model_content=custom_model("Scale2"))


def test_an_error_in_a_custom_operator_is_named_with_its_place() -> None:
    tachylite.register(OpDef("Broken", infer=lambda op, x: x, reference=lambda op, x: x[99], is_custom=True))
    with pytest.raises(RuntimeError, match=r"Broken #0 'y' \(subgraph 0\): .*out of bounds"):
        tachylite.load(custom_model("Broken"))(np.ones(3, np.float32))


def test_an_operator_that_takes_too_much_memory_says_so() -> None:
    # More than an address can count, so that no machine tries.
    tachylite.register(OpDef("Greedy", infer=lambda op, x: x, reference=lambda op, x: np.empty(2**50), is_custom=True))
    with pytest.raises(RuntimeError, match=r"Greedy #0 'y' \(subgraph 0\): takes more memory than there is \(.*\); use smaller shapes"):
        tachylite.load(custom_model("Greedy"))(np.ones(3, np.float32))


def test_what_an_operator_computes_counts_and_not_the_type_that_the_file_gives_its_output() -> None:
    build = Builder()
    words = build.input("words", (2,), STRING)
    result = build.GATHER(words, build.constant(np.array([1], np.int32)))
    result.dtype = DTYPES["FLOAT8_E5M2"]
    interpreter = Interpreter(model_content=Model.of(build.outputs(result)))
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], np.array([b"a", b"b"], object))
    interpreter.invoke()
    assert interpreter.get_tensor(interpreter.get_output_details()[0]["index"]).tolist() == [b"b"]
