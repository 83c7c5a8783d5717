"""Functions of one element, other than activations."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from tachylite.model.graph import Operator

from . import gemmlowp
from .arguments import version_by_type
from .elementwise import define, infer_unary, is_quantized
from .fixedpoint import Multiplier, rescale, saturate
from .lut import look_up, rounded
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
    output = op.outputs[0]
    least = output.scale * np.float32(np.iinfo(output.dtype).min - output.zero_point)
    return look_up(op, x, lambda v: np.where(v > 0, rounded(np.log)(v), least))


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
        greatest = np.float32(np.iinfo(np.int16).max) * result.scale
        return look_up(op, x, lambda v: np.where(v > 0, np.float32(1) / rounded(np.sqrt)(v), greatest))
    # 20 fractional bits keep the root exact enough between the two multiplications.
    mantissas, shifts = gemmlowp.inverse_sqrt(steps)
    root = rescale(np.ones_like(steps), (mantissas, shifts + 20))
    mantissa, shift = Multiplier.of(1 / np.float64(np.sqrt(source.scale) * result.scale))
    y = requantize(root, Multiplier(mantissa, shift - 20), result)
    return np.where(steps == 0, np.iinfo(result.dtype).max, y).astype(result.dtype)


def _refuse_negative(op: Operator, steps: np.ndarray) -> None:
    if (steps < 0).any():
        raise op.error("a quantized number is negative and has no root; add a RELU before, or compute in float")


_register = partial(define, infer=infer_unary)
_register("NEG", plain(np.negative), "f32 f16 bf16 s8 s16 i32 i64", "NegOptions")
_register("SIGN", plain(np.sign), "f32 f64 i32", "SignOptions", version=version_by_type(i32=2))
_register("SQUARE", plain(np.square), "f32 f16", "SquareOptions")
_register("SIN", plain(np.sin), "f32 f16", version=version_by_type(f16=2))
_register("COS", plain(np.cos), "f32 f16", "CosOptions", version=version_by_type(f16=2))
_register("FLOOR", plain(np.floor), "f32 f16 bf16")
_register("CEIL", plain(np.ceil), "f32 f16")
_register("ROUND", plain(np.rint), "f32 f16")  # halves to even
_register("ZEROS_LIKE", plain(np.zeros_like), "f32 i32 i64", "ZerosLikeOptions")
_register("EXP", tabulated(np.exp), "f32 f16 s8 s16", "ExpOptions", version=version_by_type(s8=2, s16=2))
_register("LOG", logarithm, "f32 f16 s8 s16", version=version_by_type(s8=2, s16=2))
_register("SQRT", square_root, "f32 f16 s8 s16", version=version_by_type(s8=2, s16=2))
_register("RSQRT", reciprocal_square_root, "f32 f16 s8 s16", version=version_by_type(s8=2, s16=3))
_register("ABS", absolute, "f32 s8 s16 i32", "AbsOptions", version=absolute_version)
