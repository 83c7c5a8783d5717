"""LSTM, GRU and RNN: an LSTM as one fused operator where that has its form, everything else as one loop over the steps."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tachylite.frontends.builder import FrontendBuilder, dims
from tachylite.frontends.keras.activations import Activation, activation_function, clip, elu, relu, scalar
from tachylite.frontends.keras.cells import Cell, GruCell, LstmCell, States, recur
from tachylite.frontends.keras.recurrence import loop
from tachylite.frontends.onnx.node import Node, op
from tachylite.frontends.shaping import ints, size_of, transpose
from tachylite.frontends.types import cast
from tachylite.model.graph import Tensor

#: Functions of ONNX by name, from their alpha and beta (None where the node tells none).
FUNCTIONS: dict[str, Callable[[Any, Any], Activation]] = {
    "affine": lambda a, b: lambda build, x: build.ADD(build.MUL(x, scalar(1.0 if a is None else a)), scalar(b or 0)),
    "elu": lambda a, b: lambda build, x: elu(build, x, 1.0 if a is None else a),
    "hardsigmoid": lambda a, b: lambda build, x: _hard_sigmoid(build, x, 0.2 if a is None else a, 0.5 if b is None else b),
    "leakyrelu": lambda a, b: lambda build, x: relu(build, x, 0.01 if a is None else a),
    "relu": lambda a, b: relu,
    "scaledtanh": lambda a, b: lambda build, x: build.MUL(build.TANH(build.MUL(x, scalar(b))), scalar(a)),
    "sigmoid": lambda a, b: activation_function("sigmoid"),
    "softplus": lambda a, b: activation_function("softplus"),
    "softsign": lambda a, b: activation_function("softsign"),
    "tanh": lambda a, b: activation_function("tanh"),
}


def _hard_sigmoid(build: FrontendBuilder, x: Tensor, alpha: float, beta: float) -> Tensor:
    return clip(build, build.ADD(build.MUL(x, scalar(alpha)), scalar(beta)), 0, 1)


@dataclass(frozen=True)
class Kind:
    """An operator: its cell, the order of its gates in the cell's, and the functions that it has by default."""

    cell: type[Cell]
    order: Sequence[int]
    functions: Sequence[str]


class Lstm(LstmCell):
    """With peepholes, [3, units], by which the gates see the state as well, or without; and a last function of its own."""

    def step(self, build: FrontendBuilder, x: Tensor, states: States) -> list[Tensor]:
        """As LstmCell's; config: "peepholes" and "last"."""
        h, c = states
        drive = build.ADD(x, recur(build, h, self.recurrent))
        into, forget, candidate, out = build.SPLIT(np.array(1, np.int32), drive, num_splits=4)
        peepholes = self.config["peepholes"]
        if peepholes is not None:
            into, forget = (build.ADD(gate, build.MUL(c, peepholes[i])) for gate, i in ((into, 0), (forget, 2)))
        entry = self.gate(build, into)
        kept = build.SUB(scalar(1), entry) if self.config["is_coupled"] else self.gate(build, forget)
        c = build.ADD(build.MUL(kept, c), build.MUL(entry, self.activation(build, candidate)))
        if peepholes is not None:
            out = build.ADD(out, build.MUL(c, peepholes[1]))
        return [build.MUL(self.gate(build, out), self.config["last"](build, c)), c]


KINDS = {
    "LSTM": Kind(Lstm, (0, 2, 3, 1), ("sigmoid", "tanh", "tanh")),
    "GRU": Kind(GruCell, (0, 1, 2), ("sigmoid", "tanh")),
    "RNN": Kind(Cell, (0,), ("tanh",)),
}


