"""Matrix products and Einsum."""

from collections.abc import Sequence
from math import prod

import numpy as np

from tachylite.frontends.shaping import ints, open_shape, reshape, size_of, transpose
from tachylite.frontends.tf.node import Node, op
from tachylite.model.graph import Tensor


@op("MatMul")
def matmul(self: Node, a: Tensor, b: Tensor) -> Tensor:
    return multiply(self, a, b, self.flag("transpose_a"), self.flag("transpose_b"))


@op("BatchMatMul", "BatchMatMulV2", "BatchMatMulV3")
def batch_matmul(self: Node, a: Tensor, b: Tensor) -> Tensor:
    return multiply(self, a, b, self.flag("adj_x"), self.flag("adj_y"))


def multiply(self: Node, a: Tensor, b: Tensor, turn_a: bool = False, turn_b: bool = False) -> Tensor:
    """a @ b. A constant matrix b makes it FULLY_CONNECTED."""
    weights = self.build.value(b)
    if weights is None or weights.ndim != 2 or a.dtype != np.float32:
        return self.build.BATCH_MATMUL(a, b, adj_x=turn_a, adj_y=turn_b)
    if turn_a:
        a = transpose(self.build, a, [*range(len(a.shape) - 2), len(a.shape) - 1, len(a.shape) - 2])
    weights = weights if turn_b else weights.T
    bias = self.build.constant(np.zeros(len(weights), np.float32), "bias")
    filters = self.build.constant(np.ascontiguousarray(weights), "kernel")
    return self.build.FULLY_CONNECTED(a, filters, bias, keep_num_dims=len(a.shape) > 2)


# Einsum.


@op("Einsum")
def einsum(self: Node, *operands: Tensor) -> Tensor:
    """Two operands: labels that both have are either kept, and then stand in front as a batch, or summed over by a matrix product."""
    inputs, _, result = self.text("equation").replace(" ", "").partition("->")
    labels = _without_dots(inputs.split(","), [len(x.shape) for x in operands])
    result = result.replace("...", _dots(inputs.split(","), [len(x.shape) for x in operands]))
    if len(operands) > 2 or any(len(set(names)) < len(names) for names in labels):
        raise self.refuse(f"{self.text('equation')!r} takes a diagonal, or more than two operands", "write it as products of two")
    others = [result + "".join(labels[:i] + labels[i + 1 :]) for i in range(len(labels))]
    reduced = [_sum_alone(self, *operand) for operand in zip(operands, labels, others, strict=True)]
    if len(reduced) == 1:
        x, names = reduced[0]
        return transpose(self.build, x, [names.index(n) for n in result])
    return _product(self, *reduced[0], *reduced[1], result)


DOTS = "ABCDEFGHIJ"


def _dots(inputs: Sequence[str], ranks: Sequence[int]) -> str:
    """Labels for what the longest `...` stands for."""
    counts = [rank - len(names.replace("...", "")) for names, rank in zip(inputs, ranks, strict=True) if "..." in names]
    return DOTS[: max(counts, default=0)]


def _without_dots(inputs: Sequence[str], ranks: Sequence[int]) -> list[str]:
    every = _dots(inputs, ranks)
    counts = [rank - len(names.replace("...", "")) for names, rank in zip(inputs, ranks, strict=True)]
    return [names.replace("...", every[len(every) - count :]) for names, count in zip(inputs, counts, strict=True)]


def _sum_alone(self: Node, x: Tensor, names: str, others: str) -> tuple[Tensor, str]:
    """x summed over the labels that nothing else has."""
    axes = [i for i, n in enumerate(names) if n not in others]
    return (self.build.SUM(x, ints(*axes)) if axes else x), "".join(n for n in names if n in others)


def _product(self: Node, a: Tensor, a_names: str, b: Tensor, b_names: str, result: str) -> Tensor:
    summed = [n for n in a_names if n in b_names and n not in result]
    batch = [n for n in result if n in a_names and n in b_names]
    left = [n for n in result if n in a_names and n not in b_names]
    right = [n for n in result if n in b_names and n not in a_names]
    if not summed:
        return _outer(self, a, a_names, b, b_names, result)
    sizes = {n: size_of(self.build, x, i) for x, names in ((a, a_names), (b, b_names)) for i, n in enumerate(names)}
    weights = self.build.value(b)
    if weights is not None and not batch:
        return _dense(self, a, a_names, weights, b_names, (left, summed, right), result)
    # Which of the two matrix axes comes first costs nothing: the operator reads either order.
    turn_a = _comes_first(a_names, summed, left)
    turn_b = not _comes_first(b_names, summed, right)
    x = _grouped(self, a, a_names, [batch, summed, left] if turn_a else [batch, left, summed], sizes)
    y = _grouped(self, b, b_names, [batch, right, summed] if turn_b else [batch, summed, right], sizes)
    z = self.build.BATCH_MATMUL(x, y, adj_x=turn_a, adj_y=turn_b)
    found = [*batch, *left, *right]
    z = reshape(self.build, z, [sizes[n] for n in found])
    return transpose(self.build, z, [found.index(n) for n in result])


def _comes_first(names: str, one: Sequence[str], other: Sequence[str]) -> bool:
    return bool(other) and bool(one) and names.index(one[0]) < names.index(other[0])


def _grouped(self: Node, x: Tensor, names: str, groups: Sequence[Sequence[str]], sizes: dict[str, int | Tensor]) -> Tensor:
    """x with the batch in front, and one axis for each of the other groups."""
    order = [n for group in groups for n in group]
    x = transpose(self.build, x, [names.index(n) for n in order])
    batch, *rest = groups
    if all(len(group) == 1 for group in rest):
        return x
    return reshape(self.build, x, [*(sizes[n] for n in batch), *(_joined(self, [sizes[n] for n in group]) for group in rest)])


def _joined(self: Node, sizes: Sequence[int | Tensor]) -> int | Tensor | None:
    known = [n for n in sizes if isinstance(n, int)]
    return prod(known) if len(known) == len(sizes) else None


def _dense(
    self: Node, a: Tensor, a_names: str, weights: np.ndarray, b_names: str, groups: tuple[list[str], list[str], list[str]], result: str
) -> Tensor:
    """A product with constant weights: one FULLY_CONNECTED on the last axis."""
    left, summed, right = groups
    order = [*left, *summed]
    x = transpose(self.build, a, [a_names.index(n) for n in order])
    matrix = weights.transpose([b_names.index(n) for n in (*summed, *right)])
    inner, outer = matrix.shape[: len(summed)], matrix.shape[len(summed) :]
    if len(summed) != 1:
        x = reshape(self.build, x, [*open_shape(self.build, x, 0, len(left)), prod(inner)])
    y = multiply(self, x, self.build.constant(np.ascontiguousarray(matrix.reshape(prod(inner), prod(outer)))))
    if len(right) != 1:
        y = reshape(self.build, y, [*open_shape(self.build, y, 0, len(left)), *outer])
    found = [*left, *right]
    return transpose(self.build, y, [found.index(n) for n in result])


def _outer(self: Node, a: Tensor, a_names: str, b: Tensor, b_names: str, result: str) -> Tensor:
    """Nothing is summed: a product element by element, with axes of size 1 for labels that one of them lacks."""
    operands = []
    for x, names in ((a, a_names), (b, b_names)):
        x = transpose(self.build, x, [names.index(n) for n in result if n in names])
        for axis, n in enumerate(result):
            if n not in names:
                x = self.build.EXPAND_DIMS(x, np.array(axis, np.int32))
        operands.append(x)
    return self.build.MUL(*operands)
