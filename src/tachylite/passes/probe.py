"""Which dimensions are fixed: a graph is inferred for two sizes of its unknown dimensions; what differs depends on them.

Programs are specialized to known shapes, and so is inference; nothing is symbolic. That a dimension is -1 in `shape_signature` is known of
inputs; of everything behind them it is found out here.
"""

from collections.abc import Sequence
from math import prod

import numpy as np

from tachylite.model.errors import OpError
from tachylite.model.graph import Graph, Operator, Shape, Tensor
from tachylite.ops import inference, registry
from tachylite.ops.registry import Spec

SIZES = ((3, 389), (5, 641))
"""For each probe the size of an unknown first dimension, the batch, and of any other: large, so that strides do not make them equal."""

FEW = 64
"""Elements of values that are computed: enough for any shape."""


class Probes:
    """The specs of a graph's tensors in each probe. A graph without unknown dimensions has one, of the shapes that it states."""

    def __init__(self, graph: Graph):
        dynamic = any(-1 in (t.shape_signature or ()) for t in graph.inputs)
        self._sizes: Sequence[tuple[int, int] | None] = SIZES if dynamic else (None,)
        self._specs: list[dict[Tensor, Spec]] = [{} for _ in self._sizes]
        self._uncertain: set[Tensor] = set()
        for op in graph.operators:
            self.add(op)

    def add(self, op: Operator) -> None:
        """Infer one more operator, whose inputs are known. Where that fails, or waits for the run, its outputs state their shapes."""
        known = all(t not in self._uncertain for t in op.inputs if t is not None)
        for specs, size in zip(self._specs, self._sizes, strict=True):
            results = _infer(op, [self._look(t, specs, size) if t is not None else None for t in op.inputs])
            if results is None or not known:
                self._uncertain.update(op.outputs)
            if results is not None:
                specs.update(zip(op.outputs, results, strict=False))

    def is_certain(self, tensor: Tensor) -> bool:
        """Whether the tensor's shape follows from those of the graph's inputs, and not from values that only the run knows."""
        return tensor not in self._uncertain

    def specs(self, tensor: Tensor) -> list[Spec]:
        """What is known of a tensor in each probe."""
        return [self._look(tensor, specs, size) for specs, size in zip(self._specs, self._sizes, strict=True)]

    def shape(self, tensor: Tensor) -> Shape:
        """The tensor's shape, -1 where a dimension is not fixed."""
        shapes = [s.shape for s in self.specs(tensor)]
        if tensor in self._uncertain or any(len(s) != len(shapes[0]) for s in shapes):
            return (-1,) * len(tensor.shape)
        return tuple(sizes[0] if len(set(sizes)) == 1 else -1 for sizes in zip(*shapes, strict=True))

    def alike(self, a: Tensor, b: Tensor) -> bool:
        """Whether two tensors have one shape, whatever the unknown dimensions are."""
        if a is not b and not (self.is_certain(a) and self.is_certain(b)):
            return False
        return a.shape == b.shape and all(x.shape == y.shape for x, y in zip(self.specs(a), self.specs(b), strict=True))

    def elements(self, tensor: Tensor) -> list[int] | None:
        """The integers of a vector that is known but for unknown dimensions of the inputs, which are -1 here; None where it is not."""
        values = [s.value for s in self.specs(tensor)]
        first = values[0]
        if first is None or first.ndim != 1 or any(v is None or v.shape != first.shape for v in values):
            return None
        columns = np.stack([v for v in values if v is not None])
        return [int(column[0]) if len(set(column.tolist())) == 1 else -1 for column in columns.T]

    @staticmethod
    def _look(tensor: Tensor, specs: dict[Tensor, Spec], size: tuple[int, int] | None) -> Spec:
        if tensor not in specs:
            specs[tensor] = inference.constant_spec(tensor) if tensor.is_constant else Spec(_sized(tensor, size), tensor.dtype)
        return specs[tensor]


def _infer(op: Operator, specs: Sequence[Spec | None]) -> list[Spec] | None:
    """The outputs' specs, with values where these are few: shapes, mostly."""
    try:
        results = registry.infer(op, specs)
        if results and sum(prod(r.shape) for r in results) <= FEW:
            return inference.infer(op, specs)
    except OpError:
        return None
    return results


def _sized(tensor: Tensor, size: tuple[int, int] | None) -> Shape:
    signature = tensor.shape_signature
    if signature is None or size is None or len(signature) != len(tensor.shape):
        return tensor.shape
    return tuple(size[min(axis, 1)] if d == -1 else d for axis, d in enumerate(signature))


def annotate(graph: Graph) -> bool:
    """Give every computed tensor the shape signature that follows from the inputs'; says whether any is new."""
    if not any(-1 in (t.shape_signature or ()) for t in graph.inputs):
        return False
    probes, changed = Probes(graph), False
    for tensor in (t for op in graph.operators for t in op.outputs):
        signature = probes.shape(tensor) if probes.is_certain(tensor) else None
        if signature and -1 in signature and signature != tensor.shape_signature and _fits(signature, tensor):
            tensor.shape_signature, changed = signature, True
    return changed


def _fits(signature: Shape, tensor: Tensor) -> bool:
    return len(signature) == len(tensor.shape) and all(s in (-1, d) for s, d in zip(signature, tensor.shape, strict=True))


def annotate_calls(graph: Graph) -> None:
    """Let graphs that operators call say which dimensions of their inputs are not fixed: for the caller, or because a loop changes them."""
    # The stated shapes of a loop's body may be those of its first turn alone.
    probes = Probes(graph)
    for op in (op for op in graph.operators if op.subgraphs):
        shapes = [probes.shape(t) for t in op.inputs if t is not None]
        for called in op.subgraphs:
            for tensor, shape in zip(reversed(called.inputs), reversed(shapes), strict=False):
                _loosen(tensor, shape)
        for called in op.subgraphs:
            if len(op.inputs) == len(op.outputs) == len(called.inputs):
                _loosen_loop(called, op.subgraphs)
        for called in op.subgraphs:
            annotate_calls(called)


def _loosen(tensor: Tensor, shape: Shape) -> None:
    """Let dimensions of a tensor that are not those of `shape` be unknown."""
    if len(shape) == len(tensor.shape):
        stated = tensor.shape_signature or tensor.shape
        signature = tuple(d if d == s else -1 for d, s in zip(stated, shape, strict=True))
        tensor.shape_signature = signature if -1 in signature else None


def _loosen_loop(body: Graph, graphs: Sequence[Graph]) -> None:
    """Inputs of a loop's graphs are what its body gives, too."""
    if len(body.outputs) != len(body.inputs):
        return
    probes = Probes(body)
    for number, output in enumerate(body.outputs):
        for graph in graphs:
            _loosen(graph.inputs[number], probes.shape(output))
