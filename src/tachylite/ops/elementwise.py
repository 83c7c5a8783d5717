"""What elementwise operators share: the checks of their operands, their registration, and the lowering of those with one operand."""

from collections.abc import Callable
from ctypes import c_int32, c_int64
from math import prod
from typing import Any

import numpy as np

from tachylite.model.graph import Operator

from .arguments import SUFFIXES, check_type, same_type
from .broadcast import GRAIN
from .cast import NARROW_FLOATS, convert
from .kernel import Kernel, Params, kernel
from .lut import lower_table
from .registry import OpDef, Spec, broadcast_shapes, register
from .scales import are_quantized


def infer_unary(op: Operator, x: Spec) -> Spec:
    """The output is shaped and typed like the input."""
    return _infer(op, x)


def infer_binary(op: Operator, x: Spec, y: Spec) -> Spec:
    """Two inputs of one type, broadcast; the output has that type too."""
    return _infer(op, x, y)


def infer_predicate(op: Operator, x: Spec, y: Spec) -> Spec:
    """Two inputs of one type, broadcast; the output is bool."""
    are_quantized(op, *op.inputs)
    return Spec(_broadcast(op, x, y), np.dtype(np.bool_))


def _infer(op: Operator, *operands: Spec) -> Spec:
    shape, dtype = _broadcast(op, *operands), operands[0].dtype
    for output in op.outputs[:1]:
        if output.dtype != dtype:
            raise op.error(f"the output is {output.dtype}, the input {dtype}; they must be of one type, insert a CAST or QUANTIZE")
    is_quantized(op)
    return Spec(shape, dtype)


def _broadcast(op: Operator, *operands: Spec) -> tuple[int, ...]:
    for x in operands:
        check_type(op, x)
    same_type(op, *operands)
    return broadcast_shapes(op, *(x.shape for x in operands))


def is_quantized(op: Operator) -> bool:
    """Whether all inputs and outputs are (see `are_quantized`)."""
    return are_quantized(op, *op.inputs, *op.outputs)


def is_wide_broadcast(op: Operator) -> bool:
    """Whether the inputs broadcast in more than four dimensions: several operators count that as a version of its own."""
    shapes = [t.shape for t in op.inputs if t is not None]
    return len(set(shapes)) > 1 and max(map(len, shapes)) > 4


def define(name: str, reference: Callable[..., np.ndarray], variants: str, options: str | None = None, **fields: Any) -> None:
    """Register an elementwise operator; `variants` are dtype suffixes between blanks."""
    register(OpDef(name, reference=reference, variants=tuple(variants.split()), options=options, **{"in_place": True, **fields}))


# Natively.


Lowering = Callable[[Any, Operator], None]


def lower_unary(kind: Kernel, params: Callable[[Operator], Params] | None = None, int16: Lowering | None = None) -> Lowering:
    """The lowering of a function of one element: a table for bytes, a kernel for the rest. int16: another one for quantized int16."""

    def lower(low: Any, op: Operator) -> None:
        dtype = low.spec(op.inputs[0]).dtype
        if dtype.itemsize == 1:
            lower_table(low, op)
        elif dtype == np.int16 and int16 and is_quantized(op):
            int16(low, op)
        else:
            lower_plain(low, op, kind, params(op) if params else None)

    return lower


def lower_plain(low: Any, op: Operator, kind: Kernel, params: Params | None = None) -> None:
    """One call on elements as they are stored; narrow floats become float32 and back."""
    x, work = low.spec(op.inputs[0]), low.size(op.outputs[0])
    if x.dtype not in NARROW_FLOATS:
        low.call(kind, SUFFIXES[x.dtype], op, params, work=work, grain=GRAIN)
        return
    wide = np.dtype(np.float32)
    source = convert(low, op, low.value(op.inputs[0]), x.dtype, wide, x.shape)
    result = low.temporary(Spec(x.shape, wide))
    low.call(kind, "f32", op, params, work=work, inputs=[source], outputs=[result], grain=GRAIN)
    convert(low, op, result, wide, x.dtype, x.shape, low.define(op.outputs[0]))


class RequireParams(Params):
    """Input `operand` must be `least` or above, and not `excluded`."""

    _fields_ = (("least", c_int64), ("excluded", c_int64), ("operand", c_int32))


REQUIRE = kernel("require", RequireParams, "s8", "u8", "s16", "i32", "i64")


def require(low: Any, op: Operator, operand: int, least: int | None = None, excluded: int | None = None) -> None:
    """Emit a check of an integer input. Where it fails, the reference says why."""
    x = low.spec(op.inputs[operand])
    least = np.iinfo(x.dtype).min if least is None else least
    params = RequireParams(least=least, excluded=least - 1 if excluded is None else excluded, operand=operand)
    inputs = [low.value(t) for t in op.inputs]
    low.call(REQUIRE, SUFFIXES[x.dtype], op, params, work=prod(x.shape), inputs=inputs, outputs=[], grain=GRAIN)
