"""SOFTMAX and LOG_SOFTMAX, over the last axis."""

import math
from collections.abc import Sequence
from ctypes import c_float, c_int32
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np

from tachylite.model.graph import Operator

from . import gemmlowp, reduce_gradient
from .arguments import SUFFIXES, check_dimensions, check_type, version_by_type
from .fixedpoint import Multiplier, divide_by_pot, rescale, saturate
from .integer import PROBABILITY, Grid, Integer
from .kernel import Params, kernel
from .lut import look_up_int16, table_int16
from .permute import last_stays
from .registry import OpDef, Spec, output_dtype, register
from .scales import require_output_quantization

#: Differences to the row's greatest value are held in Q5: exp(-32) is nothing.
_DIFFERENCE_BITS = 5
#: Sums of exponentials are held in Q12.
_SUM_BITS = 12

_FLOATS = (np.float32, np.float16)
_OUTPUTS_OF = {np.uint8: (np.uint8, np.int16), np.int8: (np.int8, np.int16), np.int16: (np.int16,)}


def infer_softmax(op: Operator, x: Spec) -> Spec:
    """Same shape; float keeps its type, uint8 and int8 may give int16."""
    check_dimensions(op, x)
    result = Spec(x.shape, output_dtype(op, x.dtype))
    allowed = (x.dtype,) if x.dtype in _FLOATS else _OUTPUTS_OF.get(x.dtype.type, ())
    if result.dtype not in allowed:
        raise op.error(f"takes float32, float16, uint8, int8 or int16, not {x.dtype} to {result.dtype}; insert a CAST or QUANTIZE")
    if result.dtype == np.int16 == x.dtype:
        require_output_quantization(op, 1 / 32768, 0, tolerance=0.001)
    elif result.dtype == np.int8:
        require_output_quantization(op, 1 / 256, -128, tolerance=0.001)
    if x.dtype in (np.int8, np.uint8):
        difference_multiplier(op, op.options.beta)
    return result


def softmax(op: Operator, x: np.ndarray) -> np.ndarray:
    """exp(beta * x) divided by its sum over the last axis. x: [..., n], float32, float16, int8, uint8 or int16."""
    if x.dtype.kind == "f":
        return _softmax_float(x, np.float32(op.options.beta))
    if x.dtype == np.int16:
        return _softmax_int16(op, x)
    return _softmax_int8(op, x)


def _softmax_float(x: np.ndarray, beta: np.float32) -> np.ndarray:
    if not x.size:
        return x
    wide = x.astype(np.promote_types(x.dtype, np.float32))
    powers = np.exp((wide - wide.max(axis=-1, keepdims=True)) * beta)
    # float16 keeps the exponentials in its own precision, not their sum.
    return (powers.astype(x.dtype) / powers.sum(axis=-1, keepdims=True)).astype(x.dtype)


def difference_multiplier(op: Operator, beta: float) -> Multiplier:
    """Input steps to Q5, times beta. Raises OpError where the input has no scale.

    A step below 2**-26, which TensorFlow Lite's reference kernel aborts on, is rescaled like any other.
    """
    scale = float(op.inputs[0].scale)
    if not beta * scale > 0:
        raise op.error(f"beta {beta:g} times the input scale {scale:g} is not positive; give the input a scale")
    return Multiplier.of(min(float(beta) * scale * (1 << (31 - _DIFFERENCE_BITS)), 2.0**31 - 1))


def _exponentials(multiplier: Multiplier) -> tuple[np.ndarray, np.ndarray, int]:
    """For each number of input steps below the row's greatest value, 0 to 255: the difference in Q5 and its exponential in Q0.

    Also the greatest number of steps that counts: TensorFlow Lite's input radius, beyond which the multiplication would leave Q5.
    """
    radius = math.floor((2**_DIFFERENCE_BITS - 1) * 2.0 ** (31 - _DIFFERENCE_BITS) / 2**multiplier.shift)
    steps = np.arange(256)
    difference = rescale(-np.minimum(steps, radius), multiplier)
    return difference, np.where(steps <= radius, gemmlowp.exp_of_negative(difference, _DIFFERENCE_BITS), 0), radius


def _steps_below_max(x: np.ndarray) -> np.ndarray:
    """x: [..., n], 8 bits. How far each value is below the greatest of its row, in input steps; an index into `_exponentials`."""
    wide = x.astype(np.int16)
    return wide.max(axis=-1, keepdims=True, initial=np.iinfo(x.dtype).min) - wide


