"""What the recurrent operators share: weights and their products, the walk along time, the checks of operands, versions."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

import numpy as np

from tachylite.model.graph import Operator, Shape, Tensor

from .exact import Product
from .hybrid import hybrid_product
from .registry import Spec, Specs

T = TypeVar("T")

#: What a cell remembers; the first part is also its output.
State = tuple[np.ndarray, ...]


class Weights(NamedTuple):
    """A constant operand: float32, or integers that count steps of `scale` (weights have no zero point)."""

    value: np.ndarray
    scale: np.float32

    @property
    def real(self) -> np.ndarray:
        """The numbers that the stored ones stand for, float32."""
        return self.value if self.value.dtype.kind == "f" else self.value * self.scale


def weights_of(tensor: Tensor | None, value: np.ndarray) -> Weights:
    """An operand of a cell. Early converters called signed 8-bit weights UINT8; their bytes mean the same."""
    return Weights(value.view(np.int8) if value.dtype == np.uint8 else value, tensor.scale)


def linear(weights: Weights, asymmetric: bool) -> Product:
    """x times weights [m, k] transposed, or a diagonal matrix's [k], for float32 x. 8-bit weights make the product hybrid."""
    if weights.value.ndim == 1:
        return lambda x: x * weights.value
    if weights.value.dtype.kind == "f":
        return lambda x: x @ weights.value.T
    return hybrid_product(weights.value, weights.scale, asymmetric)


def walk(step: Callable[[np.ndarray, State], State], inputs: np.ndarray, state: State, reverse: bool = False) -> tuple[np.ndarray, State]:
    """Apply `step(inputs[t], state)`, which gives the next state, along the first axis; from its end where `reverse`.

    Returns the first part of the state after every step, in the order of `inputs`, and the state after the last.
    """
    outputs = np.empty((len(inputs), *state[0].shape), state[0].dtype)
    for t in reversed(range(len(inputs))) if reverse else range(len(inputs)):
        state = step(inputs[t], state)
        outputs[t] = state[0]
    return outputs, state


def time_first(x: np.ndarray, time_major: bool) -> np.ndarray:
    """[time, batch, n] from a sequence of either layout, and back."""
    return x if time_major else x.swapaxes(0, 1)


def clip(x: np.ndarray, limit: float) -> np.ndarray:
    """x within [-limit, limit]; a limit of 0 means none."""
    return np.clip(x, -limit, limit) if limit > 0 else x


def sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)); the dtype stays."""
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-x))


# Inference.


def expect(op: Operator, position: int, name: str, spec: Spec | None, shape: Shape, *dtypes: np.dtype | type) -> None:
    """Raise OpError unless the input is of this shape and of one of these types."""
    allowed = [np.dtype(dtype) for dtype in dtypes]
    if spec is None or spec.shape != shape or spec.dtype not in allowed:
        found = "nothing" if spec is None else f"{spec.dtype}{list(spec.shape)}"
        needed = " or ".join(f"{dtype}{list(shape)}" for dtype in allowed)
        raise op.error(f"found {found} as {name} (input #{position}), needed {needed}; make its shape and type follow the other inputs")


def expect_state(op: Operator, position: int, name: str, spec: Spec | None, size: int, dtype: np.dtype | type) -> None:
    """Raise OpError unless the input is a variable tensor of this type and number of elements, in any shape."""
    tensor = op.inputs[position]
    if spec is None or tensor is None or not tensor.is_variable:
        raise op.error(f"found no variable tensor as {name} (input #{position}), needed one to keep it between runs; set is_variable")
    if np.prod(spec.shape, dtype=np.int64) != size or spec.dtype != dtype:
        needed = f"{np.dtype(dtype)} and {size} elements"
        raise op.error(
            f"found {spec.dtype}{list(spec.shape)} as {name} (input #{position}), needed {needed}; make it follow the batch size"
        )


def sequence_sizes(op: Operator, x: Spec) -> tuple[int, int, int]:
    """Times, batch and inputs of a sequence in either layout. Raises OpError where x is none."""
    if x.rank != 3:
        raise op.error(f"found an input of shape {list(x.shape)}, needed a sequence of rank 3; add the time or the batch axis")
    first, second, inputs = x.shape
    return (first, second, inputs) if op.options.time_major else (second, first, inputs)


def expect_auxiliary(op: Operator, position: int, specs: Specs, weights: Sequence[tuple[int, int, int]]) -> None:
    """Raise OpError unless the auxiliary input at `position`, if there is one, goes along with input 0.

    weights: for each matrix that it may meet, its position, its rows, and the position of weights whose type it shares. An input without
    any such weights is a sequence for the backward cell, as wide as input 0.
    """
    x, aux = specs[0], specs[position]
    assert x is not None
    if any(specs[i] is not None for i, _, _ in weights):
        width = 0 if aux is None else aux.shape[-1]
        expect(op, position, "auxiliary input", aux, (*x.shape[:2], width), np.float32)
        for i, rows, model in weights:
            if (of_cell := specs[model]) is not None:
                expect(op, i, "auxiliary weights", specs[i], (rows, width), of_cell.dtype)
    elif aux is not None:
        expect(op, position, "input of the backward cell", aux, x.shape, np.float32)


def inputs_of_directions(x: T, aux: T | None, has_weights: bool) -> tuple[T, T, T | None]:
    """What the forward and the backward cell read, and what adds to both.

    An auxiliary input with weights of its own adds to both cells; one without is what the backward cell reads instead of x.
    """
    return (x, x, aux) if has_weights or aux is None else (x, aux, None)


# Versions.


def hybrid_version(op: Operator, weights: int, symmetric: int, asymmetric: int) -> int:
    """1, or the version of hybrid products, by how they quantize the activations. weights: the position of such weights."""
    if op.inputs[0].dtype != np.float32 or op.inputs[weights] is None or op.inputs[weights].dtype != np.int8:
        return 1
    return asymmetric if op.options.asymmetric_quantize_inputs else symmetric
