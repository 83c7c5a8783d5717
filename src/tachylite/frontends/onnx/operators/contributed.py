"""Operators of onnxruntime's own domain that its quantizer and its optimizer write."""

from collections.abc import Callable

import numpy as np

from tachylite.frontends.onnx.node import Node, op
from tachylite.frontends.onnx.operators.activation import leaky_relu, sigmoid, softmax
from tachylite.frontends.onnx.operators.elementwise import multiply
from tachylite.frontends.onnx.operators.matmul import gemm
from tachylite.frontends.onnx.operators.quantize import quantize_linear, real
from tachylite.frontends.onnx.operators.shape import concat
from tachylite.frontends.onnx.operators.spatial import average_pool
from tachylite.frontends.shaping import ints
from tachylite.model.graph import Tensor

#: The operator set in which the functions of ONNX's own operators understand these nodes.
VERSION = 13


def _plain(self: Node) -> Node:
    """The node as one of ONNX's own domain."""
    return Node(self.converter, self.name, self.op, VERSION, self.attributes, self.is_read)


def _add(self: Node, x: Tensor, y: Tensor) -> Tensor:
    return self.build.ADD(x, y)


def _global_average(self: Node, x: Tensor) -> Tensor:
    axes = range(1, len(x.shape) - 1) if self.get("channels_last", 0) else range(2, len(x.shape))
    return self.build.MEAN(x, ints(*axes), keep_dims=True)


def _quantized(function: Callable[..., Tensor], count: int) -> Callable[..., Tensor]:
    """A function of so many operands, each of which comes with its scale and zero point, as those of the result do at the end."""

    def emit(self: Node, *operands: Tensor) -> Tensor:
        given = [real(self, *operands[3 * i : 3 * i + 3]) for i in range(count)]
        return quantize_linear(self, function(_plain(self), *given), *operands[3 * count :])

    return emit


FUNCTIONS: dict[str, tuple[Callable[..., Tensor], int]] = {
    "QLinearAdd": (_add, 2),
    "QLinearMul": (multiply, 2),
    "QLinearSigmoid": (sigmoid, 1),
    "QLinearLeakyRelu": (leaky_relu, 1),
    "QLinearSoftmax": (softmax, 1),
    "QLinearAveragePool": (average_pool, 1),
    "QLinearGlobalAveragePool": (_global_average, 1),
}

for _name, (_function, _count) in FUNCTIONS.items():
    op(f"com.microsoft:{_name}")(_quantized(_function, _count))


@op("com.microsoft:QLinearConcat")
def concat_quantized(self: Node, scale: Tensor, zero: Tensor, *operands: Tensor) -> Tensor:
    """The result's scale and zero point come first."""
    parts = [real(self, *operands[i : i + 3]) for i in range(0, len(operands), 3)]
    return quantize_linear(self, concat(_plain(self), *parts), scale, zero)


@op("com.microsoft:QGemm")
def gemm_quantized(
    self: Node,
    a: Tensor,
    a_scale: Tensor,
    a_zero: Tensor,
    b: Tensor,
    b_scale: Tensor,
    b_zero: Tensor,
    c: Tensor | None = None,
    scale: Tensor | None = None,
    zero: Tensor | None = None,
) -> Tensor:
    """The bias is int32, in steps of both scales; without a scale the result is not quantized."""
    axis = 0 if self.get("transB", 0) else 1
    if c is not None:
        step = self.known(a_scale, "scales") * self.known(b_scale, "scales") * self.get("alpha", 1.0)
        c = self.build.constant((self.known(c, "biases") * step).astype(np.float32), "bias")
    y = gemm(_plain(self), real(self, a, a_scale, a_zero), real(self, b, b_scale, b_zero, axis=axis), c)
    return y if scale is None else quantize_linear(self, y, scale, zero)


@op("com.microsoft:Gelu")
def gelu(self: Node, x: Tensor) -> Tensor:
    return self.build.GELU(x, approximate=False)


@op("com.microsoft:FastGelu")
def fast_gelu(self: Node, x: Tensor, bias: Tensor | None = None) -> Tensor:
    return self.build.GELU(x if bias is None else self.build.ADD(x, bias), approximate=True)


@op("com.microsoft:QuickGelu")
def quick_gelu(self: Node, x: Tensor) -> Tensor:
    """x * sigmoid(alpha * x)."""
    return self.build.MUL(x, self.build.LOGISTIC(self.build.MUL(x, np.array(self.get("alpha", 1.702), np.float32))))
