"""Passes made of rules. A rule looks at one operator and, upward from it, at what made its inputs; it answers with what replaces it.

A rule never edits the graph. It is given a `Rewriter`, which answers questions and builds operators like any Builder, and returns the
tensors that stand for the operator's outputs: new ones, or such as there are already. None means that it does not apply. What nobody reads
afterwards is removed; a replaced output keeps its name.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tachylite.model.graph import Graph, Operator, Quantization, Shape, Tensor
from tachylite.ops import registry
from tachylite.ops.builder import Builder

from .probe import Probes
from .runner import Keep, Pass, is_pure, tidy

Replacement = Tensor | Sequence[Tensor] | None
Rewrite = Callable[["Rewriter", Operator], Replacement]

FLOAT = np.dtype(np.float32)


@dataclass(frozen=True)
class Rule:
    """What may replace operators of these names; without names, any operator that is a function of its inputs."""

    ops: tuple[str, ...]
    rewrite: Rewrite


def rule(*ops: str) -> Callable[[Rewrite], Rule]:
    """Make a rule for operators of these names."""
    return lambda rewrite: Rule(ops, rewrite)


def rules_pass(name: str, *rules: Rule) -> Pass:
    """The pass that applies rules from a graph's first operator to its last, again and again until none applies."""
    by_name: dict[str, list[Rewrite]] = defaultdict(list)
    for each in rules:
        for op in each.ops or ("",):
            by_name[op].append(each.rewrite)

    def change(graph: Graph, keep: Keep) -> bool:
        changed = False
        while _sweep(graph, keep, by_name):
            changed = True
        return changed

    return Pass(name, change)


def _sweep(graph: Graph, keep: Keep, rules: dict[str, list[Rewrite]]) -> bool:
    g = Rewriter(graph, keep)
    changed, operators = False, []
    for op in graph.operators:
        made = None if op in g.dead else g.rewrite(op, [*rules.get(op.op, ()), *rules.get("", ())])
        changed |= made is not None
        operators += [op] if made is None else made
    if changed:
        graph.operators = [op for op in operators if op not in g.dead]
        tidy(graph, keep)
    return changed


