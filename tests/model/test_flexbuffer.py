"""FlexBuffers, both ways; Google's own implementation is the oracle."""

import struct
from contextlib import suppress

import numpy as np
import pytest
from flatbuffers import flexbuffers
from hypothesis import given
from hypothesis import strategies as st

from tachylite.model import flexbuffer
from tachylite.model.errors import FileError

# Google's Python code takes ASCII keys alone, and writes neither unsigned integers nor floats beyond float32's range.
keys = st.text(st.characters(min_codepoint=1, max_codepoint=127))
modest = st.none() | st.booleans() | st.integers(-(2**62), 2**62) | st.floats(width=32, allow_nan=False) | st.text() | st.binary()
scalars = modest | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False)


def nested(leaves):
    return st.recursive(leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4), max_leaves=20)


values = nested(scalars)


@given(values)
def test_what_is_written_reads_back(value):
    assert flexbuffer.read(flexbuffer.write(value)) == value


@given(values)
def test_google_reads_what_is_written(value):
    assert flexbuffers.Loads(flexbuffer.write(value)) == value


@given(nested(modest))
def test_what_google_writes_reads_back(value):
    assert flexbuffer.read(flexbuffers.Dumps(value)) == value


@pytest.mark.parametrize(
    "array", [np.arange(-2, 3), np.arange(3, dtype=np.uint8), np.array([0.5, -1.0], np.float32), np.array([True, False])]
)
def test_arrays_become_typed_vectors(array):
    data = flexbuffer.write({"values": array})
    assert flexbuffer.read(data) == {"values": array.tolist()}
    assert flexbuffers.GetRoot(data).AsMap["values"].IsTypedVector


@pytest.mark.parametrize("elements", [[1, 2], [3, -4, 70000], [0.5, 0.25, 1.0, -2.0]])
def test_vectors_of_fixed_length(elements):
    builder = flexbuffers.Builder()
    builder.FixedTypedVectorFromElements(elements)
    assert flexbuffer.read(bytes(builder.Finish())) == elements


def test_indirect_numbers_and_shared_keys():
    builder = flexbuffers.Builder()
    with builder.Vector():
        builder.IndirectInt(-7)
        builder.IndirectFloat(1.5)
        for i in range(3):
            with builder.Map():
                builder.Int("shared", i)
    assert flexbuffer.read(bytes(builder.Finish())) == [-7, 1.5, *({"shared": i} for i in range(3))]


@given(st.binary(max_size=64))
def test_noise_is_read_or_refused(data):
    with suppress(FileError):
        flexbuffer.read(data)


@given(values, st.data())
def test_damage_is_read_or_refused(value, data):
    whole = bytearray(flexbuffer.write(value))
    whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    with suppress(FileError):
        flexbuffer.read(bytes(whole))


def test_a_vector_that_holds_itself_is_refused():
    # Length 1, then at byte 1 an element whose offset is 0, of kind VECTOR; then the root, which leads there.
    cycle = bytes([1, 0, 10 << 2, 2, 10 << 2, 1])
    with pytest.raises(FileError, match="overlap"):
        flexbuffer.read(cycle)


def test_vectors_that_share_their_bytes_are_refused():
    """2,000 vectors of up to 2,000 elements in 10 kB would take the square of that in memory."""
    n, vector, vector_of_ints = 2000, 10, 11
    lengths = b"".join(struct.pack("<H", n - i) for i in range(n)) + bytes(4 * n)
    slots = b"".join(struct.pack("<H", len(lengths) + 2 + 2 * i - 2 * (i + 1)) for i in range(n))
    types = bytes([vector_of_ints << 2 | 1]) * n
    at = len(lengths) + 2
    data = lengths + struct.pack("<H", n) + slots + types
    data += bytes(len(data) % 2)
    data += struct.pack("<H", len(data) - at) + bytes([vector << 2 | 1, 2])
    with pytest.raises(FileError, match="overlap"):
        flexbuffer.read(data)


def test_a_huge_length_is_refused():
    with pytest.raises(FileError, match="points at"):
        flexbuffer.read(struct.pack("<Q", 2**62) + struct.pack("<Q", 0) + bytes([11 << 2 | 3, 8]))


def test_what_cannot_be_written():
    with pytest.raises(TypeError, match="set"):
        flexbuffer.write({1, 2})
    with pytest.raises(ValueError, match="zero byte"):
        flexbuffer.write({"a\0b": 1})
