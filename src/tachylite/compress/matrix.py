"""A layer as a matrix: its weights with their bias, and what they meet while the model runs on samples."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tachylite.data.samples import Sample
from tachylite.model.graph import Model, Operator, Tensor
from tachylite.runtime.loaded import load

from .assign import integer_of
from .calibrate import batch_size, in_batches, instrument
from .layer import biases_of, dense, source_of, weights_of

MOST_ROWS = 128
"""Rows that one sample gives to one layer: there are many samples, and neighbours in a picture tell much the same."""


@dataclass(frozen=True, eq=False)
class Matrix:
    """An operator of the main graph whose one constant of weights meets rows of its input. bias: a constant, or None."""

    op: Operator
    weights: Tensor
    axis: int
    bias: Tensor | None
    source: Tensor

    @classmethod
    def of(cls, op: Operator) -> "Matrix | None":
        """None where the operator is no such layer."""
        integer = integer_of(op)
        source, weights, biases = source_of(op, integer), weights_of(op, integer), biases_of(op, integer)
        if source is None or integer.rows is None or not all(bias.is_constant for bias in biases.values()):
            return None
        ((position, tensor),) = weights.items()
        return cls(op, tensor, integer.weights[position] or 0, next(iter(biases.values()), None), source)

    @property
    def size(self) -> int:
        """The number of weights."""
        return self.weights.size

    @property
    def depth(self) -> int:
        """Weights to an output."""
        return self.size // self.weights.shape[self.axis]

    @property
    def value(self) -> np.ndarray:
        """float64 [groups, outputs, depth]; with a bias as the last column."""
        moved = np.moveaxis(dense(self.weights), self.axis, 0)
        rows = moved.reshape(self.groups, len(moved) // self.groups, -1).astype(np.float64)
        if self.bias is None:
            return rows
        return np.concatenate([rows, dense(self.bias).reshape(self.groups, -1, 1)], axis=2)

    @property
    def groups(self) -> int:
        """How many parts of the input's channels have weights of their own; in a depthwise convolution each channel has."""
        if len(self.weights.shape) < 4:
            return 1
        return self.source.shape[-1] // (self.weights.shape[-1] if self.axis == 0 else 1)

    def set(self, value: np.ndarray) -> None:
        """Give weights and bias another value of the form of `value`."""
        if self.bias is not None:
            _set(self.bias, value[..., -1].reshape(self.bias.shape))
            value = value[..., :-1]
        moved = (self.weights.shape[self.axis], *(n for a, n in enumerate(self.weights.shape) if a != self.axis))
        _set(self.weights, np.moveaxis(value.reshape(moved), 0, self.axis))

    def rows(self, values: np.ndarray) -> np.ndarray:
        """What the matrix meets in values of the source, several samples' perhaps: float32 [groups, rows, depth]; 1 where it has a bias."""
        gather = integer_of(self.op).rows
        assert gather is not None
        rows = gather(self.op, values, MOST_ROWS * max(1, values.size // self.source.size))
        return rows if self.bias is None else np.concatenate([rows, np.ones((*rows.shape[:2], 1), np.float32)], axis=2)


def _set(tensor: Tensor, value: np.ndarray) -> None:
    tensor.data, tensor.sparsity = np.ascontiguousarray(value, tensor.dtype), None
    tensor.data.flags.writeable = False


def matrices(model: Model) -> list[Matrix]:
    """The layers of the main graph, each with weights that are its own, in the order of computation."""
    found = [matrix for op in model.graph.operators if (matrix := Matrix.of(op)) is not None]
    readers = [t for op in model.operators() for t in {*op.inputs} if t is not None]
    return [m for m in found if readers.count(m.weights) == 1 and (m.bias is None or readers.count(m.bias) == 1)]


def upto(model: Model, tensor: Tensor) -> Model:
    """The model as far as this tensor is concerned; it shares everything with `model`."""
    graph = model.graph
    last = next((i for i, op in enumerate(graph.operators) if tensor in op.outputs), -1)
    part = replace(graph, operators=graph.operators[: last + 1], outputs=[tensor])
    return replace(model, graphs=[part, *model.graphs[1:]], signatures=[])


def observe_rows(model: Model, layers: Sequence[Matrix], samples: Sequence[Sample], tell: Callable[[Matrix, np.ndarray], None]) -> None:
    """Run a model on samples, and tell for each layer the rows that it meets, a batch at a time."""
    readers: dict[Tensor, list[Matrix]] = defaultdict(list)
    for layer in layers:
        readers[layer.source].append(layer)

    def observe(tensor: Tensor, maker: Operator | None, values: np.ndarray) -> None:
        for layer in readers[tensor]:
            tell(layer, layer.rows(values))

    runner = load(instrument(model, observe, lambda t: t in readers))
    for _, batch in in_batches(samples, batch_size(model)):
        runner.run(batch)


def rows_of_both(
    models: tuple[Model, Model], layers: tuple[Matrix, Matrix], samples: Sequence[Sample]
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """What a layer meets in one model and in another of the same inputs, a batch at a time; neither is run further than needed."""
    runners = [load(upto(model, layer.source)) for model, layer in zip(models, layers, strict=True)]
    for _, batch in in_batches(samples, batch_size(models[0])):
        inputs = [dict(zip(model.graph.inputs, batch.values(), strict=True)) for model in models]
        values = [runner.run(given)[layer.source] for runner, given, layer in zip(runners, inputs, layers, strict=True)]
        yield layers[0].rows(values[0]), layers[1].rows(values[1])
