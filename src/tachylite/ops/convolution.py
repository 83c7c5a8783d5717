"""What convolutions share around their sums of products: bias, activation, requantization, quantization on the fly, checks.

An operator brings `sums(x, filters)`: its linear map, on arrays of one floating type, zero points already taken off.
"""

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from tachylite.model.dtypes import DTYPES, INT4, is_quantizable
from tachylite.model.graph import Operator, Quantization

from . import conv_integer
from .exact import exact_dtype, reach
from .fixedpoint import multipliers, rescale, rescale_int64
from .fused import activate, activation_range, check_activation
from .hybrid import quantize_asymmetric, quantize_symmetric
from .registry import Spec
from .requantize import once_up, twice

Sums = Callable[[np.ndarray, np.ndarray], np.ndarray]


def convolve(
    op: Operator,
    x: np.ndarray,
    filters: np.ndarray,
    bias: np.ndarray | None,
    sums: Sums,
    *,
    axis: int = 0,
    data: int = 0,
    symmetric: bool = False,
) -> np.ndarray:
    """The operator's result, channels last, from the map `sums`.

    x: [n, ..., channels]; filters: output channels along `axis`; bias: [output channels]; data: position of x among the operator's
    inputs. float32 x with integer filters is quantized on the fly, `symmetric` or not.
    """
    bias = None if bias is None else bias.reshape(-1)
    if x.dtype.kind != "f":
        return _quantized(op, x, filters, bias, sums, axis, data)
    if is_quantizable(filters.dtype):
        y = _hybrid(op, x, filters, sums, axis, symmetric)
    else:
        # float64, so that what other executors compute is compared with the sums themselves, not with one order of rounding.
        y = sums(x.astype(np.float64), filters.astype(np.float64)).astype(x.dtype)
    return activate(op, y if bias is None else y + bias)


def _hybrid(op: Operator, x: np.ndarray, filters: np.ndarray, sums: Sums, axis: int, symmetric: bool) -> np.ndarray:
    """Float sums by way of int8: each batch item is quantized by itself."""
    rows = x.reshape(len(x), prod(x.shape[1:]))
    if symmetric:
        steps, scale = quantize_symmetric(rows)
        centred = steps.astype(np.int32)
    else:
        steps, scale, zero_point = quantize_asymmetric(rows)
        centred = steps - zero_point[:, None]
    # The first converters stored int8 weights under the type uint8.
    filters = filters.view(np.int8) if filters.dtype == np.uint8 else filters
    total = _exact_sums(sums, centred.reshape(x.shape), 255, filters.astype(np.int32), axis).astype(np.float32)
    return total * filter_scales(op) * scale.reshape(-1, *[1] * (x.ndim - 1))


def _quantized(op: Operator, x: np.ndarray, filters: np.ndarray, bias: np.ndarray | None, sums: Sums, axis: int, data: int) -> np.ndarray:
    """int8, uint8 or int16 x with integer filters; the result has x's dtype."""
    zero_point, output = op.inputs[data].zero_point, op.outputs[0]
    centred = x.astype(np.int32) - zero_point
    weights = filters.astype(np.int32) - op.inputs[1].zero_point
    total = _exact_sums(sums, centred, reach(x.dtype, zero_point), weights, axis).astype(np.int64)
    if bias is not None:
        total += bias
    scaled = (rescale_int64 if is_wide(op, x.dtype, None if bias is None else bias.dtype) else rescale)(total, output_steps(op, data))
    return np.clip(scaled + output.zero_point, *activation_range(op, output)).astype(output.dtype)


def _exact_sums(sums: Sums, x: np.ndarray, reach: int, filters: np.ndarray, axis: int) -> np.ndarray:
    """Sums of integers: x of at most `reach` in magnitude, filters with output channels along `axis`. Floating, because BLAS is fast."""
    dtype = exact_dtype(reach, filters, axis)
    return sums(x.astype(dtype), filters.astype(dtype))


def is_wide(op: Operator, x: np.dtype, bias: np.dtype | None) -> bool:
    """Whether the accumulator has 64 bits: where x is int16, unless the bias is int32."""
    return bool(x == np.int16 and _declared_bias_type(op) != np.int32 and (bias is None or bias == np.int64))


def _declared_bias_type(op: Operator) -> np.dtype:
    """The type of an int16 operator's bias according to its options; float32 stands for no word about it."""
    return DTYPES[getattr(op.options, "quantized_bias_type", "FLOAT32")]


def output_steps(op: Operator, data: int) -> tuple[np.ndarray, np.ndarray]:
    """How many output steps one step of the accumulator is worth, as a multiplier per output channel or one for all."""
    source, scales = op.inputs[data], filter_scales(op)
    # The uint8 kernels are the older ones: they multiply in float32 first.
    early = np.dtype(np.float32 if source.dtype == np.uint8 else np.float64)
    product = scales.astype(early) * source.scale.astype(early)
    return multipliers(product.astype(np.float64) / float(op.outputs[0].scale))


def filter_scales(op: Operator) -> np.ndarray:
    """float32, one per output channel or one for all."""
    scales: np.ndarray = op.inputs[1].quantization.scale
    return scales


