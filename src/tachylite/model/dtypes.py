"""Element types: the schema's TensorType names and the numpy dtypes that stand for them.

Strings are numpy objects (`bytes`); resources and variants, which hold no elements of their own, are marker dtypes.
"""

from functools import cache

import ml_dtypes
import numpy as np

STRING = np.dtype(object)
RESOURCE = np.dtype([("resource", np.int32)])
VARIANT = np.dtype([("variant", np.int32)])
INT4 = np.dtype(ml_dtypes.int4)
UINT4 = np.dtype(ml_dtypes.uint4)
INT2 = np.dtype(ml_dtypes.int2)
BFLOAT16 = np.dtype(ml_dtypes.bfloat16)

DTYPES: dict[str, np.dtype] = {
    "FLOAT32": np.dtype(np.float32),
    "FLOAT16": np.dtype(np.float16),
    "INT32": np.dtype(np.int32),
    "UINT8": np.dtype(np.uint8),
    "INT64": np.dtype(np.int64),
    "STRING": STRING,
    "BOOL": np.dtype(np.bool_),
    "INT16": np.dtype(np.int16),
    "COMPLEX64": np.dtype(np.complex64),
    "INT8": np.dtype(np.int8),
    "FLOAT64": np.dtype(np.float64),
    "COMPLEX128": np.dtype(np.complex128),
    "UINT64": np.dtype(np.uint64),
    "RESOURCE": RESOURCE,
    "VARIANT": VARIANT,
    "UINT32": np.dtype(np.uint32),
    "UINT16": np.dtype(np.uint16),
    "INT4": INT4,
    "BFLOAT16": BFLOAT16,
    "INT2": INT2,
    "UINT4": UINT4,
    "FLOAT8_E4M3FN": np.dtype(ml_dtypes.float8_e4m3fn),
    "FLOAT8_E5M2": np.dtype(ml_dtypes.float8_e5m2),
}
"""TensorType name to dtype."""

TYPE_NAMES: dict[np.dtype, str] = {dtype: name for name, dtype in DTYPES.items()}
"""The inverse of DTYPES."""

PACKED_BITS: dict[np.dtype, int] = {INT4: 4, UINT4: 4, INT2: 2}
"""Bits of the types of which several share a byte in a file, the first in the low bits. In memory each takes a byte."""


def is_quantizable(dtype: np.dtype) -> bool:
    """Whether a tensor of this type may stand for real numbers through a scale and a zero point."""
    return dtype in PACKED_BITS or dtype.kind in "iu"


def nbytes(dtype: np.dtype, size: int) -> int:
    """Bytes that `size` elements take in a file; strings, resources and variants have no fixed size and give 0."""
    if dtype.hasobject or dtype.names:
        return 0
    return -(-size * PACKED_BITS[dtype] // 8) if dtype in PACKED_BITS else size * dtype.itemsize


@cache
def limits(dtype: np.dtype) -> tuple[int, int]:
    """The least and the greatest number of an integer type."""
    bits = PACKED_BITS.get(dtype, 8 * dtype.itemsize)
    return (0, 2**bits - 1) if dtype.name.startswith("u") else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
