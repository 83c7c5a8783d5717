"""Long short-term memory: one step (LSTM), a sequence, a sequence in both directions. Float32, hybrid (8-bit weights), int8 and int16."""

from functools import partial
from typing import Any

import numpy as np

from tachylite.model.graph import Operator

from . import (
    lstm_basic,
    lstm_float,
    lstm_full_native,
    lstm_int8,
    lstm_int8_native,
    lstm_int16,
    lstm_int16_native,
    lstm_native,
    recurrent_composition,
)
from .calculus import Composition
from .fused import check_activation
from .integer import Integer, Memory
from .lstm_cell import CELL_INPUTS, FLOAT, INT8, INT16, Sizes, cell_of, check_cell, check_norms
from .recurrent import (
    State,
    expect,
    expect_auxiliary,
    expect_state,
    hybrid_version,
    inputs_of_directions,
    sequence_sizes,
    time_first,
)
from .registry import OpDef, Spec, Specs, register

Array = np.ndarray

# Inputs of LSTM and UNIDIRECTIONAL_SEQUENCE_LSTM: 0 the input, 1-17 the cell, 18 h, 19 c, 20-23 layer norms (files may end at 19).
CELL, H, C, NORMS = 1, 18, 19, 20


def _infer_cell(op: Operator, specs: Specs, batch: int, inputs: int) -> Sizes:
    """The sizes of the one cell. Raises OpError."""
    if len(specs) not in (20, 24):
        raise op.error(f"found {len(specs)} inputs, needed 24, or 20 without layer norms; give omitted inputs as -1")
    x = specs[0]
    assert x is not None
    is_sequence = op.op != "LSTM"
    expect(op, 0, "input", x, x.shape, np.float32, np.int8, *([np.int16] if is_sequence else []))
    check_activation(op, np.dtype(np.float32))
    kinds = {np.float32: FLOAT, np.int8: INT8, np.int16: INT16}[x.dtype.type]
    sizes = check_cell(op, specs, CELL, inputs, kinds, may_be_diagonal=is_sequence and kinds is FLOAT)
    check_norms(op, specs, NORMS, sizes.cells, kinds)
    expect_state(op, H, "output state", specs[H], batch * sizes.outputs, x.dtype)
    expect_state(op, C, "cell state", specs[C], batch * sizes.cells, kinds.state)
    if kinds is INT8:
        lstm_int8.check(op)
    elif kinds is INT16:
        lstm_int16.check(op)
    return sizes


def _run(op: Operator, arrays: tuple[Any, ...], x: Array, time_major: bool) -> tuple[Array, Array, Array]:
    """x: [time, batch, inputs]. Returns h after every step, and the states in the shapes that they came in."""
    h, c = arrays[H], arrays[C]
    cell = cell_of(op, arrays, CELL, norm=NORMS)
    state = _rows(x.shape[1], h, c)
    if x.dtype == np.int8:
        y, state = lstm_int8.run(op, cell, x, state, time_major)
    else:
        y, state = (lstm_int16 if x.dtype == np.int16 else lstm_float).run(op, cell, x, state)
    return y, state[0].reshape(h.shape), state[1].reshape(c.shape)


