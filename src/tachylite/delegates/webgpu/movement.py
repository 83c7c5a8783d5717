"""Data movement: an operator's own reference, run on positions in place of data, tells where each element of its result comes from.

Where positions are an affine function of the coordinates, as of a transposition, the shader computes them; else it has a table.
"""

from typing import Any

import numpy as np

from tachylite.model.graph import Operator, Tensor
from tachylite.ops import registry
from tachylite.ops.inference import as_list

from .kernels import KERNELS, Unsupported, required
from .shader import Map, affine

PLACES = """BATCH_TO_SPACE_ND BROADCAST_TO DEPTH_TO_SPACE EXPAND_DIMS MIRROR_PAD PAD RESHAPE RESIZE_NEAREST_NEIGHBOR REVERSE_V2
SLICE SPACE_TO_BATCH_ND SPACE_TO_DEPTH SPLIT SPLIT_V SQUEEZE STRIDED_SLICE TILE TRANSPOSE UNPACK""".split()
"""Operators that move one operand."""

JOINS = ("CONCATENATION", "PACK")
"""Operators that move several into one result."""

PADDING = 0
"""What stands, in place of a position, for an element that is not the operand's; positions count from 1."""


def positions(op: Operator) -> list[np.ndarray]:
    """For each output, where its elements come from: in the only operand that is no constant, or in all of them, one after another."""
    moved = [t for t in op.inputs if t is not None and (not t.is_constant or op.op in JOINS)]
    firsts = dict(zip(map(id, moved), np.cumsum([1, *(t.size for t in moved)]).tolist(), strict=False))

    def argument(tensor: Tensor | None) -> Any:
        if tensor is None:
            return None
        if id(tensor) in firsts:
            first = firsts[id(tensor)]
            return np.arange(first, first + tensor.size, dtype=np.int32).reshape(tensor.shape)
        return np.asarray(tensor.dense()) if tensor.dtype != np.float32 else np.full(tensor.shape, PADDING, np.int32)

    return as_list(registry.get(op).reference(op, *map(argument, op.inputs)))


def _move(op: Operator) -> dict[Tensor, Map]:
    operands = [t for t in op.inputs if t is not None and not t.is_constant]
    if len(operands) != 1 or operands[0].dtype != np.float32:
        raise Unsupported("moves by constant positions alone")
    return {output: _moved(operands[0], places) for output, places in zip(op.outputs, positions(op), strict=True)}


def _moved(operand: Tensor, places: np.ndarray) -> Map:
    m = Map(places.shape)
    data = m.operand(operand)
    if (places != PADDING).all() and (found := _affine(m, places - 1)) is not None:
        m.value = f"{data}[{found}]"
        return m
    at = m.let(f"{m.operand(places.astype(np.uint32))}[i]")
    m.value = f"select(0.0, {data}[max({at}, 1u) - 1u], {at} != {PADDING}u)"
    return m


def _affine(m: Map, places: np.ndarray) -> str | None:
    """The positions as an expression of the coordinates; None where they are no affine function with positive steps."""
    base = int(places.flat[0])
    steps = [int(places.take(1, axis).flat[0]) - base if size > 1 else 0 for axis, size in enumerate(places.shape)]
    lines = [step * np.arange(size) for step, size in zip(steps, places.shape, strict=True)]
    if min(steps, default=0) < 0 or not np.array_equal(base + sum(np.ix_(*lines)), places):
        return None
    if steps == [int(s) for s in np.cumprod([1, *places.shape[:0:-1]])[::-1]] and not base:
        return "i"
    return affine(base, [(c, step) for c, step in zip(m.coordinates(), steps, strict=True) if step])


def _join(op: Operator) -> dict[Tensor, Map]:
    """The operands in turn: which one an element comes from, a table says where the elements of each begin."""
    operands = [required(t) for t in op.inputs]
    if getattr(op.options, "fused_activation_function", "NONE") != "NONE":
        raise Unsupported("joins without a fused activation")
    (places,) = positions(op)
    m = Map(places.shape)
    at = m.let(f"{m.operand((places - 1).astype(np.uint32))}[i]")
    value, end = m.var("0.0"), sum(t.size for t in operands)
    for tensor in reversed(operands):
        end -= tensor.size
        m.add(f"{'if' if tensor is operands[-1] else 'else if'} ({at} >= {end}u) {{ {value} = {m.operand(tensor)}[{at} - {end}u]; }}")
    m.value = value
    return {op.outputs[0]: m}


KERNELS.update(dict.fromkeys(PLACES, _move) | dict.fromkeys(JOINS, _join))
