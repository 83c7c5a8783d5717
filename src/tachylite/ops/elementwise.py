"""What elementwise operators share: the checks of their operands, their registration, and their lowering."""

from collections.abc import Callable
from ctypes import c_int32, c_int64
from math import prod
from typing import Any

import numpy as np

from tachylite.model.errors import OpError
from tachylite.model.graph import Operator

from . import channels, registry
from .arguments import SUFFIXES, check_type, same_type
from .broadcast import GRAIN, emit_binary, fits
from .cast import NARROW_FLOATS, convert
from .kernel import Kernel, Params, kernel
from .lut import emit_table, lower_table, stored_values
from .permute import elementwise
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
    register(
        OpDef(
            name,
            reference=reference,
            variants=tuple(variants.split()),
            options=options,
            **{"in_place": True, "permute": elementwise, "channels": channels.elementwise, **fields},
        )
    )


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


def lower_binary(low: Any, op: Operator, kind: Kernel, /, swapped: bool = False, variant: str | None = None, **values: Any) -> None:
    """One call on two operands as they are stored; narrow floats become float32 and back. swapped: the second comes first."""
    operands, target = [(low.value(t), low.spec(t)) for t in op.inputs], low.spec(op.outputs[0]).dtype
    dtype = operands[0][1].dtype
    narrow, wide = dtype in NARROW_FLOATS, np.dtype(np.float32)
    variant = "f32" if narrow else variant or SUFFIXES[dtype]
    if variant not in kind.variants or not fits(*(x.shape for _, x in operands)):
        low.host(op)
        return
    if narrow:
        operands = [(convert(low, op, value, dtype, wide, x.shape), x) for value, x in operands]
    a, b = ((value, x.shape) for value, x in (reversed(operands) if swapped else operands))
    if narrow and target == dtype:
        shape = low.spec(op.outputs[0]).shape
        result = low.temporary(Spec(shape, wide))
        emit_binary(low, kind, variant, op, a, b, result, **values)
        convert(low, op, result, wide, target, shape, low.define(op.outputs[0]))
    else:
        emit_binary(low, kind, variant, op, a, b, low.define(op.outputs[0]), **values)


def through_table(lower: Lowering) -> Lowering:
    """The lowering of an operator on two operands: a table, where one is a constant byte and the other bytes; else `lower`."""

    def lower_or_table(low: Any, op: Operator) -> None:
        if not _lower_byte_and_constant(low, op):
            lower(low, op)

    return lower_or_table


def _lower_byte_and_constant(low: Any, op: Operator) -> bool:
    inputs, output = [low.spec(t) for t in op.inputs], low.spec(op.outputs[0])
    if any(x.dtype.itemsize != 1 for x in (*inputs, output)) or sum(x.value is None for x in inputs) != 1:
        return False
    position = [x.value is None for x in inputs].index(True)
    if prod(inputs[1 - position].shape) != 1 or prod(inputs[position].shape) != prod(output.shape):
        return False
    arguments = [stored_values(x.dtype) if x.value is None else x.value.reshape(1) for x in inputs]
    try:
        with np.errstate(all="ignore"):
            table = registry.get(op).reference(op, *arguments)
    except OpError:
        return False  # not all bytes are allowed
    emit_table(low, op, low.value(op.inputs[position]), table, low.define(op.outputs[0]))
    return True


class RequireParams(Params):
    """Input `operand` must be `least` or above, and not `excluded`."""

    _fields_ = (("least", c_int64), ("excluded", c_int64), ("operand", c_int32))


REQUIRE = kernel("require", RequireParams, "s8", "u8", "s16", "i32", "i64")


def require(low: Any, op: Operator, operand: int, least: int | None = None, excluded: int | None = None) -> None:
    """Emit a check of an integer input, unless it is a constant that passes. Where it fails, the reference says why."""
    x = low.spec(op.inputs[operand])
    if x.value is not None and (least is None or (x.value >= least).all()) and (excluded is None or (x.value != excluded).all()):
        return
    least = np.iinfo(x.dtype).min if least is None else least
    params = RequireParams(least=least, excluded=least - 1 if excluded is None else excluded, operand=operand)
    inputs = [low.value(t) for t in op.inputs]
    low.call(REQUIRE, SUFFIXES[x.dtype], op, params, work=prod(x.shape), inputs=inputs, outputs=[], grain=GRAIN)
