"""Hybrid operators: float activations quantized to int8 on the fly, row by row, to meet narrow integer weights."""

import numpy as np

from .exact import Product, exact_dtype
from .fixedpoint import round_half_away


def hybrid_product(weights: np.ndarray, scale: np.ndarray | np.floating, asymmetric: bool) -> Product:
    """x @ weights.T for float32 x, of which each row is quantized for itself, with a zero point where `asymmetric`; float32.

    weights: integers [..., m, k]; scale: float32, one in all or one for each of m. x: [..., k], or [..., n, k] to match more dimensions.
    """
    dtype = exact_dtype(255, weights, weights.ndim - 2)
    matrix = weights.swapaxes(-1, -2).astype(dtype)

    def product(x: np.ndarray) -> np.ndarray:
        steps, row_scale, zero_point = quantize_rows(x.reshape(-1, x.shape[-1]), asymmetric)
        centred = (steps.astype(dtype) - zero_point[:, None].astype(dtype)).reshape(x.shape)
        return (centred @ matrix).astype(np.float32) * (row_scale.reshape(*x.shape[:-1], 1) * scale)

    return product


def quantize_rows(rows: np.ndarray, asymmetric: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """float32 [n, k] to int8 [n, k], and the scale and the zero point of each row."""
    if asymmetric:
        return quantize_asymmetric(rows)
    x, scale = quantize_symmetric(rows)
    return x, scale, np.zeros(len(rows), np.int32)


def quantize_symmetric(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """rows: float32 [n, k]. Returns int8 [n, k] in [-127, 127] and the float32 scale of each row."""
    reach = np.abs(rows).max(axis=1, initial=0).astype(np.float32)
    safe = np.where(reach == 0, np.float32(1), reach)
    steps = round_half_away(rows * (np.float32(127) / safe)[:, None])
    scale = np.where(reach == 0, np.float32(1), reach / np.float32(127))
    return np.clip(steps, -127, 127).astype(np.int8), scale


def quantize_asymmetric(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """rows: float32 [n, k]. Returns int8 [n, k], the float32 scale and the int32 zero point of each row; 0 is always exact."""
    low = np.minimum(rows.min(axis=1, initial=0), 0).astype(np.float32)
    high = np.maximum(rows.max(axis=1, initial=0), 0).astype(np.float32)
    flat = low == high
    # The range is a float32 difference, all that follows from it up to the zero point is float64.
    scale = np.where(flat, 1.0, (high - low).astype(np.float64) / 255.0)
    from_low, from_high = -128.0 - low / scale, 127.0 - high / scale
    # Of the two candidates, the one whose terms are smaller has the smaller rounding error.
    nearer_low = 128.0 + np.abs(low / scale) < 127.0 + np.abs(high / scale)
    zero_point = np.clip(round_half_away(np.where(nearer_low, from_low, from_high)), -128, 127)
    zero_point = np.where(flat, 0, zero_point).astype(np.int32)
    scale = scale.astype(np.float32)
    inverse = np.where(scale == 0, np.float32(0), np.float32(1) / scale)
    # Ties are rounded away from real zero, not from the stored one: the zero point is added to whole steps.
    steps = round_half_away(rows * inverse[:, None]) + zero_point[:, None]
    return np.where(flat[:, None], 0, np.clip(steps, -128, 127)).astype(np.int8), scale, zero_point
