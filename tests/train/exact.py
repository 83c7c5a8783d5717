"""Graphs in float64: every operator's reference on doubles, so that a gradient can be compared with central differences to many digits."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

import numpy as np

from tachylite.model.graph import Graph, Operator, Tensor
from tachylite.ops import registry
from tachylite.ops.inference import as_list


def wide(value: np.ndarray) -> np.ndarray:
    """Floats as doubles; everything else as it is."""
    return value.astype(np.float64) if value.dtype in (np.float32, np.float16) else value


def _wide_tensor(tensor: Tensor) -> Tensor:
    return replace(tensor, dtype=np.dtype(np.float64)) if tensor.dtype in (np.float32, np.float16) else tensor


@contextmanager
def doubles() -> Iterator[None]:
    """Within this block operators take float64 wherever they take float32, which no runtime does."""
    known = list(registry.definitions())
    for definition in known:
        if "f32" in definition.variants:
            registry.register(replace(definition, variants=(*definition.variants, "f64")))
    try:
        yield
    finally:
        for definition in known:
            registry.register(definition)


class _Calls:
    """The context of operators that call graphs."""

    def call(self, graph: Graph, arguments: Sequence[np.ndarray]) -> list[np.ndarray]:
        return evaluate(graph.operators, dict(zip(graph.inputs, arguments, strict=True)), graph.outputs)


def evaluate(operators: Sequence[Operator], given: Mapping[Tensor, np.ndarray], wanted: Sequence[Tensor]) -> list[np.ndarray]:
    """Values of the wanted tensors. given: those of inputs and variables; constants are known."""
    known = dict(given)

    def look(tensor: Tensor | None) -> np.ndarray | None:
        if tensor is not None and tensor not in known:
            value = tensor.dense()
            assert value is not None, f"{tensor.name} is neither given nor computed"
            known[tensor] = wide(value)
        return None if tensor is None else known[tensor]

    for op in map(registry.complete, operators):
        twin = replace(op, inputs=[t and _wide_tensor(t) for t in op.inputs], outputs=[_wide_tensor(t) for t in op.outputs])
        definition, inputs = registry.get(op), [look(t) for t in op.inputs]
        results = as_list(definition.reference(twin, *([_Calls()] if definition.context else []), *inputs))
        known.update((t, wide(y)) for t, y in zip(op.outputs, results, strict=False))
    return [value for t in wanted if (value := look(t)) is not None]


def central_difference(function: Callable[[float], float], step: float = 1e-7) -> float:
    """f'(0), from four points around: exact to the fourth power of the step."""
    f = function
    return (8 * (f(step) - f(-step)) - (f(2 * step) - f(-2 * step))) / (12 * step)


def clone(graph: Graph) -> Graph:
    """The same tensors under operators of its own, to be appended to."""
    operators = [Operator(op.op, list(op.inputs), list(op.outputs), op.options, op.subgraphs, op.intermediates) for op in graph.operators]
    return Graph(graph.name, list(graph.tensors), list(graph.inputs), list(graph.outputs), operators)
