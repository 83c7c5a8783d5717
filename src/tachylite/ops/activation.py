"""Activations: functions of one element that networks put between their layers."""

import math
from collections.abc import Callable
from ctypes import c_float, c_int32
from functools import partial
from typing import Any

import numpy as np

from tachylite.model.dtypes import limits
from tachylite.model.graph import Operator

from . import derivatives, gemmlowp
from .arguments import SUFFIXES, version_by_type
from .broadcast import BroadcastParams, emit_binary, fits
from .calculus import where
from .cast import convert
from .derivatives import clipped, leaky, slope
from .elementwise import Lowering, define, infer_unary, is_quantized, lower_unary
from .erf import erfc
from .fixedpoint import Multiplier, divide_by_pot, rescale, saturate
from .fused import stored_range
from .integer import OWN, PROBABILITY, UNIT, Integer
from .kernel import NoParams, Params, kernel
from .lut import Function, look_up, lower_int16, lower_sigmoid_int16, rounded, sigmoid_int16, sigmoid_scaling, tanh_int16
from .registry import Spec, broadcast_shapes
from .rescaling import requantize_call
from .scales import centred, require_output_quantization

Reference = Callable[[Operator, np.ndarray], np.ndarray]


# Those that clip.


def clipping(low: float, high: float) -> Reference:
    """The reference of an operator that clips to [low, high]: float, or quantized integers, which take the output's scale."""

    def clip(op: Operator, x: np.ndarray) -> np.ndarray:
        if not is_quantized(op):
            return np.clip(x, x.dtype.type(low), x.dtype.type(high))
        source, result = op.inputs[0], op.outputs[0]
        y = rescale(centred(x, source), Multiplier.of(source.scale / result.scale)) + result.zero_point
        return np.clip(y, *stored_range(result, low, high)).astype(x.dtype)

    return clip


# Those with a slope below zero.


def leaky_relu_slopes(op: Operator) -> tuple[Multiplier, Multiplier]:
    """How many output steps one input step is worth, above and below the zero point."""
    source, result = op.inputs[0].scale, op.outputs[0].scale
    # In float32 and in this order: the multipliers of TensorFlow Lite's kernel, to the last bit.
    return Multiplier.of(source / result), Multiplier.of(source * np.float32(op.options.alpha) / result)


class LeakyReluParams(Params):
    """One block for every variant: f32 reads alpha, the integer variants read the rest."""

    _fields_ = (
        ("alpha", c_float),
        ("input_zero_point", c_int32),
        ("output_zero_point", c_int32),
        ("positive_multiplier", c_int32),
        ("positive_shift", c_int32),
        ("negative_multiplier", c_int32),
        ("negative_shift", c_int32),
    )


LEAKY_RELU = kernel("leaky_relu", LeakyReluParams, "f32", "s8", "u8", "s16")


def lower_leaky_relu(low: Any, op: Operator) -> None:
    """One call; a work item is one element."""
    x, y = op.inputs[0], op.outputs[0]
    params = LeakyReluParams(alpha=op.options.alpha)
    if is_quantized(op):
        above, below = leaky_relu_slopes(op)
        params.input_zero_point, params.output_zero_point = x.zero_point, y.zero_point
        params.positive_multiplier, params.positive_shift = above
        params.negative_multiplier, params.negative_shift = below
    low.call(LEAKY_RELU, SUFFIXES[x.dtype], op, params, work=low.size(y), grain=16384)


def leaky_relu(op: Operator, x: np.ndarray) -> np.ndarray:
    """x: any shape, float32, int8, uint8 or int16; the result has the same shape and the output's dtype."""
    if not is_quantized(op):
        return np.where(x > 0, x, x * x.dtype.type(op.options.alpha))
    above, below = leaky_relu_slopes(op)
    steps = centred(x, op.inputs[0])
    y = np.where(steps >= 0, rescale(steps, above), rescale(steps, below))
    return saturate(y + op.outputs[0].zero_point, op.outputs[0].dtype)


