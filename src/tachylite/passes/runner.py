"""What a pass is, and running passes until none of them finds anything more to do.

A pass changes a graph in place and leaves it a legal one that computes the same: names, order and number of the graph's inputs and outputs
stay. What it must not touch beyond them (tensors that signatures name) it is told as `keep`.
"""

from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import dataclass
from typing import Any

import numpy as np

from tachylite.model.errors import TachyliteError
from tachylite.model.graph import Blockwise, Graph, Model, Operator, Tensor
from tachylite.ops import registry

from .probe import annotate_calls

Keep = Set[Tensor]
"""Tensors that somebody outside of a graph's operators knows: its inputs and outputs, and what signatures name."""

Evaluate = Callable[[Model], Sequence[np.ndarray]]
"""Runs a model on inputs of the caller's choice, always the same."""

MOST_ROUNDS = 50
"""A pass that still finds something to do after as many rounds undoes what another does."""


@dataclass(frozen=True)
class Pass:
    """A named change: `change(graph, keep)` says whether it changed anything."""

    name: str
    change: Callable[[Graph, Keep], bool]


def run(model: Model, passes: Iterable[Pass], evaluate: Evaluate | None = None, *, tolerance: float = 1e-4) -> Model:
    """Run passes over every graph of `model`, in place, until none changes anything.

    evaluate: for tests and `--check`: the model's outputs before and after each change. They may differ by `tolerance` of the output's
    range where they are floats, not at all where they are integers. Raises TachyliteError that names the pass where they do.
    """
    passes = list(passes)
    for op in model.operators():
        op.options = registry.complete(op).options
    for graph in _called(model):
        annotate_calls(graph)
    expected = evaluate(model) if evaluate else []
    for _ in range(MOST_ROUNDS):
        active = []
        for step in passes:
            changes = [step.change(graph, keep) for graph, keep in _graphs(model)]
            if not any(changes):
                continue
            active.append(step.name)
            if evaluate:
                model.verify()
                _compare(step.name, expected, evaluate(model), tolerance)
        if not active:
            _drop_uncalled(model)
            return model
    raise TachyliteError(f"the passes {', '.join(active)} still change the model after {MOST_ROUNDS} rounds; one undoes what another does")


def _graphs(model: Model) -> list[tuple[Graph, Keep]]:
    named = {t for s in model.signatures for t in (*s.inputs.values(), *s.outputs.values())}
    return [(graph, named | {*graph.inputs, *graph.outputs}) for graph in _called(model)]


def _called(model: Model) -> list[Graph]:
    """The main graph, those that signatures enter, and those that operators of these call."""
    entries = [model.graph, *(s.graph for s in model.signatures)]
    called = {id(g): g for entry in entries for g in Model.of(entry).graphs}
    return [g for g in model.graphs if id(g) in called]


def _drop_uncalled(model: Model) -> None:
    model.graphs = _called(model)


def _compare(name: str, expected: Sequence[np.ndarray], found: Sequence[np.ndarray], tolerance: float) -> None:
    for number, (a, b) in enumerate(zip(expected, found, strict=True)):
        if a.shape != b.shape or a.dtype != b.dtype:
            raise TachyliteError(f"pass {name!r} makes output {number} {b.dtype}{list(b.shape)}, it was {a.dtype}{list(a.shape)}")
        error = difference(a, b)
        if error > (tolerance if a.dtype.kind in "fc" else 0):
            raise TachyliteError(f"pass {name!r} changes output {number} by {error:.2g} of its range, {tolerance:g} is allowed")


def difference(a: np.ndarray, b: np.ndarray) -> float:
    """The greatest difference of two arrays, as a part of the greatest finite magnitude in the first; inf where NaN meets a number."""
    if a.dtype.kind not in "fciu" or not a.size:
        return float(not np.array_equal(a, b))
    wide = np.result_type(a.dtype, np.float64)
    x, y = a.astype(wide), b.astype(wide)
    alike = (x == y) | (np.isnan(x) & np.isnan(y))
    apart = np.abs(x - y)[~alike]
    if not apart.size:
        return 0.0
    reach = np.abs(x[np.isfinite(x)]).max(initial=0)
    return float(apart.max() / (reach or 1)) if np.isfinite(apart).all() else np.inf


def is_pure(op: Operator) -> bool:
    """Whether nothing but its outputs tells that an operator ran, and the same inputs give the same outputs."""
    definition = registry.find(op)
    if definition is None or definition.updated(op) or any(t is not None and t.is_variable for t in (*op.inputs, *op.outputs)):
        return False
    if not definition.context:
        return bool(op.outputs)
    return bool(op.subgraphs and op.outputs) and all(is_pure(inner) for graph in op.subgraphs for inner in graph.operators)


def tidy(graph: Graph, keep: Keep) -> None:
    """Let `graph.tensors` list what is used, in the order that it had, and behind it what is new, under names of its own."""
    used: dict[Tensor, Any] = dict.fromkeys([*graph.inputs, *graph.outputs])
    for op in graph.operators:
        used.update(dict.fromkeys(t for t in (*op.inputs, *op.outputs, *op.intermediates) if t is not None))
    for tensor in list(used):
        details = tensor.quantization.details if tensor.quantization is not None else None
        if isinstance(details, Blockwise):
            used.update(dict.fromkeys(t for t in (details.scales, details.zero_points) if t is not None))
    old = [t for t in graph.tensors if t in used or t in keep]
    names, known = {t.name for t in old}, set(old)
    new = [t for t in used if t not in known]
    for tensor in new:
        tensor.name = _unique(tensor.name, names)
        names.add(tensor.name)
    graph.tensors = old + new


def _unique(name: str, names: set[str]) -> str:
    number, unique = 0, name
    while unique in names:
        number += 1
        unique = f"{name}_{number}"
    return unique
