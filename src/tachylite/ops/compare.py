"""Comparisons, and operators on the bits of booleans and integers."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from tachylite.model.graph import Operator

from .arguments import version_by_type
from .arithmetic import lower_stored
from .broadcast import BroadcastParams, emit_binary
from .copy import width
from .elementwise import Lowering, define, infer_binary, infer_predicate, infer_unary, lower_binary, through_table
from .fixedpoint import Multiplier, rescale
from .integer import OWN, Integer
from .kernel import Kernel, kernel
from .lut import lower_table
from .registry import Spec
from .rescaling import requantize_call
from .scales import are_quantized, centred

_UNIT_BITS = 8
"""Bits of the fraction in which quantized numbers are compared."""

_ORDERED = "f32 f16 bf16 s8 u8 s16 i32 i64"


def comparison(relation: np.ufunc) -> Callable[..., np.ndarray]:
    """The reference of an operator that holds two tensors of one type against each other, with broadcasting; bool comes out."""

    def compare(op: Operator, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        if are_quantized(op, *op.inputs):
            # Real numbers in units of 1/256, rounded: numbers nearer than that count as equal.
            x, y = (rescale(centred(v, t) << _UNIT_BITS, Multiplier.of(t.scale)) for v, t in zip((x, y), op.inputs, strict=True))
        return np.asarray(relation(x, y), np.bool_)

    return compare


def bitwise_xor(op: Operator, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The bits in which two integers differ."""
    return np.bitwise_xor(x, y)


def right_shift(op: Operator, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """x / 2**y, rounded down. Amounts outside the width of x count as the nearest that is inside."""
    return np.right_shift(x, np.clip(y, 0, 8 * x.itemsize - 1))


def logical_and(op: Operator, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Whether both are true."""
    return np.logical_and(x, y)


def logical_or(op: Operator, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Whether one is true."""
    return np.logical_or(x, y)


def logical_not(op: Operator, x: np.ndarray) -> np.ndarray:
    """Whether it is false."""
    return np.logical_not(x)


# Natively.

EQUAL = kernel("equal", BroadcastParams, "f32", "u8", "s16", "i32", "i64")
NOT_EQUAL = kernel("not_equal", BroadcastParams, "f32", "u8", "s16", "i32", "i64")
LESS = kernel("less", BroadcastParams, "f32", "s8", "u8", "s16", "i32", "i64")
LESS_EQUAL = kernel("less_equal", BroadcastParams, "f32", "s8", "u8", "s16", "i32", "i64")
AND = kernel("and", BroadcastParams, "b8", "b16", "b32", "b64")
OR = kernel("or", BroadcastParams, "b8")
XOR = kernel("xor", BroadcastParams, "b8", "b16", "b32")
RIGHT_SHIFT = kernel("right_shift", BroadcastParams, "s8", "u8", "s16", "u16", "i32", "u32")


def lower_comparison(kind: Kernel, swapped: bool = False) -> Lowering:
    """The lowering of `comparison`; swapped: of the relation that holds for the operands the other way round."""

    def lower(low: Any, op: Operator) -> None:
        x = low.spec(op.inputs[0])
        if x.dtype.hasobject:
            low.host(op)
        elif are_quantized(op, *op.inputs):
            a, b = ((_in_units(low, op, t), low.spec(t).shape) for t in (reversed(op.inputs) if swapped else op.inputs))
            emit_binary(low, kind, "i32", op, a, b, low.define(op.outputs[0]))
        else:
            same_bits = kind in (EQUAL, NOT_EQUAL) and x.dtype.itemsize == 1
            lower_binary(low, op, kind, swapped, "u8" if same_bits else None)

    return through_table(lower)


def _in_units(low: Any, op: Operator, tensor: Any) -> int:
    """The real numbers of a quantized operand as `comparison` holds them."""
    result = low.temporary(Spec(low.spec(tensor).shape, np.dtype(np.int32)))
    requantize_call(low, op, low.value(tensor), result, Multiplier.of(tensor.scale), (tensor.zero_point, 0), headroom=_UNIT_BITS)
    return int(result)


def lower_bits(kind: Kernel) -> Lowering:
    """The lowering of an operator that takes elements as bits."""
    return through_table(lambda low, op: lower_binary(low, op, kind, variant=width(low.spec(op.inputs[0]).dtype)))


_register = partial(define, infer=infer_binary)
for _name, _relation, _options, _variants, _versions, _lower in (
    ("EQUAL", np.equal, "EqualOptions", f"{_ORDERED} bool str", {"s8": 2, "str": 3, "s16": 5}, lower_comparison(EQUAL)),
    ("NOT_EQUAL", np.not_equal, "NotEqualOptions", f"{_ORDERED} bool str", {"s8": 2, "str": 3, "s16": 4}, lower_comparison(NOT_EQUAL)),
    ("LESS", np.less, "LessOptions", _ORDERED, {"s8": 2, "s16": 3}, lower_comparison(LESS)),
    ("LESS_EQUAL", np.less_equal, "LessEqualOptions", _ORDERED, {"s8": 2}, lower_comparison(LESS_EQUAL)),
    ("GREATER", np.greater, "GreaterOptions", _ORDERED, {"s8": 2}, lower_comparison(LESS, swapped=True)),
    ("GREATER_EQUAL", np.greater_equal, "GreaterEqualOptions", _ORDERED, {"s8": 2, "s16": 3}, lower_comparison(LESS_EQUAL, swapped=True)),
):
    _register(
        _name,
        comparison(_relation),
        _variants,
        _options,
        infer=infer_predicate,
        version=version_by_type(**_versions),
        in_place=False,
        lower=_lower,
        # LiteRT takes int16 for plain integers where it has no version for it.
        integer=OWN if "s16" in _versions else Integer(("s8", "u8")),
    )

_register("LOGICAL_AND", logical_and, "bool", "LogicalAndOptions", lower=lower_bits(AND))
_register("LOGICAL_OR", logical_or, "bool", "LogicalOrOptions", lower=lower_bits(OR))
_register("LOGICAL_NOT", logical_not, "bool", "LogicalNotOptions", infer=infer_unary, lower=lower_table)
_register("BITWISE_XOR", bitwise_xor, "s8 u8 s16 u16 i32 u32", "BitwiseXorOptions", lower=lower_bits(XOR))
_register("RIGHT_SHIFT", right_shift, "s8 u8 s16 u16 i32 u32", "RightShiftOptions", lower=lower_stored(RIGHT_SHIFT))
