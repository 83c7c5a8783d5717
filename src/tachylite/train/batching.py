"""A model's graph for batches: as many samples at once as training takes, and the output as its loss wants it."""

from dataclasses import replace

import numpy as np

from tachylite.model.errors import TachyliteError
from tachylite.model.graph import Graph, Operator, Tensor
from tachylite.ops.builder import Builder


def of_batch(graph: Graph, batch: int) -> Graph:
    """The graph, in which RESHAPEs to as many samples as it has now leave their number open."""
    if not graph.inputs or any(not t.shape for t in graph.inputs):
        raise TachyliteError("every input must have samples along its first axis; give a model that has one")
    now = graph.inputs[0].shape[0]
    operators = [_opened(op, now) if op.op == "RESHAPE" and now != batch else op for op in graph.operators]
    return replace(graph, operators=operators)


def _opened(op: Operator, now: int) -> Operator:
    x, wanted = op.inputs[0], op.outputs[0].shape
    if x is None or not x.shape or not wanted or x.shape[0] != now or wanted[0] != now:
        return op
    sizes = Builder(Graph()).constant(np.array((-1, *wanted[1:]), np.int32))
    return replace(op, inputs=[x, sizes], options=None)


def before(graph: Graph, output: Tensor, activation: str | None) -> Tensor:
    """The output, or what an activation at its end was given."""
    producer = graph.producer(output)
    while (
        producer is not None and producer.op in ("RESHAPE", "SQUEEZE") and activation is not None and _leads_to(graph, producer, activation)
    ):
        raise TachyliteError(f"the output {output.name!r} is a {producer.op} of a {activation}; put the {activation} last")
    return producer.inputs[0] if producer is not None and producer.op == activation and producer.inputs[0] is not None else output


def _leads_to(graph: Graph, op: Operator, activation: str | None) -> bool:
    maker = graph.producer(op.inputs[0]) if op.inputs[0] is not None else None
    return maker is not None and maker.op == activation
