"""Simple recurrent cells: h = activation(W x + R h + b), once or along a sequence, in one direction or both."""

from ctypes import c_float, c_int32
from functools import partial
from typing import Any

import numpy as np

from tachylite.model.graph import Operator, Tensor

from . import recurrent_composition
from .calculus import Composition
from .fused import activate, check_activation
from .kernel import Params, kernel
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
from .recurrent_native import MAX_DEPTH, PAIR, bounds, constant, kind_of, known, matrix, optional, padded, room, vectors
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
    is_repeated = op.op == "BIDIRECTIONAL_SEQUENCE_RNN" and op.options.time_major and op.inputs[1].dtype.kind != "f"
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


class RnnParams(Params):
    """Steps: from one member of the batch, or one time, to the next, in rows; width: units, padded; passes: along the sequence.

    pitch, offset: of rows of the output; low, high: the activation's range; scratch: floats of a worker.
    """

    _fields_ = (
        *((name, c_int32) for name in ("kind", "times", "inputs", "aux_inputs", "units", "width", "batch_step", "time_step")),
        *((name, c_int32) for name in ("pitch", "offset", "is_reverse", "passes", "scratch")),
        *((name, c_float) for name in ("low", "high")),
    )


RNN = kernel("rnn", RnnParams, "f32")


def _lower(low: Any, op: Operator, times: int, batch: int, time_major: bool) -> None:
    """One call. The host takes weights that only the run knows."""
    arrays = known(low, op, (1, 2, 3))
    if arrays is None or not _fits(op, arrays, 1, 2):
        low.host(op)
        return
    weights = _operands(op, tuple(arrays), 1, 2)
    params = _params(op, weights, times, batch, time_major)
    params.pitch = params.units
    _call(low, op, weights, arrays[3], params, batch, op.inputs[0], None, low.define(op.outputs[0]), 4)


def _fits(op: Operator, arrays: list[np.ndarray | None], *positions: int) -> bool:
    """Whether hybrid sums fit in 32 bits."""
    return all(w.value.dtype == np.float32 or w.value.shape[1] <= MAX_DEPTH for w in _operands(op, tuple(arrays), *positions))


def _params(op: Operator, weights: list[Weights], times: int, batch: int, time_major: bool) -> RnnParams:
    units, inputs = weights[0].value.shape
    least, greatest = bounds(op)
    return RnnParams(
        kind=kind_of(op, weights[0]),
        times=times,
        inputs=inputs,
        units=units,
        width=padded(units, PAIR),
        batch_step=1 if time_major else times,
        time_step=batch if time_major else 1,
        passes=_passes(op, times),
        low=least,
        high=greatest,
    )


def _call(
    low: Any,
    op: Operator,
    weights: list[Weights],
    bias: Any,
    params: RnnParams,
    batch: int,
    x: Tensor | None,
    aux: Tensor | None,
    y: int,
    state: int,
) -> None:
    """weights: of the inputs, recurrent and, for `aux`, auxiliary; state: the position of h. A work item is one member of the batch."""
    into, recurrent, *into_aux = weights
    params.aux_inputs = 0 if aux is None else low.spec(aux).shape[-1]
    params.scratch = room(params.width, max(params.inputs, params.aux_inputs, params.units))
    parts = [matrix([part], params.width) for part in (into, recurrent, into_aux[0] if aux is not None else None)]
    scales = np.concatenate([s for _, s in parts])
    constants = [constant(low, a) for a in (*(panels for panels, _ in parts), scales, vectors([bias], params.width))]
    h = low.value(op.inputs[state])
    low.call(
        RNN,
        "f32",
        op,
        params,
        work=batch,
        inputs=[low.value(x), optional(low, aux), h, *constants],
        outputs=[y, h],
        scratch=[low.scratch(4 * params.scratch, per_worker=True)],
    )


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


def lower_step(low: Any, op: Operator) -> None:
    """A sequence of one."""
    _lower(low, op, 1, low.spec(op.inputs[0]).shape[0], time_major=True)


register(
    OpDef(
        "RNN",
        options="RNNOptions",
        infer=infer_step,
        reference=step,
        updates=(4,),
        variants=("f32", "f32w8"),
        version=_version,
        lower=lower_step,
    )
)


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


def lower_sequence(low: Any, op: Operator) -> None:
    """One call for all times."""
    times, batch, _ = sequence_sizes(op, low.spec(op.inputs[0]))
    _lower(low, op, times, batch, op.options.time_major)


register(
    OpDef(
        "UNIDIRECTIONAL_SEQUENCE_RNN",
        options="SequenceRNNOptions",
        infer=infer_sequence,
        reference=sequence,
        updates=(4,),
        variants=("f32", "f32w8"),
        version=_version,
        lower=lower_sequence,
        gradient=Composition(recurrent_composition.rnn_sequence),
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


def lower_bidirectional(low: Any, op: Operator) -> None:
    """A call for either direction. The host takes weights that only the run knows."""
    arrays = known(low, op, (1, 2, 3, 5, 6, 7, 10, 11))
    if arrays is None or not _fits(op, arrays, 1, 2, 5, 6, 10, 11):
        low.host(op)
        return
    *inputs, aux = inputs_of_directions(op.inputs[0], op.inputs[9], op.inputs[10] is not None)
    times, batch, _ = sequence_sizes(op, low.spec(op.inputs[0]))
    cells = [_operands(op, tuple(arrays), *positions) for positions in ((1, 2, 10), (5, 6, 11))]
    both = [_params(op, weights, times, batch, op.options.time_major) for weights in cells]
    outputs = [low.define(tensor) for tensor in op.outputs]
    for i, (weights, params) in enumerate(zip(cells, both, strict=True)):
        params.is_reverse = i
        params.pitch = both[0].units + both[1].units if op.options.merge_outputs else params.units
        params.offset = both[0].units if i and op.options.merge_outputs else 0
        y = outputs[i if len(outputs) > 1 else 0]
        _call(low, op, weights, arrays[3 + 4 * i], params, batch, inputs[i], aux, y, 4 + 4 * i)


register(
    OpDef(
        "BIDIRECTIONAL_SEQUENCE_RNN",
        options="BidirectionalSequenceRNNOptions",
        infer=infer_bidirectional,
        reference=bidirectional,
        updates=(4, 8),
        variants=("f32", "f32w8"),
        version=_version,
        lower=lower_bidirectional,
        gradient=Composition(recurrent_composition.rnn_bidirectional),
    )
)