def infer_prelu(op: Operator, x: Spec, alpha: Spec) -> Spec:
    """alpha broadcasts to the input; it has the same type, or int8 for int16."""
    if alpha.dtype != x.dtype and not (x.dtype == np.int16 and alpha.dtype == np.int8):
        raise op.error(
            f"alpha is {alpha.dtype}, the input {x.dtype}; they must be of one type, or int8 for int16: insert a CAST or QUANTIZE"
        )
    # numpy would broadcast the other way round as well.
    if broadcast_shapes(op, x.shape, alpha.shape) != x.shape:
        raise op.error(f"alpha of shape {list(alpha.shape)} does not broadcast to the input's {list(x.shape)}; RESHAPE it")
    return infer_unary(op, x)


def prelu(op: Operator, x: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """x above zero, alpha * x below. x: float32, int8, uint8 or int16; alpha broadcasts to it.

    LiteRT reads the bytes of an int16 alpha as int8; here it is what it says.
    """
    if not is_quantized(op):
        return np.where(x >= 0, x, x * alpha)
    (source, slope), result = op.inputs, op.outputs[0]
    above, below = _prelu_multipliers(op)
    steps = centred(x, source)
    y = np.where(steps >= 0, rescale(steps, above), rescale(steps * centred(alpha, slope), below))
    return saturate(y + result.zero_point, x.dtype)


def _prelu_multipliers(op: Operator) -> tuple[Multiplier, Multiplier]:
    """How many output steps one input step is worth, and its product with one step of the slope."""
    (source, slope), result = op.inputs, op.outputs[0]
    return Multiplier.of(source.scale / result.scale), Multiplier.of(source.scale * slope.scale / result.scale)


PRELU = kernel("prelu", BroadcastParams, "f32", "s8", "u8", "s16")


def lower_prelu(low: Any, op: Operator) -> None:
    """One call; int8 slopes of int16 become int16."""
    x, alpha = map(low.spec, op.inputs)
    values = {}
    if is_quantized(op):
        (source, slope), result = op.inputs, op.outputs[0]
        above, below = _prelu_multipliers(op)
        values = {"first_multiplier": above.mantissa, "first_shift": above.shift, "multiplier": below.mantissa, "shift": below.shift}
        values |= {"first_zero_point": source.zero_point, "second_zero_point": slope.zero_point, "zero_point": result.zero_point}
        values |= dict(zip(("low", "high"), limits(x.dtype), strict=True))
    if not fits(x.shape, alpha.shape):
        low.host(op)
        return
    slopes = convert(low, op, low.value(op.inputs[1]), alpha.dtype, x.dtype, alpha.shape)
    a, b = (low.value(op.inputs[0]), x.shape), (slopes, alpha.shape)
    emit_binary(low, PRELU, SUFFIXES[x.dtype], op, a, b, low.define(op.outputs[0]), **values)


# Smooth ones.


def infer_sigmoid(op: Operator, x: Spec) -> Spec:
    """int16 comes out with the scale 2**-15, which its fixed-point kernel is made for."""
    if x.dtype == np.int16:
        require_output_quantization(op, 2.0**-15, 0, tolerance=1e-3)
        if not op.inputs[0].is_quantized:
            raise op.error("the int16 input has no scale; quantize it, or compute in float")
    return infer_unary(op, x)


def logistic(op: Operator, x: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)). float, or quantized int8, uint8 and int16."""
    if x.dtype == np.int16:
        return sigmoid_int16(x, *sigmoid_scaling(op.inputs[0].scale))
    if is_quantized(op):
        return look_up(op, x, lambda v: np.float32(1) / (np.float32(1) + rounded(np.exp)(-v)))
    return (1 / (1 + np.exp(-x.astype(np.promote_types(x.dtype, np.float32), copy=False)))).astype(x.dtype, copy=False)


def tanh(op: Operator, x: np.ndarray) -> np.ndarray:
    """The hyperbolic tangent. float, or quantized int8, uint8 and int16."""
    if x.dtype == np.int16:
        return tanh_int16(x, *sigmoid_scaling(op.inputs[0].scale, exact_shifts=(0, 1)))
    return look_up(op, x, rounded(np.tanh)) if is_quantized(op) else np.tanh(x)


def elu(op: Operator, x: np.ndarray) -> np.ndarray:
    """x above zero, exp(x) - 1 below. float, or quantized int8."""
    if is_quantized(op):
        return look_up(op, x, lambda v: np.where(v < 0, rounded(np.expm1)(v), v))
    return np.where(x < 0, np.expm1(x), x)


def gelu(op: Operator, x: np.ndarray) -> np.ndarray:
    """x times the normal distribution's probability of less than x, exactly or by way of tanh. float, or quantized int8, uint8, int16."""
    function = _gelu_function(op)
    return look_up(op, x, function) if is_quantized(op) else function(x)


