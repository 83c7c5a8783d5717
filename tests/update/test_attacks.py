"""The attacks that TUF's specification lists (section 1.5.2), each over HTTP: all refused, with the active model still running.

The attacker runs the server that the device asks, and has whatever an attacker may get: old files, another publisher's tools, stolen keys.
"""

import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tuf.api.metadata import Metadata, TargetFile

from tachylite.update import Limits, Live, NetworkError, Publisher, RefusedError, Store, UpdateError, keys
from tachylite.update.manifest import read_index, write_index

from . import web
from .world import QUICK, World, answer


class Scene:
    """A device that runs version 1 and asks the attacker's server, whose files are the publisher's at first."""

    def __init__(self, world: World, url: str, mirror: Path):
        self.world = world
        self.honest = world.url
        self.mirror = mirror
        self.store = world.device()
        world.updated(self.store)
        self.live: Live = self.store.open("net")
        self.ask(url)

    def ask(self, url: str, limits: Limits | None = None) -> None:
        """Let the device ask another server from now on."""
        self.store = Store(self.world.folder / "device", url, limits=limits)

    def copy(self) -> None:
        """The attacker gets what the publisher has published by now."""
        for path in self.mirror.iterdir():
            shutil.rmtree(path)
        shutil.copytree(self.world.public, self.mirror, dirs_exist_ok=True)

    def metadata(self, role: str) -> Path:
        """The newest metadata of a role that the attacker has."""
        folder = self.mirror / "metadata"
        return max(folder.glob(f"*{role}.json"), key=lambda path: int(path.name.split(".")[0]) if path.name[0].isdigit() else 0)

    def target(self, name: str) -> Path:
        """A file of the channel that the attacker has."""
        [path] = (self.mirror / "targets" / "stable").glob(f"*.{name}")
        return path

    def update(self) -> None:
        for offer in self.store.check():
            self.store.download(offer.name)
            self.store.activate(offer.name)

    def fails(self, kind: type[UpdateError] | tuple[type[UpdateError], ...], message: str) -> None:
        """An update is refused, and the device goes on with what it has, in this process and in the next."""
        before = answer(self.live)
        with pytest.raises(kind, match=message):
            self.update()
        assert answer(self.live) == before
        assert answer(self.world.device().open("net")) == before

    def recovers(self, number: float) -> None:
        """With the honest server, the device gets what is honest."""
        self.ask(self.honest)
        self.update()
        assert self.store.version("net") == f"{number:g}"


@pytest.fixture
def scene(world: World, tmp_path: Path) -> Iterator[Scene]:
    world.release(1)
    mirror = tmp_path / "mirror"
    shutil.copytree(world.public, mirror)
    with web.files(mirror, tmp_path / "nginx") as url:
        yield Scene(world, url, mirror)


@pytest.fixture
def evil(scene: Scene) -> Publisher:
    """Another publisher's repository with the same names, in the attacker's hands."""
    folder = scene.world.folder / "evil"
    publisher = Publisher(folder)
    publisher.init()
    for number in (1, 2, 666):
        publisher.add(scene.world.folder / "net-1.tflite", "net", f"{number}", self_test=False)
    publisher.release()
    return publisher


def forge(scene: Scene, role: str, change: Callable[[Any], None], signed_by: Publisher | None = None) -> None:
    """Change metadata that the attacker has, signed by keys of `signed_by` where there are any, as the next version."""
    path = scene.metadata(role)
    metadata = Metadata.from_bytes(path.read_bytes())
    change(metadata.signed)
    if signed_by is not None:
        metadata.signed.version += 1
        metadata.signatures.clear()
        for key in signed_by.repository.keys.glob(f"{role}-*.pem"):
            metadata.sign(keys.read(key), append=True)
    name = path.name if role == "timestamp" else f"{metadata.signed.version}.{role}.json"
    (path.parent / name).write_bytes(metadata.to_bytes())


def republish(scene: Scene, publisher: Publisher) -> None:
    """Sign snapshot and timestamp of what the attacker has, with stolen keys of these two roles."""

    def in_snapshot(signed: Any) -> None:
        for file, info in signed.meta.items():
            info.version = Metadata.from_bytes(scene.metadata(file.removesuffix(".json")).read_bytes()).signed.version

    def in_timestamp(signed: Any) -> None:
        content = scene.metadata("snapshot").read_bytes()
        signed.snapshot_meta = type(signed.snapshot_meta).from_data(json.loads(content)["signed"]["version"], content, ["sha256"])

    forge(scene, "snapshot", in_snapshot, publisher)
    forge(scene, "timestamp", in_timestamp, publisher)


