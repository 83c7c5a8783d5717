"""Deltas: how a model's file is made of an older one, and the format that says so. `diff.py` finds them.

A delta is a header, a table of pieces, and their payloads in the order of the table; all numbers are little-endian, and whatever is
compressed is one zstd frame. The table and the rest are compressed always. The pieces, in order, are the new file:

    DICTIONARY  no output: `length` bytes of the old file at `source`, which together are the raw dictionary of the rest
    REST        the next `length` bytes of the rest: what is not the data of tensors, in one frame
    COPY        `length` bytes of the old file at `source`
    SUBTRACT    bytewise differences, modulo 256, from `length` bytes of the old file at `source`; the bytes of equal place within elements
                of `width` bytes stand together, so that those that hardly change make one run
    WHOLE       `length` bytes, on their own
    LIKE        `length` bytes, whose raw dictionary is `extent` bytes of the old file at `source`

Making a file needs memory for its largest piece and for the rest. The old file is read only where the table says.
"""

import hashlib
import os
from collections.abc import Iterator
from enum import IntEnum
from pathlib import Path
from typing import IO

import numpy as np

from tachylite.model.errors import FileError
from tachylite.model.extras import extra

with extra("update", "zstandard"):
    import zstandard

MAGIC = b"TLDELTA1"

HEADER = np.dtype(
    [
        ("magic", "S8"),
        ("old", "V32"),
        ("new", "V32"),
        ("old_size", "<u8"),
        ("new_size", "<u8"),
        ("pieces", "<u4"),
        ("table_stored", "<u4"),
        ("rest_size", "<u8"),
        ("rest_stored", "<u8"),
    ]
)
"""old and new: SHA-256; stored: compressed bytes."""

PIECE = np.dtype([("kind", "<u4"), ("width", "<u4"), ("length", "<u8"), ("source", "<u8"), ("extent", "<u8"), ("stored", "<u8")])

MOST_PIECES = 1 << 20

MOST_WINDOW = 1 << 27
"""Bytes that a zstd frame may ask a decoder to remember."""


class Kind(IntEnum):
    """What a piece is made of."""

    DICTIONARY = 0
    REST = 1
    COPY = 2
    SUBTRACT = 3
    WHOLE = 4
    LIKE = 5


def apply(delta: Path, old: Path, new: Path, size: int) -> None:
    """Write the file that a delta makes of `old`, and check it. size: of that file, from who signed it, which bounds what is done.

    Raises FileError, OSError; then `new` may hold anything.
    """
    with delta.open("rb") as source, old.open("rb") as base, new.open("wb") as out:
        header = np.frombuffer(_exactly(source, HEADER.itemsize), HEADER)[0]
        if header["magic"] != MAGIC:
            raise FileError(f"{delta.name} is no delta of this format; update Tachylite, or publish it again")
        if header["new_size"] != size or header["pieces"] > MOST_PIECES:
            raise FileError(f"{delta.name} makes {header['new_size']} bytes of {header['pieces']} pieces, needed {size}; it is damaged")
        digest = hashlib.sha256()
        for chunk in _chunks(source, base, header):
            digest.update(chunk)
            out.write(chunk)
        if digest.digest() != header["new"].tobytes() or out.tell() != header["new_size"]:
            raise FileError(f"{delta.name} does not make what it says; {old.name} is not the file that it is for, or is damaged")


def _chunks(source: IO[bytes], base: IO[bytes], header: np.void) -> Iterator[bytes | memoryview]:
    """The new file, piece by piece."""
    left = int(header["new_size"])
    table = np.frombuffer(_decompress(_exactly(source, header["table_stored"]), int(header["pieces"]) * PIECE.itemsize), PIECE)
    packed_rest = _exactly(source, header["rest_stored"])
    dictionary = b"".join(_at(base, piece["source"], piece["length"]) for piece in table[table["kind"] == Kind.DICTIONARY])
    if header["rest_size"] > left:
        raise FileError("the delta holds more than the file that it makes; it is damaged")
    rest = memoryview(_decompress(packed_rest, int(header["rest_size"]), dictionary))
    for piece in table[table["kind"] != Kind.DICTIONARY]:
        length = int(piece["length"])
        left -= length
        if left < 0:
            raise FileError("the delta makes more than it says; it is damaged")
        if piece["kind"] == Kind.REST:
            if length > len(rest):
                raise FileError("the delta needs more of the rest than it holds; it is damaged")
            yield rest[:length]
            rest = rest[length:]
        else:
            yield _made(piece, _exactly(source, piece["stored"]), base)


def _made(piece: np.void, stored: bytes, base: IO[bytes]) -> bytes | memoryview:
    """The bytes of one piece."""
    kind, length = Kind(piece["kind"]) if piece["kind"] in list(Kind) else None, int(piece["length"])
    if kind is Kind.COPY:
        return _at(base, piece["source"], length)
    if kind is Kind.SUBTRACT:
        width = int(piece["width"])
        if not width or length % width:
            raise FileError(f"the delta has elements of {width} bytes in a piece of {length}; it is damaged")
        planes = np.frombuffer(_decompress(stored, length), np.uint8).reshape(width, -1)
        return memoryview((planes.T.reshape(-1) + np.frombuffer(_at(base, piece["source"], length), np.uint8)).data)
    if kind is Kind.WHOLE:
        return _decompress(stored, length)
    if kind is Kind.LIKE:
        return _decompress(stored, length, _at(base, piece["source"], piece["extent"]))
    raise FileError(f"the delta has a piece of kind {piece['kind']}, which this version does not know; update Tachylite")


def _exactly(file: IO[bytes], count: int) -> bytes:
    if count > os.fstat(file.fileno()).st_size - file.tell():
        raise FileError("the delta ends too early; it was cut off or is damaged")
    return file.read(int(count))


def _at(base: IO[bytes], offset: int, length: int) -> bytes:
    offset, length = int(offset), int(length)
    if offset + length > os.fstat(base.fileno()).st_size:
        raise FileError(f"the delta needs bytes {offset} to {offset + length} of the old file, which is shorter; it is for another file")
    base.seek(offset)
    return base.read(length)


def _decompress(stored: bytes, size: int, dictionary: bytes = b"") -> bytes:
    """`size` bytes from one frame. Raises FileError."""
    raw = zstandard.ZstdCompressionDict(dictionary, dict_type=zstandard.DICT_TYPE_RAWCONTENT) if dictionary else None
    try:
        if zstandard.frame_content_size(stored) != size:
            raise FileError("a part of the delta has another size than its table says; it is damaged")
        return zstandard.ZstdDecompressor(dict_data=raw, max_window_size=MOST_WINDOW).decompress(stored, max_output_size=size)
    except zstandard.ZstdError as problem:
        raise FileError(f"a part of the delta cannot be unpacked ({problem}); it is damaged") from problem
