"""LevelDB's sorted string tables, in which TensorFlow keeps the index of its variables (leveldb/doc/table_format.md)."""

import struct
from collections.abc import Iterator

from tachylite.frontends.protobuf import varint
from tachylite.model.errors import FileError

from .crc32c import crc32c, masked

MAGIC = 0xDB4775248B80FB57
FOOTER = 48
TRAILER = 5


def entries(table: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """Keys and values of a table, in order. Raises FileError where it is damaged."""
    if len(table) < FOOTER or struct.unpack("<Q", table[-8:])[0] != MAGIC:
        raise FileError("does not end as an index of variables does; it is truncated, or a file of another kind")
    footer = table[-FOOTER:]
    _, at = _handle(footer, 0)
    index, _ = _handle(footer, at)
    for _, value in _block_entries(_block(table, index)):
        handle, _ = _handle(value, 0)
        yield from _block_entries(_block(table, handle))


def _handle(data: memoryview, at: int) -> tuple[tuple[int, int], int]:
    """Offset and size of a block, and where the handle ends."""
    offset, at = varint(data, at)
    size, at = varint(data, at)
    return (offset, size), at


def _block(table: memoryview, handle: tuple[int, int]) -> memoryview:
    """A block's content, once its checksum is found right."""
    offset, size = handle
    if offset + size + TRAILER > len(table):
        raise FileError(f"has a block at byte {offset} of {size} bytes, the file has {len(table)}; it is truncated or corrupted")
    kind, checksum = struct.unpack("<BI", table[offset + size : offset + size + TRAILER])
    if masked(crc32c(table[offset : offset + size + 1])) != checksum:
        raise FileError(f"has a wrong checksum for the block at byte {offset}; it is corrupted, copy it again")
    if kind != 0:
        raise FileError(f"has a compressed block (kind {kind}), which TensorFlow does not write; save the model again")
    return table[offset : offset + size]


def _block_entries(block: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """A key is stored as the number of bytes that it shares with the key before, and the rest."""
    if len(block) < 4:
        raise FileError("has an empty block; it is corrupted")
    end = len(block) - 4 * (1 + struct.unpack("<I", block[-4:])[0])
    at, key = 0, b""
    while at < end:
        shared, at = varint(block, at)
        unshared, at = varint(block, at)
        size, at = varint(block, at)
        if shared > len(key) or at + unshared + size > end:
            raise FileError("has an entry that reaches beyond its block; it is corrupted")
        key = key[:shared] + bytes(block[at : at + unshared])
        yield key, block[at + unshared : at + unshared + size]
        at += unshared + size
