"""Shapes, types and certain values of a whole graph, operator by operator.

Programs are specialized to known shapes (nothing is symbolic), so what remains unknown here is known only at run time.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from tachylite.model.dtypes import RESOURCE
from tachylite.model.errors import OpError
from tachylite.model.graph import Graph, Operator, Tensor

from . import registry
from .registry import Spec

#: Answers of `infer_graph` while one lowering lasts; control flow asks for the same graph again and again.
_answers: ContextVar[dict[Any, Any] | None] = ContextVar("answers", default=None)


def constant_spec(tensor: Tensor) -> Spec:
    """What is known of a constant: everything. Sparse storage is expanded."""
    value = tensor.dense()
    assert value is not None
    return Spec(value.shape, tensor.dtype, value)


def infer(op: Operator, specs: registry.Specs) -> list[Spec] | None:
    """Specs of the outputs, with their values where the inputs' values are certain; None where shapes are not known before the run."""
    results = registry.infer(op, specs)
    if results is not None and any(r.value is None for r in results) and all(s is None or s.value is not None for s in specs):
        return _fold(op, specs, results)
    return results


def _fold(op: Operator, specs: registry.Specs, results: list[Spec]) -> list[Spec]:
    """The results with their values, where the operator is a function of its inputs and does not fail on them."""
    definition = registry.get(op)
    if definition.context or definition.updates or not any(s is not None for s in specs):
        return results
    try:
        with np.errstate(all="ignore"):
            values = as_list(definition.reference(op, *(None if s is None else s.value for s in specs)))
    except (OpError, ArithmeticError, LookupError, MemoryError, TypeError, ValueError):
        return results  # it may stand in a branch that never runs; if it does run, it fails there
    return [Spec(v.shape, r.dtype, frozen(v)) for v, r in zip(values, results, strict=True)]


def as_list(results: Any) -> list[np.ndarray]:
    """What a reference returned, as a list of arrays."""
    return [np.asarray(r) for r in results] if isinstance(results, list | tuple) else [np.asarray(results)]


def frozen(value: np.ndarray) -> np.ndarray:
    """A read-only view."""
    view = value.view()
    view.flags.writeable = False
    return view


def without_value(spec: Spec) -> Spec:
    """The spec of a value that control flow may change. Which resource a handle names stays certain."""
    return spec if spec.dtype == RESOURCE else spec._replace(value=None)


@contextmanager
def remembering() -> Iterator[None]:
    """Within this block `infer_graph` answers the same question once."""
    token = _answers.set({} if _answers.get() is None else _answers.get())
    try:
        yield
    finally:
        _answers.reset(token)


def infer_graph(graph: Graph, arguments: Sequence[Spec]) -> list[Spec] | None:
    """Specs of the graph's outputs; None where any operator's outputs are not known before the run. Raises OpError."""
    with remembering():
        answers = _answers.get()
        assert answers is not None
        key = (id(graph), *(_key(spec) for spec in arguments))
        if key not in answers:
            answers[key] = _walk(graph, arguments)
        answer: list[Spec] | None = answers[key]
        return answer


def _key(spec: Spec) -> Any:
    return spec.shape, spec.dtype, None if spec.value is None else (spec.value.tobytes() if spec.dtype != RESOURCE else spec.value.flat[0])


def _walk(graph: Graph, arguments: Sequence[Spec]) -> list[Spec] | None:
    known: dict[int, Spec] = {id(t): spec for t, spec in zip(graph.inputs, arguments, strict=True)}

    def look(tensor: Tensor | None) -> Spec | None:
        if tensor is None:
            return None
        if id(tensor) not in known:
            known[id(tensor)] = constant_spec(tensor) if tensor.is_constant else Spec(tensor.shape, tensor.dtype)
        return known[id(tensor)]

    for index, op in enumerate(map(registry.complete, graph.operators)):
        try:
            results = infer(op, [look(t) for t in op.inputs])
        except OpError as problem:
            raise problem.at(index, graph.name) from None
        if results is None:
            return None
        known.update((id(t), spec) for t, spec in zip(op.outputs, results, strict=True))
    return [spec for t in graph.outputs if (spec := look(t)) is not None]
