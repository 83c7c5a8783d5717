"""FlexBuffers: the self-describing values in which custom operators and composites keep their options.

A value is None, bool, int, float, str, bytes, a list, or a dict with str keys. What lies in its parent's slot itself is inline
(numbers); the rest is reached by an offset that is counted backwards from the slot. Beside each slot stands a packed byte:
`kind << 2 | log2(width)`, where width is the bytes per slot, or per length, of what the offset leads to.
"""

import struct
from typing import Any, NoReturn

import numpy as np

from .errors import FileError

_NULL, _INT, _UINT, _FLOAT, _KEY, _STRING, _INDIRECT_INT, _INDIRECT_UINT, _INDIRECT_FLOAT, _MAP, _VECTOR = range(11)
_VECTOR_INT, _VECTOR_UINT, _VECTOR_FLOAT, _VECTOR_KEY, _VECTOR_STRING = range(11, 16)
_BLOB, _BOOL, _VECTOR_BOOL = 25, 26, 36

_INLINE = {_NULL, _INT, _UINT, _FLOAT, _BOOL}
_INDIRECT = {_INDIRECT_INT: _INT, _INDIRECT_UINT: _UINT, _INDIRECT_FLOAT: _FLOAT}
#: Typed vectors that carry their length. Those of strings are an old form, which can be read as keys only.
_TYPED = {_VECTOR_INT: _INT, _VECTOR_UINT: _UINT, _VECTOR_FLOAT: _FLOAT, _VECTOR_KEY: _KEY, _VECTOR_STRING: _KEY, _VECTOR_BOOL: _BOOL}
#: Typed vectors of 2, 3 or 4 elements, which do not.
_TUPLES = {16 + 3 * (n - 2) + i: (kind, n) for n in (2, 3, 4) for i, kind in enumerate((_INT, _UINT, _FLOAT))}

_FORMATS = {_INT: "bhiq", _UINT: "BHIQ", _BOOL: "BHIQ", _FLOAT: " efd"}
_MAX_DEPTH = 64


def read(data: bytes) -> Any:
    """The value in a FlexBuffer; maps become dicts, vectors lists, blobs bytes. Raises FileError where the bytes are no such thing."""
    return _Reader(bytes(data)).root()


def write(value: Any) -> bytes:
    """`value` as a FlexBuffer. A list becomes an untyped vector, a one-dimensional numpy array a typed one.

    Every slot is 8 bytes wide: any reader takes it, and there is no width to choose.
    """
    out = bytearray()
    kind, content = _store(out, value)
    _put(out, kind, content)
    return bytes(out + bytes([_packed(kind), 8]))


class _Reader:
    """Values at positions of `data`. Each is decoded once; their lengths together cannot exceed the data's, so a small file stays small."""

    def __init__(self, data: bytes):
        self.data = data
        self.decoded: dict[tuple[int, int, int], Any] = {}
        self.budget = len(data)

    def root(self) -> Any:
        if len(self.data) < 3:
            self.fail(f"has {len(self.data)} bytes, needs at least 3")
        packed, width = self.data[-2:]
        if width not in (1, 2, 4, 8):
            self.fail(f"gives its root a width of {width} bytes, needs 1, 2, 4 or 8")
        return self.slot(len(self.data) - 2 - width, width, packed, 0)

    def slot(self, at: int, width: int, packed: int, depth: int) -> Any:
        """The value of the slot at position `at`, `width` bytes wide."""
        kind = packed >> 2
        if kind in _INLINE:
            return self.number(kind, at, width)
        return self.target(kind, self.follow(at, width), 1 << (packed & 3), depth)

    def target(self, kind: int, at: int, width: int, depth: int) -> Any:
        """The value that an offset led to."""
        key = (kind, at, width)
        if key not in self.decoded:
            if depth == _MAX_DEPTH:
                self.fail(f"nests more than {_MAX_DEPTH} levels deep")
            self.decoded[key] = self.decode(kind, at, width, depth + 1)
        return self.decoded[key]

    def decode(self, kind: int, at: int, width: int, depth: int) -> Any:
        if kind in _INDIRECT:
            return self.number(_INDIRECT[kind], at, width)
        if kind == _KEY:
            return self.key(at)
        if kind in _TUPLES:
            return self.typed(*_TUPLES[kind], at, width, depth)
        count = self.number(_UINT, at - width, width)
        if kind == _STRING:
            return self.take(at, count).decode("utf-8", "surrogateescape")
        if kind == _BLOB:
            return self.take(at, count)
        if kind in _TYPED:
            return self.typed(_TYPED[kind], count, at, width, depth)
        if kind not in (_VECTOR, _MAP):
            self.fail(f"holds a value of unknown kind {kind} at byte {at}")
        types = self.take(at, count * (width + 1))[count * width :]
        values = self.elements(at, width, count, types, depth)
        return values if kind == _VECTOR else self.mapping(at, width, values, depth)

    def mapping(self, at: int, width: int, values: list[Any], depth: int) -> dict[str, Any]:
        """A map is a vector of values before which stand the offset of a vector of keys and that vector's width."""
        key_width = self.number(_UINT, at - 2 * width, width)
        keys = self.target(_VECTOR_KEY, self.follow(at - 3 * width, width), key_width, depth)
        if len(keys) != len(values):
            self.fail(f"has a map of {len(keys)} keys and {len(values)} values at byte {at}")
        return dict(zip(keys, values, strict=True))

    def typed(self, kind: int, count: int, at: int, width: int, depth: int) -> list[Any]:
        self.take(at, count * width)
        return self.elements(at, width, count, bytes([_packed(kind, 0)]) * count, depth)

    def elements(self, at: int, width: int, count: int, types: bytes, depth: int) -> list[Any]:
        return [self.slot(at + i * width, width, types[i], depth) for i in range(count)]

    def follow(self, at: int, width: int) -> int:
        return at - int(self.number(_UINT, at, width))

    def number(self, kind: int, at: int, width: int) -> Any:
        if kind == _NULL:
            return None
        if width not in (1, 2, 4, 8) or (kind == _FLOAT and width == 1):
            self.fail(f"has a number of {width} bytes at byte {at}, needs 1, 2, 4 or 8, and at least 2 for a float")
        if not 0 <= at <= len(self.data) - width:
            self.fail(f"points at byte {at}, it has {len(self.data)}")
        value = struct.unpack_from("<" + _FORMATS[kind][width.bit_length() - 1], self.data, at)[0]
        return bool(value) if kind == _BOOL else value

    def take(self, at: int, count: int) -> bytes:
        """`count` bytes at `at`, counted against the budget."""
        if not 0 <= at <= len(self.data) - count:
            self.fail(f"points at bytes {at} to {at + count}, it has {len(self.data)}")
        self.budget -= count
        if self.budget < 0:
            self.fail("has vectors or strings that overlap")
        return self.data[at : at + count]

    def key(self, at: int) -> str:
        """Keys end with a zero byte."""
        end = self.data.find(b"\0", max(at, 0))
        if end < 0:
            self.fail(f"has a key without an end at byte {at}")
        return self.take(at, end - at).decode("utf-8", "surrogateescape")

    def fail(self, found: str) -> NoReturn:
        raise FileError(f"FlexBuffer {found}; the options are corrupted, write the model again")


