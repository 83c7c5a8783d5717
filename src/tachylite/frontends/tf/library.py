"""Nodes by name: those of a graph, and those of the functions that come with it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tachylite.frontends.protobuf import Message
from tachylite.model.errors import FileError

from .messages import SCHEMA
from .node import operation


@dataclass(frozen=True)
class Reference:
    """An input as a node names it: `node`, `node:2`, in functions `node:output:2`; `^node` is no value but an order."""

    node: str
    output: str
    index: int
    is_control: bool

    @classmethod
    def of(cls, text: str) -> "Reference":
        name, *parts = text.removeprefix("^").split(":")
        try:
            return cls(name, parts[0] if len(parts) == 2 else "", int(parts[-1]) if parts else 0, text.startswith("^"))
        except ValueError:
            raise FileError(f"an input is called {text!r}, which names no output of a node; the file is corrupted") from None

    def position(self, op: str) -> int:
        """Which of the outputs of a node of this operator it is."""
        known = operation(op)
        names = known.outputs if known else ()
        return (names.index(self.output) if self.output in names else 0) + self.index


class Nodes:
    """The nodes of a graph or function."""

    def __init__(self, nodes: Iterable[Message]):
        self.by_name = {node.name: node for node in nodes}

    def inputs(self, node: Message) -> list[Reference]:
        """What a node reads."""
        return [Reference.of(text) for text in node.input]

    def ordered(self, wanted: Iterable[str], given: Iterable[str], with_control: bool = False) -> Iterator[Message]:
        """The nodes that must be computed for those wanted, each after what it reads. Raises FileError at a cycle or a missing node.

        given: names whose values are known. with_control: what a node is ordered after is computed as well.
        """
        state: dict[str, bool] = dict.fromkeys(given, True)  # False: begun, True: done
        stack = [(name, False) for name in reversed(list(wanted))]
        while stack:
            name, is_ready = stack.pop()
            if is_ready:
                state[name] = True
                yield self.by_name[name]
            elif name not in state:
                state[name] = False
                stack.append((name, True))
                stack += [(r.node, False) for r in reversed(self._sources(name)) if with_control or not r.is_control]
            elif not state[name]:
                raise FileError(f"node {name!r} depends on its own output; the graph is damaged")

    def _sources(self, name: str) -> list[Reference]:
        if name not in self.by_name:
            raise FileError(f"there is no node {name!r}, which others read; the graph is damaged")
        return self.inputs(self.by_name[name])


@dataclass
class FunctionBody:
    """A function of the library: names of its arguments and results, and its nodes."""

    name: str
    arguments: list[str]
    results: list[str]
    nodes: Nodes


class Library:
    """The functions of a graph by name, read when they are first called."""

    def __init__(self, graph: Message):
        functions = graph.library.function if graph.library else []
        self._stored = {SCHEMA.read("FunctionName", data).signature.name: data for data in functions}
        self._read: dict[str, FunctionBody] = {}

    def __getitem__(self, name: str) -> FunctionBody:
        if name not in self._read:
            if name not in self._stored:
                raise FileError(f"the function {name!r} is called but not in the file; it is damaged")
            self._read[name] = _body(SCHEMA.read("FunctionDef", self._stored[name]))
        return self._read[name]

    def effects(self, nodes: Nodes) -> list[str]:
        """Names of the nodes that do something besides giving outputs, or call functions that do."""
        return [name for name, node in nodes.by_name.items() if self._has_effects(node)]

    def _has_effects(self, node: Message) -> bool:
        known = operation(node.op)
        called = [attribute.func.name for attribute in node.attr.values() if attribute.func]
        return bool(known and known.has_effects) or any(self.effects(self[name].nodes) for name in called if name in self._stored)


def _body(function: Message) -> FunctionBody:
    signature = function.signature
    arguments = [argument.name for argument in signature.input_arg]
    results = [function.ret.get(result.name, result.name) for result in signature.output_arg]
    return FunctionBody(signature.name, arguments, results, Nodes(function.node_def))
