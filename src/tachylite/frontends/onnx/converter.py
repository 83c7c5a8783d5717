"""Computing nodes one after the other, on tensors of a graph that is being built."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tachylite.frontends.builder import FixedShapeError, FrontendBuilder
from tachylite.frontends.custom import ADVICE, pass_on
from tachylite.frontends.erf import Origin
from tachylite.frontends.options import Options
from tachylite.model.errors import FileError, OpError, UnsupportedError
from tachylite.model.graph import Tensor

from .functions import Function, Functions
from .node import Node, Operation, Unsupported, operation
from .tensors import array_of
from .values import UNKNOWN, Unknown, Value

Values = dict[str, Value]


@dataclass
class Converter:
    """Builds one graph; goes on after a node that it cannot convert, so that all of them are found.

    folder: where external data lies. versions: of the operator sets, by domain.
    """

    build: FrontendBuilder
    functions: Functions
    versions: Mapping[str, int]
    folder: Path | None = None
    options: Options = field(default_factory=Options)
    problems: list[str] = field(default_factory=list)
    origins: dict[Tensor, Origin] = field(default_factory=dict)

    def within(self, build: FrontendBuilder) -> "Converter":
        """A converter for a graph that an operator of this one calls."""
        return replace(self, build=build, origins={})

    def run(self, graph: Any, given: Mapping[str, Value]) -> list[Value]:
        """The values of a GraphProto's outputs. given: those of its inputs, and of names of the graphs around it. Raises FileError."""
        values: Values = {t.name: self.build.constant(array_of(t, self.folder), t.name) for t in graph.initializer}
        values.update(given)
        if graph.sparse_initializer:
            raise FileError("holds sparse constants; convert the model with dense ones")
        return self._run(graph.node, values, [x.name for x in graph.output])

    def call(self, function: Function, attributes: Mapping[str, Any], inputs: Sequence[Value], is_read: Sequence[bool]) -> list[Value]:
        """The results of a function that are read, built in place, UNKNOWN for others; parameters that the caller leaves out are None."""
        names = list(function.inputs)
        values: Values = dict(zip(names, [*inputs, *[None] * (len(names) - len(inputs))], strict=True))
        inner = replace(self, versions={**self.versions, **function.versions})
        wanted = [name for name, is_wanted in zip(function.outputs, is_read, strict=False) if is_wanted]
        found = dict(zip(wanted, inner._run(function.bound(attributes), values, wanted), strict=True))
        return [found.get(name, UNKNOWN) for name in function.outputs[: len(is_read)]]

    def _run(self, nodes: Sequence[Any], values: Values, wanted: Sequence[str]) -> list[Value]:
        for node, is_read in _needed(nodes, wanted):
            inputs = [_value(values, name) if name else None for name in node.input]
            results = self._compute(node, inputs, is_read, values)
            values.update((name, value) for name, value in zip(node.output, results, strict=False) if name)
            values.update((name, UNKNOWN) for name in node.output[len(results) :] if name)
        return [_value(values, name) for name in wanted]

    def _compute(self, message: Any, inputs: list[Value], is_read: Sequence[bool], values: Values) -> list[Value]:
        """The values of a node's outputs."""
        if any(isinstance(value, Unknown) for value in inputs):
            return [UNKNOWN] * len(message.output)
        name = message.name or next((name for name in message.output if name), message.op_type)
        version = self.versions.get(message.domain or "", self.versions.get("", 1))
        attributes = self.functions.attributes(message)
        node = Node(self, name, message.op_type, version, attributes, is_read)
        known = operation(message.op_type, message.domain)
        if known is None:
            return self._call_function(message, node, inputs)
        return self._call(replace(node, values=values), known, inputs)

    def _call_function(self, message: Any, node: Node, inputs: list[Value]) -> list[Value]:
        """An operator without an entry is what its own definition says, in the model or in ONNX."""
        function = self.functions.find(message, node.version, inputs)
        if function is None and self.options.passes_on(node.op):
            return self._call(node, Operation(_custom), inputs)
        if function is None:
            domain = f"{message.domain}." if message.domain else ""
            self.problems.append(
                f"{node.name!r} ({domain}{node.op}): there are no operators of TFLite for it; write it with other operators"
            )
            return [UNKNOWN] * len(message.output)
        with self.build.scope(node.name):
            return self.call(function, node.attributes, inputs, node.is_read)

    def _call(self, node: Node, known: Operation, inputs: list[Any]) -> list[Value]:
        """Call a node's function; what is wrong with it is told with the node's name."""
        try:
            if not known.is_scoped:
                return _as_list(known.function(node, *inputs))
            with self.build.scope(node.name) as path:
                results = _as_list(known.function(node, *inputs))
        except (Unsupported, UnsupportedError, OpError) as problem:
            self.problems.append(f"{node.name!r} ({node.op}): {problem}")
            return [UNKNOWN] * len(node.is_read)
        except (FileError, FixedShapeError) as problem:
            text = str(problem)
            raise type(problem)(text if text.startswith("node ") else f"node {node.name!r} ({node.op}): {text}") from problem
        except (TypeError, KeyError, IndexError, AttributeError, ValueError) as problem:
            what = f"{type(problem).__name__}: {problem}"
            raise FileError(f"node {node.name!r} ({node.op}) does not fit its attributes or inputs ({what})") from problem
        return [self._settle(value, node, inputs, path, known, is_only=len(results) == 1) for value in results]

    def _settle(self, value: Any, node: Node, inputs: list[Any], path: str, known: Operation, is_only: bool) -> Value:
        """A result, as a constant where it is certain before the run; the only one has the node's name."""
        if not isinstance(value, Tensor) or value.is_constant:
            return value
        certain = self.build.value(value) if known.is_settled else None
        if certain is not None:
            return self.build.constant(certain, node.name, value.quantization)
        if is_only and value.name.startswith(f"{path}/"):
            value.name = path
            self.origins[value] = Origin(node, inputs)
        return value


def _needed(nodes: Sequence[Any], wanted: Iterable[str]) -> list[tuple[Any, list[bool]]]:
    """The nodes that the wanted values need, in their order, and which of the outputs of each anything reads."""
    read, found = set(wanted), []
    for node in reversed(nodes):
        is_read = [name in read for name in node.output]
        if any(is_read):
            read.update(names_read(node))
            found.append((node, is_read))
    return found[::-1]


def _custom(node: Node, *inputs: Value) -> list[Tensor]:
    """The node as a custom operator."""
    plain = {name: value for name, value in node.attributes.items() if isinstance(value, int | float | str | list)}
    results = pass_on(node.build, node.op, inputs, plain, None)
    if results is None:
        raise Unsupported(ADVICE)
    return results


def names_read(node: Any) -> set[str]:
    """The names that a node reads, and those of the graphs around it that its own graphs read."""
    names = {name for name in node.input if name}
    for attribute in node.attribute:
        for graph in [*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs]:
            names |= names_captured(graph)
    return names


def names_captured(graph: Any) -> set[str]:
    """What a graph reads that it does not define."""
    own = {x.name for x in graph.input} | {t.name for t in graph.initializer}
    captured: set[str] = set()
    for node in graph.node:
        captured |= names_read(node) - own
        own.update(node.output)
    return captured | {x.name for x in graph.output} - own


def _as_list(results: Any) -> list[Any]:
    return list(results) if isinstance(results, tuple | list) else [results]


def _value(values: Mapping[str, Value], name: str) -> Value:
    """The value of this name. Raises FileError where nothing gives it."""
    if name not in values:
        raise FileError(f"no node gives {name!r}, which others read; the graph is damaged, or its nodes are not in order")
    return values[name]
