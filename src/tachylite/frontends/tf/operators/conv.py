"""Convolutions, pools and what goes with them: biases, batch norms, spatial reordering."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tachylite.frontends.shaping import ints, transpose
from tachylite.frontends.tf.node import Node, op
from tachylite.model.graph import Tensor

TO_LAST, TO_FIRST = [0, 2, 3, 1], [0, 3, 1, 2]


def is_channels_first(self: Node) -> bool:
    return self.text("data_format", "NHWC").startswith("NC")


def channels_last(emit: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Give the function its first input with channels last, and its result back as the node has it."""

    def turned(self: Node, x: Tensor, *rest: Any) -> Tensor:
        if not is_channels_first(self):
            return emit(self, x, *rest)
        return transpose(self.build, emit(self, transpose(self.build, x, TO_LAST), *rest), TO_FIRST)

    return turned


def spatial(self: Node, name: str) -> list[int]:
    """Height and width of an attribute that has an entry for each dimension."""
    values = self.integers(name) or [1] * 4
    return values[2:4] if is_channels_first(self) else values[1:3]


def options(self: Node) -> dict[str, Any]:
    """Strides and dilations as options."""
    (high, wide), (far_h, far_w) = spatial(self, "strides"), spatial(self, "dilations")
    return {"stride_h": high, "stride_w": wide, "dilation_h_factor": far_h, "dilation_w_factor": far_w}


def padded(self: Node, x: Tensor, fill: float = 0) -> tuple[Tensor, str]:
    """x (channels last) and the padding that the operator still has to do."""
    padding = self.text("padding")
    if padding != "EXPLICIT":
        return x, padding
    pairs = np.array(self.integers("explicit_paddings"), np.int32).reshape(-1, 2)
    pairs = pairs[TO_LAST] if is_channels_first(self) else pairs
    if fill == 0:
        return self.build.PAD(x, pairs), "VALID"
    return self.build.PADV2(x, pairs, np.array(fill, x.dtype)), "VALID"


def turned_kernel(self: Node, kernel: Tensor, axes: Sequence[int]) -> Tensor:
    """The kernel with its axes in TFLite's order."""
    value = self.build.value(kernel)
    return transpose(self.build, kernel, axes) if value is None else self.build.constant(value.transpose(axes), "kernel")


def no_bias(self: Node, channels: int) -> Tensor:
    return self.build.constant(np.zeros(channels, np.float32), "bias")


@op("Conv2D")
@channels_last
def conv_2d(self: Node, x: Tensor, kernel: Tensor) -> Tensor:
    """kernel: [h, w, c / groups, o]."""
    x, padding = padded(self, x)
    filters = turned_kernel(self, kernel, [3, 0, 1, 2])
    return self.build.CONV_2D(x, filters, no_bias(self, kernel.shape[3]), padding=padding, **options(self))


@op("DepthwiseConv2dNative")
@channels_last
def depthwise_conv_2d(self: Node, x: Tensor, kernel: Tensor) -> Tensor:
    """kernel: [h, w, c, multiplier]."""
    x, padding = padded(self, x)
    high, wide, channels, multiplier = kernel.shape
    value, shape = self.build.value(kernel), (1, high, wide, channels * multiplier)
    filters = self.build.RESHAPE(kernel, ints(*shape)) if value is None else self.build.constant(value.reshape(shape), "kernel")
    bias = no_bias(self, channels * multiplier)
    return self.build.DEPTHWISE_CONV_2D(x, filters, bias, padding=padding, depth_multiplier=multiplier, **options(self))


@op("Conv2DBackpropInput")
def transpose_conv(self: Node, shape: Tensor, kernel: Tensor, x: Tensor) -> Tensor:
    """kernel: [h, w, out, in]; shape: the result's."""
    if self.text("padding") == "EXPLICIT" or spatial(self, "dilations") != [1, 1]:
        raise self.refuse("its padding is explicit or it is dilated", "pad with 'same' or 'valid', and leave the dilation out")
    high, wide = spatial(self, "strides")
    if is_channels_first(self):
        x, shape = transpose(self.build, x, TO_LAST), self.build.GATHER(shape, ints(*TO_LAST))
    filters = turned_kernel(self, kernel, [2, 0, 1, 3])
    y = self.build.TRANSPOSE_CONV(
        shape, filters, x, no_bias(self, kernel.shape[2]), padding=self.text("padding"), stride_h=high, stride_w=wide
    )
    return transpose(self.build, y, TO_FIRST) if is_channels_first(self) else y


@op("Conv3D")
def conv_3d(self: Node, x: Tensor, kernel: Tensor) -> Tensor:
    """kernel: [d, h, w, in, out]."""
    if is_channels_first(self):
        raise self.refuse("its channels come first", "build it with data_format='NDHWC'")
    names = [(f"stride_{axis}", f"dilation_{axis}_factor") for axis in "dhw"]
    chosen = {name: size for names_, pair in zip(names, _three(self), strict=True) for name, size in zip(names_, pair, strict=True)}
    return self.build.CONV_3D(x, kernel, no_bias(self, kernel.shape[4]), padding=self.text("padding"), **chosen)


