"""Recurrent layers: an LSTM as one fused operator where that has its form, everything else as one loop over the steps."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tachylite.frontends.builder import FrontendBuilder, dims
from tachylite.frontends.keras.activations import activation_name, scalar
from tachylite.frontends.keras.cells import KINDS, Cell, LstmCell, cell_of
from tachylite.frontends.keras.layer import Layer, NeedsFixedBatch, layer
from tachylite.frontends.keras.layers.core import fully_connected
from tachylite.frontends.keras.layers.merging import fold
from tachylite.frontends.loops import while_loop
from tachylite.frontends.shaping import ints, open_shape, reshape, shape_vector, size_of
from tachylite.model.graph import Tensor


def axis(value: int) -> np.ndarray:
    """An axis as an operand."""
    return np.array(value, np.int32)


@layer("LSTM", "CuDNNLSTM", "GRU", "SimpleRNN", mask="own")
def recurrent(self: Layer, x: Any, initial_state: Any = None, mask: Tensor | None = None, **kwargs: Any) -> Any:
    """x: [n, steps, features]; Keras 2 gives the initial states with it."""
    kind = self.class_name.removeprefix("CuDNN")
    return run(self, x, [cell_of(self, self.config, kind, "cell")], initial_state, mask)


@layer("RNN", mask="own")
def rnn(self: Layer, x: Any, initial_state: Any = None, mask: Tensor | None = None, **kwargs: Any) -> Any:
    """Any cells, one upon the other. What each gives at all steps goes into the next."""
    serialized = self.config["cell"]
    is_stack = serialized["class_name"] == "StackedRNNCells"
    parts = serialized["config"]["cells"] if is_stack else [serialized]
    strangers = [p["class_name"] for p in parts if p["class_name"].removesuffix("Cell") not in KINDS]
    if strangers:
        raise self.refuse(f"its cell is {strangers[0]}", f"take {', '.join(f'{kind}Cell' for kind in KINDS)}")
    names = _cell_paths(parts) if is_stack else [("cell",)]
    cells = [cell_of(self, p["config"], p["class_name"].removesuffix("Cell"), *path) for p, path in zip(parts, names, strict=True)]
    return run(self, x, cells, initial_state, mask)


def _cell_paths(parts: Sequence[dict[str, Any]]) -> list[tuple[str, ...]]:
    from tachylite.frontends.keras.weights import stored_names

    return [("cell", "cells", name) for name in stored_names(part["class_name"] for part in parts)]


def run(self: Layer, x: Any, cells: Sequence[Cell], initial_state: Any, mask: Tensor | None) -> Any:
    """What the layer returns: the outputs or the last one, then the states if it is to."""
    if isinstance(x, list | tuple):
        x, *initial_state = x
    mask = mask if mask is not None else self.masks.get(x)
    states = list(initial_state) if isinstance(initial_state, list | tuple) else [] if initial_state is None else [initial_state]
    if self.get("go_backwards", False):
        x = self.build.REVERSE_V2(x, ints(1))
        mask = None if mask is None else self.build.REVERSE_V2(mask, ints(1))
    ends: list[Tensor] = []
    for position, cell in enumerate(cells):
        is_last = position == len(cells) - 1
        given, states = states[: cell.states], states[cell.states :]
        x, after = _run_cell(self, cell, x, given, mask, self.get("return_sequences", False) or not is_last)
        ends += after
    if mask is not None and self.get("return_sequences", False):
        self.masks[x] = mask
    return [x, *ends] if self.get("return_state", False) else x


def _run_cell(
    self: Layer, cell: Cell, x: Tensor, given: list[Tensor], mask: Tensor | None, is_sequence: bool
) -> tuple[Tensor, list[Tensor]]:
    if _is_fusible(self, cell) and not given and mask is None and not self.get("return_state", False):
        y = fused_lstm(self, cell, x)
        return (y if is_sequence else last_step(self, y)), []
    if self.get("stateful", False):
        if given:
            raise self.refuse("it is stateful and has an initial state", "drop one of both")
        return _stateful_loop(self, cell, x, mask, is_sequence)
    return loop(self, cell, x, given, mask, is_sequence)


# The fused operator.


def _is_fusible(self: Layer, cell: Cell) -> bool:
    config = self.config["cell"]["config"] if "cell" in self.config else self.config
    functions = activation_name(config.get("activation", "tanh")), activation_name(config.get("recurrent_activation", "sigmoid"))
    return isinstance(cell, LstmCell) and "cells" not in config and functions == ("tanh", "sigmoid")


def fused_lstm(self: Layer, cell: Cell, x: Tensor) -> Tensor:
    """All steps in one operator, which keeps its states from run to run until the interpreter's variables are reset."""
    batch = dims(x)[0]
    if batch is None:
        raise NeedsFixedBatch(f"{self.name!r} keeps states for a fixed batch")
    build = self.build
    into = _by_gate(self, cell.kernel.T, "kernel")
    back = _by_gate(self, cell.recurrent.T, "recurrent_kernel")
    biases = _by_gate(self, cell.input_bias, "bias")
    states = [build.variable(build.unique(f"{self.name}/{name}"), (batch, cell.units)) for name in ("output_state", "cell_state")]
    return build.UNIDIRECTIONAL_SEQUENCE_LSTM(
        x, *into, *back, None, None, None, *biases, None, None, *states, *[None] * 4, fused_activation_function="TANH", time_major=False
    )


