"""Whole files from publisher to device: what each step promises."""

import json
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from tachylite import Builder, Model, TachyliteError
from tachylite.update import Limits, NetworkError, RefusedError, SpaceError, Store, UnfitError, UpdateError, guard
from tachylite.update.manifest import read_index
from tachylite.update.state import State

from .world import World, answer, net


def test_a_release_reaches_a_device(world: World) -> None:
    world.release(1, notes="the first", licence="Apache-2.0")
    store = world.device()
    [offer] = store.check()
    assert (offer.name, offer.version, offer.current, offer.problem) == ("net", "1", None, "")
    assert (offer.manifest.notes, offer.manifest.licence) == ("the first", "Apache-2.0")
    assert [r.op for r in offer.manifest.requires] == ["FULLY_CONNECTED"]
    before = store.fetcher.bytes
    seen = []
    assert store.download("net", lambda path, done, total: seen.append((path, done, total))) == "1"
    assert store.fetcher.bytes - before == offer.size
    assert seen[-1][1] == seen[-1][2]
    assert store.verify("net") == store.activate("net") == "1"
    assert answer(store.open("net")) == 1
    assert store.check() == []
    assert store.file("net").read_bytes() == (world.folder / "net-1.tflite").read_bytes()


def test_a_look_without_news_costs_two_requests(world: World) -> None:
    world.release(1)
    store = world.device()
    world.updated(store)
    before = store.fetcher.requests
    store.check()
    assert store.fetcher.requests - before == 2  # the next root, which is not there, and the timestamp


def test_files_that_did_not_change_are_not_fetched_again(world: World) -> None:
    world.release(1)
    store = world.device()
    world.updated(store)
    world.release(2, deltas=0)
    [offer] = store.check()
    inputs = offer.manifest.golden["inputs"]
    assert offer.size == sum(file.size for file in offer.manifest.needed()) - inputs.size


def test_a_live_model_swaps_in_this_process_and_in_others(world: World) -> None:
    world.release(1)
    store, other = world.device(), world.device()
    world.updated(store)
    here, there = store.open("net"), other.open("net")
    world.release(2)
    world.updated(store)
    assert answer(here) == 2
    assert here.version == "2"
    there._look_at = 0  # a second has passed
    for _ in range(500):
        if answer(there) == 2:
            break
        threading.Event().wait(0.01)
    assert there.version == "2"


def test_an_interpreter_and_a_signature_stay_with_their_version(world: World) -> None:
    world.release(1)
    store = world.device()
    world.updated(store)
    live = store.open("net")
    held = live.interpreter
    world.release(2)
    world.updated(store)
    held.set_tensor(held.get_input_details()[0]["index"], np.zeros((1, 4), np.float32))
    held.invoke()
    assert held.get_tensor(held.get_output_details()[0]["index"])[0, 0] == 1
    assert live.interpreter is not held


def test_what_a_device_has_works_without_a_network(world: World) -> None:
    world.release(1)
    world.updated(world.device())
    alone = Store(world.folder / "device", "http://127.0.0.1:9", limits=Limits(silence=0.2))
    assert answer(alone.open("net")) == 1
    with pytest.raises(NetworkError, match="Try again later"):
        alone.check()
    assert answer(alone.open("net")) == 1


def test_a_download_goes_on_where_it_ended(world: World) -> None:
    world.release(1, width=200_000)
    store = world.device()
    [offer] = store.check()

    class StopError(Exception):
        pass

    def stop(path: str, done: int, total: int) -> None:
        if path.endswith(".tflite") and done > total / 2:
            raise StopError

    with pytest.raises(StopError):
        store.download("net", stop)
    again = world.device()
    again.check()
    before = again.fetcher.bytes
    again.download("net")
    assert again.fetcher.bytes - before < 0.6 * offer.size
    assert again.activate("net") == "1"


def test_channels_have_their_own_releases(world: World) -> None:
    world.release(1)
    world.release(2, channel="beta")
    stable, beta = world.device("one"), world.device("two", channel="beta")
    assert [o.version for o in stable.check()] == ["1"]
    assert [o.version for o in beta.check()] == ["2"]
    world.publisher.add_channel("nightly")
    world.release(3, channel="nightly")
    assert [o.version for o in world.device("three", channel="nightly").check()] == ["3"]


def test_a_device_takes_the_models_that_it_wants(world: World) -> None:
    world.add(1, "a")
    world.release(2, "b")
    assert {o.name for o in world.device("all").check()} == {"a", "b"}
    assert {o.name for o in world.device("one", models=["b"]).check()} == {"b"}
    with pytest.raises(UpdateError, match="has no c; it has a, b"):
        world.device("none", models=["c"]).check()


