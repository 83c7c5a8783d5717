"""Gradient rules of convolutions, as convolutions.

The gradient of the input is a transposed convolution; that of the filters correlates the input with dy, where batch and channels change
places, and so do stride and dilation. Notation: x [n, *inputs, c], filters [o, *cells, c / groups], dy [n, *outputs, o].
"""

from collections.abc import Sequence

import numpy as np

from tachylite.model.graph import Shape

from .calculus import Point, Term, apply, around, cut, fit, reverse, spread
from .window import Window, sliding


def conv_2d(at: Point, dy: Term) -> list[Term]:
    """Of x, the filters and the bias."""
    x, filters = at.x, at.input(1)
    windows = sliding(at.op, x.shape[1:3], filters.shape[1:3])
    return [input_gradient(at, dy, filters, windows, x.shape), filter_gradient(x, dy, windows, filters.shape), *bias_gradient(at, 2, dy)]


def bias_gradient(at: Point, position: int, dy: Term) -> list[Term]:
    """Of the bias, if there is one."""
    return [dy.sum(*range(dy.rank - 1)).reshape(at.input(position).shape)] if at.has(position) else []


def input_gradient(at: Point, dy: Term, filters: Term, windows: Sequence[Window], shape: Shape) -> Term:
    """dy, spread by the strides, meets the filters turned around."""
    height, width = windows
    groups = shape[-1] // filters.shape[-1]
    is_strided, is_dilated = (height.stride, width.stride) != (1, 1), (height.dilation, width.dilation) != (1, 1)
    if is_strided and not is_dilated and groups == 1:
        return apply(
            at.build,
            "TRANSPOSE_CONV",
            np.array(shape, np.int32),
            filters.transpose(3, 1, 2, 0),
            dy,
            padding=at.options.padding,
            stride_h=height.stride,
            stride_w=width.stride,
        )
    outputs, cells = filters.shape[0], filters.shape[1] * filters.shape[2]
    grouped = filters.reshape((groups, outputs // groups, cells, filters.shape[3]))
    turned = reverse(grouped.transpose(0, 3, 2, 1), 2).reshape((shape[3], *filters.shape[1:3], outputs // groups))
    return _convolve(unfold(dy, windows), turned, dilation=(height.dilation, width.dilation))


def unfold(dy: Term, windows: Sequence[Window]) -> Term:
    """What turned filters slide over, step by step and without padding, for the gradient of the input: dy with zeros between and around."""
    for axis, w in enumerate(windows, 1):
        dy = spread(dy, axis, w.stride)
        reach = (w.size - 1) * w.dilation
        before = reach - w.before
        dy = fit(dy, around(dy.rank, axis, before, w.inputs + reach - before - dy.shape[axis]))
    return dy


def _convolve(x: Term, filters: Term, stride: Sequence[int] = (1, 1), dilation: Sequence[int] = (1, 1), padding: str = "VALID") -> Term:
    """CONV_2D without a bias of its own."""
    options = dict(zip(("stride_h", "stride_w", "dilation_h_factor", "dilation_w_factor"), (*stride, *dilation), strict=True))
    result: Term = x.CONV_2D(filters, np.zeros(filters.shape[0], np.float32), padding=padding, **options)
    return result


def seen(x: Term, windows: Sequence[Window], value: float = 0.0) -> Term:
    """x with as much of it, and of this value around it, as the windows pass over."""
    amounts = [(w.before, w.length - w.before - w.inputs) for w in windows]
    return fit(x, [(0, 0), *amounts, (0, 0)], value)


def filter_gradient(x: Term, dy: Term, windows: Sequence[Window], shape: Shape) -> Term:
    """Of filters of this shape; each group of channels by itself."""
    x, depth, count = seen(x, windows), shape[-1], shape[0]
    groups = x.shape[-1] // depth
    parts = [
        _filter_gradient(_channels(x, g * depth, depth), _channels(dy, g * count // groups, count // groups), windows)
        for g in range(groups)
    ]
    return parts[0] if groups == 1 else apply(x.build, "CONCATENATION", *parts, axis=0)


def _channels(x: Term, first: int, count: int) -> Term:
    return cut(x, (0,) * (x.rank - 1) + (first,), (*x.shape[:-1], count))


def _filter_gradient(x: Term, dy: Term, windows: Sequence[Window]) -> Term:
    """Of one group, from what the windows pass over."""
    if all(w.size == w.stride == 1 for w in windows):
        rows, results = (t.reshape((-1 if 0 in t.shape else int(np.prod(t.shape[:-1])), t.shape[-1])) for t in (x, dy))
        product: Term = results.BATCH_MATMUL(rows, adj_x=True)
        return product.reshape((dy.shape[-1], 1, 1, x.shape[-1]))
    height, width = windows
    stride, dilation = (height.dilation, width.dilation), (height.stride, width.stride)
    return _convolve(x.transpose(3, 1, 2, 0), dy.transpose(3, 1, 2, 0), stride, dilation).transpose(3, 1, 2, 0)


def depthwise_conv_2d(at: Point, dy: Term) -> list[Term]:
    """Of x, the filters [1, kh, kw, c * multiplier] and the bias."""
    x, filters = at.x, at.input(1)
    windows = sliding(at.op, x.shape[1:3], filters.shape[1:3])
    return [depthwise_input_gradient(dy, filters, windows, x.shape[3]), _depthwise_filters(x, dy, windows), *bias_gradient(at, 2, dy)]


def depthwise_input_gradient(dy: Term, filters: Term, windows: Sequence[Window], channels: int) -> Term:
    """Each result's channel by itself; then those of one channel of x are summed."""
    _, rows, columns, outputs = filters.shape
    turned = reverse(filters.reshape((1, rows * columns, outputs)), 1).reshape(filters.shape)
    height, width = windows
    dx: Term = unfold(dy, windows).DEPTHWISE_CONV_2D(
        turned,
        np.zeros(outputs, np.float32),
        padding="VALID",
        stride_h=1,
        stride_w=1,
        depth_multiplier=1,
        dilation_h_factor=height.dilation,
        dilation_w_factor=width.dilation,
    )
    return dx if outputs == channels else dx.reshape((*dx.shape[:3], channels, outputs // channels)).sum(4)


def _depthwise_filters(x: Term, dy: Term, windows: Sequence[Window]) -> Term:
    """Each channel of each image by itself, side by side; then the images' sum."""
    x, (height, width) = seen(x, windows), windows
    images, outputs = x.shape[0], dy.shape[3]
    patches: Term = _side_by_side(x).DEPTHWISE_CONV_2D(
        _side_by_side(dy),
        np.zeros(images * outputs, np.float32),
        padding="VALID",
        stride_h=height.dilation,
        stride_w=width.dilation,
        depth_multiplier=outputs // x.shape[3],
        dilation_h_factor=height.stride,
        dilation_w_factor=width.stride,
    )
    return patches.reshape((height.size, width.size, images, outputs)).sum(2).reshape((1, height.size, width.size, outputs))


def _side_by_side(x: Term) -> Term:
    """Images [n, h, w, c] as the channels of one: [1, h, w, n * c]."""
    return x.transpose(1, 2, 0, 3).reshape((1, *x.shape[1:3], x.shape[0] * x.shape[3]))


def transpose_conv(at: Point, dy: Term) -> list[Term | None]:
    """Of the filters [o, kh, kw, c], x and the bias: a convolution with the roles of x and dy exchanged."""
    filters, x = at.input(1), at.input(2)
    windows = sliding(at.op, dy.shape[1:3], filters.shape[1:3])
    stride = windows[0].stride, windows[1].stride
    dx = _convolve(dy, filters.transpose(3, 1, 2, 0), stride, padding=at.options.padding)
    turned = filter_gradient(dy, x, windows, (x.shape[3], *filters.shape[1:3], dy.shape[3]))
    return [None, turned.transpose(3, 1, 2, 0), dx, *bias_gradient(at, 3, dy)]


# Three dimensions: filters are [*cells, c, o], those of the transposed operator [*cells, o, c].


def _options_3d(windows: Sequence[Window], *, exchanged: bool = False) -> dict[str, int]:
    strides, dilations = [w.stride for w in windows], [w.dilation for w in windows]
    if exchanged:
        strides, dilations = dilations, strides
    names = ("stride_d", "stride_h", "stride_w", "dilation_d_factor", "dilation_h_factor", "dilation_w_factor")
    return dict(zip(names, (*strides, *dilations), strict=True))


def _filter_gradient_3d(x: Term, dy: Term, windows: Sequence[Window]) -> Term:
    """[*cells, channels of x, channels of dy]."""
    y = (
        seen(x, windows)
        .transpose(4, 1, 2, 3, 0)
        .CONV_3D(dy.transpose(1, 2, 3, 0, 4), padding="VALID", **_options_3d(windows, exchanged=True))
    )
    result: Term = y.transpose(1, 2, 3, 0, 4)
    return result


def conv_3d(at: Point, dy: Term) -> list[Term]:
    """Of x, the filters and the bias."""
    x, filters = at.x, at.input(1)
    windows = sliding(at.op, x.shape[1:4], filters.shape[:3])
    options = {"padding": at.options.padding, **_options_3d(windows)}
    dx = apply(at.build, "CONV_3D_TRANSPOSE", np.array(x.shape, np.int32), filters, dy, **options)
    return [dx, _filter_gradient_3d(x, dy, windows), *bias_gradient(at, 2, dy)]


def conv_3d_transpose(at: Point, dy: Term) -> list[Term | None]:
    """Of the filters, x and the bias."""
    filters, x = at.input(1), at.input(2)
    windows = sliding(at.op, dy.shape[1:4], filters.shape[:3])
    dx = dy.CONV_3D(filters, padding=at.options.padding, **_options_3d(windows))
    return [None, _filter_gradient_3d(dy, x, windows), dx, *bias_gradient(at, 3, dy)]
