"""Control flow: While and If, whose functions become graphs of their own."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tachylite.frontends.builder import FrontendBuilder
from tachylite.frontends.shaping import size_of
from tachylite.frontends.tf.library import FunctionBody, Reference
from tachylite.frontends.tf.node import Node, op
from tachylite.frontends.tf.operators.lists import zeros
from tachylite.frontends.tf.values import UNKNOWN, TensorList, Unknown
from tachylite.model.graph import Tensor


@op("If", "StatelessIf")
def if_(self: Node, condition: Tensor, *arguments: Any) -> list[Any]:
    """A condition that is certain leaves one branch, which is built in place."""
    certain = self.build.value(condition)
    names = self.function("then_branch"), self.function("else_branch")
    if certain is not None:
        return self.converter.call(names[0 if np.any(certain) else 1], arguments)
    if condition.dtype != np.bool_:
        condition = self.build.NOT_EQUAL(condition, np.array(0, condition.dtype))
    varying = [x for x in arguments if _is_passed(self.build, x)]
    branches = [_branch(self, name, arguments, varying) for name in names]
    if any(branch is None for branch in branches):
        return [UNKNOWN]
    return self.outputs_like(self.build.IF(condition, *varying, subgraphs=branches))


def _branch(self: Node, name: str, arguments: Sequence[Any], varying: Sequence[Tensor]) -> Any:
    """The graph of a function that gives tensors; None where a node of it cannot be converted."""
    build = self.build.body(name)
    passed = {x: build.argument(f"argument_{i}", self.build, x) for i, x in enumerate(varying)}
    values = [passed.get(x) or copied(self.build, build, x) if isinstance(x, Tensor) else x for x in arguments]
    results = self.converter.within(build).call(name, values)
    if any(isinstance(x, Unknown) for x in results):
        return None
    if not all(isinstance(x, Tensor) for x in results):
        raise self.refuse("a branch gives a list or a resource", "return tensors from both branches")
    return build.outputs(*results)


def _is_passed(build: FrontendBuilder, value: Any) -> bool:
    return isinstance(value, Tensor) and build.value(value) is None


def copied(outer: FrontendBuilder, inner: FrontendBuilder, x: Tensor) -> Tensor:
    """A constant of one graph in another."""
    return inner.constant(outer.value(x), x.name)


@op("While", "StatelessWhile")
def while_(self: Node, *values: Any) -> list[Any]:
    """Values that the body hands on as they are, and that are certain or no tensors, are known within it; the others are variables."""
    library = self.converter.library
    loop = Loop(self, library[self.function("cond")], library[self.function("body")], list(values))
    return loop.emit()


class Loop:
    """One WHILE."""

    def __init__(self, node: Node, condition: FunctionBody, body: FunctionBody, values: list[Any]):
        self.node = node
        self.condition = condition
        self.body = body
        self.values = values
        self.fixed = [_hands_on(body, i) for i in range(len(values))]

    @property
    def build(self) -> FrontendBuilder:
        return self.node.build

    def emit(self) -> list[Any]:
        """The values after the loop."""
        if any(isinstance(x, TensorList) and x.tensor is None for x in self.values) and not self._shape_lists():
            return [UNKNOWN]
        inner = [self.build.body("condition"), self.build.body("body")]
        test = self._run(inner[0], self.condition)
        after = self._run(inner[1], self.body)
        if any(isinstance(x, Unknown) for x in (*test, *after)):
            return [UNKNOWN]
        inner[0].outputs(*test)
        moving = [i for i in range(len(self.values)) if self._is_variable(i)]
        inner[1].outputs(*(_tensor(after[i]) for i in moving))
        variables = [_tensor(self.values[i]) for i in moving]
        results = self.node.outputs_like(self.build.WHILE(*variables, subgraphs=[build.graph for build in inner]))
        found = dict(zip(moving, results, strict=True))
        return [_like(x, found[i]) if i in found and not self.fixed[i] else x for i, x in enumerate(self.values)]

    def _is_variable(self, position: int) -> bool:
        value = self.values[position]
        if isinstance(value, TensorList):
            value = value.tensor
        return isinstance(value, Tensor) and not (self.fixed[position] and self.build.value(value) is not None)

    def _run(self, build: FrontendBuilder, function: FunctionBody) -> list[Any]:
        """The results of the condition or the body, in a graph of its own."""
        arguments = []
        for i, (name, value) in enumerate(zip(function.arguments, self.values, strict=True)):
            tensor = value.tensor if isinstance(value, TensorList) else value
            if not isinstance(tensor, Tensor):
                arguments.append(value)
            elif self._is_variable(i):
                arguments.append(_like(value, build.argument(name, self.build, tensor)))
            else:
                arguments.append(_like(value, copied(self.build, build, tensor)))
        return self.node.converter.within(build).call(function.name, arguments)

    def _shape_lists(self) -> bool:
        """Begin lists whose elements' shape only the body tells with zeros of that shape; False where it cannot be converted."""
        trial = self.build.body("trial")
        after = self._run(trial, self.body)
        for i, (before, now) in enumerate(zip(self.values, after, strict=False)):
            if isinstance(before, TensorList) and before.tensor is None and isinstance(now, TensorList) and now.tensor is not None:
                self.values[i] = TensorList(before.length, now.dtype, self._zeros_like(trial, before, now.tensor))
        return not any(isinstance(x, Unknown) for x in after)

    def _zeros_like(self, trial: FrontendBuilder, values: TensorList, example: Tensor) -> Tensor:
        """Zeros of the shape of a tensor of another graph; unknown sizes are those of a variable of the loop."""
        both = list(zip(example.shape, trial.resized_shape(example), strict=True))[1:]
        sizes = [a if a == b else self._size_like((a, b)) for a, b in both]
        return zeros(self.build, [values.length, *sizes], example.dtype)

    def _size_like(self, wanted: tuple[int, int]) -> Tensor:
        """The size of some variable's axis that changes as this one does."""
        for value in self.values:
            tensor = value.tensor if isinstance(value, TensorList) else value
            if isinstance(tensor, Tensor):
                sizes = list(zip(tensor.shape, self.build.resized_shape(tensor), strict=True))
                if wanted in sizes:
                    size = size_of(self.build, tensor, sizes.index(wanted))
                    assert isinstance(size, Tensor)
                    return size
        raise self.node.refuse("a list's elements have a shape that no other variable of the loop tells", "fix it with input_shapes=")


def _hands_on(body: FunctionBody, position: int) -> bool:
    """Whether the body gives its argument back as it was."""
    reference = Reference.of(body.results[position])
    while (node := body.nodes.by_name.get(reference.node)) is not None and node.op == "Identity":
        reference = body.nodes.inputs(node)[0]
    return reference.node == body.arguments[position]


def _tensor(value: Any) -> Tensor:
    tensor = value.tensor if isinstance(value, TensorList) else value
    assert isinstance(tensor, Tensor)
    return tensor


def _like(value: Any, tensor: Tensor) -> Any:
    """The tensor, as the list that it stands for where the value is one."""
    return TensorList(value.length, value.dtype, tensor) if isinstance(value, TensorList) else tensor