def _by_gate(self: Layer, weights: np.ndarray, name: str) -> list[Tensor]:
    parts = zip(np.split(weights, 4), ("input", "forget", "cell", "output"), strict=True)
    return [self.build.constant(np.ascontiguousarray(part), f"{name}_{gate}") for part, gate in parts]


def last_step(self: Layer, y: Tensor) -> Tensor:
    """[n, units] of [n, steps, units]."""
    keep = 0b101
    return self.build.STRIDED_SLICE(y, ints(0, -1, 0), ints(0, 0, 0), ints(1, 1, 1), begin_mask=keep, end_mask=keep, shrink_axis_mask=2)


# The loop.


def loop(self: Layer, cell: Cell, x: Tensor, given: list[Tensor], mask: Tensor | None, is_sequence: bool) -> tuple[Tensor, list[Tensor]]:
    """One WHILE over the steps, any batch. Returns the outputs, or the last, and the last states.

    Its variables: the step, the inputs' products, the mask if there is one, the states, the output before where masked steps repeat it,
    and the outputs where all are asked for.
    """
    build = self.build
    drive = fully_connected(self, x, cell.kernel, cell.input_bias)
    batch, steps = size_of(build, x, 0), size_of(build, x, 1)
    states = given or [zeros(build, [batch, cell.units]) for _ in range(cell.states)]
    fixed = [drive] if mask is None else [drive, mask]
    moving = [*states]
    if mask is not None:
        moving.append(zeros(build, [batch, cell.units]))
    if is_sequence:
        moving.append(zeros(build, [batch, steps, cell.units]))
    body = _Body(cell, len(fixed), mask is not None, is_sequence, bool(self.get("zero_output_for_mask", False)))
    results = while_loop(build, _is_within, body.emit, [build.constant(axis(0), "step"), *fixed, *moving])
    after = results[1 + len(fixed) :]
    states = after[: cell.states]
    return (after[-1] if is_sequence or mask is not None else states[0]), states


def _is_within(build: FrontendBuilder, step: Tensor, drive: Tensor, *rest: Tensor) -> Tensor:
    steps = size_of(build, drive, 1)
    return build.LESS(step, steps if isinstance(steps, Tensor) else axis(steps))


class _Body:
    """One step of a loop; see `loop` for its variables."""

    def __init__(self, cell: Cell, fixed: int, is_masked: bool, is_sequence: bool, masked_is_zero: bool):
        self.cell = cell
        self.fixed = fixed
        self.is_masked = is_masked
        self.is_sequence = is_sequence
        self.masked_is_zero = masked_is_zero

    def emit(self, build: FrontendBuilder, step: Tensor, *values: Tensor) -> list[Tensor]:
        fixed, moving = values[: self.fixed], values[self.fixed :]
        before, rest = list(moving[: self.cell.states]), list(moving[self.cell.states :])
        after = self.cell.step(build, build.GATHER(fixed[0], step, axis=1), before)
        y = after[0]
        if self.is_masked:
            is_kept = build.EXPAND_DIMS(build.GATHER(fixed[1], step, axis=1), axis(1))
            y, rest[0] = self._masked_output(build, is_kept, y, rest[0])
            after = [build.SELECT_V2(is_kept, new, old) for new, old in zip(after, before, strict=True)]
        if self.is_sequence:
            place = build.PACK(axis(0), step, axis(0), values_count=3, axis=0)
            rest[-1] = build.DYNAMIC_UPDATE_SLICE(rest[-1], build.EXPAND_DIMS(y, axis(1)), place)
        return [build.ADD(step, axis(1)), *fixed, *after, *rest]

    def _masked_output(self, build: FrontendBuilder, is_kept: Tensor, y: Tensor, before: Tensor) -> tuple[Tensor, Tensor]:
        """The output of a step that may be masked, and the one that the next step has before it."""
        repeated = build.SELECT_V2(is_kept, y, before)
        if self.masked_is_zero:
            return build.MUL(y, build.CAST(is_kept, in_data_type="BOOL", out_data_type="FLOAT32")), repeated
        return repeated, repeated


