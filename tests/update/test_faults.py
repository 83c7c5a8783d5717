"""Whatever step of an update fails, the device has the old version or the new one, whole, and the next update succeeds."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tachylite.update import SpaceError, Store, UpdateError

from .faults import Death, Faults
from .world import World, answer

EVERY = int(os.environ.get("TACHYLITE_FAULT_STEPS", "3"))
"""Every so many steps fail; with 1 it is every one, which takes minutes."""

KINDS = ["kill", "power", "cut", "mixed"]


@pytest.fixture
def prepared(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """Version 1 is active and confirmed, version 2 is released, with a delta."""
    monkeypatch.undo()  # faults see how the disk is asked to flush
    world.release(1, width=300)
    world.updated(world.device("before"))
    world.release(2, width=300)
    return world


def fresh(world: World) -> Path:
    """The device, as it was before the update."""
    folder = world.folder / "device"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(world.folder / "before", folder, symlinks=True)
    return folder


def update(folder: Path) -> None:
    store = Store(folder)
    for offer in store.check():
        store.download(offer.name)
        store.activate(offer.name)
        store.confirm(offer.name)


def trusted(folder: Path) -> dict[str, int]:
    """The versions of TUF's roles that the device has seen, which protect it from older ones."""
    state = json.loads((folder / "state.json").read_text())
    files = (folder / "trust" / str(state["trust"])).glob("*.json")
    return {path.stem: int(json.loads(path.read_text())["signed"]["version"]) for path in files}


def check_whole(folder: Path, since: dict[str, int]) -> None:
    """The store opens with the old version or the new one, remembers what it trusted, and gets to the new one."""
    assert answer(Store(folder).open("net")) in (1, 2)
    now = trusted(folder)
    assert all(now.get(role, 0) >= version for role, version in since.items())
    update(folder)
    assert answer(Store(folder).open("net")) == 2
    kept = {path.name for path in (folder / "objects").iterdir()}
    assert all(len(name) == 64 for name in kept)


def steps(world: World) -> Faults:
    """All steps of one update."""
    folder = fresh(world)
    faults = Faults(folder)
    with faults.installed():
        update(folder)
    return faults


def test_an_update_has_many_steps(prepared: World) -> None:
    log = steps(prepared).log
    assert len(log) > 80
    assert {word.split()[0] for word in log} >= {"open", "write", "fsync", "rename", "remove", "mkdir", "copy"}
    assert any("timestamp" in word or "tmp" in word for word in log)  # those of python-tuf too


@pytest.mark.parametrize("kind", KINDS)
def test_death_at_any_step(prepared: World, kind: str) -> None:
    since = trusted(prepared.folder / "before")
    for at in range(KINDS.index(kind) % EVERY, steps(prepared).steps, EVERY):
        folder = fresh(prepared)
        faults = Faults(folder, at, kind)
        with pytest.raises(Death), faults.installed():
            update(folder)
        try:
            check_whole(folder, since)
        except BaseException as problem:
            raise AssertionError(f"after step {at} of {kind}, {faults.log[-1]}") from problem


def test_a_disk_that_is_full_from_any_step_on(prepared: World) -> None:
    since = trusted(prepared.folder / "before")
    live = Store(prepared.folder / "before").open("net")
    refused = 0
    for at in range(0, steps(prepared).steps, EVERY):
        folder = fresh(prepared)
        faults = Faults(folder, at, "full")
        with faults.installed():
            try:
                update(folder)
            except (SpaceError, OSError):
                refused += 1
            assert answer(Store(folder).open("net")) in (1, 2)  # while the disk is still full
        assert answer(live) == 1
        check_whole(folder, since)
    assert refused > 30 / EVERY


def test_death_in_the_first_installation(prepared: World) -> None:
    folder = prepared.folder / "new"

    def install() -> None:
        Store(folder, prepared.url, prepared.root)
        update(folder)

    faults = Faults(folder)
    with faults.installed():
        install()
    for at in range(0, faults.steps, 3 * EVERY):
        shutil.rmtree(folder)
        with pytest.raises(Death), Faults(folder, at, "cut").installed():
            install()
        install()
        assert answer(Store(folder).open("net")) == 2


RUN = """
import sys
from tachylite.update import Store
from tests.update.test_faults import update
print("ready", flush=True)
sys.stdin.readline()
update(sys.argv[1])
"""


@pytest.fixture
def processes(prepared: World) -> Iterator[subprocess.Popen[str]]:
    """Processes that are about to update the device."""
    arguments = [sys.executable, "-c", RUN, str(prepared.folder / "device")]
    started = [
        subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])
        for _ in range(4)
    ]
    yield iter(started)
    for process in started:
        process.kill()
        process.communicate()


def test_processes_that_are_killed(prepared: World, processes: Iterator[subprocess.Popen[str]]) -> None:
    """Real ones, at random times."""
    since = trusted(prepared.folder / "before")
    for process in processes:
        folder = fresh(prepared)
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        process.stdin.write("go\n")
        process.stdin.flush()
        time.sleep(random.uniform(0, 0.15))
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        check_whole(folder, since)


def test_other_problems_of_the_disk_are_not_taken_for_a_full_one(prepared: World, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = fresh(prepared)
    (folder / "drafts").rmdir()
    (folder / "drafts").write_text("")
    with pytest.raises((OSError, UpdateError)) as caught:
        update(folder)
    assert not isinstance(caught.value, SpaceError)
