"""ONNX's element types, shapes and tensors as those of the graph.

Floats of 16 bits and more are float32, in which everything is computed.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tachylite.frontends.builder import Dims
from tachylite.model.dtypes import DTYPES, INT2, INT4, STRING, UINT4
from tachylite.model.errors import FileError
from tachylite.model.extras import extra
from tachylite.model.files import map_file

#: ONNX's TensorProto.DataType by its number.
DATA_TYPES: Mapping[int, np.dtype] = {
    1: np.dtype(np.float32),
    2: np.dtype(np.uint8),
    3: np.dtype(np.int8),
    4: np.dtype(np.uint16),
    5: np.dtype(np.int16),
    6: np.dtype(np.int32),
    7: np.dtype(np.int64),
    8: STRING,
    9: np.dtype(np.bool_),
    10: np.dtype(np.float32),
    11: np.dtype(np.float32),
    12: np.dtype(np.uint32),
    13: np.dtype(np.uint64),
    14: DTYPES["COMPLEX64"],
    15: DTYPES["COMPLEX128"],
    16: np.dtype(np.float32),
    17: DTYPES["FLOAT8_E4M3FN"],
    19: DTYPES["FLOAT8_E5M2"],
    21: UINT4,
    22: INT4,
    26: INT2,
}

EXTERNAL = 1

FLOAT8 = (18, 20, 23, 24)


def dtype_of(number: int) -> np.dtype:
    """The element type of this number. Raises FileError."""
    if number not in DATA_TYPES:
        kind = "a float of 4 or 8 bits" if number in FLOAT8 else f"number {number}"
        raise FileError(f"has an element type ({kind}) that TFLite has none for; convert the model's floats to float32")
    return DATA_TYPES[number]


def shape_of(tensor_type: Any) -> Dims | None:
    """The shape that a TypeProto.Tensor tells, None in the place of what it leaves open; None where it tells not even the rank."""
    if not tensor_type.HasField("shape"):
        return None
    return tuple(d.dim_value if d.HasField("dim_value") and d.dim_value >= 0 else None for d in tensor_type.shape.dim)


def array_of(tensor: Any, folder: Path | None = None) -> np.ndarray:
    """A TensorProto's value. folder: where data of other files lies. Raises FileError, OSError."""
    with extra("onnx", "onnx"):
        from onnx import numpy_helper
    dtype = dtype_of(tensor.data_type)
    if tensor.data_location == EXTERNAL:
        return _external(tensor, dtype, folder)
    try:
        value = np.asarray(numpy_helper.to_array(tensor))
    except (ValueError, TypeError, OverflowError, IndexError) as problem:
        raise FileError(f"the constant {tensor.name!r} is not what its type and shape say ({problem}); the file is damaged") from problem
    if dtype == STRING:
        return np.array([s if isinstance(s, bytes) else str(s).encode() for s in value.reshape(-1)], object).reshape(value.shape)
    return value.astype(dtype, copy=False)


def _external(tensor: Any, dtype: np.dtype, folder: Path | None) -> np.ndarray:
    """A value that lies in another file, which is mapped. Raises FileError, OSError."""
    where = {entry.key: entry.value for entry in tensor.external_data}
    location = where.get("location", "")
    if folder is None:
        raise FileError(
            f"the constant {tensor.name!r} lies in the file {location!r}; convert the model by its path, or load the data first"
        )
    file = (folder / location).resolve()
    if not file.is_relative_to(folder.resolve()):
        raise FileError(f"the constant {tensor.name!r} lies in {location!r}, outside of the model's folder; move it there")
    data = map_file(file)
    copy = type(tensor)()
    copy.CopyFrom(tensor)
    del copy.external_data[:]
    copy.data_location = 0
    try:
        start = int(where.get("offset", 0))
        end = start + int(where["length"]) if "length" in where else len(data)
    except ValueError:
        raise FileError(f"the constant {tensor.name!r} has no numbers for its place in {location!r}; the file is damaged") from None
    if not 0 <= start <= end <= len(data):
        raise FileError(f"the constant {tensor.name!r} ends at byte {end} of {location!r}, which has {len(data)}; it is truncated")
    copy.raw_data = bytes(data[start:end])
    return array_of(copy)
