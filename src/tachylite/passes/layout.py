"""Layout: TRANSPOSEs are pushed through whatever can follow them (`OpDef.permute`) until they cancel or move less.

Whether that pays shows only at the borders: a RELU between two transposes lets both go, an ADD of two branches asks for both of them. So a
region of operators is grown from one TRANSPOSE, down to what reads its result and up to what is joined with it, and the whole of it is
turned at once if there are fewer transposes around it afterwards, or as many of smaller tensors.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from tachylite.model.graph import Graph, Operator, Quantization, Shape, Tensor
from tachylite.ops import registry
from tachylite.ops.permute import Axes, Permuted, compose, inverse

from .canonicalize import permutation
from .rewrite import value_of
from .runner import Keep, Pass, is_pure, tidy


class Links:
    """Who computes and who reads each tensor of a graph."""

    def __init__(self, graph: Graph, keep: Keep):
        self.keep = keep
        self.maker = {t: op for op in graph.operators for t in op.outputs}
        self.readers: dict[Tensor, list[Operator]] = defaultdict(list)
        for op in graph.operators:
            for tensor in dict.fromkeys(t for t in op.inputs if t is not None):
                self.readers[tensor].append(op)

    def transpose_of(self, tensor: Tensor) -> tuple[Tensor, Axes] | None:
        """(source, axes) of a tensor that a TRANSPOSE makes."""
        op = self.maker.get(tensor)
        return None if op is None else transposition(op)


def transposition(op: Operator) -> tuple[Tensor, Axes] | None:
    """What a TRANSPOSE turns, and how; None where the operator is none or the run decides its axes."""
    axes = permutation(op) if op.op == "TRANSPOSE" else None
    return None if axes is None or op.inputs[0] is None else (op.inputs[0], tuple(axes))


def _shape(tensor: Tensor) -> Shape:
    return tensor.shape_signature or tensor.shape


def is_free(shape: Shape, axes: Axes) -> bool:
    """Whether a permutation moves no element, since only dimensions of 1 change their places."""
    long = [a for a in axes if shape[a] != 1]
    return long == sorted(long)


class Region:
    """Operators that are turned together. `order` says in which order of axes each of their tensors will be there."""

    def __init__(self, links: Links, up: bool):
        self.links, self.up = links, up
        self.order: dict[Tensor, Axes] = {}
        self.turned: dict[Operator, Permuted] = {}
        self._native: list[Tensor] = []

    def grow(self, result: Tensor, axes: Axes) -> None:
        """From a tensor that can be had in another order of axes."""
        self._want(result, axes)
        while self._native:
            tensor = self._native.pop()
            for reader in self.links.readers[tensor]:
                self._turn(reader, tensor, self.order[tensor])

    def _want(self, tensor: Tensor, axes: Axes) -> None:
        """Let a tensor be there in another order: at once where it is transposed already, or by turning its maker, or by a TRANSPOSE."""
        self.order[tensor] = axes
        source = self.links.transpose_of(tensor)
        if source is not None and compose(source[1], axes) == tuple(range(len(axes))):
            self._native.append(tensor)
        elif self.up and source is None and tensor in self.links.maker:
            self._turn(self.links.maker[tensor], None, axes)

    def _turn(self, op: Operator, tensor: Tensor | None, axes: Axes) -> None:
        """Take an operator in, if it can follow and nothing that it touches is wanted in two orders."""
        definition = registry.find(op)
        if op in self.turned or definition is None or definition.permute is None or not is_pure(op):
            return
        found = definition.permute(op, axes)
        if found is None or not self._agrees(op, found, tensor, axes):
            return
        self.turned[op] = found
        for output, order in zip(op.outputs, found.outputs, strict=True):
            self.order[output] = order
            self._native.append(output)
        for operand, how in zip(op.inputs, found.inputs, strict=True):
            if isinstance(how, tuple) and operand is not None and not operand.is_constant and operand not in self.order:
                self._want(operand, how)

    def _agrees(self, op: Operator, found: Permuted, tensor: Tensor | None, axes: Axes) -> bool:
        pairs = [(t, how) for t, how in zip(op.inputs, found.inputs, strict=True) if t is not None and isinstance(how, tuple)]
        if tensor is None and any(order != axes for order in found.outputs):
            return False  # grown upward, through what keeps the order alone
        if tensor is not None and any(t is tensor and how is None for t, how in zip(op.inputs, found.inputs, strict=True)):
            return False
        pairs += zip(op.outputs, found.outputs, strict=True)
        return all(self.order.get(t, how) == how and _is_turnable(t) for t, how in pairs)

    def gain(self) -> tuple[int, int]:
        """How many transposes fewer there are afterwards, and how many elements fewer they move."""
        made = {t for op in self.turned for t in op.outputs}
        gains = [self._gain_of_made(t) if t in made else self._gain_of_operand(t) for t in self.order]
        return sum(g[0] for g in gains), sum(g[1] for g in gains)

    def _gain_of_operand(self, tensor: Tensor) -> tuple[int, int]:
        axes, source = self.order[tensor], self.links.transpose_of(tensor)
        if source is None:
            count = -int(not is_free(_shape(tensor), axes))
        else:
            goes = tensor not in self.links.keep and all(self._follows(r, tensor) for r in self.links.readers[tensor])
            shape = _shape(source[0])
            count = (goes and not is_free(shape, source[1])) - int(not is_free(shape, compose(source[1], axes)))
        return count, count * tensor.size

    def _gain_of_made(self, tensor: Tensor) -> tuple[int, int]:
        axes, before, count = self.order[tensor], _shape(tensor), 0
        after = _moved(before, axes)
        for turn in filter(None, map(transposition, self.links.readers[tensor])):
            count += is_free(after, compose(inverse(axes), turn[1])) - is_free(before, turn[1])
        count -= self.is_turned_back(tensor) and not is_free(after, inverse(axes))
        return count, count * tensor.size

    def is_turned_back(self, tensor: Tensor) -> bool:
        """Whether somebody outside, other than a TRANSPOSE, wants the tensor as it was."""
        return tensor in self.links.keep or any(not self._follows(r, tensor) and not transposition(r) for r in self.links.readers[tensor])

    def _follows(self, reader: Operator, tensor: Tensor) -> bool:
        """Whether a reader takes the tensor in its new order alone."""
        found = self.turned.get(reader)
        return found is not None and all(t is not tensor or how is not None for t, how in zip(reader.inputs, found.inputs, strict=True))


def _is_turnable(tensor: Tensor) -> bool:
    q = tensor.quantization
    return not tensor.is_variable and tensor.sparsity is None and (q is None or q.details is None)


def _moved(shape: Shape, axes: Axes) -> Shape:
    return tuple(shape[a] for a in axes)


class Turning:
    """Writes a graph's operators again, those of a region in their new layout."""

    def __init__(self, region: Region):
        self.region = region
        self.operators: list[Operator] = []
        self.new: dict[tuple[Tensor, Axes], Tensor] = {}

    def run(self, operators: Iterable[Operator]) -> list[Operator]:
        """The operators that stand for these."""
        for op in operators:
            turn = transposition(op)
            if op in self.region.turned:
                self._turned(op, self.region.turned[op])
            elif turn is not None and (turn[0], self.region.order.get(turn[0], ())) in self.new:
                axes = self.region.order[turn[0]]
                self._transpose(self.new[turn[0], axes], compose(inverse(axes), turn[1]), op.outputs[0], op.source)
            else:
                self.operators.append(op)
        return self.operators

    def _turned(self, op: Operator, found: Permuted) -> None:
        inputs = [self._operand(t, how, op.source) for t, how in zip(op.inputs, found.inputs, strict=True)]
        outputs = [turned(t, axes) for t, axes in zip(op.outputs, found.outputs, strict=True)]
        options = replace(op.options, **found.options) if found.options else op.options
        self.operators.append(replace(op, inputs=inputs, outputs=outputs, options=options))
        for old, new, axes in zip(op.outputs, outputs, found.outputs, strict=True):
            self.new[old, axes] = new
            if self.region.is_turned_back(old):
                new.name = f"{old.name}/turned"
                self._transpose(new, inverse(axes), old, op.source)

    def _operand(self, tensor: Tensor | None, how: Axes | np.ndarray | None, source: str) -> Tensor | None:
        if tensor is None or how is None:
            return tensor
        if isinstance(how, np.ndarray):
            return _constant(how, tensor.name, tensor.quantization)
        if (tensor, how) not in self.new:
            self.new[tensor, how] = self._permuted(tensor, how, source)
        return self.new[tensor, how]

    def _permuted(self, tensor: Tensor, axes: Axes, source: str) -> Tensor:
        value = value_of(tensor)
        if value is not None:
            return _constant(value.transpose(axes), tensor.name, turned(tensor, axes).quantization)
        made = self.region.links.transpose_of(tensor)
        if made is not None:
            tensor, axes = made[0], compose(made[1], axes)
        if axes == tuple(range(len(axes))):
            return tensor
        result = turned(tensor, axes)
        result.name = f"{tensor.name}/turned"
        self._transpose(tensor, axes, result, source)
        return result

    def _transpose(self, x: Tensor, axes: Axes, out: Tensor, source: str) -> None:
        order = _constant(np.array(axes, np.int32), f"{out.name}/axes")
        options = registry.by_name("TRANSPOSE").make_options()
        self.operators.append(Operator("TRANSPOSE", [x, order], [out], options, source=source))


