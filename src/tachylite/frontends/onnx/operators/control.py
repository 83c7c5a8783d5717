"""Control flow: If, Loop and Scan, whose bodies become graphs of their own."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tachylite.frontends.builder import FrontendBuilder, dims
from tachylite.frontends.loops import while_loop
from tachylite.frontends.onnx.converter import names_captured
from tachylite.frontends.onnx.node import Node, as_list, op
from tachylite.frontends.onnx.values import UNKNOWN, Unknown, Value
from tachylite.frontends.shaping import ints, move_axis, shape_vector, size_of
from tachylite.frontends.types import cast, move
from tachylite.model.graph import Tensor


class Captured:
    """What a node's graphs read of the graphs around them: certain values, and those that must be passed."""

    def __init__(self, node: Node, *graphs: Any):
        names = sorted(set().union(*map(names_captured, graphs)))
        self.node = node
        self.values: dict[str, Value] = {name: node.values[name] for name in names if name in node.values}
        self.passed = [name for name, value in self.values.items() if isinstance(value, Tensor) and node.build.value(value) is None]

    @property
    def tensors(self) -> list[Tensor]:
        return [value for name in self.passed if isinstance(value := self.values[name], Tensor)]

    def within(self, build: FrontendBuilder, arguments: Sequence[Tensor]) -> dict[str, Value]:
        """The values by name in another graph, whose arguments stand for those that are passed."""
        found = {name: self._copied(build, value) for name, value in self.values.items() if name not in self.passed}
        return {**found, **dict(zip(self.passed, arguments, strict=True))}

    def _copied(self, build: FrontendBuilder, value: Value) -> Value:
        if isinstance(value, Tensor):
            return build.constant(self.node.build.value(value), value.name, value.quantization)
        return [self._copied(build, v) for v in value] if isinstance(value, list) else value


@op("If")
def if_(self: Node, condition: Tensor) -> list[Value]:
    """A condition that is certain leaves one branch, which is built in place."""
    graphs = [self.need("then_branch"), self.need("else_branch")]
    certain = self.build.value(condition)
    if certain is not None:
        return self.converter.run(graphs[0 if certain.item() else 1], self.values)
    captured = Captured(self, *graphs)
    branches = [_branch(self, graph, captured) for graph in graphs]
    if None in branches:
        return [UNKNOWN] * len(self.is_read)
    scalar = self.build.RESHAPE(condition, ints()) if condition.shape else condition
    return list(as_list(self.build.IF(scalar, *captured.tensors, subgraphs=branches)))


def _branch(self: Node, graph: Any, captured: Captured) -> Any:
    """The graph of a branch; None where a node of it cannot be converted."""
    build = self.build.body(graph.name or "branch")
    arguments = [build.argument(name, self.build, x) for name, x in zip(captured.passed, captured.tensors, strict=True)]
    results = self.converter.within(build).run(graph, captured.within(build, arguments))
    if any(isinstance(x, Unknown) for x in results):
        return None
    return build.outputs(*tensors(self, results))


def tensors(self: Node, values: Sequence[Value]) -> list[Tensor]:
    """Raises Unsupported where one is a sequence or an empty optional."""
    found = [x for x in values if isinstance(x, Tensor)]
    if len(found) != len(values):
        raise self.refuse("a sequence or an optional is handed on by its body", "hand on tensors")
    return found


# Loops.


