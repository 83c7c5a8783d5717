"""What a model holds and needs, as plain data: for `tachylite inspect` and reports."""

from collections import Counter
from typing import Any

from tachylite.model.dtypes import TYPE_NAMES, nbytes
from tachylite.model.errors import TachyliteError
from tachylite.model.graph import Graph, Model, Tensor
from tachylite.ops import registry

from .lower import lower


def summarize(model: Model) -> dict[str, Any]:
    """graphs (inputs, outputs, operators), signatures, weights in bytes by dtype, and the arena's bytes.

    arena_bytes is None where it cannot be known, and `problem` then says why.
    """
    arena, problem = _arena(model)
    return {
        "description": model.description,
        "graphs": [_graph(graph, number) for number, graph in enumerate(model.graphs)],
        "signatures": {s.key: {"inputs": list(s.inputs), "outputs": list(s.outputs)} for s in model.signatures},
        "operator_counts": dict(Counter(op.op for op in model.operators()).most_common()),
        "weights": weights(model),
        "metadata": sorted(model.metadata),
        "files": sorted(model.files),
        "arena_bytes": arena,
        "problem": problem,
    }


def weights(model: Model) -> dict[str, int]:
    """Bytes of the constants by dtype, as the file stores them; shared ones count once."""
    total: Counter[str] = Counter()
    seen: set[int] = set()
    for graph in model.graphs:
        for tensor in graph.tensors:
            if tensor.data is not None and (key := tensor.data.__array_interface__["data"][0]) not in seen:
                seen.add(key)
                stored = tensor.data.size
                total[TYPE_NAMES[tensor.dtype]] += nbytes(tensor.dtype, stored) or sum(len(s) for s in tensor.data.ravel())
    return dict(total.most_common())


def _arena(model: Model) -> tuple[int | None, str]:
    try:
        program = lower(model, {"main": (model.graph, [registry.Spec(t.shape, t.dtype) for t in model.graph.inputs])})
    except TachyliteError as problem:
        return None, str(problem)
    if any(entry.barrier for entry in program.entries.values()):
        return program.arena_size, "shapes depend on data: this is the part that is known before the run"
    return program.arena_size, ""


def _graph(graph: Graph, number: int) -> dict[str, Any]:
    return {
        "number": number,
        "name": graph.name,
        "inputs": [tensor_summary(t) for t in graph.inputs],
        "outputs": [tensor_summary(t) for t in graph.outputs],
        "operators": [
            {
                "op": op.op,
                "custom": op.is_custom,
                "inputs": [None if t is None else tensor_summary(t) for t in op.inputs],
                "outputs": [tensor_summary(t) for t in op.outputs],
            }
            for op in graph.operators
        ],
    }


def tensor_summary(tensor: Tensor) -> dict[str, Any]:
    """name, dtype, shape (-1 where unknown), scale and zero point (of per-tensor quantization), bytes (of constants)."""
    summary: dict[str, Any] = {
        "name": tensor.name,
        "dtype": TYPE_NAMES[tensor.dtype].lower(),
        "shape": [int(d) for d in tensor.shape_signature or tensor.shape],
    }
    if tensor.quantization is not None and len(tensor.quantization.scale) == 1:
        summary |= {"scale": float(tensor.scale), "zero_point": tensor.zero_point}
    elif tensor.quantization is not None and tensor.quantization.is_per_channel:
        summary |= {"scales": len(tensor.quantization.scale), "axis": tensor.quantization.axis}
    if tensor.data is not None:
        summary["bytes"] = nbytes(tensor.dtype, tensor.data.size)
    return summary
