"""The memory plan: values that live at the same time never overlap, whatever the graph."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tachylite import Builder, Graph, Model
from tachylite.model.errors import TachyliteError
from tachylite.program.lower import lower
from tachylite.program.memory import lifetimes
from tachylite.program.program import Kind
from tachylite.program.target import Target

from .graphs import run
from .test_lowering import loop_reading_an_outer_value

SIZES = st.integers(1, 40)


def reshaped(again: bool) -> tuple[int, int]:
    """Offsets of a RESHAPE's input and output; the input is used `again` afterwards."""
    build = Builder()
    a = build.NEG(build.input("x", (6,), np.int32))
    b = build.RESHAPE(a, build.constant(np.array([2, 3], np.int32)))
    program = lower(Model.of(build.outputs(build.NEG(b), *([build.NEG(a)] if again else []))), target=Target("baseline"))
    values = program.entries["main"].values
    return program.values[values[a]].offset, program.values[values[b]].offset


def test_a_reshape_takes_over_memory_that_nobody_needs() -> None:
    source, target = reshaped(again=False)
    assert source == target


def test_a_reshape_leaves_memory_that_is_needed_again() -> None:
    source, target = reshaped(again=True)
    assert source != target


def test_what_is_larger_than_the_memory_is_refused() -> None:
    build = Builder()
    model = Model.of(build.outputs(build.NEG(build.NEG(build.input("x", (300,))))))
    with pytest.raises(TachyliteError, match=r"tensor 'x' of shape \[300\] takes 1,200 bytes of memory, there are 1,000"):
        lower(model, target=Target("baseline", memory_bytes=1000))
    with pytest.raises(TachyliteError, match=r"the model takes 3,616 bytes"):
        lower(model, target=Target("baseline", memory_bytes=3000))
    assert lower(model, target=Target("baseline", memory_bytes=3616)).arena_size == 1216


def test_sizes_beyond_all_numbers_are_refused() -> None:
    build = Builder()
    model = Model.of(build.outputs(build.NEG(build.input("x", (2**31 - 1, 2**30)))))
    with pytest.raises(TachyliteError, match="use smaller"):
        lower(model)


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Random graphs of unary operators, sums and concatenations over values of many sizes."""
    build = Builder()
    pool = [build.input("x", (draw(SIZES),), np.int32)]
    for _ in range(draw(st.integers(1, 15))):
        a, b = draw(st.sampled_from(pool)), draw(st.sampled_from(pool))
        kind = draw(st.sampled_from(["NEG", "ADD", "CONCATENATION"]))
        if kind == "NEG":
            pool.append(build.NEG(a))
        elif kind == "ADD":
            pool.append(build.ADD(a, build.constant(np.full(a.shape, 3, np.int32))))
        elif a.size + b.size < 500:
            pool.append(build.CONCATENATION(a, b, axis=0))
    return build.outputs(*draw(st.lists(st.sampled_from(pool), min_size=1, max_size=3)))


@given(graphs())
def test_values_that_live_together_do_not_overlap(graph: Graph) -> None:
    program = lower(Model.of(graph))
    entry = program.entries["main"]
    alive = [(program.values[v], i) for v, i in lifetimes(entry).items() if program.values[v].kind is Kind.ARENA]
    for n, (a, first) in enumerate(alive):
        assert a.offset % program.target.alignment == 0
        assert a.offset + a.nbytes <= program.arena_size
        for b, second in alive[:n]:
            together = first.first < second.last and second.first < first.last
            assert not together or a.offset + a.nbytes <= b.offset or b.offset + b.nbytes <= a.offset


@given(graphs(), st.integers(-9, 9))
def test_sharing_memory_changes_no_result(graph: Graph, seed: int) -> None:
    x = np.arange(graph.inputs[0].size, dtype=np.int32) * seed
    for shared, apart in zip(run(graph, x), run(graph, x, experimental_preserve_all_tensors=True), strict=True):
        np.testing.assert_array_equal(shared, apart)


def test_a_loop_keeps_what_it_reads() -> None:
    entry = lower(Model.of(loop_reading_an_outer_value())).entries["main"]
    intervals = lifetimes(entry)
    end = max(p for p, i in enumerate(entry.code) if type(i).__name__ == "Jump")
    assert all(i.last >= end for v, i in intervals.items() if i.first == 0 and v in entry.values.values() and v not in entry.inputs)


def test_memory_is_used_again() -> None:
    build = Builder()
    x = build.input("x", (1000,))
    for _ in range(20):
        x = build.TRANSPOSE(x, build.constant(np.array([0], np.int32)))
    assert lower(Model.of(build.outputs(x))).arena_size <= 2 * 4032
