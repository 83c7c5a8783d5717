"""Indices and manifests: what is written is read again, and nothing else is."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tachylite.model.errors import FileError, TachyliteError
from tachylite.update.manifest import File, Listing, Manifest, Requirement, read_index, read_manifest, write_index, write_manifest

FILE = File("stable/net@1.tflite", "ab" * 32, 7)
MANIFEST = Manifest(
    name="net",
    version="1",
    sequence=1,
    created="2026-01-01T00:00:00+00:00",
    runtime="0.1.0",
    model=FILE,
    requires=(Requirement("CONV_2D", 3, ("int8",)), Requirement("Mine", 1, (), is_custom=True)),
    interface={"inputs": ["x: float32[1]"], "outputs": []},
    golden={"inputs": FILE, "outputs": FILE},
    programs={"avx2": FILE},
    sealed="0123",
    deltas={"cd" * 32: FILE},
    notes="what is new",
    licence="MIT",
)
INDEX = {"net": [Listing("1", 1, "stable/net@1.json"), Listing("2", 2, "stable/net@2.json", 10.0, halted=True, withdrawn=True)]}

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.just(10**400) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=3,
)


def test_what_is_written_is_read() -> None:
    assert read_manifest(write_manifest(MANIFEST)) == MANIFEST
    assert read_index(write_index(INDEX)) == INDEX


def places(data: Any) -> list[tuple[Any, Any]]:
    """Every place in JSON that holds a value: what it is in, and its key there."""
    inside = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [place for key, value in inside for place in [(data, key), *places(value)]]


@given(st.data(), st.sampled_from([write_manifest(MANIFEST), write_index(INDEX)]))
def test_anything_else_is_an_error(data: st.DataObject, content: bytes) -> None:
    changed = json.loads(content)
    within, key = data.draw(st.sampled_from(places(changed)))
    if data.draw(st.booleans()):
        within[key] = data.draw(VALUES)
    else:
        del within[key]
    for read in (read_manifest, read_index):
        with contextlib.suppress(FileError):
            read(json.dumps(changed).encode())


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"1", b'{"format": 2}', b"\xff", b"[" * 100_000])
def test_what_is_no_json_is_an_error(content: bytes) -> None:
    for read in (read_manifest, read_index):
        with pytest.raises(FileError):
            read(content)


@pytest.mark.parametrize(
    ("field", "value"), [("tolerance", float("nan")), ("name", "../net"), ("version", ""), ("sequence", -1), ("sequence", True)]
)
def test_values_that_make_no_sense_are_errors(field: str, value: object) -> None:
    data = json.loads(write_manifest(MANIFEST))
    data[field] = value
    with pytest.raises(TachyliteError):
        read_manifest(json.dumps(data).encode())


@pytest.mark.parametrize(("field", "value"), [("rollout", 101), ("rollout", float("nan")), ("version", "a/b")])
def test_listings_that_make_no_sense_are_errors(field: str, value: object) -> None:
    data = json.loads(write_index(INDEX))
    data["models"]["net"][0][field] = value
    with pytest.raises(FileError):
        read_index(json.dumps(data).encode())
