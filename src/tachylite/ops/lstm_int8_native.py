"""An LSTM along a sequence natively: int8, in the form with 5 intermediate tensors. The other form stays with the reference."""

from ctypes import c_int32
from typing import Any

import numpy as np

from tachylite.model.graph import Operator

from .fixedpoint import Multiplier
from .kernel import Params, kernel
from .lstm_cell import GATES, PEEPHOLES, Cell, Gate, cell_of
from .lstm_int8 import FEW, INT8, INT16, effective, least_variance, level_scale, power_of, scale_of_peephole, steps_of
from .panels import extended
from .recurrent import Weights
from .recurrent_native import LANES, constant, known, padded, vectors

#: Greater sums are beyond the kernel's rescaling.
_LIMIT = 2**29


class LstmIntParams(Params):
    """Steps: from one member of the batch, or one time, to the next, in rows; mantissas and shifts: of multipliers, of one for each gate.

    width: cells, padded; cell_shift: of what enters c; cell_bits: c's integer bits; low, high: what c and h are clipped to; peepholes: how
    many elements of the batch's cells, or of one member's, have one, and the width of h by which they repeat.
    """

    _fields_ = (
        *((name, c_int32) for name in ("times", "inputs", "cells", "outputs", "width", "batch_step", "time_step")),
        *((name, c_int32) for name in ("is_coupled", "is_projected", "is_normalized", "is_displaced", "peepholes", "peephole_width")),
        *((f"{what}_zero_point", c_int32) for what in ("input", "hidden", "output")),
        *((f"{what}_{part}", c_int32 * 4) for what in ("into", "recurrent", "peephole", "norm") for part in ("mantissa", "shift")),
        ("least_variance", c_int32 * 4),
        *((f"{what}_{part}", c_int32) for what in ("hidden", "projection") for part in ("mantissa", "shift")),
        *((name, c_int32) for name in ("cell_shift", "cell_bits", "cell_low", "cell_high", "output_low", "output_high", "scratch_bytes")),
    )


LSTM_INT = kernel("lstm_int", LstmIntParams, "s8")

#: Inputs of the operator: all that must be constant; h and c; layer norms.
_CONSTANTS, _H, _C, _NORMS = (*range(1, 18), *range(20, 24)), 18, 19, 20


def lower(low: Any, op: Operator, times: int, batch: int, time_major: bool) -> None:
    """One call; a work item is one member of the batch."""
    arrays = known(low, op, _CONSTANTS)
    cell = None if arrays is None or len(op.intermediates) != FEW else cell_of(op, tuple(arrays), 1, norm=_NORMS)
    if cell is None or _greatest(op, cell) >= _LIMIT:
        low.host(op)
        return
    x, h, c = (low.value(op.inputs[i]) for i in (0, _H, _C))
    params = _params(op, cell)
    params.times, params.batch_step, params.time_step = times, 1 if time_major else times, batch if time_major else 1
    if params.peephole_width:
        # Where time comes first, TensorFlow Lite walks over the batch in rows of h, not of c; see lstm_int8.
        params.is_displaced = time_major
        params.peepholes = params.peephole_width * (batch if time_major else 1)
    constants = [constant(low, a) for a in (*operands_of_gates(cell), *_projection(cell), _vectors(cell, params.width))]
    low.call(
        LSTM_INT,
        "s8",
        op,
        params,
        work=batch,
        inputs=[x, h, c, *constants],
        outputs=[low.define(op.outputs[0]), h, c],
        scratch=[low.scratch(params.scratch_bytes, per_worker=True)],
    )


def _greatest(op: Operator, cell: Cell) -> int:
    """The greatest sum of products, in magnitude, that may come up."""

    def size(weights: Weights, bias: np.ndarray | int) -> int:
        return int((255 * np.abs(weights.value.astype(np.int64)).sum(axis=1) + np.abs(np.asarray(bias, np.int64))).max())

    sums = [size(part, bias) for g in cell.gates.values() for part, bias in ((g.weights, g.bias), (g.recurrent, 0))]
    if cell.projection is not None:
        sums.append(size(cell.projection, 0 if cell.projection_bias is None else cell.projection_bias))
    return max(sums)


