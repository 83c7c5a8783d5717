"""Sealed models: nobody without the key reads them, and nothing plain is on the disk."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tachylite.model.errors import FileError
from tachylite.update import UnfitError, UpdateError, seal

from .test_cli import invoke
from .world import World, answer

KEY = bytes(range(32))


@given(st.sampled_from([0, 1, seal.CHUNK - 1, seal.CHUNK, seal.CHUNK + 1, 3 * seal.CHUNK]))
def test_sealing_is_undone_with_the_key_alone(size: int) -> None:
    content = os.urandom(size)
    sealed = seal.seal(content, KEY)
    assert len(sealed) == seal.HEADER.size + size + seal.TAG * max(1, -(-size // seal.CHUNK))
    assert seal.unseal(memoryview(sealed), KEY) == content
    with pytest.raises(UnfitError, match="does not open"):
        seal.unseal(memoryview(sealed), bytes(32))


SEALED = seal.seal(bytes(range(256)) * 600, KEY)
WHOLE = seal.CHUNK + seal.TAG


@pytest.mark.parametrize(
    "changed",
    [
        SEALED[:-1],
        SEALED[: seal.HEADER.size + WHOLE],  # without its last chunks
        SEALED[: seal.HEADER.size],
        SEALED[: seal.HEADER.size] + SEALED[seal.HEADER.size + WHOLE :],  # without its first
        SEALED[: seal.HEADER.size] + SEALED[seal.HEADER.size + WHOLE :][:WHOLE] + SEALED[seal.HEADER.size :][:WHOLE] + SEALED[-100:],
        SEALED + SEALED[-WHOLE:],
        SEALED[:100] + bytes([SEALED[100] ^ 1]) + SEALED[101:],
        SEALED[:15] + bytes(4) + SEALED[19:],
    ],
)
def test_changed_files_are_refused(changed: bytes) -> None:
    with pytest.raises(UnfitError, match="does not open"):
        seal.unseal(memoryview(changed), KEY)


def test_what_is_no_sealed_file_is_refused() -> None:
    for wrong in (b"", b"TFL3", SEALED[:8] + bytes(4) + SEALED[12:], SEALED[:8] + b"\xff" * 4 + SEALED[12:]):
        with pytest.raises(FileError):
            seal.unseal(memoryview(wrong), KEY)


def test_a_sealed_model_runs_where_its_key_is(world: World) -> None:
    world.release(1, seal_key=KEY)
    plain = (world.folder / "net-1.tflite").read_bytes()
    keyless = world.device("keyless")
    [offer] = keyless.check()
    assert "sealed with the key" in offer.problem
    with pytest.raises(UnfitError, match="sealed with the key"):
        keyless.download("net")
    asked = []

    def source(key_id: str) -> bytes:
        asked.append(key_id)
        return KEY

    store = world.device(key=source)
    world.updated(store)
    live = store.open("net")
    assert answer(live) == 1
    assert set(asked) == {seal.key_id(KEY)} == {offer.manifest.sealed}
    world.release(2, seal_key=KEY)
    world.updated(store)
    assert answer(live) == 2
    everything = [path.read_bytes() for folder in (store.directory, world.public) for path in folder.rglob("*") if path.is_file()]
    assert not any(part in content for content in everything for part in (plain, plain[64:256], plain[-200:]))
    with pytest.raises(UpdateError, match="give the store a source of keys"):
        world.device().open("net")


def test_a_wrong_key_changes_nothing(world: World) -> None:
    world.release(1)
    store = world.device(key=lambda _: bytes(32))
    world.updated(store)
    world.release(2, seal_key=KEY)
    with pytest.raises(UnfitError, match="does not open the model"):
        world.updated(store)
    assert answer(store.open("net")) == 1


def test_sealed_models_have_neither_programs_nor_deltas(world: World) -> None:
    with pytest.raises(UpdateError, match="program files cannot be sealed"):
        world.add(1, seal_key=KEY, programs=["baseline"])
    with pytest.raises(UpdateError, match="has 32 bytes, this one has 3"):
        world.add(1, seal_key=b"abc")
    world.release(1, width=3000, seal_key=KEY)
    world.release(2, width=3000)
    [offer] = world.device().check()
    assert offer.manifest.deltas == {}


def test_on_the_command_line(world: World) -> None:
    key, publisher, device = world.folder / "key", world.folder / "publisher", world.folder / "device"
    key.write_bytes(KEY)
    from .world import net

    named = ("--name", "net", "--version", "1", "-r", publisher, "--seal-key", key)
    assert invoke("publish", "add", net(world.folder / "net-1.tflite", 1), *named).exit_code == 0
    assert invoke("publish", "release", "-r", publisher).exit_code == 0
    assert invoke("update", "setup", world.url, world.root, "-s", device).exit_code == 0
    assert invoke("update", "apply", "-s", device).exit_code == 5
    assert invoke("update", "check", "--seal-key", key, "-s", device).exit_code == 10
    assert invoke("update", "apply", "--seal-key", key, "-s", device).exit_code == 0
