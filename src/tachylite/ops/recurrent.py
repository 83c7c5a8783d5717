"""What the recurrent operators share: weights, their products with rows of activations, and the walk along time."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from tachylite.model.graph import Operator, Shape, Tensor

from .hybrid import quantize_rows
from .registry import Spec

#: A linear map of the last axis: [..., k] to [..., m].
Product = Callable[[np.ndarray], np.ndarray]
#: What a cell remembers; the first part is also its output.
State = tuple[np.ndarray, ...]


class Weights(NamedTuple):
    """A constant operand: float32, or integers that count steps of `scale` (weights have no zero point)."""

    value: np.ndarray
    scale: np.float32

    @property
    def real(self) -> np.ndarray:
        """The numbers that the stored ones stand for, float32."""
        return self.value if self.value.dtype == np.float32 else self.value * self.scale


def weights_of(tensor: Tensor | None, value: np.ndarray) -> Weights:
    """An operand of a cell. Early converters called signed 8-bit weights UINT8; their bytes mean the same."""
    return Weights(value.view(np.int8) if value.dtype == np.uint8 else value, tensor.scale)


def linear(weights: Weights, asymmetric: bool) -> Product:
    """x times weights [m, k] transposed, or a diagonal matrix's [k], for float32 x.

    8-bit weights make the product hybrid: each row of x is quantized for itself, with a zero point where `asymmetric`.
    """
    if weights.value.ndim == 1:
        return lambda x: x * weights.value
    if weights.value.dtype == np.float32:
        return lambda x: x @ weights.value.T
    # A float64 product goes through BLAS, and these are far from the 2**53 where it would begin to round.
    matrix = weights.value.T.astype(np.float64)

    def hybrid(x: np.ndarray) -> np.ndarray:
        steps, scale, zero_point = quantize_rows(x.reshape(-1, x.shape[-1]), asymmetric)
        total = (steps.astype(np.float64) - zero_point[:, None]) @ matrix
        return (total.astype(np.float32) * (scale * weights.scale)[:, None]).reshape(*x.shape[:-1], matrix.shape[1])

    return hybrid


def exact(weights: np.ndarray, zero_point: int, bias: np.ndarray | int = 0) -> Product:
    """(x - zero_point) times weights [m, k] transposed, plus bias, for integers: int64 accumulators."""
    # As in `linear`: exact below 2**53.
    matrix = weights.T.astype(np.float64)
    return lambda x: ((x.astype(np.float64) - zero_point) @ matrix).astype(np.int64) + bias


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


def exponent_of(scale: np.float32) -> int | None:
    """log2 of a scale; None where it is no power of two."""
    exponent = np.log2(scale) if scale > 0 else np.nan
    return int(np.rint(exponent)) if abs(exponent - np.rint(exponent)) < 1e-3 else None


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
