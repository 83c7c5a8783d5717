"""Exact integer sums of products in floating point, because numpy multiplies only floating-point matrices fast."""

from collections.abc import Callable

import numpy as np

#: A linear map of the last axis: [..., k] to [..., m].
Product = Callable[[np.ndarray], np.ndarray]


def exact_dtype(reach: int, weights: np.ndarray, axis: int) -> np.dtype:
    """The floating type in which sums of `weights` times integers of at most `reach` in magnitude are exact in any order.

    weights: integers; each sum takes some of the weights of one slice along `axis`. Every partial sum then is an integer within the
    mantissa, so that nothing is ever rounded.
    """
    others = tuple(i for i in range(weights.ndim) if i != axis)
    heaviest = np.abs(weights.astype(np.float64)).sum(axis=others).max(initial=0)
    return np.dtype(np.float32 if reach * heaviest <= 2**24 else np.float64)


def reach(dtype: np.dtype, zero_point: int) -> int:
    """The greatest distance of a stored value from the zero point."""
    info = np.iinfo(dtype)
    return int(max(info.max - zero_point, zero_point - info.min))


def multiply_exactly(x: np.ndarray, x_zero_point: int, weights: np.ndarray, weights_zero_point: int) -> np.ndarray:
    """(x - its zero point) @ (weights - theirs).T in int64. x: integers [n, k]; weights: integers [m, k]; result: [n, m]."""
    centred = weights.astype(np.float64) - weights_zero_point
    dtype = exact_dtype(reach(x.dtype, x_zero_point), centred, axis=0)
    return ((x.astype(dtype) - dtype.type(x_zero_point)) @ centred.astype(dtype).T).astype(np.int64)


def exact_product(weights: np.ndarray, zero_point: int, bias: np.ndarray | int = 0) -> Product:
    """(x - zero_point) @ weights.T + bias in int64, for many x. weights: integers [m, k]; x: integers of any type."""
    # Of any type, so float64 it is; its 53 bits hold what the accumulators of 32 or 48 bits can.
    matrix = weights.T.astype(np.float64)
    return lambda x: ((x.astype(np.float64) - zero_point) @ matrix).astype(np.int64) + bias
