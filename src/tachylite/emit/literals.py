"""C names, types and literals for what a Program holds."""

import ctypes
import math
import re
import textwrap
from collections.abc import Iterable, Set
from typing import Any

import numpy as np

from tachylite.ops.kernel import Params

_KEYWORDS = frozenset(
    "alignas alignof asm auto bool break case char class const continue default delete do double else enum extern false float for goto if "
    "inline int long namespace new operator private public register restrict return short signed sizeof static struct switch template "
    "this true typedef union unsigned using virtual void volatile while".split()
)

_TYPES = {
    **{np.dtype(f"{sign}int{bits}"): f"{sign}int{bits}_t" for sign in ("", "u") for bits in (8, 16, 32, 64)},
    np.dtype(np.float32): "float",
    np.dtype(np.float64): "double",
    np.dtype(np.complex64): "float",
    np.dtype(np.complex128): "double",
}
"""C has no type for the others, whose bits are stored; an element of a complex type is two of these."""

WIDTH = 120
"""Columns of a line of numbers."""


def identifier(text: str, taken: Set[str] = frozenset()) -> str:
    """A C and C++ identifier that reads like `text`, and none of the taken ones; macros are in capitals, so case does not count."""
    plain = re.sub(r"\W+", "_", text, flags=re.ASCII).strip("_") or "tensor"
    if plain[0].isdigit() or plain in _KEYWORDS:
        plain = f"_{plain}" if plain in _KEYWORDS else f"t{plain}"
    name, count = plain, 1
    while name.lower() in {other.lower() for other in taken}:
        count += 1
        name = f"{plain}_{count}"
    return name


def c_type(dtype: np.dtype) -> str:
    """The type of an element in C."""
    return _TYPES.get(dtype) or f"uint{8 * dtype.itemsize}_t"


def comment(text: str) -> str:
    """Text that may stand in a C comment."""
    return text.replace("*/", "* /").replace("/*", "/ *").replace("\n", " ").replace("\\", "/").replace("??", "? ?")


def number(value: float) -> str:
    """A floating-point number, to the last bit."""
    if math.isnan(value):
        return '-__builtin_nanf("")' if math.copysign(1, value) < 0 else '__builtin_nanf("")'
    if math.isinf(value):
        return "-__builtin_inff()" if value < 0 else "__builtin_inff()"
    return float(value).hex()


def integer(value: int) -> str:
    """An integer; the least of 64 bits is no literal in C, and the greatest have no signed type."""
    return "INT64_MIN" if value == -(2**63) else f"{value}u" if value >= 2**63 else str(value)


def elements(array: np.ndarray) -> Iterable[str]:
    """The literals of an array's elements in order."""
    flat = np.ascontiguousarray(array).reshape(-1)
    if flat.dtype.kind == "c":
        flat = flat.view(flat.real.dtype)
    if flat.dtype.kind == "f" and flat.dtype in _TYPES:
        suffix = "f" if flat.dtype == np.float32 else ""
        return (text if text.endswith(")") else text + suffix for text in map(number, flat.tolist()))
    if flat.dtype not in _TYPES:
        flat = flat.view(f"u{flat.dtype.itemsize}")
    values = flat.tolist()
    return map(str, values) if flat.dtype.itemsize < 8 else map(integer, values)


def table(name: str, array: np.ndarray, alignment: int) -> str:
    """The definition of a constant array."""
    return f"static _Alignas({alignment}) const {c_type(array.dtype)} {name}[] = {{\n{filled(elements(array))}\n}};"


def filled(literals: Iterable[str]) -> str:
    """Literals with commas between them, in lines; C has no empty arrays, so that nothing becomes a 0."""
    return wrapped("    " + (", ".join(literals) or "0"))


def wrapped(text: str) -> str:
    """A statement in lines of about WIDTH columns, those behind the first indented."""
    return textwrap.fill(text, WIDTH, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False)


def fields(block: Params) -> str:
    """The initializer of a parameter block, in which zeros are left out."""
    shown = [f".{name} = {text}" for name, *_ in block._fields_ if (text := _field(getattr(block, name)))]
    return "{" + ", ".join(shown or [f".{block._fields_[0][0]} = 0"]) + "}"


def _field(value: Any) -> str:
    if isinstance(value, ctypes.Array):
        items = list(value)
        return "{" + ", ".join(_scalar(item) for item in items) + "}" if any(_is_set(item) for item in items) else ""
    return _scalar(value) if _is_set(value) else ""


def _is_set(value: float) -> bool:
    return value != 0 or math.copysign(1, value) < 0


def _scalar(value: float) -> str:
    return number(value) if isinstance(value, float) else integer(value)
