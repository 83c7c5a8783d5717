"""Where the steps of quantized numbers lie, and constants counted in them. Follows TensorFlow Lite's quantization specification."""

from typing import NamedTuple

import numpy as np

from tachylite.model.dtypes import limits
from tachylite.model.graph import Blockwise, Operator, Quantization, Tensor
from tachylite.ops.fixedpoint import round_half_away
from tachylite.ops.integer import Grid
from tachylite.passes.activation import CLIPS

from .rounding import Rounding, balanced, preserving

UINT8, INT16 = np.dtype(np.uint8), np.dtype(np.int16)

SMALLEST = float(np.finfo(np.float32).tiny) * 2**16
"""Magnitudes below count as zero: their scales would be no normal float32."""


class Range(NamedTuple):
    """What real numbers a tensor holds."""

    least: float
    greatest: float

    @property
    def is_zero(self) -> bool:
        """Whether it holds nothing but 0, or what float32 can hardly tell from it."""
        return max(-self.least, self.greatest) < SMALLEST


OPEN = Range(-np.inf, np.inf)


def bounds_of(op: Operator) -> Range:
    """Between which numbers the operator's results lie by its own or its fused activation."""
    found = CLIPS.get(op.op) or CLIPS.get(getattr(op.options, "fused_activation_function", ""))
    return Range(*found) if found else OPEN


def join(*ranges: Range) -> Range:
    """The range that holds all of these."""
    return Range(min(r.least for r in ranges), max(r.greatest for r in ranges))


def range_of(values: np.ndarray) -> Range:
    """The range of an array; that of an empty one holds 0 alone."""
    return Range(float(values.min(initial=np.inf)), float(values.max(initial=-np.inf))) if values.size else Range(0.0, 0.0)


def activation_grid(found: Range, dtype: np.dtype) -> Grid:
    """The grid over a range and 0, which is a step of it; symmetric for int16."""
    least, greatest = min(found.least, 0.0), max(found.greatest, 0.0)
    low, high = limits(dtype)
    if dtype == INT16:
        return Grid(_scale(max(-least, greatest) / high), 0)
    scale = _scale((greatest - least) / (high - low))
    return Grid(scale, int(np.clip(round(low - least / scale), low, high)))


def grid_range(grid: Grid, dtype: np.dtype) -> Range:
    """The real numbers that a grid reaches."""
    low, high = limits(dtype)
    return Range(grid.scale * (low - grid.zero_point), grid.scale * (high - grid.zero_point))


def covers(grid: Grid, dtype: np.dtype, found: Range) -> bool:
    """Whether a grid reaches over a range, but for one step."""
    reach = grid_range(grid, dtype)
    return reach.least - grid.scale <= found.least and found.greatest <= reach.greatest + grid.scale


def _scale(real: float) -> float:
    """A scale as files keep it: a positive float32. Where there is nothing but zeros, it is 1 at first: see settle.py."""
    scale = float(np.float32(real))
    return scale if scale >= np.finfo(np.float32).tiny else 1.0


def per_tensor(grid: Grid) -> Quantization:
    """The grid as a tensor has it."""
    return Quantization.per_tensor(grid.scale, grid.zero_point)


def to_steps(values: np.ndarray, grid: Grid, dtype: np.dtype) -> np.ndarray:
    """Real numbers in steps: to the nearest, halves away from zero, and saturated."""
    steps = round_half_away(np.asarray(values, np.float64) / grid.scale) + grid.zero_point
    return np.clip(steps, *limits(dtype)).astype(np.int32).astype(dtype)


# Weights.


def quantize_weights(
    name: str, weights: np.ndarray, dtype: np.dtype, axis: int | None, rounding: Rounding = balanced, block_size: int = 0
) -> Tensor:
    """A constant of integers: symmetric, with a scale for each slice along `axis`, or one in all; uint8 has a zero point, and one scale.

    block_size: elements of a row that share a scale; their scales are a float16 tensor of their own.
    """
    if block_size:
        return _quantize_blocks(name, weights, dtype, block_size)
    return weights_in_steps(name, weights, dtype, axis, weight_scales(weights, dtype, axis), rounding)


def weights_in_steps(name: str, weights: np.ndarray, dtype: np.dtype, axis: int | None, scales: np.ndarray, rounding: Rounding) -> Tensor:
    """The constant with these scales, float32 [slices]."""
    if dtype == UINT8:
        found = Grid(float(scales[0]), activation_grid(range_of(weights), dtype).zero_point)
        return constant(name, to_steps(weights, found, dtype), per_tensor(found))
    return constant(name, rounding(weights, scales, axis, dtype), symmetric(scales, axis))


def weight_scales(weights: np.ndarray, dtype: np.dtype, axis: int | None, of_zeros: float = 1.0) -> np.ndarray:
    """The scale of each slice along `axis` ([1] without an axis) that just reaches its greatest magnitude, float32; uint8 has one.

    of_zeros: the scale where all weights are 0.
    """
    if range_of(weights).is_zero:
        return np.full(1 if axis is None else weights.shape[axis], of_zeros, np.float32)
    if dtype == UINT8:
        return np.array([activation_grid(range_of(weights), dtype).scale], np.float32)
    others = tuple(i for i in range(weights.ndim) if i != axis)
    magnitudes = np.abs(weights).max(axis=others, initial=0).reshape(-1).astype(np.float64)
    # A slice of zeros takes the scale of the others: its bias is counted in its steps.
    magnitudes[magnitudes < SMALLEST] = magnitudes.max(initial=0)
    return (magnitudes / limits(dtype)[1]).astype(np.float32)


def symmetric(scales: np.ndarray, axis: int | None) -> Quantization:
    """Scales along an axis, zero points of 0."""
    return Quantization(scales, np.zeros(len(scales), np.int64), axis or 0)


def _quantize_blocks(name: str, weights: np.ndarray, dtype: np.dtype, size: int) -> Tensor:
    blocks = weights.reshape(-1, size)
    scales = weight_scales(blocks, dtype, 0).astype(np.float16)
    scales[scales == 0] = np.finfo(np.float16).smallest_subnormal
    steps = preserving(balanced)(blocks, scales, 0, dtype).reshape(weights.shape)
    kept = constant(f"{name}/scales", scales.reshape(len(weights), -1), None)
    details = Blockwise(kept, None, size)
    return constant(name, steps, Quantization(np.zeros(0, np.float32), np.zeros(0, np.int64), 0, details=details))


def constant(name: str, data: np.ndarray, quantization: Quantization | None) -> Tensor:
    """A constant tensor."""
    data = np.ascontiguousarray(data)
    data.flags.writeable = False
    return Tensor(name, data.shape, data.dtype, quantization, data)
