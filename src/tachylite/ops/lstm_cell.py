"""The operands of an LSTM cell: where an operator keeps them, and what must hold between them.

    input  i = sigmoid(W_i x + R_i h + p_i c + b_i)        (coupled, CIFG: i = 1 - f)
    forget f = sigmoid(W_f x + R_f h + p_f c + b_f)
    cell   g = activation(W_g x + R_g h + b_g)
    c = clip(f c + i g)
    output o = sigmoid(W_o x + R_o h + p_o c + b_o)
    h = clip(P (o activation(c)) + b_P)                     (without a projection: o activation(c))

A cell with layer normalization puts norm(...) * n + b in place of ... + b.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from tachylite.model.graph import Operator

from .recurrent import Weights, expect, weights_of
from .registry import Spec, Specs

GATES = ("input", "forget", "cell", "output")
PEEPHOLES = ("input", "forget", "output")

#: How many consecutive inputs hold a cell: weights and recurrent weights (one each per gate), peepholes, biases, projection and its bias.
CELL_INPUTS = 17
#: The position of inputs that an operator never has.
NOWHERE = 1000


@dataclass(frozen=True)
class Gate:
    """The operands of one gate of n cells."""

    weights: Weights  # [n, inputs]
    recurrent: Weights  # [n, outputs], or the diagonal [n]
    bias: np.ndarray  # [n]
    peephole: Weights | None  # [n]
    norm: Weights | None  # [n]
    aux: Weights | None  # [n, auxiliary inputs]


@dataclass(frozen=True)
class Cell:
    """All operands. A coupled cell has no gate "input"."""

    gates: dict[str, Gate]
    projection: Weights | None  # [outputs, n]
    projection_bias: np.ndarray | None  # [outputs]


def cell_of(op: Operator, arrays: tuple[Any, ...], first: int, norm: int = NOWHERE, aux: int = NOWHERE) -> Cell:
    """The cell whose inputs start at `first`; norms and auxiliary weights, one per gate, start at `norm` and `aux`."""

    def weights(position: int) -> Weights | None:
        value = arrays[position] if position < len(arrays) else None
        return None if value is None else weights_of(op.inputs[position], value)

    gates = {}
    for i, name in enumerate(GATES):
        into, recurrent = weights(first + i), weights(first + 4 + i)
        if into is not None and recurrent is not None:
            peephole = weights(first + 8 + PEEPHOLES.index(name)) if name in PEEPHOLES else None
            gates[name] = Gate(into, recurrent, arrays[first + 11 + i], peephole, weights(norm + i), weights(aux + i))
    return Cell(gates, weights(first + 15), arrays[first + 16])


# Inference.


@dataclass(frozen=True)
class Kinds:
    """Types of a cell's operands; peepholes and norms are as given, or as the weights and as the biases."""

    state: type
    weights: tuple[type, ...]
    bias: type
    peephole: type | None = None
    norm: type | None = None


FLOAT = Kinds(np.float32, (np.float32, np.int8, np.uint8), np.float32)
INT8 = Kinds(np.int16, (np.int8,), np.int32, np.int16, np.int16)
INT16 = Kinds(np.int16, (np.int8,), np.int64)


@dataclass(frozen=True)
class Sizes:
    """n cells, and the width of h."""

    cells: int
    outputs: int


def check_cell(op: Operator, specs: Specs, first: int, inputs: int, kinds: Kinds, may_be_diagonal: bool = False) -> Sizes:
    """Raise OpError unless the inputs from `first` on make up a cell; its sizes."""
    output_weights, output_recurrent = specs[first + 3], specs[first + 7]
    if output_weights is None or output_recurrent is None or output_weights.rank != 2:
        raise op.error(f"found no matrices as weights of the output gate (inputs #{first + 3} and #{first + 7}); an LSTM needs them")
    cells = output_weights.shape[0]
    sizes = Sizes(cells, output_recurrent.shape[-1] if output_recurrent.rank == 2 else cells)
    expect(op, first + 3, "output gate weights", output_weights, (cells, inputs), *kinds.weights)
    kind = output_weights.dtype
    for i, name in enumerate(GATES):
        if not (name == "input" and _is_coupled(op, specs, first)):
            expect(op, first + i, f"{name} gate weights", specs[first + i], (cells, inputs), kind)
            _check_recurrent(op, first + 4 + i, specs[first + 4 + i], sizes, kind, may_be_diagonal)
            expect(op, first + 11 + i, f"{name} gate bias", specs[first + 11 + i], (cells,), kinds.bias)
    _check_peepholes(op, specs, first, cells, kinds.peephole or kind)
    _check_projection(op, specs, first, sizes, kind, kinds.bias)
    if op.options.cell_clip < 0 or op.options.proj_clip < 0:
        raise op.error(f"found clips of {op.options.cell_clip} and {op.options.proj_clip}; none may be negative, 0 means no clip")
    return sizes


def _check_recurrent(op: Operator, position: int, spec: Spec | None, sizes: Sizes, kind: np.dtype, may_be_diagonal: bool) -> None:
    if may_be_diagonal and spec is not None and spec.rank == 1 and sizes.outputs == sizes.cells:
        expect(op, position, "diagonal of recurrent weights", spec, (sizes.cells,), np.float32)
    else:
        expect(op, position, "recurrent weights", spec, (sizes.cells, sizes.outputs), kind)


def _is_coupled(op: Operator, specs: Specs, first: int) -> bool:
    """Whether the input gate is left out: all of it or nothing."""
    present = [specs[i] is not None for i in (first, first + 4, first + 11)]
    if any(present) != all(present):
        raise op.error(f"found part of an input gate (inputs #{first}, #{first + 4} and #{first + 11}); give all three of them or none")
    return not any(present)


def _check_peepholes(op: Operator, specs: Specs, first: int, cells: int, kind: np.dtype | type) -> None:
    positions = [first + 8 + i for i, name in enumerate(PEEPHOLES) if not (name == "input" and specs[first] is None)]
    if any(specs[i] is not None for i in positions):
        for i in positions:
            expect(op, i, "peephole weights", specs[i], (cells,), kind)


def _check_projection(op: Operator, specs: Specs, first: int, sizes: Sizes, kind: np.dtype, bias_kind: type) -> None:
    projection, bias = specs[first + 15], specs[first + 16]
    if projection is not None:
        expect(op, first + 15, "projection weights", projection, (sizes.outputs, sizes.cells), kind)
    elif sizes.outputs != sizes.cells:
        raise op.error(f"found {sizes.cells} cells and {sizes.outputs} outputs; they need projection weights (input #{first + 15})")
    if bias is not None:
        if projection is None:
            raise op.error(f"found a projection bias (input #{first + 16}) without projection weights; give both or neither")
        expect(op, first + 16, "projection bias", bias, (sizes.outputs,), bias_kind)


def check_norms(op: Operator, specs: Specs, first: int, cells: int, kinds: Kinds) -> None:
    """Raise OpError unless the inputs from `first` on hold a norm for every gate, or for none."""
    if any(spec is not None for spec in specs[first : first + 4]):
        for i, name in enumerate(GATES):
            if not (name == "input" and specs[1] is None):
                expect(op, first + i, f"{name} gate layer norm", specs[first + i], (cells,), kinds.norm or kinds.bias)
