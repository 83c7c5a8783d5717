"""STABLEHLO_PAD and the reductions of windows that slide over a tensor.

https://openxla.org/stablehlo/spec defines them; REDUCE_WINDOW is an older form of STABLEHLO_REDUCE_WINDOW.
"""

from collections.abc import Sequence
from itertools import product
from math import prod

import numpy as np

from tachylite.model.graph import Operator, Shape

from .arguments import new_shape
from .registry import OpDef, Spec, register
from .stablehlo_elementwise import COMPUTATIONS, NUMBERS, computation


def _padded_shape(shape: Shape, low: Sequence[int], high: Sequence[int], interior: Sequence[int]) -> Shape:
    return tuple(d + max(d - 1, 0) * i + a + b for d, a, b, i in zip(shape, low, high, interior, strict=True))


def _pad(x: np.ndarray, value: np.ndarray, low: Sequence[int], high: Sequence[int], interior: Sequence[int]) -> np.ndarray:
    """x with `interior` values between its elements and then `low` and `high` at the edges, where negative numbers crop."""
    padded = np.full(_padded_shape(x.shape, low, high, interior), value.reshape(()), x.dtype)
    source, target = [], []
    for size, new_size, start, gap in zip(x.shape, padded.shape, low, interior, strict=True):
        step = gap + 1
        first = max(0, -(start // step))
        last = min(size - 1, (new_size - 1 - start) // step)
        if first > last:
            return padded
        source.append(slice(first, last + 1))
        target.append(slice(start + first * step, start + last * step + 1, step))
    padded[tuple(target)] = x[tuple(source)]
    return padded


def _infer_pad(op: Operator, x: Spec, value: Spec) -> Spec:
    options = op.options
    low, high, interior = options.edge_padding_low, options.edge_padding_high, options.interior_padding
    if value.dtype != x.dtype or prod(value.shape) != 1:
        raise op.error(f"the padding value is {value.dtype}{list(value.shape)}, it must be one {x.dtype}")
    if {len(low), len(high), len(interior)} != {x.rank} or min(interior, default=0) < 0:
        found = f"low {list(low)}, high {list(high)}, interior {list(interior)}"
        raise op.error(f"paddings are {found}; each needs {x.rank} numbers, and interior ones must not be negative")
    return Spec(new_shape(op, _padded_shape(x.shape, low, high, interior)), x.dtype)


def pad(op: Operator, x: np.ndarray, value: np.ndarray) -> np.ndarray:
    """x: any shape and dtype; value: one element of that dtype."""
    return _pad(x, value, op.options.edge_padding_low, op.options.edge_padding_high, op.options.interior_padding)


register(OpDef("STABLEHLO_PAD", _infer_pad, pad, "StablehloPadOptions", NUMBERS))


def _window_counts(op: Operator, shape: Shape, window: Sequence[int], strides: Sequence[int], dilations: Sequence[int]) -> Shape:
    """How many windows fit into `shape` along each axis."""
    if {len(window), len(strides), len(dilations)} != {len(shape)} or min(*window, *strides, *dilations, 1) < 1:
        found = f"window {list(window)}, strides {list(strides)}, dilations {list(dilations)}"
        raise op.error(f"has {found}; each needs {len(shape)} positive numbers")
    reach = [(size - 1) * dilation + 1 for size, dilation in zip(window, dilations, strict=True)]
    return tuple(max(0, (d - r) // stride + 1) for d, r, stride in zip(shape, reach, strides, strict=True))


def _reduce_windows(
    combine: np.ufunc,
    x: np.ndarray,
    init: np.ndarray,
    counts: Shape,
    window: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
) -> np.ndarray:
    """Each window's elements combined one after the other with `init`; a step takes one element of every window."""
    result = np.full(counts, init.reshape(()), x.dtype)
    if not result.size:
        return result
    for tap in product(*(range(size) for size in window)):
        starts = [i * dilation for i, dilation in zip(tap, dilations, strict=True)]
        taken = tuple(slice(a, a + (n - 1) * s + 1, s) for a, n, s in zip(starts, counts, strides, strict=True))
        result = combine(result, x[taken]).astype(x.dtype, copy=False)
    return result


def _check_init(op: Operator, x: Spec, init: Spec) -> None:
    if init.dtype != x.dtype or prod(init.shape) != 1:
        raise op.error(f"the initial value is {init.dtype}{list(init.shape)}, it must be one {x.dtype}")


def _edges(op: Operator) -> tuple[Sequence[int], Sequence[int], Sequence[int]]:
    """Low, high and interior padding of the operand before its windows are taken."""
    return op.options.padding[::2], op.options.padding[1::2], [d - 1 for d in op.options.base_dilations]


def _infer_reduce_window(op: Operator, x: Spec, init: Spec) -> Spec:
    _check_init(op, x, init)
    options = op.options
    if computation(op) is None:
        raise op.error(f"its computation has no operator; it must be one of {', '.join(COMPUTATIONS)}")
    if len(options.padding) != 2 * x.rank or len(options.base_dilations) != x.rank or min(options.base_dilations, default=1) < 1:
        found = f"padding {list(options.padding)} and base_dilations {list(options.base_dilations)}"
        raise op.error(f"has {found}; it needs {2 * x.rank} paddings and {x.rank} positive dilations")
    shape = new_shape(op, _padded_shape(x.shape, *_edges(op)))
    if min(shape, default=1) < 1:
        raise op.error(f"its padding makes {list(x.shape)} to {list(shape)}, which has no elements; crop less")
    return Spec(_window_counts(op, shape, options.window_dimensions, options.window_strides, options.window_dilations), x.dtype)


def stablehlo_reduce_window(op: Operator, x: np.ndarray, init: np.ndarray) -> np.ndarray:
    """x: any shape; init: one element of x's dtype, which also fills the padding."""
    options, combine = op.options, computation(op)
    assert combine is not None, "infer refuses a computation without an operator"
    windows = options.window_dimensions, options.window_strides, options.window_dilations
    padded = _pad(x, init, *_edges(op))
    return _reduce_windows(combine, padded, init, _window_counts(op, padded.shape, *windows), *windows)


_FUNCTIONS: dict[str, np.ufunc] = {
    "ADD": np.add,
    "MUL": np.multiply,
    "MINIMUM": np.minimum,
    "MAXIMUM": np.maximum,
    "ALL": np.logical_and,
    "ANY": np.logical_or,
}


def _infer_tflite_reduce_window(op: Operator, x: Spec, init: Spec, *windows: Spec) -> Spec | None:
    _check_init(op, x, init)
    if op.options.reduce_function not in _FUNCTIONS:
        raise op.error(f"reduce_function is {op.options.reduce_function}, it must be one of {', '.join(_FUNCTIONS)}")
    if len(windows) != 3 or any(w.dtype != np.int64 or w.rank != 1 for w in windows):
        raise op.error("the window's shape, strides and dilations must be lists of int64")
    if any(w.value is None for w in windows):
        return None
    return Spec(_window_counts(op, x.shape, *([int(n) for n in w.value] for w in windows)), x.dtype)


def reduce_window(op: Operator, x: np.ndarray, init: np.ndarray, *windows: np.ndarray) -> np.ndarray:
    """x: any shape; init: one element of x's dtype; the window's shape, strides and dilations: int64 [rank]."""
    lists = [[int(n) for n in w] for w in windows]
    return _reduce_windows(_FUNCTIONS[op.options.reduce_function], x, init, _window_counts(op, x.shape, *lists), *lists)


_WINDOWED = ("f32", "f64", "s8", "s16", "i32", "i64", "u8", "bool")
register(OpDef("STABLEHLO_REDUCE_WINDOW", _infer_reduce_window, stablehlo_reduce_window, "StablehloReduceWindowOptions", _WINDOWED))
register(OpDef("REDUCE_WINDOW", _infer_tflite_reduce_window, reduce_window, "ReduceWindowOptions", _WINDOWED))
