"""Program: the only executable form of a model. Values, linear code and a memory plan, for one target and known shapes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from math import prod
from typing import Any

import numpy as np

from tachylite.model.dtypes import nbytes
from tachylite.model.graph import Operator, Shape, Tensor
from tachylite.ops.registry import Spec

from .partition import Placement
from .subgraph import Partition
from .target import Target


class Kind(Enum):
    """Where a value lives."""

    INPUT = "input"  #: written by the caller, kept from run to run
    OUTPUT = "output"  #: read by the caller, kept until the next run
    CONST = "const"  #: part of the program
    PACKED = "packed"  #: a constant in a kernel's own layout, made by `prepare`
    ARENA = "arena"  #: lives from its definition to its last use, at a planned offset
    PERSISTENT = "persistent"  #: a variable: kept from run to run, shared by all programs of an executor
    HOST = "host"  #: a Python object: strings, resources, arrays whose shape is known only at run time


@dataclass
class Value:
    """A value of the program.

    shape is None where only the run tells; key names PERSISTENT and PACKED values across programs; pack makes a PACKED value; offset is
    in bytes.
    """

    kind: Kind
    dtype: np.dtype
    shape: Shape | None
    name: str = ""
    data: np.ndarray | None = None
    key: Any = None
    pack: Callable[[], np.ndarray] | None = None
    offset: int = -1

    @property
    def nbytes(self) -> int:
        """Bytes in memory, where 4-bit types take a byte an element."""
        if self.shape is None or self.kind is Kind.HOST:
            return 0
        return prod(self.shape) * self.dtype.itemsize if nbytes(self.dtype, 1) else 0


@dataclass(frozen=True)
class Call:
    """Run a native kernel, by name, on values: its inputs, outputs and scratch memory, in this order (None: an omitted input).

    params: the bytes of its parameter block; work: the number of work items; grain: the least number worth a thread's while;
    lead: the output may share memory with the first input if it begins at least so many bytes before it, None: it may not.
    """

    kernel: str
    op: Operator
    place: tuple[int, int]
    inputs: tuple[int | None, ...]
    outputs: tuple[int, ...]
    scratch: tuple[int, ...]
    params: bytes
    work: int
    grain: int = 1
    in_place: bool = False
    lead: int | None = None


@dataclass(frozen=True)
class HostCall:
    """Run an operator's reference. `inputs` and `outputs` are value numbers; `place` is (operator index, subgraph index)."""

    op: Operator
    place: tuple[int, int]
    inputs: tuple[int | None, ...]
    outputs: tuple[int, ...]
    in_place: bool = False


@dataclass(frozen=True)
class DelegateCall:
    """Let a delegate run a partition of the graph, and go on at instruction `target`.

    The values are those of its inputs and outputs, in order. What stands before `target` is what the CPU does in its place.
    """

    partition: Partition
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    target: int


@dataclass(frozen=True)
class Move:
    """A parallel assignment: all sources are read before any target is written.

    must_change: an error if it changes nothing; so ends an iteration of a loop that has no other effects, and would never end.
    """

    pairs: tuple[tuple[int, int], ...]
    must_change: bool = False


@dataclass(frozen=True)
class Jump:
    """Go on at instruction `target`."""

    target: int


@dataclass(frozen=True)
class JumpIfFalse:
    """Go on at instruction `target` where the bool in value `condition` is false."""

    condition: int
    target: int


Instruction = Call | HostCall | DelegateCall | Move | Jump | JumpIfFalse


@dataclass(frozen=True)
class Barrier:
    """The end of what could be lowered: shapes of `live` values are known once the code before has run.

    `resume(specs)` lowers the rest of the graph; its inputs are the live values in this order.
    """

    live: tuple[int, ...]
    resume: "Callable[[Sequence[Spec]], Program]"


@dataclass
class Entry:
    """One way into the program: its code, its inputs and outputs in order, and the value that holds each tensor of the graph."""

    code: list[Instruction]
    inputs: list[int]
    outputs: list[int]
    values: dict[Tensor, int] = field(default_factory=dict)
    barrier: Barrier | None = None


@dataclass
class Program:
    """A lowered model.

    values: all values, by number. entries: one per signature, by name; they share variables. reset: sets variables to their initial
    values. arena_size: bytes of the arena, known exactly before anything runs. placements: where each operator runs, where there were
    delegates to choose from.
    """

    target: Target
    values: list[Value] = field(default_factory=list)
    entries: dict[str, Entry] = field(default_factory=dict)
    reset: list[Move] = field(default_factory=list)
    arena_size: int = 0
    placements: list[Placement] = field(default_factory=list)
