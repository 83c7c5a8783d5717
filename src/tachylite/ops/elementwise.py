"""What elementwise operators share: the checks of their operands, and their registration."""

from collections.abc import Callable
from typing import Any

import numpy as np

from tachylite.model.graph import Operator

from .arguments import check_type, same_type
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
