"""Finding deltas between two files of models: tensor by tensor, with the smallest encoding for each."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from tachylite.model.dtypes import DTYPES
from tachylite.model.errors import FileError
from tachylite.model.extras import extra
from tachylite.model.flatbuffer import Reader
from tachylite.model.reader import IDENTIFIER

from .delta import HEADER, MAGIC, PIECE, Kind

with extra("update", "zstandard"):
    import zstandard

LEVEL = 19
"""Of zstd: publishing may take a while, devices unpack any level as fast."""

SMALL = 64
"""Bytes of a constant below which it is part of the rest, where its neighbours help to compress it."""


@dataclass(frozen=True)
class Stretch:
    """Bytes of a file. name: of the first tensor that they belong to; width: bytes of an element."""

    begin: int
    length: int
    name: str = ""
    width: int = 1

    @property
    def end(self) -> int:
        return self.begin + self.length

    def of(self, data: memoryview) -> memoryview:
        return data[self.begin : self.end]


@dataclass(frozen=True)
class Encoded:
    """A piece of the new file, and its payload."""

    kind: Kind
    length: int
    source: int = 0
    extent: int = 0
    width: int = 1
    payload: bytes = b""

    def row(self) -> tuple[int, ...]:
        return self.kind, self.width, self.length, self.source, self.extent, len(self.payload)


def make(old: bytes, new: bytes) -> bytes:
    """The delta that makes `new` of `old`. Files that are no models are compressed as a whole, with the old one as dictionary."""
    before, after = memoryview(old), memoryview(new)
    old_tensors, new_tensors = _tensors(before), _tensors(after)
    old_rest, new_rest = _gaps(old_tensors, len(old)), _gaps(new_tensors, len(new))
    find = _Finder(before, old_tensors)
    pieces = [Encoded(Kind.DICTIONARY, gap.length, gap.begin) for gap in old_rest]
    made = [_smallest(before, after, tensor, find(tensor, after)) for tensor in new_tensors]
    in_order = sorted([*zip(new_tensors, made, strict=True), *((gap, Encoded(Kind.REST, gap.length)) for gap in new_rest)], key=_begin)
    pieces += [piece for _, piece in in_order]
    rest = _joined(after, new_rest)
    packed_rest = _compress(rest, _joined(before, old_rest))
    table = _compress(np.array([piece.row() for piece in pieces], PIECE).tobytes())
    header = np.zeros((), HEADER)
    header["magic"] = MAGIC
    header["old"], header["new"] = (np.void(hashlib.sha256(content).digest()) for content in (old, new))
    header["old_size"], header["new_size"], header["pieces"] = len(old), len(new), len(pieces)
    header["table_stored"], header["rest_size"], header["rest_stored"] = len(table), len(rest), len(packed_rest)
    return b"".join([header.tobytes(), table, packed_rest, *(piece.payload for piece in pieces)])


def _begin(pair: tuple[Stretch, Encoded]) -> int:
    return pair[0].begin


def _tensors(data: memoryview) -> list[Stretch]:
    """Where the constants of a model lie, in order and apart; none where the file is no model."""
    try:
        record = Reader(data).root("Model", IDENTIFIER)
    except FileError:
        return []
    start = np.frombuffer(data, np.uint8).__array_interface__["data"][0] if len(data) else 0
    users = {t.buffer: (t.name, DTYPES[t.type].itemsize) for graph in reversed(record.subgraphs) for t in reversed(graph.tensors)}
    found = []
    for number, buffer in enumerate(record.buffers):
        name, width = users.get(number, ("", 1))
        if buffer.data is not None and len(buffer.data):
            begin, length = buffer.data.__array_interface__["data"][0] - start, buffer.data.nbytes
        else:
            begin, length = buffer.offset, buffer.size
        if length >= SMALL and 0 <= begin <= len(data) - length:
            found.append(Stretch(begin, length, name, width if length % max(width, 1) == 0 else 1))
    apart: list[Stretch] = []
    for stretch in sorted(found, key=lambda s: (s.begin, -s.length)):
        if not apart or stretch.begin >= apart[-1].end:
            apart.append(stretch)
    return apart


def _gaps(stretches: Sequence[Stretch], size: int) -> list[Stretch]:
    """What lies between."""
    bounds = [Stretch(0, 0), *stretches, Stretch(size, 0)]
    return [Stretch(a.end, b.begin - a.end) for a, b in pairwise(bounds) if b.begin > a.end]


class _Finder:
    """Finds the old tensor that a new one comes from."""

    def __init__(self, data: memoryview, tensors: Sequence[Stretch]):
        self._by_content = {hashlib.sha256(t.of(data)).digest(): t for t in reversed(tensors)}
        self._by_name = {t.name: t for t in reversed(tensors) if t.name}
        self._by_length: dict[int, Stretch] = {t.length: t for t in reversed(tensors)}

    def __call__(self, tensor: Stretch, data: memoryview) -> Stretch | None:
        """One of the same content, else of the same name, else of the same size."""
        same = self._by_content.get(hashlib.sha256(tensor.of(data)).digest())
        return same or self._by_name.get(tensor.name) or self._by_length.get(tensor.length)


def _smallest(before: memoryview, after: memoryview, tensor: Stretch, source: Stretch | None) -> Encoded:
    return min(_encodings(before, after, tensor, source), key=lambda piece: len(piece.payload))


def _encodings(before: memoryview, after: memoryview, tensor: Stretch, source: Stretch | None) -> Iterator[Encoded]:
    """Ways to write a tensor, those that are cheaper to undo first."""
    content, length = tensor.of(after), tensor.length
    if source is not None and source.of(before) == content:
        yield Encoded(Kind.COPY, length, source.begin)
        return
    if source is not None and source.length == length:
        old, new = (np.frombuffer(part, np.uint8) for part in (source.of(before), content))
        planes = np.ascontiguousarray((new - old).reshape(-1, tensor.width).T)
        yield Encoded(Kind.SUBTRACT, length, source.begin, width=tensor.width, payload=_compress(planes.tobytes()))
    yield Encoded(Kind.WHOLE, length, payload=_compress(content))
    if source is not None:
        yield Encoded(Kind.LIKE, length, source.begin, source.length, payload=_compress(content, bytes(source.of(before))))


def _joined(data: memoryview, stretches: Sequence[Stretch]) -> bytes:
    return b"".join(stretch.of(data) for stretch in stretches)


def _compress(content: bytes | memoryview, dictionary: bytes = b"") -> bytes:
    raw = zstandard.ZstdCompressionDict(dictionary, dict_type=zstandard.DICT_TYPE_RAWCONTENT) if dictionary else None
    parameters = zstandard.ZstdCompressionParameters.from_level(
        LEVEL, source_size=len(content) + len(dictionary), dict_size=len(dictionary), write_content_size=True, write_dict_id=False
    )
    return zstandard.ZstdCompressor(dict_data=raw, compression_params=parameters).compress(content)