def _gelu_function(op: Operator) -> Function:
    return _gelu_by_tanh if op.options.approximate else _gelu


def _gelu(x: np.ndarray) -> np.ndarray:
    number = x.dtype.type
    # Not 1 + erf, which would cancel where x is far below zero.
    return number(0.5) * x * rounded(erfc)(x * number(-math.sqrt(0.5)))


def _gelu_by_tanh(x: np.ndarray) -> np.ndarray:
    number = x.dtype.type
    inner = number(math.sqrt(2 / math.pi)) * (x + number(0.044715) * x * x * x)
    return number(0.5) * x * (number(1) + rounded(np.tanh)(inner))


def hard_swish(op: Operator, x: np.ndarray) -> np.ndarray:
    """x * clip(x + 3, 0, 6) / 6. float, or quantized int8 and uint8 in 16-bit fixed point."""
    if not is_quantized(op):
        number = x.dtype.type
        return x * np.clip(x + number(3), number(0), number(6)) / number(6)
    source, result = op.inputs[0], op.outputs[0]
    fine = centred(x, source) << 7
    fine_scale = np.float32(1 / 128) * source.scale
    to_output, output_shift = _multiplier_int16(fine_scale / result.scale)
    to_gate, gate_shift = _multiplier_int16(fine_scale / np.float32(3 / 32768))
    # The gate is x from [-3, 3] to [-1, 1]. Where it is shifted left, only the last bit may saturate after the rounding.
    gate = gemmlowp.multiply(gemmlowp.shift_left(fine, min(max(gate_shift - 1, 0), 15), width=16), to_gate, width=16)
    if gate_shift > 0:
        gate = gemmlowp.shift_left(gate, 1, width=16)
    gate = (divide_by_pot(gate, max(-gate_shift, 0)) + (1 << 15)) >> 1
    product = gate * gemmlowp.multiply(fine, to_output, width=16)
    y = divide_by_pot(np.trunc(product / 2**15).astype(np.int64), max(-output_shift, 0))
    return saturate(y + result.zero_point, x.dtype)


def _multiplier_int16(real: float | np.floating) -> tuple[int, int]:
    """`real` as `mantissa * 2**(shift - 15)`."""
    mantissa, shift = Multiplier.of(real)
    return min((mantissa + (1 << 15)) >> 16, 2**15 - 1), shift


def infer_hard_swish(op: Operator, x: Spec) -> Spec:
    """Quantized steps of the output may not be much finer than the input's: the fixed point shifts to the right alone."""
    result = infer_unary(op, x)
    for output in op.outputs:
        if is_quantized(op) and _multiplier_int16(np.float32(1 / 128) * op.inputs[0].scale / output.scale)[1] > 0:
            raise op.error(
                f"the output's scale {output.scale} is below 1/128 of the input's {op.inputs[0].scale}; quantize the output coarser"
            )
    return result


# Natively.


class ClipParams(Params):
    """The least and the greatest result; NaN stays."""

    _fields_ = (("low", c_float), ("high", c_float))


