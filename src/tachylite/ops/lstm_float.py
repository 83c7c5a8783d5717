"""An LSTM along a sequence, in float32. With 8-bit weights it is hybrid: its products differ (see recurrent.linear), nothing else does."""

from collections.abc import Callable

import numpy as np

from tachylite.model.graph import Operator

from .fused import activate
from .lstm_cell import Cell, Gate
from .recurrent import State, clip, linear, sigmoid, walk

Array = np.ndarray

#: What a gate lets through before its activation, from its share of the inputs, h and c.
Level = Callable[[Array, Array, Array], Array]


def run(op: Operator, cell: Cell, x: Array, state: State, aux: Array | None = None, reverse: bool = False) -> tuple[Array, State]:
    """x: [time, batch, inputs]; aux: [time, batch, auxiliary inputs] or None; state: h [batch, outputs] and c [batch, cells].

    Returns h after every step and the last state.
    """
    # The products with the inputs do not wait for the state, so they are taken for all times at once: [time, gate, batch, cells].
    drive = np.stack([_drive(op, gate, x, aux) for gate in cell.gates.values()], axis=1)
    levels = {name: _level(op, gate) for name, gate in cell.gates.items()}
    project = _projection(op, cell)

    def step(now: Array, past: State) -> State:
        h, c = past
        inputs = dict(zip(levels, now, strict=True))
        forget = sigmoid(levels["forget"](inputs["forget"], h, c))
        admit = sigmoid(levels["input"](inputs["input"], h, c)) if "input" in levels else 1 - forget
        candidate = activate(op, levels["cell"](inputs["cell"], h, c))
        c = clip(forget * c + admit * candidate, op.options.cell_clip)
        output = sigmoid(levels["output"](inputs["output"], h, c))
        return project(output * activate(op, c)), c

    return walk(step, drive, state, reverse)


def _drive(op: Operator, gate: Gate, x: Array, aux: Array | None) -> Array:
    """The part of a gate that depends on the inputs alone."""
    y = linear(gate.weights, op.options.asymmetric_quantize_inputs)(x)
    if aux is not None and gate.aux is not None:
        y = y + linear(gate.aux, op.options.asymmetric_quantize_inputs)(aux)
    return y if gate.norm is not None else y + gate.bias


def _level(op: Operator, gate: Gate) -> Level:
    recurrent = linear(gate.recurrent, op.options.asymmetric_quantize_inputs)
    peephole = None if gate.peephole is None else gate.peephole.real

    def level(drive: Array, h: Array, c: Array) -> Array:
        y = drive + recurrent(h)
        if peephole is not None:
            y = y + peephole * c
        return y if gate.norm is None else _normalize(y) * gate.norm.value + gate.bias

    return level


def _normalize(x: Array) -> Array:
    """Each row less its mean, over its standard deviation."""
    centred = x - x.mean(axis=-1, keepdims=True)
    return centred / np.sqrt(np.square(centred).mean(axis=-1, keepdims=True) + np.float32(1e-8))


def _projection(op: Operator, cell: Cell) -> Callable[[Array], Array]:
    if cell.projection is None:
        return lambda y: y
    project = linear(cell.projection, op.options.asymmetric_quantize_inputs)
    bias = np.float32(0) if cell.projection_bias is None else cell.projection_bias
    return lambda y: clip(project(y) + bias, op.options.proj_clip)
