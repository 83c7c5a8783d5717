"""Convolutions in one, two and three dimensions: plain, grouped, depthwise, separable, transposed.

Operators of one dimension are those of two with a height of 1.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tachylite.frontends.builder import dims
from tachylite.frontends.keras.activations import activate, fused
from tachylite.frontends.keras.layer import Layer, layer
from tachylite.frontends.keras.spatial import channels_last, flat_1d, spatial
from tachylite.frontends.shaping import shape_vector, size_of
from tachylite.model.graph import Tensor

AXES = "dhw"


def options(self: Layer, rank: int, padding: str) -> dict[str, Any]:
    """The operator's options for strides, dilation and padding; rank: 2 or 3 dimensions."""
    chosen: dict[str, Any] = {"padding": padding.upper()}
    for key, option in (("strides", "stride_{}"), ("dilation_rate", "dilation_{}_factor")):
        for axis, value in zip(AXES[-rank:], spatial(self, key, rank), strict=True):
            chosen[option.format(axis)] = value
    return chosen


def pad_causally(self: Layer, x: Tensor, size: int) -> tuple[Tensor, str]:
    """x of one dimension ([n, 1, t, c]) and the padding that the operator still has to do."""
    padding = self.get("padding", "valid")
    if padding != "causal":
        return x, padding
    before = (size - 1) * spatial(self, "dilation_rate", 1)[-1]
    return self.build.PAD(x, np.array([[0, 0], [0, 0], [before, 0], [0, 0]], np.int32)), "valid"


def bias_of(self: Layer, values: Sequence[np.ndarray], channels: int) -> Tensor:
    """The layer's bias, zeros where it has none."""
    return self.build.constant(values[0] if values else np.zeros(channels, np.float32), "bias")


def finish(self: Layer, emit: Callable[[str], Tensor]) -> Tensor:
    """`emit(activation)`, and then what the operator cannot do itself."""
    own, rest = fused(self.config.get("activation"))
    y = emit(own)
    return y if rest is None else activate(self, y, rest)


@layer("Conv1D", "Convolution1D")
@channels_last
@flat_1d
def conv_1d(self: Layer, x: Tensor) -> Tensor:
    kernel, *bias = self.take(1 + self.get("use_bias", True))
    x, padding = pad_causally(self, x, len(kernel))
    return convolve(self, x, kernel[None], bias, padding)


@layer("Conv2D", "Convolution2D")
@channels_last
def conv_2d(self: Layer, x: Tensor) -> Tensor:
    kernel, *bias = self.take(1 + self.get("use_bias", True))
    return convolve(self, x, kernel, bias, self.get("padding", "valid"))


def convolve(self: Layer, x: Tensor, kernel: np.ndarray, bias: Sequence[np.ndarray], padding: str) -> Tensor:
    """kernel: [h, w, c / groups, o]. As many groups as channels are a depthwise convolution."""
    groups, channels = self.get("groups", 1), x.shape[-1]
    if groups == channels > 1 and kernel.shape[2] == 1:
        return depthwise(self, x, kernel.reshape(*kernel.shape[:2], channels, -1), bias, padding)
    filters = self.build.constant(kernel.transpose(3, 0, 1, 2), "kernel")
    offset = bias_of(self, bias, kernel.shape[3])
    chosen = options(self, 2, padding)
    return finish(self, lambda function: self.build.CONV_2D(x, filters, offset, fused_activation_function=function, **chosen))


@layer("Conv3D", "Convolution3D")
@channels_last
def conv_3d(self: Layer, x: Tensor) -> Tensor:
    """Groups are convolved one by one, because the operator has none."""
    kernel, *bias = self.take(1 + self.get("use_bias", True))
    groups = self.get("groups", 1)
    chosen = options(self, 3, self.get("padding", "valid"))
    inputs = self.build.SPLIT(np.array(4, np.int32), x, num_splits=groups) if groups > 1 else [x]
    biases = np.split(bias[0] if bias else np.zeros(kernel.shape[4], np.float32), groups)
    parts = [
        self.build.CONV_3D(part, self.build.constant(filters, "kernel"), self.build.constant(offset, "bias"), **chosen)
        for part, filters, offset in zip(inputs, np.split(kernel, groups, axis=4), biases, strict=True)
    ]
    y = self.build.CONCATENATION(*parts, axis=4) if groups > 1 else parts[0]
    return activate(self, y, self.config.get("activation"))


@layer("DepthwiseConv1D")
@channels_last
@flat_1d
def depthwise_conv_1d(self: Layer, x: Tensor) -> Tensor:
    kernel, *bias = self.take(1 + self.get("use_bias", True))
    x, padding = pad_causally(self, x, len(kernel))
    return depthwise(self, x, kernel[None], bias, padding)


@layer("DepthwiseConv2D")
@channels_last
def depthwise_conv_2d(self: Layer, x: Tensor) -> Tensor:
    kernel, *bias = self.take(1 + self.get("use_bias", True))
    return depthwise(self, x, kernel, bias, self.get("padding", "valid"))


def depthwise(self: Layer, x: Tensor, kernel: np.ndarray, bias: Sequence[np.ndarray], padding: str) -> Tensor:
    """kernel: [h, w, c, multiplier]."""
    filters, offset, chosen = _depthwise_operands(self, kernel, bias, padding)
    return finish(self, lambda function: self.build.DEPTHWISE_CONV_2D(x, filters, offset, fused_activation_function=function, **chosen))