class Rewriter(Builder):
    """A Builder of what replaces an operator, and answers about the graph around it."""

    def __init__(self, target: Graph, keep: Keep):
        super().__init__()
        self.dead: set[Operator] = set()
        #: For rules that compare an operator with those before it; lasts for one walk over the graph.
        self.seen: dict[Any, Operator] = {}
        self.probes = Probes(target)
        self._target, self._keep = target, keep
        self._makers: dict[Tensor, Operator] = {}
        self._readers: dict[Tensor, dict[Operator, None]] = defaultdict(dict)
        self._root: Operator
        for op in target.operators:
            self._enter(op)

    # What rules ask.

    def maker(self, tensor: Tensor | None, *names: str) -> Operator | None:
        """The operator that computes `tensor`, if it is a function of its inputs and, where names are given, one of these."""
        op = self._makers.get(tensor) if tensor is not None else None
        return op if op is not None and (not names or op.op in names) and is_pure(op) else None

    def readers(self, tensor: Tensor) -> list[Operator]:
        """The operators that read `tensor`, each once."""
        return list(self._readers[tensor])

    def is_kept(self, tensor: Tensor) -> bool:
        """Whether a tensor is the graph's input or output, or known by a signature."""
        return tensor in self._keep

    def is_single(self, tensor: Tensor | None) -> bool:
        """Whether one operator reads `tensor`, and nobody else knows it: replacing that operator does away with the tensor."""
        return tensor is not None and len(self._readers[tensor]) == 1 and tensor not in self._keep

    def shape(self, tensor: Tensor) -> Shape:
        """The tensor's shape, -1 where a dimension is not fixed."""
        return self.probes.shape(tensor)

    def alike(self, a: Tensor, b: Tensor) -> bool:
        """Whether two tensors have one shape, type and quantization, so that one may stand for the other."""
        return a.dtype == b.dtype and same_quantization(a, b) and self.probes.alike(a, b)

    # What rules build.

    def constant(self, value: Any, name: str = "", quantization: Quantization | None = None) -> Tensor:
        """A new constant, named after the operator that is replaced."""
        return super().constant(value, name or f"{self._root.outputs[0].name}/constant", quantization)

    def again(self, op: Operator, *inputs: Any, out: Tensor | None = None, **options: Any) -> Any:
        """`op` once more on other inputs, with these of its options changed. out: what it computes; else it is quantized like before."""
        values = {} if op.options is None else {**vars(op.options), **options}
        keywords = {"options": values, "out": out, "quantization": op.outputs[0].quantization, "custom_options": op.custom_options}
        return self._append(registry.get(op), inputs, keywords)

    def reshape(self, x: Tensor, like: Tensor) -> Tensor | None:
        """`x` in the shape of another tensor with as many elements; None where more than one dimension of it is not fixed."""
        shape = list(self.shape(like))
        if -1 not in shape and 0 not in shape and shape and x.shape and x.shape[0] == shape[0]:
            shape[0] = -1  # it may be a batch that a caller resizes
        if shape.count(-1) > 1 or 0 in shape:
            return None
        result: Tensor = self.RESHAPE(x, np.array(shape, np.int32), new_shape=tuple(shape), quantization=x.quantization)
        return result

    def _append(self, definition: registry.OpDef, inputs: Sequence[Any], keywords: dict[str, Any]) -> Any:
        keywords.setdefault("name", f"{self._root.outputs[0].name}/{definition.name.lower()}")
        result = super()._append(definition, inputs, keywords)
        self.probes.add(self.graph.operators[-1])
        return result

    # The edit.

    def rewrite(self, op: Operator, rules: Iterable[Rewrite]) -> list[Operator] | None:
        """The operators that stand in the place of `op`, by the first rule that applies; None where none does."""
        if not op.outputs or not is_pure(op):
            return None
        for rewrite in rules:
            self.graph, self._specs, self._root = Graph(), {}, op
            found = rewrite(self, op)
            made = None if found is None else self._commit(op, [found] if isinstance(found, Tensor) else list(found))
            if made is not None:
                return made
        return None

    def _commit(self, root: Operator, results: list[Tensor]) -> list[Operator] | None:
        made = self.graph.operators
        here = {t: op for op in made for t in op.outputs}
        for old, new in zip(root.outputs, results, strict=True):
            assert (old.shape, old.dtype) == (new.shape, new.dtype), f"{root} is replaced by {new!r}"
            movable = new in here or (new in self._makers and new not in self._keep and is_pure(self._makers[new]))
            if old in self._keep and old is not new and not movable:
                return None  # the graph's output must stay itself
        sources = self._remove(root)
        for old, new in zip(root.outputs, results, strict=True):
            if old is new:
                continue
            if new in here or old in self._keep:
                self._take_over(new, old, made)
            else:
                self._redirect(old, new)
        for op in made:
            self._enter(op)
        for read in dict.fromkeys(root.inputs):
            sources += self._prune(read)
        for op in made:
            op.source = op.source or "; ".join(dict.fromkeys(sources))
        return made

    def _take_over(self, new: Tensor, old: Tensor, made: Sequence[Operator]) -> None:
        """Let the maker of `new` compute `old` instead."""
        maker = next((op for op in made if any(t is new for t in op.outputs)), None) or self._makers.pop(new)
        maker.outputs = [old if t is new else t for t in maker.outputs]
        self._makers[old] = maker
        for op in made:
            op.inputs = [old if t is new else t for t in op.inputs]
        self._redirect(new, old)

    def _redirect(self, old: Tensor, new: Tensor) -> None:
        for reader in self._readers.pop(old, {}):
            reader.inputs = [new if t is old else t for t in reader.inputs]
            self._readers[new][reader] = None

    def _enter(self, op: Operator) -> None:
        for tensor in op.outputs:
            self._makers[tensor] = op
        for read in op.inputs:
            if read is not None:
                self._readers[read][op] = None

    def _remove(self, op: Operator) -> list[str]:
        self.dead.add(op)
        for tensor in op.inputs:
            if tensor is not None:
                self._readers[tensor].pop(op, None)
        return [op.source] if op.source else []

    def _prune(self, tensor: Tensor | None) -> list[str]:
        """Remove the maker of a tensor that nobody reads any more, and upward what then nobody reads; their sources."""
        op = self._makers.get(tensor) if tensor is not None else None
        if op is None or op in self.dead or not is_pure(op) or any(self._readers[t] or t in self._keep for t in op.outputs):
            return []
        sources = self._remove(op)
        for read in dict.fromkeys(op.inputs):
            sources += self._prune(read)
        return sources


def same_quantization(a: Tensor, b: Tensor) -> bool:
    """Whether the stored elements of both stand for the same real numbers."""
    p, q = a.quantization, b.quantization
    if not a.is_quantized or not b.is_quantized or p is None or q is None:
        return a.is_quantized == b.is_quantized
    zero = np.zeros_like(p.scale)
    return (
        p.details is q.details is None
        and np.array_equal(p.scale, q.scale)
        and np.array_equal(p.zero_point if len(p.zero_point) else zero, q.zero_point if len(q.zero_point) else zero)
        and (p.axis == q.axis or not p.is_per_channel)
    )


def is_float(*tensors: Tensor | None) -> bool:
    """Whether all are plain float32."""
    return all(t is None or (t.dtype == FLOAT and not t.is_quantized) for t in tensors)


def value_of(tensor: Tensor | None) -> np.ndarray | None:
    """A constant's dense value, None for what is none."""
    return None if tensor is None or not tensor.is_constant else tensor.dense()
