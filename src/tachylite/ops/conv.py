"""Two-dimensional convolutions, NHWC: CONV_2D and DEPTHWISE_CONV_2D."""

from collections.abc import Sequence
from math import prod

import numpy as np

from tachylite.model.dtypes import INT4, is_quantizable
from tachylite.model.graph import Operator

from .convolution import check, check_output, convolve, filter_scales, is_hybrid
from .registry import OpDef, Spec, register
from .window import Window, sliding, spatial, taps

_BAND = 1 << 20
"""Elements of patches that are laid out at once: little enough to stay near the processor."""


def correlate(x: np.ndarray, filters: np.ndarray, windows: Sequence[Window]) -> np.ndarray:
    """x: [n, *inputs, c]; filters: [o, *size, c / groups]; both of one floating type. Returns [n, *outputs, o]."""
    n, channels, depth = len(x), len(filters), filters.shape[-1]
    groups = x.shape[-1] // depth
    x = np.moveaxis(x.reshape(*x.shape[:-1], groups, depth), -2, 0)
    matrices = filters.reshape(groups, channels // groups, -1).swapaxes(1, 2)
    y = np.empty((n, *(w.outputs for w in windows), channels), x.dtype)
    rows = max(1, _BAND // max(1, n * prod(y.shape[2:-1]) * filters[0].size * groups))
    for start in range(0, windows[0].outputs, rows):
        stop = min(start + rows, windows[0].outputs)
        patches = _patches(x, filters.shape[1:-1], (windows[0].part(start, stop), *windows[1:]))
        sums = patches.reshape(groups, -1, matrices.shape[1]) @ matrices
        y[:, start:stop] = np.moveaxis(sums, 0, 1).reshape(y[:, start:stop].shape)
    return y


def _patches(x: np.ndarray, size: tuple[int, ...], windows: Sequence[Window]) -> np.ndarray:
    """What the window sees at each output, 0 outside of x. x: [groups, n, *inputs, depth] to [groups, n, *outputs, *size, depth]."""
    outputs = tuple(w.outputs for w in windows)
    patches = np.zeros((*x.shape[:2], *outputs, *size, x.shape[-1]), x.dtype)
    for tap in taps(windows):
        patches[spatial(*tap.outputs, *tap.cell)] = x[spatial(*tap.inputs)]
    return patches


def correlate_channels(x: np.ndarray, filters: np.ndarray, windows: Sequence[Window]) -> np.ndarray:
    """Each channel of x by itself. x: [n, *inputs, c]; filters: [1, *size, c * multiplier]. Returns [n, *outputs, c * multiplier]."""
    multiplier = filters.shape[-1] // x.shape[-1]
    if multiplier > 1:
        x = np.repeat(x, multiplier, axis=-1)
    y = np.zeros((len(x), *(w.outputs for w in windows), x.shape[-1]), x.dtype)
    for tap in taps(windows):
        y[spatial(*tap.outputs)] += x[spatial(*tap.inputs)] * filters[spatial(0, *tap.cell)]
    return y


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
    check_output(op, x)
    return Spec((x.shape[0], *(w.outputs for w in windows), filters.shape[0]), x.dtype)


def conv_2d(op: Operator, x: np.ndarray, filters: np.ndarray, bias: np.ndarray | None = None) -> np.ndarray:
    """x: [n, h, w, c]; filters: [o, kh, kw, c / groups]; bias: [o]. Returns [n, oh, ow, o].

    Where x is float32 and the filters integers, they are quantized symmetrically on the fly if one scale serves all filters.
    """
    windows = sliding(op, x.shape[1:3], filters.shape[1:3])
    symmetric = is_hybrid(op) and x.shape[3] == filters.shape[3] and len(set(filter_scales(op).tolist())) == 1
    return convolve(op, x, filters, bias, lambda x, f: correlate(x, f, windows), symmetric=symmetric)


def _conv_2d_version(op: Operator) -> int:
    x, filters = op.inputs[0], op.inputs[1]
    needs = [1]
    if x.dtype == np.int16:
        needs.append(4 if op.options.quantized_bias_type == "FLOAT32" else 8)
    if x.dtype == np.int8:
        needs.append(3)
    if is_hybrid(op):
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
    check_output(op, x)
    return Spec((x.shape[0], *(w.outputs for w in windows), filters.shape[3]), x.dtype)


def depthwise_conv_2d(op: Operator, x: np.ndarray, filters: np.ndarray, bias: np.ndarray | None = None) -> np.ndarray:
    """x: [n, h, w, c]; filters: [1, kh, kw, c * multiplier]; bias: [c * multiplier]. Returns [n, oh, ow, c * multiplier]."""
    windows = sliding(op, x.shape[1:3], filters.shape[1:3])
    return convolve(op, x, filters, bias, lambda x, f: correlate_channels(x, f, windows), axis=3)


def _depthwise_conv_2d_version(op: Operator) -> int:
    x, filters = op.inputs[0], op.inputs[1]
    if filters.dtype == INT4:
        return 7
    if is_hybrid(op):
        return 6 if len(filter_scales(op)) > 1 else 4
    if is_quantizable(x.dtype) and x.dtype != np.uint8:
        return 3 if x.dtype == np.int8 else 5
    return 1 if op.options.dilation_h_factor == op.options.dilation_w_factor == 1 else 2


_VARIANTS = ("f32", "u8", "s8", "s16", "s8w4", "f32w8", "f32w4")

register(
    OpDef(
        "CONV_2D",
        options="Conv2DOptions",
        infer=_infer_conv_2d,
        reference=conv_2d,
        variants=_VARIANTS,
        version=_conv_2d_version,
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
    )
)
