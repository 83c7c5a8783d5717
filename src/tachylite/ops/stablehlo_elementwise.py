"""StableHLO's elementwise operators, and the computations of two elements that its reductions are built from."""

from typing import Any

import numpy as np

from tachylite.model.dtypes import limits
from tachylite.model.graph import Operator

from .arithmetic import ADD, MAXIMUM, MINIMUM, MUL
from .broadcast import BroadcastParams
from .compare import AND, lower_bits
from .elementwise import Lowering, lower_binary
from .kernel import Kernel, kernel
from .registry import OpDef, Spec, register, same_shape


def check_numbers(op: Operator, x: Spec) -> None:
    """Refuse what cannot be computed with."""
    if x.dtype.kind not in "fiub":
        raise op.error(f"the operand is {x.dtype}, it must be real numbers or bool; insert a CAST")


def _infer(op: Operator, x: Spec, y: Spec) -> Spec:
    check_numbers(op, x)
    if (x.shape, x.dtype) != (y.shape, y.dtype):
        found = f"{x.dtype}{list(x.shape)} and {y.dtype}{list(y.shape)}"
        raise op.error(f"inputs are {found}, both must be of one type and shape; insert a CAST or a BROADCAST_TO")
    return same_shape(op, x)


def _infer_bitwise(op: Operator, x: Spec, y: Spec) -> Spec:
    if x.dtype.kind not in "iub":
        raise op.error(f"inputs are {x.dtype}, they must be integers or bool; insert a CAST")
    return _infer(op, x, y)


def _register(name: str, function: np.ufunc, variants: tuple[str, ...], infer: Any = _infer, **fields: Any) -> None:
    # Integers wrap around; of bool, a sum is OR and a product AND.
    register(OpDef(name, infer, lambda op, x, y: function(x, y), variants=variants, in_place=True, **fields))


# Natively.

LEFT_SHIFT = kernel("left_shift", BroadcastParams, "b8", "b16", "b32")


def lower_wide(kind: Kernel, *more: type) -> Lowering:
    """The lowering of wide integers and `more` types by a kernel that may fuse an activation, which here lets everything through."""

    def lower(low: Any, op: Operator) -> None:
        dtype = low.spec(op.inputs[0]).dtype
        if dtype in (np.int32, np.int64, *more):
            least, greatest = limits(dtype)
            lower_binary(low, op, kind, low=least, high=greatest, least=-np.inf, greatest=np.inf)
        else:
            low.host(op)

    return lower


NUMBERS = ("f16", "f32", "f64", "s8", "s16", "i32", "i64", "u8", "u16", "u32", "u64", "bool")
_register("STABLEHLO_ADD", np.add, NUMBERS, lower=lower_wide(ADD, np.float32, np.float16))
_register("STABLEHLO_MULTIPLY", np.multiply, NUMBERS, lower=lower_wide(MUL, np.float32, np.float16))
_register("STABLEHLO_MAXIMUM", np.maximum, NUMBERS, lower=lower_wide(MAXIMUM, np.int8, np.uint8, np.int16))
_register("STABLEHLO_MINIMUM", np.minimum, NUMBERS, lower=lower_wide(MINIMUM, np.int8, np.uint8, np.int16))
_register("STABLEHLO_AND", np.bitwise_and, NUMBERS[3:], _infer_bitwise, lower=lower_bits(AND))
_register(
    "STABLEHLO_SHIFT_LEFT",
    np.left_shift,
    ("s8", "s16", "i32"),
    _infer_bitwise,
    options="StablehloShiftLeftOptions",
    lower=lower_bits(LEFT_SHIFT),
)


COMPUTATIONS: dict[str, np.ufunc] = {
    "ADD": np.add,
    "STABLEHLO_ADD": np.add,
    "MUL": np.multiply,
    "STABLEHLO_MULTIPLY": np.multiply,
    "MAXIMUM": np.maximum,
    "STABLEHLO_MAXIMUM": np.maximum,
    "MINIMUM": np.minimum,
    "STABLEHLO_MINIMUM": np.minimum,
    "LOGICAL_AND": np.bitwise_and,
    "STABLEHLO_AND": np.bitwise_and,
    "LOGICAL_OR": np.bitwise_or,
    "STABLEHLO_OR": np.bitwise_or,
}


def computation(op: Operator) -> np.ufunc | None:
    """What the operator's subgraph does with two elements; None where it has no operator and just takes the second."""
    body = op.subgraphs[0].operators if op.subgraphs else None
    if body is None or len(body) > 1 or any(inner.op not in COMPUTATIONS for inner in body):
        found = "none" if body is None else ", ".join(inner.op for inner in body)
        raise op.error(f"its computation is {found}, it must be at most one of {', '.join(COMPUTATIONS)}; simplify it")
    return COMPUTATIONS[body[0].op] if body else None
