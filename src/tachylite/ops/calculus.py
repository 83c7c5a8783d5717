"""What gradient rules are written in: terms, which read like mathematics and append operators to a graph.

`OpDef.gradient` is a rule, or the Composition of an operator that is differentiated through simpler ones. A rule

    def square_gradient(at: Point, dy: Term) -> Term:
        return 2.0 * at.x * dy

gets the operator where it stands and the gradients of its outputs (one that does not matter is None, where there are several), and
returns those of its inputs: one term, or one for each input, None for what has none; inputs at the end may be left out. A rule emits
builtin operators alone.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tachylite.model.graph import Operator, Shape, Tensor

from .builder import Builder


class Term:
    """A tensor of a graph under construction. Arithmetic with other terms and numbers appends the operators that compute it.

    Every builtin operator is a method, whose first input the term is: `x.TRANSPOSE([1, 0])`.
    """

    def __init__(self, build: Builder, tensor: Tensor):
        self.build, self.tensor = build, tensor

    @property
    def shape(self) -> Shape:
        return self.tensor.shape

    @property
    def rank(self) -> int:
        return len(self.tensor.shape)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if not name.isupper():
            raise AttributeError(name)
        return lambda *inputs, **options: apply(self.build, name, self, *inputs, **options)

    def __add__(self, other: "Operand") -> "Term":
        return apply(self.build, "ADD", self, other)

    def __sub__(self, other: "Operand") -> "Term":
        return apply(self.build, "SUB", self, other)

    def __rsub__(self, other: "Operand") -> "Term":
        return apply(self.build, "SUB", other, self)

    def __mul__(self, other: "Operand") -> "Term":
        return apply(self.build, "MUL", self, other)

    def __truediv__(self, other: "Operand") -> "Term":
        return apply(self.build, "DIV", self, other)

    def __rtruediv__(self, other: "Operand") -> "Term":
        return apply(self.build, "DIV", other, self)

    def __neg__(self) -> "Term":
        return apply(self.build, "NEG", self)

    def __gt__(self, other: "Operand") -> "Term":
        return apply(self.build, "GREATER", self, other)

    def __ge__(self, other: "Operand") -> "Term":
        return apply(self.build, "GREATER_EQUAL", self, other)

    def __lt__(self, other: "Operand") -> "Term":
        return apply(self.build, "LESS", self, other)

    def __le__(self, other: "Operand") -> "Term":
        return apply(self.build, "LESS_EQUAL", self, other)

    def __and__(self, other: "Term") -> "Term":
        return apply(self.build, "LOGICAL_AND", self, other)

    def __or__(self, other: "Term") -> "Term":
        return apply(self.build, "LOGICAL_OR", self, other)

    def __invert__(self) -> "Term":
        return apply(self.build, "LOGICAL_NOT", self)

    __radd__, __rmul__ = __add__, __mul__

    def reshape(self, shape: Sequence[int]) -> "Term":
        """The same elements in another shape."""
        return self if self.shape == tuple(shape) else apply(self.build, "RESHAPE", self, np.array(shape, np.int32))

    def transpose(self, *order: int) -> "Term":
        """Axis i of the result is axis order[i]."""
        return self if order == tuple(range(self.rank)) else apply(self.build, "TRANSPOSE", self, np.array(order, np.int32))

    def broadcast(self, shape: Sequence[int]) -> "Term":
        """The term repeated to a shape that it broadcasts to."""
        return self if self.shape == tuple(shape) else apply(self.build, "BROADCAST_TO", self, np.array(shape, np.int32))

    def sum(self, *axes: int, keep: bool = False) -> "Term":
        """The sum along these axes, counted from either end; `keep` leaves them as dimensions of 1."""
        named = np.array([a % self.rank for a in axes], np.int32)
        return apply(self.build, "SUM", self, named, keep_dims=keep) if axes else self


Operand = Term | float

Rule = Callable[..., Any]


@dataclass(frozen=True)
class Composition:
    """An operator that is differentiated by way of others: `expand(at)` emits them and returns the terms of its outputs."""

    expand: Callable[["Point"], Any]


Gradient = Rule | Composition


class Point:
    """An operator where it is differentiated: what it takes and gives, as terms, and its options."""

    def __init__(self, build: Builder, op: Operator):
        self.build, self.op, self.options = build, op, op.options
        self.inputs = [None if t is None else Term(build, t) for t in op.inputs]
        self.outputs = [Term(build, t) for t in op.outputs]

    @property
    def x(self) -> Term:
        """The first input."""
        return self.input(0)

    @property
    def y(self) -> Term:
        """The first output; what a fused activation made of it, where there is one."""
        return self.outputs[0]

    def input(self, position: int) -> Term:
        """An input that is there. Raises OpError."""
        found = self.inputs[position] if position < len(self.inputs) else None
        if found is None:
            raise self.op.error(f"has no input {position}, without which it cannot be differentiated; correct the model")
        return found

    def has(self, position: int) -> bool:
        """Whether this optional input is there."""
        return position < len(self.inputs) and self.inputs[position] is not None

    def value(self, position: int) -> np.ndarray:
        """A constant input. Raises OpError where it is computed: what a gradient does with it is decided before the run."""
        tensor = self.input(position).tensor
        spec = self.build.spec(tensor)
        if spec is None or spec.value is None:
            raise self.op.error(f"is differentiated only where its input {position}, {tensor.name!r}, is a constant; fold the model first")
        return spec.value

    def constant(self, value: Any) -> Term:
        """A new constant; numbers become float32."""
        array = np.asarray(value)
        return Term(self.build, self.build.constant(array.astype(np.float32) if array.dtype.kind == "f" else array))

    def filled(self, shape: Sequence[int], value: float = 0.0) -> Term:
        """A tensor of one number, which takes no room in the file."""
        return apply(self.build, "FILL", np.array(shape, np.int32), self.constant(np.float32(value)))


def apply(build: Builder, name: str, *operands: Any, **options: Any) -> Any:
    """Append an operator; a term for its output, a list where it has several. Numbers take the type of the first term."""
    first = next((x for x in operands if isinstance(x, Term)), None)
    dtype = np.float32 if first is None or first.tensor.dtype == np.bool_ else first.tensor.dtype
    tensors = [x.tensor if isinstance(x, Term) else np.asarray(x, dtype) if isinstance(x, int | float) else x for x in operands]
    result = getattr(build, name)(*tensors, **options)
    return [Term(build, t) for t in result] if isinstance(result, list) else Term(build, result)


def where(condition: Term, x: Operand, y: Operand) -> Term:
    """x where the condition holds, else y; the three broadcast."""
    result: Term = apply(condition.build, "SELECT_V2", condition, *(np.float32(v) if isinstance(v, int | float) else v for v in (x, y)))
    return result


def integers(x: Term) -> Term:
    """Positions of any integer type as int32."""
    dtype = x.tensor.dtype
    return x if dtype == np.int32 else apply(x.build, "CAST", x, in_data_type=f"INT{8 * dtype.itemsize}", out_data_type="INT32")


def flat(at: Point, *dy: Term) -> None:
    """The rule of an operator whose outputs do not move with its inputs, but for jumps."""


# What rules of several families share.


def sum_to(dy: Term, shape: Shape) -> Term:
    """The gradient of a term of this shape that was broadcast to dy's: the sum over whatever was repeated."""
    added = dy.rank - len(shape)
    axes = [*range(added), *(i + added for i, d in enumerate(shape) if d == 1 and dy.shape[i + added] != 1)]
    return dy.sum(*axes).reshape(shape)


