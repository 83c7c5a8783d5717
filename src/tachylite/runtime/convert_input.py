"""From what a caller passes to what a tensor holds, checked, and back."""

from typing import Any

import numpy as np

from tachylite.model.dtypes import BFLOAT16, STRING
from tachylite.model.errors import TachyliteError
from tachylite.model.graph import Shape, Tensor

from .details import FLOAT8_E4M3FN, FLOAT8_E5M2, VISIBLE

#: Types of which callers see the bits.
_RAW = (FLOAT8_E4M3FN, FLOAT8_E5M2)


def to_tensor(value: Any, tensor: Tensor, shape: Shape | None) -> np.ndarray:
    """`value` as an array that `tensor` can hold; with `shape` it must be of that shape.

    Raises TachyliteError that shows what was given and what is expected.
    """
    array = _strings(value) if tensor.dtype == STRING else np.asarray(value)
    expected = VISIBLE.get(tensor.dtype, tensor.dtype)
    if tensor.dtype == BFLOAT16 and array.dtype in (np.uint16, np.dtype("V2")):
        array = array.view(BFLOAT16)  # its bits, from files that cannot name the type
    if array.dtype not in (expected, tensor.dtype) or (shape is not None and array.shape != shape):
        given = f"{array.dtype}{list(array.shape)}"
        needed = f"{'bytes' if tensor.dtype == STRING else expected}{list(tensor.shape if shape is None else shape)}"
        raise TachyliteError(f"cannot set tensor {tensor.name!r}: got {given}, expected {needed}; {_advice(array, expected, shape)}")
    if array.dtype == tensor.dtype:
        return array
    return array.view(tensor.dtype) if tensor.dtype in _RAW else array.astype(tensor.dtype)


def _strings(value: Any) -> np.ndarray:
    array = np.asarray(value)
    if array.dtype.kind not in "SUO":
        return array
    encoded = np.empty(array.shape, object)
    for i, item in enumerate(array.ravel().tolist()):
        encoded.flat[i] = item.encode() if isinstance(item, str) else bytes(item)
    return encoded


def _advice(array: np.ndarray, expected: np.dtype, shape: Shape | None) -> str:
    if shape is not None and array.shape != shape:
        return "reshape the array, or call resize_tensor_input and allocate_tensors first"
    return f"convert it with .astype(np.{np.dtype(expected).name})"


def from_tensor(array: np.ndarray) -> np.ndarray:
    """A copy of a tensor's array in a type that numpy has; what a file says of the type of an operator's output does not count."""
    visible = VISIBLE.get(array.dtype)
    if visible is None:
        return array.copy()
    return array.copy().view(visible) if array.dtype in _RAW else array.astype(visible)
