"""Convolutions, pools, and what else works on pictures: windows as ONNX describes them."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from tachylite.frontends import nchw
from tachylite.frontends.builder import dims
from tachylite.frontends.nchw import Window
from tachylite.frontends.onnx.node import Node, op
from tachylite.frontends.shaping import ints
from tachylite.model.graph import Tensor


def windows_of(self: Node, x: Tensor, size: Sequence[int]) -> list[Window]:
    """The node's windows of this size, on x [n, c, *size]. Raises Unsupported where its padding follows from sizes that are unknown."""
    rank = len(size)
    strides, dilations = (self.get(name) or [1] * rank for name in ("strides", "dilations"))
    pads = self.get("pads") or [0] * 2 * rank
    found = [Window(*values) for values in zip(size, strides, dilations, pads[:rank], pads[rank:], strict=True)]
    mode = self.get("auto_pad", "NOTSET")
    if mode == "VALID":
        return [replace(w, before=0, after=0) for w in found]
    if mode == "NOTSET":
        return found
    if any(d is None and w.stride > 1 for w, d in zip(found, dims(x)[2:], strict=True)):
        raise self.refuse(f"its padding ({mode}) depends on sizes that are unknown", "fix them with input_shapes=")
    found = [w.same(d) for w, d in zip(found, dims(x)[2:], strict=True)]
    return [replace(w, before=w.after, after=w.before) for w in found] if mode == "SAME_LOWER" else found


@op("Conv")
def conv(self: Node, x: Tensor, kernel: Tensor, bias: Tensor | None = None) -> Tensor:
    """kernel: [o, c / groups, *size]."""
    return nchw.conv(self.build, x, kernel, bias, windows_of(self, x, kernel.shape[2:]), self.get("group", 1))


@op("ConvTranspose")
def conv_transpose(self: Node, x: Tensor, kernel: Tensor, bias: Tensor | None = None) -> Tensor:
    """kernel: [c, o / groups, *size]."""
    rank = len(kernel.shape) - 2
    extra = list(self.get("output_padding") or [0] * rank)
    windows = [replace(w, before=b, after=a) for w, b, a in _transposed_windows(self, x, kernel, extra)]
    return nchw.conv_transpose(self.build, x, kernel, bias, windows, self.get("group", 1), extra)


def _transposed_windows(self: Node, x: Tensor, kernel: Tensor, extra: list[int]) -> list[tuple[Window, int, int]]:
    """Each window, and what is cut off of the result before and after; told by pads, by the result's size, or by a mode."""
    rank = len(extra)
    strides, dilations = (self.get(name) or [1] * rank for name in ("strides", "dilations"))
    windows = [Window(*values) for values in zip(kernel.shape[2:], strides, dilations, strict=True)]
    mode, sizes, pads = self.get("auto_pad", "NOTSET"), self.get("output_shape"), self.get("pads") or [0] * 2 * rank
    if sizes is None and mode in ("NOTSET", "VALID"):
        return list(zip(windows, pads[:rank], pads[rank:], strict=True)) if mode == "NOTSET" else [(w, 0, 0) for w in windows]
    if sizes is None:
        totals = [w.reach - w.stride + e for w, e in zip(windows, extra, strict=True)]
    elif None in dims(x)[2:]:
        raise self.refuse("its output_shape is told and the input's sizes are unknown", "fix them with input_shapes=")
    else:
        whole = [(d - 1) * w.stride + w.reach + e for w, d, e in zip(windows, x.shape[2:], extra, strict=True)]
        totals = [n - wanted for n, wanted in zip(whole, sizes[-rank:], strict=True)]
    result = []
    for i, (window, total) in enumerate(zip(windows, totals, strict=True)):
        if total < 0:
            extra[i] -= total
        half, rest = max(total, 0) // 2, max(total, 0) - max(total, 0) // 2
        result.append((window, half, rest) if mode == "SAME_UPPER" else (window, rest, half))
    return result


# Pools.


@op("MaxPool")
def max_pool(self: Node, x: Tensor) -> Tensor:
    if self.reads(1):
        raise self.refuse("the positions of the maxima are read", "take MaxPool's first output alone")
    windows = windows_of(self, x, self.need("kernel_shape"))
    if self.get("ceil_mode", 0):
        windows = [w.ceiled(d) for w, d in zip(windows, dims(x)[2:], strict=True)]
    return nchw.max_pool(self.build, x, windows)


@op("AveragePool")
def average_pool(self: Node, x: Tensor) -> Tensor:
    windows = windows_of(self, x, self.need("kernel_shape"))
    counts, is_ceiled = bool(self.get("count_include_pad", 0)), bool(self.get("ceil_mode", 0))
    return nchw.average_pool(self.build, x, windows, counts, is_ceiled)


