"""Loops as graphs of their own."""

from collections.abc import Callable, Sequence

from tachylite.model.graph import Tensor
from tachylite.ops.inference import infer_graph
from tachylite.ops.registry import Spec

from .builder import FrontendBuilder

Part = Callable[..., Sequence[Tensor]]


def while_loop(build: FrontendBuilder, condition: Callable[..., Tensor], body: Part, values: Sequence[Tensor]) -> list[Tensor]:
    """Replace values by `body(build, *values)` as long as `condition(build, *values)` holds; each builds a graph of its own."""
    test, step = build.body("condition"), build.body("body")
    test.outputs(condition(test, *_arguments(test, build, values)))
    step.outputs(*body(step, *_arguments(step, build, values)))
    # Where a body works with sizes that only the run tells, its variables keep the shapes that they come with.
    is_certain = infer_graph(step.graph, [Spec(x.shape, x.dtype) for x in values]) is not None
    out = None if is_certain else [build.like(x) for x in values]
    results = build.WHILE(*values, subgraphs=[test.graph, step.graph], out=out)
    return [results] if isinstance(results, Tensor) else list(results)


def _arguments(inner: FrontendBuilder, outer: FrontendBuilder, values: Sequence[Tensor]) -> list[Tensor]:
    return [inner.argument(f"argument_{i}", outer, value) for i, value in enumerate(values)]
