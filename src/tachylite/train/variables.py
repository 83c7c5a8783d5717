"""The variables of a trainable model: resource variables with initial values, which every signature's graph reads and sets by name."""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from tachylite.model.dtypes import RESOURCE
from tachylite.model.graph import Graph, Shape, Tensor
from tachylite.ops.builder import Builder

STEP = "step"
"""The variable that counts steps, int32 [1]. (TensorFlow Lite takes a scalar's shape for an unknown one.)"""


class Variable(NamedTuple):
    """What a variable holds, and at first: its initial value, or zeros where that is None."""

    shape: Shape
    dtype: np.dtype
    initial: np.ndarray | None = None


@dataclass
class Variables:
    """All variables by name. Every graph that uses them begins with the graph that sets them once."""

    known: dict[str, Variable] = field(default_factory=dict)
    initializer: Graph = field(default_factory=lambda: Graph("initialize"))

    def add(self, name: str, shape: Shape, dtype: np.dtype, initial: np.ndarray | None = None) -> str:
        """A new variable; its name, with a number where another has it already."""
        unique, number = name, 0
        while unique in self.known:
            number += 1
            unique = f"{name}_{number}"
        self.known[unique] = Variable(shape, dtype, initial)
        build = Builder(self.initializer)
        zero = np.zeros((), dtype)
        value = build.FILL(np.array(shape, np.int32), build.constant(zero)) if initial is None else build.constant(initial, unique)
        build.ASSIGN_VARIABLE(self._handle(build, unique), value)
        return unique

    def open(self, name: str) -> "Scope":
        """A new graph that uses the variables."""
        scope = Scope(self, Builder(Graph(name)))
        scope.build.CALL_ONCE(subgraphs=[self.initializer])
        return scope

    def _handle(self, build: Builder, name: str) -> Tensor:
        handle: Tensor = build.VAR_HANDLE(shared_name=name, out=Tensor(f"{name}/handle", (), RESOURCE))
        return handle


@dataclass
class Scope:
    """A graph under construction, and the handles that it has."""

    variables: Variables
    build: Builder
    handles: dict[str, Tensor] = field(default_factory=dict)

    def _handle(self, name: str) -> Tensor:
        if name not in self.handles:
            self.handles[name] = self.variables._handle(self.build, name)
        return self.handles[name]

    def read(self, name: str) -> Tensor:
        """The variable's value as it is here."""
        variable = self.variables.known[name]
        value: Tensor = self.build.READ_VARIABLE(self._handle(name), out=Tensor(name, variable.shape, variable.dtype))
        return value

    def assign(self, name: str, value: Tensor) -> None:
        """Set the variable."""
        self.build.ASSIGN_VARIABLE(self._handle(name), value)
