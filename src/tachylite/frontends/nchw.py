"""Spatial operators of frameworks that put channels first, as TFLite's, which put them last.

A function here takes and gives [n, c, *size] with one to three dimensions of size, and emits TRANSPOSEs around the operator; the layout
pass cancels them between neighbours. What works in any layout (norms, global pools) is emitted without.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np

from tachylite.model.graph import Quantization, Tensor

from .builder import FrontendBuilder, dims
from .shaping import ints, move_axis, open_shape, reshape, shape_vector, size_of, transpose

AXES = "dhw"


@dataclass(frozen=True)
class Window:
    """How a window moves along one dimension. before, after: how far it may reach beyond the input; negative ones crop."""

    size: int
    stride: int = 1
    dilation: int = 1
    before: int = 0
    after: int = 0

    @property
    def reach(self) -> int:
        """From the window's first element to its last."""
        return (self.size - 1) * self.dilation + 1

    def outputs(self, inputs: int) -> int:
        """How many places it has on so many inputs."""
        return (inputs + self.before + self.after - self.reach) // self.stride + 1

    def same(self, inputs: int | None) -> "Window":
        """With the padding of TensorFlow's SAME, as many outputs as inputs are divided by the stride. inputs: None where unknown."""
        total = self.reach - self.stride if inputs is None or inputs % self.stride == 0 else self.reach - inputs % self.stride
        return replace(self, before=max(total, 0) // 2, after=max(total, 0) - max(total, 0) // 2)

    def is_same(self, inputs: int | None) -> bool:
        """Whether this is TensorFlow's SAME, whatever the inputs will be where they are unknown."""
        is_certain = inputs is not None or self.stride == 1
        return is_certain and self.same(inputs) == self

    def ceiled(self, inputs: int | None) -> "Window":
        """Reaching so much further that the last elements of the input are seen too, in one more place that begins before their end."""
        after = min(self.after + self.stride - 1, self.reach - 1)
        unseen = 0 if inputs is None else (inputs + self.before + after - self.reach) % self.stride
        return replace(self, after=max(after - unseen, 0))


Windows = Sequence[Window]


# Layout.


def to_last(build: FrontendBuilder, x: Tensor) -> Tensor:
    """[n, c, *size] to [n, *size, c]."""
    return move_axis(build, x, 1, -1)


def to_first(build: FrontendBuilder, x: Tensor) -> Tensor:
    """[n, *size, c] to [n, c, *size]."""
    return move_axis(build, x, -1, 1)


def channels_last(build: FrontendBuilder, x: Tensor, emit: Callable[[Tensor], Tensor]) -> Tensor:
    """`emit` on x [n, c, *size] with channels last and at least two dimensions of size; its result with channels first."""
    is_flat = len(x.shape) == 3
    x = to_last(build, x)
    if is_flat:
        return to_first(build, build.SQUEEZE(emit(build.EXPAND_DIMS(x, np.array(1, np.int32))), squeeze_dims=(1,)))
    return to_first(build, emit(x))


def _at_least_two(windows: Windows) -> list[Window]:
    return [Window(1), *windows] if len(windows) == 1 else list(windows)


def per_channel(build: FrontendBuilder, x: Tensor, values: Tensor) -> Tensor:
    """A vector of channels [c], so that it broadcasts to x [n, c, *size]."""
    return reshape(build, values, [*dims(values), *[1] * (len(x.shape) - 2)])


def turned(build: FrontendBuilder, kernel: Tensor, axes: Sequence[int]) -> Tensor:
    """A kernel with its axes in another order: a constant stays one, whose scales follow their axis."""
    if kernel.data is None:
        return transpose(build, kernel, axes)
    q = kernel.quantization
    if q is not None and q.is_per_channel:
        q = Quantization(q.scale, q.zero_point, list(axes).index(q.axis))
    return build.constant(kernel.data.transpose(axes), kernel.name.rpartition("/")[2], q)


# Padding.


def padded(build: FrontendBuilder, x: Tensor, windows: Windows, fill: float = 0) -> Tensor:
    """x [n, *size, c] with as much of `fill` around it as the windows may reach beyond it."""
    pairs = [(0, 0), *((max(w.before, 0), max(w.after, 0)) for w in windows), (0, 0)]
    x = _cropped(build, x, [(max(-w.before, 0), max(-w.after, 0)) for w in windows])
    if not any(map(any, pairs)):
        return x
    pads = np.array(pairs, np.int32)
    return build.PAD(x, pads) if fill == 0 else build.PADV2(x, pads, np.array(fill, x.dtype))


def _cropped(build: FrontendBuilder, x: Tensor, margins: Sequence[tuple[int, int]]) -> Tensor:
    """x [n, *size, c] without so many elements at the beginning and the end of each dimension of size."""
    if not any(map(any, margins)):
        return x
    rank = len(x.shape)
    begin = ints(0, *(before for before, _ in margins), 0)
    end = ints(0, *(-after for _, after in margins), 0)
    mask = sum(1 << i for i in range(rank) if end[i] == 0)
    return build.STRIDED_SLICE(x, begin, end, ints(*[1] * rank), begin_mask=1 | 1 << (rank - 1), end_mask=mask)


def _padding(build: FrontendBuilder, x: Tensor, windows: Windows, fill: float = 0) -> tuple[Tensor, str]:
    """x [n, *size, c] and the padding that the operator itself does: SAME or VALID where that is what is wanted."""
    if all(w.is_same(d) for w, d in zip(windows, dims(x)[1:-1], strict=True)):
        return x, "VALID" if all(w.before == w.after == 0 for w in windows) else "SAME"
    return padded(build, x, windows, fill), "VALID"


def _options(windows: Windows) -> dict[str, int]:
    """Strides and dilations as options."""
    names = AXES[-len(windows) :]
    strides = {f"stride_{a}": w.stride for a, w in zip(names, windows, strict=True)}
    return strides | {f"dilation_{a}_factor": w.dilation for a, w in zip(names, windows, strict=True)}


# Convolutions.


def conv(build: FrontendBuilder, x: Tensor, kernel: Tensor, bias: Tensor | None, windows: Windows, groups: int = 1) -> Tensor:
    """x: [n, c, *size]; kernel: [o, c / groups, *size]; bias: [o]."""
    rank = len(windows)
    if rank == 1:
        kernel = _flat(build, kernel)
    offset = bias if bias is not None else build.constant(np.zeros(kernel.shape[0], np.float32), "bias")
    emit = _conv_3d if rank == 3 else _conv_2d
    return channels_last(build, x, lambda y: emit(build, y, kernel, offset, _at_least_two(windows), groups))


def _flat(build: FrontendBuilder, kernel: Tensor) -> Tensor:
    """A kernel of one dimension as one of two, of height 1."""
    if kernel.data is None:
        return build.EXPAND_DIMS(kernel, np.array(2, np.int32))
    return build.constant(np.expand_dims(kernel.data, 2), kernel.name, kernel.quantization)


def _conv_2d(build: FrontendBuilder, x: Tensor, kernel: Tensor, bias: Tensor, windows: Windows, groups: int) -> Tensor:
    channels = x.shape[-1]
    x, padding = _padding(build, x, windows)
    options = {"padding": padding, **_options(windows)}
    if groups == channels > 1 and kernel.shape[1] == 1:
        filters = turned(build, kernel, [1, 2, 3, 0])
        return build.DEPTHWISE_CONV_2D(x, filters, bias, depth_multiplier=kernel.shape[0] // channels, **options)
    return build.CONV_2D(x, turned(build, kernel, [0, 2, 3, 1]), bias, **options)


def _conv_3d(build: FrontendBuilder, x: Tensor, kernel: Tensor, bias: Tensor, windows: Windows, groups: int) -> Tensor:
    """Groups are convolved one by one, because the operator has none."""
    x, padding = _padding(build, x, windows)
    filters = turned(build, kernel, [2, 3, 4, 1, 0])

    def emit(part: Tensor, filters: Tensor, offset: Tensor) -> Tensor:
        return build.CONV_3D(part, filters, offset, padding=padding, **_options(windows))

    return _grouped(build, groups, emit, [(x, 4), (filters, 4), (bias, 0)])


def _grouped(build: FrontendBuilder, groups: int, emit: Callable[..., Tensor], operands: Sequence[tuple[Tensor, int]]) -> Tensor:
    """`emit` on each of so many parts of the operands, split along these axes; its results joined along their last."""
    if groups == 1:
        return emit(*(operand for operand, _ in operands))
    parts = [build.SPLIT(np.array(axis, np.int32), operand, num_splits=groups) for operand, axis in operands]
    results = [emit(*part) for part in zip(*parts, strict=True)]
    return build.CONCATENATION(*results, axis=len(results[0].shape) - 1)


def conv_transpose(
    build: FrontendBuilder,
    x: Tensor,
    kernel: Tensor,
    bias: Tensor | None,
    windows: Windows,
    groups: int = 1,
    extra: Sequence[int] | None = None,
) -> Tensor:
    """x: [n, c, *size]; kernel: [c, o / groups, *size]; bias: [o].

    The result has stride * (size - 1) + reach - before - after elements in each dimension, and the `extra` ones at its end.
    """
    rank = len(windows)
    extra = list(extra or [0] * rank)
    if rank == 1:
        kernel, extra = _flat(build, kernel), [0, *extra]
    windows = _at_least_two(windows)
    kernel = _spread(build, kernel, windows, [max(e - w.after, 0) for e, w in zip(extra, windows, strict=True)])
    windows = [
        Window(size, w.stride, 1, w.before, max(w.after - e, 0)) for w, size, e in zip(windows, kernel.shape[2:], extra, strict=True)
    ]
    offset = bias if bias is not None else build.constant(np.zeros(kernel.shape[1] * groups, np.float32), "bias")
    return channels_last(build, x, lambda y: _conv_transpose(build, y, kernel, offset, windows, groups))


def _spread(build: FrontendBuilder, kernel: Tensor, windows: Windows, missing: Sequence[int]) -> Tensor:
    """A kernel with zeros between its elements where it is dilated, and as many at the end as outputs are missing there."""
    if any(w.dilation > 1 for w in windows):
        steps = np.array([1, 1, *(w.dilation for w in windows)], np.int32)
        kernel = build.DILATE(kernel, steps, np.zeros((), kernel.dtype)) if kernel.data is None else _dilated(build, kernel, windows)
    if not any(missing):
        return kernel
    pads = np.array([(0, 0), (0, 0), *((0, m) for m in missing)], np.int32)
    return build.PAD(kernel, pads) if kernel.data is None else build.constant(np.pad(kernel.data, pads), kernel.name, kernel.quantization)


def _dilated(build: FrontendBuilder, kernel: Tensor, windows: Windows) -> Tensor:
    assert kernel.data is not None
    spread = np.zeros((*kernel.shape[:2], *(w.reach for w in windows)), kernel.dtype)
    places: tuple[Any, ...] = (..., *(slice(None, None, w.dilation) for w in windows))
    spread[places] = kernel.data
    return build.constant(spread, kernel.name, kernel.quantization)


def _conv_transpose(build: FrontendBuilder, x: Tensor, kernel: Tensor, bias: Tensor, windows: Windows, groups: int) -> Tensor:
    """x: [n, *size, c]. What the windows' padding takes away is cut off, unless the operator's own padding does that."""
    is_same = all(w.before + w.after == w.size - w.stride and w.before == (w.size - w.stride) // 2 for w in windows)
    crops = [(0, 0) if is_same else (w.before, w.after) for w in windows]
    sizes = [_transposed_size(build, x, i + 1, w, is_same) for i, w in enumerate(windows)]
    shape = shape_vector(build, [size_of(build, x, 0), *sizes, kernel.shape[1]])
    options: dict[str, Any] = {"padding": "SAME" if is_same else "VALID"}
    options |= {f"stride_{a}": w.stride for a, w in zip(AXES[-len(windows) :], windows, strict=True)}
    if len(windows) == 3:
        filters = turned(build, kernel, [2, 3, 4, 1, 0])
        y = _grouped(build, groups, lambda p, f, b: build.CONV_3D_TRANSPOSE(shape, f, p, b, **options), [(x, 4), (filters, 4), (bias, 0)])
    else:
        filters = turned(build, kernel, [1, 2, 3, 0])
        y = _grouped(build, groups, lambda p, f, b: build.TRANSPOSE_CONV(shape, f, p, b, **options), [(x, 3), (filters, 3), (bias, 0)])
    return _cropped(build, y, crops)


def _transposed_size(build: FrontendBuilder, x: Tensor, axis: int, window: Window, is_same: bool) -> int | Tensor:
    """stride * size, or all that the window reaches."""
    more = 0 if is_same else window.size - window.stride
    size = size_of(build, x, axis)
    if isinstance(size, int):
        return size * window.stride + more
    result: Tensor = build.ADD(build.MUL(size, np.array(window.stride, np.int32)), np.array(more, np.int32))
    return result


# Pools.


def max_pool(build: FrontendBuilder, x: Tensor, windows: Windows) -> Tensor:
    """x: [n, c, *size], padded with the least number of its type."""
    return channels_last(build, x, lambda y: _max_pool(build, y, _at_least_two(windows)))


def _max_pool(build: FrontendBuilder, x: Tensor, windows: Windows) -> Tensor:
    least = float(np.finfo(x.dtype).min) if x.dtype.kind == "f" else int(np.iinfo(x.dtype).min)
    is_plain = len(windows) == 2 and all(w.dilation == 1 for w in windows)
    if is_plain:
        x, padding = _padding(build, x, windows, least)
        return _pool_2d(build, "MAX_POOL_2D", x, windows, padding)
    x = padded(build, x, windows, least)
    if all(w.dilation == 1 for w in windows):
        return _pool_3d(build, "MAX_POOL_2D", x, windows)
    for axis, window in enumerate(windows, 1):
        x = _greatest(build, x, axis, window)
    return x


def _greatest(build: FrontendBuilder, x: Tensor, axis: int, window: Window) -> Tensor:
    """The maximum along one axis of x, which is padded, as that of one slice for each element of the window."""
    rank = len(x.shape)
    others = (1 << rank) - 1 - (1 << axis)
    result = None
    for i in range(window.size):
        begin, end, steps = ints(*[0] * rank), ints(*[0] * rank), ints(*[1] * rank)
        begin[axis], steps[axis] = i * window.dilation, window.stride
        end[axis] = i * window.dilation - window.reach + 1
        mask = others | (1 << axis if end[axis] == 0 else 0)
        part = build.STRIDED_SLICE(x, begin, end, steps, begin_mask=others, end_mask=mask)
        result = part if result is None else build.MAXIMUM(result, part)
    assert result is not None
    return result


def average_pool(
    build: FrontendBuilder, x: Tensor, windows: Windows, count_padding: bool = False, is_ceiled: bool = False, divisor: int | None = None
) -> Tensor:
    """x: [n, c, *size].

    count_padding: the padding counts as zeros, else it does not count. is_ceiled: see `Window.ceiled`; what this adds never counts.
    divisor: what sums are divided by in any case.
    """
    return channels_last(build, x, lambda y: _average_pool(build, y, _at_least_two(windows), count_padding, is_ceiled, divisor))


def _average_pool(build: FrontendBuilder, x: Tensor, windows: Windows, count_padding: bool, is_ceiled: bool, divisor: int | None) -> Tensor:
    sizes = dims(x)[1:-1]
    wide = [w.ceiled(d) for w, d in zip(windows, sizes, strict=True)] if is_ceiled else list(windows)
    whole = prod(w.size for w in windows)
    is_plain = len(windows) == 2 and all(w.dilation == 1 for w in windows)
    if is_plain and not count_padding and divisor is None and all(w.is_same(d) for w, d in zip(wide, sizes, strict=True)):
        return _pool_2d(build, "AVERAGE_POOL_2D", x, wide, _padding(build, x, wide)[1])
    y = _mean_of_windows(build, padded(build, x, wide), wide)
    if divisor is not None:
        return y if divisor == whole else build.MUL(y, np.array(whole / divisor, np.float32))
    share = _share(build, x, windows, wide, count_padding)
    return y if share is None else build.DIV(y, share)


def _share(build: FrontendBuilder, x: Tensor, windows: Windows, wide: Windows, count_padding: bool) -> Tensor | np.ndarray | None:
    """How much of each window counts, [1, *outputs, 1], float32; None where all of every window does."""
    if None in dims(x)[1:-1]:
        if all(
            (w.before, w.after) == (v.before, v.after) and (count_padding or w.before == w.after == 0)
            for w, v in zip(windows, wide, strict=True)
        ):
            return None
        ones = build.FILL(shape_vector(build, [1, *_sizes(build, x, 1, len(x.shape) - 1), 1]), np.array(1, np.float32))
        counted = padded(build, ones, windows, 1 if count_padding else 0)
        rest = [replace(v, before=v.before - w.before, after=v.after - w.after) for w, v in zip(windows, wide, strict=True)]
        return _mean_of_windows(build, padded(build, counted, rest), wide)
    share = np.ones([1] * len(x.shape), np.float32)
    for axis, (window, reach) in enumerate(zip(windows, wide, strict=True), 1):
        counts = _counts(x.shape[axis], window, reach, count_padding)
        share = share * (counts / window.size).astype(np.float32).reshape([-1 if i == axis else 1 for i in range(len(x.shape))])
    return None if np.all(share == 1) else share


def _counts(inputs: int, window: Window, wide: Window, count_padding: bool) -> np.ndarray:
    """How many elements of each window count, along one dimension."""
    places = np.arange(wide.outputs(inputs))[:, None] * window.stride - window.before + np.arange(window.size) * window.dilation
    first, last = (-window.before, inputs + window.after) if count_padding else (0, inputs)
    return np.sum((places >= first) & (places < last), axis=1)


def _mean_of_windows(build: FrontendBuilder, x: Tensor, windows: Windows) -> Tensor:
    """x: [n, *size, c], padded. TFLite's pool has no dilation; a depthwise convolution has, and no pool or such convolution has a depth."""
    if all(w.dilation == 1 for w in windows):
        pool = _pool_3d if len(windows) == 3 else _pool_2d
        return pool(build, "AVERAGE_POOL_2D", x, windows)
    if len(windows) == 3:
        deep, *flat = windows
        return _in_turn(
            build, x, windows, lambda y: _mean_of_windows(build, y, flat), lambda y: _mean_of_windows(build, y, [deep, Window(1)])
        )
    channels = x.shape[-1]
    kernel = np.full((1, *(w.size for w in windows), channels), 1 / prod(w.size for w in windows), np.float32)
    return build.DEPTHWISE_CONV_2D(x, kernel, np.zeros(channels, np.float32), padding="VALID", depth_multiplier=1, **_options(windows))


def _pool_2d(build: FrontendBuilder, name: str, x: Tensor, windows: Windows, padding: str = "VALID") -> Tensor:
    high, wide = windows
    y: Tensor = getattr(build, name)(
        x, padding=padding, filter_height=high.size, filter_width=wide.size, stride_h=high.stride, stride_w=wide.stride
    )
    return y


def _pool_3d(build: FrontendBuilder, name: str, x: Tensor, windows: Windows) -> Tensor:
    deep, *flat = windows
    return _in_turn(build, x, windows, lambda y: _pool_2d(build, name, y, flat), lambda y: _pool_2d(build, name, y, [deep, Window(1)]))


def _in_turn(
    build: FrontendBuilder, x: Tensor, windows: Windows, pool_flat: Callable[[Tensor], Tensor], pool_deep: Callable[[Tensor], Tensor]
) -> Tensor:
    """x [n, d, h, w, c] pooled over height and width, with the depth as part of the batch, and then over the depth."""
    y = pool_flat(reshape(build, x, [None, *_sizes(build, x, 2, 5)]))
    y = reshape(build, y, [*open_shape(build, x, 0, 2), *_sizes(build, y, 1, 4)])
    pixels = None if None in dims(y)[2:4] else prod(y.shape[2:4])
    lead = _sizes(build, y, 0, 2) if pixels is None else open_shape(build, y, 0, 2)
    z = pool_deep(reshape(build, y, [*lead, pixels, y.shape[4]]))
    return reshape(build, z, [*open_shape(build, z, 0, 2), *_sizes(build, y, 2, 5)])


def _sizes(build: FrontendBuilder, x: Tensor, first: int, last: int) -> list[int | Tensor]:
    return [size_of(build, x, axis) for axis in range(first, last)]


# Norms, in any layout.


def batch_norm(build: FrontendBuilder, x: Tensor, scale: Tensor, offset: Tensor, mean: Tensor, variance: Tensor, epsilon: float) -> Tensor:
    """(x - mean) / sqrt(variance + epsilon) * scale + offset, all of them [c], as one product and one sum."""
    factor = build.MUL(scale, build.RSQRT(build.ADD(variance, np.array(epsilon, np.float32))))
    rest = build.SUB(offset, build.MUL(mean, factor))
    return build.ADD(build.MUL(x, per_channel(build, x, factor)), per_channel(build, x, rest))


def normalize(build: FrontendBuilder, x: Tensor, axes: Sequence[int], epsilon: float) -> Tensor:
    """x with mean 0 and variance 1 along these axes."""
    over = ints(*axes)
    centred = build.SUB(x, build.MEAN(x, over, keep_dims=True))
    variance = build.MEAN(build.SQUARE(centred), over, keep_dims=True)
    return build.MUL(centred, build.RSQRT(build.ADD(variance, np.array(epsilon, np.float32))))


def instance_norm(build: FrontendBuilder, x: Tensor, scale: Tensor | None, offset: Tensor | None, epsilon: float) -> Tensor:
    """x [n, c, *size], every picture and channel by itself; scale, offset: [c]."""
    return _scaled(build, normalize(build, x, range(2, len(x.shape)), epsilon), scale, offset)


def group_norm(build: FrontendBuilder, x: Tensor, groups: int, scale: Tensor | None, offset: Tensor | None, epsilon: float) -> Tensor:
    """x [n, c, *size], every picture and group of channels by itself; scale, offset: [c]."""
    channels, size = dims(x)[1], open_shape(build, x, 0, len(x.shape))
    batch, _, *rest = size
    parts = reshape(build, x, [batch, groups, (channels or x.shape[1]) // groups, *rest])
    y = normalize(build, parts, range(2, len(parts.shape)), epsilon)
    return _scaled(build, reshape(build, y, size), scale, offset)


def _scaled(build: FrontendBuilder, y: Tensor, scale: Tensor | None, offset: Tensor | None) -> Tensor:
    if scale is not None:
        y = build.MUL(y, per_channel(build, y, scale))
    return y if offset is None else build.ADD(y, per_channel(build, y, offset))


def local_response_norm(build: FrontendBuilder, x: Tensor, size: int, alpha: float, beta: float, bias: float) -> Tensor:
    """x / (bias + alpha / size * sum of x^2 over `size` neighbouring channels) ^ beta; size is odd."""
    options = {"radius": size // 2, "bias": bias, "alpha": alpha / size, "beta": beta}
    return channels_last(build, x, lambda y: build.LOCAL_RESPONSE_NORMALIZATION(y, **options))


# Rearranging and resizing.


def depth_to_space(build: FrontendBuilder, x: Tensor, block: int, is_columnwise: bool = False) -> Tensor:
    """x: [n, c * block^2, h, w]. is_columnwise: channels change slowest (PixelShuffle), else positions in the block do, as in TFLite."""
    channels = x.shape[1] // block**2
    order = np.arange(x.shape[1]).reshape(channels, block * block).T.reshape(-1)
    y = build.GATHER(x, order.astype(np.int32), axis=1) if is_columnwise and channels > 1 else x
    return channels_last(build, y, lambda z: build.DEPTH_TO_SPACE(z, block_size=block))


def space_to_depth(build: FrontendBuilder, x: Tensor, block: int, is_columnwise: bool = False) -> Tensor:
    """x: [n, c, h * block, w * block]. is_columnwise: channels change slowest (PixelUnshuffle)."""
    channels = x.shape[1]
    y = channels_last(build, x, lambda z: build.SPACE_TO_DEPTH(z, block_size=block))
    order = np.arange(channels * block * block).reshape(block * block, channels).T.reshape(-1)
    return build.GATHER(y, order.astype(np.int32), axis=1) if is_columnwise and channels > 1 else y


def resize(
    build: FrontendBuilder, x: Tensor, sizes: Sequence[int] | Tensor, mode: str, corners: bool = False, centers: bool = False
) -> Tensor:
    """x [n, c, h, w] in another size (height and width). mode: NEAREST_NEIGHBOR or BILINEAR.

    corners: the corner pixels of both fall on each other; centers: pixels are squares, of which the centres are sampled.
    """
    target = sizes if isinstance(sizes, Tensor) else ints(*sizes)
    options = {"align_corners": corners, "half_pixel_centers": centers}
    return channels_last(build, x, lambda y: getattr(build, f"RESIZE_{mode}")(y, target, **options))


def resample(build: FrontendBuilder, x: Tensor, axis: int, weights: np.ndarray) -> Tensor:
    """Every element along an axis as a sum of the old ones. weights: float32 [new, old], as any way of interpolating gives them."""
    turned_x = move_axis(build, x, axis, -1)
    kernel, bias = build.constant(np.ascontiguousarray(weights), "weights"), np.zeros(len(weights), np.float32)
    y = build.FULLY_CONNECTED(turned_x, kernel, build.constant(bias, "bias"), keep_num_dims=True)
    return move_axis(build, y, -1, axis)
