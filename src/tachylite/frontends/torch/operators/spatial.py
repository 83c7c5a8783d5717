"""Convolutions, pools, resizing, and norms."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tachylite.frontends import nchw, resampling
from tachylite.frontends.builder import dims
from tachylite.frontends.keras.activations import scalar
from tachylite.frontends.shaping import ints, reshape
from tachylite.frontends.torch.node import each, op
from tachylite.frontends.torch.operators.shape import section
from tachylite.frontends.traced.converter import Call
from tachylite.model.graph import Tensor


def batched(emit: Callable[..., Tensor], rank: int) -> Callable[..., Tensor]:
    """Lets a function of [n, c, *size] with `rank` dimensions of size take a single picture [c, *size] as well."""

    def convert(self: Call, x: Tensor, *rest: Any, **options: Any) -> Tensor:
        if len(x.shape) == rank + 2:
            return emit(self, x, *rest, **options)
        y = emit(self, self.build.EXPAND_DIMS(x, np.array(0, np.int32)), *rest, **options)
        return self.build.SQUEEZE(y, squeeze_dims=(0,))

    return convert


# Convolutions.


def _conv(rank: int) -> Callable[..., Tensor]:
    def conv(
        self: Call,
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None = None,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
    ) -> Tensor:
        """weight: [o, c / groups, *size]; padding: amounts, "same" or "valid"."""
        windows = _windows(weight.shape[2:], stride, 0 if isinstance(padding, str) else padding, dilation)
        if padding == "same":
            windows = [w.same(None) for w in windows]
        return nchw.conv(self.build, x, weight, bias, windows, groups)

    return batched(conv, rank)


def _windows(sizes: Sequence[int], stride: Any, padding: Any, dilation: Any) -> list[nchw.Window]:
    rows = zip(sizes, *(each(values, len(sizes)) for values in (stride, padding, dilation)), strict=True)
    return [nchw.Window(size, step, spread, pad, pad) for size, step, pad, spread in rows]


def _conv_transpose(rank: int) -> Callable[..., Tensor]:
    def conv_transpose(
        self: Call,
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None = None,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        dilation: Any = 1,
    ) -> Tensor:
        """weight: [c, o / groups, *size]."""
        windows = _windows(weight.shape[2:], stride, padding, dilation)
        return nchw.conv_transpose(self.build, x, weight, bias, windows, groups, each(output_padding, len(windows)))

    return batched(conv_transpose, rank)


for _rank in (1, 2, 3):
    op(f"aten.conv{_rank}d")(_conv(_rank))
    op(f"aten.conv_transpose{_rank}d")(_conv_transpose(_rank))


@op("aten.convolution")
def convolution(
    self: Call,
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Any,
    padding: Any,
    dilation: Any,
    transposed: bool,
    output_padding: Any,
    groups: int,
) -> Tensor:
    rank = len(weight.shape) - 2
    if transposed:
        return _conv_transpose(rank)(self, x, weight, bias, stride, padding, output_padding, groups, dilation)
    return _conv(rank)(self, x, weight, bias, stride, padding, dilation, groups)


# Pools.


def _pool_windows(x: Tensor, rank: int, kernel: Any, stride: Any, padding: Any, dilation: Any = 1) -> list[nchw.Window]:
    sizes = each(kernel, rank)
    return _windows(sizes, stride if stride not in (None, []) else sizes, padding, dilation)


def _max_pool(rank: int) -> Callable[..., Tensor]:
    def pool(
        self: Call, x: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False
    ) -> Tensor:
        windows = _pool_windows(x, rank, kernel_size, stride, padding, dilation)
        if ceil_mode:
            windows = [w.ceiled(d) for w, d in zip(windows, dims(x)[2:], strict=True)]
        return nchw.max_pool(self.build, x, windows)

    return batched(pool, rank)


def _average_pool(rank: int) -> Callable[..., Tensor]:
    def pool(
        self: Call,
        x: Tensor,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> Tensor:
        windows = _pool_windows(x, rank, kernel_size, stride, padding)
        return nchw.average_pool(self.build, x, windows, count_include_pad, ceil_mode, divisor_override)

    return batched(pool, rank)


def _adaptive_pool(rank: int, name: str) -> Callable[..., Tensor]:
    def pool(self: Call, x: Tensor, output_size: Any) -> Tensor:
        """Windows that share the input out among the outputs; a size of None stays."""
        if all(n == 1 for n in each(output_size, rank)):
            result: Tensor = getattr(self.build, name)(x, ints(*range(len(x.shape) - rank, len(x.shape))), keep_dims=True)
            return result
        for i, count in enumerate(each(output_size, rank)):
            x = x if count is None else _shared_out(self, x, len(x.shape) - rank + i, count, name)
        return x

    return pool


def _shared_out(self: Call, x: Tensor, axis: int, count: int, name: str) -> Tensor:
    """One axis reduced to `count` elements, of windows that are as equal as can be."""
    size = dims(x)[axis]
    if size is None:
        raise self.refuse(f"its axis {axis} has an unknown size", "fix it with input_shapes=")
    if size == count:
        return x
    emit = getattr(self.build, name)
    if size % count == 0 and None not in dims(x)[1:]:
        shape = dims(x)
        result: Tensor = emit(
            reshape(self.build, x, [*shape[:axis], count, size // count, *shape[axis + 1 :]]), ints(axis + 1), keep_dims=False
        )
        return result
    bounds = [(i * size // count, -(-(i + 1) * size // count)) for i in range(count)]
    parts = [emit(section(self, x, axis, begin, end), ints(axis), keep_dims=True) for begin, end in bounds]
    return self.build.CONCATENATION(*parts, axis=axis)


for _rank in (1, 2, 3):
    op(f"aten.max_pool{_rank}d", f"aten.max_pool{_rank}d_with_indices")(_max_pool(_rank))
    op(f"aten.avg_pool{_rank}d")(_average_pool(_rank))
    op(f"aten.adaptive_avg_pool{_rank}d", f"aten._adaptive_avg_pool{_rank}d")(_adaptive_pool(_rank, "MEAN"))
    op(f"aten.adaptive_max_pool{_rank}d")(_adaptive_pool(_rank, "REDUCE_MAX"))


# Resizing.


def _resized(self: Call, x: Tensor, sizes: Any, scales: Any) -> list[resampling.Axis]:
    """The dimensions of size, before and after. Raises Unsupported where one is unknown."""
    old = dims(x)[2:]
    new = self.output.shape[2:] if None not in self.output.shape[2:] else each(sizes, len(old)) if sizes else []
    if not new and scales and None not in old:
        new = [int(d * s) for d, s in zip(old, scales, strict=True) if d is not None]
    if None in old or not new or any(not isinstance(n, int) for n in new):
        raise self.refuse(f"its input has the unknown dimensions {list(dims(x))}", "give its size with input_shapes=")
    factors = each(scales, len(old)) if scales else [n / d for n, d in zip(new, old, strict=True) if d is not None]
    return [resampling.Axis(d, n, f) for d, n, f in zip(old, new, factors, strict=True) if d is not None and n is not None]


def _nearest(self: Call, x: Tensor, output_size: Any = None, *scales: Any) -> Tensor:
    """Each new element is the old one at its begin; whole multiples are TFLite's own operator."""
    axes = _resized(self, x, output_size, _scales(scales))
    if len(axes) == 2 and all(a.new % a.old == 0 for a in axes):
        return nchw.resize(self.build, x, [a.new for a in axes], "NEAREST_NEIGHBOR")
    for position, axis in enumerate(axes):
        places = resampling.nearest(resampling.coordinates(axis, "asymmetric"), axis.old, "floor")
        x = self.build.GATHER(x, places, axis=2 + position)
    return x


