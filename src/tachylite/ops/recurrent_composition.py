"""Recurrent operators as products and activations, step by step, for differentiation. Every sequence begins from a state of zeros."""

from collections.abc import Callable, Sequence

import numpy as np

from .calculus import Point, Term, apply, where

State = tuple[Term, ...]

GATES = ("input", "forget", "cell", "output")
_PEEPHOLE = {"input": 0, "forget": 1, "output": 2}


def _linear(x: Term, weights: Term, bias: Term | None = None) -> Term:
    """x [..., k] times weights [m, k] transposed, or a diagonal [k], plus the bias."""
    if weights.rank == 1:
        return x * weights if bias is None else x * weights + bias
    result: Term = x.FULLY_CONNECTED(weights, bias, keep_num_dims=True)
    return result


def _activated(at: Point, x: Term) -> Term:
    name = at.options.fused_activation_function
    return x if name == "NONE" else apply(at.build, name, x)


def _clipped(x: Term, limit: float) -> Term:
    """x within [-limit, limit]; a limit of 0 means none."""
    return where(x > limit, limit, where(x < -limit, -limit, x)) if limit > 0 else x


def _weights(at: Point, position: int) -> Term | None:
    """An optional operand. Raises OpError where it is quantized: a hybrid product has steps, but no slope."""
    if not at.has(position):
        return None
    found = at.input(position)
    if found.tensor.dtype != np.float32:
        raise at.op.error(
            f"has {found.tensor.dtype} weights (input #{position}), only float32 ones have gradients; DEQUANTIZE the model first"
        )
    return found


def _times(at: Point, x: Term) -> list[Term]:
    """The steps [batch, n] of a sequence in either layout."""
    axis = 0 if at.options.time_major else 1
    steps = x.UNPACK(num=x.shape[axis], axis=axis)
    return steps if isinstance(steps, list) else [steps]


def _sequence(at: Point, steps: Sequence[Term]) -> Term:
    """Steps [batch, n] as a sequence in the operator's layout."""
    result: Term = apply(at.build, "PACK", *steps, values_count=len(steps), axis=0 if at.options.time_major else 1)
    return result


def _walk(step: Callable[[int, State | None], State], count: int, is_reverse: bool) -> list[Term]:
    """The first part of the state after each step, in the order of time."""
    outputs: dict[int, Term] = {}
    state: State | None = None
    for t in reversed(range(count)) if is_reverse else range(count):
        state = step(t, state)
        outputs[t] = state[0]
    return [outputs[t] for t in range(count)]


# Simple cells.


def _rnn(at: Point, x: Term, first: int, aux: Term | None = None, aux_weights: int = 0, is_reverse: bool = False) -> list[Term]:
    """One direction: weights, recurrent weights and bias start at input `first`."""
    into, recurrent, bias = (_weights(at, first + i) for i in range(3))
    assert into is not None
    assert recurrent is not None
    drive = _linear(x, into, bias)
    if aux is not None and (into_aux := _weights(at, aux_weights)) is not None:
        drive = drive + _linear(aux, into_aux)
    drives = _times(at, drive)

    def step(t: int, state: State | None) -> State:
        return (_activated(at, drives[t] if state is None else drives[t] + _linear(state[0], recurrent)),)

    return _walk(step, len(drives), is_reverse)


def rnn_sequence(at: Point) -> Term:
    """UNIDIRECTIONAL_SEQUENCE_RNN."""
    return _sequence(at, _rnn(at, at.x, 1))


def rnn_bidirectional(at: Point) -> list[Term]:
    """BIDIRECTIONAL_SEQUENCE_RNN."""
    forward_x, backward_x, aux = _inputs(at, 9, at.has(10))
    return _both(at, _rnn(at, forward_x, 1, aux, 10), _rnn(at, backward_x, 5, aux, 11, is_reverse=True))


def _inputs(at: Point, aux: int, has_weights: bool) -> tuple[Term, Term, Term | None]:
    """What the forward and the backward cell read, and what adds to both; see `recurrent.inputs_of_directions`."""
    if not at.has(aux):
        return at.x, at.x, None
    return (at.x, at.x, at.input(aux)) if has_weights else (at.x, at.input(aux), None)


