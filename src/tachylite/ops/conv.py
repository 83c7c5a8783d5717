"""Two-dimensional convolutions, NHWC: CONV_2D and DEPTHWISE_CONV_2D."""

import math
from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from tachylite.model.dtypes import INT4, is_quantizable
from tachylite.model.graph import Operator, Shape

from . import conv_float, conv_gradient, conv_hybrid, conv_integer, depthwise_integer, small
from .channels import Channels, lane, product
from .convolution import check, convolve, filter_scales, integer_layer
from .derivatives import fused
from .integer import layer
from .panels import panels
from .registry import OpDef, Spec, register
from .window import Window, sliding, spatial, taps

_BAND = 1 << 20
"""Elements of patches that are laid out at once: little enough to stay near the processor."""


def correlate(x: np.ndarray, filters: np.ndarray, windows: Sequence[Window]) -> np.ndarray:
    """x: [n, *inputs, c]; filters: [o, *size, c / groups]; both of one floating type. Returns [n, *outputs, o]."""
    y = np.empty((len(x), *(w.outputs for w in windows), len(filters)), x.dtype)
    if y.size == 0:
        return y
    windows, cells = zip(*(window.trimmed() for window in windows), strict=True)
    filters = filters[spatial(*cells)]
    groups = x.shape[-1] // filters.shape[-1]
    matrices = filters.reshape(groups, len(filters) // groups, -1).swapaxes(1, 2)
    patches = _patches(np.moveaxis(x.reshape(*x.shape[:-1], groups, -1), -2, 0), windows)
    rows = max(1, _BAND * windows[0].outputs // patches.size)
    for start in range(0, windows[0].outputs, rows):
        band = slice(start, start + rows)
        sums = patches[:, :, band].reshape(groups, -1, matrices.shape[1]) @ matrices
        y[:, band] = np.moveaxis(sums, 0, 1).reshape(y[:, band].shape)
    return y


def _patches(x: np.ndarray, windows: Sequence[Window]) -> np.ndarray:
    """A view of what the window sees at each output, 0 outside of x. x: [g, n, *inputs, c] to [g, n, *outputs, *size, c]."""
    axes = tuple(range(2, 2 + len(windows)))
    seen = sliding_window_view(_padded(x, windows), tuple(w.reach for w in windows), axes)
    outputs = (slice(None, None, w.stride) for w in windows)
    cells = (slice(None, None, w.dilation) for w in windows)
    return np.moveaxis(seen, axes[-1] + 1, -1)[spatial(*outputs, *cells)]


def _padded(x: np.ndarray, windows: Sequence[Window]) -> np.ndarray:
    """x with as much of it, and of zeros around it, as the windows pass over. x: [g, n, *inputs, c]."""
    if all(w.before == 0 and w.length == w.inputs for w in windows):
        return x
    padded = np.zeros((*x.shape[:2], *(w.length for w in windows), x.shape[-1]), x.dtype)
    inputs, places = zip(*(w.overlap() for w in windows), strict=True)
    padded[spatial(*places)] = x[spatial(*inputs)]
    return padded


def correlate_channels(x: np.ndarray, filters: np.ndarray, windows: Sequence[Window]) -> np.ndarray:
    """Each channel of x by itself. x: [n, *inputs, c]; filters: [1, *size, c * multiplier]. Returns [n, *outputs, c * multiplier]."""
    multiplier = filters.shape[-1] // x.shape[-1]
    if multiplier > 1:
        x = np.repeat(x, multiplier, axis=-1)
    y = np.zeros((len(x), *(w.outputs for w in windows), x.shape[-1]), x.dtype)
    for tap in taps(windows):
        y[spatial(*tap.outputs)] += x[spatial(*tap.inputs)] * filters[spatial(0, *tap.cell)]
    return y


def _rows(op: Operator, x: np.ndarray, groups: int, most: int) -> np.ndarray:
    """What the filters meet: the patches of x at about `most` outputs, [groups, rows, cells of a patch]."""
    patches = _patches(np.moveaxis(x.reshape(*x.shape[:-1], groups, -1), -2, 0), sliding(op, x.shape[1:3], op.inputs[1].shape[1:3]))
    step = max(1, math.ceil(math.sqrt(prod(patches.shape[1:4]) / most)))
    chosen = patches[:, :, ::step, ::step]
    return chosen.reshape(groups, -1, prod(patches.shape[4:]))


def conv_rows(op: Operator, x: np.ndarray, most: int) -> np.ndarray:
    """The patches of each group of channels."""
    return _rows(op, x, x.shape[3] // op.inputs[1].shape[3], most)


def depthwise_rows(op: Operator, x: np.ndarray, most: int) -> np.ndarray:
    """The patches of each channel."""
    return _rows(op, x, x.shape[3], most)


def _is_hybrid(op: Operator) -> bool:
    return is_quantizable(op.inputs[1].dtype) and not is_quantizable(op.inputs[0].dtype)


def _infer_conv_2d(op: Operator, x: Spec, filters: Spec, bias: Spec | None = None) -> Spec:
    if bias is None:
        raise op.error("has no bias, needed one value per filter, as TensorFlow Lite's own kernel does; add a bias of zeros")
    check(op, x, filters, bias)
    channels, depth = x.shape[3], filters.shape[3]
    if channels % depth or filters.shape[0] % (channels // depth):
        raise op.error(
            f"input has {channels} channels, each of {filters.shape[0]} filters {depth}; the first must be a multiple of the last, "
            "and the number of filters a multiple of their quotient, the groups"
        )
    windows = sliding(op, x.shape[1:3], filters.shape[1:3])
    return Spec((x.shape[0], *(w.outputs for w in windows), filters.shape[0]), x.dtype)


def conv_2d(op: Operator, x: np.ndarray, filters: np.ndarray, bias: np.ndarray | None = None) -> np.ndarray:
    """x: [n, h, w, c]; filters: [o, kh, kw, c / groups]; bias: [o]. Returns [n, oh, ow, o].

    Where x is float32 and the filters integers, they are quantized symmetrically on the fly if one scale serves all filters.
    """
    windows = sliding(op, x.shape[1:3], filters.shape[1:3])
    symmetric = _is_hybrid(op) and _is_symmetric(op, x.shape, filters.shape)
    return convolve(op, x, filters, bias, lambda x, f: correlate(x, f, windows), symmetric=symmetric)


def _is_symmetric(op: Operator, x: Shape, filters: Shape) -> bool:
    """Whether a hybrid convolution quantizes its input without a zero point: it does not when grouped, or with scales per channel."""
    return x[3] == filters[3] and bool(np.ptp(filter_scales(op)) == 0)


def lower_conv_2d(low: Any, op: Operator) -> None:
    """float32, hybrid and integer."""
    x, filters = (low.spec(t) for t in op.inputs[:2])
    windows = sliding(op, x.shape[1:3], filters.shape[1:3])
    if x.dtype != np.float32:
        sums = integer_layer(low, op, groups=x.shape[3] // filters.shape[3])
        if not small.convolution(low, op, windows, sums):
            conv_integer.lower_convolution(low, op, windows, sums)
    elif _is_hybrid(op):
        conv_hybrid.lower_convolution(low, op, windows, filter_scales(op), _is_symmetric(op, x.shape, filters.shape))
    else:
        _lower_float(low, op)


def _lower_float(low: Any, op: Operator) -> None:
    """One call, after one that packs the filters where they are no constants."""
    x, filters, y = (low.spec(t) for t in (*op.inputs[:2], op.outputs[0]))
    windows, cells = zip(*(w.trimmed() for w in sliding(op, x.shape[1:3], filters.shape[1:3])), strict=True)
    if not conv_float.can_lower(low, op, op.inputs[1]):
        low.host(op)
        return
    groups = x.shape[3] // filters.shape[3]
    params = conv_float.windowed(conv_float.ConvParams, windows, channels=x.shape[3], depth=filters.shape[3], groups=groups)
    params.outputs = y.shape[3] // groups
    params.low, params.high = conv_float.bounds(op)
    operands = low.value(op.inputs[0]), op.inputs[1], conv_float.bias_of(low, op)
    conv_float.convolve(low, op, conv_float.dense(params, x.shape[0], y.shape[3]), operands, low.define(op.outputs[0]), cells)


def _conv_2d_version(op: Operator) -> int:
    x, filters = op.inputs[0], op.inputs[1]
    needs = [1]
    if x.dtype == np.int16:
        needs.append(4 if op.options.quantized_bias_type == "FLOAT32" else 8)
    if x.dtype == np.int8:
        needs.append(3)
    if _is_hybrid(op):
        needs.append(5 if len(filter_scales(op)) > 1 else 2)
    if x.shape[3:] != filters.shape[3:]:
        needs.append(6)
    if filters.dtype == INT4:
        needs.append(7)
    return max(needs)


def _infer_depthwise_conv_2d(op: Operator, x: Spec, filters: Spec, bias: Spec | None = None) -> Spec:
    check(op, x, filters, bias, axis=3)
    if filters.shape[0] != 1 or filters.shape[3] % x.shape[3]:
        raise op.error(f"filter is {list(filters.shape)}, needed [1, height, width, a multiple of the input's {x.shape[3]} channels]")
    windows = sliding(op, x.shape[1:3], filters.shape[1:3])
    return Spec((x.shape[0], *(w.outputs for w in windows), filters.shape[3]), x.dtype)


def depthwise_conv_2d(op: Operator, x: np.ndarray, filters: np.ndarray, bias: np.ndarray | None = None) -> np.ndarray:
    """x: [n, h, w, c]; filters: [1, kh, kw, c * multiplier]; bias: [c * multiplier]. Returns [n, oh, ow, c * multiplier]."""
    windows = sliding(op, x.shape[1:3], filters.shape[1:3])
    return convolve(op, x, filters, bias, lambda x, f: correlate_channels(x, f, windows), axis=3)


def lower_depthwise_conv_2d(low: Any, op: Operator) -> None:
    """float32, hybrid and integer."""
    windows = sliding(op, low.spec(op.inputs[0]).shape[1:3], low.spec(op.inputs[1]).shape[1:3])
    if is_quantizable(op.inputs[0].dtype):
        if not small.depthwise(low, op, windows, integer_layer(low, op)):
            depthwise_integer.lower(low, op, windows)
    elif is_quantizable(op.inputs[1].dtype):
        conv_hybrid.lower_depthwise(low, op, windows, filter_scales(op))
    else:
        _lower_depthwise_float(low, op)


def _lower_depthwise_float(low: Any, op: Operator) -> None:
    """One call. Several filters to a channel make it a grouped convolution."""
    x, filters, y = (low.spec(t) for t in (*op.inputs[:2], op.outputs[0]))
    windows, cells = zip(*(w.trimmed() for w in sliding(op, x.shape[1:3], filters.shape[1:3])), strict=True)
    is_whole, is_single = tuple(w.size for w in windows) == filters.shape[1:3], x.shape[3] == filters.shape[3]
    if not conv_float.can_lower(low, op, op.inputs[1]) or not (filters.value is not None or (is_whole and is_single)):
        low.host(op)
        return
    layout = " ".join(f"{c.start}:{c.stop}" for c in cells)
    if is_single:
        params = conv_float.windowed(conv_float.ConvParams, windows, channels=x.shape[3], depth=1, groups=x.shape[3], outputs=1, joined=1)
        params.low, params.high = conv_float.bounds(op)
        if filters.value is None:  # they lie as the kernel wants them
            packed = low.value(op.inputs[1])
        else:
            packed = low.packed(op.inputs[1], f"depthwise {layout}", lambda f: np.ascontiguousarray(f[spatial(0, *cells)], np.float32))
        cost = prod(y.shape[2:]) * windows[0].size * windows[1].size
        inputs = [low.value(op.inputs[0]), packed, conv_float.bias_of(low, op)]
        low.call(
            conv_float.DEPTHWISE,
            "f32",
            op,
            conv_float.dense(params, x.shape[0], x.shape[3]),
            work=y.shape[0] * y.shape[1],
            inputs=inputs,
            outputs=[low.define(op.outputs[0])],
            grain=1 + 2**16 // (cost + 1),
        )
        return
    params = conv_float.windowed(conv_float.ConvParams, windows, channels=x.shape[3], depth=1, groups=x.shape[3])
    params.outputs = y.shape[3] // x.shape[3]
    params.low, params.high = conv_float.bounds(op)
    packed = low.packed(op.inputs[1], f"grouped {layout}", lambda f: _channel_panels(f[spatial(0, *cells)], x.shape[3]))
    inputs = [low.value(op.inputs[0]), packed, conv_float.bias_of(low, op)]
    conv_float.emit(low, op, conv_float.dense(params, x.shape[0], y.shape[3]), inputs, low.define(op.outputs[0]))


def _channel_panels(filters: np.ndarray, channels: int) -> np.ndarray:
    """[kh, kw, c * multiplier] in panels of the outputs of each channel."""
    taps = filters.reshape(*filters.shape[:2], channels, -1)
    return panels(np.moveaxis(taps, (2, 3), (0, 1)))


def _depthwise_conv_2d_version(op: Operator) -> int:
    x, filters = op.inputs[0], op.inputs[1]
    if filters.dtype == INT4:
        return 7
    if _is_hybrid(op):
        return 6 if len(filter_scales(op)) > 1 else 4
    if is_quantizable(x.dtype) and x.dtype != np.uint8:
        return 3 if x.dtype == np.int8 else 5
    return 1 if op.options.dilation_h_factor == op.options.dilation_w_factor == 1 else 2


_VARIANTS = ("f32", "u8", "s8", "s16", "s8w4", "f32w8", "f32w4")


def _conv_channels(op: Operator) -> Channels | None:
    """Every output meets every input, unless the filters are in groups."""
    x, filters = op.inputs[0], op.inputs[1]
    return product(op) if x is not None and filters is not None and x.shape[-1] == filters.shape[-1] else None


def _depthwise_channels(op: Operator) -> Channels:
    """Each input makes as many outputs as the others."""
    x, (y, *_) = op.inputs[0], op.outputs
    assert x is not None
    made = np.arange(y.shape[-1]) // (y.shape[-1] // x.shape[-1])
    return Channels([[lane(x), *(lane(t, -1, made) for t in (*op.inputs[1:3], y) if t is not None)]])


register(
    OpDef(
        "CONV_2D",
        options="Conv2DOptions",
        infer=_infer_conv_2d,
        reference=conv_2d,
        variants=_VARIANTS,
        version=_conv_2d_version,
        lower=lower_conv_2d,
        integer=layer(axis=0, rows=conv_rows, computed=True),
        gradient=fused(conv_gradient.conv_2d),
        channels=_conv_channels,
    )
)
register(
    OpDef(
        "DEPTHWISE_CONV_2D",
        options="DepthwiseConv2DOptions",
        infer=_infer_depthwise_conv_2d,
        reference=depthwise_conv_2d,
        variants=_VARIANTS,
        version=_depthwise_conv_2d_version,
        lower=lower_depthwise_conv_2d,
        integer=layer(axis=3, rows=depthwise_rows, computed=True),
        gradient=fused(conv_gradient.depthwise_conv_2d),
        channels=_depthwise_channels,
    )
)
