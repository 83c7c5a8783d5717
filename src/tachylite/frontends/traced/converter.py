"""Computing the nodes of a body one after the other, on tensors of a graph that is being built."""

import inspect
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

from tachylite.frontends.builder import FixedShapeError, FrontendBuilder
from tachylite.model.errors import FileError, OpError, TachyliteError, UnsupportedError
from tachylite.model.graph import Tensor

from .program import Body, Node, Ref, Value
from .registry import Operation, Operations
from .values import UNKNOWN, Broadcast, Unknown


class Unsupported(TachyliteError):  # noqa: N818 -- it never leaves the frontend, which collects them
    """A node that cannot be converted: why, and what to do instead."""


@dataclass
class Call:
    """What an operator's function works with: the node, its values in the scope around it, and the graph that is being built."""

    converter: "Converter"
    node: Node
    values: Mapping[str, Any]

    @property
    def build(self) -> FrontendBuilder:
        return self.converter.build

    @property
    def output(self) -> Value:
        """What the source says about the first output."""
        return self.node.outputs[0]

    def reads(self, position: int) -> bool:
        """Whether anything may read this output."""
        return len(self.node.outputs) > position

    def refuse(self, found: str, remedy: str) -> Unsupported:
        """An exception to raise: what of the node cannot be converted, and what to do instead."""
        return Unsupported(f"{found}; {remedy}")

    def known(self, x: Tensor, what: str) -> Any:
        """The array that an operand is, where the result's form depends on it. Raises Unsupported where the run decides it."""
        value = self.build.value(x)
        if value is None:
            raise self.refuse(f"its {what} are computed when the model runs", "make them constant, or fix unknown sizes with input_shapes=")
        return value


@dataclass
class Converter:
    """Builds one graph; goes on after a node that it cannot convert, so that all of them are found."""

    build: FrontendBuilder
    operations: Operations
    functions: Mapping[str, Body] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def within(self, build: FrontendBuilder) -> "Converter":
        """A converter for a graph that an operator of this one calls."""
        return replace(self, build=build)

    def call(self, name: str, arguments: Sequence[Any]) -> list[Any]:
        """The results of a function of the program, built in place. Raises FileError."""
        if name not in self.functions:
            raise FileError(f"the function {name!r} is called but not in the program; the file is damaged")
        return self.run(self.functions[name], arguments)

    def run(self, body: Body, arguments: Sequence[Any], outside: Mapping[str, Any] | None = None) -> list[Any]:
        """The results of a body. outside: values that it may read without being given them."""
        values = dict(outside or {})
        values.update(zip((value.name for value in body.arguments), arguments, strict=True))
        for node in body.nodes:
            values.update(zip((value.name for value in node.outputs), self._compute(node, values), strict=False))
        return [resolved(x, values) for x in body.results]

    def _compute(self, node: Node, values: Mapping[str, Any]) -> list[Any]:
        """The values of a node's outputs, and of such that nobody reads."""
        inputs = [resolved(x, values) for x in node.inputs]
        known = self.operations.find(node.op)
        if known is None:
            self._note(node, "there are no operators of TFLite for it; write it with other operations")
        if known is None or any(_is_unknown(x) for x in inputs):
            return [UNKNOWN] * len(node.outputs)
        try:
            result = self._called(known, Call(self, node, values), inputs)
        except (Unsupported, UnsupportedError, OpError) as problem:
            self._note(node, str(problem))
            return [UNKNOWN] * len(node.outputs)
        results = list(result) if isinstance(result, list | tuple) else [result] if node.outputs else []
        if len(results) < len(node.outputs):
            self._note(node, f"its output number {len(results)} has no counterpart; use the others alone")
        return [*results, *[UNKNOWN] * (len(node.outputs) - len(results))]

    def _note(self, node: Node, problem: str) -> None:
        place = ", ".join(part for part in (node.op, node.source) if part)
        self.problems.append(f"{node.name!r} ({place}): {problem}")

    def _called(self, known: Operation, call: Call, inputs: Sequence[Any]) -> Any:
        """What an operator's function gives; what is wrong with it is told with the node's name."""
        node = call.node
        _check_arguments(known, call, inputs)
        try:
            with self.build.scope(node.name) if node.name else nullcontext("") as path:
                return self._settled(known.function(call, *inputs, **node.attributes), path)
        except (FileError, FixedShapeError) as problem:
            text = str(problem)
            raise type(problem)(text if text.startswith("node ") else f"node {node.name!r} ({node.op}): {text}") from problem
        except (TypeError, KeyError, IndexError, AttributeError, AssertionError) as problem:
            what = f"{type(problem).__name__}: {problem}"
            raise FileError(f"node {node.name!r} ({node.op}) does not fit its attributes or inputs ({what})") from problem

    def _settled(self, value: Any, path: str, is_only: bool = True) -> Any:
        """A result, as a constant where it is certain before the run; the only one has the node's name."""
        if isinstance(value, list | tuple):
            return [self._settled(part, path, is_only=len(value) == 1) for part in value]
        if isinstance(value, Broadcast):
            return replace(value, small=self._settled(value.small, path, is_only=False))
        if not isinstance(value, Tensor) or value.is_constant:
            return value
        certain = self.build.value(value)
        if certain is not None:
            return self.build.constant(certain)
        if is_only and value.name.startswith(f"{path}/"):
            value.name = path
        return value


def resolved(operand: Any, values: Mapping[str, Any]) -> Any:
    """An operand with values in the place of references. Raises FileError."""
    if isinstance(operand, list | tuple):
        return [resolved(part, values) for part in operand]
    if not isinstance(operand, Ref):
        return operand
    if operand.name not in values:
        raise FileError(f"nothing gives the value {operand.name!r}, which a node reads; the program is damaged")
    return values[operand.name]


def _is_unknown(value: Any) -> bool:
    return any(map(_is_unknown, value)) if isinstance(value, list) else isinstance(value, Unknown)


def _check_arguments(known: Operation, call: Call, inputs: Sequence[Any]) -> None:
    """Raises Unsupported where the function does not know an attribute or an input that the node has."""
    try:
        inspect.signature(known.function).bind(call, *inputs, **call.node.attributes)
    except TypeError as problem:
        raise call.refuse(f"it is called in a form that is not known ({problem})", "call it with fewer of its options") from problem