def _both(at: Point, forward: list[Term], backward: list[Term]) -> list[Term]:
    """The outputs of both directions, side by side in one where they are merged."""
    outputs = [_sequence(at, forward), _sequence(at, backward)]
    return [apply(at.build, "CONCATENATION", *outputs, axis=-1)] if at.options.merge_outputs else outputs


# LSTM; lstm_cell.py says which input is which.


class _Lstm:
    """The operands of one LSTM cell."""

    def __init__(self, at: Point, x: Term, first: int, norms: int | None = None, aux: Term | None = None, aux_weights: int = 0):
        self.at, self.first = at, first
        self.norms = norms if norms is not None and at.has(norms + 1) else None
        self.gates = [g for g in GATES if at.has(first + GATES.index(g))]
        self.drives = {g: _times(at, self._drive(GATES.index(g), x, aux, aux_weights)) for g in self.gates}

    def _drive(self, gate: int, x: Term, aux: Term | None, aux_weights: int) -> Term:
        """What a gate gets of the inputs, for all times."""
        weights = _weights(self.at, self.first + gate)
        assert weights is not None
        y = _linear(x, weights, None if self.norms is not None else self.at.input(self.first + 11 + gate))
        into_aux = _weights(self.at, aux_weights + gate) if aux is not None else None
        return y if aux is None or into_aux is None else y + _linear(aux, into_aux)

    def level(self, gate: str, t: int, h: Term | None, c: Term | None) -> Term:
        """What a gate lets through before its activation."""
        number, at = GATES.index(gate), self.at
        y = self.drives[gate][t]
        recurrent = _weights(at, self.first + 4 + number)
        assert recurrent is not None
        y = y if h is None else y + _linear(h, recurrent)
        peephole = _weights(at, self.first + 8 + _PEEPHOLE[gate]) if gate in _PEEPHOLE else None
        y = y if peephole is None or c is None else y + peephole * c
        if self.norms is None:
            return y
        return _normalized(y) * at.input(self.norms + number) + at.input(self.first + 11 + number)

    def step(self, t: int, state: State | None) -> State:
        """h and c after a step."""
        at = self.at
        h, c = (None, None) if state is None else state
        forget = self.level("forget", t, h, c).LOGISTIC()
        admit = self.level("input", t, h, c).LOGISTIC() if "input" in self.gates else 1.0 - forget
        candidate = admit * _activated(at, self.level("cell", t, h, c))
        c = _clipped(candidate if c is None else forget * c + candidate, at.options.cell_clip)
        output = self.level("output", t, h, c).LOGISTIC() * _activated(at, c)
        if (projection := _weights(at, self.first + 15)) is None:
            return output, c
        bias = at.input(self.first + 16) if at.has(self.first + 16) else None
        return _clipped(_linear(output, projection, bias), at.options.proj_clip), c

    def run(self, is_reverse: bool = False) -> list[Term]:
        """h after every step."""
        return _walk(self.step, len(self.drives["output"]), is_reverse)


def _normalized(x: Term) -> Term:
    """Each row less its mean, over its standard deviation."""
    last = np.array([x.rank - 1], np.int32)
    centred = x - x.MEAN(last, keep_dims=True)
    result: Term = centred * ((centred * centred).MEAN(last, keep_dims=True) + 1e-8).RSQRT()
    return result


def lstm_sequence(at: Point) -> Term:
    """UNIDIRECTIONAL_SEQUENCE_LSTM."""
    return _sequence(at, _Lstm(at, at.x, 1, norms=20).run())


def lstm_bidirectional(at: Point) -> list[Term]:
    """BIDIRECTIONAL_SEQUENCE_LSTM."""
    forward_x, backward_x, aux = _inputs(at, 39, at.has(41))
    forward = _Lstm(at, forward_x, 1, aux=aux, aux_weights=40).run()
    return _both(at, forward, _Lstm(at, backward_x, 18, aux=aux, aux_weights=44).run(is_reverse=True))
