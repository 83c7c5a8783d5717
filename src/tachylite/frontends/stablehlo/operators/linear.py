"""Products of matrices, and convolutions."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tachylite.frontends import nchw
from tachylite.frontends.builder import dims
from tachylite.frontends.einsum import einsum
from tachylite.frontends.shaping import ints, transpose
from tachylite.frontends.stablehlo.node import full
from tachylite.frontends.traced.converter import Call
from tachylite.model.graph import Tensor

LETTERS = "abcdefghijklmnopqrstuvwxyz"


@full("dot_general")
def dot_general(self: Call, a: Tensor, b: Tensor, dot_dimension_numbers: Mapping[str, Sequence[int]]) -> Tensor:
    """Axes of the batch come first in the result, then those of a alone and of b alone."""
    numbers = {key.removesuffix("_dimensions"): list(axes) for key, axes in dot_dimension_numbers.items()}
    left = LETTERS[: len(a.shape)]
    right = list(LETTERS[len(a.shape) : len(a.shape) + len(b.shape)])
    for kind in ("batching", "contracting"):
        for axis, other in zip(numbers[f"lhs_{kind}"], numbers[f"rhs_{kind}"], strict=True):
            right[other] = left[axis]
    batch = [left[axis] for axis in numbers["lhs_batching"]]
    rest = [label for label in (*left, *right) if (label in left) != (label in right)]
    return einsum(self.build, f"{left},{''.join(right)}->{''.join([*batch, *rest])}", a, b)


@full("convolution")
def convolution(
    self: Call,
    x: Tensor,
    kernel: Tensor,
    dimension_numbers: Mapping[str, Any],
    feature_group_count: int = 1,
    batch_group_count: int = 1,
    window_strides: Sequence[int] = (),
    padding: np.ndarray | None = None,
    lhs_dilation: Sequence[int] = (),
    rhs_dilation: Sequence[int] = (),
    window_reversal: Sequence[bool] = (),
) -> Tensor:
    """In any order of axes. Where the input is dilated, it is a transposed one."""
    numbers = dimension_numbers
    rank = len(x.shape) - 2
    if batch_group_count != 1:
        raise self.refuse("it convolves the batch in groups (batch_group_count)", "give the groups to feature_group_count")
    x = transpose(self.build, x, _order(numbers, "input_batch_dimension", "input_feature_dimension", "input_spatial_dimensions"))
    names = ("kernel_output_feature_dimension", "kernel_input_feature_dimension", "kernel_spatial_dimensions")
    kernel = nchw.turned(self.build, kernel, _order(numbers, *names))
    if any(window_reversal):
        kernel = _reversed(self, kernel, [2 + i for i, is_turned in enumerate(window_reversal) if is_turned])
    strides, spread, dilation = (list(values) or [1] * rank for values in (window_strides, rhs_dilation, lhs_dilation))
    pads = np.zeros((rank, 2), int) if padding is None else padding
    windows = [
        nchw.Window(size, stride, step, int(before), int(after))
        for size, stride, step, (before, after) in zip(kernel.shape[2:], strides, spread, pads, strict=True)
    ]
    if all(factor == 1 for factor in dilation):
        y = nchw.conv(self.build, x, kernel, None, windows, feature_group_count)
    else:
        y = _transposed(self, x, kernel, windows, dilation, feature_group_count)
    order = _order(numbers, "output_batch_dimension", "output_feature_dimension", "output_spatial_dimensions")
    return transpose(self.build, y, [int(i) for i in np.argsort(order)])


def _order(numbers: Mapping[str, Any], first: str, second: str, rest: str) -> list[int]:
    return [numbers[first], numbers[second], *numbers[rest]]


def _reversed(self: Call, kernel: Tensor, axes: Sequence[int]) -> Tensor:
    if kernel.data is not None:
        return self.build.constant(np.flip(kernel.data, tuple(axes)), "kernel")
    for axis in axes:
        kernel = self.build.REVERSE_V2(kernel, ints(axis))
    return kernel


def _transposed(self: Call, x: Tensor, kernel: Tensor, windows: Sequence[nchw.Window], dilation: Sequence[int], groups: int) -> Tensor:
    """A convolution of x with zeros between its elements spreads each of them over the result, by the kernel from its end."""
    if any(w.stride != 1 for w in windows):
        raise self.refuse("it has strides (window_strides) on a dilated input (lhs_dilation)", "slice the result of one without strides")
    if any(dims(x)[2 + i] is None for i in range(len(windows))):
        raise self.refuse(f"its input has the unknown dimensions {list(dims(x))}", "give its size with input_shapes=")
    kernel = _reversed(self, kernel, range(2, len(kernel.shape)))
    parts = [np.swapaxes(part, 0, 1) for part in np.split(self.known(kernel, "weights"), groups)]
    ends = [w.reach - 1 - w.after for w in windows]
    turned = [
        nchw.Window(w.size, factor, w.dilation, w.reach - 1 - w.before, max(end, 0))
        for w, factor, end in zip(windows, dilation, ends, strict=True)
    ]
    if any(w.before < 0 for w in turned):
        raise self.refuse(f"it pads more than its kernel reaches ({[w.before for w in windows]})", "pad the result instead")
    filters = self.build.constant(np.concatenate(parts), "kernel")
    return nchw.conv_transpose(self.build, x, filters, None, turned, groups, [max(-end, 0) for end in ends])
