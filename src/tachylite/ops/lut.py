"""Lookup tables: how the reference kernels evaluate a function of one quantized element.

8 bits: one entry per stored value. 16 bits: 513 samples over the input's range, with linear interpolation between them; sigmoid and
tanh have a table of their own, whose samples do not depend on the scales.
"""

from collections.abc import Callable
from ctypes import c_int32
from math import prod
from typing import Any

import numpy as np

from tachylite.model.graph import Operator, Tensor

from . import registry
from .broadcast import GRAIN
from .fixedpoint import exponent_of, round_half_away, saturate
from .kernel import NoParams, Params, kernel
from .registry import Spec

Function = Callable[[np.ndarray], np.ndarray]


def rounded(function: Function) -> Function:
    """`function` computed in double and rounded once to the dtype of its argument, as good C libraries do."""
    return lambda x: np.asarray(function(x.astype(np.float64))).astype(x.dtype)


def look_up(op: Operator, x: np.ndarray, function: Function) -> np.ndarray:
    """x: int8, uint8 or int16, any shape; `function` maps float32 real numbers. The result has the output's scale and the input's dtype."""
    source, result = op.inputs[0], op.outputs[0]
    if x.dtype == np.int16:
        return look_up_int16(x, table_int16(function, source.scale, source.zero_point, result.scale, result.zero_point))
    return byte_table(function, source, result, x.dtype)[x.astype(np.intp) - np.iinfo(x.dtype).min]


def byte_table(function: Function, source: Tensor | None, result: Tensor, dtype: np.dtype) -> np.ndarray:
    """The 256 results, from the least stored value to the greatest."""
    info = np.iinfo(dtype)
    real = source.scale * (np.arange(info.min, info.max + 1) - source.zero_point).astype(np.float32)
    steps = round_half_away(function(real) * (np.float32(1) / result.scale))
    return saturate(steps + np.float32(result.zero_point), dtype)


def table_int16(
    function: Function,
    scale: float | np.floating,
    zero_point: int,
    result_scale: float | np.floating,
    result_zero_point: int = 0,
    dtype: type[np.floating] = np.float32,
) -> np.ndarray:
    """513 int16 samples of `function`, evenly over the reals that int16 values stand for, computed in `dtype`.

    A sample is off its function by half of the error that interpolation would make midway, so that the error is shared.
    """
    info = np.iinfo(np.int16)
    low, high = (dtype(scale) * dtype(limit - zero_point) for limit in (info.min, info.max))
    least, greatest = (dtype(result_scale) * dtype(limit - result_zero_point) for limit in (info.min, info.max))
    step = (high - low) / dtype(512)
    per_unit = dtype(65536) / (greatest - least)
    nodes = low + np.arange(513, dtype=dtype) * step
    values = function(nodes) * per_unit
    samples = round_half_away(values)
    midway = round_half_away(function(nodes[:-1] + step / dtype(2)) * per_unit)
    error = round_half_away((values[1:] + samples[:-1]) / dtype(2)) - midway
    last = round_half_away(function(np.array([high], dtype)) * per_unit)
    return saturate(np.append(samples[:-1] - round_half_away(error / dtype(2)), last), np.dtype(np.int16))


def look_up_int16(x: np.ndarray, table: np.ndarray) -> np.ndarray:
    """x: int16. The upper nine bits choose a sample of the table, the lower seven lie between it and the next."""
    index = 256 + (x.astype(np.int32) >> 7)
    slope = (table[1:] - table[:-1]).astype(np.int32)  # in int16: it wraps as the kernel's does
    return (table[index] + ((slope[index] * (x & 127) + 64) >> 7)).astype(np.int16)


def _sigmoid_samples() -> np.ndarray:
    """sigmoid(i / 24) for i in [0, 255], in 16 fractional bits; the error of interpolation is shared as in `table_int16`."""

    def sigmoid(i: np.ndarray) -> np.ndarray:
        return 65536 / (1 + np.exp(-i / 24))

    i = np.arange(255)
    error = (sigmoid(i) + sigmoid(i + 1)) / 2 - sigmoid(i + 0.5)
    return np.append(np.round(sigmoid(i) - error / 2), 65535).astype(np.int64)


SIGMOID_SAMPLES = _sigmoid_samples()
"""Samples of the sigmoid, 24 to a unit."""


def sigmoid_scaling(scale: float | np.floating, exact_shifts: tuple[int, ...] = (0,)) -> tuple[int, int]:
    """Multiplier and right shift that bring int16 inputs of this scale to the sigmoid table's steps of 1 / (3 * 4096).

    Scales of 2**(shift - 12) need no rounding for the `exact_shifts`: (0,) for the sigmoid, (0, 1) for tanh.
    """
    exponent = exponent_of(scale)
    if exponent is not None and exponent + 12 in exact_shifts:
        return 3 << (exponent + 12), 0
    multiplier, shift = float(scale) * 4096 * 3, 0
    while multiplier <= 32767 / 2 and shift <= 30:
        multiplier, shift = 2 * multiplier, shift + 1
    return int(multiplier), shift