@dataclass
class Rolled:
    """A body that runs again and again, as one WHILE.

    Its variables: the step, whether to go on, the number of steps, the states that the body hands on, what it collects, what its graph
    reads of the graphs around it, and sequences of which it is given one element at each step.

    arguments: the body's inputs from (build, step, condition, states, sequences); steps: int32, None without a limit.
    has_condition: the body's first output tells whether to go on.
    """

    node: Node
    graph: Any
    states: list[Tensor]
    steps: Tensor | None
    arguments: Callable[..., list[Tensor]]
    sequences: list[Tensor] = field(default_factory=list)
    condition: Tensor | None = None
    has_condition: bool = False

    def run(self) -> list[Value]:
        """The states after the last step, and what was collected, [steps, ...]."""
        build = self.node.build
        self.captured = Captured(self.node, self.graph)
        self.condition = build.constant(np.array(True)) if self.condition is None else build.RESHAPE(self.condition, ints())
        trial = build.body("trial")
        example = self._body(trial, *self._inside(trial, build.constant(np.array(0, np.int32)), self.condition))
        if example is None:
            return [UNKNOWN] * len(self.node.is_read)
        goes_on, _, collected = example
        self.is_conditional = self.has_condition and not self._always(trial, goes_on)
        limit = self.steps if self.steps is not None else build.constant(np.array(2**31 - 1, np.int32))
        room = [self._room(trial, x) for x in collected]
        variables = [build.constant(np.array(0, np.int32), "step"), self.condition, limit, *self.states, *room]
        step, _, _, *results = while_loop(build, self._is_within, self._step, [*variables, *self.captured.tensors, *self.sequences])
        count = len(self.states)
        return [*results[:count], *(self._cut(x, step) for x in results[count : count + len(room)])]

    def _is_within(self, build: FrontendBuilder, step: Tensor, condition: Tensor, limit: Tensor, *rest: Tensor) -> Tensor:
        more: Tensor = build.LESS(step, limit)
        return build.LOGICAL_AND(more, condition) if self.is_conditional else more

    def _step(self, build: FrontendBuilder, step: Tensor, condition: Tensor, limit: Tensor, *rest: Tensor) -> list[Tensor]:
        result = self._body(build, step, condition, *self._parts(rest))
        assert result is not None
        goes_on, states, collected = result
        room, fixed = rest[len(states) : len(states) + len(collected)], rest[len(states) + len(collected) :]
        written = [_written(build, x, step, y) for x, y in zip(room, collected, strict=True)]
        after = goes_on if self.is_conditional else condition
        return [build.ADD(step, np.array(1, np.int32)), after, limit, *states, *written, *fixed]

    def _parts(self, rest: Sequence[Tensor]) -> tuple[Sequence[Tensor], Sequence[Tensor], Sequence[Tensor]]:
        """Variables as states, what is captured, and sequences."""
        end = len(rest) - len(self.sequences)
        return rest[: len(self.states)], rest[end - len(self.captured.passed) : end], rest[end:]

    def _inside(self, build: FrontendBuilder, *values: Tensor) -> list[Any]:
        """Arguments of a graph for all that the body reads."""
        outer = self.node.build

        def arguments(tensors: Sequence[Tensor], name: str) -> list[Tensor]:
            return [build.argument(f"{name}_{i}", outer, x) for i, x in enumerate(tensors)]

        inputs = arguments(values, "value")
        return [
            *inputs,
            arguments(self.states, "state"),
            arguments(self.captured.tensors, "captured"),
            arguments(self.sequences, "sequence"),
        ]

    def _body(
        self,
        build: FrontendBuilder,
        step: Tensor,
        condition: Tensor,
        states: Sequence[Tensor],
        captured: Sequence[Tensor],
        sequences: Sequence[Tensor],
    ) -> tuple[Tensor, list[Tensor], list[Tensor]] | None:
        """Whether to go on, the next states, and what is collected; None where a node of the body cannot be converted."""
        names = [x.name for x in self.graph.input]
        inputs = self.arguments(build, step, condition, states, sequences)
        given = {**self.captured.within(build, captured), **dict(zip(names, inputs, strict=True))}
        values = self.node.converter.within(build).run(self.graph, given)
        if any(isinstance(x, Unknown) for x in values):
            return None
        found = tensors(self.node, values)
        goes_on = (
            build.RESHAPE(found[0], ints()) if self.has_condition and found[0].shape else found[0] if self.has_condition else condition
        )
        rest = found[1:] if self.has_condition else found
        return goes_on, rest[: len(self.states)], rest[len(self.states) :]

    def _always(self, trial: FrontendBuilder, goes_on: Tensor) -> bool:
        """Whether the loop never ends before its last step."""
        assert self.condition is not None
        if self.steps is None:
            return False
        first, later = self.node.build.value(self.condition), trial.value(goes_on)
        is_handed_on = goes_on is trial.graph.inputs[1]
        return first is not None and bool(first) and (is_handed_on or (later is not None and bool(later)))

    def _room(self, trial: FrontendBuilder, example: Tensor) -> Tensor:
        """Zeros for what is collected of tensors like this one. Raises Unsupported where nothing tells how many."""
        build = self.node.build
        if self.steps is None:
            raise self.node.refuse("it collects values and has no trip count", "give it one that it cannot reach")
        limit = build.value(self.steps)
        sizes = [self._size(trial, example, axis) for axis in range(len(example.shape))]
        shape = shape_vector(build, [int(limit) if limit is not None else self.steps, *sizes])
        zeros: Tensor = build.FILL(shape, np.zeros((), example.dtype))
        value = build.value(zeros)
        return zeros if value is None else build.constant(value, "collected")

    def _size(self, trial: FrontendBuilder, example: Tensor, axis: int) -> int | Tensor:
        """The size of an axis of what is collected; an unknown one is that of a variable that changes with it."""
        wanted = example.shape[axis], trial.resized_shape(example)[axis]
        if wanted[0] == wanted[1]:
            return wanted[0]
        build = self.node.build
        for value in [*self.states, *self.sequences, *self.captured.tensors]:
            sizes = list(zip(value.shape, build.resized_shape(value), strict=True))
            if wanted in sizes:
                return size_of(build, value, sizes.index(wanted))
        raise self.node.refuse("what it collects has a size that no variable of the loop tells", "fix it with input_shapes=")

    def _cut(self, x: Tensor, step: Tensor) -> Tensor:
        """As many as there were steps."""
        if not self.is_conditional:
            return x
        build, rank = self.node.build, len(x.shape)
        sizes = build.CONCATENATION(build.RESHAPE(step, ints(1)), ints(*[-1] * (rank - 1)), axis=0)
        out = build.open_tensor(f"{self.node.name}/collected", (None, *dims(x)[1:]), x.dtype, x.shape[0])
        result: Tensor = build.SLICE(x, ints(*[0] * rank), sizes, out=out)
        return result