CLIP = kernel("clip", ClipParams, "f32")
LOGISTIC, TANH, ELU, GELU, GELU_BY_TANH, HARD_SWISH = (
    kernel(name, NoParams, "f32") for name in ("logistic", "tanh", "elu", "gelu", "gelu_by_tanh", "hard_swish")
)


def lower_clipping(low: float, high: float) -> Lowering:
    """The lowering of `clipping`."""

    def lower_int16(lowering: Any, op: Operator) -> None:
        source, result = op.inputs[0], op.outputs[0]
        multiplier, target = Multiplier.of(source.scale / result.scale), lowering.define(result)
        requantize_call(lowering, op, lowering.value(source), target, multiplier, within=stored_range(result, low, high))

    return lower_unary(CLIP, lambda op: ClipParams(low, high), lower_int16)


def lower_gelu(low: Any, op: Operator) -> None:
    """By the function that the options choose."""
    by_tanh = op.options.approximate
    lower_unary(GELU_BY_TANH if by_tanh else GELU, int16=lower_int16(_gelu_function))(low, op)


_register = partial(define, infer=infer_unary, integer=OWN)
_register(
    "RELU",
    clipping(0, math.inf),
    "f32 f16 s8 u8 s16",
    version=version_by_type(s8=2, u8=2, s16=3),
    lower=lower_clipping(0, math.inf),
    gradient=clipped(0, math.inf),
)
_register(
    "RELU6", clipping(0, 6), "f32 f16 s8 u8 s16", version=version_by_type(s8=2, s16=3), lower=lower_clipping(0, 6), gradient=clipped(0, 6)
)
_register("RELU_N1_TO_1", clipping(-1, 1), "f32 f16 s8 u8", lower=lower_clipping(-1, 1), gradient=clipped(-1, 1))
_register("RELU_0_TO_1", clipping(0, 1), "f32 f16 s8 u8", lower=lower_clipping(0, 1), gradient=clipped(0, 1))
_register(
    "LEAKY_RELU", leaky_relu, "f32 s8 u8 s16", "LeakyReluOptions", version=version_by_type(s16=2), lower=lower_leaky_relu, gradient=leaky
)
# LiteRT reads an int16 alpha as bytes.
_register("PRELU", prelu, "f32 s8 u8 s16", infer=infer_prelu, lower=lower_prelu, integer=Integer(("s8", "u8")), gradient=derivatives.prelu)
_register(
    "LOGISTIC",
    logistic,
    "f32 f16 bf16 s8 u8 s16",
    infer=infer_sigmoid,
    version=version_by_type(s8=2, s16=3),
    lower=lower_unary(LOGISTIC, int16=lower_sigmoid_int16),
    integer=PROBABILITY,
    gradient=slope(lambda x, y: y * (1.0 - y)),
)
_register(
    "TANH",
    tanh,
    "f32 f16 bf16 s8 u8 s16",
    infer=infer_sigmoid,
    version=version_by_type(s8=2, s16=3),
    lower=lower_unary(TANH, int16=partial(lower_sigmoid_int16, is_tanh=True)),
    integer=UNIT,
    gradient=slope(lambda x, y: 1.0 - y * y),
)
_register("ELU", elu, "f32 f16 s8", lower=lower_unary(ELU), gradient=slope(lambda x, y: where(x < 0.0, y + 1.0, 1.0)))
_register(
    "GELU",
    gelu,
    "f32 f16 s8 u8 s16",
    "GeluOptions",
    version=version_by_type(s8=2, u8=2, s16=2, f16=3),
    lower=lower_gelu,
    gradient=derivatives.gelu,
)
_register(
    "HARD_SWISH",
    hard_swish,
    "f32 f16 s8 u8",
    "HardSwishOptions",
    infer=infer_hard_swish,
    lower=lower_unary(HARD_SWISH),
    gradient=derivatives.hard_swish,
)
