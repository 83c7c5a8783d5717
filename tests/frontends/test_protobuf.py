"""Reading protocol buffers, LevelDB tables and checksums."""

import struct

import numpy as np
import pytest

from tachylite.frontends.protobuf import Schema
from tachylite.frontends.tf.crc32c import crc32c, masked
from tachylite.frontends.tf.sstable import MAGIC, entries
from tachylite.model.errors import FileError
from tests.frontends.wire import field, varint

SCHEMA = Schema({"Outer": "count:int=1 name:string=2 inner:Inner*=3 table:Inner%=4 weights:float*=5", "Inner": "value:int*=1 raw:bytes=2"})


def read(data):
    return SCHEMA.read("Outer", memoryview(data))


def test_fields_are_read_and_missing_ones_have_their_defaults():
    inner = field(1, 5) + field(1, -1) + field(2, b"xy")
    message = read(field(1, 300) + field(3, inner) + field(3, b"") + field(4, field(1, b"key") + field(2, inner)) + field(9, b"skipped"))
    assert (message.count, message.name, message.weights) == (300, "", [])
    assert [list(part.value) for part in message.inner] == [[5, -1], []]
    assert bytes(message.table["key"].raw) == b"xy"
    assert message.present == {"count", "inner", "table"}


def test_packed_numbers_are_read_like_single_ones():
    packed = read(field(5, struct.pack("<2f", 1, 2)) + field(3, field(1, varint(7) + varint(300))))
    assert packed.weights == [1, 2]
    assert packed.inner[0].value == [7, 300]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (field(2, b"name")[:-1], "has a field of 4 bytes where 3 are left"),
        (b"\x08\x80", "ends within a number"),
        (b"\x08" + b"\xff" * 11, "more than ten bytes"),
        (b"\x0b", "wire type 3"),
        (field(1, b"text"), "Outer.count has the wire type 2"),
        (field(2, b"\xff\xfe"), "not UTF-8"),
        (field(5, b"12345"), "numbers of 4"),
    ],
)
def test_damage_is_told(data, reason):
    with pytest.raises(FileError, match=reason):
        read(data)


def test_messages_that_are_too_deep_are_refused():
    schema = Schema({"Deep": "inner:Deep=1"})
    data = b""
    for _ in range(200):
        data = field(1, data)
    with pytest.raises(FileError, match="deep"):
        schema.read("Deep", memoryview(data))


def slow_crc32c(data):
    """Bit by bit, as defined."""
    register = 0xFFFFFFFF
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = register >> 1 ^ (0x82F63B78 if register & 1 else 0)
    return register ^ 0xFFFFFFFF


def test_crc32c_has_its_check_value():
    assert crc32c(b"123456789") == 0xE3069283
    assert masked(0xE3069283) == ((0xE3069283 >> 15 | 0xE3069283 << 17) + 0xA282EAD8) & 0xFFFFFFFF


@pytest.mark.parametrize("size", [0, 1, 63, 64, 65, 1000, 4097])
def test_crc32c_of_any_size(size):
    data = np.random.default_rng(size).integers(0, 256, size, np.uint8).tobytes()
    assert crc32c(data) == slow_crc32c(data)


def block(rows):
    """A block of (shared, rest of the key, value), with its trailer."""
    body = b"".join(varint(shared) + varint(len(key)) + varint(len(value)) + key + value for shared, key, value in rows)
    content = body + struct.pack("<II", 0, 1)
    return content + b"\0" + struct.pack("<I", masked(crc32c(content + b"\0"))), len(content)


def table():
    data, size = block([(0, b"model/bias", b"1"), (6, b"kernel", b"22")])
    index, index_size = block([(0, b"z", varint(0) + varint(size))])
    footer = varint(0) + varint(0) + varint(len(data)) + varint(index_size)
    return data + index + footer.ljust(40, b"\0") + struct.pack("<Q", MAGIC)


def test_table_gives_whole_keys():
    assert [(key, bytes(value)) for key, value in entries(memoryview(table()))] == [(b"model/bias", b"1"), (b"model/kernel", b"22")]


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda data: data[:-9], "truncated, or a file of another kind"),
        (lambda data: data[10:], "truncated or corrupted|wrong checksum"),
        (lambda data: data[:4] + b"\x7f" + data[5:], "wrong checksum"),
    ],
)
def test_damaged_table_is_told(damage, reason):
    with pytest.raises(FileError, match=reason):
        list(entries(memoryview(damage(table()))))
