"""Gradient rules of pooling."""

from collections.abc import Sequence

import numpy as np

from .calculus import Point, Term, around, cut, fit, spread, where
from .conv_gradient import depthwise_input_gradient, seen
from .window import Window, sliding


def _pool_windows(at: Point) -> tuple[Window, ...]:
    return sliding(at.op, at.x.shape[1:3], (at.options.filter_height, at.options.filter_width))


def _counts(windows: Sequence[Window]) -> np.ndarray:
    """How many elements of the input each window sees: [oh, ow, 1]."""
    rows, columns = (np.array([len(_live(w, o)) for o in range(w.outputs)], np.float32) for w in windows)
    return np.multiply.outer(rows, columns)[:, :, np.newaxis]


def _live(w: Window, output: int) -> range:
    first = output * w.stride - w.before
    return range(max(0, first), min(w.inputs, first + w.size))


def _shared(at: Point, dy: Term) -> Term:
    """Each result's gradient in equal parts to what it was the mean of."""
    x, windows = at.x, _pool_windows(at)
    share = dy * at.constant(1 / _counts(windows))
    if dy.shape[1:3] == (1, 1) and all(w.before == 0 and w.size >= w.inputs for w in windows):
        return share.broadcast(x.shape)
    ones = at.filled((1, windows[0].size, windows[1].size, x.shape[3]), 1.0)
    return depthwise_input_gradient(share, ones, windows, x.shape[3])


def average_pool_2d(at: Point, dy: Term) -> Term:
    """The mean of what each window sees."""
    return _shared(at, dy)


def l2_pool_2d(at: Point, dy: Term) -> Term:
    """The root of the mean of squares."""
    return at.x * _shared(at, dy / at.y)


def max_pool_2d(at: Point, dy: Term) -> Term:
    """To the first element of each window that is the greatest."""
    x, windows = at.x, _pool_windows(at)
    lowest = float(np.finfo(np.float32).min)
    padded = seen(x, windows, lowest)
    total, taken = None, None
    for number, tap in enumerate(_taps(padded, windows)):
        hit = tap.EQUAL(at.y)
        first = hit if taken is None else hit & ~taken
        taken = hit if taken is None else taken | hit
        part = where(first, dy, 0.0)
        for axis, (w, cell) in enumerate(zip(windows, divmod(number, windows[1].size), strict=True), 1):
            part = spread(part, axis, w.stride)
            part = fit(part, around(4, axis, cell, padded.shape[axis] - cell - part.shape[axis]))
        total = part if total is None else total + part
    assert total is not None
    return fit(total, [(0, 0), *((-w.before, w.before + w.inputs - w.length) for w in windows), (0, 0)])


def _taps(x: Term, windows: Sequence[Window]) -> list[Term]:
    """What each cell of the window sees, row by row, of x as `seen` gives it: [n, *outputs, c]."""
    height, width = windows
    result = []
    for row in range(height.size):
        for column in range(width.size):
            begin = np.array([0, row * height.dilation, column * width.dilation, 0], np.int32)
            reach = [(w.outputs - 1) * w.stride + 1 for w in windows]
            end = begin + np.array([x.shape[0], *reach, x.shape[3]], np.int32)
            strides = np.array([1, height.stride, width.stride, 1], np.int32)
            result.append(x.STRIDED_SLICE(begin, end, strides) if strides.max() > 1 else cut(x, begin.tolist(), (end - begin).tolist()))
    return result
