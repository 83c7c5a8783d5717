"""The grid of every value: from calibrated ranges, fixed outputs, and operators whose operands share a scale."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tachylite.model.graph import Graph, Operator, Tensor
from tachylite.ops.arguments import SUFFIXES
from tachylite.ops.integer import Grid

from .grid import Range, activation_grid, covers, join, range_of
from .layer import Place, Work, data_of, dense
from .settle import Key, settle

RangeOf = Callable[[Tensor, np.dtype], Range]

COARSER = 1.5
"""By how much a shared scale may make a value coarser that others read too, before it is converted for the one that shares."""


class Groups:
    """Which keys share a grid: disjoint sets, some with a fixed grid."""

    def __init__(self) -> None:
        self._parent: dict[Key, Key] = {}
        self.fixed: dict[Key, Grid] = {}

    def root(self, key: Key) -> Key:
        """What stands for all keys of the set."""
        while (parent := self._parent.get(key, key)) != key:
            key = parent
        return key

    def fix(self, key: Key, grid: Grid) -> None:
        """Let the set have this grid."""
        self.fixed[self.root(key)] = grid

    def join(self, a: Key, b: Key) -> bool:
        """Make two sets one. False where both are fixed to different grids."""
        a, b = self.root(a), self.root(b)
        first, second = self.fixed.get(a), self.fixed.get(b)
        if first is not None and second is not None and first != second:
            return False
        if a != b:
            self._parent[b] = a
            if second is not None:
                self.fixed[a] = second
        return True


def plan_grids(graph: Graph, works: Mapping[Operator, Work], range_of_tensor: RangeOf) -> dict[Operator, dict[Place, Grid]]:
    """The grid of every operand and output of the operators that compute on integers.

    range_of_tensor: the calibrated range. An operand's grid may differ from the one that the value was made with: then it is converted.
    """
    static = {op: work for op in graph.operators if (work := works.get(op)) is not None and work.activations is not None}
    keys = {op: {place: _key(op, place, t, work) for place, t in data_of(op, work.integer)} for op, work in static.items()}
    groups = Groups()
    for op, work in static.items():
        name = SUFFIXES[work.integers]
        for place, key in keys[op].items():
            if place.is_output and name in work.integer.output:
                groups.fix(key, work.integer.output[name])
    readers, range_of_tensor = _count_readers(graph), _with_tables(static, range_of_tensor)
    for op, work in static.items():
        if work.integer.shared:
            _share(op, work, keys[op], groups, readers, range_of_tensor)
    grids = _grids(static, keys, groups, range_of_tensor)
    return {op: {place: grids[groups.root(key)] for place, key in places.items()} for op, places in keys.items()}


def _with_tables(static: Mapping[Operator, Work], range_of_tensor: RangeOf) -> RangeOf:
    """The ranges, where what is picked from constants alone has theirs, which no calibration need tell."""
    known: dict[Tensor, Range] = {}
    for op, work in static.items():
        inputs = [t for place, t in data_of(op, work.integer) if not place.is_output]
        if work.integer.shared and all(t.is_constant for t in inputs):
            known.update(dict.fromkeys(op.outputs, join(*(range_of(dense(t)) for t in inputs))))
    return lambda tensor, dtype: known[tensor] if tensor in known else range_of_tensor(tensor, dtype)


def _key(op: Operator, place: Place, tensor: Tensor, work: Work) -> Key:
    return (op, place) if tensor.is_constant else (tensor, work.integers)


def _count_readers(graph: Graph) -> dict[Tensor, int]:
    counts: dict[Tensor, int] = defaultdict(int)
    for tensor in (*graph.outputs, *(t for op in graph.operators for t in dict.fromkeys(op.inputs) if t is not None)):
        counts[tensor] += 1
    return counts


def _share(op: Operator, work: Work, keys: dict[Place, Key], groups: Groups, readers: Mapping[Tensor, int], range_of: RangeOf) -> None:
    """Let the operands of one operator share a grid. One that cannot, or had better not, gets a key of its own, and is converted."""
    operands = dict(data_of(op, work.integer))
    whole = join(*(_range(t, work, range_of) for t in operands.values()))
    outputs = [place for place in keys if place.is_output]
    anchor = keys[outputs[0]] if outputs else next(iter(keys.values()))
    for place, key in keys.items():
        tensor, fixed = operands[place], groups.fixed.get(groups.root(key))
        is_coarser = readers[tensor] > 1 and _width(whole) > COARSER * _width(_range(tensor, work, range_of))
        is_narrow = fixed is not None and not covers(fixed, work.integers, whole)
        if (not place.is_output and (is_coarser or is_narrow)) or not groups.join(anchor, key):
            keys[place] = (op, place)
            groups.join(anchor, keys[place])


def _width(found: Range) -> float:
    return max(found.greatest, 0.0) - min(found.least, 0.0)


def _range(tensor: Tensor, work: Work, range_of_tensor: RangeOf) -> Range:
    return range_of(dense(tensor)) if tensor.is_constant else range_of_tensor(tensor, work.integers)


def _grids(
    static: Mapping[Operator, Work], keys: Mapping[Operator, Mapping[Place, Key]], groups: Groups, range_of_tensor: RangeOf
) -> dict[Key, Grid]:
    """The grid of each set of keys: the fixed one, or that over the ranges of all of its values."""
    found: dict[Key, list[Range]] = defaultdict(list)
    types: dict[Key, np.dtype] = {}
    for op, work in static.items():
        for place, tensor in data_of(op, work.integer):
            root: Any = groups.root(keys[op][place])
            types[root] = work.integers
            if root not in groups.fixed:
                found[root].append(_range(tensor, work, range_of_tensor))
    ranges = {root: join(*each) for root, each in found.items()}
    grids = groups.fixed | {root: activation_grid(each, types[root]) for root, each in ranges.items()}
    roots = {op: {place: groups.root(key) for place, key in places.items()} for op, places in keys.items()}
    settle(static, roots, grids, {root for root, each in ranges.items() if each.is_zero}, groups.fixed)
    return grids
