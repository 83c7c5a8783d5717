"""Pooling over windows of height and width, NHWC. Elements outside of the input do not count."""

from collections.abc import Callable

import numpy as np

from tachylite.model.graph import Operator

from .convolution import check_output
from .fused import activate, activation_range
from .registry import OpDef, Spec, register
from .window import Window, sliding


def _windows(op: Operator, x: tuple[int, ...]) -> tuple[Window, ...]:
    return sliding(op, x[1:3], (op.options.filter_height, op.options.filter_width))


def _infer_pool(op: Operator, x: Spec, types: tuple[type, ...] = (np.float32, np.int8, np.uint8, np.int16)) -> Spec:
    if x.rank != 4 or 0 in x.shape[1:]:
        raise op.error(f"input has shape {list(x.shape)}, needed [batch, height, width, channels], none but the batch 0; reshape it")
    if x.dtype not in types:
        raise op.error(f"input is {x.dtype}, needed {', '.join(t.__name__ for t in types)}; insert a CAST or DEQUANTIZE")
    check_output(op, x)
    return Spec((x.shape[0], *(w.outputs for w in _windows(op, x.shape)), x.shape[3]), x.dtype)


def _gather(x: np.ndarray, windows: tuple[Window, ...], combine: Callable[..., np.ndarray], start: float) -> np.ndarray:
    """Combine what each window sees, one axis after the other: a window of k by k costs 2k steps. x: [n, h, w, c] to [n, oh, ow, c]."""
    for axis, window in enumerate(windows, 1):
        shape = (*x.shape[:axis], window.outputs, *x.shape[axis + 1 :])
        y = np.full(shape, start, x.dtype)
        for _, outputs, inputs in window.cells():
            seen = y[(slice(None),) * axis + (outputs,)]
            combine(seen, x[(slice(None),) * axis + (inputs,)], out=seen)
        x = y
    return x


def _counts(windows: tuple[Window, ...]) -> np.ndarray:
    """How many elements each window sees. int64 [oh, ow, 1]."""
    ones = np.ones((1, *(w.inputs for w in windows), 1), np.int64)
    return _gather(ones, windows, np.add, 0)[0]


def _clip(op: Operator, y: np.ndarray) -> np.ndarray:
    output = op.outputs[0]
    if y.dtype.kind == "f":
        return activate(op, y.astype(output.dtype))
    return np.clip(y, *activation_range(op, output)).astype(output.dtype)


def average_pool_2d(op: Operator, x: np.ndarray) -> np.ndarray:
    """x: [n, h, w, c]. The mean; of integers the nearest step, halves away from zero."""
    windows = _windows(op, x.shape)
    counts = _counts(windows)
    if x.dtype.kind == "f":
        return _clip(op, _gather(x.astype(np.float64), windows, np.add, 0) / counts)
    total = _gather(x.astype(np.int64), windows, np.add, 0)
    return _clip(op, np.sign(total) * ((np.abs(total) + counts // 2) // counts))


def max_pool_2d(op: Operator, x: np.ndarray) -> np.ndarray:
    """x: [n, h, w, c]. The greatest element; NaN counts as least."""
    least = np.finfo(x.dtype).min if x.dtype.kind == "f" else np.iinfo(x.dtype).min
    return _clip(op, _gather(x, _windows(op, x.shape), np.fmax, least))


def l2_pool_2d(op: Operator, x: np.ndarray) -> np.ndarray:
    """x: float32 [n, h, w, c]. The root of the mean square."""
    windows = _windows(op, x.shape)
    return _clip(op, np.sqrt(_gather(np.square(x, dtype=np.float64), windows, np.add, 0) / _counts(windows)))


def _pool_version(op: Operator) -> int:
    x = op.inputs[0]
    return {np.dtype(np.int8): 2, np.dtype(np.int16): 3}.get(x.dtype, 1)


_VARIANTS = ("f32", "s8", "u8", "s16")

for _name, _reference in (("AVERAGE_POOL_2D", average_pool_2d), ("MAX_POOL_2D", max_pool_2d)):
    register(OpDef(_name, options="Pool2DOptions", infer=_infer_pool, reference=_reference, variants=_VARIANTS, version=_pool_version))
register(OpDef("L2_POOL_2D", options="Pool2DOptions", infer=lambda op, x: _infer_pool(op, x, (np.float32,)), reference=l2_pool_2d))
