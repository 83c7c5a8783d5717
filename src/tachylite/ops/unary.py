"""Functions of one element, other than activations."""

from collections.abc import Callable
from functools import partial
from math import prod
from typing import Any

import numpy as np

from tachylite.model.graph import Operator

from . import gemmlowp
from .arguments import version_by_type
from .arithmetic import DIV
from .broadcast import GRAIN, emit_binary
from .calculus import flat
from .cast import convert
from .copy import canvas, constant, strided_copy
from .derivatives import slope
from .elementwise import Lowering, define, infer_unary, is_quantized, lower_plain, lower_unary, require
from .fixedpoint import Multiplier, rescale, saturate
from .integer import OWN
from .kernel import Kernel, NoParams, kernel
from .lut import Function, look_up, lower_int16, lower_table, rounded, stored_values
from .quantize import dequantize_call
from .registry import Spec
from .rescaling import requantize_call
from .scales import centred, requantize

Reference = Callable[[Operator, np.ndarray], np.ndarray]


def plain(function: Callable[[np.ndarray], Any]) -> Reference:
    """The reference of an operator that applies `function` to stored values; the dtype stays."""
    return lambda op, x: function(x)


def tabulated(function: Callable[[np.ndarray], np.ndarray]) -> Reference:
    """The same for float, and for quantized integers through a table of `function`."""
    return lambda op, x: look_up(op, x, rounded(function)) if is_quantized(op) else function(x)


def absolute(op: Operator, x: np.ndarray) -> np.ndarray:
    """|x|. float32, int32, int16, or quantized int8 and int16."""
    if not is_quantized(op):
        return np.abs(x)
    source, result = op.inputs[0], op.outputs[0]
    size = np.abs(centred(x, source))
    if source.scale == result.scale:
        return saturate(size + result.zero_point, result.dtype)
    return requantize(size, Multiplier.of(source.scale / result.scale), result)


def absolute_version(op: Operator) -> int:
    """By type; 4 is for int16 that is not quantized."""
    return version_by_type(s8=2, s16=3 if op.inputs[0].is_quantized else 4, i32=5)(op)


def logarithm(op: Operator, x: np.ndarray) -> np.ndarray:
    """The natural logarithm. float, or quantized int8 and int16, whose results saturate where there is no logarithm."""
    if not is_quantized(op):
        return np.log(x)
    return look_up(op, x, _saturating_log(op))


def _saturating_log(op: Operator) -> Function:
    output = op.outputs[0]
    least = output.scale * np.float32(np.iinfo(output.dtype).min - output.zero_point)
    return lambda v: np.where(v > 0, rounded(np.log)(v), least)


def square_root(op: Operator, x: np.ndarray) -> np.ndarray:
    """The square root. float, or quantized int8 and int16, whose results are rounded down. Negative quantized numbers raise OpError."""
    if not is_quantized(op):
        return np.sqrt(x)
    source, result = op.inputs[0], op.outputs[0]
    steps = centred(x, source)
    _refuse_negative(op, steps)
    root = np.sqrt(source.scale * steps.astype(np.float32)) / result.scale
    return saturate(np.trunc(root) + result.zero_point, result.dtype)


def reciprocal_square_root(op: Operator, x: np.ndarray) -> np.ndarray:
    """1 / sqrt(x). float, or quantized int8 and int16, where zero gives the greatest value. Negative quantized numbers raise OpError."""
    if not is_quantized(op):
        return (1 / np.sqrt(x)).astype(x.dtype)
    source, result = op.inputs[0], op.outputs[0]
    steps = centred(x, source)
    _refuse_negative(op, steps)
    if x.dtype == np.int16:
        return look_up(op, x, _saturating_rsqrt(op))
    # 20 fractional bits keep the root exact enough between the two multiplications.
    mantissas, shifts = gemmlowp.inverse_sqrt(steps)
    root = rescale(np.ones_like(steps), (mantissas, shifts + 20))
    mantissa, shift = Multiplier.of(1 / np.float64(np.sqrt(source.scale) * result.scale))
    y = requantize(root, Multiplier(mantissa, shift - 20), result)
    return np.where(steps == 0, np.iinfo(result.dtype).max, y).astype(result.dtype)


def _saturating_rsqrt(op: Operator) -> Function:
    greatest = np.float32(np.iinfo(np.int16).max) * op.outputs[0].scale
    return lambda v: np.where(v > 0, np.float32(1) / rounded(np.sqrt)(v), greatest)


def _refuse_negative(op: Operator, steps: np.ndarray) -> None:
    if (steps < 0).any():
        raise op.error("a quantized number is negative and has no root; add a RELU before, or compute in float")


# Natively.

ABS = kernel("abs", NoParams, "f32", "s16", "i32")
NEG = kernel("neg", NoParams, "f32", "s16", "i32", "i64")
SIGN = kernel("sign", NoParams, "f32", "f64", "i32")
SQUARE, SIN, COS, FLOOR, CEIL, ROUND, EXP, LOG, SQRT, RSQRT = (
    kernel(name, NoParams, "f32") for name in ("square", "sin", "cos", "floor", "ceil", "round", "exp", "log", "sqrt", "rsqrt")
)


