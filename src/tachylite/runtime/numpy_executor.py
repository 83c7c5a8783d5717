"""Runs a Program in numpy: every call is an operator's reference."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tachylite.model.dtypes import RESOURCE, STRING
from tachylite.model.errors import OpError, TachyliteError
from tachylite.model.graph import Graph, Operator, Tensor
from tachylite.ops import registry
from tachylite.ops.control import NEVER_ENDS, same_bytes
from tachylite.ops.inference import as_list, frozen
from tachylite.ops.registry import Spec
from tachylite.program.program import Entry, HostCall, Jump, JumpIfFalse, Kind, Move, Program, Value


@dataclass
class State:
    """What lives from run to run, shared by every executor of one model: variables, tables, random streams."""

    values: dict[Any, Any] = field(default_factory=dict)
    call: Callable[[Graph, Sequence[np.ndarray]], list[np.ndarray]] | None = None


class NumpyExecutor:
    """One Program with its memory: the arena, inputs, outputs and the host's objects."""

    def __init__(self, program: Program, state: State):
        self.program = program
        self._state = state
        self.entry: Entry = next(iter(program.entries.values()))
        self._rest: dict[Any, NumpyExecutor] = {}
        self._tail: NumpyExecutor | None = None
        self._slots = self._allocate()
        for move in program.reset:
            for source, target in move.pairs:
                self._reset(program.values[target].key, self._slots[source])

    def _allocate(self) -> list[Any]:
        try:
            arena = np.zeros(self.program.arena_size, np.uint8)
            return [_storage(value, arena) for value in self.program.values]
        except (MemoryError, ValueError) as problem:
            need = self.program.arena_size + sum(v.nbytes for v in self.program.values if v.kind in (Kind.INPUT, Kind.OUTPUT))
            raise TachyliteError(
                f"the model needs {need:,} bytes for its tensors, more than there is; use smaller input shapes"
            ) from problem

    def _reset(self, key: Any, initial: np.ndarray) -> None:
        current = self._state.values.get(key)
        if current is None or current.shape != initial.shape:
            self._state.values[key] = initial.copy()

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

    # Running.

    def run(self) -> None:
        """Run the entry's code, and what follows its barrier. Raises OpError."""
        code, position = self.entry.code, 0
        with np.errstate(all="ignore"):
            while position < len(code):
                instruction = code[position]
                position += 1
                if isinstance(instruction, Jump):
                    position = instruction.target
                elif isinstance(instruction, JumpIfFalse):
                    if not self._load(instruction.condition).all():
                        position = instruction.target
                elif isinstance(instruction, Move):
                    self._move(instruction)
                else:
                    self._host_call(instruction)
        if self.entry.barrier is not None:
            self._run_rest()

    def _run_rest(self) -> None:
        """Lower what follows the barrier for the shapes that it met (or find that Program), and run it."""
        barrier = self.entry.barrier
        assert barrier is not None
        arrays = [self._load(number) for number in barrier.live]
        key = tuple(a.shape for a in arrays)
        if key not in self._rest:
            specs = [Spec(a.shape, self.program.values[v].dtype) for a, v in zip(arrays, barrier.live, strict=True)]
            rest = NumpyExecutor(barrier.resume(specs), self._state)
            if len(self._rest) >= 8:
                del self._rest[next(iter(self._rest))]
            self._rest[key] = rest
        self._tail = self._rest[key]
        for number, array in zip(self._tail.entry.inputs, arrays, strict=True):
            self._tail.write(number, array)
        self._tail.run()

    def _load(self, number: int) -> np.ndarray:
        value = self.program.values[number]
        if value.kind is not Kind.PERSISTENT:
            return self._slots[number]
        array: np.ndarray | None = self._state.values.get(value.key)
        if array is None:
            raise TachyliteError(f"{value.key} is read before anything was assigned to it; run the signature that initializes it")
        if array.shape != value.shape:
            raise TachyliteError(f"{value.key} holds shape {list(array.shape)}, the graph expects {list(value.shape or ())}")
        return array

    def _store(self, number: int, array: np.ndarray) -> None:
        value = self.program.values[number]
        if value.kind is Kind.PERSISTENT:
            self._state.values[value.key] = np.array(array, value.dtype)
        elif value.kind is Kind.HOST:
            # A reference may return a view of its input, whose memory will be used again.
            self._slots[number] = array if array.base is None and array.dtype == value.dtype else array.copy()
        elif array.shape != value.shape or array.dtype != value.dtype:
            planned = f"{value.dtype}{list(value.shape or ())}"
            raise TachyliteError(f"gave {array.dtype}{list(array.shape)} for {value.name!r} where {planned} was planned")
        else:
            np.copyto(self._slots[number], array)

    def _move(self, move: Move) -> None:
        arrays = [self._load(source) for source, _ in move.pairs]
        if len(arrays) > 1:
            arrays = [array.copy() for array in arrays]
        if move.must_change and all(same_bytes(a, self._load(target)) for a, (_, target) in zip(arrays, move.pairs, strict=True)):
            raise TachyliteError(NEVER_ENDS)
        for (_, target), array in zip(move.pairs, arrays, strict=True):
            self._store(target, array)

    def _host_call(self, call: HostCall) -> None:
        op = call.op
        definition = registry.get(op)
        try:
            arguments = [None if number is None else frozen(self._load(number)) for number in call.inputs]
            leading: tuple[Any, ...] = (op, RunContext(self._state)) if definition.context else (op,)
            results = as_list(definition.reference(*leading, *arguments))
            for number, array in zip(call.outputs, results, strict=True):
                self._store(number, array)
        except OpError as problem:
            raise problem.at(*call.place) from None
        except (TachyliteError, ArithmeticError, LookupError, TypeError, ValueError, MemoryError) as problem:
            raise op.error(str(problem) or type(problem).__name__).at(*call.place) from problem


@dataclass(frozen=True)
class RunContext:
    """What a running operator may use beside its inputs (see ops.registry.Context)."""

    _state: State

    @property
    def state(self) -> dict[Any, Any]:
        return self._state.values

    def call(self, graph: Graph, arguments: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Run another graph of the model."""
        assert self._state.call is not None
        return self._state.call(graph, arguments)

    def random(self, op: Operator, seed: Sequence[int]) -> np.random.Generator:
        """The operator's stream: it goes on from run to run; without a seed it differs from process to process."""
        key = ("random", op)
        if key not in self.state:
            self.state[key] = np.random.default_rng([s % 2**64 for s in seed] if any(seed) else None)
        stream: np.random.Generator = self.state[key]
        return stream


def _storage(value: Value, arena: np.ndarray) -> Any:
    """The array that holds a value: part of the arena, memory of its own, or (None) whatever a call will put there."""
    if value.data is not None:
        return frozen(value.data)
    if value.kind is Kind.ARENA:
        return arena[value.offset : value.offset + value.nbytes].view(value.dtype).reshape(value.shape or ())
    if value.kind in (Kind.INPUT, Kind.OUTPUT):
        if value.dtype == STRING:
            return np.full(value.shape or (), b"", object)
        return np.zeros(value.shape or (), value.dtype)
    if value.kind is Kind.HOST and value.shape is not None and value.dtype in (STRING, RESOURCE):
        return np.full(value.shape, b"" if value.dtype == STRING else None, object)
    return None
