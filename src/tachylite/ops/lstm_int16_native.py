"""An LSTM along a sequence natively: int16 activations, int8 weights."""

from ctypes import c_int32
from typing import Any

import numpy as np

from tachylite.model.graph import Operator

from .kernel import Params, kernel
from .lstm_cell import GATES, Cell, cell_of
from .lstm_int8_native import operands_of_gates
from .lstm_int16 import greatest_c, part_scale, product_scales, tanh_scaling
from .lut import SIGMOID_SAMPLES
from .recurrent import Weights
from .recurrent_native import constant, known


class LstmSampledParams(Params):
    """As LstmIntParams; tanh: multiplier and shift that bring c to the steps of the samples."""

    _fields_ = (
        *((name, c_int32) for name in ("times", "inputs", "cells", "batch_step", "time_step")),
        *((f"{what}_{part}", c_int32 * 4) for what in ("into", "recurrent") for part in ("mantissa", "shift")),
        *((f"{what}_{part}", c_int32) for what in ("keep", "admit", "emit") for part in ("mantissa", "shift")),
        *((name, c_int32) for name in ("tanh_multiplier", "tanh_shift", "low", "high", "scratch")),
    )


LSTM_SAMPLED = kernel("lstm_sampled", LstmSampledParams, "s16")


def lower(low: Any, op: Operator, times: int, batch: int, time_major: bool) -> None:
    """One call; a work item is one member of the batch. The host takes weights that only the run knows, and sums beyond the kernel's."""
    arrays = known(low, op, (*range(1, 9), *range(12, 16)))
    cell = None if arrays is None else cell_of(op, tuple(arrays), 1)
    source, kept = op.inputs[0], op.inputs[18]
    if cell is None or source.zero_point or kept.zero_point or not _fits(op, cell):
        low.host(op)
        return
    cells, inputs = cell.gates["output"].weights.value.shape
    limit = greatest_c(op)
    params = LstmSampledParams(
        times=times,
        inputs=inputs,
        cells=cells,
        batch_step=1 if time_major else times,
        time_step=batch if time_major else 1,
        low=-limit if limit else -32768,
        high=limit or 32767,
        scratch=inputs + cells + 2,
    )
    for i, name in enumerate(GATES):
        gate = cell.gates[name]
        params.into_mantissa[i], params.into_shift[i] = part_scale(source, gate.weights)
        params.recurrent_mantissa[i], params.recurrent_shift[i] = part_scale(kept, gate.recurrent)
    for name, scale in zip(("keep", "admit", "emit"), product_scales(op), strict=True):
        setattr(params, f"{name}_mantissa", scale.mantissa)
        setattr(params, f"{name}_shift", scale.shift)
    params.tanh_multiplier, params.tanh_shift = tanh_scaling(op)
    constants = [constant(low, a) for a in (*operands_of_gates(cell), SIGMOID_SAMPLES.astype(np.uint16))]
    x, h, c = (low.value(op.inputs[i]) for i in (0, 18, 19))
    low.call(
        LSTM_SAMPLED,
        "s16",
        op,
        params,
        work=batch,
        inputs=[x, h, c, *constants],
        outputs=[low.define(op.outputs[0]), h, c],
        scratch=[low.scratch(2 * params.scratch, per_worker=True)],
    )


def _fits(op: Operator, cell: Cell) -> bool:
    """Whether sums of products have 32 bits, those with the bias 47, and every multiplier leaves something to round."""

    def fits(part: Weights, source: Any) -> bool:
        sums = 2**15 * np.abs(part.value.astype(np.int64)).sum(axis=1)
        return bool(sums.max() < 2**31) and part_scale(source, part).shift <= 14

    gates = cell.gates.values()
    is_small = all(np.abs(g.bias).max() < 2**46 for g in gates)
    return is_small and all(fits(g.weights, op.inputs[0]) and fits(g.recurrent, op.inputs[18]) for g in gates)
