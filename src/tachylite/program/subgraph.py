"""Sub-Graphs: some operators of a graph as a graph of their own, with the shapes of one Program, for a delegate to compile."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from tachylite.model.dtypes import nbytes
from tachylite.model.graph import Blockwise, Graph, Operator, Tensor
from tachylite.ops.flops import flops
from tachylite.ops.registry import Spec

from .delegate import Compiled, Delegate


class Part(NamedTuple):
    """What is to be partitioned: operators of a graph, from number `start` on, with all that is known of their tensors.

    kept: tensors that something after these operators reads, such as the graph's outputs.
    """

    operators: Sequence[Operator]
    start: int
    specs: Callable[[Tensor], Spec]
    kept: set[Tensor]


@dataclass(eq=False)
class Partition:
    """Operators of a graph, by their positions, that run as one call.

    graph: they alone, with the shapes of this Program; inputs and outputs: tensors of the whole graph, in the order of the sub-Graph's.
    """

    delegate: Delegate
    positions: tuple[int, ...]
    graph: Graph
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    compiled: Compiled | None = None

    @property
    def work(self) -> int:
        return sum(map(work_of, self.graph.operators))

    @property
    def bytes_in(self) -> int:
        return sum(map(tensor_bytes, self.graph.inputs))

    @property
    def bytes_out(self) -> int:
        return sum(map(tensor_bytes, self.graph.outputs))


def work_of(op: Operator) -> int:
    """Additions and multiplications, or elements of the outputs where these are not counted; of an operator whose shapes are known."""
    counted = flops(op, [None if t is None else t.shape for t in op.inputs], [t.shape for t in op.outputs])
    return sum(t.size for t in op.outputs) if counted is None else counted


def tensor_bytes(tensor: Tensor) -> int:
    """Bytes of a tensor's elements."""
    return nbytes(tensor.dtype, tensor.size) or 0


def specialize(part: Part) -> list[Operator]:
    """The operators on tensors of their own, with the shapes of this run, and with what is certain before it as constants."""
    made: dict[Tensor, Tensor] = {}

    def special(tensor: Tensor) -> Tensor:
        if tensor not in made:
            spec = part.specs(tensor)
            changes: dict[str, Any] = {"shape": spec.shape, "shape_signature": None, "sparsity": None, "data": spec.value, "external": None}
            made[tensor] = replace(tensor, **changes)
        return made[tensor]

    def optional(tensors: Iterable[Tensor | None]) -> list[Tensor | None]:
        return [None if t is None else special(t) for t in tensors]

    return [
        replace(op, inputs=optional(op.inputs), outputs=[special(t) for t in op.outputs], intermediates=optional(op.intermediates))
        for op in part.operators
    ]


def extract(part: Part, clones: Sequence[Operator], members: Sequence[int], delegate: Delegate) -> Partition:
    """The partition of these operators (numbers in the part), whose sub-Graph gives what anything outside of it reads."""
    inside = set(members)
    own = {t for i in members for t in part.operators[i].outputs}
    read = {t for i, op in enumerate(part.operators) if i not in inside for t in op.inputs if t is not None} | part.kept
    twins = dict(pair for i in members for pair in _twins(part.operators[i], clones[i]))
    inputs = tuple(t for t, twin in twins.items() if t not in own and not twin.is_constant)
    outputs = tuple(t for t in twins if t in own and t in read)
    graph = Graph("partition", inputs=[twins[t] for t in inputs], outputs=[twins[t] for t in outputs])
    graph.tensors += [*graph.inputs, *_scales(twins.values())]
    for i in members:
        graph.append(clones[i])
    return Partition(delegate, tuple(i + part.start for i in members), graph, inputs, outputs)


def _twins(op: Operator, clone: Operator) -> Iterator[tuple[Tensor, Tensor]]:
    for tensor, twin in zip((*op.inputs, *op.outputs), (*clone.inputs, *clone.outputs), strict=True):
        if tensor is not None and twin is not None:
            yield tensor, twin


def _scales(tensors: Iterable[Tensor]) -> Iterator[Tensor]:
    """Tensors that hold the scales of block-wise quantized ones."""
    for tensor in tensors:
        details = None if tensor.quantization is None else tensor.quantization.details
        if isinstance(details, Blockwise):
            yield from filter(None, (details.scales, details.zero_points))
