"""LSTM, GRU and RNN: an LSTM as fused operators where that is exact, everything else as one loop over the steps for each direction."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tachylite.frontends.builder import FrontendBuilder, dims
from tachylite.frontends.keras.activations import activation_function
from tachylite.frontends.keras.cells import Cell, GruCell, LstmCell
from tachylite.frontends.keras.recurrence import loop
from tachylite.frontends.shaping import ints, transpose
from tachylite.frontends.torch.node import op
from tachylite.frontends.traced.converter import Call
from tachylite.model.graph import Tensor


@dataclass(frozen=True)
class Kind:
    """A cell, and which of torch's gates each of its own is."""

    cell: type[Cell]
    order: Sequence[int]
    activation: str = "tanh"


KINDS = {
    "aten.lstm": Kind(LstmCell, (0, 1, 2, 3)),
    "aten.gru": Kind(GruCell, (1, 0, 2)),
    "aten.rnn_tanh": Kind(Cell, (0,)),
    "aten.rnn_relu": Kind(Cell, (0,), "relu"),
}


@op(*KINDS)
def recurrent(
    self: Call,
    x: Tensor,
    states: Any,
    weights: Sequence[Tensor],
    has_biases: bool,
    num_layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
    batch_first: bool,
) -> list[Tensor]:
    """x: [steps, n, features], or [n, steps, features]. states: [layers * directions, n, units], as the last ones that come out."""
    if train and dropout:
        raise self.refuse("it drops elements between its layers, as in training", "call .eval() before exporting")
    if len(x.shape) != 3:
        raise self.refuse("it takes a single sequence, without a batch", "give it a batch of one")
    build, directions = self.build, 2 if bidirectional else 1
    given = list(states) if isinstance(states, list) else [states]
    layers = Layers(self, KINDS[self.node.op], given, [self.known(w, "weights") for w in weights], has_biases)
    y = x if batch_first else transpose(build, x, [1, 0, 2])
    ends = []
    for layer in range(num_layers):
        results = [layers.run(y, layer * directions + i, is_backward=i == 1) for i in range(directions)]
        y = results[0][0] if directions == 1 else build.CONCATENATION(*(r[0] for r in results), axis=2)
        ends += [r[1] for r in results]
    stacked = [build.PACK(*column, values_count=len(column), axis=0) for column in zip(*ends, strict=True)] if self.reads(1) else []
    return [y if batch_first else transpose(build, y, [1, 0, 2]), *stacked]


@dataclass(frozen=True)
class Layers:
    """All layers and directions of one operator, in torch's order."""

    call: Call
    kind: Kind
    states: list[Tensor]
    weights: list[np.ndarray]
    has_biases: bool

    # What a loop asks of a layer.

    @property
    def build(self) -> FrontendBuilder:
        return self.call.build

    def get(self, key: str, default: Any = None) -> Any:
        """No option of a Keras layer is set."""
        return default

    def run(self, x: Tensor, number: int, is_backward: bool) -> tuple[Tensor, list[Tensor]]:
        """The outputs of one layer and direction, and its last states. x: [n, steps, features]."""
        build, cell = self.build, self._cell(number)
        x = build.REVERSE_V2(x, ints(1)) if is_backward else x
        if self._is_fusible(x, number):
            y, ends = self._fused(x, cell)
        else:
            layer: Any = self
            first = [build.GATHER(s, np.array(number, np.int32), axis=0) for s in self.states]
            y, ends = loop(layer, cell, cell.drive(layer, x), first, None, is_sequence=True)
        return build.REVERSE_V2(y, ints(1)) if is_backward else y, ends

    def _cell(self, number: int) -> Cell:
        each = 4 if self.has_biases else 2
        kernel, back, *biases = self.weights[number * each : (number + 1) * each]
        into, recurrent = self._ordered(kernel).T, self._ordered(back).T
        both = np.stack([self._ordered(b) for b in biases]) if biases else np.zeros((2, len(kernel)), np.float32)
        is_gru = self.kind.cell is GruCell
        functions = activation_function(self.kind.activation), activation_function("sigmoid")
        return self.kind.cell(into, recurrent, both if is_gru else both.sum(0), *functions, {"reset_after": True})

    def _ordered(self, weights: np.ndarray) -> np.ndarray:
        """Rows gate by gate, in the order of the cell."""
        gates = np.split(weights, len(self.kind.order))
        return np.concatenate([gates[g] for g in self.kind.order])

    # The fused operator.

    def _is_fusible(self, x: Tensor, number: int) -> bool:
        """Whether states are zeros at first, the last cell's state is not read, and the batch, which variables have, is known."""
        values = [self.build.value(s) for s in self.states]
        are_zeros = all(v is not None and not v[number].any() for v in values)
        return self.kind.cell is LstmCell and are_zeros and not self.call.reads(2) and dims(x)[0] is not None

    def _fused(self, x: Tensor, cell: Cell) -> tuple[Tensor, list[Tensor]]:
        """All steps in one operator, which keeps its states from run to run until the interpreter's variables are reset."""
        build = self.build
        into, back, biases = (
            self._by_gate(w, name) for w, name in ((cell.kernel.T, "kernel"), (cell.recurrent.T, "recurrent_kernel"), (cell.bias, "bias"))
        )
        names = [build.unique(f"{self.call.node.name}/{name}") for name in ("output_state", "cell_state")]
        states = [build.variable(name, (x.shape[0], cell.units)) for name in names]
        operands = [*into, *back, None, None, None, *biases, None, None, *states, *[None] * 4]
        y = build.UNIDIRECTIONAL_SEQUENCE_LSTM(x, *operands, fused_activation_function="TANH", time_major=False)
        if not self.call.reads(1):
            return y, []
        keep = 0b101
        last = build.STRIDED_SLICE(y, ints(0, -1, 0), ints(0, 0, 0), ints(1, 1, 1), begin_mask=keep, end_mask=keep, shrink_axis_mask=2)
        return y, [last]

    def _by_gate(self, weights: np.ndarray, name: str) -> list[Tensor]:
        gates = zip(np.split(weights, 4), ("input", "forget", "cell", "output"), strict=True)
        return [self.build.constant(np.ascontiguousarray(part), f"{name}_{gate}") for part, gate in gates]
