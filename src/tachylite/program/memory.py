"""The memory plan: an offset in the arena for every value that has its place there, so that no two overlap that live at the same time.

Greedy by size (Pisarchyk and Lee, "Efficient Memory Management for Deep Neural Net Inference", 2020, section 5.2): the largest value first,
each in the smallest gap that its contemporaries leave. Where kernels let an output run into the input that they are reading (Call.lead),
`overlap` places values instead.
"""

import numpy as np

from tachylite.model.errors import TachyliteError

from . import overlap
from .interval import Interval
from .program import Call, DelegateCall, Entry, HostCall, Instruction, Jump, JumpIfFalse, Kind, Move, Program
from .target import Target


def reads(instruction: Instruction) -> list[int]:
    """Values that an instruction reads."""
    if isinstance(instruction, Call | HostCall | DelegateCall):
        return [v for v in instruction.inputs if v is not None]
    if isinstance(instruction, Move):
        return [source for source, _ in instruction.pairs]
    return [instruction.condition] if isinstance(instruction, JumpIfFalse) else []


def writes(instruction: Instruction) -> list[int]:
    """Values that an instruction writes."""
    if isinstance(instruction, Call):
        return [*instruction.outputs, *instruction.scratch]
    if isinstance(instruction, HostCall | DelegateCall):
        return list(instruction.outputs)
    return [target for _, target in instruction.pairs] if isinstance(instruction, Move) else []


def lifetimes(entry: Entry) -> dict[int, Interval]:
    """The interval of every value that the entry's code touches."""
    intervals: dict[int, Interval] = {}
    for position, instruction in enumerate(entry.code):
        for value in reads(instruction) + writes(instruction):
            intervals.setdefault(value, Interval(position, position)).last = position
    end = len(entry.code)
    for value in (*entry.outputs, *(entry.barrier.live if entry.barrier else ())):
        if value in intervals:
            intervals[value].last = end
    for value in entry.inputs:
        intervals.setdefault(value, Interval(0, 0)).first = -1  # before the code, and so before a loop that begins it
    loops = [(i.target, p) for p, i in enumerate(entry.code) if isinstance(i, Jump) and i.target <= p]
    # Inner loops end first, so that what they extend reaches the end of the outer ones.
    for start, stop in sorted(loops, key=lambda loop: loop[1]):
        for interval in intervals.values():
            if interval.first < start <= interval.last < stop:
                interval.last = stop
    return intervals


def heirs(instruction: Instruction) -> tuple[int, int] | None:
    """The input and the output of an instruction that may be the same memory."""
    if isinstance(instruction, Move):
        return instruction.pairs[0] if len(instruction.pairs) == 1 else None
    if isinstance(instruction, Call | HostCall) and instruction.in_place and instruction.inputs and len(instruction.outputs) == 1:
        source, target = instruction.inputs[0], instruction.outputs[0]
        return (source, target) if source is not None and instruction.inputs.count(source) == 1 else None
    return None


def share_in_place(program: Program, entry: Entry, intervals: dict[int, Interval]) -> dict[int, int]:
    """Outputs that take over the memory of an input which dies at the Move, or at the call that declares it: {output: input}."""
    shared: dict[int, int] = {}
    for position, instruction in enumerate(entry.code):
        pair = heirs(instruction)
        if pair is None or not _same_memory(program, *pair):
            continue
        source, target = pair
        if intervals[source].last == position and intervals[target].first == position:
            root = shared.get(source, source)
            shared[target] = root
            intervals[root].last = max(intervals[root].last, intervals[target].last)
    return shared


def _same_memory(program: Program, source: int, target: int) -> bool:
    a, b = program.values[source], program.values[target]
    planned = kinds(program.target)
    return a.kind in planned and b.kind in planned and a.nbytes == b.nbytes


def kinds(target: Target) -> set[Kind]:
    """The kinds of values that have their place in the arena."""
    return {Kind.ARENA, Kind.INPUT, Kind.OUTPUT} if target.io_in_arena else {Kind.ARENA}


def plan(program: Program) -> None:
    """Set the offsets of the ARENA values and the program's arena_size. Entries never run at once, so they share the arena.

    Raises TachyliteError where the target has not the memory.
    """
    planned = kinds(program.target)
    if largest := max(program.values, key=lambda v: v.nbytes, default=None):
        _check_room(program, largest.nbytes, f"tensor {largest.name!r} of shape {list(largest.shape or ())}")
    for entry in program.entries.values():
        intervals = lifetimes(entry)
        if program.target.preserve_all:
            intervals = {value: Interval(0, len(entry.code)) for value in intervals}
            shared: dict[int, int] = {}
        else:
            shared = share_in_place(program, entry, intervals)
        own = [v for v in intervals if program.values[v].kind in planned and v not in shared]
        leads = {} if program.target.preserve_all else overlap.leads(program, entry, intervals, shared)
        if leads:
            overlap.place(program, own, intervals, leads)
        else:
            _place(program, own, intervals)
        for number, root in shared.items():
            program.values[number].offset = program.values[root].offset
    apart = sum(value.nbytes for value in program.values if value.kind in {Kind.INPUT, Kind.OUTPUT} - planned)
    _check_room(program, program.arena_size + apart, "the model")


def _check_room(program: Program, need: int, what: str) -> None:
    if need > program.target.memory_bytes:
        raise TachyliteError(f"{what} takes {need:,} bytes of memory, there are {program.target.memory_bytes:,}; use smaller input shapes")


def _place(program: Program, values: list[int], intervals: dict[int, Interval]) -> None:
    alignment = program.target.alignment
    values = sorted(values, key=lambda v: (-program.values[v].nbytes, intervals[v].first))
    first, last, begin, end = (np.zeros(len(values), np.int64) for _ in range(4))
    for count, number in enumerate(values):
        interval = intervals[number]
        size = -(-program.values[number].nbytes // alignment) * alignment
        alive = (first[:count] <= interval.last) & (last[:count] >= interval.first)
        offset = _smallest_gap(begin[:count][alive], end[:count][alive], size)
        first[count], last[count], begin[count], end[count] = interval.first, interval.last, offset, offset + size
        program.values[number].offset = offset
        program.arena_size = max(program.arena_size, offset + size)


def _smallest_gap(begin: np.ndarray, end: np.ndarray, size: int) -> int:
    """The offset of the tightest gap of at least `size` bytes between the taken ranges, else the end of them all."""
    if not len(begin):
        return 0
    order = np.argsort(begin, kind="stable")
    covered = np.maximum.accumulate(end[order])
    starts = np.concatenate(([0], covered[:-1]))
    gaps = begin[order] - starts
    fitting = np.flatnonzero(gaps >= size)
    return int(starts[fitting[np.argmin(gaps[fitting])]]) if len(fitting) else int(covered[-1])
