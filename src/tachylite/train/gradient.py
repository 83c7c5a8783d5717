"""Reverse-mode differentiation of a graph into the same graph, by the rules of its operators (`OpDef.gradient`).

What is appended are builtin operators alone: a graph that computes gradients is one like any other, and runs wherever it did before.
"""

from collections.abc import Mapping, Sequence, Set

import numpy as np

from tachylite.model.errors import TachyliteError
from tachylite.model.graph import Graph, Operator, Tensor
from tachylite.ops import registry
from tachylite.ops.builder import Builder
from tachylite.ops.calculus import Composition, Point, Term
from tachylite.ops.cast import is_float


def gradients(graph: Graph, seeds: Mapping[Tensor, Tensor], wrt: Sequence[Tensor], *, segments: int = 1) -> list[Tensor | None]:
    """Append what computes the gradients of `wrt`, tensors of the graph; None for one that nothing depends on.

    seeds: for each tensor that is differentiated, the gradient that it begins with, in its shape: 1 for a loss.
    segments: into how many the operators are divided; with more than one, what a segment computed is computed again before its gradients
        are, so that only what lies between segments is kept (Chen et al., Training Deep Nets with Sublinear Memory Cost, 2016).
    Raises TachyliteError that names every operator on the way that has no gradient, and OpError where one has none for its operands.
    """
    active = _active(graph, set(seeds), set(wrt))
    _refuse_missing(graph, active)
    _compose(graph, active)
    active = _active(graph, set(seeds), set(wrt))
    build = Builder(graph)
    walk = _Backward(build, {t: [Term(build, seed)] for t, seed in seeds.items()}, active)
    forward = list(graph.operators)
    length = max(1, -(-len(forward) // segments))
    parts = [forward[i : i + length] for i in range(0, len(forward), length)]
    for number, part in reversed(list(enumerate(parts))):
        seen = _again(build, part, active) if number < len(parts) - 1 else {}
        for op in reversed(part):
            walk.through(op, seen)
    return [total.tensor if (total := walk.total(t)) is not None else None for t in wrt]


def _active(graph: Graph, ends: Set[Tensor], wrt: Set[Tensor]) -> set[Tensor]:
    """The floats between `wrt` and `ends`: what moves with the former and moves the latter."""
    moved = set(wrt)
    for op in graph.operators:
        if any(t in moved for t in op.inputs):
            moved.update(t for t in op.outputs if _has_slope(t))
    needed = set(ends)
    for op in reversed(graph.operators):
        if any(t in needed for t in op.outputs):
            needed.update(t for t in op.inputs if t is not None and _has_slope(t))
    return moved & needed


def _has_slope(tensor: Tensor) -> bool:
    """Whether the elements are no integers, which do not move by little."""
    return is_float(tensor.dtype) or tensor.dtype.kind == "c"


def _is_between(op: Operator, active: Set[Tensor]) -> bool:
    return any(t in active for t in op.inputs) and any(t in active for t in op.outputs)


def _refuse_missing(graph: Graph, active: Set[Tensor]) -> None:
    missing = [(i, op) for i, op in enumerate(graph.operators) if _is_between(op, active) and registry.get(op).gradient is None]
    if missing:
        places = ", ".join(f"{op.op} #{i} {op.outputs[0].name!r}" for i, op in missing)
        raise TachyliteError(
            f"graph {graph.name!r} cannot be differentiated through {places}: "
            f"{'these operators have' if len({op.op for _, op in missing}) > 1 else 'this operator has'} no gradient; "
            "train tensors behind them, or give them one (OpDef.gradient)"
        )


def _compose(graph: Graph, active: Set[Tensor]) -> None:
    """Put simpler operators in place of those between that are differentiated by way of others."""
    result: list[Operator] = []
    pending = graph.operators[::-1]
    while pending:
        op = pending.pop()
        rule = registry.get(op).gradient
        if not (isinstance(rule, Composition) and _is_between(op, active)):
            result.append(op)
            continue
        inner = Builder(Graph())
        outputs = rule.expand(Point(inner, registry.complete(op)))
        named: dict[Tensor, Tensor] = {}
        for old, new in zip(op.outputs, outputs if isinstance(outputs, list | tuple) else [outputs], strict=True):
            if new.tensor in named:  # given twice
                inner.RESHAPE(named[new.tensor], np.array(old.shape, np.int32), out=old)
            else:
                _name(inner, new.tensor, old)
                named[new.tensor] = old
        active = {*active, *(t for made in inner.graph.operators for t in made.outputs if _has_slope(t))}
        pending += inner.graph.operators[::-1]  # which may hold others of the kind
    graph.operators = result
    graph.tensors = list(dict.fromkeys([*graph.tensors, *(t for op in result for t in (*op.inputs, *op.outputs) if t is not None)]))


def _name(inner: Builder, made: Tensor, name: Tensor) -> None:
    """Let the inner graph compute `name` where it computed `made`."""
    producer = inner.graph.producer(made)
    if producer is None:  # an input, handed through
        inner.RESHAPE(made, np.array(name.shape, np.int32), out=name)
        return
    producer.outputs = [name if t is made else t for t in producer.outputs]
    inner.graph.replace(made, name)


class _Backward:
    """The walk from the ends back: the gradients so far, by the tensor whose they are."""

    def __init__(self, build: Builder, parts: dict[Tensor, list[Term]], active: Set[Tensor]):
        self._build, self._parts, self._active = build, parts, active

    def total(self, tensor: Tensor) -> Term | None:
        """The sum of what came to a tensor from all its readers; computed once."""
        parts = self._parts.get(tensor)
        if not parts:
            return None
        total = parts[0]
        for part in parts[1:]:
            total = total + part
        self._parts[tensor] = [total]
        return total

    def through(self, op: Operator, seen: Mapping[Tensor, Tensor]) -> None:
        """From the outputs of an operator to its inputs. seen: tensors that others take the place of."""
        if not _is_between(op, self._active):
            return
        dy = [self.total(t) if t in self._active and t.size else None for t in op.outputs]
        if all(d is None for d in dy):
            return
        definition, whole = registry.get(op), registry.complete(op)
        inputs = [None if t is None else seen.get(t, t) for t in op.inputs]
        at = Point(self._build, Operator(op.op, inputs, [seen.get(t, t) for t in op.outputs], whole.options, is_custom=op.is_custom))
        rule = definition.gradient
        assert callable(rule), "compositions are replaced before"
        found = rule(at, *dy)
        for tensor, part in zip(op.inputs, found if isinstance(found, list | tuple) else [found], strict=False):
            if part is not None and tensor is not None and tensor in self._active:
                self._parts.setdefault(tensor, []).append(part)


def _again(build: Builder, part: Sequence[Operator], active: Set[Tensor]) -> dict[Tensor, Tensor]:
    """Append the operators of a segment once more; for each of their results, the one that takes its place."""
    seen: dict[Tensor, Tensor] = {}
    for op in part:
        if not (_is_between(op, active) or any(t in seen for t in op.inputs)) or registry.get(op).context:
            continue
        outputs = [Tensor(f"{t.name}/again", t.shape, t.dtype, t.quantization) for t in op.outputs]
        inputs = [None if t is None else seen.get(t, t) for t in op.inputs]
        build.graph.append(Operator(op.op, inputs, outputs, op.options, custom_options=op.custom_options, is_custom=op.is_custom))
        seen.update(zip(op.outputs, outputs, strict=True))
    return seen
