"""Arithmetic of two operands with broadcasting, and ADD_N."""

from collections.abc import Callable
from functools import partial
from math import prod
from typing import Any

import numpy as np

from tachylite.model.dtypes import limits
from tachylite.model.graph import Operator

from . import derivatives, gemmlowp
from .arguments import SUFFIXES, check_type, same_type, version_by_type
from .broadcast import BroadcastParams, emit_binary
from .calculus import flat
from .cast import is_float
from .derivatives import binary, fused
from .elementwise import Lowering, define, infer_binary, is_quantized, is_wide_broadcast, lower_binary, require, through_table
from .fixedpoint import Multiplier, divide_by_pot, doubling_high_mul, exponent_of, rescale
from .fused import activate, activate_steps, activation_range, check_activation, plain_range, real_range
from .integer import OWN, SHARED, Integer
from .kernel import Kernel, kernel
from .registry import Spec
from .rescaling import small_rescale
from .scales import are_quantized, centred, requantize


def _on_one_scale(op: Operator, x: np.ndarray, y: np.ndarray, headroom: int) -> tuple[np.ndarray, np.ndarray, np.float64]:
    """Both inputs in steps of one size, and that size: 2**headroom of them are twice the coarser input's step."""
    multipliers, twice = _shared_step(op)
    a, b = (rescale(centred(v, t) << headroom, m) for v, t, m in zip((x, y), op.inputs, multipliers, strict=True))
    return a, b, twice / 2**headroom


def _shared_step(op: Operator) -> tuple[list[Multiplier], np.float64]:
    """How many of twice the coarser input's steps one step of each input is worth, and that size."""
    scales = [t.scale for t in op.inputs]
    twice = np.float64(2 * max(scales))
    return [Multiplier.of(np.float64(scale) / twice) for scale in scales], twice


def infer_arithmetic(op: Operator, x: Spec, y: Spec) -> Spec:
    """Two inputs of one type, broadcast; the output has that type too. The fused activation must be one that this type knows."""
    result = infer_binary(op, x, y)
    check_activation(op, result.dtype)
    return result


# Natively.

_INTEGERS = ("s8", "u8", "s16", "i32", "i64")

ADD = kernel("add", BroadcastParams, "f32", *_INTEGERS, "shifted_s16")
SUB = kernel("sub", BroadcastParams, "f32", *_INTEGERS, "shifted_s16")
MUL = kernel("mul", BroadcastParams, "f32", *_INTEGERS)
DIV = kernel("div", BroadcastParams, "f32", "s8", "u8", "s16", "i32")
MAXIMUM = kernel("maximum", BroadcastParams, "f32", *_INTEGERS)
MINIMUM = kernel("minimum", BroadcastParams, "f32", *_INTEGERS)
SQUARED_DIFFERENCE = kernel("squared_difference", BroadcastParams, "f32", "s8", "i32")
POW = kernel("pow", BroadcastParams, "f32", "i32")
ATAN2 = kernel("atan2", BroadcastParams, "f32")
FLOOR_DIV = kernel("floor_div", BroadcastParams, "f32", "s8", "s16", "i32")
FLOOR_MOD = kernel("floor_mod", BroadcastParams, "f32", "s8", "s16", "i32", "i64")

Values = dict[str, Any]
_NONE = Multiplier(0, 0)


def lower_stored(kind: Kernel) -> Lowering:
    """The lowering of an operator on elements as they are stored."""
    return through_table(lambda low, op: lower_binary(low, op, kind))


def lower_arithmetic(kind: Kernel, quantized: Callable[[Operator], Values | None]) -> Lowering:
    """The lowering of an operator with a fused activation. `quantized` gives its fixed point; the host has it where that is None."""

    def lower(low: Any, op: Operator) -> None:
        output = op.outputs[0]
        dtype = output.dtype
        values: Values | None = None
        if is_quantized(op):
            values = quantized(op) if dtype == op.inputs[0].dtype else None
            if values is not None:
                values |= dict(zip(("low", "high"), activation_range(op, output), strict=True)) | _zero_points(op)
        elif is_float(dtype) and op.options.fused_activation_function != "TANH":
            values = dict(zip(("least", "greatest"), real_range(op, dtype), strict=True))
        elif dtype in (np.int32, np.int64):
            values = dict(zip(("low", "high"), plain_range(op, dtype), strict=True))
        if values is None:
            low.host(op)
        else:
            lower_binary(low, op, kind, **values)

    return through_table(lower)


