"""The weights that pruning and clustering change: which they are, and what is in them."""

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

import numpy as np

from tachylite.model.errors import TachyliteError
from tachylite.model.graph import Model, Operator, Tensor

from .assign import integer_of
from .calibrate import open_model
from .layer import weights_of
from .sparse import densified

Patterns = str | Sequence[str]


class Selection(NamedTuple):
    """Operators that have a name (`CONV_2D`) and an output's name like one of these patterns, and no output's name like `skip`."""

    operators: Patterns = "*"
    names: Patterns = "*"
    skip: Patterns = ()

    def matches(self, op: Operator) -> bool:
        """Whether the operator is meant."""
        outputs = [t.name for t in op.outputs]
        return _like([op.op], self.operators) and _like(outputs, self.names) and not _like(outputs, self.skip)


def _like(names: Sequence[str], patterns: Patterns) -> bool:
    patterns = [patterns] if isinstance(patterns, str) else patterns
    return any(fnmatchcase(name, pattern) for name in names for pattern in patterns)


class Weights(NamedTuple):
    """A constant of float weights. axis: along which each slice makes an output of its own; None where that is no axis."""

    tensor: Tensor
    axis: int | None

    @property
    def value(self) -> np.ndarray:
        """The value in its full shape."""
        value = self.tensor.dense()
        assert value is not None
        return value

    def set(self, value: np.ndarray) -> None:
        """Give the constant another value of its shape."""
        data = np.ascontiguousarray(value.astype(self.tensor.dtype))
        data.flags.writeable = False
        self.tensor.data, self.tensor.sparsity = data, None


def opened(model: Any, selection: Selection) -> tuple[Model, list[Weights]]:
    """A copy of a model, and the weights in it that are meant, each once.

    model: a path, bytes or a Model. Raises TachyliteError where there are no such weights.
    """
    result = densified(open_model(model)).copy()
    found = {tensor: axis for op in result.operators() if selection.matches(op) for tensor, axis in _weights(op)}
    if not found:
        raise TachyliteError(f"no operator has constant float weights and matches {selection}; give other patterns, or the float model")
    return result, [Weights(tensor, axis) for tensor, axis in found.items()]


def _weights(op: Operator) -> Iterator[tuple[Tensor, int | None]]:
    integer = integer_of(op)
    for position, tensor in weights_of(op, integer).items():
        yield tensor, integer.weights[position]


def check_choice(what: str, name: str, choices: Sequence[str]) -> None:
    """Raises TachyliteError where `name` is none of the choices."""
    if name not in choices:
        raise TachyliteError(f"there is no {what} {name!r}; choose one of {', '.join(choices)}")


class Contents(NamedTuple):
    """What is in a constant."""

    name: str
    size: int
    zeros: int
    distinct: int


def contents(model: Model) -> list[Contents]:
    """Of every constant that is some operator's weights, whatever its type, in order."""
    model = densified(model)
    stored = {op.outputs[0]: op.inputs[0] for op in model.operators() if op.op == "DEQUANTIZE"}
    places = ((op, position) for op in model.operators() for position in integer_of(op).weights if position < len(op.inputs))
    tensors = dict.fromkeys(stored.get(t, t) for op, position in places if (t := op.inputs[position]) is not None)
    return [_contents(tensor) for tensor in tensors if tensor is not None and tensor.is_constant]


def _contents(tensor: Tensor) -> Contents:
    value = tensor.dense()
    assert value is not None
    plain = value.astype(np.float32)
    return Contents(tensor.name, plain.size, int(np.count_nonzero(plain == tensor.zero_point)), len(np.unique(plain)))