@op("LSTM", "GRU", "RNN")
def recurrent(
    self: Node,
    x: Tensor,
    kernel: Tensor,
    weights: Tensor,
    bias: Tensor | None = None,
    lengths: Tensor | None = None,
    initial: Tensor | None = None,
    initial_cell: Tensor | None = None,
    peepholes: Tensor | None = None,
) -> list[Tensor]:
    """x: [steps, n, features], or [n, steps, features] with layout=1; the states that come in and go out are laid out likewise."""
    if self.has("clip"):
        raise self.refuse("it clips its gates", "leave clip out")
    build, is_batch_major = self.build, bool(self.get("layout", 0))
    x = x if is_batch_major else transpose(build, x, [1, 0, 2])
    states = [s for s in (initial, initial_cell) if s is not None]
    states = [transpose(build, s, [1, 0, 2]) for s in states] if is_batch_major else states
    parts = [self.known(t, "weights") if t is not None else None for t in (kernel, weights, bias, peepholes)]
    direction = self.get("direction", "forward")
    backwards = {"forward": [False], "reverse": [True], "bidirectional": [False, True]}[direction]
    results = []
    for i, is_backward in enumerate(backwards):
        cell = cell_of(self, i, [None if p is None else p[i] for p in parts])
        given = [build.GATHER(s, np.array(i, np.int32), axis=0) for s in states]
        results.append(Direction(self, cell, lengths, is_backward).run(x, given))
    outputs = [build.PACK(*ys, values_count=len(ys), axis=2 if is_batch_major else 1) for ys in _arranged(self, results, is_batch_major)]
    ends = [build.PACK(*hs, values_count=len(hs), axis=1 if is_batch_major else 0) for hs in zip(*(r[1] for r in results), strict=True)]
    return [*(outputs or [build.constant(np.zeros(0, np.float32))]), *ends]


def _arranged(self: Node, results: Sequence[tuple[Tensor, list[Tensor]]], is_batch_major: bool) -> list[list[Tensor]]:
    """The outputs of each direction, where anything reads them."""
    if not self.reads(0):
        return []
    return [[y if is_batch_major else transpose(self.build, y, [1, 0, 2]) for y, _ in results]]


def cell_of(self: Node, number: int, parts: Sequence[np.ndarray | None]) -> Cell:
    """The cell of one direction.

    parts: kernel [gates * units, features], weights [gates * units, units], and bias [2 * gates * units] and peepholes [3 * units] or None.
    """
    kernel, weights, bias, peepholes = parts
    assert kernel is not None
    assert weights is not None
    kind, units = KINDS[self.op], weights.shape[1]
    both = (np.zeros(2 * len(weights), np.float32) if bias is None else bias).reshape(2, -1).T
    into, back, both = (_ordered(p, kind, units) for p in (kernel, weights, both))
    is_reset_after = bool(self.get("linear_before_reset", 0))
    names = [str(n, "utf-8").lower() for n in self.get("activations") or ()] or [*kind.functions] * 2
    count = len(kind.functions)
    functions = _functions(self, names)[number * count :][:count]
    config = {
        "reset_after": is_reset_after,
        "peepholes": None if peepholes is None else peepholes.reshape(3, units),
        "is_coupled": bool(self.get("input_forget", 0)),
        "last": functions[-1],
        "is_plain": tuple(names[number * count :][:count]) == kind.functions,
    }
    offset = both.T if is_reset_after else both.sum(1)
    activation = functions[1] if count > 1 else functions[0]
    return kind.cell(into.T, back.T, offset, activation, functions[0], config)


def _ordered(weights: np.ndarray, kind: Kind, units: int) -> np.ndarray:
    """Rows gate by gate, in the order of the cell."""
    return np.concatenate([weights[g * units : (g + 1) * units] for g in kind.order])


