"""What an operator asks of its operands so that it can compute with quantized integers: the contract of `OpDef.integer`.

The operands meant are the float32 ones; indices, shapes and conditions stay as they are. `compress/` lives by it, and follows TensorFlow
Lite's quantization specification: weights are symmetric, biases count steps of input times weight, int16 activations are symmetric.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any, NamedTuple

import numpy as np

from tachylite.model.graph import Operator

Rows = Callable[[Operator, np.ndarray, int], np.ndarray]


class Grid(NamedTuple):
    """One scale and zero point."""

    scale: float
    zero_point: int


@dataclass(frozen=True)
class Memory:
    """The state that a recurrent operator keeps between steps.

    output: position of the state that is also the output, whose grid it has.
    cell: position of the cell's state, int16 in steps of a power of two; exponents: its least and its greatest.
    values: `values(op, x)` gives all that the cell's state is, from zeros on, for the float input x.
    intermediates: how many there are; the last has the output's grid, the others are empty.
    without: positions of inputs that the integer form does not know.
    """

    output: int
    cell: int
    exponents: tuple[int, int]
    values: Callable[[Operator, np.ndarray], np.ndarray]
    intermediates: int
    without: tuple[int, ...]


@dataclass(frozen=True)
class Integer:
    """How an operator computes on quantized integers.

    types: of its activations, in the words of `OpDef.variants`; only those count that are among the variants.
    weights: positions of inputs that, where they are constants, are weights; with the axis along which each slice may have a scale of its
        own, None where one scale serves all.
    biases: positions of biases, each with that of the weights in whose steps (times those of the input) it is counted.
    shared: all operands and outputs have one scale; where not, each has its own.
    output: by type, the only grid that the output can have.
    options: by type, the options that this type needs.
    any_type: it looks at no element, so that it takes its input as it comes.
    computed: all of LiteRT's kernels take integer weights that another operator computes, as DENSIFY does.
    rows: `rows(op, x, most)` gives what the weights multiply, about `most` rows of it, evenly chosen: float32 [groups, rows, depth], for
        weights whose axis comes first and that are then [groups, outputs, depth].
    memory: of a recurrent operator.
    unit: from the scales of its operands, weights among them, to that in which it counts its results before they are rounded.
    least: of the scales of its inputs.
    """

    types: tuple[str, ...] = ("s8", "u8", "s16")
    weights: Mapping[int, int | None] = field(default_factory=dict)
    biases: Mapping[int, int] = field(default_factory=dict)
    shared: bool = False
    output: Mapping[str, Grid] = field(default_factory=dict)
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    any_type: bool = False
    computed: bool = False
    rows: Rows | None = None
    memory: Memory | None = None
    unit: Callable[[Sequence[float]], float] | None = None
    least: float = 0.0


OWN = Integer()
"""Every operand and output has a scale of its own."""

SHARED = Integer(shared=True)
"""Elements are moved or compared as they are stored."""

SHAPE_ONLY = Integer(any_type=True)
"""Only the shape counts."""

PROBABILITY = Integer(output={"s8": Grid(1 / 256, -128), "u8": Grid(1 / 256, 0), "s16": Grid(1 / 32768, 0)})
"""Outputs from 0 to 1."""

UNIT = Integer(output={"s8": Grid(1 / 128, 0), "u8": Grid(1 / 128, 128), "s16": Grid(1 / 32768, 0)})
"""Outputs from -1 to 1."""


def layer(axis: int | None, weights: int = 1, bias: int | None = 2, rows: Rows | None = None, computed: bool = False) -> Integer:
    """Products with weights whose outputs lie along `axis`, and a bias."""
    return Integer(weights={weights: axis}, biases={} if bias is None else {bias: weights}, rows=rows, computed=computed, unit=prod)
