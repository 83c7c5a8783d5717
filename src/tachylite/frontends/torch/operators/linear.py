"""Products of matrices, and attention."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tachylite.frontends.builder import dims
from tachylite.frontends.einsum import einsum as einstein_sum
from tachylite.frontends.keras.activations import scalar
from tachylite.frontends.shaping import ints, move_axis, transpose
from tachylite.frontends.torch.node import op
from tachylite.frontends.torch.operators.elementwise import computed
from tachylite.frontends.traced.converter import Call
from tachylite.model.graph import Tensor


@op("aten.linear")
def linear(self: Call, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """weight: [units, inputs]."""
    rank = len(x.shape)
    return self.build.FULLY_CONNECTED(x, weight, bias, keep_num_dims=rank != 2) if rank > 1 else _of_vector(self, x, weight, bias)


def _of_vector(self: Call, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    row = self.build.FULLY_CONNECTED(self.build.EXPAND_DIMS(x, np.array(0, np.int32)), weight, bias)
    return self.build.SQUEEZE(row, squeeze_dims=(0,))


@op("aten.matmul", "aten.mm", "aten.bmm")
def matmul(self: Call, a: Tensor, b: Tensor) -> Tensor:
    """A vector is a row on the left, and a column on the right. A constant matrix on the right makes it a fully connected layer."""
    build = self.build
    if len(a.shape) == 1:
        return build.SQUEEZE(matmul(self, build.EXPAND_DIMS(a, np.array(0, np.int32)), b), squeeze_dims=(max(len(b.shape) - 2, 0),))
    if len(b.shape) == 1:
        y = matmul(self, a, build.EXPAND_DIMS(b, np.array(1, np.int32)))
        return build.SQUEEZE(y, squeeze_dims=(len(a.shape) - 1,))
    weights = build.value(b)
    if weights is not None and weights.ndim == 2 and a.dtype == np.float32:
        filters = build.constant(np.ascontiguousarray(weights.T), "kernel")
        return build.FULLY_CONNECTED(a, filters, None, keep_num_dims=len(a.shape) != 2)
    return build.BATCH_MATMUL(a, b)


op("aten.dot", "aten.mv")(matmul)


@op("aten.addmm", "aten.baddbmm")
def addmm(self: Call, x: Tensor, a: Tensor, b: Tensor, beta: float = 1, alpha: float = 1) -> Tensor:
    product = matmul(self, a, b)
    product = product if alpha == 1 else computed(self, "MUL", product, alpha)
    return computed(self, "ADD", product, x if beta == 1 else computed(self, "MUL", x, beta))


@op("aten.outer")
def outer(self: Call, a: Tensor, b: Tensor) -> Tensor:
    return computed(self, "MUL", self.build.EXPAND_DIMS(a, np.array(1, np.int32)), b)


@op("aten.einsum")
def einsum(self: Call, equation: str, operands: Sequence[Tensor], path: Any = None) -> Tensor:
    if "->" not in equation:
        labels = equation.replace(" ", "")
        equation += "->" + "".join(sorted(label for label in set(labels) - {","} if labels.count(label) == 1))
    if len(operands) == 1:
        return _summed(self, equation, operands[0])
    return einstein_sum(self.build, equation, *operands)


def _summed(self: Call, equation: str, x: Tensor) -> Tensor:
    """One operand: sums, and another order of axes."""
    labels, _, result = equation.replace(" ", "").partition("->")
    if "." in labels or len(set(labels)) != len(labels):
        raise self.refuse(f"{equation!r} takes a diagonal or an ellipsis of one operand", "write it with sum and permute")
    gone = [axis for axis, label in enumerate(labels) if label not in result]
    kept = [label for label in labels if label in result]
    y = self.build.SUM(x, ints(*gone), keep_dims=False) if gone else x
    return transpose(self.build, y, [kept.index(label) for label in result])


@op("aten.scaled_dot_product_attention")
def attention(
    self: Call,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """softmax(query @ key^T * scale + mask) @ value. A mask of booleans tells what may be seen."""
    build = self.build
    if dropout_p:
        raise self.refuse("it drops elements, as in training", "call .eval() before exporting")
    if enable_gqa:
        key, value = (_repeated(self, t, query) for t in (key, value))
    factor = query.shape[-1] ** -0.5 if scale is None else scale
    scores = build.BATCH_MATMUL(build.MUL(query, scalar(factor)), key, adj_y=True)
    if is_causal:
        if dims(query)[-2] is None or dims(key)[-2] is None:
            raise self.refuse("it is causal, on lengths that are unknown", "fix them with input_shapes=, or give a mask")
        attn_mask = build.constant(np.tril(np.ones((query.shape[-2], key.shape[-2]), np.bool_)), "mask")
    if attn_mask is not None:
        scores = build.ADD(scores, _penalty(self, attn_mask))
    return build.BATCH_MATMUL(build.SOFTMAX(scores, beta=1.0), value)


def _penalty(self: Call, mask: Tensor) -> Tensor:
    """What is added to scores: what must not be seen gets the least number there is."""
    if mask.dtype != np.bool_:
        return mask
    least = scalar(float(np.finfo(np.float32).min) / 2)
    value = self.build.value(mask)
    if value is not None:
        return self.build.constant(np.where(value, np.float32(0), least), "mask")
    return self.build.SELECT_V2(mask, scalar(0), least)


def _repeated(self: Call, x: Tensor, query: Tensor) -> Tensor:
    """Each head for as many heads of the query."""
    times = query.shape[-3] // x.shape[-3]
    places = np.repeat(np.arange(x.shape[-3], dtype=np.int32), times)
    return self.build.GATHER(x, places, axis=len(x.shape) - 3)


@op("aten.cosine_similarity")
def cosine_similarity(self: Call, a: Tensor, b: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """Along one axis."""
    build, axis = self.build, ints(dim % len(a.shape))

    def length(x: Tensor) -> Tensor:
        return build.MAXIMUM(build.SQRT(build.SUM(build.SQUARE(x), axis, keep_dims=False)), scalar(eps))

    return build.DIV(build.SUM(build.MUL(a, b), axis, keep_dims=False), build.MUL(length(a), length(b)))


@op("aten.t", "aten.numpy_T", "aten.mT")
def turned(self: Call, x: Tensor) -> Tensor:
    """The last two axes exchanged."""
    if len(x.shape) < 2:
        return x
    value = self.build.value(x)
    if value is not None:
        return self.build.constant(np.ascontiguousarray(np.swapaxes(value, -1, -2)), x.name.rpartition("/")[2])
    return move_axis(self.build, x, -1, -2)
