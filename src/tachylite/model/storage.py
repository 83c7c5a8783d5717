"""How a file's buffer holds the elements of a constant, where that is not simply how numpy does."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from .dtypes import PACKED_BITS
from .errors import FileError

Bytes = bytes | bytearray | memoryview


def content(data: np.ndarray) -> Bytes:
    """The bytes of a constant as a file holds them."""
    if data.dtype.hasobject:
        return pack_strings(data.reshape(-1).tolist())
    flat = np.ascontiguousarray(data).reshape(-1)
    return (pack(flat) if flat.dtype in PACKED_BITS else flat.view(np.uint8)).data


def pack(data: np.ndarray) -> np.ndarray:
    """Several elements per byte, the first in the low bits."""
    bits = PACKED_BITS[data.dtype]
    per_byte = 8 // bits
    fields = np.zeros(-(-len(data) // per_byte) * per_byte, np.uint8)
    fields[: len(data)] = data.astype(np.int8).view(np.uint8) & ((1 << bits) - 1)
    return np.bitwise_or.reduce(fields.reshape(-1, per_byte) << np.arange(0, 8, bits, dtype=np.uint8), axis=1)


def unpack(packed: Bytes, dtype: np.dtype) -> np.ndarray:
    """The inverse of `pack`: one byte per element."""
    bits = PACKED_BITS[dtype]
    fields = np.frombuffer(packed, np.uint8)[:, None] >> np.arange(0, 8, bits, dtype=np.uint8) & ((1 << bits) - 1)
    return fields.reshape(-1).view(np.int8).astype(dtype)


def pack_strings(strings: Sequence[bytes]) -> bytes:
    """A count, where each string begins and the last one ends, then the strings."""
    bounds = np.cumsum([4 * (len(strings) + 2), *map(len, strings)])
    return np.array([len(strings), *bounds], "<i4").tobytes() + b"".join(strings)


def unpack_strings(packed: Bytes) -> np.ndarray:
    """The inverse of `pack_strings`, as an array of bytes objects. Raises FileError."""
    if len(packed) < 4:
        raise FileError(f"its buffer has {len(packed)} bytes, strings need at least 4; the file is damaged")
    count = int.from_bytes(packed[:4], "little", signed=True)
    if count == 0:
        return np.empty(0, object)
    first = 4 * (count + 2)
    if not 0 < first - 8 <= len(packed) - 8:
        raise FileError(f"its buffer says that it holds {count} strings, which do not fit in {len(packed)} bytes; the file is damaged")
    bounds = np.frombuffer(packed, "<i4", count + 1, 4).tolist()
    result = np.empty(count, object)
    for i, (begin, end) in enumerate(pairwise(bounds)):
        if not first <= begin <= end <= len(packed):
            raise FileError(f"its string {i} lies at bytes {begin} to {end} of {len(packed)}; the file is damaged")
        result[i] = bytes(packed[begin:end])
    return result
