"""Protocol buffers, read by descriptions that are data: `"NodeDef": "name:string=1 input:string*=3 attr:AttrValue%=5"`.

A field's type is a scalar (int, bool, float, double, fixed32, bytes, string) or another message of the schema; `*` marks repeated fields,
`%` maps from strings. Fields that a description does not mention are skipped. Every length is checked before it is followed.
"""

import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from tachylite.model.errors import FileError

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5

#: How deep messages may lie within each other: more than real files need, less than Python's stack allows.
MAX_DEPTH = 100


class Message(SimpleNamespace):
    """A message as read: its fields are attributes; those that it left out are 0, empty, or None where they are messages."""

    present: frozenset[str]


class Entries(Mapping[str, Any]):
    """A map as read; its values, of which a graph has very many and a reader needs few, are read when they are asked for."""

    def __init__(self, read: Callable[[memoryview], Any]):
        self._read = read
        self._unread: dict[str, memoryview] = {}
        self._values: dict[str, Any] = {}

    def add(self, key: str, data: memoryview) -> None:
        """Add an entry that is not read yet."""
        self._unread[key] = data
        self._values.pop(key, None)

    def __getitem__(self, key: str) -> Any:
        if key not in self._values:
            self._values[key] = self._read(self._unread[key])
        return self._values[key]

    def __contains__(self, key: object) -> bool:
        return key in self._unread

    def __iter__(self) -> Iterator[str]:
        return iter(self._unread)

    def __len__(self) -> int:
        return len(self._unread)


@dataclass(frozen=True)
class Field:
    """One entry of a description; mark: '*', '%' or ''."""

    name: str
    type: str
    mark: str


@dataclass(frozen=True)
class Scalar:
    """How a scalar travels: wire type, size where it is fixed, and what its number or bytes stand for."""

    wire: int
    convert: Callable[[Any], Any]
    default: Any
    size: int = 0


def _signed(number: int) -> int:
    return number - (1 << 64) if number >> 63 else number


def _unpacked(form: str) -> Callable[[memoryview], Any]:
    return lambda data: struct.unpack(form, data)[0]


def _text(data: memoryview) -> str:
    try:
        return str(data, "utf-8")
    except UnicodeDecodeError:
        raise FileError(f"holds a name that is not UTF-8 ({bytes(data[:20])!r}); it is corrupted") from None


SCALARS = {
    "int": Scalar(VARINT, _signed, 0),
    "bool": Scalar(VARINT, bool, False),
    "float": Scalar(FIXED32, _unpacked("<f"), 0.0, 4),
    "double": Scalar(FIXED64, _unpacked("<d"), 0.0, 8),
    "fixed32": Scalar(FIXED32, _unpacked("<I"), 0, 4),
    "bytes": Scalar(LENGTH, lambda data: data, memoryview(b"")),
    "string": Scalar(LENGTH, _text, ""),
}

Description = Mapping[int, Field]


class Schema:
    """Messages by name, and how to read them."""

    def __init__(self, descriptions: Mapping[str, str]):
        self._messages = {name: dict(map(_field, text.split())) for name, text in descriptions.items()}

    def read(self, kind: str, data: memoryview, depth: int = 0) -> Message:
        """A message of this kind. Raises FileError where the bytes are not one."""
        if depth > MAX_DEPTH:
            raise FileError(f"holds messages more than {MAX_DEPTH} deep; it is corrupted")
        fields = self._messages[kind]
        values = {field.name: self._default(field, depth) for field in fields.values()}
        present = set()
        for number, wire, content in _pairs(kind, data):
            field = fields.get(number)
            if field is not None:
                present.add(field.name)
                self._store(values, field, wire, content, f"{kind}.{field.name}", depth)
        return Message(present=frozenset(present), **values)

    def _store(self, values: dict[str, Any], field: Field, wire: int, content: Any, place: str, depth: int) -> None:
        scalar = SCALARS.get(field.type)
        if scalar and scalar.wire != LENGTH and wire == LENGTH and field.mark == "*":
            values[field.name] += [scalar.convert(part) for part in _packed(content, scalar, place)]
            return
        if wire != (scalar.wire if scalar else LENGTH):
            raise FileError(f"{place} has the wire type {wire}; it is corrupted, or a file of another kind")
        if field.mark == "%":
            values[field.name].add(*_entry(field, content))
            return
        value = scalar.convert(content) if scalar else self.read(field.type, content, depth + 1)
        if field.mark == "*":
            values[field.name].append(value)
        else:
            values[field.name] = value

    def _default(self, field: Field, depth: int) -> Any:
        """What a field holds that the message leaves out."""
        scalar = SCALARS.get(field.type)
        if field.mark == "%":
            return Entries(scalar.convert if scalar else lambda data: self.read(field.type, data, depth + 1))
        return [] if field.mark else scalar and scalar.default


def _entry(field: Field, data: memoryview) -> tuple[str, memoryview]:
    """Key and value of a map's entry, which is a message of two fields."""
    parts = {number: content for number, _, content in _pairs(field.name, data)}
    key, value = (parts.get(number, memoryview(b"")) for number in (1, 2))
    if not isinstance(key, memoryview) or not isinstance(value, memoryview):
        raise FileError(f"the map {field.name} has an entry of another type; it is corrupted")
    return _text(key), value


def _field(text: str) -> tuple[int, Field]:
    name, _, rest = text.partition(":")
    type_, _, number = rest.partition("=")
    mark = type_[-1] if type_[-1] in "*%" else ""
    return int(number), Field(name, type_.removesuffix(mark), mark)


def varint(data: memoryview, at: int) -> tuple[int, int]:
    """The number that begins at `at`, and where it ends. Raises FileError."""
    result = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            raise FileError("ends within a number; it is truncated")
        byte = data[at]
        at += 1
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            return result & 0xFFFF_FFFF_FFFF_FFFF, at
    raise FileError("holds a number of more than ten bytes; it is corrupted")


def _pairs(kind: str, data: memoryview) -> Iterator[tuple[int, int, Any]]:
    """Field number, wire type and content (a number, or the bytes) of all fields."""
    at = 0
    while at < len(data):
        tag, at = varint(data, at)
        wire = tag & 7
        if wire == VARINT:
            content, at = varint(data, at)
            yield tag >> 3, wire, content
            continue
        if wire == LENGTH:
            size, at = varint(data, at)
        elif wire in (FIXED32, FIXED64):
            size = 4 if wire == FIXED32 else 8
        else:
            raise FileError(f"{kind} holds the wire type {wire}, which nothing has; it is corrupted, or a file of another kind")
        if size > len(data) - at:
            raise FileError(f"{kind} has a field of {size} bytes where {len(data) - at} are left; it is truncated or corrupted")
        yield tag >> 3, wire, data[at : at + size]
        at += size


def _packed(data: memoryview, scalar: Scalar, place: str) -> Iterator[Any]:
    """The numbers of a repeated field, written one after the other."""
    at = 0
    if scalar.size and len(data) % scalar.size:
        raise FileError(f"{place} has {len(data)} bytes for numbers of {scalar.size}; it is corrupted")
    while at < len(data):
        if scalar.size:
            part: Any = data[at : at + scalar.size]
            at += scalar.size
        else:
            part, at = varint(data, at)
        yield part
