"""Matrix products and Einsum."""

import numpy as np

from tachylite.frontends import einsum as sums
from tachylite.frontends.onnx.node import Node, op
from tachylite.frontends.shaping import ints, move_axis, open_shape, reshape, transpose
from tachylite.frontends.types import cast, compute
from tachylite.model.graph import Tensor


@op("MatMul")
def matmul(self: Node, a: Tensor, b: Tensor) -> Tensor:
    """As numpy's: vectors are rows on the left, columns on the right."""
    build = self.build
    if a.dtype != np.float32:
        return cast(build, matmul(self, cast(build, a, np.float32), cast(build, b, np.float32)), a.dtype)
    if len(b.shape) == 1:
        return build.SQUEEZE(matmul(self, a, reshape(build, b, [*open_shape(build, b, 0, 1), 1])), squeeze_dims=(len(a.shape) - 1,))
    if len(a.shape) == 1:
        return build.SQUEEZE(matmul(self, reshape(build, a, [1, *open_shape(build, a, 0, 1)]), b), squeeze_dims=(len(b.shape) - 2,))
    if len(b.shape) == 2 and _is_fixed(self, b):
        return build.FULLY_CONNECTED(a, turned(self, b), None, keep_num_dims=len(a.shape) > 2)
    return build.BATCH_MATMUL(a, b)


def _is_fixed(self: Node, x: Tensor) -> bool:
    return self.build.value(x) is not None


def turned(self: Node, matrix: Tensor) -> Tensor:
    """The transpose of a matrix, a constant if it is one."""
    if matrix.data is None:
        return transpose(self.build, matrix, [1, 0])
    return self.build.constant(np.ascontiguousarray(matrix.data.T), matrix.name)


@op("Gemm")
def gemm(self: Node, a: Tensor, b: Tensor, c: Tensor | None = None) -> Tensor:
    """alpha * a @ b + beta * c, either matrix turned first where that is asked for."""
    build, alpha, beta = self.build, self.get("alpha", 1.0), self.get("beta", 1.0)
    a = transpose(build, a, [1, 0]) if self.get("transA", 0) else a
    filters = b if self.get("transB", 0) else turned(self, b)
    addend = None if c is None or beta == 0 else c if beta == 1 else compute(build, "MUL", c, build.constant(np.array(beta, np.float32)))
    is_bias = addend is not None and addend.shape == filters.shape[:1] and alpha == 1 and addend.is_constant
    y = build.FULLY_CONNECTED(a, filters, addend if is_bias else None)
    y = y if alpha == 1 else build.MUL(y, np.array(alpha, np.float32))
    return y if addend is None or is_bias else build.ADD(y, addend)


# Einsum.


@op("Einsum")
def einsum(self: Node, *operands: Tensor) -> Tensor:
    """Operands are taken two at a time; what is repeated within one is its diagonal."""
    inputs, result = _parts(self.need("equation"), [len(x.shape) for x in operands])
    pairs = [_diagonal(self, x, labels) for x, labels in zip(operands, inputs, strict=True)]
    x, labels = pairs[0]
    for i, (y, others) in enumerate(pairs[1:], 1):
        later = result + "".join(names for _, names in pairs[i + 1 :])
        kept = "".join(dict.fromkeys(n for n in labels + others if n in later))
        x, labels = sums.einsum(self.build, f"{labels},{others}->{kept}", x, y), kept
    axes = [i for i, n in enumerate(labels) if n not in result]
    if axes:
        x, labels = self.build.SUM(x, ints(*axes), keep_dims=False), "".join(n for n in labels if n in result)
    return transpose(self.build, x, [labels.index(n) for n in result])


def _parts(equation: str, ranks: list[int]) -> tuple[list[str], str]:
    """Labels of the operands and of the result, which follows from them where it is left out; `...` becomes capitals of its own."""
    left, arrow, result = equation.replace(" ", "").partition("->")
    inputs = left.split(",")
    free = [c for c in "ZYXWVUTSRQPONMLKJIHGFEDCBA" if c not in equation]
    counts = [rank - len(names.replace("...", "")) if "..." in names else 0 for names, rank in zip(inputs, ranks, strict=True)]
    hidden = "".join(free[: max(counts, default=0)])
    inputs = [names.replace("...", hidden[len(hidden) - n :]) for names, n in zip(inputs, counts, strict=True)]
    if not arrow:
        every = "".join(inputs)
        result = hidden + "".join(sorted(n for n in set(every) if every.count(n) == 1 and n not in hidden))
    return inputs, result.replace("...", hidden)


def _diagonal(self: Node, x: Tensor, labels: str) -> tuple[Tensor, str]:
    """x and its labels, each once."""
    for label in dict.fromkeys(labels):
        while labels.count(label) > 1:
            first, second = labels.index(label), labels.rindex(label)
            x = move_axis(self.build, move_axis(self.build, x, second, -1), first, -2)
            labels = "".join(n for i, n in enumerate(labels) if i not in (first, second)) + label
            x = self.build.SUM(self.build.MUL(x, np.eye(x.shape[-1], dtype=np.float32)), ints(len(labels) - 1), keep_dims=False)
    return x, labels
