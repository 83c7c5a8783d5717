"""Tachylite's exceptions. Each message says what was found, what was needed and what to do."""

from typing import Any


class TachyliteError(ValueError, RuntimeError):
    """The root of all. Both a ValueError and a RuntimeError, because callers of tf.lite catch either."""


class FileError(TachyliteError):
    """A file is truncated, corrupted, or not what its name says."""


class UnsupportedError(TachyliteError):
    """Something valid that this build, target or delegate cannot do; the message lists every instance at once."""


class OpError(TachyliteError):
    """An operator cannot take what it was given.

    Raised by an operator's own code without its place in the model; whoever walks the graph adds that with `at`.
    """

    def __init__(self, op: Any, message: str):
        super().__init__(message)
        self.op = op
        self.message = message
        self.place: tuple[int, int | str] | None = None

    def at(self, index: int, subgraph: int | str) -> "OpError":
        """Note that the operator is number `index` of a graph, given by number or name; the innermost note wins."""
        if self.place is None:
            self.place = (index, subgraph)
        return self

    def __str__(self) -> str:
        number, where = (f"#{self.place[0]}", f" (subgraph {self.place[1]})") if self.place else ("", "")
        label = next((repr(t.name) for t in self.op.outputs if t is not None and t.name), "")
        return " ".join(part for part in (self.op.op, number, label) if part) + f"{where}: {self.message}"
