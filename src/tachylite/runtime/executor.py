"""What every executor has: one Program with its memory, access to its tensors, calls of the host, and what follows a barrier."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

from tachylite.model.dtypes import RESOURCE, STRING
from tachylite.model.errors import OpError, TachyliteError
from tachylite.model.graph import Model, Operator, Tensor
from tachylite.ops import registry
from tachylite.ops.inference import as_list, frozen
from tachylite.ops.registry import Spec
from tachylite.program.lower import lower
from tachylite.program.program import Call, DelegateCall, Entry, HostCall, Kind, Program, Value
from tachylite.program.subgraph import Partition

from .state import RunContext, State

#: Alignment of memory, in bytes: a cache line, and the widest vector.
ALIGNMENT = 64

#: Continuations kept behind a barrier, each for other shapes.
REST_CACHE_SIZE = 8


class Executor(ABC):
    """Runs one entry of a Program. `_execute` is what a kind of executor adds."""

    #: What its calls run on: `numpy`, or a tier of the native library.
    tier: str
    #: Begins a run, and mostly completes it; where it returns anything but 0, `finish` must follow.
    start: Callable[[], int]

    def __init__(self, program: Program, state: State):
        self.program = program
        self.entry: Entry = next(iter(program.entries.values()))
        self._state = state
        self._rest: dict[Any, Executor] = {}
        #: What runs the partitions of a delegate that failed.
        self._instead: dict[Partition, Executor] = {}
        self._tail: Executor | None = None
        self.start = self._run_in_turn
        #: Calls and nanoseconds of each instruction, int64 [instructions, 2]; None where runs are not profiled.
        self.timings = None if state.stopwatch is None else np.zeros((len(self.entry.code), 2), np.int64)
        self._slots = self._allocate()
        for move in program.reset:
            for source, target in move.pairs:
                self._initialize(program.values[target], self._slots[source])

    @abstractmethod
    def _execute(self) -> None:
        """Run the entry's code. Raises OpError."""

    def _allocate(self) -> list[Any]:
        try:
            arena = aligned(self.program.arena_size)
            return [self._storage(value, arena) for value in self.program.values]
        except (MemoryError, ValueError) as problem:
            need = self.program.arena_size + sum(v.nbytes for v in self.program.values if v.kind in (Kind.INPUT, Kind.OUTPUT))
            raise TachyliteError(
                f"the model needs {need:,} bytes for its tensors, more than there is; use smaller input shapes"
            ) from problem

    def _storage(self, value: Value, arena: np.ndarray) -> Any:
        """The array that holds a value: part of the arena, memory of its own, or None for whatever a call will put there."""
        if value.kind is Kind.PACKED:
            if value.key not in self._state.packed and value.pack is not None:
                self._state.packed[value.key] = frozen(value.pack())
                value.pack = None  # which holds what was packed: unpacked constants of all layers at once would double a model's memory
            return self._state.packed[value.key]
        if value.data is not None:
            return frozen(value.data)
        if value.kind is Kind.ARENA:
            return arena[value.offset : value.offset + value.nbytes].view(value.dtype).reshape(value.shape or ())
        if value.kind in (Kind.INPUT, Kind.OUTPUT) and not value.dtype.hasobject:
            return aligned(value.nbytes).view(value.dtype).reshape(value.shape or ())
        if value.kind in (Kind.OUTPUT, Kind.HOST) and value.shape is not None and value.dtype in (STRING, RESOURCE):
            return np.full(value.shape, b"" if value.dtype == STRING else None, object)
        return None

    def _initialize(self, value: Value, initial: np.ndarray) -> None:
        variable = self._state.variable(value.key, initial.shape, initial.dtype)
        if not variable.written[0]:
            self._state.write(value.key, initial)

    # Reading and writing tensors.

    def array(self, tensor: Tensor) -> np.ndarray | None:
        """The memory of a tensor, not a copy; None where this run has not made it or the arena has used its place again."""
        if self._tail is not None and (found := self._tail.array(tensor)) is not None:
            return found
        number = self.entry.values.get(tensor)
        return None if number is None or not self._keeps(number) else self._load(number)

    def spec(self, tensor: Tensor) -> Spec | None:
        """Shape and type of a tensor as far as this program knows them."""
        if self._tail is not None and (found := self._tail.spec(tensor)) is not None:
            return found
        number = self.entry.values.get(tensor)
        if number is None:
            return None
        value = self.program.values[number]
        shape = self._slots[number].shape if value.kind is Kind.HOST and self._slots[number] is not None else value.shape
        return None if shape is None else Spec(shape, value.dtype)

    def _keeps(self, number: int) -> bool:
        return self.program.values[number].kind is not Kind.ARENA or self.program.target.preserve_all

    def write(self, number: int, array: np.ndarray) -> None:
        """Set an input of the entry."""
        if self.program.values[number].kind is Kind.HOST:
            self._slots[number] = array
        elif self.program.values[number].kind is not Kind.CONST:
            np.copyto(self._slots[number], array)

    def outputs(self) -> list[np.ndarray]:
        """The outputs of the last run, not copies."""
        if self._tail is not None:
            return self._tail.outputs()
        return [self._load(number) for number in self.entry.outputs]

    def nbytes(self, number: int) -> int:
        """Bytes of a value in memory; of one whose shape only the run told, in the last run. 0 for Python objects."""
        array = self._slots[number]
        return self.program.values[number].nbytes if array is None or array.dtype.hasobject else array.nbytes

    def own_memory(self, tensor: Tensor) -> np.ndarray | None:
        """The memory of a tensor where that stays the same for as long as this executor lives; else None."""
        number = self.entry.values.get(tensor)
        if number is None or self.entry.barrier is not None:
            return None
        value = self.program.values[number]
        return self._slots[number] if value.kind in (Kind.INPUT, Kind.OUTPUT) and not value.dtype.hasobject else None

    def parts(self) -> "Iterator[Executor]":
        """This executor, those of what follows its barrier, and those of what a delegate failed to run."""
        yield self
        for other in (*self._rest.values(), *self._instead.values()):
            yield from other.parts()

    # Running.

    def reset_timings(self) -> None:
        """Forget what the instructions have taken so far."""
        if self.timings is not None:
            self.timings[...] = 0

    def _timed(self, position: int) -> AbstractContextManager[None]:
        """Around what Python does for an instruction."""
        if self.timings is None or self._state.stopwatch is None:
            return nullcontext()
        return self._state.stopwatch.instruction(self.timings[position])

    def run(self) -> None:
        """Run the entry's code, and what follows its barrier, when no other thread runs in this session. Raises OpError."""
        if status := self.start():
            self.finish(status)

    def _run_in_turn(self) -> int:
        with self._state.turn:
            self._execute()
            if self.entry.barrier is not None:
                self._run_rest()
        return 0

    def finish(self, status: int) -> None:
        """Complete a run whose start gave `status`. Raises OpError."""
        raise NotImplementedError

    def _run_rest(self) -> None:
        """Lower what follows the barrier for the shapes that it met (or find that Program), and run it."""
        barrier = self.entry.barrier
        assert barrier is not None
        arrays = [self._load(number) for number in barrier.live]
        key = tuple(a.shape for a in arrays)
        if key not in self._rest:
            specs = [Spec(a.shape, self.program.values[v].dtype) for a, v in zip(arrays, barrier.live, strict=True)]
            rest = type(self)(barrier.resume(specs), self._state)
            if len(self._rest) >= REST_CACHE_SIZE:
                del self._rest[next(iter(self._rest))]
            self._rest[key] = rest
        self._tail = self._rest[key]
        for number, array in zip(self._tail.entry.inputs, arrays, strict=True):
            self._tail.write(number, array)
        self._tail.run()

    def _load(self, number: int) -> np.ndarray:
        value = self.program.values[number]
        return self._state.read(value.key, value.shape) if value.kind is Kind.PERSISTENT else self._slots[number]

    def _store(self, number: int, array: np.ndarray) -> None:
        value = self.program.values[number]
        if value.kind is Kind.PERSISTENT:
            self._state.write(value.key, array)
        elif value.kind is Kind.HOST and array.dtype == value.dtype:
            # A reference may return a view of its input, whose memory will be used again.
            self._slots[number] = array if array.base is None else array.copy()
        elif array.shape != value.shape or array.dtype != value.dtype:
            planned = f"{value.dtype}{list(value.shape or ())}"
            raise TachyliteError(f"gave {array.dtype}{list(array.shape)} for {value.name!r} where {planned} was planned")
        else:
            np.copyto(self._slots[number], array)

    def _host_call(self, call: HostCall | Call) -> None:
        """Run an operator's reference; of a native call, the one that it stands for. Raises OpError with the operator's place."""
        definition = registry.get(call.op)
        leading: tuple[Any, ...] = (call.op, RunContext(self._state)) if definition.context else (call.op,)
        with located(call.op, call.place), np.errstate(all="ignore"):
            arguments = [None if number is None else frozen(self._load(number)) for number in call.inputs]
            for number, array in zip(call.outputs, as_list(definition.reference(*leading, *arguments)), strict=True):
                self._store(number, array)

    def _delegate_call(self, call: DelegateCall) -> None:
        """Let a delegate run its partition; where it fails, and strict is not asked for, run that on the CPU."""
        arguments = [frozen(self._load(number)) for number in call.inputs]
        results = self._state.crew.run(call, arguments)
        if results is None:
            results = self._run_on_cpu(call.partition, arguments)
        for number, array in zip(call.outputs, results, strict=True):
            self._store(number, array)

    def _run_on_cpu(self, partition: Partition, arguments: Sequence[np.ndarray]) -> list[np.ndarray]:
        graph = partition.graph
        if partition not in self._instead:
            program = lower(Model.of(graph), {"main": (graph, [Spec(t.shape, t.dtype) for t in graph.inputs])}, self.program.target)
            self._instead[partition] = type(self)(program, self._state)
        executor = self._instead[partition]
        for number, array in zip(executor.entry.inputs, arguments, strict=True):
            executor.write(number, array)
        executor.run()
        return executor.outputs()


class located:  # noqa: N801  (a context manager reads like a word)
    """Around what may fail for an operator: whatever is raised becomes an OpError with the operator's place."""

    def __init__(self, op: Operator, place: tuple[int, int]):
        self._op, self._place = op, place

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, problem: BaseException | None, trace: Any) -> None:
        if isinstance(problem, OpError):
            raise problem.at(*self._place) from None
        if isinstance(problem, MemoryError):
            found = f"takes more memory than there is ({problem or 'an allocation failed'}); use smaller shapes"
            raise self._op.error(found).at(*self._place) from problem
        if isinstance(problem, TachyliteError | ArithmeticError | AttributeError | LookupError | TypeError | ValueError):
            raise self._op.error(str(problem) or type(problem).__name__).at(*self._place) from problem


def aligned(size: int) -> np.ndarray:
    """Zeroed bytes whose first is aligned."""
    memory = np.zeros(size + ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % ALIGNMENT
    return memory[start : start + size]


MakeExecutor = Callable[[Program, State], Executor]
