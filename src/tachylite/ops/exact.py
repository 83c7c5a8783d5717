"""Exact integer sums of products in floating point, because numpy multiplies only floating-point matrices fast."""

import numpy as np


def exact_dtype(reach: int, weights: np.ndarray, axis: int) -> np.dtype:
    """The floating type in which sums of `weights` times integers of at most `reach` in magnitude are exact in any order.

    weights: integers; each sum takes some of the weights of one slice along `axis`. Every partial sum then is an integer within the
    mantissa, so that nothing is ever rounded.
    """
    others = tuple(i for i in range(weights.ndim) if i != axis)
    heaviest = np.abs(weights, dtype=np.float64).sum(axis=others).max(initial=0)
    return np.dtype(np.float32 if reach * heaviest <= 2**24 else np.float64)


def reach(dtype: np.dtype, zero_point: int) -> int:
    """The greatest distance of a stored value from the zero point."""
    info = np.iinfo(dtype)
    return int(max(info.max - zero_point, zero_point - info.min))