# Arbitrary software installation.


def test_arbitrary_files_are_refused(scene: Scene) -> None:
    scene.world.release(2)
    scene.copy()
    for path in (scene.mirror / "targets" / "stable").glob("*net@2*"):
        path.write_bytes(bytes(path.stat().st_size))
    scene.fails(RefusedError, "not what the publisher signed")
    scene.recovers(2)


def test_another_publisher_is_refused(scene: Scene, evil: Publisher) -> None:
    shutil.rmtree(scene.mirror / "metadata")
    shutil.copytree(evil.public, scene.mirror, dirs_exist_ok=True)
    scene.fails(RefusedError, "not what the publisher signed")
    (scene.mirror / "metadata" / "2.root.json").write_bytes((evil.public / "metadata" / "1.root.json").read_bytes())
    scene.fails(RefusedError, "not what the publisher signed")


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "stable"])
def test_metadata_without_the_right_signature_are_refused(scene: Scene, evil: Publisher, role: str) -> None:
    scene.world.release(2)
    scene.copy()
    forge(scene, role, lambda signed: None, evil)
    if role == "snapshot":  # let the timestamp point at it, with the stolen key of the timestamp alone
        republish_timestamp_only(scene)
    if role == "stable":
        republish(scene, scene.world.publisher)  # with stolen keys of timestamp and snapshot
    scene.fails(RefusedError, "not what the publisher signed")


def republish_timestamp_only(scene: Scene) -> None:
    def change(signed: Any) -> None:
        content = scene.metadata("snapshot").read_bytes()
        signed.snapshot_meta = type(signed.snapshot_meta).from_data(json.loads(content)["signed"]["version"], content, ["sha256"])

    forge(scene, "timestamp", change, scene.world.publisher)


# Endless data.