def _scales(scales: Sequence[Any]) -> list[float] | None:
    """Told as one list, or one by one; None where they are not told."""
    found = scales[0] if len(scales) == 1 and isinstance(scales[0], list) else [s for s in scales if s is not None]
    return list(found) or None


def _linear(self: Call, x: Tensor, output_size: Any, align_corners: bool, *scales: Any) -> Tensor:
    """TFLite's own operator where the sizes alone tell the scale; else a product with the weights of each axis."""
    axes = _resized(self, x, output_size, _scales(scales))
    is_exact = all(np.isclose(a.scale * a.old, a.new) for a in axes)
    if len(axes) == 2 and (align_corners or is_exact):
        return nchw.resize(self.build, x, [a.new for a in axes], "BILINEAR", align_corners, not align_corners)
    return _resampled(self, x, axes, align_corners, resampling.linear)


def _cubic(self: Call, x: Tensor, output_size: Any, align_corners: bool, *scales: Any) -> Tensor:
    return _resampled(self, x, _resized(self, x, output_size, _scales(scales)), align_corners, resampling.cubic(-0.75))


def _resampled(self: Call, x: Tensor, axes: Sequence[resampling.Axis], align_corners: bool, weight: Callable[..., np.ndarray]) -> Tensor:
    for position, axis in enumerate(axes):
        if axis.old != axis.new:
            places = resampling.coordinates(axis, "align_corners" if align_corners else "half_pixel")
            places = np.maximum(places, 0) if weight is resampling.linear else places
            x = nchw.resample(self.build, x, 2 + position, resampling.weights(places, axis.old, weight))
    return x


