"""Several threads on one interpreter, and several interpreters on one model."""

import threading
import time
from collections.abc import Callable

import numpy as np
import pytest

import tachylite
from tachylite import Builder, Interpreter, Model, OpDef, TachyliteError
from tachylite.model.graph import Operator, Tensor
from tests.program.graphs import doubling

THREADS = 4


def at_once(work: Callable[[int], None]) -> None:
    """Call work(0), work(1), … in threads that start together; raises what any of them raised."""
    problems = []
    start = threading.Barrier(THREADS)

    def run(number: int) -> None:
        start.wait()
        try:
            work(number)
        except BaseException as problem:  # whatever it is, the test must see it
            problems.append(problem)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if problems:
        raise problems[0]


def matrix() -> Model:
    """y = x W, large enough to be shared among workers."""
    build = Builder()
    x = build.input("x", (32, 64))
    return Model.of(build.outputs(build.FULLY_CONNECTED(x, build.constant(np.eye(64, dtype=np.float32)), None)))


@pytest.mark.parametrize("workers", [1, 3])
def test_runs_of_one_interpreter_take_turns(workers: int) -> None:
    interpreter = Interpreter(model_content=matrix(), num_threads=workers)
    interpreter.allocate_tensors()
    x = np.random.default_rng(1).random((32, 64), np.float32)
    number = interpreter.get_output_details()[0]["index"]

    def work(_: int) -> None:
        for _ in range(50):
            interpreter.set_tensor(0, x)
            interpreter.invoke()
            np.testing.assert_array_equal(interpreter.get_tensor(number), x)

    at_once(work)


def test_a_run_with_host_calls_is_one_turn() -> None:
    inside, most = 0, 0

    def reference(op: Operator, x: np.ndarray) -> np.ndarray:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        time.sleep(0.001)
        inside -= 1
        return x

    tachylite.register(OpDef("Turn", infer=lambda op, x: x, reference=reference, is_custom=True))
    build = Builder()
    x = build.NEG(build.input("x", (3,)))
    turns = [Tensor(f"y{i}", (3,), x.dtype) for i in range(3)]
    for source, target in zip([x, *turns], turns, strict=False):
        build.graph.append(Operator("Turn", [source], [target], is_custom=True))
    interpreter = Interpreter(model_content=Model.of(build.outputs(build.ABS(turns[-1]))))
    interpreter.allocate_tensors()
    at_once(lambda _: interpreter.invoke())
    assert most == 1


def test_planning_while_others_run_gives_answers_or_errors() -> None:
    """Whoever resizes leaves the others without memory until it has planned again; they are told, and nothing breaks."""
    interpreter = Interpreter(model_content=matrix())
    interpreter.allocate_tensors()
    told: set[str] = set()

    def work(number: int) -> None:
        for rows in range(1, 40):
            try:
                if number == 0:
                    interpreter.resize_tensor_input(0, [rows, 64])
                    interpreter.allocate_tensors()
                interpreter.invoke()
            except TachyliteError as problem:
                told.add(str(problem))

    at_once(work)
    assert all("allocate_tensors" in text for text in told), told
    interpreter.allocate_tensors()
    interpreter.invoke()


@pytest.mark.parametrize("graph", [lambda: doubling(3), lambda: matrix().graph])
def test_interpreters_of_one_model_are_independent(graph: Callable[[], tachylite.Graph]) -> None:
    model = Model.of(graph())
    expected = tachylite.load(model)(np.ones(model.graph.inputs[0].shape, model.graph.inputs[0].dtype))

    def work(_: int) -> None:
        for _ in range(5):
            loaded = tachylite.load(model)
            np.testing.assert_array_equal(loaded(np.ones(model.graph.inputs[0].shape, model.graph.inputs[0].dtype)), expected)

    at_once(work)
