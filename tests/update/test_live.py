"""Versions change while others call: no call fails, none gets a wrong answer, and no memory stays behind."""

import gc
import threading
import time

import pytest

from tachylite.runtime.loaded import LoadedModel
from tachylite.update import Live, Store

from .world import World, X

THREADS, VERSIONS = 8, 50


def loaded() -> int:
    """Models that are in memory."""
    return sum(isinstance(each, LoadedModel) for each in gc.get_objects())


class Callers:
    """Threads that call a model all the time, and look whether the answer is that of a version which was active meanwhile."""

    def __init__(self, lives: list[Live]):
        self.wrong: list[object] = []
        self.calls = 0
        self.seen: set[float] = set()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=[live]) for live in lives]

    def _run(self, live: Live) -> None:
        while not self._stop.is_set():
            before = float(live.version)
            try:
                answers = set(live(X)[0].tolist())
            except Exception as problem:
                self.wrong.append(problem)
                return
            after = float(live.version)
            if len(answers) != 1 or not before <= min(answers) <= after:
                self.wrong.append((before, answers, after))
            self.seen |= answers
            self.calls += 1
            time.sleep(0.002)  # so that the updates get their turn too

    def __enter__(self) -> "Callers":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()


@pytest.mark.parametrize("handles", [1, THREADS])
def test_swapping_under_load(world: World, monkeypatch: pytest.MonkeyPatch, handles: int) -> None:
    versions = VERSIONS if handles == 1 else 5
    monkeypatch.setattr("tachylite.update.publisher.LISTED", versions)
    for number in range(1, versions + 1):
        world.add(number, deltas=0)
    world.publisher.release()
    store = world.device()
    store.pin("net", "1")
    world.updated(store)
    gc.collect()
    before = loaded()
    lives = [store.open("net") for _ in range(handles)]
    with Callers(lives * (THREADS // handles)) as callers:
        for number in range(2, versions + 1):
            store.pin("net", f"{number}")
            world.updated(store)
            store.confirm("net")
    assert callers.wrong == []
    assert callers.calls > 100
    assert len(callers.seen) > versions / 2
    assert [live.version for live in lives] == [f"{versions}"] * handles
    for live in lives:
        live._collect()  # as the next look does
    assert loaded() - before == handles


def test_what_is_left_of_a_call_is_freed_at_the_next_look(world: World) -> None:
    world.release(1)
    store = world.device()
    world.updated(store)
    live = store.open("net")
    held = live.model
    world.release(2)
    world.updated(store)
    assert live._retired is not None
    assert live._retired() is held
    del held
    live._look_at = 0
    live(X)
    for _ in range(500):
        if live._retired is None:
            break
        threading.Event().wait(0.01)
    assert live._retired is None


def test_a_version_that_another_process_activates_and_that_is_damaged_changes_nothing(world: World) -> None:
    world.release(1)
    store, other = world.device(), Store(world.folder / "device")
    world.updated(store)
    live = store.open("net")
    world.release(2)
    world.updated(other)
    other.file("net").write_bytes(b"")
    live._follow(live)
    assert live(X)[0, 0] == 1
