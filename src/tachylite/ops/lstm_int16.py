"""An LSTM along a sequence, with int16 activations and int8 weights.

TensorFlow Lite's converter makes such cells, but only TensorFlow Lite Micro has a kernel for them: its results are the definition. It
knows none of a cell's extras. Its levels are Q3.12 and what a gate lets through is Q0.15, as in the int8 cell, but by the interpolated
table of LOGISTIC, and every product is requantized as MUL does it.
"""

from collections.abc import Callable

import numpy as np

from tachylite.model.graph import Operator, Tensor

from .exact import exact_product
from .fixedpoint import Multiplier, exponent_of, rescale, rescale_int64, saturate
from .lstm_cell import GATES, Cell
from .lut import sigmoid_int16, sigmoid_scaling, tanh_int16
from .recurrent import State, Weights, clip, walk
from .scales import check_scales

Array = np.ndarray
INT16 = np.dtype(np.int16)

UNIT = 2.0**-15
LEVEL = 2.0**-12


def check(op: Operator) -> None:
    """Raise OpError unless the cell is a bare one whose operands all have scales."""
    required, extras = (0, *range(1, 9), 12, 13, 14, 15, 18, 19), (*range(9, 12), 16, 17, *range(20, 24))
    if any(i < len(op.inputs) and op.inputs[i] is not None for i in extras) or op.inputs[1] is None:
        raise op.error("an int16 cell has four gates and no peepholes, projection or layer norms; quantize this one to int8 activations")
    check_scales(op, *(op.inputs[i] for i in required if op.inputs[i].dtype != np.int64))
    if exponent_of(op.inputs[19].scale) is None:
        raise op.error(f"found a cell state scale of {op.inputs[19].scale}, needed a power of two; quantize the model again")


def run(op: Operator, cell: Cell, x: Array, state: State) -> tuple[Array, State]:
    """x: int16 [time, batch, inputs]; state: h, int16 [batch, outputs], and c, int16 [batch, cells].

    Returns h after every step and the last state.
    """
    source, kept = op.inputs[0], op.inputs[18]
    into = [_part(source, gate.weights, gate.bias) for gate in cell.gates.values()]
    recurrent = [_part(kept, gate.recurrent, 0) for gate in cell.gates.values()]
    drive = np.stack([part(x) for part in into], axis=1)
    keep, admit, emit = product_scales(op)
    limit, scaling = greatest_c(op), tanh_scaling(op)

    def step(now: Array, past: State) -> State:
        h, c = past
        levels = (saturate(share + part(h).astype(np.int64), INT16) for share, part in zip(now, recurrent, strict=True))
        by_name = dict(zip(GATES, levels, strict=True))
        forget, let_in, output = (sigmoid_int16(by_name[name], 3, 0) for name in ("forget", "input", "output"))
        new = _multiply(let_in, tanh_int16(by_name["cell"], 3, 0), admit)
        c = saturate(_multiply(forget, c, keep).astype(np.int64) + new, INT16)
        c = clip(c, limit)
        return _multiply(tanh_int16(c, *scaling), output, emit, kept.zero_point), c

    return walk(step, drive, state)


def product_scales(op: Operator) -> tuple[Multiplier, Multiplier, Multiplier]:
    """Of what stays in c, of what enters it, and of h."""
    kept, memory = op.inputs[18], op.inputs[19]
    return Multiplier.of(UNIT), Multiplier.of(UNIT * UNIT / float(memory.scale)), Multiplier.of(UNIT * UNIT / float(kept.scale))


def greatest_c(op: Operator) -> int:
    """The limit of c in steps; 0 means none."""
    return int(min(op.options.cell_clip / float(op.inputs[19].scale), 32767))


def tanh_scaling(op: Operator) -> tuple[int, int]:
    """Multiplier and right shift that bring c to the steps of the sigmoid's samples."""
    return sigmoid_scaling(2.0 ** (exponent_of(op.inputs[19].scale) or 0))


def part_scale(source: Tensor | None, weights: Weights) -> Multiplier:
    """Of one part of a gate's level."""
    return Multiplier.of(float(source.scale * weights.scale) / LEVEL)


def _part(source: Tensor | None, weights: Weights, bias: Array | int) -> Callable[[Array], Array]:
    """One part of a gate's level, int16."""
    scale = part_scale(source, weights)
    product = exact_product(weights.value, source.zero_point, bias)
    return lambda x: saturate(rescale_int64(product(x), scale), INT16)


def _multiply(a: Array, b: Array, scale: Multiplier, zero_point: int = 0) -> Array:
    return saturate(rescale(a.astype(np.int64) * b, scale) + zero_point, INT16)
