"""Common subexpressions: operators that compute the same from the same, and constants that hold the same, become one."""

from typing import Any

import numpy as np

from tachylite.model.graph import Graph, Operator, Tensor

from .rewrite import Replacement, Rewriter, rule, rules_pass
from .runner import Keep, Pass, tidy


def _meaning(tensor: Tensor) -> Any:
    """What two tensors must have in common to stand for the same numbers, values aside."""
    q = tensor.quantization
    scales = None if q is None else (q.scale.tobytes(), q.zero_point.tobytes(), q.axis, q.minimum.tobytes(), q.maximum.tobytes(), q.details)
    return tensor.shape, tensor.dtype, scales


def merge_constants(graph: Graph, keep: Keep) -> bool:
    """Let equal constants be the first of them."""
    first: dict[Any, Tensor] = {}
    same: dict[Tensor, Tensor] = {}
    for tensor in graph.tensors:
        data = tensor.data
        if data is None or data.dtype.hasobject or tensor.sparsity is not None or tensor.external is not None or tensor in keep:
            continue
        other = first.setdefault((_meaning(tensor), _digest(data)), tensor)
        if other is not tensor and np.array_equal(_bits(data), _bits(other.data)):
            same[tensor] = other
    for op in graph.operators:
        op.inputs = [t if t is None else same.get(t, t) for t in op.inputs]
    if same:
        tidy(graph, keep)
    return bool(same)


def _bits(data: np.ndarray | None) -> np.ndarray:
    assert data is not None
    return np.ascontiguousarray(data).reshape(-1).view(np.uint8)


def _digest(data: np.ndarray) -> int:
    return hash(_bits(data).data.tobytes())


@rule()
def merge(build: Rewriter, op: Operator) -> Replacement:
    """An operator that an earlier one is equal to. Control flow is left alone: its graphs are compared by nobody."""
    key = (op.op, op.is_custom, tuple(op.inputs), op.options, op.custom_options, tuple(map(_meaning, op.outputs)))
    other = build.seen.setdefault(key, op)
    if other is op or op.subgraphs or other in build.dead:
        return None
    return other.outputs


CONSTANTS = Pass("merge constants", merge_constants)
OPERATORS = rules_pass("common subexpressions", merge)
