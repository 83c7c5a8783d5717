"""Partitioning: which operators go to which delegate, and in which order everything then runs.

A partition is a set of operators of one delegate that becomes one call. Partitions are acyclic: no path leaves one and comes back, so that
they can run one after another; and maximal: no two of one delegate could be one without a cycle. Those with too little work for a call
stay on the CPU.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tachylite.model.dtypes import RESOURCE, STRING, VARIANT
from tachylite.model.graph import Operator, Tensor
from tachylite.ops import registry

from .delegate import Delegate
from .subgraph import Part, Partition, extract, specialize
from .units import arrange


class Delegates(NamedTuple):
    """Whom to ask, in order.

    refused(delegate, problem) is told what one raised, and may raise itself instead of letting the CPU do it. spare: behind each call
    there is to be code that does the same on the CPU, for runtimes that do not lower.
    """

    given: Sequence[Delegate]
    refused: Callable[[Delegate, Exception], None]
    spare: bool = False


NOBODY = Delegates((), lambda delegate, problem: None)


@dataclass(frozen=True)
class Placement:
    """Where an operator runs: in a partition, or on the CPU and why. graph and index: its place in the file; op: with known shapes."""

    graph: int
    index: int
    op: Operator
    partition: Partition | None
    why: str


class Plan(NamedTuple):
    """steps: positions of operators, and partitions, in an order in which they can run."""

    steps: list[int | Partition]
    placements: list[Placement]


def plan(part: Part, delegates: Delegates) -> Plan:
    """Partition for these delegates; an operator goes to the first that supports it, and does not drop its partition."""
    clones = specialize(part)
    claims = [Claim(op, clone, delegates) for op, clone in zip(part.operators, clones, strict=True)]
    sources, ordered = sources_of(part.operators), [i for i, op in enumerate(part.operators) if has_effects(op)]
    while True:
        units = arrange(sources, [c.claimant for c in claims], ordered)
        made = {
            unit[0]: extract(part, clones, unit, delegates.given[number])
            for unit in units
            if (number := claims[unit[0]].claimant) is not None
        }
        dropped = {p: why for p in made.values() if (why := _too_small(p))} or {
            p: why for p in made.values() if (why := _not_compiled(p, delegates))
        }
        for partition, why in dropped.items():
            for position in partition.positions:
                claims[position - part.start].drop(f"{partition.delegate.name}: {why}")
        if not dropped:
            break
    partition_of = {position - part.start: p for p in made.values() for position in p.positions}
    placements = [
        Placement(0, i + part.start, op, partition_of.get(i), "" if i in partition_of else "; ".join(claims[i].reasons))
        for i, op in enumerate(clones)
    ]
    return Plan([made.get(unit[0], unit[0] + part.start) for unit in units], placements)


class Claim:
    """Who may run an operator: numbers of delegates, the first of whom does, and why the others do not."""

    def __init__(self, op: Operator, clone: Operator, delegates: Delegates):
        self._takers: list[int] = []
        self.reasons: list[str] = []
        if reason := _only_cpu(op, clone):
            self.reasons.append(reason)
            return
        for number, delegate in enumerate(delegates.given):
            answer = _asked(delegate, clone, delegates)
            if answer is True:
                self._takers.append(number)
            else:
                self.reasons.append(f"{delegate.name}: {answer or 'does not support it'}")

    @property
    def claimant(self) -> int | None:
        return self._takers[0] if self._takers else None

    def drop(self, reason: str) -> None:
        """Let the next one have it."""
        del self._takers[0]
        self.reasons.append(reason)


def _only_cpu(op: Operator, clone: Operator) -> str:
    """Why no delegate is asked for an operator; empty where they are."""
    tensors = [t for t in (*op.inputs, *op.outputs) if t is not None]
    if is_certain(clone):
        return "is certain before the run"
    if has_effects(op) or any(t.is_variable for t in tensors):
        return "keeps state or calls graphs"
    if any(t.dtype in (STRING, RESOURCE, VARIANT) for t in tensors):
        return "takes or gives what is no array of numbers"
    return "" if any(t.size for t in clone.outputs) else "has nothing to compute"


def _asked(delegate: Delegate, clone: Operator, delegates: Delegates) -> bool | str:
    try:
        return delegate.supports(clone)
    except Exception as problem:  # it is others' code: whatever it raises, the CPU can do the work
        delegates.refused(delegate, problem)
        return f"failed when asked for it: {problem}"


def _too_small(partition: Partition) -> str:
    work, least = partition.work, partition.delegate.least_work
    return f"too small a part, of {work:,} operations where {least:,} are worth a call" if work < least else ""


def _not_compiled(partition: Partition, delegates: Delegates) -> str:
    """Why a partition cannot be compiled; empty where it is."""
    try:
        partition.compiled = partition.delegate.compile(partition.graph)
    except Exception as problem:  # as in _asked
        delegates.refused(partition.delegate, problem)
        return f"could not compile it: {str(problem) or type(problem).__name__}"
    return ""


def is_certain(clone: Operator) -> bool:
    """Whether a specialized operator's outputs are known before the run."""
    return bool(clone.outputs) and all(t.is_constant for t in clone.outputs)


def has_effects(op: Operator) -> bool:
    """Whether an operator does more than give its outputs, so that its place among others that do is part of the model's meaning."""
    definition = registry.get(op)
    return bool(op.subgraphs or definition.context or definition.updated(op))


def sources_of(operators: Sequence[Operator]) -> list[set[int]]:
    """For each operator the numbers of those whose outputs it reads."""
    made: dict[Tensor, int] = {}
    sources: list[set[int]] = []
    for number, op in enumerate(operators):
        sources.append({made[t] for t in op.inputs if t is not None and t in made})
        made.update(dict.fromkeys(op.outputs, number))
    return sources