@op("LpPool")
def lp_pool(self: Node, x: Tensor) -> Tensor:
    """The p-norm of each window."""
    build, p = self.build, self.get("p", 2)
    windows = windows_of(self, x, self.need("kernel_shape"))
    size = build.ABS(x)
    powers = size if p == 1 else build.MUL(x, x) if p == 2 else build.POW(size, np.array(p, np.float32))
    sums = nchw.average_pool(build, powers, windows, is_ceiled=bool(self.get("ceil_mode", 0)), divisor=1)
    return sums if p == 1 else build.SQRT(sums) if p == 2 else build.POW(sums, np.array(1 / p, np.float32))


def _global(name: str) -> Callable[..., Tensor]:
    return lambda self, x: getattr(self.build, name)(x, ints(*range(2, len(x.shape))), keep_dims=True)


op("GlobalAveragePool")(_global("MEAN"))
op("GlobalMaxPool")(_global("REDUCE_MAX"))


# Rearranging.


@op("DepthToSpace")
def depth_to_space(self: Node, x: Tensor) -> Tensor:
    return nchw.depth_to_space(self.build, x, self.need("blocksize"), self.get("mode", "DCR") == "CRD")


@op("SpaceToDepth")
def space_to_depth(self: Node, x: Tensor) -> Tensor:
    return nchw.space_to_depth(self.build, x, self.need("blocksize"), self.get("mode", "DCR") == "CRD")


# Norms.


@op("BatchNormalization")
def batch_norm(self: Node, x: Tensor, scale: Tensor, offset: Tensor, mean: Tensor, variance: Tensor) -> list[Tensor]:
    """In training mode with the statistics of the batch; the further outputs are those that are kept, moved towards these."""
    build, epsilon = self.build, self.get("epsilon", 1e-5)
    if not self.get("training_mode", 0):
        return [nchw.batch_norm(build, x, scale, offset, mean, variance, epsilon)]
    axes = ints(*(a for a in range(len(x.shape)) if a != 1))
    centre = build.MEAN(x, axes, keep_dims=True)
    own = build.MEAN(x, axes, keep_dims=False), build.MEAN(build.SQUARED_DIFFERENCE(x, centre), axes, keep_dims=False)
    kept = np.array(self.get("momentum", 0.9), np.float32)
    moved = [build.ADD(build.MUL(old, kept), build.MUL(new, 1 - kept)) for old, new in zip((mean, variance), own, strict=True)]
    return [nchw.batch_norm(build, x, scale, offset, *own, epsilon), *moved]


@op("InstanceNormalization")
def instance_norm(self: Node, x: Tensor, scale: Tensor, offset: Tensor) -> Tensor:
    return nchw.instance_norm(self.build, x, scale, offset, self.get("epsilon", 1e-5))


@op("GroupNormalization")
def group_norm(self: Node, x: Tensor, scale: Tensor, offset: Tensor) -> Tensor:
    """Before operator set 21, scale and offset are told by group."""
    groups = self.need("num_groups")
    if self.version < 21:
        each = np.repeat(np.arange(groups), x.shape[1] // groups).astype(np.int32)
        scale, offset = (self.build.GATHER(v, each, axis=0) for v in (scale, offset))
    return nchw.group_norm(self.build, x, groups, scale, offset, self.get("epsilon", 1e-5))


@op("LayerNormalization")
def layer_norm(self: Node, x: Tensor, scale: Tensor, offset: Tensor | None = None) -> list[Tensor]:
    """Over all axes from `axis` on; mean and reciprocal deviation are the further outputs."""
    build, rank = self.build, len(x.shape)
    axes = range(self.get("axis", -1) % rank, rank)
    y = build.MUL(nchw.normalize(build, x, axes, self.get("epsilon", 1e-5)), scale)
    y = y if offset is None else build.ADD(y, offset)
    if not any(self.is_read[1:]):
        return [y]
    mean = build.MEAN(x, ints(*axes), keep_dims=True)
    variance = build.MEAN(build.SQUARED_DIFFERENCE(x, mean), ints(*axes), keep_dims=True)
    return [y, mean, build.RSQRT(build.ADD(variance, np.array(self.get("epsilon", 1e-5), np.float32)))]


@op("LRN")
def local_response_norm(self: Node, x: Tensor) -> Tensor:
    size = self.need("size")
    if size % 2 == 0:
        raise self.refuse(f"its window has {size} channels", "take an odd number")
    alpha, beta, bias = self.get("alpha", 1e-4), self.get("beta", 0.75), self.get("bias", 1.0)
    return nchw.local_response_norm(self.build, x, size, alpha, beta, bias)
