"""Partitioning on numbers alone: every node once, in a possible order, and no two units that could be one."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tachylite.program.units import arrange

Nodes = tuple[list[set[int]], list[int | None]]


@st.composite
def claimed_graphs(draw: st.DrawFn) -> Nodes:
    """Up to 14 nodes with some of the nodes before them as sources, claimed by nobody or one of two."""
    count = draw(st.integers(1, 14))
    sources = [draw(st.sets(st.integers(0, i - 1), max_size=3)) if i else set() for i in range(count)]
    return sources, draw(st.lists(st.sampled_from([None, 0, 1]), min_size=count, max_size=count))


def is_possible(sources: list[set[int]], units: list[set[int]]) -> bool:
    """Whether these units can run in some order: whether one after another can be found whose sources have all run."""
    left, done = list(units), set()
    while ready := [u for u in left if all(sources[i] <= done | u for i in u)]:
        done |= set().union(*ready)
        left = [u for u in left if u not in ready]
    return not left


@given(claimed_graphs())
def test_units_run_in_turn_and_are_maximal(nodes: Nodes) -> None:
    sources, claims = nodes
    units = arrange(sources, claims)
    assert sorted(i for unit in units for i in unit) == list(range(len(sources)))
    done: set[int] = set()
    for unit in units:
        assert len({claims[i] for i in unit}) == 1
        assert len(unit) == 1 or claims[unit[0]] is not None
        done |= set(unit)
        assert all(sources[i] <= done for i in unit)
    for a, b in combinations(units, 2):
        if claims[a[0]] is not None and claims[a[0]] == claims[b[0]]:
            others = [set(unit) for unit in units if unit not in (a, b)]
            assert not is_possible(sources, [*others, {*a, *b}]), "two units could be one"


@given(st.lists(st.sets(st.integers(0, 100), max_size=2), max_size=12))
def test_without_claims_all_stays_in_order(sources: list[set[int]]) -> None:
    sources = [{s for s in nodes if s < i} for i, nodes in enumerate(sources)]
    assert arrange(sources, [None] * len(sources)) == [[i] for i in range(len(sources))]


def test_effects_keep_their_order() -> None:
    """0 and 2 have effects; 1 and 3 are claimed, and 3 would be ready before 2."""
    assert arrange([set(), set(), {1}, set()], [None, 0, None, 0], ordered=[0, 2]) == [[0], [1, 3], [2]]
    assert arrange([set(), {0}, set(), {2}], [None, 0, None, 0], ordered=[0, 2]) == [[0], [2], [1, 3]]
    assert arrange([set(), {0}, {1}, {2}], [0, None, None, 0], ordered=[1, 2]) == [[0], [1], [2], [3]]


@pytest.mark.parametrize("count", [3000])
def test_long_models_are_partitioned(count: int) -> None:
    """A chain that changes hands at every tenth node: nothing here may be quadratic in the nodes."""
    units = arrange([{i - 1} if i else set() for i in range(count)], [None if i % 10 == 9 else 0 for i in range(count)])
    assert [len(unit) for unit in units] == [9, 1] * (count // 10)