for _rank in (1, 2, 3):
    op(f"aten.upsample_nearest{_rank}d")(_nearest)
op("aten.upsample_linear1d", "aten.upsample_bilinear2d", "aten.upsample_trilinear3d")(_linear)
op("aten.upsample_bicubic2d")(_cubic)


@op("aten.pixel_shuffle")
def pixel_shuffle(self: Call, x: Tensor, upscale_factor: int) -> Tensor:
    return nchw.depth_to_space(self.build, x, upscale_factor, is_columnwise=True)


@op("aten.pixel_unshuffle")
def pixel_unshuffle(self: Call, x: Tensor, downscale_factor: int) -> Tensor:
    return nchw.space_to_depth(self.build, x, downscale_factor, is_columnwise=True)


@op("aten.channel_shuffle")
def channel_shuffle(self: Call, x: Tensor, groups: int) -> Tensor:
    order = np.arange(x.shape[1], dtype=np.int32).reshape(groups, -1).T.reshape(-1)
    return self.build.GATHER(x, order, axis=1)


# Norms.


@op("aten.batch_norm")
def batch_norm(
    self: Call,
    x: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    mean: Tensor | None,
    variance: Tensor | None,
    training: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool = False,
) -> Tensor:
    if training or mean is None or variance is None:
        raise self.refuse("it takes its statistics from the batch, as in training", "call .eval() before exporting, and keep track of them")
    channels = x.shape[1]
    scale = weight if weight is not None else self.build.constant(np.ones(channels, np.float32), "weight")
    offset = bias if bias is not None else self.build.constant(np.zeros(channels, np.float32), "bias")
    return nchw.batch_norm(self.build, x, scale, offset, mean, variance, eps)


@op("aten._native_batch_norm_legit_no_training")
def native_batch_norm(self: Call, x: Tensor, weight: Any, bias: Any, mean: Tensor, variance: Tensor, momentum: float, eps: float) -> Tensor:
    return batch_norm(self, x, weight, bias, mean, variance, False, momentum, eps)


@op("aten.instance_norm")
def instance_norm(
    self: Call,
    x: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    mean: Tensor | None,
    variance: Tensor | None,
    use_input_stats: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool = False,
) -> Tensor:
    if not use_input_stats:
        return batch_norm(self, x, weight, bias, mean, variance, False, momentum, eps)
    return nchw.instance_norm(self.build, x, weight, bias, eps)


@op("aten.group_norm")
def group_norm(
    self: Call,
    x: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
    cudnn_enabled: bool = False,
) -> Tensor:
    return nchw.group_norm(self.build, x, num_groups, weight, bias, eps)


@op("aten.layer_norm", "aten.native_layer_norm")
def layer_norm(
    self: Call,
    x: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
    cudnn_enable: bool = False,
) -> Tensor:
    rank = len(x.shape)
    y = nchw.normalize(self.build, x, range(rank - len(normalized_shape), rank), eps)
    y = y if weight is None else self.build.MUL(y, weight)
    return y if bias is None else self.build.ADD(y, bias)


@op("aten.rms_norm")
def rms_norm(self: Call, x: Tensor, normalized_shape: Sequence[int], weight: Tensor | None = None, eps: float | None = None) -> Tensor:
    rank = len(x.shape)
    axes = ints(*range(rank - len(normalized_shape), rank))
    power = self.build.MEAN(self.build.SQUARE(x), axes, keep_dims=True)
    least = float(np.finfo(np.float32).eps) if eps is None else eps
    y = self.build.MUL(x, self.build.RSQRT(self.build.ADD(power, scalar(least))))
    return y if weight is None else self.build.MUL(y, weight)
