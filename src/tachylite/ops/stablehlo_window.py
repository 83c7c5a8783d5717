"""STABLEHLO_PAD and the reductions of windows that slide over a tensor.

https://openxla.org/stablehlo/spec defines them; REDUCE_WINDOW is an older form of STABLEHLO_REDUCE_WINDOW.
"""

from collections.abc import Sequence
from itertools import product
from math import prod
from typing import Any, NamedTuple

import numpy as np

from tachylite.model.graph import Operator, Shape

from .arguments import new_shape, settle, vector
from .copy import canvas, strided_copy
from .registry import OpDef, Spec, register
from .stablehlo_elementwise import COMPUTATIONS, NUMBERS, check_numbers, computation


def _padded_shape(shape: Shape, low: Sequence[int], high: Sequence[int], interior: Sequence[int]) -> Shape:
    return tuple(d + max(d - 1, 0) * i + a + b for d, a, b, i in zip(shape, low, high, interior, strict=True))


def _pad(x: np.ndarray, value: np.ndarray, low: Sequence[int], high: Sequence[int], interior: Sequence[int]) -> np.ndarray:
    """x with `interior` values between its elements and then `low` and `high` at the edges, where negative numbers crop."""
    padded = np.full(_padded_shape(x.shape, low, high, interior), value.reshape(()), x.dtype)
    source, target = _kept(x.shape, padded.shape, low, interior)
    padded[target] = x[source]
    return padded


def _kept(shape: Shape, padded: Shape, low: Sequence[int], interior: Sequence[int]) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Which elements of the input stay, and where they stand in the padded result."""
    source, target = [], []
    for size, new_size, start, gap in zip(shape, padded, low, interior, strict=True):
        step = gap + 1
        first = max(0, -(start // step))
        last = min(size - 1, (new_size - 1 - start) // step)
        if first > last:
            source.append(slice(0, 0))
            target.append(slice(0, 0))
            continue
        source.append(slice(first, last + 1))
        target.append(slice(start + first * step, start + last * step + 1, step))
    return tuple(source), tuple(target)


def _infer_pad(op: Operator, x: Spec, value: Spec) -> Spec:
    options = op.options
    low, high, interior = options.edge_padding_low, options.edge_padding_high, options.interior_padding
    if value.dtype != x.dtype or prod(value.shape) != 1:
        raise op.error(f"the padding value is {value.dtype}{list(value.shape)}, it must be one {x.dtype}; insert a CAST")
    if {len(low), len(high), len(interior)} != {x.rank} or min(interior, default=0) < 0:
        found = f"low {list(low)}, high {list(high)}, interior {list(interior)}"
        raise op.error(f"paddings are {found}, each needs {x.rank} numbers, and interior ones must not be negative; correct the options")
    return Spec(new_shape(op, _padded_shape(x.shape, low, high, interior)), x.dtype)


def pad(op: Operator, x: np.ndarray, value: np.ndarray) -> np.ndarray:
    """x: any shape and dtype; value: one element of that dtype."""
    return _pad(x, value, op.options.edge_padding_low, op.options.edge_padding_high, op.options.interior_padding)


def lower_pad(low: Any, op: Operator) -> None:
    """All is filled, then the input is spread over it."""
    x, value = op.inputs
    shape, y, result = low.spec(x).shape, canvas(low.spec(op.outputs[0]).shape), low.define(op.outputs[0])
    strided_copy(low, op, low.value(value), canvas(()), result, y)
    source, target = _kept(shape, y.shape, op.options.edge_padding_low, op.options.interior_padding)
    strided_copy(low, op, low.value(x), canvas(shape)[source], result, y[target])


register(OpDef("STABLEHLO_PAD", _infer_pad, pad, "StablehloPadOptions", NUMBERS, lower=lower_pad))


class _Windows(NamedTuple):
    """Windows that slide over a tensor: per axis the elements of one, the steps from one to the next, the steps between its elements."""

    size: Sequence[int]
    strides: Sequence[int]
    dilations: Sequence[int]

    def check(self, op: Operator, rank: int) -> None:
        if any(len(part) != rank or min(part, default=1) < 1 for part in self):
            found = f"window {list(self.size)}, strides {list(self.strides)} and dilations {list(self.dilations)}"
            raise op.error(f"has {found}, each needs {rank} positive numbers; correct them")

    def counts(self, shape: Shape) -> Shape:
        """How many windows fit into `shape` along each axis."""
        axes = zip(shape, self.size, self.strides, self.dilations, strict=True)
        return tuple(max(0, (d - (size - 1) * dilation - 1) // stride + 1) for d, size, stride, dilation in axes)

    def reduce(self, combine: np.ufunc, x: np.ndarray, init: np.ndarray) -> np.ndarray:
        """Each window's elements combined one after the other with `init`; a step takes one element of every window."""
        counts = self.counts(x.shape)
        result = np.full(counts, init.reshape(()), x.dtype)
        for element in product(*(range(size) for size in self.size)) if result.size else ():
            starts = [i * dilation for i, dilation in zip(element, self.dilations, strict=True)]
            seen = tuple(slice(a, a + (n - 1) * s + 1, s) for a, n, s in zip(starts, counts, self.strides, strict=True))
            result = combine(result, x[seen]).astype(x.dtype, copy=False)
        return result


