"""FlatBuffers, both ways, driven by `tables`: bytes to records and records to bytes, with no code of any table's own.

A record is an instance of `tables.record_class`. The reader trusts nothing: every offset is checked before it is followed, and what is read
is counted, so that tables which share or overlap cannot make a small file cost much time or memory.
"""

import struct
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from . import tables
from .errors import FileError, TachyliteError
from .tables import Field

INT32 = struct.Struct("<i")
UINT16_PAIR = struct.Struct("<HH")
UINT32 = struct.Struct("<I")


class Slot(NamedTuple):
    """How to read one field: its place in the layout, its bytes in the table, `read(reader, position)`; for a union, its type's place."""

    name: str
    place: int
    width: int
    read: Callable[..., Any]
    tag: int | None


class Reader:
    """Reads tables of untrusted bytes. Raises FileError for whatever does not lie where it should."""

    #: LiteRT's own verifier refuses files with more.
    MOST_TABLES = 1_000_000

    def __init__(self, data: memoryview):
        self.data = data
        self.size = len(data)
        self._allowance = 4 * self.size + 4096
        self._tables = 0

    def root(self, table: str, identifier: bytes) -> Any:
        """The record of the root table, after checking the file identifier."""
        if self.size < 8:
            raise FileError(f"the file has {self.size} bytes, not even a header; it is empty or was cut off")
        if self.data[4:8] != identifier:
            found = bytes(self.data[4:8])
            raise FileError(f"bytes 4 to 7 are {found!r}, needed the identifier {identifier!r}; this is not such a file, or it is damaged")
        return self.table(table, self.offset(0))

    def spend(self, size: int) -> None:
        """Count `size` bytes as read: once in honest files, or a few times what is shared. Raises FileError where it is more."""
        self._allowance -= size
        if self._allowance < 0:
            raise FileError("its tables overlap so much that reading it would take far more than its size; it is damaged or hostile")

    def offset(self, at: int) -> int:
        """Where the offset stored at `at` leads."""
        if at + 4 > self.size:
            raise FileError(f"an offset at byte {at} lies past the end ({self.size} bytes); the file was cut off or is damaged")
        return at + int(UINT32.unpack_from(self.data, at)[0])

    def table(self, table: str, at: int) -> Any:
        """The record of the table at byte `at`."""
        data, size = self.data, self.size
        if at + 4 > size:
            raise self._stray(table, at)
        vtable = at - INT32.unpack_from(data, at)[0]
        if not 0 <= vtable <= size - 4:
            raise self._stray(f"the layout of {table}", vtable)
        layout_bytes, table_bytes = UINT16_PAIR.unpack_from(data, vtable)
        if layout_bytes < 4 or layout_bytes % 2 or vtable + layout_bytes > size or table_bytes < 4 or at + table_bytes > size:
            raise FileError(
                f"{table} at byte {at} has {table_bytes} bytes and a layout of {layout_bytes}, which cannot be; the file is damaged"
            )
        self.spend(table_bytes)
        self._tables += 1
        if self._tables > self.MOST_TABLES:
            raise FileError(f"the file holds more than {self.MOST_TABLES} tables; it is damaged or hostile")
        slots = _slots(table)
        count = min(layout_bytes // 2 - 2, slots[-1].place + 1 if slots else 0)  # newer files may have more fields
        layout = struct.unpack_from(f"<{count}H", data, vtable + 4)
        values = {}
        for slot in slots:
            offset = layout[slot.place] if slot.place < count else 0
            if not offset:
                continue
            if offset < 4 or offset + slot.width > table_bytes:
                raise FileError(f"{table}.{slot.name} lies at byte {offset} of a table of {table_bytes}; the file is damaged")
            if slot.tag is None:
                values[slot.name] = slot.read(self, at + offset)
            elif layout[slot.tag]:
                if layout[slot.tag] >= table_bytes:
                    raise FileError(f"the type of {table}.{slot.name} lies outside its table; the file is damaged")
                values[slot.name] = slot.read(self, at + offset, data[at + layout[slot.tag]])
        return tables.record_class(table)(**values)

    def vector(self, at: int, width: int, what: str) -> tuple[int, int]:
        """Where the elements of the vector whose offset stands at `at` begin, and how many of `width` bytes there are."""
        start = self.offset(at)
        if start + 4 > self.size:
            raise self._stray(what, start)
        count = UINT32.unpack_from(self.data, start)[0]
        if start + 4 + count * width > self.size:
            raise FileError(
                f"{what} at byte {start} has {count} elements, more than fit in {self.size} bytes; it was cut off or is damaged"
            )
        return start + 4, count

    def _stray(self, what: str, at: int) -> FileError:
        return FileError(f"{what} should be at byte {at}, outside the file ({self.size} bytes); the file was cut off or is damaged")


@cache
def _slots(table: str) -> tuple[Slot, ...]:
    return tuple(_slot(f"{table}.{f.name}", f) for f in tables.fields(table) if not f.deprecated)


def _slot(what: str, field: Field) -> Slot:
    element, width = _element(what, field)
    if field.kind == "union":
        return Slot(field.name, field.slot, 4, element, field.slot - 1)
    if field.is_vector:
        return Slot(field.name, field.slot, 4, _vector(what, field, element, width), None)
    return Slot(field.name, field.slot, width, element, None)


def _element(what: str, field: Field) -> tuple[Callable[..., Any], int]:
    """How one value of the field's type is read at a position, and the bytes that it takes there."""
    if field.kind == "table":
        return lambda reader, at: reader.table(field.type, reader.offset(at)), 4
    if field.kind == "union":
        return lambda reader, at, tag: _read_union(reader, at, tag, what, field.type), 4
    if field.kind == "string":
        return lambda reader, at: _read_string(reader, at, what), 4
    scalar = _scalar(field)
    if field.kind == "enum":
        return lambda reader, at: _name(what, field.type, scalar.unpack_from(reader.data, at)[0]), scalar.size
    return lambda reader, at: scalar.unpack_from(reader.data, at)[0], scalar.size


def _vector(what: str, field: Field, element: Callable[..., Any], width: int) -> Callable[..., Any]:
    """How a vector is read whose offset stands at a position."""
    if field.align:
        dtype = np.dtype(f"<{tables.SCALARS[field.type]}")
        return lambda reader, at: _read_data(reader, at, what, dtype)
    if field.type == "ubyte":
        return lambda reader, at: _read_bytes(reader, at, what)
    if field.kind == "scalar":
        return lambda reader, at: _read_scalars(reader, at, what, tables.SCALARS[field.type], width)
    return lambda reader, at: _read_elements(reader, at, what, element, width)


def _scalar(field: Field) -> struct.Struct:
    type_name = tables.ENUMS[field.type][0] if field.kind == "enum" else field.type
    return struct.Struct("<" + tables.SCALARS[type_name])


def _name(what: str, enum: str, value: int) -> str:
    names = tables.ENUMS[enum][1]
    if not 0 <= value < len(names):
        raise FileError(f"{what} is {value}, but {enum} ends at {len(names) - 1} ({names[-1]}); it is damaged or newer than this build")
    return names[value]


def _read_union(reader: Reader, at: int, tag: int, what: str, union: str) -> Any:
    members = tables.UNIONS[union]
    if tag == 0:
        return None
    if tag > len(members):
        raise FileError(f"the type of {what} is {tag}, but {union} ends at {len(members)}; it is damaged or newer than this build")
    return reader.table(members[tag - 1], reader.offset(at))


def _read_string(reader: Reader, at: int, what: str) -> str:
    # Names in the wild are not always UTF-8; what is not decoded survives the way back.
    return _read_bytes(reader, at, what).decode("utf-8", "surrogateescape")


def _read_bytes(reader: Reader, at: int, what: str) -> bytes:
    start, count = reader.vector(at, 1, what)
    reader.spend(count + 4)
    return bytes(reader.data[start : start + count])


def _read_data(reader: Reader, at: int, what: str, dtype: np.dtype) -> np.ndarray:
    start, count = reader.vector(at, dtype.itemsize, what)
    reader.spend(count * dtype.itemsize)
    return np.frombuffer(reader.data, dtype, count, start) if count else np.zeros(0, dtype)


def _read_scalars(reader: Reader, at: int, what: str, code: str, width: int) -> tuple[Any, ...]:
    start, count = reader.vector(at, width, what)
    reader.spend(count * width + 4)
    return struct.unpack_from(f"<{count}{code}", reader.data, start)


def _read_elements(reader: Reader, at: int, what: str, element: Callable[..., Any], width: int) -> tuple[Any, ...]:
    start, count = reader.vector(at, width, what)
    reader.spend(count * width + 4)
    elements = []
    for i in range(count):
        try:
            elements.append(element(reader, start + i * width))
        except FileError as problem:
            raise FileError(f"{what}[{i}]: {problem}") from None
    return tuple(elements)


MOST_SHARED = 1 << 16
"""Bytes of a vector, at most, that is looked for among those before it: longer ones are the data of constants, which a model keeps once."""


class Cell(NamedTuple):
    """One field on its way into a table: what stands in the table itself, and for an offset what it leads to."""

    slot: int
    inline: bytes
    field: Field
    target: Any


class Writer:
    """Writes records as tables, each before what it refers to; equal records give equal bytes.

    Strings and vectors of scalars that are equal (zero points, shapes) are written once: behind all tables, since offsets lead forward.
    """

    def __init__(self) -> None:
        self.out = bytearray()
        self._layouts: dict[bytes, int] = {}
        #: By alignment and bytes, where the offsets stand that are to lead there.
        self._shared: dict[tuple[int, bytes], list[int]] = {}

    def root(self, record: Any, identifier: bytes) -> bytearray:
        """The whole flatbuffer.

        Left out is a field that is None or has its default, and an empty vector of scalars or strings, unless they are data.
        """
        self.out += bytes(4) + identifier
        self._refer(0, self.table(record))
        for (boundary, content), places in self._shared.items():
            target = self._align(boundary, ahead=4)
            self.out += content
            for at in places:
                self._refer(at, target)
        return self.out

    def table(self, record: Any) -> int:
        """Append the table of `record`, then what it refers to. Returns the position of the table."""
        # Wide fields first, on a boundary of the widest: then all are aligned without gaps.
        cells = sorted(_cells(record), key=lambda cell: -len(cell.inline))
        places = {}
        size = 4
        for cell in cells:
            places[cell.slot] = size
            size += len(cell.inline)
        slots = [places.get(slot, 0) for slot in range(max(places, default=-1) + 1)]
        layout = struct.pack(f"<{len(slots) + 2}H", 2 * len(slots) + 4, size, *slots)
        if layout not in self._layouts:
            self._layouts[layout] = self._align(2)
            self.out += layout
        at = self._align(max([4] + [len(cell.inline) for cell in cells]), ahead=4)
        self.out += INT32.pack(at - self._layouts[layout])
        for cell in cells:
            self.out += cell.inline
        for cell in cells:
            if cell.target is not None:
                self._write(cell.field, cell.target, at + places[cell.slot])
        return at

    def _write(self, field: Field, value: Any, at: int) -> None:
        """Write what the offset at `at` is to lead to, now or behind the tables."""
        if field.kind == "string" and not field.is_vector:
            self._share_string(value, at)
        elif not field.is_vector:
            self._refer(at, self.table(value))
        elif field.kind in ("string", "table"):
            self._references(field, value, at)
        else:
            self._scalars(field, value, at)

    def _scalars(self, field: Field, value: Any, at: int) -> None:
        scalar = _scalar(field)
        boundary, count = max(4, field.align or scalar.size), UINT32.pack(len(value))
        # Data and bytes are as they should stand.
        as_is = memoryview(value) if field.align or field.type == "ubyte" else None
        if as_is is not None and as_is.nbytes > MOST_SHARED:
            self._refer(at, self._align(boundary, ahead=4))
            self.out += count
            self.out += as_is
        else:
            content = b"".join(_packed(field, scalar, v) for v in value) if as_is is None else as_is
            self._share(count + bytes(content), boundary, at)

    def _share_string(self, value: str, at: int) -> None:
        data = value.encode("utf-8", "surrogateescape")
        self._share(UINT32.pack(len(data)) + data + b"\0", 4, at)

    def _share(self, content: bytes, boundary: int, at: int) -> None:
        self._shared.setdefault((boundary, content), []).append(at)

    def _references(self, field: Field, values: Sequence[Any], at: int) -> None:
        start = self._align(4)
        self._refer(at, start)
        self.out += UINT32.pack(len(values)) + bytes(4 * len(values))
        for i, value in enumerate(values):
            place = start + 4 + 4 * i
            if field.kind == "string":
                self._share_string(value, place)
            else:
                self._refer(place, self.table(value))

    def _refer(self, at: int, target: int) -> None:
        UINT32.pack_into(self.out, at, target - at)

    def _align(self, boundary: int, ahead: int = 0) -> int:
        """Pad so that what stands `ahead` bytes on falls on a boundary. Returns the position reached."""
        self.out += bytes(-(len(self.out) + ahead) % boundary)
        return len(self.out)


def _cells(record: Any) -> Iterator[Cell]:
    table = type(record).__name__
    for field in tables.fields(table):
        value = None if field.deprecated else getattr(record, field.name)
        if value is None:
            continue
        if field.kind == "union":
            tag = tables.UNIONS[field.type].index(type(value).__name__) + 1
            yield Cell(field.slot - 1, bytes([tag]), field, None)
            yield Cell(field.slot, bytes(4), field, value)
        elif field.is_vector or field.kind in ("string", "table"):
            if field.kind == "table" or field.align or len(value):
                yield Cell(field.slot, bytes(4), field, value)
        else:
            scalar = _scalar(field)
            packed = _packed(field, scalar, value)
            if packed != _packed(field, scalar, field.default):
                yield Cell(field.slot, packed, field, None)


def _packed(field: Field, scalar: struct.Struct, value: Any) -> bytes:
    try:
        return scalar.pack(tables.enum_values(field.type)[value] if field.kind == "enum" else value)
    except (struct.error, OverflowError, KeyError, TypeError) as problem:
        raise TachyliteError(f"the field {field.name} is {value!r}; the schema needs a value of type {field.type}") from problem
