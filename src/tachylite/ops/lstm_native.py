"""An LSTM along a sequence natively: float32, four gates, no extras but a clip of c. Cells of other kinds: see lstm_full_native."""

from ctypes import c_float, c_int32
from typing import Any

import numpy as np

from tachylite.model.graph import Operator

from . import lstm_full_native
from .kernel import Params, kernel
from .lstm_cell import GATES
from .registry import Spec

LANES = 8
"""Cells of a block: as in tl_dot.h."""


class LstmParams(Params):
    """Steps: from one member of the batch, or one time, to the next, in rows; clip: the greatest magnitude of c."""

    _fields_ = (*((name, c_int32) for name in ("times", "inputs", "cells", "batch_step", "time_step")), ("clip", c_float))


LSTM = kernel("lstm", LstmParams, "f32")

#: Inputs of the operator: weights, recurrent weights and biases, one for each gate; h and c.
_WEIGHTS, _RECURRENT, _BIASES, _H, _C = range(1, 5), range(5, 9), range(12, 16), 18, 19


def lower(low: Any, op: Operator, times: int, batch: int, time_major: bool) -> None:
    """One call; a work item is one member of the batch."""
    if not _is_bare(low, op):
        lstm_full_native.lower(low, op, times, batch, time_major)
        return
    x, h, c = op.inputs[0], low.value(op.inputs[_H]), low.value(op.inputs[_C])
    cells, inputs = low.spec(op.inputs[4]).shape
    params = LstmParams(
        times=times,
        inputs=inputs,
        cells=cells,
        batch_step=1 if time_major else times,
        time_step=batch if time_major else 1,
        clip=op.options.cell_clip or np.inf,
    )
    weights = low.packed([op.inputs[i] for i in (*_WEIGHTS, *_RECURRENT)], f"lstm_blocks{LANES}", _pack)
    biases = _blocks(np.stack([low.spec(op.inputs[i]).value for i in _BIASES])[..., None])
    low.call(
        LSTM,
        "f32",
        op,
        params,
        work=batch,
        inputs=[low.value(x), h, c, weights, low.temporary(Spec(biases.shape, biases.dtype, biases))],
        outputs=[low.define(op.outputs[0]), h, c],
        scratch=[low.scratch(4 * (inputs + cells), per_worker=True)],
    )


def _is_bare(low: Any, op: Operator) -> bool:
    """Whether this is a cell that the kernel knows: float32, its weights constant, nothing but the four gates."""
    required = (*_WEIGHTS, *_RECURRENT, *_BIASES)
    given = [i for i, tensor in enumerate(op.inputs) if tensor is not None]
    if given != sorted({0, _H, _C, *required}) or op.options.fused_activation_function != "TANH":
        return False
    return all(_is_float_constant(low, op, i, rank=1 if i in _BIASES else 2) for i in required)


def _is_float_constant(low: Any, op: Operator, position: int, rank: int) -> bool:
    spec = low.spec(op.inputs[position])
    return spec.value is not None and spec.dtype == np.float32 and len(spec.shape) == rank


def _pack(*weights: np.ndarray) -> np.ndarray:
    """Each gate's weights [cells, inputs], then its recurrent weights [cells, cells]."""
    into, recurrent = (np.stack(part) for part in (weights[: len(GATES)], weights[len(GATES) :]))
    return _blocks(np.concatenate([into, recurrent], axis=2))


def _blocks(gates: np.ndarray) -> np.ndarray:
    """float32 [gates, cells, k] as [blocks, k, gates, LANES]; the last block is padded with zeros."""
    count, cells, depth = gates.shape
    padded = np.zeros((count, -(-cells // LANES) * LANES, depth), np.float32)
    padded[:, :cells] = gates
    assert count == len(GATES)
    return np.ascontiguousarray(padded.reshape(count, -1, LANES, depth).transpose(1, 3, 0, 2))