def _three(self: Node) -> list[tuple[int, int]]:
    """Stride and dilation of each dimension."""
    return list(zip(self.integers("strides")[1:4], (self.integers("dilations") or [1] * 5)[1:4], strict=True))


def _pool(name: str, fill: float) -> Callable[..., Tensor]:
    @channels_last
    def pool(self: Node, x: Tensor) -> Tensor:
        kernel, strides = self.integers("ksize"), self.integers("strides")
        outer = (0, 1) if is_channels_first(self) else (0, 3)
        if any(kernel[i] != 1 or strides[i] != 1 for i in outer):
            raise self.refuse(f"it pools over batch or channels (ksize {kernel})", "pool over height and width")
        (high, wide), (down, right) = spatial(self, "ksize"), spatial(self, "strides")
        x, padding = padded(self, x, fill)
        emit = getattr(self.build, name)
        return emit(x, padding=padding, filter_height=high, filter_width=wide, stride_h=down, stride_w=right)

    return pool


op("AvgPool")(_pool("AVERAGE_POOL_2D", 0))
op("MaxPool")(_pool("MAX_POOL_2D", float(np.finfo(np.float32).min)))


@op("MaxPoolV2")
def max_pool_v2(self: Node, x: Tensor, kernel: Tensor, strides: Tensor) -> Tensor:
    """Sizes as operands."""
    (_, high, wide, _), (_, down, right, _) = self.known_ints(kernel, "window sizes"), self.known_ints(strides, "strides")
    return self.build.MAX_POOL_2D(x, padding=self.text("padding"), filter_height=high, filter_width=wide, stride_h=down, stride_w=right)


@op("BiasAdd", "BiasAddV1")
def bias_add(self: Node, x: Tensor, bias: Tensor) -> Tensor:
    return self.build.ADD(x, per_channel(self, x, bias))


def per_channel(self: Node, x: Tensor, values: Tensor) -> Tensor:
    """A vector of channels, so that it broadcasts to x."""
    if not is_channels_first(self):
        return values
    shape, value = (-1, *[1] * (len(x.shape) - 2)), self.build.value(values)
    return self.build.RESHAPE(values, ints(*shape)) if value is None else self.build.constant(value.reshape(shape))


@op(
    "FusedBatchNorm",
    "FusedBatchNormV2",
    "FusedBatchNormV3",
    outputs="y batch_mean batch_variance reserve_space_1 reserve_space_2 reserve_space_3",
)
def batch_norm(self: Node, x: Tensor, scale: Tensor, offset: Tensor, mean: Tensor, variance: Tensor) -> list[Tensor]:
    """With the statistics of training: x * factor + rest. The further outputs serve training alone."""
    if not self.has("is_training") or self.flag("is_training"):
        raise self.refuse("it takes its statistics from the batch, as in training", "save the model for inference (training=False)")
    build = self.build
    factor = build.MUL(scale, build.RSQRT(build.ADD(variance, np.array(self.real("epsilon", 1e-4), np.float32))))
    rest = build.SUB(offset, build.MUL(mean, factor))
    y = build.ADD(build.MUL(x, per_channel(self, x, _settled(self, factor))), per_channel(self, x, _settled(self, rest)))
    return [y, mean, variance, mean, variance, variance]


def _settled(self: Node, x: Tensor) -> Tensor:
    """A constant where the value is certain."""
    value = self.build.value(x)
    return x if value is None else self.build.constant(value, "factor")


@op("LRN")
def local_response_normalization(self: Node, x: Tensor) -> Tensor:
    return self.build.LOCAL_RESPONSE_NORMALIZATION(
        x, radius=self.integer("depth_radius", 5), bias=self.real("bias", 1), alpha=self.real("alpha", 1), beta=self.real("beta", 0.5)
    )


@op("ResizeBilinear")
def resize_bilinear(self: Node, x: Tensor, size: Tensor) -> Tensor:
    return self.build.RESIZE_BILINEAR(x, size, align_corners=self.flag("align_corners"), half_pixel_centers=self.flag("half_pixel_centers"))


@op("ResizeNearestNeighbor")
def resize_nearest(self: Node, x: Tensor, size: Tensor) -> Tensor:
    chosen = {"align_corners": self.flag("align_corners"), "half_pixel_centers": self.flag("half_pixel_centers")}
    return self.build.RESIZE_NEAREST_NEIGHBOR(x, size, **chosen)


@op("SpaceToDepth")
@channels_last
def space_to_depth(self: Node, x: Tensor) -> Tensor:
    return self.build.SPACE_TO_DEPTH(x, block_size=self.integer("block_size"))


@op("DepthToSpace")
@channels_last
def depth_to_space(self: Node, x: Tensor) -> Tensor:
    return self.build.DEPTH_TO_SPACE(x, block_size=self.integer("block_size"))
