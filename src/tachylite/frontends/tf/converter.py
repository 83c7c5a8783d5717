"""Computing nodes one after the other, on tensors of a graph that is being built."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tachylite.frontends.builder import FixedShapeError, FrontendBuilder
from tachylite.frontends.custom import ADVICE, pass_on
from tachylite.frontends.erf import Origin
from tachylite.frontends.options import Options
from tachylite.frontends.protobuf import Message
from tachylite.model.errors import FileError, OpError
from tachylite.model.graph import Tensor

from .library import Library, Nodes, Reference
from .node import Node, Operation, Unsupported, operation
from .values import UNKNOWN, Unknown
from .variables import Variables

Values = dict[str, list[Any]]


@dataclass
class Converter:
    """Builds one graph; goes on after a node that it cannot convert, so that all of them are found."""

    build: FrontendBuilder
    library: Library
    variables: Variables
    options: Options = field(default_factory=Options)
    problems: list[str] = field(default_factory=list)
    origins: dict[Tensor, Origin] = field(default_factory=dict)

    def within(self, build: FrontendBuilder) -> "Converter":
        """A converter for a graph that an operator of this one calls."""
        return replace(self, build=build, origins={})

    def call(self, name: str, arguments: Sequence[Any]) -> list[Any]:
        """The results of a function of the library, built in place. Raises FileError."""
        body = self.library[name]
        if len(body.arguments) != len(arguments):
            raise FileError(f"calls {name!r} with {len(arguments)} arguments, it takes {len(body.arguments)}; the graph is damaged")
        given = {argument: [value] for argument, value in zip(body.arguments, arguments, strict=True)}
        return self.run(body.nodes, given, body.results, self.library.effects(body))

    def run(self, nodes: Nodes, given: Values, wanted: Sequence[str], effects: Sequence[str] = ()) -> list[Any]:
        """The values of references. given: those of nodes or arguments that are not computed; effects: nodes to compute in any case."""
        references = [Reference.of(text) for text in wanted]
        values = dict(given)
        for node in nodes.ordered([*(r.node for r in references), *effects], given, with_control=bool(effects)):
            inputs = [_value(values, nodes, r) for r in nodes.inputs(node) if not r.is_control]
            values[node.name] = self._compute(node, inputs)
        return [_value(values, nodes, r) for r in references]

    def _compute(self, message: Message, inputs: list[Any]) -> list[Any]:
        """The values of a node's outputs."""
        known = operation(message.op)
        node = Node(self, message.name, message.op, message.attr)
        if known is None and self.options.passes_on(node.op):
            known = Operation(_custom)
        if known is None:
            self.problems.append(f"{node.name!r} ({node.op}): there are no operators of TFLite for it; write it with other operations")
        if known is None or any(isinstance(value, Unknown) for value in inputs):
            return [UNKNOWN]
        return self._call(node, known, inputs)

    def _call(self, node: Node, known: Operation, inputs: list[Any]) -> list[Any]:
        """Call a node's function; what is wrong with it is told with the node's name."""
        try:
            if not known.is_scoped:
                return _as_list(known.function(node, *inputs))
            with self.build.scope(node.name) as path:
                results = _as_list(known.function(node, *inputs))
        except (Unsupported, OpError) as problem:
            self.problems.append(f"{node.name!r} ({node.op}): {problem}")
            return [UNKNOWN]
        except (FileError, FixedShapeError) as problem:
            text = str(problem)
            raise type(problem)(text if text.startswith("node ") else f"node {node.name!r} ({node.op}): {text}") from problem
        except (TypeError, KeyError, IndexError, AttributeError, ValueError) as problem:
            what = f"{type(problem).__name__}: {problem}"
            raise FileError(f"node {node.name!r} ({node.op}) does not fit its attributes or inputs ({what})") from problem
        return [self._settle(value, node, inputs, path, is_only=len(results) == 1) for value in results]

    def _settle(self, value: Any, node: Node, inputs: list[Any], path: str, is_only: bool) -> Any:
        """A result, as a constant where it is certain before the run; the only one has the node's name."""
        if not isinstance(value, Tensor) or value.is_constant:
            return value
        certain = self.build.value(value)
        if certain is not None:
            return self.build.constant(certain, node.name)
        if is_only and value.name.startswith(f"{path}/"):
            value.name = path
            self.origins[value] = Origin(node, inputs)
        return value


def _custom(node: Node, *inputs: Any) -> list[Tensor]:
    """The node as a custom operator."""
    strangers = [value for value in inputs if not isinstance(value, Tensor)]
    if strangers:
        raise node.refuse("it reads a resource, list or table", "custom operators take tensors alone")
    results = pass_on(node.build, node.op, inputs, node.plain_attributes(), node.declared_outputs())
    if results is None:
        raise Unsupported(ADVICE)
    return results


def _as_list(results: Any) -> list[Any]:
    if results is None:
        return []
    return list(results) if isinstance(results, list | tuple) else [results]


def _value(values: Mapping[str, list[Any]], nodes: Nodes, reference: Reference) -> Any:
    """The value that a reference means. Raises FileError where the node has no such output."""
    found = values.get(reference.node)
    if found is None:
        raise FileError(f"there is no node {reference.node!r}, which others read; the graph is damaged")
    if len(found) == 1 and isinstance(found[0], Unknown):
        return UNKNOWN
    message = nodes.by_name.get(reference.node)
    position = reference.position(message.op) if message else 0
    if position >= len(found):
        raise FileError(f"node {reference.node!r} has {len(found)} outputs, another reads number {position}; the graph is damaged")
    return found[position]