def _check_init(op: Operator, x: Spec, init: Spec) -> None:
    check_numbers(op, x)
    if init.dtype != x.dtype or prod(init.shape) != 1:
        raise op.error(f"the initial value is {init.dtype}{list(init.shape)}, it must be one {x.dtype}; insert a CAST")


def _edges(op: Operator) -> tuple[Sequence[int], Sequence[int], Sequence[int]]:
    """Low, high and interior padding of the operand before its windows are taken."""
    return op.options.padding[::2], op.options.padding[1::2], [d - 1 for d in op.options.base_dilations]


def _windows(op: Operator) -> _Windows:
    return _Windows(op.options.window_dimensions, op.options.window_strides, op.options.window_dilations)


def _infer_stablehlo(op: Operator, x: Spec, init: Spec) -> Spec:
    _check_init(op, x, init)
    _windows(op).check(op, x.rank)
    padding, dilations = op.options.padding, op.options.base_dilations
    if computation(op) is None:
        raise op.error(f"its computation has no operator, it must be one of {', '.join(COMPUTATIONS)}; add it")
    if len(padding) != 2 * x.rank or len(dilations) != x.rank or min(dilations, default=1) < 1:
        needed = f"{2 * x.rank} and {x.rank} positive numbers"
        raise op.error(f"has padding {list(padding)} and base_dilations {list(dilations)}, it needs {needed}; correct the options")
    shape = new_shape(op, _padded_shape(x.shape, *_edges(op)))
    if 0 in shape:
        raise op.error(f"its padding makes {list(shape)} of {list(x.shape)}, elements must remain; crop less")
    return Spec(_windows(op).counts(shape), x.dtype)


def stablehlo_reduce_window(op: Operator, x: np.ndarray, init: np.ndarray) -> np.ndarray:
    """x: any shape; init: one element of x's dtype, which also fills the padding."""
    combine = computation(op)
    assert combine is not None, "infer refuses a computation without an operator"
    return _windows(op).reduce(combine, _pad(x, init, *_edges(op)), init)


_FUNCTIONS: dict[str, np.ufunc] = {
    "ADD": np.add,
    "MUL": np.multiply,
    "MINIMUM": np.minimum,
    "MAXIMUM": np.maximum,
    "ALL": np.logical_and,
    "ANY": np.logical_or,
}


def _infer_tflite(op: Operator, x: Spec, init: Spec, *windows: Spec) -> Spec | None:
    _check_init(op, x, init)
    if op.options.reduce_function not in _FUNCTIONS:
        raise op.error(f"reduce_function is {op.options.reduce_function}, it must be one of {', '.join(_FUNCTIONS)}; correct the options")
    names = ("the window's sizes", "the window's strides", "the window's dilations")
    known = [numbers for name, spec in zip(names, windows, strict=True) if (numbers := vector(op, name, spec, x.rank)) is not None]
    if len(known) < len(names):
        return None
    slide = _Windows(*known)
    slide.check(op, x.rank)
    return Spec(slide.counts(x.shape), x.dtype)


def reduce_window(op: Operator, x: np.ndarray, init: np.ndarray, *windows: np.ndarray) -> np.ndarray:
    """x: any shape; init: one element of x's dtype; the window's sizes, strides and dilations: int64 [rank]."""
    settle(_infer_tflite, op, x, init, *windows)
    return _Windows(*([int(n) for n in numbers] for numbers in windows)).reduce(_FUNCTIONS[op.options.reduce_function], x, init)


_WINDOWED = ("f32", "f64", "s8", "s16", "i32", "i64", "u8", "bool")
register(OpDef("STABLEHLO_REDUCE_WINDOW", _infer_stablehlo, stablehlo_reduce_window, "StablehloReduceWindowOptions", _WINDOWED))
register(OpDef("REDUCE_WINDOW", _infer_tflite, reduce_window, "ReduceWindowOptions", _WINDOWED))
