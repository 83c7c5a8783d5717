"""Optimizing graphs with every pass checked: the numpy reference before and after it, on the same random inputs."""

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

from tachylite import Builder, Graph, Model
from tachylite.model.dtypes import limits
from tachylite.passes.pipeline import DEFAULT
from tachylite.passes.runner import Pass, run
from tachylite.runtime.session import Session

rng = np.random.default_rng


def random_inputs(graph: Graph, seed: int = 0, batch: int | None = None) -> list[np.ndarray]:
    """One array for each input; an unknown first dimension becomes `batch`."""
    random = rng(seed)
    shapes = [
        (batch, *t.shape[1:]) if batch is not None and t.shape_signature and t.shape_signature[0] == -1 else t.shape for t in graph.inputs
    ]
    return [_random(random, shape, t.dtype) for t, shape in zip(graph.inputs, shapes, strict=True)]


def _random(random: np.random.Generator, shape: Sequence[int], dtype: np.dtype) -> np.ndarray:
    if dtype == np.bool_:
        return random.integers(0, 2, shape).astype(bool)
    if dtype.kind in "iu" and dtype.itemsize <= 2:
        low, high = limits(dtype)
        return random.integers(low, high + 1, shape).astype(dtype)
    if dtype.kind in "iu":
        return random.integers(0, 4, shape).astype(dtype)
    return (3 * random.standard_normal(shape)).astype(dtype)


def evaluation(graph: Graph, seed: int = 0, batch: int | None = None) -> Callable[[Model], Sequence[np.ndarray]]:
    """What runs a model by its references, on inputs that are always the same."""
    inputs = random_inputs(graph, seed, batch)
    return lambda model: Session(model).call(model.graph, inputs)


def optimized(graph: Graph | Model, passes: Sequence[Pass] = DEFAULT, seed: int = 0, tolerance: float = 1e-4) -> Model:
    """The optimized model; checked pass by pass, and found to be in the form that optimizing again leaves alone."""
    model = graph if isinstance(graph, Model) else Model.of(graph)
    outputs = [t.name for t in model.graph.outputs]
    run(model, passes, evaluation(model.graph, seed), tolerance=tolerance)
    assert [t.name for t in model.graph.outputs] == outputs
    model.verify()
    before = model.to_bytes()
    assert run(model, passes).to_bytes() == before, "not idempotent"
    return model


def ops(graph: Graph | Model, passes: Sequence[Pass] = DEFAULT) -> dict[str, int]:
    """How many operators of each kind the optimized graph has."""
    return dict(Counter(op.op for op in optimized(graph, passes).operators()))


def floats(*shape: int, seed: int = 1) -> np.ndarray:
    return rng(seed).standard_normal(shape).astype(np.float32)


def batched(build: Builder, name: str, *shape: int, dtype: type = np.float32):
    """An input whose first dimension, the batch, is not fixed."""
    tensor = build.input(name, (1, *shape), dtype)
    tensor.shape_signature = (-1, *shape)
    return tensor
