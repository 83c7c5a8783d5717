"""Loops and branches: bodies of a node as graphs of their own, which are given what they read from outside."""

from collections.abc import Sequence
from typing import Any

from tachylite.frontends.builder import FrontendBuilder
from tachylite.model.graph import Tensor

from .converter import Call
from .program import Body, captured
from .values import UNKNOWN, Unknown, as_tensor


def loop(self: Call, condition: Body, body: Body, values: Sequence[Tensor]) -> list[Any]:
    """The values after a WHILE. What the body hands on as it was and is certain, and constants from outside, are known within it."""
    build = self.build
    outside = _outside(self, [condition, body])
    passed = {name: x for name, x in outside.items() if _is_moving(build, x)}
    fixed = [argument.name == getattr(result, "name", "") for argument, result in zip(body.arguments, body.results, strict=True)]
    moving = [i for i, x in enumerate(values) if not fixed[i] or _is_moving(build, x)]
    inner = build.body("condition"), build.body("body")
    variables = [*(values[i] for i in moving), *passed.values()]
    results = []
    for graph, part in zip(inner, (condition, body), strict=True):
        given = [graph.argument(f"argument_{i}", build, x) for i, x in enumerate(variables)]
        known = {name: _copied(build, graph, x) for name, x in outside.items()} | dict(zip(passed, given[len(moving) :], strict=True))
        arguments = [_copied(build, graph, x) for x in values]
        for position, tensor in zip(moving, given, strict=False):
            arguments[position] = tensor
        found = self.converter.within(graph).run(part, arguments, known)
        if any(isinstance(x, Unknown) for x in found):
            return [UNKNOWN] * len(values)
        found = [as_tensor(graph, x) for x in found]
        results.append(found if part is condition else [*(found[i] for i in moving), *given[len(moving) :]])
    for graph, found in zip(inner, results, strict=True):
        graph.outputs(*found)
    after = build.WHILE(*variables, subgraphs=[graph.graph for graph in inner])
    updated = dict(zip(moving, [after] if isinstance(after, Tensor) else after, strict=False))
    return [updated.get(i, x) for i, x in enumerate(values)]


def branches(self: Call, test: Tensor, bodies: Sequence[Body], arguments: Sequence[Any] = ()) -> list[Any]:
    """The results of the first body where `test` holds, else of the second, as one IF."""
    build = self.build
    outside = _outside(self, bodies) | {f"argument {i}": x for i, x in enumerate(arguments)}
    passed = {name: x for name, x in outside.items() if _is_moving(build, x)}
    graphs = []
    for number, body in enumerate(bodies):
        inner = build.body(f"branch_{number}")
        known = {name: _copied(build, inner, x) for name, x in outside.items()}
        known |= {name: inner.argument(f"argument_{i}", build, x) for i, (name, x) in enumerate(passed.items())}
        found = self.converter.within(inner).run(body, [known[f"argument {i}"] for i in range(len(arguments))], known)
        if any(isinstance(x, Unknown) for x in found):
            return [UNKNOWN] * len(found)
        graphs.append(inner.outputs(*(as_tensor(inner, x) for x in found)))
    results = build.IF(test, *passed.values(), subgraphs=graphs)
    return [results] if isinstance(results, Tensor) else list(results)


def _outside(self: Call, bodies: Sequence[Body]) -> dict[str, Any]:
    """The values that bodies read from outside, by name."""
    return {name: as_tensor(self.build, self.values[name]) for name in captured(bodies)}


def _is_moving(build: FrontendBuilder, x: Any) -> bool:
    return isinstance(x, Tensor) and build.value(x) is None


def _copied(outer: FrontendBuilder, inner: FrontendBuilder, x: Any) -> Any:
    """A constant of one graph in another; anything else as it is."""
    value = outer.value(x) if isinstance(x, Tensor) else None
    return x if value is None else inner.constant(value, x.name.rpartition("/")[2])