def _packed(kind: int, log_width: int = 3) -> int:
    return kind << 2 | log_width


def _store(out: bytearray, value: Any) -> tuple[int, Any]:
    """Append what of `value` does not fit in a slot. Returns its kind, and its position in `out`, or itself where it is inline."""
    match value:
        case None:
            return _NULL, 0
        case bool() | np.bool_():
            return _BOOL, int(value)
        case int() | np.integer():
            return (_UINT if value >= 2**63 else _INT), int(value)
        case float() | np.floating():
            return _FLOAT, float(value)
        case str():
            return _STRING, _sized(out, value.encode("utf-8", "surrogateescape") + b"\0", terminator=1)
        case bytes() | bytearray():
            return _BLOB, _sized(out, bytes(value))
        case np.ndarray() if value.ndim == 1 and value.dtype.kind in "iufb":
            kind = {"i": _VECTOR_INT, "u": _VECTOR_UINT, "f": _VECTOR_FLOAT, "b": _VECTOR_BOOL}[value.dtype.kind]
            return kind, _vector(out, [(_TYPED[kind], x) for x in value.tolist()])
        case dict():
            return _MAP, _map(out, value)
        case list() | tuple():
            items = [_store(out, item) for item in value]
            return _VECTOR, _vector(out, items, typed=False)
    raise TypeError(f"a FlexBuffer cannot hold a {type(value).__name__}; give numbers, strings, bytes, lists, dicts or 1-D arrays")


def _map(out: bytearray, value: dict[str, Any]) -> int:
    # Readers search for keys by bisection, in the order of C's strcmp.
    entries = sorted((key.encode("utf-8", "surrogateescape"), item) for key, item in value.items())
    keys = []
    for key, _ in entries:
        if b"\0" in key:
            raise ValueError(f"key {key!r} holds a zero byte, which ends a FlexBuffer's key")
        keys.append((_KEY, len(out)))
        out += key + b"\0"
    items = [_store(out, item) for _, item in entries]
    keys_at = _vector(out, keys)
    _put(out, _VECTOR_KEY, keys_at)
    _put(out, _UINT, 8)
    return _vector(out, items, typed=False)


def _vector(out: bytearray, items: list[tuple[int, Any]], typed: bool = True) -> int:
    _put(out, _UINT, len(items))
    at = len(out)
    for kind, content in items:
        _put(out, kind, content)
    if not typed:
        out += bytes(_packed(kind) for kind, _ in items)
    return at


def _sized(out: bytearray, content: bytes, terminator: int = 0) -> int:
    _put(out, _UINT, len(content) - terminator)
    at = len(out)
    out += content
    return at


def _put(out: bytearray, kind: int, content: Any) -> None:
    """Append a slot: a number, or the offset back to the position `content`."""
    out += bytes(-len(out) % 8)
    if kind not in _INLINE:
        kind, content = _UINT, len(out) - content
    out += struct.pack("<d" if kind == _FLOAT else "<q" if kind == _INT else "<Q", content)
