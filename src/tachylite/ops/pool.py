"""Pooling over windows of height and width, NHWC. Elements outside of the input do not count."""

from collections.abc import Callable
from ctypes import c_float, c_int32, c_int64
from math import prod
from typing import Any

import numpy as np

from tachylite.model.graph import Operator

from . import pool_gradient
from .arguments import SUFFIXES
from .channels import last_axis
from .convolution import check_output
from .derivatives import fused
from .fused import activate, activation_range
from .integer import SHARED
from .kernel import Params, kernel
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


class PoolParams(Params):
    """The window along height and width, and the range of results: of floats as floats, of integers as stored values.

    elements: of the input; has_high: whether the upper end excludes anything.
    """

    _fields_ = (
        ("elements", c_int64),
        ("input_height", c_int32),
        ("input_width", c_int32),
        ("channels", c_int32),
        ("output_height", c_int32),
        ("output_width", c_int32),
        ("filter_height", c_int32),
        ("filter_width", c_int32),
        ("stride_height", c_int32),
        ("stride_width", c_int32),
        ("before_height", c_int32),
        ("before_width", c_int32),
        ("low", c_int32),
        ("high", c_int32),
        ("has_high", c_int32),
        ("low_f32", c_float),
        ("high_f32", c_float),
    )


_VARIANTS = ("f32", "s8", "u8", "s16")
_KERNELS = {
    "AVERAGE_POOL_2D": kernel("average_pool", PoolParams, *_VARIANTS),
    "MAX_POOL_2D": kernel("max_pool", PoolParams, *_VARIANTS),
    "L2_POOL_2D": kernel("l2_pool", PoolParams, "f32"),
}


def lower_pool(low: Any, op: Operator) -> None:
    """One call; a work item is one pixel of the output."""
    x, y = (low.spec(t) for t in (op.inputs[0], op.outputs[0]))
    height, width = (window.trimmed()[0] for window in _windows(op, x.shape))
    # The kernel sums in 32 bits, and has no curved activation.
    if height.size * width.size > 2**16 or op.options.fused_activation_function == "TANH":
        low.host(op)
        return
    params = PoolParams(elements=prod(x.shape), channels=x.shape[3])
    for name, window in (("height", height), ("width", width)):
        setattr(params, f"input_{name}", window.inputs)
        setattr(params, f"output_{name}", window.outputs)
        setattr(params, f"filter_{name}", window.size)
        setattr(params, f"stride_{name}", window.stride)
        setattr(params, f"before_{name}", window.before)
    if x.dtype == np.float32:
        params.low_f32, params.high_f32 = activate(op, np.array([-np.inf, np.inf], np.float32))
        params.has_high = params.high_f32 < np.inf
    else:
        params.low, params.high = activation_range(op, op.outputs[0])
        params.has_high = params.high < np.iinfo(x.dtype).max
    grain = 1 + 2**17 // (height.size * width.size * x.shape[3] + 16)
    low.call(_KERNELS[op.op], SUFFIXES[x.dtype], op, params, work=prod(y.shape[:3]), grain=grain)


def _pool_version(op: Operator) -> int:
    x = op.inputs[0]
    return {np.dtype(np.int8): 2, np.dtype(np.int16): 3}.get(x.dtype, 1)


for _name, _infer, _reference, _gradient, _variants, _integer in (
    ("AVERAGE_POOL_2D", _infer_pool, average_pool_2d, pool_gradient.average_pool_2d, _VARIANTS, SHARED),
    ("MAX_POOL_2D", _infer_pool, max_pool_2d, pool_gradient.max_pool_2d, _VARIANTS, SHARED),
    ("L2_POOL_2D", lambda op, x: _infer_pool(op, x, (np.float32,)), l2_pool_2d, pool_gradient.l2_pool_2d, ("f32",), None),
):
    register(
        OpDef(
            _name,
            infer=_infer,
            reference=_reference,
            options="Pool2DOptions",
            variants=_variants,
            version=_pool_version,
            lower=lower_pool,
            integer=_integer,
            channels=last_axis,
            gradient=fused(_gradient),
        )
    )
