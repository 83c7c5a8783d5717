"""Comparisons, and operators on the bits of booleans and integers."""

from collections.abc import Callable
from functools import partial

import numpy as np

from tachylite.model.graph import Operator

from .arguments import version_by_type
from .elementwise import define, infer_binary, infer_predicate, infer_unary
from .fixedpoint import Multiplier, rescale
from .scales import are_quantized, centred

_ORDERED = "f32 f16 bf16 s8 u8 s16 i32 i64"


def comparison(relation: np.ufunc) -> Callable[..., np.ndarray]:
    """The reference of an operator that holds two tensors of one type against each other, with broadcasting; bool comes out."""

    def compare(op: Operator, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        if are_quantized(op, *op.inputs):
            # Real numbers in units of 1/256, rounded: numbers nearer than that count as equal.
            x, y = (rescale(centred(v, t) << 8, Multiplier.of(t.scale)) for v, t in zip((x, y), op.inputs, strict=True))
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


_register = partial(define, infer=infer_binary)
for _name, _relation, _options, _variants, _versions in (
    ("EQUAL", np.equal, "EqualOptions", f"{_ORDERED} bool str", {"s8": 2, "str": 3, "s16": 5}),
    ("NOT_EQUAL", np.not_equal, "NotEqualOptions", f"{_ORDERED} bool str", {"s8": 2, "str": 3, "s16": 4}),
    ("LESS", np.less, "LessOptions", _ORDERED, {"s8": 2, "s16": 3}),
    ("LESS_EQUAL", np.less_equal, "LessEqualOptions", _ORDERED, {"s8": 2}),
    ("GREATER", np.greater, "GreaterOptions", _ORDERED, {"s8": 2}),
    ("GREATER_EQUAL", np.greater_equal, "GreaterEqualOptions", _ORDERED, {"s8": 2, "s16": 3}),
):
    _register(
        _name, comparison(_relation), _variants, _options, infer=infer_predicate, version=version_by_type(**_versions), in_place=False
    )

_register("LOGICAL_AND", logical_and, "bool", "LogicalAndOptions")
_register("LOGICAL_OR", logical_or, "bool", "LogicalOrOptions")
_register("LOGICAL_NOT", logical_not, "bool", "LogicalNotOptions", infer=infer_unary)
_register("BITWISE_XOR", bitwise_xor, "s8 u8 s16 u16 i32 u32", "BitwiseXorOptions")
_register("RIGHT_SHIFT", right_shift, "s8 u8 s16 u16 i32 u32", "RightShiftOptions")
