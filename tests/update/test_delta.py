"""Deltas make exactly the file that they are for, whatever the files are; damaged ones make nothing."""

import contextlib
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tachylite import Builder, Model
from tachylite.model.errors import FileError
from tachylite.update import delta, diff

from .world import World, answer

ROOT = Path(__file__).parents[2]
DIGITS = ROOT / "examples" / "digits" / "digits_int8.tflite"
MODELS = ROOT.parent / "shared" / "models" / "tflite"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("delta")


def made(folder: Path, packed: bytes, old: bytes, size: int) -> bytes:
    for name, content in (("delta", packed), ("old", old)):
        (folder / name).write_bytes(content)
    delta.apply(folder / "delta", folder / "old", folder / "new", size)
    return (folder / "new").read_bytes()


def kinds(packed: bytes) -> set[delta.Kind]:
    """The kinds of pieces in a delta."""
    header = np.frombuffer(packed[: delta.HEADER.itemsize], delta.HEADER)[0]
    begin = delta.HEADER.itemsize
    table = delta._decompress(packed[begin : begin + header["table_stored"]], int(header["pieces"]) * delta.PIECE.itemsize)
    return {delta.Kind(kind) for kind in np.frombuffer(table, delta.PIECE)["kind"]}


def layers(*weights: np.ndarray) -> bytes:
    """A model of constants, each with a name of its own."""
    build = Builder()
    outputs = []
    for i, value in enumerate(weights):
        constant = build.constant(value, name=f"weights{i}")
        outputs.append(build.RESHAPE(constant, build.constant(np.array([-1], np.int32)), name=f"y{i}"))
    return Model.of(build.outputs(*outputs)).to_bytes()


def test_each_tensor_is_written_in_the_way_that_is_smallest(folder: Path) -> None:
    random = np.random.default_rng(0)
    same, moved, other = (random.integers(-128, 128, 4000).astype(np.int8) for _ in range(3))
    floats = random.standard_normal(4000).astype(np.float32)
    near = floats * np.float32(1.0001)
    old = layers(same, moved, other, floats, random.integers(-128, 128, 1000).astype(np.int8))
    longer = np.concatenate([np.frombuffer(old, np.int8)[-1000:], np.zeros(0, np.int8)])
    new = layers(same, moved + (random.random(4000) < 0.05), random.integers(-128, 128, 4001).astype(np.int8), near, longer)
    packed = diff.make(old, new)
    assert made(folder, packed, old, len(new)) == new
    assert {delta.Kind.COPY, delta.Kind.SUBTRACT, delta.Kind.WHOLE, delta.Kind.REST, delta.Kind.DICTIONARY} <= kinds(packed)
    assert len(packed) < 4001 + 0.75 * near.nbytes + 3000


def test_a_tensor_that_grew_is_like_the_old_one(folder: Path) -> None:
    random = np.random.default_rng(0)
    head = random.integers(-128, 128, (100, 64)).astype(np.int8)
    old, new = layers(head), layers(np.concatenate([head[:50], head[51:], head[:7]]))
    packed = diff.make(old, new)
    assert made(folder, packed, old, len(new)) == new
    assert delta.Kind.LIKE in kinds(packed)
    assert len(packed) < 1000


@given(st.binary(max_size=300), st.binary(max_size=300), st.binary(max_size=300))
def test_any_bytes(folder: Path, first: bytes, middle: bytes, last: bytes) -> None:
    old, new = first + middle, middle + last
    assert made(folder, diff.make(old, new), old, len(new)) == new


@given(st.data())
def test_damage_is_an_error_and_never_another_file(folder: Path, data: st.DataObject) -> None:
    old = DIGITS.read_bytes()
    packed = bytearray(PACKED)
    for _ in range(data.draw(st.integers(1, 3))):
        packed[data.draw(st.integers(0, len(packed) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(packed[: data.draw(st.integers(0, len(packed)))])
    with contextlib.suppress(FileError):
        assert made(folder, cut, old, len(CHANGED)) == CHANGED


def changed(content: bytes) -> bytes:
    """A model with other weights."""
    from tachylite.model import codec

    model = codec.read(content)
    for tensor in model.graph.tensors:
        if tensor.data is not None and tensor.data.dtype == np.int8:
            tensor.data = (tensor.data + (np.arange(tensor.data.size).reshape(tensor.data.shape) % 17 == 0)).astype(np.int8)
    return model.to_bytes()


CHANGED = changed(DIGITS.read_bytes())
PACKED = diff.make(DIGITS.read_bytes(), CHANGED)


def test_a_delta_is_for_one_file(folder: Path) -> None:
    assert made(folder, PACKED, DIGITS.read_bytes(), len(CHANGED)) == CHANGED
    with pytest.raises(FileError, match="is not the file that it is for"):
        made(folder, PACKED, bytes(byte ^ 1 for byte in DIGITS.read_bytes()), len(CHANGED))
    with pytest.raises(FileError, match="is for another file"):
        made(folder, PACKED, DIGITS.read_bytes()[:1000], len(CHANGED))
    with pytest.raises(FileError, match="needed 100; it is damaged"):
        made(folder, PACKED, DIGITS.read_bytes(), 100)


def test_a_device_downloads_the_delta(world: World) -> None:
    world.release(1, width=3000)
    store = world.device()
    world.updated(store)
    world.release(2, width=3000)
    [offer] = store.check()
    [packed] = offer.manifest.deltas.values()
    assert packed.path == "stable/net@2.from-1.delta"
    assert offer.size < 0.2 * offer.manifest.model.size
    before = store.fetcher.bytes
    store.download("net")
    assert store.fetcher.bytes - before == offer.size
    assert store.activate("net") == "2"
    assert store.file("net").read_bytes() == (world.folder / "net-2.tflite").read_bytes()
    assert answer(store.open("net")) == 2


def test_a_damaged_base_does_not_stop_an_update(world: World) -> None:
    world.release(1, width=3000)
    store = world.device()
    world.updated(store)
    path = store.file("net")
    path.write_bytes(path.read_bytes()[:100])
    world.release(2, width=3000)
    assert world.updated(store) == "2"
    assert answer(store.open("net")) == 2


def test_deltas_come_from_the_last_releases(world: World) -> None:
    for number in range(1, 5):
        world.release(number, width=3000, deltas=2)
    [offer] = world.device().check()
    assert sorted(file.path.partition(".from-")[2] for file in offer.manifest.deltas.values()) == ["2.delta", "3.delta"]
    world.add(5, width=3000, deltas=0)
    world.publisher.release()
    [offer] = world.device().check()
    assert offer.manifest.deltas == {}


@pytest.mark.skipif(not MODELS.exists(), reason="the models are not here")
def test_the_bars(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As tools/measure_deltas.py measures them; here for the small model."""
    monkeypatch.setattr(sys, "path", [str(ROOT / "tools"), *sys.path])
    import make_update_pairs

    pairs = make_update_pairs.make(MODELS / "vww_96_int8.tflite", folder / "pairs")
    old = (folder / "pairs" / "old.tflite").read_bytes()
    layer = make_update_pairs.weights(make_update_pairs.classifier(__import__("tachylite").load(pairs["classifier"]).model)).data
    assert layer is not None
    for name, new in ((name, path.read_bytes()) for name, path in pairs.items()):
        packed = diff.make(old, new)
        assert made(folder, packed, old, len(new)) == new
        allowed = {"head": 0.02 * len(new), "noise": 0.2 * len(new)}.get(name, len(diff._compress(layer.tobytes())) + 0.01 * len(new))
        assert len(packed) <= allowed, name