def _zero_points(op: Operator) -> Values:
    (first, second), output = op.inputs, op.outputs[0]
    return {"first_zero_point": first.zero_point, "second_zero_point": second.zero_point, "zero_point": output.zero_point}


def _scaled(result: Multiplier, first: Multiplier = _NONE, second: Multiplier = _NONE) -> Values:
    """The fields of the multipliers of the result and of the operands."""
    parts = {"": result, "first_": first, "second_": second}
    return {f"{name}{part}": value for name, m in parts.items() for part, value in (("multiplier", m.mantissa), ("shift", m.shift))}


def _short(op: Operator, multiplier: Multiplier, reach: int) -> Multiplier | None:
    """A multiplier as the kernels apply it to 8 bits; None where they cannot."""
    return multiplier if op.outputs[0].dtype == np.int16 else small_rescale(multiplier, reach)


def _sum_params(op: Operator) -> Values | None:
    shifts = power_of_two_shifts(op)
    if shifts is not None:
        return {"variant": "shifted_s16", "first_shift": shifts[0], "second_shift": shifts[1]}
    operands, twice = _shared_step(op)
    headroom = _headroom(op.outputs[0].dtype)
    # Both multipliers are one half at most, so that the sum is not greater than the shifted operands were.
    first, second = (_short(op, m, 255 << headroom) or _NONE for m in operands)
    result = _short(op, Multiplier.of(twice / 2**headroom / np.float64(op.outputs[0].scale)), 255 << headroom)
    if result is None:
        return None
    return {"headroom": headroom} | _scaled(result, first, second)


def _product_params(op: Operator) -> Values | None:
    multiplier = _short(op, Multiplier.of(_product_scale(op)), 255 * 255)
    return None if multiplier is None else _scaled(multiplier)


def lower_divide(low: Any, op: Operator) -> None:
    """Divisors of integers are looked at first."""
    if not is_float(op.outputs[0].dtype):
        require(low, op, 1, excluded=op.inputs[1].zero_point if is_quantized(op) else 0)
    lower_arithmetic(DIV, _quotient_params)(low, op)


def _quotient_params(op: Operator) -> Values | None:
    multiplier = _quotient_multiplier(op)
    return _scaled(multiplier) if multiplier.shift <= 31 else None


def lower_floor(kind: Kernel) -> Lowering:
    """The lowering of FLOOR_DIV and FLOOR_MOD: divisors of integers are looked at first."""

    def lower(low: Any, op: Operator) -> None:
        if not is_float(op.outputs[0].dtype):
            require(low, op, 1, excluded=0)
        lower_binary(low, op, kind)

    return through_table(lower)


def lower_power(low: Any, op: Operator) -> None:
    """Exponents of integers are looked at first."""
    if not is_float(op.outputs[0].dtype):
        require(low, op, 1, least=0)
    lower_binary(low, op, POW)


def lower_squared_difference(low: Any, op: Operator) -> None:
    """As it is stored, or in steps that both operands share."""
    if not is_quantized(op):
        lower_binary(low, op, SQUARED_DIFFERENCE)
        return
    operands, twice = _shared_step(op)
    output, step = op.outputs[0], twice / 2**_SQUARED_HEADROOM
    first, second = (small_rescale(m, 255 << _SQUARED_HEADROOM) or _NONE for m in operands)
    values: Values = _zero_points(op) | _scaled(Multiplier.of(step * step / np.float64(output.scale)), first, second)
    values |= {"headroom": _SQUARED_HEADROOM, "low": limits(output.dtype)[0], "high": limits(output.dtype)[1]}
    lower_binary(low, op, SQUARED_DIFFERENCE, **values)


def lower_add_n(low: Any, op: Operator) -> None:
    """A sum of two, to which the others are added."""
    target, spec = low.define(op.outputs[0]), low.spec(op.outputs[0])
    value, *rest = map(low.value, op.inputs)
    least, greatest = limits(np.dtype(np.int32))
    for other in rest:
        values = {"low": least, "high": greatest, "least": -np.inf, "greatest": np.inf}
        emit_binary(low, ADD, SUFFIXES[spec.dtype], op, (value, spec.shape), (other, spec.shape), target, **values)
        value = target


# ADD and SUB.