def _sum_of_exponentials(exponentials: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """The sums of rows [..., n] in Q12, [..., 1]."""
    return gemmlowp.change_bits(exponentials, 0, _SUM_BITS)[steps].sum(axis=-1, keepdims=True)


def _softmax_int8(op: Operator, x: np.ndarray) -> np.ndarray:
    """int8 or uint8 to 8 or 16 bits, in fixed point: the output's scale is 2**-bits, its zero point the least value."""
    info = np.iinfo(output_dtype(op, x.dtype))
    _, exponentials, _ = _exponentials(difference_multiplier(op, op.options.beta))
    steps = _steps_below_max(x)
    reciprocal, shift = gemmlowp.reciprocal(_sum_of_exponentials(exponentials, steps), _SUM_BITS)
    shares = divide_by_pot(gemmlowp.multiply(exponentials[steps], reciprocal), np.clip(shift + 31 - info.bits, 0, 62))
    return saturate(shares + info.min, info.dtype)


def _tables_int16() -> list[np.ndarray]:
    """Samples of exp over [-10, 0] and of 1 / (1 + x) over [0, 1]."""
    return [
        table_int16(np.exp, 10 / 65535, 32767, 2 / 65535, dtype=np.float64),
        table_int16(lambda v: 1 / (1 + v), 1 / 65535, -32768, 2 / 65535, dtype=np.float64),
    ]


def _difference_multiplier_int16(op: Operator) -> Multiplier:
    """Input steps to those of the first table, times beta."""
    return Multiplier.of(float(op.inputs[0].scale * np.float32(op.options.beta)) / (10.0 / 65535.0))


def _softmax_int16(op: Operator, x: np.ndarray) -> np.ndarray:
    """int16 to int16 by two tables; the output's scale is 2**-15."""
    exp, one_over_one_plus = _tables_int16()
    difference = rescale(x.astype(np.int64) - x.max(axis=-1, keepdims=True, initial=-32768), _difference_multiplier_int16(op))
    exponentials = look_up_int16(saturate(difference + 32767, np.dtype(np.int16)), exp).astype(np.int64)
    total = exponentials.sum(axis=-1, keepdims=True)
    # total = 1.fraction * 2**(30 - zeros) in Q15; the fraction, in 16 bits, indexes the second table.
    zeros = 32 - gemmlowp.bit_length(total)
    fraction = (((total << zeros) + (1 << 14)) >> 15) - (1 << 15) - (1 << 16)
    reciprocal = look_up_int16(saturate(fraction, np.dtype(np.int16)), one_over_one_plus)
    shift = 31 - zeros
    return np.clip((exponentials * reciprocal + (1 << (shift - 1))) >> shift, 0, 32767).astype(np.int16)


def infer_log_softmax(op: Operator, x: Spec) -> Spec:
    """Same shape and type: float32, uint8 or int8, the latter with the scale 1/16 and the zero point at the greatest value."""
    check_dimensions(op, x)
    check_type(op, x)
    if x.dtype != np.float32:
        require_output_quantization(op, 1 / 16, np.iinfo(x.dtype).max)
        difference_multiplier(op, 1.0)
    return Spec(x.shape, x.dtype)


def log_softmax(op: Operator, x: np.ndarray) -> np.ndarray:
    """x minus the logarithm of the sum of exp(x) over the last axis. x: [..., n], float32, int8 or uint8; the same comes out."""
    if x.dtype.kind == "f":
        shifted = x - x.max(axis=-1, keepdims=True, initial=np.finfo(x.dtype).min)
        return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return _log_softmax_int8(op, x)


def _steps_per_unit(multiplier: Multiplier) -> Multiplier:
    """The reciprocal of `difference_multiplier`; steps below 2**-26 never get to a unit."""
    return Multiplier.of(min(2.0 ** (31 - multiplier.shift) / max(multiplier.mantissa, 1), 1 - 2.0**-31))


def _log_softmax_int8(op: Operator, x: np.ndarray) -> np.ndarray:
    info = np.iinfo(x.dtype)
    multiplier = difference_multiplier(op, 1.0)
    difference, exponentials, radius = _exponentials(multiplier)
    steps = _steps_below_max(x)
    log_of_sum = gemmlowp.log(_sum_of_exponentials(exponentials, steps), _SUM_BITS, _DIFFERENCE_BITS)
    # The number of steps from which on the logarithm would leave Q5.
    limit = np.minimum(radius + 1, -rescale(log_of_sum - 2**31, _steps_per_unit(multiplier)))
    # Q5 to the output's Q4 of 8 bits.
    y = divide_by_pot(difference[steps] - log_of_sum, 31 - _DIFFERENCE_BITS - 4) + info.max
    return saturate(np.where(steps < limit, y, info.min), x.dtype)


class SoftmaxParams(Params):
    """Columns of a row; beta of floats; the multiplier of differences of 16 bits."""

    _fields_ = (("columns", c_int32), ("mantissa", c_int32), ("shift", c_int32), ("beta", c_float))


SOFTMAX = kernel("softmax", SoftmaxParams, "f32", "s8", "u8", "s8_s16", "u8_s16", "s16")
LOG_SOFTMAX = kernel("log_softmax", SoftmaxParams, "f32", "s8", "u8")


def lower_softmax(low: Any, op: Operator) -> None:
    """One call; a work item is one row."""
    x, y = low.spec(op.inputs[0]), low.spec(op.outputs[0])
    params = SoftmaxParams(columns=x.shape[-1])
    tables: list[int] = []
    if x.dtype == np.int16:
        params.mantissa, params.shift = multiplier = _difference_multiplier_int16(op)
        tables = [_constant(low, table) for table in _tables_int16()]
        # The kernel sums and shifts in 32 bits.
        if params.columns > 2**17 or multiplier.shift > 31:
            low.host(op)
            return
    elif x.dtype == np.float32 and op.options.beta >= 0:  # of what is not positive the kernel takes exponentials
        params.beta = op.options.beta
    elif x.dtype in (np.int8, np.uint8):
        tables = [_constant(low, _exponentials(difference_multiplier(op, op.options.beta))[1].astype(np.int32))] * 2
    else:
        low.host(op)
        return
    variant = SUFFIXES[x.dtype] if x.dtype == y.dtype else f"{SUFFIXES[x.dtype]}_{SUFFIXES[y.dtype]}"
    _call(low, op, SOFTMAX, variant, params, tables)


def lower_log_softmax(low: Any, op: Operator) -> None:
    """One call; a work item is one row."""
    x = low.spec(op.inputs[0])
    params = SoftmaxParams(columns=x.shape[-1])
    tables: list[int] = []
    if x.dtype != np.float32:
        if params.columns >= 2**_SUM_BITS:  # the sum may reach 2**31, for which no logarithm is defined
            low.host(op)
            return
        difference, exponentials, radius = _exponentials(difference_multiplier(op, 1.0))
        # Below the input radius results are the least value, and so they come out where their logarithms leave Q5.
        difference[radius + 1 :] = -(2**31)
        tables = [_constant(low, table.astype(np.int32)) for table in (exponentials, difference)]
    _call(low, op, LOG_SOFTMAX, SUFFIXES[x.dtype], params, tables)


def _constant(low: Any, table: np.ndarray) -> int:
    return int(low.temporary(Spec(table.shape, table.dtype, table)))


def _call(low: Any, op: Operator, kernel_: Any, variant: str, params: SoftmaxParams, tables: Sequence[int]) -> None:
    inputs, outputs = [low.value(op.inputs[0]), *tables], [low.define(op.outputs[0])]
    shape = low.spec(op.inputs[0]).shape
    work = prod(shape[:-1]) if prod(shape) else 0
    low.call(kernel_, variant, op, params, work=work, inputs=inputs, outputs=outputs, grain=1 + 2**13 // (shape[-1] + 4))


#: LiteRT counts differences in steps of 2**-26, and demands that a step of the input is more than one of them.
_LEAST = 2.0**-24

register(
    OpDef(
        "SOFTMAX",
        options="SoftmaxOptions",
        infer=infer_softmax,
        reference=softmax,
        variants=("f32", "f16", "s8", "u8", "s16"),
        version=version_by_type(f16=4, s16=3, s8=2),
        lower=lower_softmax,
        integer=replace(PROBABILITY, least=_LEAST),
        permute=last_stays,
        in_place=True,
        gradient=reduce_gradient.softmax,
    )
)
register(
    OpDef(
        "LOG_SOFTMAX",
        options="LogSoftmaxOptions",
        infer=infer_log_softmax,
        reference=log_softmax,
        variants=("f32", "s8", "u8"),
        version=version_by_type(s8=2),
        lower=lower_log_softmax,
        integer=Integer(output={"s8": Grid(16 / 256, 127), "u8": Grid(16 / 256, 255)}, least=_LEAST),
        gradient=reduce_gradient.log_softmax,
        permute=last_stays,
        in_place=True,
    )
)