def _rows(batch: int, *states: Array) -> State:
    """States as [batch, n]; files may keep them flat."""
    return tuple(s.reshape(batch, s.size // batch if batch else 0) for s in states)


def _lower(low: Any, op: Operator, times: int, batch: int, time_major: bool) -> None:
    """One call for all times."""
    families = {np.int8: lstm_int8_native.lower, np.int16: lstm_int16_native.lower}
    families.get(op.inputs[0].dtype.type, lstm_native.lower)(low, op, times, batch, time_major)


# One step.


def infer_step(op: Operator, *specs: Any) -> list[Spec]:
    """[batch, outputs], and what the basic kernel adds to it."""
    if op.options.kernel_type == "BASIC":
        return lstm_basic.infer(op, *specs)
    x = specs[0]
    batch, inputs = x.shape
    return [Spec((batch, _infer_cell(op, specs, batch, inputs).outputs), x.dtype)]


def step(op: Operator, *arrays: Any) -> list[Array]:
    """arrays[0]: [batch, inputs], float32 or int8 (uint8 for the basic kernel). Returns h, [batch, outputs], and the new states."""
    if op.options.kernel_type == "BASIC":
        return lstm_basic.step(op, *arrays)
    y, h, c = _run(op, arrays, arrays[0][None], time_major=True)
    return [y[0], h, c]


def lower_step(low: Any, op: Operator) -> None:
    """A sequence of one."""
    if op.options.kernel_type == "BASIC":
        low.host(op)
    else:
        _lower(low, op, 1, low.spec(op.inputs[0]).shape[0], time_major=True)


def _updates(op: Operator) -> tuple[int, ...]:
    return lstm_basic.updates(op) if op.options.kernel_type == "BASIC" else (H, C)


def _version(op: Operator) -> int:
    if op.options.kernel_type == "BASIC":
        return 2
    return hybrid_version(op, weights=2, symmetric=3, asymmetric=4)


register(
    OpDef(
        "LSTM",
        options="LSTMOptions",
        infer=infer_step,
        reference=step,
        updates=_updates,
        variants=("f32", "f32w8", "s8", "u8"),
        version=_version,
        lower=lower_step,
    )
)


# A sequence.


def infer_sequence(op: Operator, *specs: Any) -> Spec:
    """[time, batch, outputs] or [batch, time, outputs]."""
    x = specs[0]
    _, batch, inputs = sequence_sizes(op, x)
    return Spec((*x.shape[:2], _infer_cell(op, specs, batch, inputs).outputs), x.dtype)


def sequence(op: Operator, *arrays: Any) -> list[Array]:
    """arrays[0]: [time, batch, inputs], or batch first; float32, int8 or int16. Returns h in the same layout and the new states."""
    time_major = op.options.time_major
    y, h, c = _run(op, arrays, time_first(arrays[0], time_major), time_major)
    return [time_first(y, time_major), h, c]


def lower_sequence(low: Any, op: Operator) -> None:
    """One call for all times."""
    times, batch, _ = sequence_sizes(op, low.spec(op.inputs[0]))
    _lower(low, op, times, batch, op.options.time_major)


def _sequence_version(op: Operator) -> int:
    if op.inputs[0].dtype == np.int16:
        return 5
    if op.options.diagonal_recurrent_tensors:
        return 4
    return hybrid_version(op, weights=2, symmetric=2, asymmetric=3)


def cell_states(op: Operator, x: Array) -> Array:
    """c after every step, from a state of zeros: [time, batch, cells]. x: float32, the operator's input; its weights are constants."""
    x = time_first(x, op.options.time_major)
    cell = cell_of(op, tuple(None if t is None else t.dense() for t in op.inputs), CELL, norm=NORMS)
    state = tuple(np.zeros((x.shape[1], op.inputs[i].size // op.inputs[i].shape[0]), np.float32) for i in (H, C))
    states = []
    for now in x:
        _, state = lstm_float.run(op, cell, now[None], state)
        states.append(state[1])
    return np.stack(states)


#: Weights of the input, recurrent ones, peepholes and the projection; biases of the gates. LiteRT has no int16 form.
_INTEGER = Integer(
    ("s8",),
    weights=dict.fromkeys((*range(1, 12), 16)),
    biases={11 + gate: gate for gate in range(1, 5)},
    memory=Memory(H, C, (-15, -9), cell_states, intermediates=lstm_int8.FEW, without=(9, 10, 11, 16, 17, 20, 21, 22, 23)),
)

register(
    OpDef(
        "UNIDIRECTIONAL_SEQUENCE_LSTM",
        options="UnidirectionalSequenceLSTMOptions",
        infer=infer_sequence,
        reference=sequence,
        updates=(H, C),
        variants=("f32", "f32w8", "s8", "s16"),
        version=_sequence_version,
        lower=lower_sequence,
        integer=_INTEGER,
        gradient=Composition(recurrent_composition.lstm_sequence),
    )
)


# A sequence in both directions. Inputs: 0 the input, 1-17 the forward cell, 18-34 the backward cell, 35-38 h and c of both, 39 an
# auxiliary input, 40-43 and 44-47 its weights for either cell.
FORWARD, BACKWARD, STATES, AUX = 1, 1 + CELL_INPUTS, 35, 39


def infer_bidirectional(op: Operator, *specs: Any) -> list[Spec]:
    """The outputs of both directions, side by side in one where they are merged."""
    if len(specs) != 48:
        raise op.error(f"found {len(specs)} inputs, needed 48; give omitted inputs as -1")
    x = specs[0]
    expect(op, 0, "input", x, x.shape, np.float32)
    _, batch, inputs = sequence_sizes(op, x)
    cells = [check_cell(op, specs, first, inputs, FLOAT) for first in (FORWARD, BACKWARD)]
    for i, sizes in enumerate(cells):
        expect_state(op, STATES + 2 * i, "output state", specs[STATES + 2 * i], batch * sizes.outputs, np.float32)
        expect_state(op, STATES + 2 * i + 1, "cell state", specs[STATES + 2 * i + 1], batch * sizes.cells, np.float32)
    check_activation(op, x.dtype)
    weights = [(AUX + 1 + 4 * c + gate, cells[c].cells, (FORWARD, BACKWARD)[c] + gate) for c in (0, 1) for gate in range(4)]
    expect_auxiliary(op, AUX, specs, weights)
    widths = [sizes.outputs for sizes in cells]
    return [Spec((*x.shape[:2], n), x.dtype) for n in ([sum(widths)] if op.options.merge_outputs else widths)]


def bidirectional(op: Operator, *arrays: Any) -> list[Array]:
    """arrays[0]: float32 [time, batch, inputs], or batch first. Returns the outputs of both directions, and h and c of both."""
    x, aux = (None if a is None else time_first(a, op.options.time_major) for a in (arrays[0], arrays[AUX]))
    assert x is not None
    forward_x, backward_x, aux = inputs_of_directions(x, aux, arrays[AUX + 2] is not None)
    outputs: list[Array] = []
    states: list[Array] = []
    for first, aux_weights, sequence_x in ((FORWARD, AUX + 1, forward_x), (BACKWARD, AUX + 5, backward_x)):
        kept = arrays[STATES + 2 * len(outputs) :][:2]
        cell = cell_of(op, arrays, first, aux=aux_weights)
        y, state = lstm_float.run(op, cell, sequence_x, _rows(x.shape[1], *kept), aux, reverse=first == BACKWARD)
        outputs.append(time_first(y, op.options.time_major))
        states += [new.reshape(old.shape) for new, old in zip(state, kept, strict=True)]
    return ([np.concatenate(outputs, axis=-1)] if op.options.merge_outputs else outputs) + states


def lower_bidirectional(low: Any, op: Operator) -> None:
    """A call for either direction."""
    x, aux = op.inputs[0], op.inputs[AUX]
    forward_x, backward_x, aux = inputs_of_directions(x, aux, op.inputs[AUX + 2] is not None)
    times, batch, _ = sequence_sizes(op, low.spec(x))
    lstm_full_native.lower_bidirectional(low, op, times, batch, (forward_x, backward_x), aux)


register(
    OpDef(
        "BIDIRECTIONAL_SEQUENCE_LSTM",
        options="BidirectionalSequenceLSTMOptions",
        infer=infer_bidirectional,
        reference=bidirectional,
        updates=(35, 36, 37, 38),
        variants=("f32", "f32w8"),
        version=partial(hybrid_version, weights=2, symmetric=2, asymmetric=3),
        lower=lower_bidirectional,
        gradient=Composition(recurrent_composition.lstm_bidirectional),
    )
)
