"""TensorFlow's element types, shapes and tensors as numpy's."""

from math import prod
from typing import Any

import ml_dtypes
import numpy as np

from tachylite.frontends.builder import Dims
from tachylite.frontends.protobuf import Message
from tachylite.model.dtypes import DTYPES, RESOURCE, STRING, VARIANT
from tachylite.model.errors import FileError
from tachylite.model.graph import Shape

#: TensorFlow's DataType by its number (tensorflow/core/framework/types.proto); those of quantized types are the integers under them.
DATA_TYPES: dict[int, np.dtype] = {
    1: np.dtype(np.float32),
    2: np.dtype(np.float64),
    3: np.dtype(np.int32),
    4: np.dtype(np.uint8),
    5: np.dtype(np.int16),
    6: np.dtype(np.int8),
    7: STRING,
    8: np.dtype(np.complex64),
    9: np.dtype(np.int64),
    10: np.dtype(np.bool_),
    11: np.dtype(np.int8),
    12: np.dtype(np.uint8),
    13: np.dtype(np.int32),
    14: DTYPES["BFLOAT16"],
    17: np.dtype(np.uint16),
    18: np.dtype(np.complex128),
    19: np.dtype(np.float16),
    20: RESOURCE,
    21: VARIANT,
    22: np.dtype(np.uint32),
    23: np.dtype(np.uint64),
    24: np.dtype(ml_dtypes.float8_e5m2),
    25: np.dtype(ml_dtypes.float8_e4m3fn),
    29: DTYPES["INT4"],
    30: DTYPES["UINT4"],
}

#: An old variable is a reference to its type, told by a number that is this much greater.
REFERENCE = 100


def dtype_of(number: int) -> np.dtype:
    """The element type of this number. Raises FileError."""
    dtype = DATA_TYPES.get(number - REFERENCE if number > REFERENCE else number)
    if dtype is None:
        raise FileError(f"has the element type {number}, which is none of TensorFlow's that can be converted")
    return dtype


def shape_of(shape: Message | None) -> Dims | None:
    """A TensorShapeProto; None where not even the rank is known."""
    if shape is None or shape.unknown_rank:
        return None
    return tuple(None if dim.size < 0 else dim.size for dim in shape.dim)


def full_shape(shape: Message | None) -> Shape:
    """The shape of a value. Raises FileError where a dimension is unknown."""
    sizes = shape_of(shape) or ()
    known = tuple(size for size in sizes if size is not None)
    if len(known) < len(sizes):
        raise FileError(f"a value has the shape {list(sizes)}; the file is corrupted")
    return known


#: Where a TensorProto keeps values that are not in `tensor_content`, by the kind and width of their type.
FIELDS = {
    "float32": "float_val",
    "float64": "double_val",
    "int32": "int_val",
    "int16": "int_val",
    "int8": "int_val",
    "uint16": "int_val",
    "uint8": "int_val",
    "int4": "int_val",
    "uint4": "int_val",
    "int64": "int64_val",
    "bool": "bool_val",
    "uint32": "uint32_val",
    "uint64": "uint64_val",
    "object": "string_val",
}


def array_of(tensor: Message) -> np.ndarray:
    """A TensorProto's value. Raises FileError where it has too few or too many elements."""
    dtype, shape = dtype_of(tensor.dtype), full_shape(tensor.tensor_shape)
    size = prod(shape)
    if len(tensor.tensor_content):
        if len(tensor.tensor_content) != size * dtype.itemsize:
            raise FileError(f"{len(tensor.tensor_content)} bytes for a constant {dtype}{list(shape)}; the file is corrupted")
        return np.frombuffer(tensor.tensor_content, dtype).reshape(shape)
    values = _listed(tensor, dtype)
    if len(values) > size:
        raise FileError(f"{len(values)} values for a constant {dtype}{list(shape)}; the file is corrupted")
    if len(values) == 0:
        return np.full(shape, b"" if dtype == STRING else 0, dtype)
    # The last value stands for all that are left out.
    return np.concatenate([values, np.repeat(values[-1:], size - len(values))]).reshape(shape)


def _listed(tensor: Message, dtype: np.dtype) -> np.ndarray:
    if dtype.name in ("float16", "bfloat16"):
        return np.array(tensor.half_val, np.uint16).view(dtype)
    if dtype.kind == "c":
        return np.array(tensor.scomplex_val, np.float32).view(dtype) if dtype == np.complex64 else np.array(tensor.dcomplex_val).view(dtype)
    if dtype.name not in FIELDS:
        raise FileError(f"a constant of type {dtype} has no content; the file is corrupted")
    values: list[Any] = getattr(tensor, FIELDS[dtype.name])
    if dtype == STRING:
        result = np.empty(len(values), object)
        result[:] = [bytes(value) for value in values]
        return result
    try:
        return np.array(values, np.int64 if dtype.kind == "i" else None).astype(dtype)
    except (OverflowError, ValueError) as problem:
        raise FileError(f"a constant of type {dtype} holds other values ({problem}); the file is corrupted") from None
