"""Staged rollouts: right shares, nobody falls back out, and what is halted stays where it is."""

import importlib
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tachylite.update import rollout
from tachylite.update.manifest import Listing

from .world import World, answer

FIRST, SECOND = Listing("1", 1, ""), Listing("2", 2, "")


def test_places_are_uniform_stable_and_differ_between_releases() -> None:
    places = np.array([[rollout.position(f"device {i}", "net", version) for version in "12"] for i in range(5000)])
    assert ((places >= 0) & (places < 100)).all()
    assert np.abs(np.sort(places, axis=0) - np.linspace(0, 100, 5000)[:, None]).max() < 3
    assert abs(np.corrcoef(places.T)[0, 1]) < 0.05
    assert rollout.position("device 7", "net", "1") == places[7, 0]
    assert rollout.position("a", "b", "1") == pytest.approx(46.98927368)  # as docs/updates.md says, for other clients


@given(st.text(max_size=8), st.floats(0, 100), st.floats(0, 100))
def test_a_rollout_is_monotone(device: str, low: float, high: float) -> None:
    low, high = sorted((low, high))
    at = {share: rollout.choose(device, "net", [FIRST, replace(SECOND, rollout=share)], "1") for share in (low, high)}
    if at[low] is not None:
        assert at[high] is not None
    for share in (low, high):  # whoever has it keeps it
        assert rollout.choose(device, "net", [FIRST, replace(SECOND, rollout=share)], "2") is None


@pytest.mark.parametrize(
    ("releases", "current", "refused", "chosen"),
    [
        ([FIRST, SECOND], None, (), "2"),
        ([FIRST, replace(SECOND, rollout=0)], None, (), "1"),
        ([FIRST, replace(SECOND, halted=True)], None, (), "1"),
        ([FIRST, replace(SECOND, halted=True)], "1", (), None),
        ([FIRST, replace(SECOND, halted=True)], "2", (), None),
        ([FIRST, replace(SECOND, withdrawn=True)], "2", (), "1"),
        ([FIRST, replace(SECOND, withdrawn=True)], "1", (), None),
        ([replace(FIRST, withdrawn=True), SECOND], "1", (), "2"),
        ([FIRST, replace(SECOND, withdrawn=True)], "2", ("1",), None),
        ([FIRST, SECOND], "1", ("2",), None),
        ([FIRST, SECOND], "0", (), "2"),  # a version that is not listed any more
        ([replace(SECOND, withdrawn=True)], "2", (), None),
        ([], None, (), None),
    ],
)
def test_choices(releases: list[Listing], current: str | None, refused: tuple[str, ...], chosen: str | None) -> None:
    found = rollout.choose("device", "net", releases, current, refused)
    assert (found and found.version) == chosen


def test_a_small_fleet(monkeypatch: pytest.MonkeyPatch) -> None:
    """As tools/simulate_fleet.py simulates a large one."""
    monkeypatch.setattr(sys, "path", [str(Path(__file__).parents[2] / "tools"), *sys.path])
    simulation = importlib.import_module("simulate_fleet")
    fleet = simulation.Fleet(4000)
    releases = [FIRST, replace(SECOND, rollout=0)]
    before = fleet.versions
    for share in (1, 10, 50, 100):
        releases[1] = replace(SECOND, rollout=share)
        fleet.look(releases)
        assert abs(100 * np.mean(fleet.versions == 2) - share) < 2.5
        assert (fleet.versions >= before).all()
        before = fleet.versions
    third = Listing("3", 3, "", 10)
    fleet.look([*releases, third])
    reached = np.count_nonzero(fleet.versions == 3)
    for changed, expected in ((replace(third, halted=True, rollout=100), reached), (replace(third, withdrawn=True), 0)):
        fleet.look([*releases, changed])
        assert np.count_nonzero(fleet.versions == 3) == expected


def test_a_rollout_over_real_devices(world: World) -> None:
    world.release(1)
    devices = [world.device(f"device {i}") for i in range(6)]
    for store in devices:
        world.updated(store)
    world.release(2, rollout=0)
    places = sorted(rollout.position(store._folder.load().device, "net", "2") for store in devices)
    world.publisher.change("net", "2", rollout=(places[2] + places[3]) / 2)
    offered = [store for store in devices if store.check()]
    assert len(offered) == 3
    for store in offered:
        world.updated(store)
    world.publisher.change("net", "2", halted=True, rollout=100)
    assert not any(store.check() for store in devices)
    world.publisher.change("net", "2", withdrawn=True)
    for store in offered:
        [offer] = store.check()
        assert (offer.version, offer.size) == ("1", 0)  # which is here still
        world.updated(store)
        assert answer(store.open("net")) == 1
