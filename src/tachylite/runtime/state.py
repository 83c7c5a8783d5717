"""What lives from run to run: variables, tables, random streams. One per model, shared by all of its executors."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from tachylite.model.errors import TachyliteError
from tachylite.model.graph import Graph, Shape
from tachylite.ops.inference import frozen

if TYPE_CHECKING:
    from .delegate import Crew
    from .profile import Stopwatch


@dataclass(eq=False)
class Variable:
    """A variable's memory, which stays where it is for as long as its shape stays; `written` is a flag of one byte, uint8 [1]."""

    array: np.ndarray
    written: np.ndarray


@dataclass(eq=False)
class State:
    """variables by key, whatever else operators keep by theirs, and constants packed for kernels; `call` runs a graph of the model.

    turn: held by the thread that runs, because all executors share this state; of native ones it is also the threads that they use.
    crew: the delegates. stopwatch: where runs are profiled.
    """

    call: Callable[[Graph, Sequence[np.ndarray]], list[np.ndarray]]
    turn: AbstractContextManager[Any]
    crew: "Crew"
    stopwatch: "Stopwatch | None" = None
    variables: dict[Any, Variable] = field(default_factory=dict)
    values: dict[Any, Any] = field(default_factory=dict)
    packed: dict[Any, np.ndarray] = field(default_factory=dict)

    def variable(self, key: Any, shape: Shape, dtype: np.dtype) -> Variable:
        """The variable of this shape; one that is new, or had another shape, is zero and not written yet."""
        variable = self.variables.get(key)
        if variable is None or variable.array.shape != shape or variable.array.dtype != dtype:
            variable = self.variables[key] = Variable(np.zeros(shape, dtype), np.zeros(1, np.uint8))
        return variable

    def read(self, key: Any, shape: Shape | None = None) -> np.ndarray:
        """A variable's value, not a copy. Raises TachyliteError where it was never written, or does not have this shape."""
        variable = self.variables.get(key)
        if variable is None or not variable.written[0]:
            raise TachyliteError(f"{key} is read before anything was assigned to it; run the signature that initializes it")
        if shape is not None and variable.array.shape != shape:
            raise TachyliteError(f"{key} holds shape {list(variable.array.shape)}, the graph expects {list(shape)}")
        return variable.array

    def write(self, key: Any, value: np.ndarray) -> None:
        """Copy a value into a variable."""
        variable = self.variable(key, value.shape, value.dtype)
        np.copyto(variable.array, value)
        variable.written[0] = 1


@dataclass(frozen=True)
class RunContext:
    """What a running operator may use beside its inputs (see ops.registry.Context)."""

    _state: State

    @property
    def state(self) -> dict[Any, Any]:
        return self._state.values

    def read(self, key: Any) -> np.ndarray:
        """A variable's value, read-only."""
        return frozen(self._state.read(key))

    def assign(self, key: Any, value: np.ndarray) -> None:
        """Set a variable."""
        self._state.write(key, value)

    def call(self, graph: Graph, arguments: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Run another graph of the model."""
        return self._state.call(graph, arguments)