def test_program_files_travel_with_the_model(world: World) -> None:
    world.release(1, programs=["baseline"])
    store = world.device(programs=["baseline"])
    world.updated(store)
    assert store.file("net", "baseline").read_bytes().startswith(b"TLP\n")
    world.release(2)
    [offer] = store.check()
    assert "no program file for baseline" in offer.problem
    with pytest.raises(UnfitError, match="no program file"):
        store.download("net")
    with pytest.raises(TachyliteError, match="has no program file for avx2; it has baseline"):
        store.file("net", "avx2")


# Tried before it is trusted.


def test_the_self_test_refuses_what_answers_otherwise_here(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.release(1)
    store = world.device()
    world.updated(store)
    live = store.open("net")
    honest = net(world.folder / "other.tflite", 5)
    monkeypatch.setattr("tachylite.update.publisher.fitness.load", lambda source: __import__("tachylite").load(honest))
    world.release(2)
    monkeypatch.undo()
    store.check()
    store.download("net")
    with pytest.raises(UnfitError, match="output 'y' of sample 0 is off by 3"):
        store.activate("net")
    assert answer(live) == answer(store.open("net")) == 1
    assert store.check() == []  # it is not offered again
    assert "self-test" in store.status()["models"]["net"]["rejected"]["2"]
    world.release(3)
    assert world.updated(store) == "3"


@pytest.mark.parametrize("dtype", [np.float32, np.int8])
def test_self_tests_compare_integers_exactly_and_floats_by_their_range(dtype: type) -> None:
    from tachylite.update.fitness import _difference

    expected = np.array([0, 100], dtype)
    assert _difference(expected, expected, 1e-3) == ""
    assert bool(_difference(expected + dtype(1), expected, 1e-3)) is True
    assert bool(_difference((expected + np.float32(0.05)).astype(dtype), expected, 1e-3)) is False
    assert "shape" in _difference(expected[:1], expected, 1e-3)
    if dtype is np.float32:
        assert _difference(np.array([np.nan, 100], dtype), expected, 1e-3)
        assert _difference(np.array([0, np.inf], dtype), expected, 1e-3)
        assert _difference(expected, np.array([0, np.inf], dtype), 1e-3)


def test_what_a_device_cannot_run_is_said_before_it_is_downloaded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tachylite.update.fitness.requirements", lambda model: [fitness.Requirement("FLUX", 1, ("float32",), True)])
    from tachylite.update import fitness

    world.release(1, runtime="99.0")
    monkeypatch.undo()
    [offer] = world.device().check()
    assert "needs Tachylite 99.0, this is" in offer.problem
    assert "custom operator FLUX" in offer.problem
    assert offer.size == 0


def test_a_model_that_answers_differently_each_time_has_no_self_test(world: World) -> None:
    build = Builder()
    x = build.input("x", (2,))
    path = world.folder / "random.tflite"
    Model.of(build.outputs(build.ADD(x, build.RANDOM_UNIFORM(build.constant(np.array([2], np.int32)))))).save(path)
    with pytest.raises(TachyliteError, match="no-self-test"):
        world.publisher.add(path, "random", "1")
    world.publisher.add(path, "random", "1", self_test=False)
    world.publisher.release()
    assert world.updated(world.device(), "random") == "1"


# Undone when it fails.


RUN = """
import os, sys
from tachylite.update import Store
live = Store(sys.argv[1]).open("net")
print(live.version, flush=True)
if sys.argv[2] == "confirm": live.confirm()
if sys.argv[2] == "wait": sys.stdin.read()
os._exit(1)  # as a crash would
"""


def start(world: World, what: str) -> str:
    """A process that opens the model; the version that it got."""
    done = subprocess.run([sys.executable, "-c", RUN, str(world.folder / "device"), what], capture_output=True, text=True, check=False)
    return done.stdout.strip() or done.stderr


def test_a_version_that_dies_before_it_is_confirmed_is_undone(world: World) -> None:
    world.release(1)
    store = world.device()
    world.updated(store)
    assert start(world, "die") == "1"
    assert start(world, "die") == "1"  # there is nothing to go back to
    world.release(2)
    world.updated(store)
    assert not store.status()["models"]["net"]["confirmed"]
    assert start(world, "die") == "2"
    assert start(world, "die") == "1"
    assert store.check() == []
    assert "ended before confirm()" in store.status()["models"]["net"]["rejected"]["2"]


def test_a_confirmed_version_stays(world: World) -> None:
    world.release(1)
    store = world.device()
    world.updated(store)
    world.release(2)
    world.updated(store)
    assert [start(world, what) for what in ("confirm", "die", "die")] == ["2", "2", "2"]


def test_processes_may_share_a_trial(world: World) -> None:
    world.release(1)
    store = world.device()
    world.updated(store)
    world.release(2)
    world.updated(store)
    arguments = [sys.executable, "-c", RUN, str(world.folder / "device"), "wait"]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "2\n"
        assert answer(store.open("net")) == 2  # the first one is alive, so that nothing has failed yet
        first.kill()
    assert answer(store.open("net")) == 1


def test_a_process_that_its_self_test_kills_does_not_try_again(world: World) -> None:
    world.release(1)
    store = world.device()
    world.updated(store)
    world.release(2)
    store.check()
    store.download("net")
    crash = "import os, sys; from tachylite.update import fitness, Store; fitness.self_test = lambda *_: os._exit(9)"
    code = f"{crash}; Store(sys.argv[1]).activate('net')"
    for _ in range(3):
        assert subprocess.run([sys.executable, "-c", code, store.directory], check=False).returncode == 9
        assert store.verify("net") == "2"
    with pytest.raises(UnfitError, match="its self-test ended the process"):
        store.activate("net")
    assert answer(store.open("net")) == 1
    assert store.check() == []


def test_processes_are_told_apart() -> None:
    me = guard.this_process()
    assert guard.is_alive(me)
    boot, pid, started = me.split("/")
    assert not guard.is_alive(f"another boot/{pid}/{started}")
    assert not guard.has_crashed(f"another boot/{pid}/{started}")
    assert not guard.has_crashed(me)
    assert guard.has_crashed(f"{boot}/{pid}/1")
    assert not guard.is_alive(f"{boot}/{pid}/1")
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
        assert not guard.is_alive(f"{boot}/{process.pid}/1")


def test_rollback_and_pin(world: World) -> None:
    world.release(1)
    store = world.device()
    world.updated(store)
    with pytest.raises(UpdateError, match="no version to go back to"):
        store.rollback("net")
    world.release(2)
    world.updated(store)
    live = store.open("net")
    assert store.rollback("net") == "1"
    assert answer(live) == 1
    assert store.check() == []
    store.pin("net", "2")
    assert world.updated(store) == "2"
    world.release(3)
    assert store.check() == []
    store.pin("net", "7")
    with pytest.raises(UpdateError, match="pinned to 7"):
        store.check()
    store.pin("net", None)
    assert [o.version for o in store.check()] == ["3"]


def test_old_versions_and_drafts_are_removed(world: World) -> None:
    store = world.device()
    for number in range(1, 5):
        world.release(number)
        world.updated(store)
    kept = State.load(store.directory / "state.json").files()
    assert {path.name for path in (store.directory / "objects").iterdir()} == kept
    assert list((store.directory / "drafts").iterdir()) == []
    assert store.status()["models"]["net"]["previous"] == ["3"]
    keeper = world.device("keeper", keep=2)
    for number in range(5, 9):
        world.release(number)
        world.updated(keeper)
    assert keeper.status()["models"]["net"]["previous"] == ["7", "6"]


def test_a_damaged_file_is_passed_over(world: World) -> None:
    world.release(1)
    store = world.device()
    world.updated(store)
    world.release(2)
    world.updated(store)
    store.confirm("net")
    path = store.file("net")
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    assert answer(store.open("net")) == 1
    path = store.file("net")
    path.write_bytes(b"")
    with pytest.raises(UpdateError, match="every version of net is damaged"):
        store.open("net")
    assert world.updated(store) == "2"
    assert answer(store.open("net")) == 2


def test_files_that_change_between_download_and_activation_are_noticed(world: World) -> None:
    world.release(1)
    store = world.device()
    store.check()
    store.download("net")
    for path in (store.directory / "objects").iterdir():
        path.write_bytes(b"?" * path.stat().st_size)
    with pytest.raises(RefusedError, match="changed on this disk"):
        store.activate("net")


# Bounds and mistakes.


def test_bounds(world: World) -> None:
    world.release(1, width=10_000)
    for limits in (Limits(file_bytes=1000), Limits(store_bytes=10_000)):
        store = world.device(limits=limits)
        store.check()
        with pytest.raises(SpaceError, match="bytes"):
            store.download("net")
        assert store.status()["bytes"] < 10_000


def test_one_update_at_a_time(world: World) -> None:
    world.release(1)
    store = world.device()
    with store._folder.lock("update"), pytest.raises(UpdateError, match="under way"):
        world.device().check()


def test_mistakes_are_explained(world: World) -> None:
    with pytest.raises(UpdateError, match="no store yet"):
        Store(world.folder / "new")
    store = world.device()
    with pytest.raises(UpdateError, match="has no 'net' yet"):
        store.open("net")
    with pytest.raises(UpdateError, match="waiting to be activated"):
        store.activate("net")
    world.release(1)
    world.updated(store)
    with pytest.raises(UpdateError, match="nothing to download"):
        store.download("net")
    (store.directory / "state.json").write_text("{")
    with pytest.raises(TachyliteError, match="is damaged"):
        world.device()


# The publisher.


def test_inputs_and_outputs_do_not_change_by_accident(world: World) -> None:
    world.release(1)
    with pytest.raises(UpdateError, match=r"outputs y: float32\[1, 10\] instead of y: float32\[1, 64\]"):
        world.add(2, width=10)
    world.add(2, width=10, new_interface=True)


def test_the_publisher_explains_mistakes(world: World, tmp_path: Path) -> None:
    publisher = world.publisher
    for wrong, message in (
        (lambda: publisher.init(), "holds a repository already"),
        (lambda: publisher.release(), "nothing to release"),
        (lambda: world.add(1, channel="gamma"), "no channel 'gamma'"),
        (lambda: world.add(1, name="../net"), "cannot be a name"),
        (lambda: publisher.change("net", "1", halted=True), "has no release net 1; it has none"),
        (lambda: publisher.rotate_keys("cook"), "no role 'cook'"),
        (lambda: publisher.add_channel("root"), "role of TUF"),
        (lambda: publisher.add_channel("beta"), "already"),
        (lambda: type(publisher)(tmp_path / "x").release(), "holds no repository"),
        (lambda: type(publisher)(tmp_path / "y").init(threshold=4), "4 of 3 root keys"),
    ):
        with pytest.raises(TachyliteError, match=message):
            wrong()
    world.release(1)
    with pytest.raises(UpdateError, match="exists in stable"):
        world.add(1)
    with pytest.raises(UpdateError, match=r"a rollout of 101"):
        publisher.change("net", "1", rollout=101)


def test_root_keys_may_be_elsewhere(world: World) -> None:
    keys, offline = world.folder / "publisher" / "keys", world.folder / "offline"
    offline.mkdir()
    for path in keys.glob("root-*.pem"):
        assert path.stat().st_mode & 0o077 == 0
        path.rename(offline / path.name)
    world.release(1)
    assert world.updated(world.device()) == "1"
    with pytest.raises(UpdateError, match="2 keys of the role root are needed"):
        world.publisher.rotate_keys("timestamp")
    from tachylite.update import Publisher

    Publisher(world.folder / "publisher", [offline]).rotate_keys("timestamp")
    assert world.device().check() == []


def test_renewing_signs_what_is_due(world: World) -> None:
    world.release(1)
    store = world.device()
    world.updated(store)
    assert world.publisher.renew() == ["timestamp"]
    before = store.fetcher.requests
    assert store.check() == []
    assert store.fetcher.requests - before == 2
    from tachylite.update import Publisher

    short = Publisher(world.folder / "publisher", days={"channel": 400})
    assert short.renew() == ["stable", "beta", "snapshot", "timestamp"]
    assert store.check() == []


def test_a_released_file_never_changes(world: World) -> None:
    world.release(1)
    before = {path: path.read_bytes() for path in world.public.rglob("*") if path.is_file() and path.name != "timestamp.json"}
    world.release(2)
    world.publisher.change("net", "1", withdrawn=True)
    assert all(path.read_bytes() == content for path, content in before.items())


def test_only_the_newest_releases_are_shown(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tachylite.update.publisher.LISTED", 2)
    world.release(1)
    store = world.device()
    world.updated(store)
    for number in (2, 3, 4):
        world.release(number)
    assert world.updated(store) == "4"  # from a version that is not listed any more
    index = read_index(store._objects.read(store._folder.load().index))
    assert [listing.version for listing in index["net"]] == ["3", "4"]


def test_state_is_readable_by_others(world: World) -> None:
    """What docs/updates.md says of the folder."""
    world.release(1)
    store = world.device()
    world.updated(store)
    state = json.loads((store.directory / "state.json").read_text())
    model = state["models"]["net"]
    manifest = model["releases"][model["active"]]
    assert (store.directory / "objects" / manifest["model"]["sha256"]).stat().st_size == manifest["model"]["size"]
