"""What a delegate is: other hardware, or another engine, that takes the part of a model which it runs best."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from tachylite.model.errors import TachyliteError
from tachylite.model.graph import Graph, Operator


class Compiled(Protocol):
    """A sub-Graph, ready to run: takes an array for each of its inputs, read-only, and gives one for each output.

    Whatever it raises lets the CPU take over, unless the caller wants it strict. What has an attribute `blob`, bytes, can enter a program
    file: the C library of the same delegate loads them (native/include/tachylite_delegate.h).
    """

    def __call__(self, *inputs: np.ndarray) -> Sequence[np.ndarray]: ...


class Delegate(ABC):
    """Takes operators of a model; subclasses say which, and compile what they get.

    name: what reports call it, and what `load_delegate` finds it by.
    least_work: what a partition must have to be worth a call, in additions and multiplications, or in elements of outputs where those are
        not counted (see ops.flops); smaller ones stay on the CPU. The option `least_work` replaces it.
    options: strings where they come from a command line. Raises TachyliteError, or ValueError, where one is wrong.
    """

    name: str = ""
    least_work: int = 1_000_000

    def __init__(self, options: Mapping[str, Any] | None = None):
        self.options = dict(options or {})
        least = self.options.pop("least_work", self.least_work)
        try:
            self.least_work = int(least)
        except ValueError:
            raise TachyliteError(f"delegate {self.name!r}: least_work is {least!r}, it must be a whole number") from None

    @abstractmethod
    def supports(self, op: Operator) -> bool | str:
        """True, or why not, in words that follow the operator's name. All shapes are known: op.inputs[0].shape is what will run."""

    @abstractmethod
    def compile(self, graph: Graph) -> Compiled:
        """Make a sub-Graph of supported operators ready to run. Constants are dense; whatever is raised leaves the part to the CPU."""

    def __repr__(self) -> str:
        return f"<delegate {self.name}>"
