"""Which way weights are rounded: to the nearest step, so that errors balance, or so that the outputs on given inputs change least."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tachylite.model.dtypes import limits
from tachylite.ops.fixedpoint import round_half_away

Rounding = Callable[[np.ndarray, np.ndarray, int | None, np.dtype], np.ndarray]
"""From weights, their scales (one for each slice along an axis, or one), that axis and an integer type to steps of that type."""


def nearest(weights: np.ndarray, scales: np.ndarray, axis: int | None, dtype: np.dtype) -> np.ndarray:
    """Each weight to the nearest step."""
    real, restore = _slices(weights, scales, axis, dtype)
    return restore(np.clip(round_half_away(real), -limits(dtype)[1], limits(dtype)[1]))


LIKENESS = 0.5
"""What is supposed of the inputs that weights meet: the square of their mean, as a part of their variance."""


def balanced(weights: np.ndarray, scales: np.ndarray, axis: int | None, dtype: np.dtype) -> np.ndarray:
    """Weights in steps, of which those that lie near the middle between two go the other way where that balances their slice.

    Inputs that are of one sign, as after a RELU, multiply the sum of a slice's errors, so that it pays to keep that small: what is made
    least is the sum of the squared errors and LIKENESS times the square of their sum.
    """
    most = limits(dtype)[1]
    real, restore = _slices(weights, scales, axis, dtype)
    steps = np.clip(round_half_away(real), -most, most)
    total = (real - steps).sum(axis=1, keepdims=True)
    errors = np.where(np.abs(steps) < most, real - steps, 0) * np.sign(total)
    order = np.argsort(-errors, axis=1, kind="stable")
    gain = LIKENESS * (2 * (np.abs(total) - np.arange(order.shape[1])) - 1)
    flips = gain > 1 - 2 * np.take_along_axis(errors, order, axis=1)
    np.put_along_axis(steps, order, np.take_along_axis(steps, order, axis=1) + flips * np.sign(total), axis=1)
    return restore(steps)


MOST_SHARED = 256
"""Distinct values of a slice, at most, that count as shared: bytes cannot tell more apart."""


def preserving(rounding: Rounding) -> Rounding:
    """The same, but weights of zero stay zero, and equal weights of a slice stay equal, as clustering made them."""

    def rounded(weights: np.ndarray, scales: np.ndarray, axis: int | None, dtype: np.dtype) -> np.ndarray:
        chosen = rounding(weights, scales, axis, dtype)
        return np.where(_are_shared(weights, axis), nearest(weights, scales, axis, dtype), chosen)

    return rounded


def _are_shared(weights: np.ndarray, axis: int | None) -> np.ndarray:
    """Which weights are zero, or equal to another one of their slice."""
    slices = weights[None] if axis is None else np.moveaxis(weights, axis, 0)
    result = np.empty(slices.shape, bool)
    for part, shared in zip(slices, result, strict=True):
        distinct, places, counts = np.unique(part, return_inverse=True, return_counts=True)
        shared[...] = (part == 0) | ((counts[places].reshape(part.shape) > 1) & (len(distinct) <= MOST_SHARED))
    return result[0] if axis is None else np.moveaxis(result, 0, axis)


def _slices(
    weights: np.ndarray, scales: np.ndarray, axis: int | None, dtype: np.dtype
) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
    """The slices that share a scale, in steps of it, [slices, elements]; and what brings such steps back to the weights' shape."""
    position = axis or 0
    slices = np.moveaxis(weights, position, 0)
    real = slices.reshape(len(slices) if axis is not None else 1, -1) / scales.astype(np.float64)[:, None]
    return real, lambda steps: np.moveaxis(steps.reshape(slices.shape), 0, position).astype(np.int32).astype(dtype)


# By the inputs that weights meet.

MOST_ROWS = 1024
"""Rows of inputs that one sample gives to one layer."""

MOST_DEPTH = 2400
"""Weights to an output, at most, whose inputs' products are remembered; layers with more are balanced."""

DAMPING = 0.01
"""What is added to every input's power, as a part of their mean, so that inputs which never vary can be divided by."""


@dataclass
class Moments:
    """Of the rows that a layer's weights meet: the sum of their products, float32 [groups, depth, depth]; None where that is too large."""

    groups: int
    depth: int
    products: np.ndarray | None

    @classmethod
    def empty(cls, groups: int, depth: int) -> "Moments":
        """Of no rows."""
        return cls(groups, depth, np.zeros((groups, depth, depth), np.float32) if depth <= MOST_DEPTH else None)

    def add(self, rows: np.ndarray) -> None:
        """Take rows into account. rows: float32 [groups, rows, depth]."""
        if self.products is not None:
            self.products += rows.swapaxes(1, 2) @ rows


def learned(moments: Moments) -> Rounding:
    """The rounding that changes a layer's outputs least on the inputs seen: weight after weight, the rest making up for its error."""

    def rounding(weights: np.ndarray, scales: np.ndarray, axis: int | None, dtype: np.dtype) -> np.ndarray:
        if moments.products is None:
            return balanced(weights, scales, axis, dtype)
        # A weight's error matters as much as its slice's scale makes it; within a slice the scale is the same.
        real, restore = _slices(weights, scales, axis, dtype)
        matrices, most = real.reshape(moments.groups, -1, moments.depth), limits(dtype)[1]
        return restore(compensated(matrices, moments.products, lambda left, place: np.clip(round_half_away(left), -most, most)))

    return rounding


BLOCK = 128
"""Weights of a row that are rounded before the rest of the row learns of their errors."""


def compensated(real: np.ndarray, products: np.ndarray, choose: Callable[[np.ndarray, int], np.ndarray]) -> np.ndarray:
    """Weights [groups, outputs, depth] of which each takes one of some values, and those behind it make up for its error.

    How they do best, the inverse of the inputs' products tells, as in optimal brain surgery.

    choose: from what weights at a place along the depth had best be, [groups, outputs], and that place to what they become.
    """
    depth = real.shape[2]
    power = np.einsum("gii->gi", products).mean(axis=1)
    damped = products.astype(np.float64) + (DAMPING * power + 1e-12)[:, None, None] * np.eye(depth)
    # Row i of the upper factor tells how an error at i is best made up for by the weights behind it.
    upper = np.linalg.cholesky(np.linalg.inv(damped)).swapaxes(1, 2)
    left, steps = real.copy(), np.empty_like(real)
    for start in range(0, depth, BLOCK):
        stop = min(start + BLOCK, depth)
        errors = np.empty((*real.shape[:2], stop - start))
        for i in range(start, stop):
            steps[:, :, i] = choose(left[:, :, i], i)
            errors[:, :, i - start] = (left[:, :, i] - steps[:, :, i]) / upper[:, i, i, None]
            left[:, :, i:stop] -= errors[:, :, i - start, None] * upper[:, None, i, i:stop]
        left[:, :, stop:] -= errors @ upper[:, start:stop, stop:]
    return steps