def integer_layer(low: Any, op: Operator, *, groups: int = 1, data: int = 0) -> conv_integer.Layer:
    """The operator for native kernels of integers."""
    x, filters, bias = op.inputs[data], op.inputs[1], conv_integer.bias_of(op, data + 2 if data == 0 else data + 1)
    outputs = low.spec(op.outputs[0]).shape[-1] // groups
    rule = once_up if is_wide(op, x.dtype, None if bias is None else bias.dtype) else twice
    zero_points = x.zero_point, filters.zero_point if filters.dtype == np.uint8 else 0
    return conv_integer.Layer(x, filters, bias, groups, outputs, rule, output_steps(op, data), zero_points)


_FILTER_TYPES: dict[np.dtype, set[np.dtype]] = {
    np.dtype(np.float32): {np.dtype(np.float32), np.dtype(np.float16), np.dtype(np.int8), np.dtype(np.uint8), INT4},
    np.dtype(np.uint8): {np.dtype(np.uint8)},
    np.dtype(np.int8): {np.dtype(np.int8), INT4},
    np.dtype(np.int16): {np.dtype(np.int8), INT4},
}
"""Type of x to the types that its filters may have."""

_BIAS_TYPES: dict[np.dtype, set[np.dtype]] = {
    np.dtype(np.float32): {np.dtype(np.float32)},
    np.dtype(np.uint8): {np.dtype(np.int32)},
    np.dtype(np.int8): {np.dtype(np.int32)},
    np.dtype(np.int16): {np.dtype(np.int32), np.dtype(np.int64)},
}


def check(op: Operator, x: Spec, filters: Spec, bias: Spec | None, *, axis: int = 0, data: int = 0, rank: int = 4) -> None:
    """Raise OpError unless types, ranks and quantization fit together.

    axis: of the filters' output channels; data: position of x among the operator's inputs.
    """
    if x.rank != rank or filters.rank != rank:
        raise op.error(f"input is {list(x.shape)} and filter {list(filters.shape)}, both must have rank {rank}; reshape them")
    if 0 in x.shape[1:] or 0 in filters.shape:
        raise op.error(f"input is {list(x.shape)} and filter {list(filters.shape)}, no dimension but the batch may be 0")
    if filters.dtype not in _FILTER_TYPES.get(x.dtype, set()):
        found = ", ".join(f"{a} with {'/'.join(sorted(map(str, b)))}" for a, b in _FILTER_TYPES.items())
        raise op.error(f"input is {x.dtype} and filter {filters.dtype}, needed one of: {found}")
    channels = filters.shape[axis]
    if bias is not None:
        if bias.dtype not in _BIAS_TYPES[x.dtype]:
            needed = " or ".join(map(str, _BIAS_TYPES[x.dtype]))
            raise op.error(f"bias is {bias.dtype}, needed {needed} for an input of {x.dtype}")
        if prod(bias.shape) != channels:
            raise op.error(f"bias has shape {list(bias.shape)}, needed one value for each of {channels} output channels")
        if x.dtype == np.int16 and _declared_bias_type(op) not in (np.float32, bias.dtype):
            raise op.error(f"bias is {bias.dtype}, quantized_bias_type says {_declared_bias_type(op)}; both must agree")
    check_output(op, x)
    if is_quantizable(filters.dtype):
        _check_quantization(op, channels, data)


def _check_quantization(op: Operator, channels: int, data: int) -> None:
    source, weights = op.inputs[data], op.inputs[1]
    _check_scales(op, "filter", weights.quantization, {1, channels})
    if is_quantizable(source.dtype):
        for what, tensor in [("input", source), *(("output", t) for t in op.outputs)]:
            _check_scales(op, what, tensor.quantization, {1})
            if source.dtype == np.int16 and tensor.zero_point:
                raise op.error(f"{what} has zero point {tensor.zero_point}, an int16 one must have 0; quantize the model symmetrically")
    if source.dtype != np.uint8 and is_quantizable(source.dtype) and np.any(weights.quantization.zero_point):
        raise op.error("filter has a zero point other than 0; quantize it symmetrically")


def _check_scales(op: Operator, what: str, quantization: Quantization | None, counts: set[int]) -> None:
    scales = np.zeros(0) if quantization is None else quantization.scale
    if len(scales) not in counts:
        needed = " or ".join(map(str, sorted(counts)))
        raise op.error(f"{what} has {len(scales)} scales, needed {needed}; quantize the model again")
    if not np.all(np.isfinite(scales) & (scales > 0)):
        raise op.error(f"{what} has a scale of {scales[~(np.isfinite(scales) & (scales > 0))][0]}, needed finite positive ones")


def check_output(op: Operator, x: Spec) -> None:
    """Raise OpError unless the fused activation is defined for x's type, and the output, where there is one already, has that type."""
    check_activation(op, x.dtype)
    for output in op.outputs:
        if output.dtype != x.dtype:
            raise op.error(f"output is {output.dtype}, needed {x.dtype} like the input; insert a CAST or QUANTIZE")