def lower_root(kind: Kernel, int16: Lowering) -> Lowering:
    """The lowering of a root, which quantized numbers below zero do not have."""

    def lower(low: Any, op: Operator) -> None:
        source = op.inputs[0]
        dtype = low.spec(source).dtype
        if is_quantized(op):
            require(low, op, 0, least=source.zero_point)
        if dtype.itemsize == 1:
            lower_table(low, op, np.maximum(stored_values(dtype), source.zero_point))
        elif dtype == np.int16:
            int16(low, op)
        else:
            lower_plain(low, op, kind)

    return lower


def lower_square_root_int16(low: Any, op: Operator) -> None:
    """By way of float32, as the reference computes it."""
    source, result, shape = op.inputs[0], op.outputs[0], low.spec(op.outputs[0]).shape
    target = low.define(result)
    real = low.temporary(Spec(shape, np.dtype(np.float32)))
    scale = constant(low, result.scale, np.dtype(np.float32))
    dequantize_call(low, op, low.value(source), source, real)
    low.call(SQRT, "f32", op, work=prod(shape), inputs=[real], outputs=[real], grain=GRAIN)
    emit_binary(low, DIV, "f32", op, (real, shape), (scale, ()), real, least=-np.inf, greatest=np.inf)
    convert(low, op, real, np.dtype(np.float32), result.dtype, shape, target)


def lower_absolute_int16(low: Any, op: Operator) -> None:
    """In int32, which holds the magnitude of every int16; then to the output's scale."""
    shape, wide = low.spec(op.outputs[0]).shape, np.dtype(np.int32)
    steps = convert(low, op, low.value(op.inputs[0]), np.dtype(np.int16), wide, shape)
    low.call(ABS, "i32", op, work=prod(shape), inputs=[steps], outputs=[steps], grain=GRAIN)
    requantize_call(low, op, steps, low.define(op.outputs[0]), Multiplier.of(op.inputs[0].scale / op.outputs[0].scale))


def lower_zeros(low: Any, op: Operator) -> None:
    """One element, everywhere."""
    result = op.outputs[0]
    zero = constant(low, 0, low.spec(result).dtype)
    strided_copy(low, op, zero, canvas(()), low.define(result), canvas(low.spec(result).shape))


_register = partial(define, infer=infer_unary)
_register("NEG", plain(np.negative), "f32 f16 bf16 s8 s16 i32 i64", "NegOptions", lower=lower_unary(NEG), gradient=lambda at, dy: -dy)
_register("SIGN", plain(np.sign), "f32 f64 i32", "SignOptions", version=version_by_type(i32=2), lower=lower_unary(SIGN), gradient=flat)
_register("SQUARE", plain(np.square), "f32 f16", "SquareOptions", lower=lower_unary(SQUARE), gradient=slope(lambda x, y: 2.0 * x))
_register("SIN", plain(np.sin), "f32 f16", version=version_by_type(f16=2), lower=lower_unary(SIN), gradient=slope(lambda x, y: x.COS()))
_register(
    "COS",
    plain(np.cos),
    "f32 f16",
    "CosOptions",
    version=version_by_type(f16=2),
    lower=lower_unary(COS),
    gradient=slope(lambda x, y: -x.SIN()),
)
_register("FLOOR", plain(np.floor), "f32 f16 bf16", lower=lower_unary(FLOOR), gradient=flat)
_register("CEIL", plain(np.ceil), "f32 f16", lower=lower_unary(CEIL), gradient=flat)
_register("ROUND", plain(np.rint), "f32 f16", lower=lower_unary(ROUND), gradient=flat)  # halves to even
_register("ZEROS_LIKE", plain(np.zeros_like), "f32 i32 i64", "ZerosLikeOptions", lower=lower_zeros, gradient=flat)

_register = partial(_register, version=version_by_type(s8=2, s16=2), integer=OWN)
_register(
    "EXP",
    tabulated(np.exp),
    "f32 f16 s8 s16",
    "ExpOptions",
    lower=lower_unary(EXP, int16=lower_int16(lambda op: rounded(np.exp))),
    gradient=slope(lambda x, y: y),
)
_register(
    "LOG", logarithm, "f32 f16 s8 s16", lower=lower_unary(LOG, int16=lower_int16(_saturating_log)), gradient=slope(lambda x, y: 1.0 / x)
)
_register("SQRT", square_root, "f32 f16 s8 s16", lower=lower_root(SQRT, lower_square_root_int16), gradient=slope(lambda x, y: 0.5 / y))
_register(
    "RSQRT",
    reciprocal_square_root,
    "f32 f16 s8 s16",
    version=version_by_type(s8=2, s16=3),
    lower=lower_root(RSQRT, lower_int16(_saturating_rsqrt)),
    gradient=slope(lambda x, y: -0.5 * y * y * y),
)
_register(
    "ABS",
    absolute,
    "f32 s8 s16 i32",
    "AbsOptions",
    version=absolute_version,
    lower=lower_unary(ABS, int16=lower_absolute_int16),
    gradient=slope(lambda x, y: x.SIGN()),
)