def add(op: Operator, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """x + y. float, integers (which wrap), or quantized int8, uint8 and int16."""
    return _sum(op, x, y, np.add)


def subtract(op: Operator, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """x - y, as `add`."""
    return _sum(op, x, y, np.subtract)


def _sum(op: Operator, x: np.ndarray, y: np.ndarray, combine: np.ufunc) -> np.ndarray:
    if not is_quantized(op):
        return activate(op, combine(x, y))
    shifts = power_of_two_shifts(op)
    if shifts is not None:
        return activate_steps(op, combine(divide_by_pot(x, shifts[0]), divide_by_pot(y, shifts[1])))
    a, b, step = _on_one_scale(op, x, y, headroom=_headroom(x.dtype))
    return activate_steps(op, rescale(combine(a, b), Multiplier.of(step / np.float64(op.outputs[0].scale))))


def _headroom(dtype: np.dtype) -> int:
    """Bits that terms of a sum are shifted to the left by."""
    return 15 if dtype == np.int16 else 20


def power_of_two_shifts(op: Operator) -> tuple[int, int] | None:
    """Right shifts that bring int16 inputs to the output's scale where all scales are powers of two; None where the general way is due."""
    if op.outputs[0].dtype != np.int16 or not op.options.pot_scale_int16:
        return None
    first, second, result = (exponent_of(t.scale) for t in (*op.inputs, *op.outputs))
    if first is None or second is None or result is None:
        return None
    shifts = result - first, result - second
    return shifts if min(shifts) == 0 and max(shifts) < 32 else None


def _sum_version(op: Operator, general_int16: int, **versions: int) -> int:
    x = op.inputs[0]
    if x.dtype == np.int16 and x.is_quantized and not op.options.pot_scale_int16:
        return general_int16
    return version_by_type(**versions)(op)


def add_version(op: Operator) -> int:
    """The general int16 scales of version 3 are not those of version 1, whose scales are powers of two; 5 is for plain int16."""
    return _sum_version(op, 3, f16=6, s16=1 if op.inputs[0].is_quantized else 5, i64=4, s8=2)


def subtract_version(op: Operator) -> int:
    """5 for general int16 scales, 3 for broadcasting in more than four dimensions."""
    return max(_sum_version(op, 5, i64=4, s8=2), 3 if is_wide_broadcast(op) else 1)


# MUL and DIV.


def infer_multiply(op: Operator, x: Spec, y: Spec) -> Spec:
    """As ADD; complex numbers know no activation, and quantized int16 gives int8 or uint8 as well."""
    if x.dtype == np.complex64 and op.options.fused_activation_function != "NONE":
        raise op.error(
            f"complex64 with the fused activation {op.options.fused_activation_function}; needed is NONE, put the activation after it"
        )
    return _infer_narrowing(op, x, y) if _is_narrowing(op) else infer_arithmetic(op, x, y)


def _is_narrowing(op: Operator) -> bool:
    return bool(op.outputs and op.inputs[0].dtype == np.int16 and op.outputs[0].dtype in (np.int8, np.uint8))


def _infer_narrowing(op: Operator, x: Spec, y: Spec) -> Spec:
    """int16 of one shape to 8 bits, in fixed point: both inputs count as Q0.15, the output as Q0.7."""
    same_type(op, x, y)
    if x.shape != y.shape:
        raise op.error(f"int16 of {list(x.shape)} and {list(y.shape)} give {op.outputs[0].dtype} in one shape only; insert a BROADCAST_TO")
    if not are_quantized(op, *op.inputs, *op.outputs) or exponent_of(_product_scale(op)) != -23:
        raise op.error("int16 gives 8 bits where the scales of the product and the output are as 2**-30 to 2**-7; QUANTIZE afterwards")
    check_activation(op, op.outputs[0].dtype)
    return Spec(x.shape, op.outputs[0].dtype)


def _product_scale(op: Operator) -> np.float32:
    """How many output steps the product of one step of each input is worth. In float32, as TensorFlow Lite's kernel computes it."""
    first, second = op.inputs
    scale: np.float32 = first.scale * second.scale / op.outputs[0].scale
    return scale


def multiply(op: Operator, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """x * y. float, integers (which wrap), complex64, or quantized int8, uint8 and int16; int16 may give int8 or uint8."""
    if not is_quantized(op):
        return activate(op, np.multiply(x, y))
    if _is_narrowing(op):
        return activate_steps(op, divide_by_pot(gemmlowp.multiply(x, y, width=16), 8))
    first, second = op.inputs
    return activate_steps(op, rescale(centred(x, first) * centred(y, second), Multiplier.of(_product_scale(op))))


def multiply_version(op: Operator) -> int:
    """By type; 3 also says that the product's scale may exceed the output's."""
    x, y = op.inputs
    if x.dtype == np.int16:
        return 4 if x.is_quantized else 7
    by_type = version_by_type(f16=8, u32=7, c64=6, i64=5, s8=2)(op)
    if by_type <= 2 and x.is_quantized and y.is_quantized and op.outputs[0].is_quantized:
        return 3 if _product_scale(op) >= 1 else by_type
    return by_type


def divide(op: Operator, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """x / y: float; integers round toward zero; quantized int8, uint8 and int16. Integers divided by zero raise OpError."""
    if x.dtype.kind == "f":
        return activate(op, np.divide(x, y))
    if is_quantized(op):
        return _divide_quantized(op, centred(x, op.inputs[0]), centred(y, op.inputs[1]))
    _refuse_zero(op, y)
    a, b = x.astype(np.int64), y.astype(np.int64)
    quotient = np.abs(a) // np.abs(b) * np.sign(a) * np.sign(b)
    return activate(op, quotient.astype(x.dtype))


def _divide_quantized(op: Operator, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    _refuse_zero(op, b)
    a, b = a * np.sign(b), np.abs(b)
    # 1 / b = inverse * 2**-exponent, the inverse of a number in [1, 2) in Q0.
    exponent = gemmlowp.bit_length(b) - 1
    inverse = gemmlowp.one_over_one_plus_x((b << (31 - exponent)) - (1 << 31))
    headroom = 31 - gemmlowp.bit_length(np.where(a < 0, ~a, a))
    quotient = doubling_high_mul(a << headroom, inverse)
    mantissa, shift = _quotient_multiplier(op)
    return activate_steps(op, rescale(quotient, (np.array(mantissa), shift - exponent - headroom)))


def _quotient_multiplier(op: Operator) -> Multiplier:
    """How many output steps the quotient of one step of each input is worth."""
    first, second = op.inputs
    return Multiplier.of(first.scale / (second.scale * op.outputs[0].scale))


def _refuse_zero(op: Operator, y: np.ndarray) -> None:
    if not y.all():
        raise op.error("an integer is divided by zero; keep zeros out of the divisor, or divide in float")


# The others.


_SQUARED_HEADROOM = 7
"""Bits that terms of a difference that is to be squared are shifted to the left by."""


def squared_difference(op: Operator, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(x - y)**2. float32, int32 (which wraps), or quantized int8."""
    if not is_quantized(op):
        return np.square(np.subtract(x, y))
    a, b, step = _on_one_scale(op, x, y, headroom=_SQUARED_HEADROOM)
    output = op.outputs[0]
    return requantize(np.square(a - b), Multiplier.of(step * step / np.float64(output.scale)), output)


def power(op: Operator, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """x ** y. float32, or int32 (which wraps) to powers that are not negative."""
    if x.dtype.kind == "i" and (y < 0).any():
        raise op.error("an integer is raised to a negative power; keep exponents at 0 or above, or compute in float")
    return np.power(x, y)


def floor_divide(op: Operator, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The greatest whole number not above x / y. float32, int8, int16, int32. Integers divided by zero raise OpError."""
    if x.dtype.kind == "f":
        return np.floor(x.astype(np.float64) / y).astype(x.dtype)
    _refuse_zero(op, y)
    return np.floor_divide(x, y)


def floor_modulo(op: Operator, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """What FLOOR_DIV leaves; it has the divisor's sign. float32 and integers. Integers divided by zero raise OpError."""
    if x.dtype.kind != "f":
        _refuse_zero(op, y)
    remainder = np.fmod(x, y)
    return np.where((remainder != 0) & ((y < 0) != (remainder < 0)), remainder + y, remainder)


def maximum(op: Operator, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The greater of two stored values: quantized operands must have one scale. Beside a NaN it is y."""
    return np.where(x > y, x, y)


def minimum(op: Operator, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The lesser, as `maximum`."""
    return np.where(x < y, x, y)


def extremum_version(op: Operator) -> int:
    """By type; 3 says that it broadcasts in more than four dimensions."""
    return max(version_by_type(s16=4, s8=2)(op), 3 if is_wide_broadcast(op) else 1)


def infer_atan2(op: Operator, y: Spec, x: Spec) -> Spec:
    """Both inputs have one shape: this operator does not broadcast."""
    if y.shape != x.shape:
        raise op.error(f"the inputs are {list(y.shape)} and {list(x.shape)}, their shapes must be equal; insert a BROADCAST_TO")
    return infer_binary(op, y, x)


def atan2(op: Operator, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The angle of the point (x, y), in [-pi, pi]. Any float."""
    return np.arctan2(y, x)


def infer_add_n(op: Operator, *operands: Spec) -> Spec:
    """Two or more inputs of one shape and type."""
    if len(operands) < 2:
        raise op.error(f"found {len(operands)} inputs, needed are two or more; remove the operator")
    for x in operands:
        check_type(op, x)
        if x.shape != operands[0].shape:
            raise op.error(f"inputs are {list(operands[0].shape)} and {list(x.shape)}, all must have one shape; insert a BROADCAST_TO")
    same_type(op, *operands)
    return Spec(operands[0].shape, operands[0].dtype)


def add_n(op: Operator, *operands: np.ndarray) -> np.ndarray:
    """The sum of all inputs. float32 or int32, which wraps."""
    total = operands[0]
    for x in operands[1:]:
        total = np.add(total, x)
    return total


#: The converter's int16 sums have scales that are no powers of two.
_SUM = Integer(options={"s16": {"pot_scale_int16": False}}, unit=max)
_PRODUCT = Integer(unit=prod)

_register = partial(define, infer=infer_binary)
_register(
    "ADD",
    add,
    "f32 f16 s8 u8 s16 i32 i64",
    "AddOptions",
    infer=infer_arithmetic,
    version=add_version,
    lower=lower_arithmetic(ADD, _sum_params),
    integer=_SUM,
    gradient=fused(binary(lambda at, dy: (dy, dy))),
)
_register(
    "SUB",
    subtract,
    "f32 s8 u8 s16 i32 i64",
    "SubOptions",
    infer=infer_arithmetic,
    version=subtract_version,
    lower=lower_arithmetic(SUB, _sum_params),
    integer=_SUM,
    gradient=fused(binary(lambda at, dy: (dy, -dy))),
)
_register(
    "MUL",
    multiply,
    "f32 f16 s8 u8 s16 i32 u32 i64 c64",
    "MulOptions",
    infer=infer_multiply,
    version=multiply_version,
    lower=lower_arithmetic(MUL, _product_params),
    integer=_PRODUCT,
    gradient=fused(binary(lambda at, dy: (dy * at.input(1), dy * at.x))),
)
_register(
    "DIV",
    divide,
    "f32 s8 u8 s16 i32",
    "DivOptions",
    infer=infer_arithmetic,
    version=lambda op: 2 if is_wide_broadcast(op) else 1,
    lower=lower_divide,
    integer=OWN,
    gradient=fused(binary(derivatives.divide)),
)
_register(
    "SQUARED_DIFFERENCE",
    squared_difference,
    "f32 s8 i32",
    "SquaredDifferenceOptions",
    version=version_by_type(s8=2),
    lower=lower_squared_difference,
    integer=OWN,
    gradient=binary(derivatives.squared_difference),
)
_register("POW", power, "f32 i32", "PowOptions", lower=lower_power, gradient=binary(derivatives.power))
_register(
    "FLOOR_DIV",
    floor_divide,
    "f32 s8 s16 i32",
    "FloorDivOptions",
    version=version_by_type(s8=3, s16=3, f32=2),
    lower=lower_floor(FLOOR_DIV),
    gradient=flat,
)
_register(
    "FLOOR_MOD",
    floor_modulo,
    "f32 s8 s16 i32 i64",
    "FloorModOptions",
    version=version_by_type(s8=2, s16=2),
    lower=lower_floor(FLOOR_MOD),
    gradient=binary(derivatives.floor_modulo),
)
_register(
    "MAXIMUM",
    maximum,
    "f32 f16 bf16 s8 u8 s16 i32 i64",
    "MaximumMinimumOptions",
    version=extremum_version,
    lower=lower_stored(MAXIMUM),
    integer=SHARED,
    gradient=binary(derivatives.maximum),
)
_register(
    "MINIMUM",
    minimum,
    "f32 f16 bf16 s8 u8 s16 i32 i64",
    "MaximumMinimumOptions",
    version=extremum_version,
    lower=lower_stored(MINIMUM),
    integer=SHARED,
    gradient=binary(derivatives.minimum),
)
_register("ATAN2", atan2, "f32 f16 bf16 f64", infer=infer_atan2, lower=lower_stored(ATAN2), gradient=derivatives.atan2)
_register("ADD_N", add_n, "f32 i32", "AddNOptions", infer=infer_add_n, lower=lower_add_n, gradient=derivatives.add_n)
