"""A traced program as plain data, without anything of the framework that it comes from."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tachylite.frontends.builder import Dims


@dataclass(frozen=True)
class Ref:
    """Stands in an operand's place for the value of this name."""

    name: str


@dataclass(frozen=True)
class Value:
    """What a node gives, or a body takes. shape: None for unknown dimensions; dtype: numpy's name for it."""

    name: str
    shape: Dims
    dtype: str


@dataclass(frozen=True)
class Node:
    """One operation.

    inputs: Refs, plain values, or lists of both; attributes: plain values and arrays, by name; bodies: what it calls.
    outputs: without those behind the last one that is read. name: a path of scopes, empty for what
    needs none; source: the line of code that it comes from.
    """

    op: str
    inputs: Sequence[Any]
    outputs: Sequence[Value]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    bodies: "Sequence[Body]" = ()
    name: str = ""
    source: str = ""


@dataclass(frozen=True)
class Body:
    """A function, or a region of an operation, which may read what is outside of it."""

    arguments: Sequence[Value]
    nodes: Sequence[Node]
    results: Sequence[Any]


@dataclass(frozen=True)
class Program:
    """A function with those that it calls, and the names by which its callers know what it takes and gives."""

    main: Body
    inputs: Sequence[str]
    outputs: Sequence[str]
    functions: Mapping[str, Body] = field(default_factory=dict)


def references(operand: Any) -> Iterator[str]:
    """The names of all values in an operand."""
    if isinstance(operand, Ref):
        yield operand.name
    elif isinstance(operand, list | tuple):
        for part in operand:
            yield from references(part)


def captured(bodies: Sequence[Body]) -> list[str]:
    """The names of what these bodies read from outside, each once."""
    return list(dict.fromkeys(name for body in bodies for name in _captured_by(body)))


def _captured_by(body: Body) -> Iterator[str]:
    inside = {value.name for value in body.arguments}
    for node in body.nodes:
        yield from (name for name in (*references(node.inputs), *captured(node.bodies)) if name not in inside)
        inside.update(value.name for value in node.outputs)
    yield from (name for name in references(body.results) if name not in inside)
