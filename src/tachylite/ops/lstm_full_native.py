"""LSTM cells of every kind natively, in floats: hybrid, coupled, with peepholes, projection, layer norms, in either direction."""

from collections.abc import Sequence
from ctypes import c_float, c_int32
from typing import Any

import numpy as np

from tachylite.model.graph import Operator, Tensor

from .kernel import Params, kernel
from .lstm_cell import CELL_INPUTS, GATES, PEEPHOLES, Cell, cell_of
from .recurrent_native import LANES, MAX_DEPTH, PAIR, bounds, constant, kind_of, known, matrix, optional, padded, room, vectors


class LstmFullParams(Params):
    """Steps: from one member of the batch, or one time, to the next, in rows; width: cells, padded; projected: outputs, padded, or 0.

    pitch, offset: of rows of the output; clip: greatest magnitudes; low, high: the activation's range; scratch: floats of a worker.
    """

    _fields_ = (
        *((name, c_int32) for name in ("kind", "times", "inputs", "aux_inputs", "cells", "outputs", "width", "projected")),
        *((name, c_int32) for name in ("batch_step", "time_step", "pitch", "offset", "scratch")),
        *((name, c_int32) for name in ("is_reverse", "is_coupled", "is_normalized", "is_diagonal", "has_peepholes")),
        *((name, c_float) for name in ("clip", "projection_clip", "low", "high")),
    )


LSTM_FULL = kernel("lstm_full", LstmFullParams, "f32")


def lower(low: Any, op: Operator, times: int, batch: int, time_major: bool) -> None:
    """One call; a work item is one member of the batch. The host takes weights that only the run knows."""
    arrays = known(low, op, [*range(1, 18), *range(20, 24)])
    cell = None if arrays is None else cell_of(op, tuple(arrays), 1, norm=20)
    if cell is None or not _fits(cell):
        low.host(op)
        return
    params = _params(op, cell, times, batch, time_major)
    params.pitch = params.outputs
    _call(low, op, cell, params, batch, op.inputs[0], None, low.define(op.outputs[0]), 18)


def lower_bidirectional(low: Any, op: Operator, times: int, batch: int, inputs: Sequence[Tensor | None], aux: Tensor | None) -> None:
    """A call for either direction. inputs: what the forward and the backward cell read; aux: what adds to both."""
    arrays = known(low, op, [*range(1, 35), *range(40, 48)])
    cells = [] if arrays is None else [cell_of(op, tuple(arrays), 1 + i * CELL_INPUTS, aux=40 + 4 * i) for i in (0, 1)]
    if not cells or not all(_fits(cell) for cell in cells):
        low.host(op)
        return
    outputs = [low.define(tensor) for tensor in op.outputs]
    both = [_params(op, cell, times, batch, op.options.time_major) for cell in cells]
    for i, (cell, params) in enumerate(zip(cells, both, strict=True)):
        params.is_reverse = i
        params.pitch = sum(p.outputs for p in both) if op.options.merge_outputs else params.outputs
        params.offset = both[0].outputs if i and op.options.merge_outputs else 0
        has_aux = aux is not None and any(gate.aux is not None for gate in cell.gates.values())
        _call(low, op, cell, params, batch, inputs[i], aux if has_aux else None, outputs[i if len(outputs) > 1 else 0], 35 + 2 * i)


def _fits(cell: Cell) -> bool:
    """Whether hybrid sums fit in 32 bits."""
    gate = cell.gates["output"]
    depths = [part.value.shape[-1] for part in (gate.weights, gate.recurrent, gate.aux, cell.projection) if part is not None]
    return gate.weights.value.dtype == np.float32 or max(depths) <= MAX_DEPTH


def _params(op: Operator, cell: Cell, times: int, batch: int, time_major: bool) -> LstmFullParams:
    gate = cell.gates["output"]
    cells, inputs = gate.weights.value.shape
    outputs = gate.recurrent.value.shape[-1]
    width, projected = padded(cells, LANES), 0 if cell.projection is None else padded(outputs, PAIR)
    least, greatest = bounds(op)
    return LstmFullParams(
        kind=kind_of(op, gate.weights),
        times=times,
        inputs=inputs,
        cells=cells,
        outputs=outputs,
        width=width,
        projected=projected,
        batch_step=1 if time_major else times,
        time_step=batch if time_major else 1,
        is_coupled="input" not in cell.gates,
        is_normalized=gate.norm is not None,
        is_diagonal=gate.recurrent.value.ndim == 1,
        has_peepholes=gate.peephole is not None,
        clip=op.options.cell_clip or np.inf,
        projection_clip=op.options.proj_clip or np.inf,
        low=least,
        high=greatest,
    )


def _call(
    low: Any, op: Operator, cell: Cell, params: LstmFullParams, batch: int, x: Tensor | None, aux: Tensor | None, y: int, state: int
) -> None:
    """state: the position of h, before c."""
    gates = [cell.gates.get(name) for name in GATES]
    width = params.width
    params.aux_inputs = 0 if aux is None else low.spec(aux).shape[-1]
    params.scratch = room(len(GATES) * width + params.projected, max(params.inputs, params.aux_inputs, params.cells, params.outputs))
    parts = [
        matrix([None if g is None else g.weights for g in gates], width),
        matrix([None if g is None or params.is_diagonal else g.recurrent for g in gates], width),
        matrix([None if g is None or aux is None else g.aux for g in gates], width),
        matrix([cell.projection] if params.projected else [], params.projected),
    ]
    peepholes = [g.peephole for name in PEEPHOLES if (g := cell.gates.get(name)) is not None] if params.has_peepholes else []
    of_gates = vectors(
        [
            *(None if g is None else g.bias for g in gates),
            *(None,) * (len(PEEPHOLES) - len(peepholes)),
            *(None if w is None else w.real for w in peepholes),
            *(None if g is None or g.norm is None else g.norm.value for g in gates),
            *(None if g is None or not params.is_diagonal else g.recurrent.value for g in gates),
        ],
        width,
    )
    everything = np.concatenate([of_gates.reshape(-1), vectors([cell.projection_bias], params.projected).reshape(-1)])
    h, c = (low.value(op.inputs[i]) for i in (state, state + 1))
    constants = [constant(low, a) for a in (*(panels for panels, _ in parts), np.concatenate([s for _, s in parts]), everything)]
    low.call(
        LSTM_FULL,
        "f32",
        op,
        params,
        work=batch,
        inputs=[low.value(x), optional(low, aux), h, c, *constants],
        outputs=[y, h, c],
        scratch=[low.scratch(4 * params.scratch, per_worker=True)],
    )
