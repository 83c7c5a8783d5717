"""Nodes by name: those of a graph, and those of the functions that come with it."""

from collections.abc import Hashable, Iterable, Iterator, Mapping
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


#: Operators that give a variable.
HANDLES = ("VarHandleOp", "VariableV2", "Variable")


def key_of(node: Message) -> str:
    """The name that all handles of a variable share."""
    shared = node.attr.get("shared_name")
    return str(shared.s, "utf-8") if shared is not None and len(shared.s) else str(node.name)


@dataclass
class FunctionBody:
    """A function of the library: names of its arguments and results, and its nodes.

    is_frame: its nodes are those of the graph itself, of which it computes what its results need.
    """

    name: str
    arguments: list[str]
    results: list[str]
    nodes: Nodes
    is_frame: bool = False


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

    def add(self, body: FunctionBody) -> None:
        """Add a function that the file does not hold as one."""
        self._read[body.name] = body

    def effects(self, body: FunctionBody) -> list[str]:
        """Names of the nodes that do something besides giving outputs, or call functions that do."""
        return [] if body.is_frame else [name for name, node in body.nodes.by_name.items() if self._has_effects(node)]

    def _has_effects(self, node: Message) -> bool:
        known = operation(node.op)
        called = [attribute.func.name for attribute in node.attr.values() if attribute.func]
        return bool(known and known.has_effects) or any(self.effects(self[name]) for name in called)


def _body(function: Message) -> FunctionBody:
    signature = function.signature
    arguments = [argument.name for argument in signature.input_arg]
    results = [function.ret.get(result.name, result.name) for result in signature.output_arg]
    return FunctionBody(signature.name, arguments, results, Nodes(function.node_def))


#: Operators that call a function and hand on what it gives.
CALLS = ("PartitionedCall", "StatefulPartitionedCall")


def meaning(nodes: Nodes, library: Library, text: str, given: Mapping[str, Hashable]) -> Hashable:
    """Equal for references to what the same node of the same function computes from the same inputs, however often calls are nested.

    given: what nodes or arguments stand for.
    """
    reference = Reference.of(text)
    node = nodes.by_name.get(reference.node)
    if reference.node in given or node is None:
        return given.get(reference.node)
    if node.op == "Identity":
        return meaning(nodes, library, node.input[0], given)
    if node.op in CALLS:
        body = library[node.attr["f"].func.name]
        values = [meaning(nodes, library, text, given) for text in node.input if not text.startswith("^")]
        inner = dict(zip(body.arguments, values, strict=False))
        return meaning(body.nodes, library, body.results[reference.position(node.op)], inner)
    if node.op in HANDLES:
        return "variable", key_of(node)
    return id(nodes), node.name, reference.index, tuple(sorted(given.items(), key=lambda item: item[0]))
