"""The partition report: where every operator runs, why the CPU has those that it has, and what crosses between the two."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tachylite.model.graph import Operator
from tachylite.program.partition import Placement, is_certain
from tachylite.program.program import Program
from tachylite.program.subgraph import Partition, work_of

from .delegate import Crew

CPU, BEFORE = "cpu", "before"

#: Letters of a tensor's name beyond which it is cut short for people.
LONG = 40


@dataclass(frozen=True)
class PlacedOperator:
    """Where an operator runs.

    graph and index: its place in the file; where: a delegate's name, `cpu`, or `before` where its outputs are certain before a run;
    partition: its number, None where it is in none; why: it is where it is.
    """

    graph: int
    index: int
    op: str
    output: str
    where: str
    partition: int | None
    why: str


@dataclass(frozen=True)
class PartitionRow:
    """operations: additions and multiplications, or elements where those are not counted; problem: why the CPU runs it after all."""

    number: int
    delegate: str
    operators: int
    operations: int
    bytes_in: int
    bytes_out: int
    problem: str


@dataclass(frozen=True)
class PartitionReport:
    """operators in the order of the file; share: the part of all operations that delegates do, from 0 to 1, where shapes were known."""

    operators: list[PlacedOperator]
    partitions: list[PartitionRow]
    share: float

    def as_data(self) -> dict[str, Any]:
        """Everything as plain data."""
        return {"share": self.share, "partitions": [vars(p) for p in self.partitions], "operators": [vars(o) for o in self.operators]}

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        given, total = sum(o.partition is not None for o in self.operators), sum(o.where != BEFORE for o in self.operators)
        yield f"{given} of {total} operators and {self.share:.1%} of the operations in {len(self.partitions)} partitions"
        for p in self.partitions:
            failed = f"; runs on the CPU: {p.problem}" if p.problem else ""
            crossing = f"{p.bytes_in:,} bytes in, {p.bytes_out:,} bytes out"
            yield f"partition {p.number}: {p.delegate}, {p.operators} operators, {p.operations:,} operations, {crossing}{failed}"
        for o in self.operators:
            where = o.where if o.partition is None else f"{o.where} (partition {o.partition})"
            name = o.output if len(o.output) < LONG else f"{o.output[:LONG]}…"
            yield f"{o.op} #{o.index} {name!r}: {where}{'; ' + o.why if o.why else ''}"


def report(programs: Sequence[Program], crew: Crew) -> PartitionReport:
    """Of all that was lowered; an operator of several Programs counts once, as the last of them has it."""
    found: dict[tuple[int, int], Placement] = {(p.graph, p.index): p for program in programs for p in program.placements}
    placements = [found[place] for place in sorted(found)]
    numbers: dict[Partition, int] = {}
    for placement in placements:
        if placement.partition is not None:
            numbers.setdefault(placement.partition, len(numbers))
    return PartitionReport(
        [_operator(p, numbers) for p in placements], [_partition(p, n, crew) for p, n in numbers.items()], _share(placements)
    )


def _operator(placement: Placement, numbers: dict[Partition, int]) -> PlacedOperator:
    partition, op = placement.partition, placement.op
    if partition is not None:
        where, number = partition.delegate.name, numbers[partition]
    else:
        where, number = BEFORE if is_certain(op) else CPU, None
    return PlacedOperator(placement.graph, placement.index, op.op, _output(op), where, number, placement.why)


def _output(op: Operator) -> str:
    return op.outputs[0].name if op.outputs else ""


def _partition(partition: Partition, number: int, crew: Crew) -> PartitionRow:
    problem = crew.failed.get(partition.delegate, "")
    name, count = partition.delegate.name, len(partition.positions)
    return PartitionRow(number, name, count, partition.work, partition.bytes_in, partition.bytes_out, problem)


def _share(placements: Sequence[Placement]) -> float:
    work = [(work_of(p.op), p.partition is not None) for p in placements if not is_certain(p.op)]
    total = sum(amount for amount, _ in work)
    return sum(amount for amount, is_given in work if is_given) / total if total else 0.0