def turned(tensor: Tensor, axes: Axes) -> Tensor:
    """A tensor like this one with its axes in another order."""
    q = tensor.quantization
    if q is not None and q.is_per_channel:
        q = replace(q, axis=axes.index(q.axis))
    signature = None if tensor.shape_signature is None else _moved(tensor.shape_signature, axes)
    return Tensor(tensor.name, _moved(tensor.shape, axes), tensor.dtype, q, shape_signature=signature)


def _constant(value: np.ndarray, name: str, quantization: Quantization | None = None) -> Tensor:
    data = np.array(value, order="C")
    data.flags.writeable = False
    return Tensor(name, value.shape, value.dtype, quantization, data)


def push(graph: Graph, keep: Keep) -> bool:
    """Turn regions as long as one pays."""
    changed = False
    while (region := _best(Links(graph, keep), graph)) is not None:
        graph.operators = Turning(region).run(graph.operators)
        graph.operators = _alive(graph, keep)
        changed = True
    if changed:
        tidy(graph, keep)
    return changed


def _best(links: Links, graph: Graph) -> Region | None:
    """The first region that pays: downward from a TRANSPOSE, with or without what is joined with it, or upward from it."""
    for op in graph.operators:
        turn = transposition(op)
        if turn is None:
            continue
        regions = [Region(links, up=True), Region(links, up=False), Region(links, up=True)]
        for region, (start, axes) in zip(regions, [(op.outputs[0], inverse(turn[1]))] * 2 + [turn], strict=True):
            region.grow(start, axes)
        best = max(regions, key=Region.gain)
        if best.turned and best.gain() > (0, 0):
            return best
    return None


def _alive(graph: Graph, keep: Keep) -> list[Operator]:
    """The operators but for transposes that nobody reads."""
    needed, alive = set(keep), []
    for op in reversed(graph.operators):
        if op.op != "TRANSPOSE" or op.outputs[0] in needed:
            needed.update(t for t in op.inputs if t is not None)
            alive.append(op)
    return alive[::-1]


LAYOUT = Pass("layout", push)