def _params(op: Operator, cell: Cell) -> LstmIntParams:
    """What does not depend on the shape of the input."""
    source, kept, hidden, power = op.inputs[0], op.inputs[_H], op.intermediates[4], power_of(op)
    sample = cell.gates["output"]
    cells, inputs = sample.weights.value.shape
    outputs = sample.recurrent.value.shape[1]
    clip, projection_clip = steps_of(op.options.cell_clip, op.inputs[_C], INT16), steps_of(op.options.proj_clip, op.outputs[0], INT8)
    params = LstmIntParams(
        inputs=inputs,
        cells=cells,
        outputs=outputs,
        is_coupled="input" not in cell.gates,
        is_projected=cell.projection is not None,
        input_zero_point=source.zero_point,
        # The hidden value of a projection is stored less its zero point, not plus; see lstm_int8.
        hidden_zero_point=hidden.zero_point if cell.projection is None else -hidden.zero_point,
        output_zero_point=kept.zero_point,
        cell_shift=30 + power,
        cell_bits=15 + power,
        cell_low=-clip if clip else -32768,
        cell_high=clip or 32767,
        output_low=-projection_clip if projection_clip else -128,
        output_high=projection_clip or 127,
        width=padded(cells, LANES),
        scratch_bytes=padded(4 * len(GATES) * padded(cells, LANES) + 2 * (inputs + outputs + cells + 3), 4),
        is_normalized=sample.norm is not None,
        peephole_width=0 if sample.peephole is None else min(outputs, cells),
    )
    for i, name in enumerate(GATES):
        if (gate := cell.gates.get(name)) is not None:
            _scale_gate(op, i, gate, params)
    hidden_scale = Multiplier.of(np.float32(2.0**-15 / float(hidden.scale) * 2.0**-15))
    params.hidden_mantissa, params.hidden_shift = hidden_scale
    if cell.projection is not None:
        params.projection_mantissa, params.projection_shift = effective(cell.projection.scale, hidden.scale, kept.scale)
    return params


def _scale_gate(op: Operator, i: int, gate: Gate, params: LstmIntParams) -> None:
    source, kept, level = op.inputs[0], op.inputs[_H], level_scale(op, i, gate)
    params.into_mantissa[i], params.into_shift[i] = effective(gate.weights.scale, source.scale, level)
    params.recurrent_mantissa[i], params.recurrent_shift[i] = effective(gate.recurrent.scale, kept.scale, level)
    if gate.peephole is not None:
        at = PEEPHOLES.index(GATES[i])
        params.peephole_mantissa[at], params.peephole_shift[at] = scale_of_peephole(op, gate.peephole, level)
    if gate.norm is not None:
        mantissa, shift = Multiplier.of(gate.norm.scale)
        params.norm_mantissa[i], params.norm_shift[i] = mantissa, shift + 12
        params.least_variance[i] = least_variance(gate.norm)


def _vectors(cell: Cell, width: int) -> np.ndarray:
    """Peepholes, norms, and the biases after norms; int32, `width` numbers each."""
    gates = [cell.gates.get(name) for name in GATES]
    parts = [
        *(None if g is None or g.peephole is None else g.peephole.value for g in (cell.gates.get(name) for name in PEEPHOLES)),
        *(None if g is None or g.norm is None else g.norm.value for g in gates),
        *(None if g is None or g.norm is None else g.bias for g in gates),
    ]
    return vectors(parts, width, np.int32)


def operands_of_gates(cell: Cell) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights, recurrent weights and biases of all gates, by blocks of cells; zeros stand for a gate that a coupled cell lacks."""
    sample = cell.gates["output"]
    gates = [cell.gates.get(name) for name in GATES]
    into = np.stack([np.zeros_like(sample.weights.value) if g is None else g.weights.value for g in gates])
    recurrent = np.stack([np.zeros_like(sample.recurrent.value) if g is None else g.recurrent.value for g in gates])
    bias = np.stack([np.zeros_like(sample.bias) if g is None or g.norm is not None else g.bias for g in gates])
    return _blocks(into), _blocks(recurrent), _bias_blocks(bias)


def _blocks(gates: np.ndarray) -> np.ndarray:
    """int8 [gates, cells, k] as panels of tl_dot.h, [blocks, gates, pairs, LANES, 2], padded with zeros."""
    count, cells, depth = gates.shape
    padded = np.zeros((count, -(-cells // LANES) * LANES, depth + depth % 2), np.int8)
    padded[:, :cells, :depth] = gates
    return np.ascontiguousarray(padded.reshape(count, -1, LANES, padded.shape[2] // 2, 2).transpose(1, 0, 3, 2, 4))


def _bias_blocks(gates: np.ndarray) -> np.ndarray:
    """[gates, cells] as [blocks, gates, LANES], padded with zeros."""
    padded = extended(gates, 0, -gates.shape[1] % LANES)
    return np.ascontiguousarray(padded.reshape(len(gates), -1, LANES).swapaxes(0, 1))


def _projection(cell: Cell) -> tuple[np.ndarray, np.ndarray]:
    """Weights in pairs of panels and biases of the projection; nothing where there is none."""
    if cell.projection is None:
        return np.zeros(0, np.int8), np.zeros(0, np.int32)
    weights = cell.projection.value
    padded = extended(weights, -len(weights) % (2 * LANES), 0)
    bias = np.zeros(len(padded), np.int32)
    if cell.projection_bias is not None:
        bias[: len(weights)] = cell.projection_bias
    return _blocks(padded[None]), bias