@pytest.mark.parametrize("what", ["timestamp.json", "2.root.json", "net@2.tflite", "index.json"])
def test_endless_data_is_cut_off(scene: Scene, what: str) -> None:
    scene.world.release(2, deltas=0)
    sent = 0

    def endless(path: str, send: Callable[[bytes], None]) -> bool:
        nonlocal sent
        if not path.endswith(what):
            return False
        send(b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n\r\n")
        while True:
            send(b" " * 4096)
            sent += 4096

    with web.hostile(scene.honest, endless) as url:
        scene.ask(url, QUICK)
        scene.fails((RefusedError, NetworkError), "The active model stays|Try again later")
        assert 0 < sent < 20_000_000
        assert scene.store.status()["bytes"] < 1_000_000
    scene.recovers(2)


def test_a_file_that_is_too_long_is_refused(scene: Scene) -> None:
    scene.world.release(2, deltas=0)
    scene.copy()
    with scene.target("net@2.tflite").open("ab") as file:
        file.truncate(1 << 30)
    scene.fails(RefusedError, "more than the .* bytes that are signed")
    assert scene.store.status()["bytes"] < 1_000_000
    scene.recovers(2)


# Extraneous dependencies.


def test_extraneous_files_are_refused(scene: Scene) -> None:
    """Neither a changed index nor a changed manifest can make a device fetch more."""
    scene.world.release(2)
    for name in ("index.json", "net@2.json"):
        scene.copy()
        for each in (scene.mirror / "targets" / "stable").glob(f"*.{name}"):
            content = json.loads(each.read_bytes())
            content["programs"] = content["extra"] = {"baseline": content.get("model")}
            each.write_bytes(json.dumps(content).encode())
        scene.fails(RefusedError, "not what the publisher signed|more than")
    scene.recovers(2)


def test_a_channel_cannot_sign_for_another(scene: Scene) -> None:
    """With the stolen key of beta, and those of timestamp and snapshot, files of stable are not to be had."""
    content = write_index({"net": []})

    def change(signed: Any) -> None:
        signed.targets["stable/index.json"] = TargetFile.from_data("stable/index.json", content, ["sha256"])

    forge(scene, "beta", change, scene.world.publisher)
    republish(scene, scene.world.publisher)
    scene.update()  # there is nothing new
    assert answer(scene.live) == 1
    state = json.loads((scene.store.directory / "state.json").read_text())
    assert read_index((scene.store.directory / "objects" / state["index"]["sha256"]).read_bytes())["net"]


# Fast-forward.


def test_a_fast_forward_is_overcome_by_new_keys(scene: Scene) -> None:
    """With stolen keys of timestamp and snapshot, versions are raised so far that no honest one would be higher."""

    def far(signed: Any) -> None:
        signed.version = 2**30

    forge(scene, "snapshot", far, scene.world.publisher)
    republish_timestamp_only(scene)
    forge(scene, "timestamp", far, scene.world.publisher)
    scene.update()
    scene.world.release(2)
    scene.ask(scene.honest)
    scene.fails(RefusedError, "must be >=")
    scene.world.publisher.rotate_keys("timestamp")
    scene.world.publisher.rotate_keys("snapshot")
    scene.recovers(2)


# Indefinite freeze.


def test_a_freeze_is_noticed(scene: Scene) -> None:
    frozen = Publisher(scene.world.folder / "publisher", days={"timestamp": 0})
    frozen.renew()
    scene.copy()
    scene.world.release(2)  # which the attacker does not show
    scene.fails(RefusedError, "expired.*nothing fresh")
    scene.recovers(2)


@pytest.mark.parametrize("role", ["snapshot", "channel", "targets"])
def test_other_roles_expire_too(scene: Scene, role: str) -> None:
    old = Publisher(scene.world.folder / "publisher", days={role: -1})
    old.repository.renew(everything=True)
    scene.copy()
    scene.fails(RefusedError, "expired")


# Mix-and-match.


@pytest.mark.parametrize("role", ["snapshot", "stable"])
def test_old_and_new_metadata_do_not_mix(scene: Scene, role: str) -> None:
    scene.world.release(2)
    scene.copy()
    old, new = (scene.mirror / "metadata" / f"{number}.{role}.json" for number in sorted_versions(scene, role))
    new.write_bytes(old.read_bytes())
    scene.fails(RefusedError, "not what the publisher signed")
    scene.recovers(2)


def sorted_versions(scene: Scene, role: str) -> tuple[int, int]:
    """The last two versions of a role."""
    numbers = sorted(int(path.name.split(".")[0]) for path in (scene.mirror / "metadata").glob(f"*.{role}.json"))
    return numbers[-2], numbers[-1]


# Rollback.


def test_old_metadata_are_refused(scene: Scene) -> None:
    scene.world.release(2)
    before = scene.world.folder / "before"
    shutil.copytree(scene.world.public, before)
    scene.world.release(3)
    scene.recovers(3)
    scene.live = scene.store.open("net")
    shutil.rmtree(scene.mirror / "metadata")
    shutil.copytree(before, scene.mirror, dirs_exist_ok=True)
    with web.python(scene.mirror) as url:
        scene.ask(url)
        scene.fails(RefusedError, "must be >=")


def test_the_snapshot_cannot_go_back(scene: Scene) -> None:
    """With the stolen key of the timestamp alone."""
    scene.world.release(2)
    scene.recovers(2)
    scene.live = scene.store.open("net")
    scene.copy()
    old = scene.mirror / "metadata" / f"{sorted_versions(scene, 'snapshot')[0]}.snapshot.json"

    def change(signed: Any) -> None:
        content = old.read_bytes()
        signed.snapshot_meta = type(signed.snapshot_meta).from_data(json.loads(content)["signed"]["version"], content, ["sha256"])

    forge(scene, "timestamp", change, scene.world.publisher)
    with web.python(scene.mirror) as url:
        scene.ask(url)
        scene.fails(RefusedError, "must be >=")


# Slow retrieval.


@pytest.mark.parametrize("what", ["timestamp.json", "net@2.tflite"])
@pytest.mark.parametrize("part", ["header", "body", "chunks"])
def test_slow_retrieval_ends(scene: Scene, what: str, part: str) -> None:
    """A byte now and then, so that no packet is ever late."""
    scene.world.release(2, deltas=0)

    def slow(path: str, send: Callable[[bytes], None]) -> bool:
        if not path.endswith(what):
            return False
        begin = {"header": b"", "body": b"HTTP/1.1 200 OK\r\n\r\n", "chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"}
        send(begin[part])
        for byte in b"HTTP/1.1 200 OK\r\nX: " if part == "header" else b"":
            send(bytes([byte]))
        while True:
            time.sleep(0.05)
            send(b"0")

    with web.hostile(scene.honest, slow) as url:
        scene.ask(url, QUICK)
        scene.fails(NetworkError, "longer than|Try again later")
    scene.recovers(2)


# Wrong software.


def test_another_genuine_file_is_refused(scene: Scene) -> None:
    scene.world.add(5, "other", width=64)
    scene.world.release(2, deltas=0)
    scene.copy()
    shutil.copyfile(scene.target("other@5.tflite"), scene.target("net@2.tflite"))
    scene.fails(RefusedError, "not what the publisher signed")
    scene.copy()
    shutil.copyfile(scene.target("other@5.json"), scene.target("net@2.json"))
    scene.fails((RefusedError, NetworkError), "The active model stays|Try again later")
    scene.recovers(2)


# Key compromise, and rotation.


def test_a_stolen_channel_key_is_worth_nothing_after_rotation(scene: Scene) -> None:
    stolen = scene.world.folder / "stolen"
    shutil.copytree(scene.world.folder / "publisher", stolen)
    thief = Publisher(stolen)
    scene.world.publisher.rotate_keys("stable")
    scene.recovers(1)
    thief.add(scene.world.folder / "net-1.tflite", "net", "666", self_test=False)
    thief.release()
    newest = max((thief.public / "metadata").glob("*.stable.json"), key=lambda path: int(path.name.split(".")[0]))
    scene.copy()
    version = json.loads(scene.metadata("stable").read_bytes())["signed"]["version"] + 1
    metadata = Metadata.from_bytes(newest.read_bytes())
    metadata.signed.version = version
    metadata.sign(keys.read(stolen / "keys" / "stable-1.pem"))
    (scene.mirror / "metadata" / f"{version}.stable.json").write_bytes(metadata.to_bytes())
    republish(scene, scene.world.publisher)  # timestamp and snapshot are stolen too
    with web.python(scene.mirror) as url:
        scene.ask(url)
        scene.fails(RefusedError, "not what the publisher signed")
    scene.world.publisher.rotate_keys("timestamp")
    scene.world.publisher.rotate_keys("snapshot")
    scene.world.release(2)
    scene.recovers(2)


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets"])
def test_stolen_keys_of_other_roles_are_worth_nothing_after_rotation(scene: Scene, role: str) -> None:
    stolen = scene.world.folder / "stolen"
    shutil.copytree(scene.world.folder / "publisher", stolen)
    scene.world.publisher.rotate_keys(role)
    scene.recovers(1)
    scene.copy()
    forge(scene, role, lambda signed: None, Publisher(stolen))
    if role == "snapshot":
        republish_timestamp_only(scene)
    elif role == "targets":
        republish(scene, scene.world.publisher)
    with web.python(scene.mirror) as url:
        scene.ask(url)
        scene.fails(RefusedError, "not what the publisher signed")
    scene.world.release(2)


def test_one_root_key_is_not_enough(scene: Scene) -> None:
    path = scene.mirror / "metadata" / "1.root.json"
    metadata = Metadata.from_bytes(path.read_bytes())
    metadata.signed.version = 2
    metadata.signed.roles["root"].threshold = 1
    metadata.sign(keys.read(scene.world.folder / "publisher" / "keys" / "root-1.pem"))
    (scene.mirror / "metadata" / "2.root.json").write_bytes(metadata.to_bytes())
    scene.fails(RefusedError, "not what the publisher signed")


def test_root_keys_rotate(scene: Scene) -> None:
    """Devices follow from root to root, also those that slept through several; the old keys are worth nothing afterwards."""
    for _ in range(3):
        scene.world.publisher.rotate_keys("root")
    scene.world.release(2)
    scene.recovers(2)
    scene.live = scene.store.open("net")
    scene.copy()
    metadata = Metadata.from_bytes((scene.mirror / "metadata" / "4.root.json").read_bytes())
    metadata.signed.version = 5
    metadata.signatures.clear()
    for number in (1, 2, 3):
        metadata.sign(keys.read(scene.world.folder / "publisher" / "keys" / f"root-{number}.pem"), append=True)
    (scene.mirror / "metadata" / "5.root.json").write_bytes(metadata.to_bytes())
    with web.python(scene.mirror) as url:
        scene.ask(url)
        scene.fails(RefusedError, "not what the publisher signed")