def sigmoid_int16(x: np.ndarray, multiplier: int, shift: int) -> np.ndarray:
    """x: int16, scaled by `multiplier >> shift` to 1 / (3 * 4096). Returns int16 with scale 2**-15."""
    steps = _scaled(x, multiplier, shift)
    result = _interpolated(np.abs(steps), 9, 0x7FFF << 10)
    return (np.where(steps >= 0, result + 512, (1 << 25) - result + 511) >> 10).astype(np.int16)


def tanh_int16(x: np.ndarray, multiplier: int, shift: int) -> np.ndarray:
    """As `sigmoid_int16`, by tanh(x) = 2 sigmoid(2x) - 1."""
    steps = _scaled(x, multiplier, shift)
    result = _interpolated(np.abs(steps), 8, 0xFFFF << 8)
    return (np.where(steps >= 0, result - (1 << 23) + 128, -result + (1 << 23) + 127) >> 8).astype(np.int16)


def _scaled(x: np.ndarray, multiplier: int, shift: int) -> np.ndarray:
    return (x.astype(np.int64) * multiplier + ((1 << shift) >> 1)) >> shift


def _interpolated(steps: np.ndarray, bits: int, limit: int) -> np.ndarray:
    """The sigmoid table at non-negative steps, with `bits` more fractional bits; `limit` beyond its end."""
    index = np.minimum(steps >> bits, 254)
    result = (SIGMOID_SAMPLES[index] << bits) + (steps & ((1 << bits) - 1)) * (SIGMOID_SAMPLES[index + 1] - SIGMOID_SAMPLES[index])
    return np.where(steps >> bits >= 255, limit, result)


# Natively.


class SigmoidParams(Params):
    """The scaling of the input, how far the table's samples are apart, and what becomes of them; see the kernel."""

    _fields_ = (
        ("multiplier", c_int32),
        ("shift", c_int32),
        ("bits", c_int32),
        ("limit", c_int32),
        ("half", c_int32),
        ("offset", c_int32),
        ("output_shift", c_int32),
    )


LOOKUP = kernel("lookup", NoParams, "b8")
INTERPOLATE = kernel("interpolate", NoParams, "s16")
SIGMOID = kernel("sigmoid", SigmoidParams, "s16")


def stored_values(dtype: np.dtype) -> np.ndarray:
    """All values of a type of one byte, in the order of their bits."""
    return np.arange(256, dtype=np.uint8).view(dtype)


def lower_table(low: Any, op: Operator, values: np.ndarray | None = None) -> None:
    """A function of one byte as a table of the reference's results; of `values`, where not all that can be stored are allowed."""
    x = low.spec(op.inputs[0])
    with np.errstate(all="ignore"):
        table = registry.get(op).reference(op, stored_values(x.dtype) if values is None else values)
    emit_table(low, op, low.value(op.inputs[0]), table, low.define(op.outputs[0]))


def emit_table(low: Any, op: Operator, source: int, table: np.ndarray, target: int, kind: Any = LOOKUP, params: Any = None) -> None:
    """Emit the call of a kernel that maps each element of a value through a constant table."""
    constant = low.temporary(Spec(table.shape, table.dtype, table))
    work = prod(low.program.values[target].shape)
    low.call(kind, kind.variants[0], op, params, work=work, inputs=[source, constant], outputs=[target], grain=GRAIN)


def lower_int16(function: Callable[[Operator], Function]) -> Callable[[Any, Operator], None]:
    """The lowering of `look_up` of int16 through a table of what `function` gives for the operator."""

    def lower(low: Any, op: Operator) -> None:
        source, result = op.inputs[0], op.outputs[0]
        with np.errstate(all="ignore"):
            table = table_int16(function(op), source.scale, source.zero_point, result.scale, result.zero_point)
        emit_table(low, op, low.value(source), table, low.define(result), INTERPOLATE)

    return lower


def lower_sigmoid_int16(low: Any, op: Operator, is_tanh: bool = False) -> None:
    """`sigmoid_int16`, or `tanh_int16`."""
    multiplier, shift = sigmoid_scaling(op.inputs[0].scale, *([(0, 1)] if is_tanh else []))
    # From 2**30 on everything but zero lies beyond the table.
    params = SigmoidParams(multiplier=min(multiplier, 2**30), shift=shift)
    if is_tanh:
        params.bits, params.limit, params.half, params.offset, params.output_shift = 8, 0xFFFF << 8, 1 << 23, 0, 8
    else:
        params.bits, params.limit, params.half, params.offset, params.output_shift = 9, 0x7FFF << 10, 1 << 24, 1 << 24, 10
    emit_table(low, op, low.value(op.inputs[0]), SIGMOID_SAMPLES.astype(np.int32), low.define(op.outputs[0]), SIGMOID, params)