def _written(build: FrontendBuilder, x: Tensor, step: Tensor, y: Tensor) -> Tensor:
    """x with y as its element number `step`."""
    place = build.PACK(step, *[np.array(0, np.int32)] * len(y.shape), values_count=len(x.shape), axis=0)
    result: Tensor = build.DYNAMIC_UPDATE_SLICE(x, build.EXPAND_DIMS(y, np.array(0, np.int32)), place)
    return result


@op("Loop")
def loop(self: Node, count: Tensor | None = None, condition: Tensor | None = None, *states: Tensor) -> list[Value]:
    """The body: step, condition and states to condition, states and what is collected."""

    def arguments(build: FrontendBuilder, step: Tensor, condition: Tensor, states: Sequence[Tensor], _: Any) -> list[Tensor]:
        return [cast(build, step, np.int64), condition, *states]

    steps = None if count is None else cast(self.build, self.build.RESHAPE(count, ints()), np.int32)
    body = self.need("body")
    return Rolled(self, body, tensors(self, states), steps, arguments, condition=condition, has_condition=True).run()


@op("Scan")
def scan(self: Node, *operands: Tensor) -> list[Value]:
    """The body: states and one element of each sequence to states and what is collected."""
    if self.version < 9:
        raise self.refuse("before operator set 9 it works on each member of a batch", "export the model in operator set 9 or later")
    build, count = self.build, self.need("num_scan_inputs")
    states, sequences = list(operands[: len(operands) - count]), list(operands[len(operands) - count :])
    axes = self.get("scan_input_axes") or [0] * count
    backwards = self.get("scan_input_directions") or [0] * count
    axes = [a % len(x.shape) for a, x in zip(axes, sequences, strict=True)]
    steps = size_of(build, sequences[0], axes[0])
    flipped = [build.REVERSE_V2(x, ints(a)) if is_back else x for x, a, is_back in zip(sequences, axes, backwards, strict=True)]

    def arguments(build: FrontendBuilder, step: Tensor, _: Tensor, states: Sequence[Tensor], sequences: Sequence[Tensor]) -> list[Tensor]:
        return [*states, *(move(build, "GATHER", [x], step, axis=a) for x, a in zip(sequences, axes, strict=True))]

    limit = steps if isinstance(steps, Tensor) else build.constant(np.array(steps, np.int32))
    results = Rolled(self, self.need("body"), states, limit, arguments, flipped).run()
    return [*results[: len(states)], *(_arranged(self, x, i) for i, x in enumerate(results[len(states) :]))]


def _arranged(self: Node, x: Value, number: int) -> Value:
    """What was collected, in the order and along the axis that the node asks for."""
    if not isinstance(x, Tensor):
        return x
    axis = (self.get("scan_output_axes") or [0] * (number + 1))[number]
    if (self.get("scan_output_directions") or [0] * (number + 1))[number]:
        return move_axis(self.build, self.build.REVERSE_V2(x, ints(0)), 0, axis)
    return move_axis(self.build, x, 0, axis)
