"""Transposed two-dimensional convolution, NHWC: TRANSPOSE_CONV."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tachylite.model.dtypes import is_quantizable
from tachylite.model.graph import Operator, Shape

from . import conv_float, conv_gradient, conv_hybrid, conv_integer
from .channels import Channels, product, with_constant
from .convolution import check, convolve, filter_scales, integer_layer
from .derivatives import fused
from .integer import layer
from .permute import constant
from .registry import OpDef, Spec, register
from .window import Window, phases, sliding, spatial, taps


def spread(x: np.ndarray, filters: np.ndarray, windows: Sequence[Window]) -> np.ndarray:
    """The transpose of `conv.correlate`: every element of x adds its multiple of the filters to the outputs around it.

    x: [n, *inputs, c]; filters: [o, *size, c]; windows slide over the outputs and see them from the inputs. Returns [n, *outputs, o].
    """
    y = np.zeros((len(x), *(w.inputs for w in windows), len(filters)), x.dtype)
    for tap in taps(windows):
        y[spatial(*tap.inputs)] += x[spatial(*tap.outputs)] @ filters[spatial(*tap.cell)].T
    return y


def result_windows(op: Operator, shape: Sequence[int], x: Shape, size: Shape) -> tuple[Window, ...]:
    """Windows over the axes of a result of shape `shape`. Raises OpError unless a forward convolution of it would give x's shape.

    shape: [n, *outputs, o], values from the file; x: [n, *inputs, c]; size: of the window.
    """
    if len(shape) != len(x) or shape[0] != x[0] or min(shape[1:]) < 1:
        raise op.error(f"output shape is {list(shape)}, needed rank {len(x)}, positive sizes and batch {x[0]}; correct the shape input")
    windows = sliding(op, tuple(shape[1:-1]), size)
    expected = tuple(w.outputs for w in windows)
    if expected != x[1:-1]:
        raise op.error(
            f"output shape {list(shape)} belongs to an input of {list(expected)} elements, it has {list(x[1:-1])}; "
            "correct the shape input, the strides or the padding"
        )
    return windows


def infer_transposed(op: Operator, shape: Spec, filters: Spec, x: Spec, bias: Spec | None, size: Shape, axis: int) -> Spec | None:
    """Check everything and give the result's spec, None where the shape is not known yet.

    size: of the window; axis: of the filters' output channels.
    """
    check(op, x, filters, bias, axis=axis, data=2, rank=len(size) + 2)
    if x.shape[-1] != filters.shape[-1]:
        raise op.error(f"input has {x.shape[-1]} channels and the filter {filters.shape[-1]}, both must agree")
    if shape.dtype != np.int32 or shape.shape != (x.rank,):
        raise op.error(f"output shape is {shape.dtype}{list(shape.shape)}, needed {x.rank} values of int32")
    if shape.value is None:
        return None
    sizes = tuple(int(value) for value in shape.value)
    result_windows(op, sizes, x.shape, size)
    if sizes[-1] != filters.shape[axis]:
        raise op.error(f"output shape is {list(sizes)}, its last dimension must be the filter's {filters.shape[axis]} output channels")
    return Spec(sizes, x.dtype)


def _infer_transpose_conv(op: Operator, shape: Spec, filters: Spec, x: Spec, bias: Spec | None = None) -> Spec | None:
    return infer_transposed(op, shape, filters, x, bias, filters.shape[1:-1], axis=0)


def transpose_conv(op: Operator, shape: np.ndarray, filters: np.ndarray, x: np.ndarray, bias: np.ndarray | None = None) -> np.ndarray:
    """shape: int32 [4], of the result; filters: [o, kh, kw, c]; x: [n, h, w, c]; bias: [o]. Returns [n, oh, ow, o]."""
    windows = result_windows(op, shape.tolist(), x.shape, filters.shape[1:-1])
    return convolve(op, x, filters, bias, lambda x, f: spread(x, f, windows), data=2)


_MOST_PHASES = 64
"""Calls that one operator may become."""


def lower_transpose_conv(low: Any, op: Operator) -> None:
    """float32, hybrid and integer."""
    filters, x, y = (low.spec(t) for t in (*op.inputs[1:3], op.outputs[0]))
    axes = result_windows(op, y.shape, x.shape, filters.shape[1:-1])
    if x.dtype != np.float32:
        parts = phases(axes)
        if len(parts) > _MOST_PHASES:
            low.host(op)
        else:
            conv_integer.lower_transposed(low, op, parts, integer_layer(low, op, data=2))
    elif is_quantizable(filters.dtype):
        conv_hybrid.lower_transposed(low, op, axes, filter_scales(op))
    else:
        _lower_float(low, op, axes)


def _lower_float(low: Any, op: Operator, axes: Sequence[Window]) -> None:
    """One convolution for each phase, the results whose coordinates agree modulo the strides. They see the same cells."""
    filters, x, y = (low.spec(t) for t in (*op.inputs[1:3], op.outputs[0]))
    parts = phases(axes)
    if not conv_float.can_lower(low, op, op.inputs[1]) or filters.value is None or len(parts) > _MOST_PHASES:
        low.host(op)
        return
    operands = low.value(op.inputs[2]), op.inputs[1], conv_float.bias_of(low, op, 3)
    result = low.define(op.outputs[0])
    for windows, cells, at, strides in parts:
        params = conv_float.windowed(conv_float.ConvParams, windows, channels=x.shape[3], depth=x.shape[3], groups=1, outputs=y.shape[3])
        params.low, params.high = conv_float.bounds(op)
        params.images = x.shape[0]
        row = y.shape[2] * y.shape[3]
        params.image_step, params.row_step, params.pixel_step = y.shape[1] * row, strides[0] * row, strides[1] * y.shape[3]
        params.output_offset = at[0] * row + at[1] * y.shape[3]
        conv_float.convolve(low, op, params, operands, result, cells)


def _transpose_conv_version(op: Operator) -> int:
    x, filters = op.inputs[2], op.inputs[1]
    if x.dtype == np.int16 and op.options.quantized_bias_type != "FLOAT32":
        return 5
    if op.options.fused_activation_function != "NONE":
        return 4
    if len(op.inputs) > 3 and op.inputs[3] is not None:
        return 3
    return 2 if filters.dtype == np.int8 else 1


def _channels(op: Operator) -> Channels | None:
    """Those of a product; the output's shape is an input."""
    found = product(op, x=2, bias=3) if constant(op.inputs[0]) is not None else None
    return found and found._replace(refit=lambda op: with_constant(op, 0, np.array(op.outputs[0].shape)))


register(
    OpDef(
        "TRANSPOSE_CONV",
        options="TransposeConvOptions",
        infer=_infer_transpose_conv,
        reference=transpose_conv,
        variants=("f32", "u8", "s8", "s16", "f32w8"),
        version=_transpose_conv_version,
        lower=lower_transpose_conv,
        integer=layer(axis=0, bias=3, computed=True),
        gradient=fused(conv_gradient.transpose_conv),
        channels=_channels,
    )
)
