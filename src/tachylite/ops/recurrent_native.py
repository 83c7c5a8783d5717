"""What the recurrent operators share natively, in floats: matrices in panels, float32 or 8 bits with scales (recurrent.c)."""

from collections.abc import Sequence
from enum import IntEnum
from typing import Any

import numpy as np

from tachylite.model.graph import Operator, Tensor

from .fused import real_range
from .recurrent import Weights
from .registry import Spec

LANES, PAIR = 8, 16
"""Outputs of a panel and of two: as in tl_dot.h and recurrent.c."""

#: Longer hybrid rows could overflow the sum.
MAX_DEPTH = 2**31 // (255 * 128)


class Kind(IntEnum):
    """Of weights, and how rows are quantized to meet them: as in recurrent.c."""

    FLOAT = 0
    SYMMETRIC = 1
    ASYMMETRIC = 2


def kind_of(op: Operator, weights: Weights) -> Kind:
    """How an operator multiplies with these weights."""
    if weights.value.dtype == np.float32:
        return Kind.FLOAT
    return Kind.ASYMMETRIC if op.options.asymmetric_quantize_inputs else Kind.SYMMETRIC


def known(low: Any, op: Operator, positions: Sequence[int]) -> list[np.ndarray | None] | None:
    """The inputs of an operator, of which those at `positions` must be constant or omitted; None where they are not."""
    arrays = [None if t is None else low.spec(t).value for t in op.inputs]
    given = [i for i in positions if i < len(arrays) and op.inputs[i] is not None]
    return arrays if all(arrays[i] is not None for i in given) else None


def constant(low: Any, value: np.ndarray) -> int:
    """The value that holds a constant array."""
    number: int = low.temporary(Spec(value.shape, value.dtype, value))
    return number


def optional(low: Any, tensor: Tensor | None) -> int | None:
    """The value of an input that may be omitted."""
    return None if tensor is None else low.value(tensor)


def padded(length: int, unit: int) -> int:
    """The least multiple of `unit` that is not less."""
    return -(-length // unit) * unit


def matrix(parts: Sequence[Weights | None], width: int) -> tuple[np.ndarray, np.ndarray]:
    """Weights [rows, inputs], or zeros for None, below one another with `width` rows each, in pairs of panels; and a scale for each row."""
    given = [part for part in parts if part is not None]
    if not given:
        return np.zeros(0, np.float32), np.zeros(len(parts) * width, np.float32)
    depth, dtype = given[0].value.shape[1], given[0].value.dtype
    is_float = dtype == np.float32
    rows = np.zeros((len(parts), width, depth + (0 if is_float else depth % 2)), dtype)
    scales = np.zeros((len(parts), width), np.float32)
    for i, part in enumerate(parts):
        if part is not None:
            rows[i, : len(part.value), :depth] = part.value
            scales[i] = part.scale if not is_float else 1
    panel = (PAIR, depth) if is_float else (LANES, rows.shape[2] // 2, 2)
    return np.ascontiguousarray(rows.reshape(-1, *panel).swapaxes(1, 2)), scales.reshape(-1)


def vectors(parts: Sequence[np.ndarray | None], width: int, dtype: type = np.float32) -> np.ndarray:
    """Vectors, or zeros for None, `width` numbers each."""
    result: np.ndarray = np.zeros((len(parts), width), dtype)
    for row, part in zip(result, parts, strict=True):
        if part is not None:
            row[: len(part)] = part
    return result


def room(floats: int, row: int) -> int:
    """Floats of a worker's scratch: so many, and the steps of the longest row."""
    return floats + padded(row + 1, 2) // 2


def bounds(op: Operator) -> tuple[float, float]:
    """The range of the fused activation; an empty one stands for tanh."""
    return (1.0, -1.0) if op.options.fused_activation_function == "TANH" else real_range(op)
