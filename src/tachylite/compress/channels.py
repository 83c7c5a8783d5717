"""`tachylite.prune_channels`: whole channels of layers go, with everything that they touch, so that every runtime gets faster.

Operators say which entries of their tensors belong together (`OpDef.channels`). What is connected so, over the whole graph, is a component,
which is removed or stays as one.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from tachylite.model.errors import TachyliteError
from tachylite.model.graph import Blockwise, Graph, Model, Operator, Quantization, Shape, Tensor
from tachylite.ops import registry
from tachylite.ops.channels import Channels, Lane
from tachylite.ops.flops import flops
from tachylite.ops.scales import real_values
from tachylite.passes.cse import merge_constants
from tachylite.passes.runner import tidy

from .assign import integer_of
from .calibrate import open_model
from .matrix import matrices
from .reconstruct import fit_again
from .sparse import densified, sparsify
from .weights import Patterns, Selection, check_choice

NORMS = {"l1": 1, "l2": 2}
SCOPES = ("layer", "global")

EVERYTHING = Selection()

Axis = tuple[Tensor, int]
Masks = Mapping[Axis, np.ndarray]
"""By axis, which entries stay."""


def prune_channels(
    model: Any,
    ratio: float | None = None,
    *,
    macs: float | None = None,
    norm: str = "l1",
    scope: str = "layer",
    multiple: int = 8,
    calibration: Any = None,
    operators: Patterns = "*",
    names: Patterns = "*",
    skip: Patterns = (),
) -> Model:
    """A copy of a model without the channels whose weights are smallest.

    ratio: the part of the removable channels that goes. macs: in its place, the part of the multiplications that may stay.
    norm: l1 or l2, of a channel's weights, relative to those of its layer.
    scope: each layer loses the same part of its channels (layer), or the smallest of all go (global).
    multiple: layers keep a multiple of as many channels, since kernels compute several at once.
    calibration: samples (see data.samples.samples_of) on which the layers are fitted again, so that the channels left are what they were.
    operators, names, skip: patterns of the operators whose channels may go, as in prune.
    What cannot be followed through the graph stays: `Removable` names it. Without training expect a loss, and a great one without samples.
    Raises TachyliteError where an argument is none of these, or not enough can be removed.
    """
    check_choice("norm", norm, list(NORMS))
    check_choice("scope", scope, SCOPES)
    if (ratio is None) == (macs is None) or not 0 <= (ratio or 0) < 1 or (macs is not None and not 0 < macs <= 1):
        raise TachyliteError(f"ratio is {ratio} and macs {macs}; give one of them, from 0 to 1")
    source = open_model(model)
    removable = Removable(source, Selection(operators, names, skip), NORMS[norm])
    order = removable.order(scope)
    if macs is not None:
        masks = _to_macs(removable, order, macs, multiple)
    else:
        masks = removable.without(order[: round((ratio or 0) * len(order))], multiple)
    original, before = removable.model.copy(), matrices(removable.model)
    for graph in removable.model.graphs:
        _cut(graph, masks)
    if calibration is not None:
        layers = {m.op.outputs[0]: (twin, masks.get((m.weights, m.axis))) for m, twin in zip(before, matrices(original), strict=True)}
        fit_again(original, removable.model, layers, calibration)
    if densified(source) is not source:
        sparsify(removable.model)
    removable.model.verify()
    return removable.model


def _to_macs(removable: "Removable", order: Sequence[int], target: float, multiple: int) -> Masks:
    """As few of the channels in this order as leave this part of the multiplications."""
    whole = removable.macs({})
    few, many = 0, len(order)
    while few < many:
        middle = (few + many) // 2
        if removable.macs(removable.without(order[:middle], multiple)) <= target * whole:
            many = middle
        else:
            few = middle + 1
    masks = removable.without(order[:few], multiple)
    if (left := removable.macs(masks)) > target * whole:
        blocked = "; ".join(removable.blocked) or "nothing"
        raise TachyliteError(f"{left / whole:.0%} of the multiplications stay at least, not {target:.0%}; what holds channels: {blocked}")
    return masks


def macs(model: Model) -> int:
    """Multiplications of operators with weights, in one call of each of its graphs."""
    return sum(_macs(graph, {}) for graph in model.graphs)


def _macs(graph: Graph, masks: Masks) -> int:
    shapes = {t: _cut_shape(t.shape, t, masks) for t in graph.tensors}
    total = 0
    for op in graph.operators:
        if integer_of(op).weights:
            inputs = [None if t is None else shapes[t] for t in op.inputs]
            total += (flops(op, inputs, [shapes[t] for t in op.outputs]) or 0) // 2
    return total


class Component(NamedTuple):
    """Entries along axes that are removed together. entries: positions by axis; norm: of the weights that make them, 1 on average."""

    entries: Mapping[Axis, np.ndarray]
    norm: float


class Removable:
    """The components that can be removed from `model`, a dense copy of the one given.

    blocked: the operators that hold channels which others make, in words.
    """

    def __init__(self, model: Model, selection: Selection = EVERYTHING, power: int = 1):
        self.model = densified(model).copy()
        self.blocked: list[str] = []
        self.components: list[Component] = []
        for graph in self.model.graphs:
            _unshare(graph)
            ties = _Ties(graph, _outside(self.model, graph))
            self.components += ties.components(selection, power)
            self.blocked += ties.blocked

    def order(self, scope: str) -> list[int]:
        """Numbers of the components, the first to go first."""
        if scope == "global":
            return sorted(range(len(self.components)), key=lambda i: self.components[i].norm)
        ranks: dict[int, float] = {}
        for members in self._groups().values():
            members.sort(key=lambda i: self.components[i].norm)
            ranks.update({i: (rank + 0.5) / len(members) for rank, i in enumerate(members)})
        return sorted(ranks, key=lambda i: ranks[i])

    def without(self, numbers: Sequence[int], multiple: int) -> Masks:
        """Masks without these components; but some, and a multiple of `multiple` where there are as many, stay in each group."""
        chosen, masks = set(numbers), dict[Axis, np.ndarray]()
        for members in self._groups().values():
            going = [i for i in sorted(members, key=lambda i: self.components[i].norm) if i in chosen]
            kept = min(len(members), max(1, -(-(len(members) - len(going)) // multiple)) * multiple)
            for i in going[: len(members) - kept]:
                for axis, entries in self.components[i].entries.items():
                    masks.setdefault(axis, np.ones(axis[0].shape[axis[1]], bool))[entries] = False
        return masks

    def macs(self, masks: Masks) -> int:
        """Multiplications that stay."""
        return sum(_macs(graph, masks) for graph in self.model.graphs)

    def _groups(self) -> dict[Any, list[int]]:
        """Components that lie along the same axes."""
        groups: dict[Any, list[int]] = defaultdict(list)
        for number, component in enumerate(self.components):
            groups[frozenset(component.entries)].append(number)
        return groups


def _unshare(graph: Graph) -> None:
    """Give each operator constants of its own, but for weights: biases that merely are equal tie no layers."""
    taken: set[Tensor] = set()
    for op in graph.operators:
        for position, tensor in enumerate(op.inputs):
            if tensor is None or not tensor.is_constant or position in integer_of(op).weights:
                continue
            if tensor in taken:
                op.inputs[position] = replace(tensor)
            taken.add(tensor)
    tidy(graph, {*graph.inputs, *graph.outputs})


def _outside(model: Model, graph: Graph) -> set[Tensor]:
    """Tensors whose shapes somebody outside of the operators relies on."""
    named = (t for s in model.signatures for t in (*s.inputs.values(), *s.outputs.values()))
    fixed = (t for t in graph.tensors if t.is_variable or (t.quantization is not None and isinstance(t.quantization.details, Blockwise)))
    return {*graph.inputs, *graph.outputs, *named, *fixed}


class _Ties:
    """What the operators of a graph tie, as a graph of its own: a node for each entry along each axis that an operator speaks of."""

    def __init__(self, graph: Graph, outside: set[Tensor]):
        self._graph, self._outside = graph, outside
        self._channels: dict[Operator, Channels] = {op: _channels_of(op) for op in graph.operators}
        self._lanes = [lane for channels in self._channels.values() for tie in channels.ties for lane in tie]
        self._first: dict[Axis, int] = {}
        count = 0
        for lane in self._lanes:
            if (axis := (lane.tensor, lane.axis)) not in self._first:
                self._first[axis] = count
                count += lane.tensor.shape[lane.axis]
        self.labels = _connected(count, [self._edges(tie) for channels in self._channels.values() for tie in channels.ties])
        self.blocked: list[str] = []

    def _nodes(self, axis: Axis) -> np.ndarray:
        return self._first[axis] + np.arange(axis[0].shape[axis[1]])

    def _edges(self, tie: Sequence[Lane]) -> tuple[np.ndarray, np.ndarray]:
        """Every entry of a channel with the first one of it."""
        nodes = np.concatenate([self._nodes((lane.tensor, lane.axis)) for lane in tie])
        _, first, places = np.unique(np.concatenate([lane.numbers for lane in tie]), return_index=True, return_inverse=True)
        return nodes, nodes[first][places]

    def components(self, selection: Selection, power: int) -> list[Component]:
        """Those that some operator makes, and nothing holds."""
        norms = self._norms(selection, power)
        free = ~self._held(norms)
        entries: dict[int, dict[Axis, list[int]]] = defaultdict(lambda: defaultdict(list))
        for axis in self._first:
            for position, label in enumerate(self.labels[self._nodes(axis)].tolist()):
                if label in norms and free[label]:
                    entries[label][axis].append(position)
        return [Component({axis: np.array(p) for axis, p in found.items()}, norms[label]) for label, found in entries.items()]

    def _norms(self, selection: Selection, power: int) -> dict[int, float]:
        """By label, the mean norm of the weights that make the channel; operators that are not selected hold theirs."""
        found: dict[int, list[float]] = defaultdict(list)
        for op, channels in self._channels.items():
            if channels.makes is None:
                continue
            lane, labels = channels.makes, self.labels[self._nodes(channels.makes[:2])]
            value = self._value(lane.tensor) if selection.matches(op) else None
            if value is None:
                self._outside.add(lane.tensor)
                continue
            norms = (np.abs(np.moveaxis(value, lane.axis, 0).reshape(len(labels), -1)) ** power).sum(axis=1) ** (1 / power)
            for label, norm in zip(labels.tolist(), (norms / (norms.mean() or 1)).tolist(), strict=True):
                found[label].append(norm)
        return {label: float(np.mean(norms)) for label, norms in found.items()}

    def _value(self, tensor: Tensor) -> np.ndarray | None:
        """Weights as real numbers, those behind a DEQUANTIZE too; None where they are no constant."""
        maker = self._graph.producer(tensor)
        stored = maker.inputs[0] if maker is not None and maker.op == "DEQUANTIZE" else tensor
        value = stored.dense() if stored is not None else None
        if value is None or stored is None:
            return None
        return (real_values(value, stored) if stored.is_quantized else value).astype(np.float64)

    def _held(self, norms: Mapping[int, float]) -> np.ndarray:
        """By label, whether something outside or an operator that does not follow holds the channel."""
        held = np.zeros(len(self.labels), bool)
        for axis in self._first:
            if axis[0] in self._outside:
                held[self.labels[self._nodes(axis)]] = True
        for number, op in enumerate(self._graph.operators):
            tied = {(lane.tensor, lane.axis) for tie in self._channels[op].ties for lane in tie}
            touched = {t for t in (*op.inputs, *op.outputs, *op.intermediates) if t is not None}
            loose = [a for t in touched for a in ((t, axis) for axis in range(len(t.shape))) if a in self._first and a not in tied]
            labels = np.unique(np.concatenate([self.labels[self._nodes(axis)] for axis in loose])) if loose else np.zeros(0, int)
            if any(label in norms and not held[label] for label in labels.tolist()):
                self.blocked.append(f"{op.op} #{number} {op.outputs[0].name!r}" if op.outputs else f"{op.op} #{number}")
            held[labels] = True
        return held


def _channels_of(op: Operator) -> Channels:
    definition = registry.find(op)
    found = definition.channels(op) if definition is not None and definition.channels is not None and op.outputs else None
    return Channels([]) if found is None else found


def _connected(count: int, edges: Sequence[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """For each of `count` nodes the least node that it is connected with."""
    labels = np.arange(count)
    if not edges:
        return labels
    a, b = (np.concatenate(part) for part in zip(*edges, strict=True))
    while True:
        least = np.minimum(labels[a], labels[b])
        before = labels.copy()
        for ends in (a, b):
            np.minimum.at(labels, before[ends], least)
            np.minimum.at(labels, ends, least)
        labels = labels[labels]
        if np.array_equal(labels, before):
            return labels


# The cut.


def _cut(graph: Graph, masks: Masks) -> None:
    """Remove what the masks leave out from a graph, in place."""
    refits = {op: _channels_of(op).refit for op in graph.operators}  # asked while shapes still fit
    cut = {axis[0] for axis in masks}
    for tensor in graph.tensors:
        if tensor in cut:
            cut_tensor(tensor, masks)
    touched = [bool(cut.intersection(t for t in (*op.inputs, *op.outputs) if t is not None)) for op in graph.operators]
    graph.operators = [
        refit(op) if is_touched and (refit := refits[op]) is not None else op
        for op, is_touched in zip(graph.operators, touched, strict=True)
    ]
    kept = {*graph.inputs, *graph.outputs}
    tidy(graph, kept)
    merge_constants(graph, kept)


def _cut_shape(shape: Shape, tensor: Tensor, masks: Masks) -> Shape:
    return tuple(int(masks[tensor, a].sum()) if (tensor, a) in masks and size != -1 else size for a, size in enumerate(shape))


def cut_tensor(tensor: Tensor, masks: Masks) -> None:
    """Remove what the masks leave out from a tensor, its value and its scales, in place."""
    axes = [axis for axis in range(len(tensor.shape)) if (tensor, axis) in masks]
    data = tensor.dense()
    for axis in axes:
        mask = masks[tensor, axis]
        data = None if data is None else np.ascontiguousarray(np.compress(mask, data, axis))
        if tensor.quantization is not None and tensor.quantization.axis == axis:
            tensor.quantization = _cut_scales(tensor.quantization, mask)
    if data is not None:
        data.flags.writeable = False
    tensor.shape = _cut_shape(tensor.shape, tensor, masks)
    if tensor.shape_signature is not None:
        tensor.shape_signature = _cut_shape(tensor.shape_signature, tensor, masks)
    tensor.data, tensor.sparsity = data, None


def _cut_scales(q: Quantization, mask: np.ndarray) -> Quantization:
    parts = {name: getattr(q, name) for name in ("scale", "zero_point", "minimum", "maximum")}
    return replace(q, **{name: part[mask] if len(part) == len(mask) > 1 else part for name, part in parts.items()})
