"""What each operator of a run took: measured in the executor, instruction by instruction, and gathered here."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import groupby
from time import perf_counter_ns
from typing import Any

import numpy as np

from tachylite.model.graph import Operator, Shape, Tensor
from tachylite.ops.flops import flops
from tachylite.program.program import Call, DelegateCall, HostCall, Move

from .executor import Executor

DELEGATE = "DELEGATE"
"""What a row of a delegate's partition has in place of an operator's name."""


@dataclass(frozen=True)
class ProfileRow:
    """One operator of one Program, a delegate's partition (`DELEGATE`), or one copy between values (`MOVE`), since the profile began.

    index and graph: its place in the file, None for a MOVE; output: the name of its first output; kernel: the native kernels that did
    it, `reference` for numpy; tier: of the kernels, `numpy` for a reference; calls: how often it ran; seconds: of all calls; share: of the
    time of all rows; flops and bytes: of one call: the arithmetic that its definition takes, None where that is not a fixed number, and
    the size of what it reads and writes, weights included.
    """

    op: str
    index: int | None
    graph: int | None
    output: str
    kernel: str
    tier: str
    calls: int
    seconds: float
    share: float
    flops: int | None
    bytes: int

    @property
    def seconds_per_call(self) -> float:
        return self.seconds / self.calls

    @property
    def flops_per_second(self) -> float | None:
        return None if self.flops is None or not self.seconds else self.flops * self.calls / self.seconds


class Stopwatch:
    """Times what Python does for an instruction, without the graphs that the instruction runs, whose own instructions are timed."""

    def __init__(self) -> None:
        self._nested = 0

    @contextmanager
    def instruction(self, timing: np.ndarray) -> Iterator[None]:
        """Add what happens within to an instruction's calls and nanoseconds."""
        begin, nested = perf_counter_ns(), self._nested
        yield
        timing += 1, perf_counter_ns() - begin - (self._nested - nested)

    @contextmanager
    def graph(self) -> Iterator[None]:
        """What happens within belongs to another graph's instructions."""
        begin, nested = perf_counter_ns(), self._nested
        yield
        self._nested = nested + perf_counter_ns() - begin


def gather(executors: Iterable[Executor]) -> list[ProfileRow]:
    """Everything that ran in these executors, Program by Program in the order of its code."""
    found = [row for executor in executors for row in _rows(executor)]
    total = sum(row.seconds for row in found)
    return [replace(row, share=row.seconds / total if total else 0.0) for row in found]


def _rows(executor: Executor) -> Iterator[ProfileRow]:
    """Instructions in a row that belong to one operator make one row."""
    assert executor.timings is not None
    timed = zip(executor.entry.code, executor.timings.tolist(), strict=True)
    for _, group in groupby(timed, key=lambda pair: _owner(pair[0])):
        measured = [(instruction, timing) for instruction, timing in group if timing[0]]
        if measured:
            yield _row(executor, [i for i, _ in measured], max(calls for _, (calls, _) in measured), sum(ns for _, (_, ns) in measured))


def _owner(instruction: Any) -> Any:
    return (id(instruction.op), instruction.place) if isinstance(instruction, Call | HostCall) else id(instruction)


def _row(executor: Executor, group: list[Any], calls: int, nanoseconds: int) -> ProfileRow:
    first = group[0]
    touched = {number for instruction in group for number in _touched(instruction)}
    size = sum(executor.nbytes(number) for number in touched)
    if isinstance(first, Move):
        output = executor.program.values[first.pairs[0][1]].name
        return ProfileRow("MOVE", None, None, output, "", "", calls, nanoseconds / 1e9, 0.0, None, size)
    if isinstance(first, DelegateCall):
        return _delegated(first, calls, nanoseconds, size)
    op: Operator = first.op
    is_native = all(isinstance(instruction, Call) for instruction in group)
    kernels = dict.fromkeys(i.kernel if isinstance(i, Call) else "reference" for i in group)
    return ProfileRow(
        op=op.op,
        index=first.place[0],
        graph=first.place[1],
        output=op.outputs[0].name if op.outputs else "",
        kernel=" + ".join(kernels),
        tier=executor.tier if is_native else "numpy",
        calls=calls,
        seconds=nanoseconds / 1e9,
        share=0.0,
        flops=flops(op, [_shape(executor, t) for t in op.inputs], [_shape(executor, t) for t in op.outputs]),
        bytes=size,
    )


def _delegated(call: DelegateCall, calls: int, nanoseconds: int, size: int) -> ProfileRow:
    """A partition, by the place of its first operator; bytes are those that cross."""
    partition = call.partition
    name, count = partition.delegate.name, len(partition.positions)
    output = partition.graph.outputs[0].name if partition.graph.outputs else ""
    what = f"{count} operator{'s'[: count > 1]}"
    return ProfileRow(DELEGATE, partition.positions[0], 0, output, what, name, calls, nanoseconds / 1e9, 0.0, partition.work, size)


def _touched(instruction: Any) -> list[int]:
    """Values that an instruction reads or writes, beside scratch memory."""
    if isinstance(instruction, Move):
        return [number for pair in instruction.pairs for number in pair]
    return [number for number in (*instruction.inputs, *instruction.outputs) if number is not None]


def _shape(executor: Executor, tensor: Tensor | None) -> Shape | None:
    """The shape in this Program; of a tensor that only an inlined graph knows, that of the file."""
    if tensor is None:
        return None
    spec = executor.spec(tensor)
    shape = tensor.shape if spec is None else spec.shape
    return None if any(d < 0 for d in shape) else shape
