"""Small graphs that several tests use."""

from typing import Any

import numpy as np

from tachylite import Builder, Graph, Interpreter, Model, Tensor
from tachylite.model.dtypes import RESOURCE


def run(graph: Graph | Model, *inputs: np.ndarray, runs: int = 1, **arguments: Any) -> list[np.ndarray]:
    """The outputs of the last of `runs` runs; inputs of another shape than the graph's resize it."""
    interpreter = Interpreter(model_content=graph if isinstance(graph, Model) else Model.of(graph), **arguments)
    details = interpreter.get_input_details()
    for detail, value in zip(details, inputs, strict=True):
        interpreter.resize_tensor_input(detail["index"], np.shape(value))
    interpreter.allocate_tensors()
    for _ in range(runs):
        for detail, value in zip(details, inputs, strict=True):
            interpreter.set_tensor(detail["index"], value)
        interpreter.invoke()
    return [interpreter.get_tensor(d["index"]) for d in interpreter.get_output_details()]


def less_than(limit: int, position: int, *shapes: tuple[int, ...]) -> Graph:
    """cond(state) = state[position] < limit, over int32 loop values of these shapes."""
    build = Builder(Graph("cond"))
    state = [build.input(f"s{i}", shape, np.int32) for i, shape in enumerate(shapes)]
    return build.outputs(build.LESS(state[position], build.constant(limit)))


def while_loop(build: Builder, cond: Graph, body: Graph, *state: Tensor) -> list[Tensor]:
    """A WHILE over int32 values."""
    out = [Tensor(f"out{i}", t.shape, t.dtype) for i, t in enumerate(state)]
    build.WHILE(*state, subgraphs=[cond, body], out=out)
    return out


def fibonacci(steps: int) -> Graph:
    """(i, a, b) = (i + 1, b, a + b), `steps` times, from (0, a, b); the outputs are a and b."""
    body = Builder(Graph("body"))
    i, a, b = (body.input(n, (), np.int32) for n in "iab")
    body_graph = body.outputs(body.ADD(i, body.constant(1)), b, body.ADD(a, b))
    build = Builder()
    start = [build.constant(np.int32(0)), build.input("a", (), np.int32), build.input("b", (), np.int32)]
    _, first, second = while_loop(build, less_than(steps, 0, (), (), ()), body_graph, *start)
    return build.outputs(first, second)


def doubling(steps: int) -> Graph:
    """A row that a WHILE appends to itself `steps` times, then NEG: the shapes grow, so that the loop runs on the host."""
    body = Builder(Graph("body"))
    i, row = body.input("i", (), np.int32), body.input("row", (1,), np.int32)
    body_graph = body.outputs(body.ADD(i, body.constant(1)), body.CONCATENATION(row, row, axis=0))
    build = Builder()
    start = build.constant(np.int32(0)), build.input("row", (1,), np.int32)
    _, grown = while_loop(build, less_than(steps, 0, (), (1,)), body_graph, *start)
    return build.outputs(build.NEG(grown))


def variable_handle(build: Builder, name: str = "v") -> Tensor:
    """The handle of a float32 variable."""
    return build.VAR_HANDLE(shared_name=name, out=Tensor(f"{name}_handle", (), RESOURCE))
