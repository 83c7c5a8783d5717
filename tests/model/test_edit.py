"""Editing a graph: what is replaced, inserted and erased, and what an impossible edit leaves untouched."""

import numpy as np
import pytest

import tachylite
from tachylite import Builder, Model, TachyliteError, Tensor
from tachylite.model.graph import Graph, Operator

X = np.array([-2, 3], np.float32)


def chain() -> Graph:
    """y = abs(-x)."""
    build = Builder()
    return build.outputs(build.ABS(build.NEG(build.input("x", (2,)), name="negated"), name="y"))


def run(graph: Graph) -> list[float]:
    return tachylite.load(Model.of(graph))(X).tolist()


def test_an_operator_is_erased_once_nothing_reads_it() -> None:
    graph = chain()
    negation, absolute = graph.operators
    graph.replace(absolute.outputs[0], negation.outputs[0])
    graph.erase(absolute)
    graph.verify()
    assert [t.name for t in graph.tensors] == ["x", "negated"]
    assert run(graph) == [2, -3]


def test_erasing_what_is_read_changes_nothing() -> None:
    graph = chain()
    before = list(graph.operators), list(graph.tensors)
    for op in before[0]:
        with pytest.raises(TachyliteError, match="still read"):
            graph.erase(op)
    assert (graph.operators, graph.tensors) == before
    assert run(graph) == [2, 3]


def test_an_operator_is_inserted_before_another() -> None:
    graph = chain()
    (negation, absolute), middle = graph.operators, Tensor("squared", (2,), np.dtype(np.float32))
    absolute.inputs = [middle]
    graph.insert_before(absolute, Operator("SQUARE", [negation.outputs[0]], [middle]))
    graph.verify()
    assert graph.producer(middle) is graph.operators[1]
    assert graph.consumers(middle) == [absolute]
    assert run(graph) == [4, 9]