def _functions(self: Node, names: Sequence[str]) -> list[Activation]:
    """Each takes the next alpha and beta if it has such."""
    strangers = sorted(set(names) - set(FUNCTIONS))
    if strangers:
        raise self.refuse(f"its functions are {strangers}", f"take some of {sorted(FUNCTIONS)}")
    alphas, betas = (iter(self.get(f"activation_{name}") or ()) for name in ("alpha", "beta"))
    has_alpha = ("affine", "elu", "hardsigmoid", "leakyrelu", "scaledtanh")
    has_beta = ("affine", "hardsigmoid", "scaledtanh")
    return [
        FUNCTIONS[name](next(alphas, None) if name in has_alpha else None, next(betas, None) if name in has_beta else None)
        for name in names
    ]


@dataclass(frozen=True)
class Direction:
    """One cell along the sequences, from their ends where it goes backwards."""

    node: Node
    cell: Cell
    lengths: Tensor | None
    is_backward: bool

    # What a loop asks of a layer.

    @property
    def build(self) -> FrontendBuilder:
        return self.node.build

    def get(self, key: str, default: Any = None) -> Any:
        """Steps behind the end of a sequence give zeros."""
        return True if key == "zero_output_for_mask" else default

    def run(self, x: Tensor, states: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """The outputs, [n, steps, units], and the last states. x: [n, steps, features]."""
        x = self._turned(x)
        y, ends = self._fused(x) if self._is_fusible(x, states) else self._rolled(x, states)
        return self._turned(y), ends

    def _turned(self, x: Tensor) -> Tensor:
        if not self.is_backward:
            return x
        if self.lengths is not None:
            turned: Tensor = self.build.REVERSE_SEQUENCE(x, self.lengths, seq_dim=1, batch_dim=0)
            return turned
        reversed_: Tensor = self.build.REVERSE_V2(x, ints(1))
        return reversed_

    def _rolled(self, x: Tensor, states: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        build = self.build
        layer: Any = self
        mask = None
        if self.lengths is not None:
            steps = size_of(build, x, 1)
            limit = steps if isinstance(steps, Tensor) else np.array(steps, np.int32)
            places = build.RANGE(np.array(0, np.int32), limit, np.array(1, np.int32))
            mask = build.LESS(places, build.EXPAND_DIMS(cast(build, self.lengths, np.int32), np.array(1, np.int32)))
        return loop(layer, self.cell, self.cell.drive(layer, x), states, mask, is_sequence=True)

    # The fused operator.

    def _is_fusible(self, x: Tensor, states: list[Tensor]) -> bool:
        config, is_plain = self.cell.config, self.lengths is None and not states and not self.node.reads(2)
        return self.node.op == "LSTM" and is_plain and config["is_plain"] and not config["is_coupled"] and dims(x)[0] is not None

    def _fused(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """All steps in one operator, which keeps its states from run to run until the interpreter's variables are reset."""
        build, cell = self.build, self.cell
        into, back, biases = (
            self._by_gate(w, name) for w, name in ((cell.kernel.T, "kernel"), (cell.recurrent.T, "recurrent_kernel"), (cell.bias, "bias"))
        )
        peepholes = cell.config["peepholes"]
        seen = [None] * 3 if peepholes is None else [build.constant(peepholes[i], "peephole") for i in (0, 2, 1)]
        shape = (x.shape[0], cell.units)
        states = [build.variable(build.unique(f"{self.node.name}/{name}"), shape) for name in ("output_state", "cell_state")]
        operands = [*into, *back, *seen, *biases, None, None, *states, *[None] * 4]
        y = build.UNIDIRECTIONAL_SEQUENCE_LSTM(x, *operands, fused_activation_function="TANH", time_major=False)
        keep = 0b101
        last = build.STRIDED_SLICE(y, ints(0, -1, 0), ints(0, 0, 0), ints(1, 1, 1), begin_mask=keep, end_mask=keep, shrink_axis_mask=2)
        return y, [last, last]

    def _by_gate(self, weights: np.ndarray, name: str) -> list[Tensor]:
        parts = zip(np.split(weights, 4), ("input", "forget", "cell", "output"), strict=True)
        return [self.build.constant(np.ascontiguousarray(part), f"{name}_{gate}") for part, gate in parts]