def zeros(build: FrontendBuilder, sizes: Sequence[int | Tensor]) -> Tensor:
    """Zeros of these sizes; a constant where all are known."""
    known = [size for size in sizes if not isinstance(size, Tensor)]
    if len(known) == len(sizes):
        return build.constant(np.zeros(known, np.float32), "zeros")
    return build.FILL(shape_vector(build, sizes), scalar(0))


def _stateful_loop(self: Layer, cell: Cell, x: Tensor, mask: Tensor | None, is_sequence: bool) -> tuple[Tensor, list[Tensor]]:
    """A loop that begins with the states that the run before left, in resource variables."""
    batch = dims(x)[0]
    if batch is None:
        raise NeedsFixedBatch(f"{self.name!r} keeps states for a fixed batch")
    names = [f"{self.name}/state_{i}" for i in range(cell.states)]
    initial = zeros(self.build, [batch, cell.units])
    handles = [state_variable(self.build, name, initial) for name in names]
    before = [self.build.READ_VARIABLE(h, out=self.build.tensor(f"{n}/value", initial.shape)) for h, n in zip(handles, names, strict=True)]
    y, after = loop(self, cell, x, before, mask, is_sequence)
    for handle, state in zip(handles, after, strict=True):
        self.build.ASSIGN_VARIABLE(handle, state)
    return y, after


def state_variable(build: FrontendBuilder, name: str, initial: Tensor) -> Tensor:
    """The handle of a variable that a graph called once sets to `initial`, a constant."""
    first = build.body(f"{name}/initialization")
    first.ASSIGN_VARIABLE(first.VAR_HANDLE(shared_name=name), first.constant(initial.data))
    build.CALL_ONCE(subgraphs=[first.graph])
    handle: Tensor = build.VAR_HANDLE(shared_name=name)
    return handle


# Wrappers.


@layer("Bidirectional", mask="own")
def bidirectional(self: Layer, x: Any, initial_state: Any = None, mask: Tensor | None = None, **kwargs: Any) -> Any:
    """Two layers, the second from the end; its outputs are put in the order of time."""
    if isinstance(x, list | tuple):
        x, *initial_state = x
    given = list(initial_state or ())
    half = len(given) // 2
    forward = self.config["layer"]
    backward = self.config.get("backward_layer") or reversed_layer(forward)
    first = self.call(forward, self.weights.child("forward_layer"), x, initial_state=given[:half] or None, mask=mask)
    second = self.call(backward, self.weights.child("backward_layer"), x, initial_state=given[half:] or None, mask=mask)
    (y, *states), (z, *others) = (r if isinstance(r, list) else [r] for r in (first, second))
    is_sequence = forward["config"].get("return_sequences", False)
    merged = merge(self, y, self.build.REVERSE_V2(z, ints(1)) if is_sequence else z)
    mask = mask if mask is not None else self.masks.get(x)
    if is_sequence and mask is not None:
        self.masks.update(dict.fromkeys(merged, mask))
    results = [*merged, *states, *others]
    return results if len(results) > 1 else results[0]


def reversed_layer(serialized: dict[str, Any]) -> dict[str, Any]:
    """The layer for the other direction, where the config holds one alone."""
    config = serialized["config"]
    return {**serialized, "config": {**config, "go_backwards": not config.get("go_backwards", False), "name": f"backward_{config['name']}"}}


def merge(self: Layer, y: Tensor, z: Tensor) -> list[Tensor]:
    """Both directions as the layer merges them."""
    mode = self.config.get("merge_mode", "concat")
    if mode is None:
        return [y, z]
    if mode == "concat":
        return [self.build.CONCATENATION(y, z, axis=len(y.shape) - 1)]
    total = fold(self, "MUL" if mode == "mul" else "ADD", [y, z])
    return [self.build.MUL(total, scalar(0.5)) if mode == "ave" else total]


@layer("TimeDistributed", mask="pass")
def time_distributed(self: Layer, x: Tensor, mask: Tensor | None = None) -> Any:
    """The layer on every step, as members of a larger batch."""
    lead = open_shape(self.build, x, 0, 2)
    flat = reshape(self.build, x, [None, *dims(x)[2:]])
    y = self.call(self.config["layer"], self.weights.child("layer"), flat)
    return reshape(self.build, y, [*lead, *dims(y)[1:]]) if isinstance(y, Tensor) else y