def unreduced(dy: Term, shape: Shape, axes: Sequence[int]) -> Term:
    """dy, a reduction of a tensor of this shape along `axes`, with the reduced dimensions as 1."""
    gone = {a % len(shape) for a in axes} if shape else set()
    return dy.reshape([1 if i in gone else d for i, d in enumerate(shape)])


def cut(x: Term, begin: Sequence[int], size: Sequence[int]) -> Term:
    """The part of x that begins at `begin`."""
    if tuple(size) == x.shape:
        return x
    result: Term = x.SLICE(np.array(begin, np.int32), np.array(size, np.int32))
    return result


def fit(x: Term, amounts: Sequence[tuple[int, int]], value: float = 0.0) -> Term:
    """x with so much added before and after each dimension; what is negative is taken away."""
    begin = [max(0, -before) for before, _ in amounts]
    size = [d - b - max(0, -after) for d, b, (_, after) in zip(x.shape, begin, amounts, strict=True)]
    paddings = np.array([[max(0, before), max(0, after)] for before, after in amounts], np.int32)
    inner = cut(x, begin, size)
    if not paddings.any():
        return inner
    result: Term = inner.PADV2(paddings, np.float32(value)) if value else inner.PAD(paddings)
    return result


def around(rank: int, axis: int, before: int, after: int) -> list[tuple[int, int]]:
    """Amounts for `fit` along one axis."""
    return [(before, after) if i == axis else (0, 0) for i in range(rank)]


def spread(x: Term, axis: int, step: int) -> Term:
    """x with step - 1 zeros between neighbours along an axis: [..., (n - 1) * step + 1, ...]."""
    count = x.shape[axis]
    if step == 1 or count < 2:
        return x
    outer, inner = int(np.prod(x.shape[:axis])), int(np.prod(x.shape[axis + 1 :]))
    wide = fit(x.reshape((outer, count, 1, inner)), around(4, 2, 0, step - 1)).reshape((outer, count * step, inner))
    return cut(wide, (0, 0, 0), (outer, (count - 1) * step + 1, inner)).reshape(
        (*x.shape[:axis], (count - 1) * step + 1, *x.shape[axis + 1 :])
    )


def reverse(x: Term, axis: int) -> Term:
    """x turned around along an axis."""
    if x.shape[axis] == 1:
        return x
    result: Term = x.REVERSE_V2(np.array([axis], np.int32))
    return result


def along(x: Term, axis: int, matrix: np.ndarray) -> Term:
    """The matrix, [m, n], times x along an axis of n elements, which becomes one of m."""
    outer, inner = int(np.prod(x.shape[:axis])), int(np.prod(x.shape[axis + 1 :]))
    shape = (*x.shape[:axis], len(matrix), *x.shape[axis + 1 :])
    weights = np.asarray(matrix, np.float32)
    if inner == 1:  # one product, whose rows are those of x
        product: Term = x.reshape((outer, x.shape[axis])).BATCH_MATMUL(np.ascontiguousarray(weights.T))
    else:
        product = apply(x.build, "BATCH_MATMUL", weights[np.newaxis], x.reshape((outer, x.shape[axis], inner)))
    return product.reshape(shape)
