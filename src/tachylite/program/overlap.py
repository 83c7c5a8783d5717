"""Memory for values of which some may overlap: an output may run into its input, where its kernel stays behind what it has still to read.

What is known as diagonal memory optimisation (Blacker, Bridges and Hadfield, "Rapid Prototyping of Deep Learning Models on Radiation
Hardened CPUs", 2019): a convolution needs little more than the larger of its input and its output. Several orders of placing are tried.
"""

import random
from collections.abc import Callable, Mapping

from .interval import Interval
from .program import Call, Entry, Program

Leads = Mapping[tuple[int, int], int]
"""By (input, output): the bytes by which the output must begin before the input, if they share memory."""

Plan = tuple[int, dict[int, int]]
"""The end of all values, and their offsets in the order in which they were placed."""

ATTEMPTS = 10_000
"""Orders that are tried, divided by the number of values."""

MOST_VALUES = 400
"""Trying out every place takes the cube of their number; beyond, nothing overlaps."""


def leads(program: Program, entry: Entry, intervals: Mapping[int, Interval], shared: Mapping[int, int]) -> Leads:
    """The pairs that may overlap: the input dies at the call. shared: values that have another one's memory, and whose."""
    found: dict[tuple[int, int], int] = {}
    for position, call in enumerate(entry.code):
        if not isinstance(call, Call) or call.lead is None or call.inputs[0] is None:
            continue
        source, target = (shared.get(v, v) for v in (call.inputs[0], call.outputs[0]))
        is_alone = call.inputs.count(call.inputs[0]) == 1 and len(call.outputs) == 1
        if is_alone and intervals[source].last == position and intervals[target].first == position:
            found[source, target] = call.lead
    return found if len(intervals) <= MOST_VALUES else {}


def place(program: Program, values: list[int], intervals: Mapping[int, Interval], leads: Leads) -> None:
    """Set the offsets of these values in the order that takes the least memory, and the program's arena_size."""

    def size(number: int) -> int:
        return program.values[number].nbytes

    orders: list[Callable[[int], tuple[int, ...]]] = [
        lambda v: (-size(v), intervals[v].first),
        lambda v: (-size(v), -intervals[v].first),
        lambda v: (intervals[v].first, -size(v)),
        lambda v: (-intervals[v].last, -size(v)),
    ]
    plans = (_plan(program, sorted(values, key=order), intervals, leads) for order in orders)
    total, offsets = _improved(program, min(plans, key=lambda plan: plan[0]), intervals, leads)
    for number, offset in offsets.items():
        program.values[number].offset = offset
    program.arena_size = max(program.arena_size, total)


def _improved(program: Program, plan: Plan, intervals: Mapping[int, Interval], leads: Leads) -> Plan:
    """A plan as good or better, from orders in which a value that reaches the top is placed earlier, or any other elsewhere."""
    chance = random.Random(0)  # a plan is to be the same each time
    for _ in range(ATTEMPTS // max(1, len(plan[1]))):
        order = list(plan[1])
        top = [v for v in order if plan[1][v] + _up(program.values[v].nbytes, program.target.alignment) == plan[0]]
        chosen = chance.choice(top if chance.random() < 0.5 else order)
        order.remove(chosen)
        order.insert(chance.randrange(len(order) + 1), chosen)
        candidate = _plan(program, order, intervals, leads)
        plan = candidate if candidate[0] <= plan[0] else plan
    return plan


def _plan(program: Program, values: list[int], intervals: Mapping[int, Interval], leads: Leads) -> Plan:
    """Each value, in this order, at the lowest offset that it can have; and the end of them all."""
    alignment = program.target.alignment
    offsets: dict[int, int] = {}
    sizes = {v: _up(program.values[v].nbytes, alignment) for v in values}
    for number in values:
        taken = [_taken(number, other, offsets[other], sizes, leads) for other in offsets if intervals[other].meets(intervals[number])]
        starts = {0, *(_up(end, alignment) for _, end in taken), *(below // alignment * alignment for below, _ in taken if below > 0)}
        offsets[number] = next(s for s in sorted(starts) if all(s <= below or s >= end for below, end in taken))
    return max((offsets[v] + sizes[v] for v in values), default=0), offsets


def _taken(number: int, other: int, offset: int, sizes: Mapping[int, int], leads: Leads) -> tuple[int, int]:
    """The offset up to which `number` may lie below a value that has its place, and the one from which on it may lie above."""
    below, end = offset - sizes[number], offset + sizes[other]
    if (lead := leads.get((other, number))) is not None:  # `number` is written while the other is read
        return max(below, offset - lead), end
    if (lead := leads.get((number, other))) is not None:
        return below, min(end, offset + lead)
    return below, end


def _up(size: int, alignment: int) -> int:
    return -(-size // alignment) * alignment
