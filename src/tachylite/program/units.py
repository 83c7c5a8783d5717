"""The algorithm of partitioning, on numbers alone: claimed nodes of a directed acyclic graph become as few units as can run in turn.

sources[i] are the nodes that must run before node i, all of them less than i; claims[i] is who runs it, None where it runs alone.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise

Unit = tuple[int | None, int]
"""What a node belongs to: its claimant and a number."""


def arrange(sources: Sequence[set[int]], claims: Sequence[int | None], ordered: Sequence[int] = ()) -> list[list[int]]:
    """The units, each a list of nodes, in an order in which they can run: partitions of one claimant, and nodes that run alone.

    ordered: nodes that must run in this order. First every node gets a level, which rises where a path goes over from one claimant to
    another: nodes of one claimant and level have no path between them that leaves the claimant. Then units of one claimant are joined for
    as long as that makes no cycle, which is when no path between the two passes a third.
    """
    before = [set(s) for s in sources]
    for earlier, later in pairwise(ordered):
        before[later].add(earlier)
    levels: list[int] = []
    for i, claim in enumerate(claims):
        levels.append(max((levels[s] + (claims[s] != claim) for s in before[i]), default=0))
    unit_of: list[Unit] = [(claim, i if claim is None else levels[i]) for i, claim in enumerate(claims)]
    units = in_turn(before, unit_of)
    while pair := joinable(before, unit_of, units):
        unit_of = [pair[0] if unit == pair[1] else unit for unit in unit_of]
        units = in_turn(before, unit_of)
    return units


def in_turn(before: Sequence[set[int]], unit_of: Sequence[Unit]) -> list[list[int]]:
    """The nodes of each unit, every unit behind those that it needs, and otherwise in the order of their first nodes."""
    members: dict[Unit, list[int]] = {}
    for i, unit in enumerate(unit_of):
        members.setdefault(unit, []).append(i)
    needs = {unit: {unit_of[s] for i in nodes for s in before[i]} - {unit} for unit, nodes in members.items()}
    done: dict[Unit, list[int]] = {}
    for first in members:
        waiting = [first]
        while waiting:
            unit = waiting[-1]
            missing = [need for need in needs[unit] if need not in done]
            waiting += sorted(missing, key=lambda need: members[need][0], reverse=True)
            if not missing:
                done.setdefault(waiting.pop(), members[unit])
    return list(done.values())


def joinable(before: Sequence[set[int]], unit_of: Sequence[Unit], units: Sequence[list[int]]) -> tuple[Unit, Unit] | None:
    """Two units of one claimant that can be one; None where there are none."""
    number = {unit_of[nodes[0]]: n for n, nodes in enumerate(units)}
    ancestors: list[int] = []  # of each unit, as bits
    claimed: dict[int, list[int]] = {}
    for n, nodes in enumerate(units):
        direct = {number[unit_of[s]] for i in nodes for s in before[i]} - {n}
        through_others = union(ancestors[d] for d in direct)
        ancestors.append(through_others | union(1 << d for d in direct))
        claimant = unit_of[nodes[0]][0]
        if claimant is None:
            continue
        for other in claimed.setdefault(claimant, []):
            if not through_others >> other & 1:
                return unit_of[units[other][0]], unit_of[nodes[0]]
        claimed[claimant].append(n)
    return None


def union(sets: Iterable[int]) -> int:
    """Sets of bits, as one."""
    result = 0
    for bits in sets:
        result |= bits
    return result
