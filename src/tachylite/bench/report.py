"""The result of a measurement as plain data: for `--json`, for the page, and for the tables on the screen."""

from collections.abc import Iterator
from math import isfinite
from typing import Any

from tachylite.model.dtypes import TYPE_NAMES
from tachylite.model.graph import Graph, Model, Tensor
from tachylite.runtime.profile import DELEGATE, ProfileRow

from .load import Load
from .measure import Comparison, Latency, Result

PERCENTILES = (50, 90, 99)

#: The kind of arithmetic that an operator on weights or inputs of a type does, and whose peak it can reach at best.
KINDS = {"FLOAT32": "f32", "FLOAT16": "f32", "INT8": "s8", "UINT8": "s8", "INT4": "s8"}


def as_data(result: Result) -> dict[str, Any]:
    """Everything, in seconds and bytes."""
    kinds = arithmetic(result.model)
    comparison = result.comparison
    return {
        "model": result.path.name,
        "bytes": result.path.stat().st_size,
        "signature": result.signature,
        "threads": result.threads,
        "tier": result.tier,
        "latency": latency(result.latency),
        "load": load(result.load),
        "arena_bytes": result.arena_bytes,
        "peaks": result.peaks,
        "operators": [operator(row, kinds, result.peaks) for row in result.rows],
        "comparison": None if comparison is None else compared(comparison),
        "partitioning": None if result.partitioning is None else result.partitioning.as_data(),
        "graph_number": next(i for i, graph in enumerate(result.model.graphs) if graph is graph_of(result)),
        "graph": list(nodes(graph_of(result))),
    }


def latency(measured: Latency) -> dict[str, Any]:
    """Percentiles, and every run."""
    seconds = measured.seconds
    return {
        "runs": len(seconds),
        "least": float(seconds.min()),
        "mean": float(seconds.mean()),
        **{f"p{p}": measured.percentile(p) for p in PERCENTILES},
        "seconds": [float(s) for s in seconds],
    }


def load(measured: Load) -> dict[str, Any]:
    """Each step, and their sum."""
    return {**vars(measured), "seconds": measured.seconds}


def compared(comparison: Comparison) -> dict[str, Any]:
    """The other engine."""
    return {
        "engine": comparison.engine,
        "ratio": comparison.ratio,
        "latency": latency(comparison.latency),
        "load": load(comparison.load),
        "agreement": [
            {"output": each.output, "difference": finite(each.difference), "span": finite(each.span)} for each in comparison.agreement
        ],
    }


def finite(x: float) -> float | None:
    """A number that JSON has; None for the others."""
    return x if isfinite(x) else None


def operator(row: ProfileRow, kinds: dict[tuple[int, int], str], peaks: dict[str, float]) -> dict[str, Any]:
    """One row of the profile, and which part of the machine's peak it reached."""
    kind = "" if row.graph is None or row.index is None or row.op == DELEGATE else kinds.get((row.graph, row.index), "")
    rate = row.flops_per_second
    return {
        **vars(row),
        "seconds_per_call": row.seconds_per_call,
        "flops_per_second": rate,
        "of_peak": rate / peaks[kind] if rate is not None and kind in peaks else None,
    }


def arithmetic(model: Model) -> dict[tuple[int, int], str]:
    """The kind of arithmetic that each operator does, by (graph, index), after the type of its second input or else its first."""
    kinds = {}
    for number, graph in enumerate(model.graphs):
        for index, op in enumerate(graph.operators):
            operands = [t for t in op.inputs[:2] if t is not None]
            kinds[number, index] = KINDS.get(TYPE_NAMES[operands[-1].dtype], "") if operands else ""
    return kinds


def graph_of(result: Result) -> Graph:
    """The graph that was measured."""
    return next((s.graph for s in result.model.signatures if s.key == result.signature), result.model.graph)


def nodes(graph: Graph) -> Iterator[dict[str, Any]]:
    """The operators as nodes: which others' outputs each takes (-1: an input of the graph), and what it gives."""
    made: dict[Tensor, int] = dict.fromkeys(graph.inputs, -1)
    for index, op in enumerate(graph.operators):
        sources = sorted({made[t] for t in op.inputs if t is not None and t in made})
        yield {"index": index, "op": op.op, "sources": sources, "outputs": [tensor_text(t) for t in op.outputs]}
        made.update(dict.fromkeys(op.outputs, index))


def tensor_text(tensor: Tensor) -> str:
    """`int8[1, 7, 7, 64]`."""
    return f"{TYPE_NAMES[tensor.dtype].lower()}{list(tensor.shape_signature or tensor.shape)}"
