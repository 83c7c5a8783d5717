"""Recurrent layers: an LSTM as one fused operator where that has its form, everything else as one loop over the steps."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tachylite.frontends.builder import dims
from tachylite.frontends.keras.activations import activation_name, scalar
from tachylite.frontends.keras.cells import KINDS, Cell, ConvLstmCell, LstmCell, cell_of
from tachylite.frontends.keras.layer import Layer, layer
from tachylite.frontends.keras.layers.merging import fold
from tachylite.frontends.keras.recurrence import fixed_batch, loop, stateful_loop
from tachylite.frontends.keras.weights import stored_names
from tachylite.frontends.shaping import ints, move_axis, open_shape, reshape
from tachylite.model.graph import Tensor


@layer("LSTM", "CuDNNLSTM", "GRU", "CuDNNGRU", "SimpleRNN", mask="own")
def recurrent(self: Layer, x: Any, initial_state: Any = None, mask: Tensor | None = None, **kwargs: Any) -> Any:
    """x: [n, steps, features]; Keras 2 gives the initial states with it."""
    if self.get("time_major", False):
        raise self.refuse("its steps come before the batch (time_major)", "Permute, and set time_major to False")
    kind = self.class_name.removeprefix("CuDNN")
    cell = cell_of(self, self.config, kind, "cell")
    if kind != self.class_name:  # for a GPU of Keras 2: two biases, and a GRU that resets after the product
        both = cell.bias.reshape(2, -1)
        cell = replace(cell, bias=both if kind == "GRU" else both.sum(0), config={**self.config, "reset_after": True})
    return run(self, x, [cell], initial_state, mask)


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
    return [("cell", "cells", name) for name in stored_names(part["class_name"] for part in parts)]


@layer("ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D", mask="own")
def conv_lstm(self: Layer, x: Any, initial_state: Any = None, mask: Tensor | None = None, **kwargs: Any) -> Any:
    """x: [n, steps, *size, channels], or with channels before the size, as all results are then."""
    cell = cell_of(self, self.config, "ConvLSTM", "cell")
    assert isinstance(cell, ConvLstmCell)
    if not self.is_channels_first:
        return run(self, x, [cell], initial_state, mask)
    x, *states = x if isinstance(x, list | tuple) else [x, *(initial_state or ())]
    last = [move_axis(self.build, x, 2, -1), *(move_axis(self.build, s, 1, -1) for s in states)]
    y = run(self, last, [cell], None, mask)
    is_sequence = self.get("return_sequences", False)
    results = [move_axis(self.build, r, -1, 2 if is_sequence and i == 0 else 1) for i, r in enumerate(y if isinstance(y, list) else [y])]
    return results if len(results) > 1 else results[0]


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
        return stateful_loop(self, cell, cell.drive(self, x), mask, is_sequence)
    return loop(self, cell, cell.drive(self, x), given, mask, is_sequence)


# The fused operator.


def _is_fusible(self: Layer, cell: Cell) -> bool:
    config = self.config["cell"]["config"] if "cell" in self.config else self.config
    functions = activation_name(config.get("activation", "tanh")), activation_name(config.get("recurrent_activation", "sigmoid"))
    return type(cell) is LstmCell and "cells" not in config and functions == ("tanh", "sigmoid")


def fused_lstm(self: Layer, cell: Cell, x: Tensor) -> Tensor:
    """All steps in one operator, which keeps its states from run to run until the interpreter's variables are reset."""
    build, batch = self.build, fixed_batch(self, x)
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
