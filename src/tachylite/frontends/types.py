"""Operators on element types that TFLite's operator does not take: computed in another type that holds all of their values."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tachylite.model.dtypes import DTYPES, TYPE_NAMES
from tachylite.model.graph import Tensor
from tachylite.ops import registry
from tachylite.ops.arguments import SUFFIXES

from .builder import FrontendBuilder

#: Where to compute what has a type, best first. Integers of 8 and 16 bits are quantized ones to arithmetic operators.
INSTEAD = {
    "INT8": ("INT32", "FLOAT32"),
    "UINT8": ("INT32", "FLOAT32"),
    "INT16": ("INT32", "FLOAT32"),
    "UINT16": ("INT32", "FLOAT32"),
    "INT32": ("INT32", "INT64", "FLOAT32"),
    "INT64": ("INT64", "INT32", "FLOAT32"),
    "UINT32": ("INT64", "INT32", "FLOAT32"),
    "UINT64": ("INT64", "INT32", "FLOAT32"),
    "BOOL": ("BOOL", "INT32", "FLOAT32"),
    "INT4": ("INT32", "FLOAT32"),
    "UINT4": ("INT32", "FLOAT32"),
    "INT2": ("INT32", "FLOAT32"),
}


def cast(build: FrontendBuilder, x: Tensor, dtype: Any) -> Tensor:
    """x in another element type; a constant stays one."""
    target = np.dtype(dtype)
    if x.dtype == target:
        return x
    result: Tensor = build.CAST(x, in_data_type=TYPE_NAMES[x.dtype], out_data_type=TYPE_NAMES[target])
    value = build.value(result) if x.is_constant else None
    return result if value is None else build.constant(value)


def computing_type(name: str, dtype: np.dtype) -> np.dtype:
    """The type in which an operator of TFLite computes what has this one: arithmetic."""
    variants = registry.by_name(name).variants
    if "any" in variants:
        return dtype
    return next((DTYPES[other] for other in INSTEAD.get(TYPE_NAMES[dtype], ()) if SUFFIXES[DTYPES[other]] in variants), dtype)


def moving_type(name: str, dtype: np.dtype) -> np.dtype:
    """As `computing_type`, for operators that move elements and do not look at them."""
    variants = registry.by_name(name).variants
    return dtype if SUFFIXES[dtype] in variants else computing_type(name, dtype)


def compute(build: FrontendBuilder, name: str, *operands: Tensor, **options: Any) -> Tensor:
    """An arithmetic operator on operands of one type; its result has that type too."""
    dtype = operands[0].dtype
    return cast(build, _emit(build, name, computing_type(name, dtype), operands, options), dtype)


def compare(build: FrontendBuilder, name: str, *operands: Tensor) -> Tensor:
    """An operator on operands of one type whose result has a type of its own."""
    return _emit(build, name, computing_type(name, operands[0].dtype), operands, {})


def move(build: FrontendBuilder, name: str, moved: Sequence[Tensor], *rest: Any, **options: Any) -> Any:
    """An operator that moves the elements of its first operands; all of its results have their type."""
    dtype = moved[0].dtype
    inner = moving_type(name, dtype)
    results = getattr(build, name)(*(cast(build, x, inner) for x in moved), *rest, **options)
    if inner == dtype:
        return results
    return cast(build, results, dtype) if isinstance(results, Tensor) else [cast(build, y, dtype) for y in results]


def _emit(build: FrontendBuilder, name: str, dtype: np.dtype, operands: Sequence[Tensor], options: dict[str, Any]) -> Tensor:
    result: Tensor = getattr(build, name)(*(cast(build, x, dtype) for x in operands), **options)
    return result
