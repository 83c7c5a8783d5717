"""Cases of control flow, resource variables and hash tables: graphs that call graphs, and state that outlives a run."""

from collections.abc import Iterator, Sequence

import numpy as np

from tachylite import Builder, Graph, Tensor
from tachylite.model import flexbuffer
from tachylite.model.dtypes import RESOURCE, STRING

from ..harness import Case

HAVE_REFERENCE_KERNELS = ("IF", "WHILE", "CALL_ONCE", "ASSIGN_VARIABLE")

X = np.arange(-3, 3, dtype=np.float32).reshape(2, 3)


def of(name: str, op: str, build: Builder, outputs: Sequence[Tensor], *inputs: np.ndarray, runs: int = 1) -> Case:
    return Case(name, op, build.outputs(*outputs), inputs, runs=runs, reference_kernel=op in HAVE_REFERENCE_KERNELS)


def branch(op: str, *operands: float) -> Graph:
    """A graph of one operator on x, float32 [2, 3]."""
    build = Builder(Graph(f"{op} {operands}"))
    return build.outputs(getattr(build, op)(build.input("x", (2, 3)), *(build.constant(v) for v in operands)))


def selected(op: str, index: np.ndarray, *branches: Graph) -> tuple[Builder, Tensor]:
    build = Builder()
    return build, getattr(build, op)(build.input("index", index.shape, index.dtype), build.input("x", (2, 3)), subgraphs=branches)


def counting_loop(grows: bool) -> Case:
    """WHILE i < 3: i += 1, x = x + x or [x, x]."""
    cond, body = Builder(Graph("cond")), Builder(Graph("body"))
    cond_graph = cond.outputs(cond.LESS(cond.input("i", (), np.int32), cond.constant(3)))
    cond_graph.inputs.append(cond.tensor("x", (2,), np.int32))
    i, x = body.input("i", (), np.int32), body.input("x", (2,), np.int32)
    body_graph = body.outputs(body.ADD(i, body.constant(1)), body.CONCATENATION(x, x, axis=0) if grows else body.ADD(x, x))
    build = Builder()
    out = [Tensor("i_out", (), np.dtype(np.int32)), Tensor("x_out", (2,), np.dtype(np.int32))]
    start = build.input("i", (), np.int32), build.input("x", (2,), np.int32)
    build.WHILE(*start, subgraphs=[cond_graph, body_graph], out=out)
    return of("growing" if grows else "static", "WHILE", build, out, np.int32(0), np.array([1, 5], np.int32))


def accumulator(initialized_once: bool) -> Case:
    """v += x, from 10 (set by CALL_ONCE) or from x itself."""
    build = Builder()
    x = build.input("x", (2, 3))
    if initialized_once:
        once = Builder(Graph("init"))
        once.ASSIGN_VARIABLE(handle(once), once.constant(np.full((2, 3), 10, np.float32)))
        build.CALL_ONCE(subgraphs=[once.outputs()])
    else:
        build.ASSIGN_VARIABLE(handle(build), x)
    variable = handle(build)
    total = build.ADD(build.READ_VARIABLE(variable, out=Tensor("before", (2, 3), np.dtype(np.float32))), x)
    build.ASSIGN_VARIABLE(variable, total)
    return of("once" if initialized_once else "assigned", "CALL_ONCE" if initialized_once else "ASSIGN_VARIABLE", build, [total], X, runs=3)


def handle(build: Builder) -> Tensor:
    return build.VAR_HANDLE(shared_name="v", out=Tensor(f"handle_{len(build.graph.tensors)}", (), RESOURCE))


def lookup(name: str, keys: np.ndarray, values: np.ndarray, queries: np.ndarray, default: np.ndarray) -> Case:
    """A table filled by CALL_ONCE, its answers to `queries` and its size."""
    types = {STRING: "STRING", np.dtype(np.int64): "INT64"}

    def table(build: Builder) -> Tensor:
        out = Tensor(f"table_{len(build.graph.tensors)}", (1,), RESOURCE)
        return build.HASHTABLE(table_id=7, key_dtype=types[keys.dtype], value_dtype=types[values.dtype], out=out)

    once = Builder(Graph("init"))
    once.HASHTABLE_IMPORT(table(once), once.constant(keys), once.constant(values))
    build = Builder()
    build.CALL_ONCE(subgraphs=[once.outputs()])
    found = build.HASHTABLE_FIND(table(build), build.input("queries", queries.shape, queries.dtype), build.constant(default))
    return of(name, "HASHTABLE_FIND", build, [found, build.HASHTABLE_SIZE(table(build))], queries, runs=2)


def cases() -> Iterator[Case]:
    for value in (True, False):
        build, y = selected("IF", np.bool_(value), branch("ABS"), branch("NEG"))
        yield of(str(value).lower(), "IF", build, [y], np.bool_(value), X)
    for index in (0, 1, 2, 7, -1):
        build, y = selected("STABLEHLO_CASE", np.int32(index), branch("ABS"), branch("NEG"), branch("MUL", 3.0))
        yield of(f"branch{index}", "STABLEHLO_CASE", build, [y], np.int32(index), X)
    yield counting_loop(grows=False)
    yield counting_loop(grows=True)
    yield accumulator(initialized_once=True)
    yield accumulator(initialized_once=False)
    build = Builder()
    operator, attributes = build.STABLEHLO_COMPOSITE, {"name": "test.double", "composite_attributes": flexbuffer.write({})}
    y = operator(build.input("x", (2, 3)), subgraphs=[branch("MUL", 2.0)], options=attributes)
    yield of("decomposed", "STABLEHLO_COMPOSITE", build, [y], X)
    words, numbers = np.array([b"one", b"two", b"six"], object), np.array([1, 2, 6], np.int64)
    yield lookup("strings", words, numbers, np.array([b"six", b"ten", b"one"], object), np.array([-1], np.int64))
    yield lookup("numbers", numbers, words, np.array([2, 3], np.int64), np.array([b"?"], object))