def _depthwise_operands(self: Layer, kernel: np.ndarray, bias: Sequence[np.ndarray], padding: str) -> tuple[Tensor, Tensor, dict[str, Any]]:
    flat = kernel.reshape(1, *kernel.shape[:2], -1)
    filters = self.build.constant(flat, "depthwise_kernel")
    return filters, bias_of(self, bias, flat.shape[3]), {**options(self, 2, padding), "depth_multiplier": kernel.shape[3]}


@layer("SeparableConv1D", "SeparableConvolution1D")
@channels_last
@flat_1d
def separable_conv_1d(self: Layer, x: Tensor) -> Tensor:
    first, second, *bias = self.take(2 + self.get("use_bias", True))
    x, padding = pad_causally(self, x, len(first))
    return separable(self, x, first[None], second[None], bias, padding)


@layer("SeparableConv2D", "SeparableConvolution2D")
@channels_last
def separable_conv_2d(self: Layer, x: Tensor) -> Tensor:
    first, second, *bias = self.take(2 + self.get("use_bias", True))
    return separable(self, x, first, second, bias, self.get("padding", "valid"))


def separable(self: Layer, x: Tensor, first: np.ndarray, second: np.ndarray, bias: Sequence[np.ndarray], padding: str) -> Tensor:
    """A depthwise convolution ([h, w, c, multiplier]), then one of single elements ([1, 1, c * multiplier, o])."""
    filters, nothing, chosen = _depthwise_operands(self, first, [], padding)
    between = self.build.DEPTHWISE_CONV_2D(x, filters, nothing, **chosen)
    mix = self.build.constant(second.transpose(3, 0, 1, 2), "pointwise_kernel")
    offset = bias_of(self, bias, second.shape[3])
    return finish(
        self, lambda function: self.build.CONV_2D(between, mix, offset, stride_h=1, stride_w=1, fused_activation_function=function)
    )


# Transposed.


@layer("Conv1DTranspose")
@channels_last
@flat_1d
def conv_1d_transpose(self: Layer, x: Tensor) -> Tensor:
    kernel, *bias = self.take(1 + self.get("use_bias", True))
    return transposed(self, x, kernel[None], bias)


@layer("Conv2DTranspose", "Convolution2DTranspose", "Deconvolution2D")
@channels_last
def conv_2d_transpose(self: Layer, x: Tensor) -> Tensor:
    kernel, *bias = self.take(1 + self.get("use_bias", True))
    return transposed(self, x, kernel, bias)


@layer("Conv3DTranspose", "Convolution3DTranspose")
@channels_last
def conv_3d_transpose(self: Layer, x: Tensor) -> Tensor:
    kernel, *bias = self.take(1 + self.get("use_bias", True))
    return transposed(self, x, kernel, bias)


def transposed(self: Layer, x: Tensor, kernel: np.ndarray, bias: Sequence[np.ndarray]) -> Tensor:
    """kernel: [*size, o, c], with zeros between its elements where it is dilated."""
    rank = kernel.ndim - 2
    kernel = dilated(kernel, spatial(self, "dilation_rate", rank))
    shape = _transposed_shape(self, x, kernel)
    chosen = {k: v for k, v in options(self, rank, self.get("padding", "valid")).items() if "dilation" not in k}
    offset = bias_of(self, bias, kernel.shape[-2])
    if rank == 3:
        y = self.build.CONV_3D_TRANSPOSE(shape, self.build.constant(kernel, "kernel"), x, offset, **chosen)
        return activate(self, y, self.config.get("activation"))
    filters = self.build.constant(kernel.transpose(2, 0, 1, 3), "kernel")
    return finish(self, lambda function: self.build.TRANSPOSE_CONV(shape, filters, x, offset, fused_activation_function=function, **chosen))


def dilated(kernel: np.ndarray, factors: Sequence[int]) -> np.ndarray:
    """The kernel with factor - 1 zeros between neighbours along each of its first axes."""
    if all(f == 1 for f in factors):
        return kernel
    spread = [(size - 1) * f + 1 for size, f in zip(kernel.shape, factors, strict=False)]
    result = np.zeros((*spread, *kernel.shape[len(factors) :]), kernel.dtype)
    result[tuple(slice(None, None, f) for f in factors)] = kernel
    return result


def _transposed_shape(self: Layer, x: Tensor, kernel: np.ndarray) -> Tensor:
    rank = kernel.ndim - 2
    strides = spatial(self, "strides", rank)
    extra = self.config.get("output_padding")
    extras = [None] * rank if extra is None else spatial(self, "output_padding", rank)
    sizes: list[Any] = [size_of(self.build, x, 0)]
    for axis in range(rank):
        known = dims(x)[1 + axis]
        if known is None:
            raise self.refuse(f"its input has the unknown dimensions {list(dims(x))}", "give its size with input_shapes=")
        sizes.append(transposed_size(known, kernel.shape[axis], strides[axis], self.get("padding", "valid"), extras[axis]))
    return shape_vector(self.build, [*sizes, kernel.shape[-2]])


def transposed_size(size: int, kernel: int, stride: int, padding: str, extra: int | None) -> int:
    """The length of a transposed convolution's result. extra: the layer's output_padding."""
    if extra is not None:
        return (size - 1) * stride + kernel - (2 * (kernel // 2) if padding == "same" else 0) + extra
    return size * stride + (max(kernel - stride, 0) if padding == "valid" else 0)
