"""Simple recurrent cells: h = activation(W x + R h + b), once or along a sequence, in one direction or both."""

from functools import partial
from typing import Any

import numpy as np

from tachylite.model.graph import Operator

from .fused import activate, check_activation
from .recurrent import (
    Weights,
    expect,
    expect_auxiliary,
    expect_state,
    hybrid_version,
    inputs_of_directions,
    linear,
    sequence_sizes,
    time_first,
    walk,
    weights_of,
)
from .registry import OpDef, Spec, Specs, register

Array = np.ndarray


def _operands(op: Operator, arrays: tuple[Any, ...], *positions: int) -> list[Weights]:
    """The weights at these positions that are not omitted."""
    return [weights_of(op.inputs[i], arrays[i]) for i in positions if arrays[i] is not None]


def _run(
    op: Operator, x: Array, weights: list[Weights], bias: Array, state: Array, aux: Array | None = None, reverse: bool = False
) -> tuple[Array, Array]:
    """One direction. x: [time, batch, n]; weights: [units, n], [units, units] and, for aux [time, batch, m], [units, m].

    Returns the outputs [time, batch, units] and the last state [batch, units]. The products with the inputs do not wait for the state,
    so they are taken for all times at once.
    """
    into, recurrent, *into_aux = (linear(w, op.options.asymmetric_quantize_inputs) for w in weights)
    drive = bias + into(x)
    if aux is not None:
        drive = drive + into_aux[0](aux)
    for _ in range(_passes(op, len(x))):
        y, (state,) = walk(lambda now, past: (activate(op, now + recurrent(past[0])),), drive, (state,), reverse)
    return y, state


def _passes(op: Operator, times: int) -> int:
    """How often a sequence is walked.

    TensorFlow Lite's hybrid bidirectional kernel walks a time-major sequence anew for every time step, each time from the state that the
    walk before left; its results are the definition.
    """
    is_repeated = op.op == "BIDIRECTIONAL_SEQUENCE_RNN" and op.options.time_major and op.inputs[1].dtype != np.float32
    return max(1, times) if is_repeated else 1


def _infer_cell(op: Operator, specs: Specs, first: int, batch: int, inputs: int) -> int:
    """The number of units of the cell whose weights, recurrent weights, bias and state start at input `first`."""
    weights = specs[first]
    if weights is None or weights.rank != 2:
        raise op.error(f"found {weights and list(weights.shape)} as weights (input #{first}), needed [units, {inputs}]; give a matrix")
    units = weights.shape[0]
    expect(op, first, "weights", weights, (units, inputs), np.float32, np.int8, np.uint8)
    expect(op, first + 1, "recurrent weights", specs[first + 1], (units, units), weights.dtype)
    expect(op, first + 2, "bias", specs[first + 2], (units,), np.float32)
    expect_state(op, first + 3, "hidden state", specs[first + 3], batch * units, np.float32)
    check_activation(op, np.dtype(np.float32))
    return units


_version = partial(hybrid_version, weights=1, symmetric=2, asymmetric=3)


# One step.


def infer_step(op: Operator, x: Spec, *specs: Spec | None) -> Spec:
    """[batch, units]."""
    batch, inputs = x.shape
    expect(op, 0, "input", x, x.shape, np.float32)
    return Spec((batch, _infer_cell(op, (x, *specs), 1, batch, inputs)), x.dtype)


def step(op: Operator, x: Array, weights: Array, recurrent: Array, bias: Array, state: Array) -> tuple[Array, Array]:
    """x: float32 [batch, n]. Returns the output [batch, units] and the new state, the same."""
    arrays = (x, weights, recurrent, bias, state)
    y, state = _run(op, x[None], _operands(op, arrays, 1, 2), bias, state)
    return y[0], state


register(OpDef("RNN", options="RNNOptions", infer=infer_step, reference=step, updates=(4,), variants=("f32", "f32w8"), version=_version))


# A sequence.


def _sequence(op: Operator, times: int, batch: int, units: int) -> Spec:
    return Spec((times, batch, units) if op.options.time_major else (batch, times, units), np.dtype(np.float32))


def infer_sequence(op: Operator, x: Spec, *specs: Spec | None) -> Spec:
    """[time, batch, units] or [batch, time, units]."""
    times, batch, inputs = sequence_sizes(op, x)
    expect(op, 0, "input", x, x.shape, np.float32)
    return _sequence(op, times, batch, _infer_cell(op, (x, *specs), 1, batch, inputs))


def sequence(op: Operator, x: Array, weights: Array, recurrent: Array, bias: Array, state: Array) -> tuple[Array, Array]:
    """x: float32 [time, batch, n], or batch first. Returns the outputs in the same layout and the new state [batch, units]."""
    arrays = (x, weights, recurrent, bias, state)
    y, state = _run(op, time_first(x, op.options.time_major), _operands(op, arrays, 1, 2), bias, state)
    return time_first(y, op.options.time_major), state


register(
    OpDef(
        "UNIDIRECTIONAL_SEQUENCE_RNN",
        options="SequenceRNNOptions",
        infer=infer_sequence,
        reference=sequence,
        updates=(4,),
        variants=("f32", "f32w8"),
        version=_version,
    )
)


# A sequence in both directions: inputs 1-4 are the forward cell, 5-8 the backward cell, 9-11 an auxiliary input with its weights.


def infer_bidirectional(op: Operator, x: Spec, *rest: Spec | None) -> list[Spec]:
    """The outputs of both directions, side by side in one where they are merged."""
    specs = (x, *rest)
    if len(specs) != 12:
        raise op.error(f"found {len(specs)} inputs, needed 12; give omitted inputs as -1")
    times, batch, inputs = sequence_sizes(op, x)
    expect(op, 0, "input", x, x.shape, np.float32)
    forward, backward = (_infer_cell(op, specs, first, batch, inputs) for first in (1, 5))
    expect_auxiliary(op, 9, specs, [(10, forward, 1), (11, backward, 5)])
    if op.options.merge_outputs:
        return [_sequence(op, times, batch, forward + backward)]
    return [_sequence(op, times, batch, units) for units in (forward, backward)]


def bidirectional(op: Operator, *arrays: Any) -> list[Array]:
    """arrays[0]: float32 [time, batch, n], or batch first. Returns the outputs of both directions and both new states."""
    x, aux = (None if a is None else time_first(a, op.options.time_major) for a in (arrays[0], arrays[9]))
    assert x is not None
    forward_x, backward_x, aux = inputs_of_directions(x, aux, arrays[10] is not None)
    forward, forward_state = _run(op, forward_x, _operands(op, arrays, 1, 2, 10), arrays[3], arrays[4], aux)
    backward, backward_state = _run(op, backward_x, _operands(op, arrays, 5, 6, 11), arrays[7], arrays[8], aux, reverse=True)
    outputs = [np.concatenate([forward, backward], axis=-1)] if op.options.merge_outputs else [forward, backward]
    return [time_first(y, op.options.time_major) for y in outputs] + [forward_state, backward_state]


register(
    OpDef(
        "BIDIRECTIONAL_SEQUENCE_RNN",
        options="BidirectionalSequenceRNNOptions",
        infer=infer_bidirectional,
        reference=bidirectional,
        updates=(4, 8),
        variants=("f32", "f32w8"),
        version=_version,
    )
)
