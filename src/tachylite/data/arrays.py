"""Arrays: numpy's files, raw bytes, and whether an array fits a tensor."""

import os
import zipfile
from collections.abc import Mapping
from io import BytesIO
from math import prod
from pathlib import Path

import ml_dtypes
import numpy as np

from tachylite.model.dtypes import BFLOAT16, STRING, is_quantizable
from tachylite.model.errors import FileError, TachyliteError
from tachylite.model.files import write_atomically
from tachylite.model.graph import Tensor

SUFFIXES = frozenset([".npy", ".npz"])
RAW_SUFFIXES = frozenset([".bin", ".raw"])


def read(path: str | os.PathLike[str]) -> np.ndarray | dict[str, np.ndarray]:
    """The array of a .npy file, or the arrays of a .npz file by name. Raises FileError, OSError."""
    with Path(path).open("rb") as file:
        try:
            content = np.load(file, allow_pickle=False)
            return content if isinstance(content, np.ndarray) else dict(content)
        except (ValueError, EOFError, OSError, zipfile.BadZipFile, SyntaxError) as problem:
            raise FileError(
                f"{path} is no .npy or .npz file without pickled objects: {problem}; save it with numpy.save or savez"
            ) from problem


def read_one(path: str | os.PathLike[str]) -> np.ndarray:
    """The array of a .npy file, or the only one of a .npz file. Raises FileError, OSError."""
    content = read(path)
    if isinstance(content, dict):
        if len(content) != 1:
            raise FileError(f"{path} holds {len(content)} arrays named {sorted(content)}; give a file with one")
        return next(iter(content.values()))
    return content


def read_raw(path: str | os.PathLike[str], tensor: Tensor) -> np.ndarray:
    """A file of nothing but elements, in the tensor's type and order. Its length tells the size of a dimension that is not known."""
    signature = tensor.shape_signature or tensor.shape
    if tensor.dtype.hasobject or tensor.dtype.names or signature.count(-1) > 1:
        raise TachyliteError(f"{tensor.name!r} is {tensor.dtype}{list(signature)}, which raw bytes do not determine; give a .npz file")
    content = Path(path).read_bytes()
    known = prod(d for d in signature if d >= 0)
    count, rest = divmod(len(content), tensor.dtype.itemsize)
    if rest or (count != known and (-1 not in signature or not known or count % known)):
        needed = f"{known * tensor.dtype.itemsize}{' times a whole number' * signature.count(-1)}"
        raise FileError(f"{path} has {len(content)} bytes, {tensor.name!r} needs {needed}: {tensor.dtype}{list(signature)}; write it again")
    return np.frombuffer(content, tensor.dtype).reshape(signature)


def write(path: str | os.PathLike[str], arrays: Mapping[str, np.ndarray]) -> None:
    """Save arrays under their names as .npz, whole or not at all. Strings lose zero bytes at their ends."""
    archive = BytesIO()
    with zipfile.ZipFile(archive, "w") as entries:
        for name, array in arrays.items():
            with entries.open(f"{name}.npy", "w") as entry:
                np.lib.format.write_array(entry, array.astype("S") if array.dtype == STRING else array, allow_pickle=False)
    write_atomically(path, [archive.getbuffer()])


def fit(values: np.ndarray, tensor: Tensor) -> np.ndarray:
    """`values` in the tensor's type, quantized where it is; a batch of one may be left out. Raises TachyliteError."""
    return _shaped(_typed(np.asarray(values), tensor), tensor)


def stored(values: np.ndarray, dtype: np.dtype, scale: float = 1.0, zero_point: int = 0) -> np.ndarray:
    """Real numbers in steps of an integer type: rounded to the nearest, halves away from zero, and saturated."""
    info = ml_dtypes.iinfo(dtype)  # type: ignore[no-untyped-call]
    steps = np.asarray(values, np.float64) / scale
    steps = np.trunc(steps + np.copysign(0.5, steps)) + zero_point
    return np.clip(steps, info.min, info.max).astype(dtype)


def _typed(values: np.ndarray, tensor: Tensor) -> np.ndarray:
    wanted = tensor.dtype
    if values.dtype == wanted:
        return values
    if wanted == STRING and values.dtype.kind in "SU":
        texts = [text if isinstance(text, bytes) else text.encode() for text in values.ravel().tolist()]
        return np.array(texts, object).reshape(values.shape)
    if values.dtype.kind == "f" and is_quantizable(wanted) and tensor.is_quantized:
        return stored(values, wanted, float(tensor.scale), tensor.zero_point)
    if values.dtype.kind in "fiu" and (wanted.kind in "fc" or wanted == BFLOAT16):
        return values.astype(wanted)
    if values.dtype.kind in "iu" and is_quantizable(wanted) and (values.astype(wanted) == values).all():
        return values.astype(wanted)
    raise TachyliteError(f"the array is {values.dtype}, {tensor.name!r} needs {wanted}; convert it, or scale its values into that range")


def _shaped(values: np.ndarray, tensor: Tensor) -> np.ndarray:
    signature = tensor.shape_signature or tensor.shape
    if len(signature) == values.ndim + 1 and signature[0] in (1, -1):
        values = values[None]
    if len(signature) != values.ndim or any(d not in (-1, n) for d, n in zip(signature, values.shape, strict=True)):
        raise TachyliteError(f"the array is {list(values.shape)}, {tensor.name!r} needs {list(signature)}; reshape it, or resize the input")
    return values
