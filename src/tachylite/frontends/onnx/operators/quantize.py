"""Quantized tensors: QuantizeLinear and DequantizeLinear become TFLite's, which a pass then joins with what stands between them.

An operator on integers is what its definition says: dequantize, compute, quantize. The same pass makes one of TFLite's of it.
"""

import numpy as np

from tachylite.frontends.builder import FrontendBuilder
from tachylite.frontends.onnx.node import Node, op
from tachylite.frontends.onnx.operators.matmul import matmul
from tachylite.frontends.onnx.operators.spatial import conv
from tachylite.frontends.onnx.tensors import dtype_of
from tachylite.frontends.shaping import ints, reshape
from tachylite.frontends.types import cast
from tachylite.model.dtypes import limits
from tachylite.model.graph import Quantization, Tensor
from tachylite.passes.integer import MOVES
from tachylite.passes.rewrite import same_quantization

QUANTIZED = tuple(np.dtype(t) for t in (np.int8, np.uint8, np.int16))


def quantization_of(self: Node, scale: Tensor, zero: Tensor | None, axis: int) -> Quantization | None:
    """Scales and zero points as TFLite keeps them; None where the run computes them, or TFLite has no such tensors."""
    scales, zeros = self.build.value(scale), None if zero is None else self.build.value(zero)
    if scales is None or scales.ndim > 1 or (zero is not None and zeros is None):
        return None
    if zeros is not None and zeros.dtype.itemsize > 1 and zeros.any():
        return None  # 16 bits have their zero in the middle
    points = np.zeros(scales.size, np.int64) if zeros is None else zeros.astype(np.int64).reshape(-1)
    return Quantization(scales.reshape(-1).astype(np.float32), np.broadcast_to(points, scales.size).copy(), axis if scales.size > 1 else 0)


@op("QuantizeLinear")
def quantize_linear(self: Node, x: Tensor, scale: Tensor, zero: Tensor | None = None) -> Tensor:
    dtype = zero.dtype if zero is not None else dtype_of(self.get("output_dtype", 0) or UINT8)
    quantization = quantization_of(self, scale, zero, self.get("axis", 1) % max(len(x.shape), 1))
    x = cast(self.build, x, np.float32)
    if dtype in QUANTIZED and quantization is not None and not self.get("block_size", 0):
        return quantized(self.build, x, dtype, quantization, self.name)
    build, (least, greatest) = self.build, limits(dtype)
    scale, zero = _spread(self, x, scale), None if zero is None else _spread(self, x, zero)
    y = build.ROUND(build.DIV(x, scale))
    y = y if zero is None else build.ADD(y, cast(build, zero, np.float32))
    return cast(build, build.MINIMUM(build.MAXIMUM(y, np.float32(least)), np.float32(greatest)), dtype)


#: TensorProto.DataType.UINT8.
UINT8 = 2


def quantized(build: FrontendBuilder, x: Tensor, dtype: np.dtype, quantization: Quantization, name: str) -> Tensor:
    """x, float32, as integers."""
    result: Tensor = build.QUANTIZE(x, out=Tensor(build.unique(name), x.shape, dtype, quantization))
    return result


@op("DequantizeLinear", is_settled=False)
def dequantize_linear(self: Node, x: Tensor, scale: Tensor, zero: Tensor | None = None) -> Tensor:
    quantization = quantization_of(self, scale, zero, self.get("axis", 1) % max(len(x.shape), 1))
    if quantization is not None and x.dtype in QUANTIZED and not self.get("block_size", 0):
        known = as_quantized(self.build, x, quantization)
        if known is not None:
            return self.build.DEQUANTIZE(known)
    build = self.build
    y = cast(build, x, np.float32)
    y = y if zero is None else build.SUB(y, cast(build, _spread(self, x, zero), np.float32))
    y = build.MUL(y, _spread(self, x, scale))
    value = build.value(y)
    return y if value is None else build.constant(value, self.name)


def as_quantized(build: FrontendBuilder, x: Tensor, quantization: Quantization) -> Tensor | None:
    """x, integers, as a tensor that knows what they stand for; None where it stands for something else already."""
    if x.data is not None:
        return build.constant(x.data, x.name, quantization)
    return x if _note(build, x, quantization) else None


def _note(build: FrontendBuilder, x: Tensor, quantization: Quantization) -> bool:
    """Note what integers stand for, and those that they were only moved from; False where these stand for something else already."""
    if x.is_quantized:
        return same_quantization(x, Tensor("", x.shape, x.dtype, quantization))
    maker = next((op for op in reversed(build.graph.operators) if x in op.outputs), None)
    source = maker.inputs[0] if maker is not None and maker.op in MOVES else None
    if source is not None and source.data is None and not _note(build, source, quantization):
        return False
    x.quantization = quantization
    return True


def _spread(self: Node, x: Tensor, values: Tensor) -> Tensor:
    """Values of each channel or block, so that they broadcast to x."""
    build, axis, block = self.build, self.get("axis", 1) % max(len(x.shape), 1), self.get("block_size", 0)
    if block:
        repeated = build.GATHER(values, (np.arange(x.shape[axis]) // block).astype(np.int32), axis=axis)
        known = build.value(repeated)
        return repeated if known is None else build.constant(known)
    if values.shape in ((), (1,)):
        return build.RESHAPE(values, ints())
    return reshape(build, values, [values.shape[0] if i == axis else 1 for i in range(len(x.shape))])


# Operators on integers.


@op("QLinearConv")
def conv_quantized(
    self: Node,
    x: Tensor,
    x_scale: Tensor,
    x_zero: Tensor,
    kernel: Tensor,
    kernel_scale: Tensor,
    kernel_zero: Tensor,
    scale: Tensor,
    zero: Tensor,
    bias: Tensor | None = None,
) -> Tensor:
    """The bias is int32, in steps of both scales."""
    pixels, filters = real(self, x, x_scale, x_zero), real(self, kernel, kernel_scale, kernel_zero, axis=0)
    if bias is not None:
        step = self.known(x_scale, "scales") * self.known(kernel_scale, "scales")
        bias = self.build.constant((self.known(bias, "biases") * step).astype(np.float32), "bias")
    return quantize_linear(self, conv(self, pixels, filters, bias), scale, zero)


def real(self: Node, x: Tensor, scale: Tensor, zero: Tensor | None = None, *, axis: int = 1) -> Tensor:
    """What integers stand for."""
    inner = Node(self.converter, self.name, self.op, self.version, {"axis": axis}, [True])
    return dequantize_linear(inner, x, scale, zero)


@op("QLinearMatMul")
def matmul_quantized(
    self: Node, a: Tensor, a_scale: Tensor, a_zero: Tensor, b: Tensor, b_scale: Tensor, b_zero: Tensor, scale: Tensor, zero: Tensor
) -> Tensor:
    left, right = real(self, a, a_scale, a_zero, axis=-2), real(self, b, b_scale, b_zero, axis=-1)
    return quantize_linear(self, matmul(self, left, right), scale, zero)


@op("ConvInteger")
def conv_integer(self: Node, x: Tensor, kernel: Tensor, x_zero: Tensor | None = None, kernel_zero: Tensor | None = None) -> Tensor:
    """Sums as int32. TFLite's quantized operators give none, float32 has them exactly up to 2^24."""
    if kernel_zero is not None and len(kernel_zero.shape) == 1:
        kernel_zero = self.build.RESHAPE(kernel_zero, ints(-1, *[1] * (len(kernel.shape) - 1)))
    y = conv(self, _centred(self, x, x_zero), _centred(self, kernel, kernel_zero))
    return cast(self.build, y, np.int32)


@op("MatMulInteger")
def matmul_integer(self: Node, a: Tensor, b: Tensor, a_zero: Tensor | None = None, b_zero: Tensor | None = None) -> Tensor:
    """As ConvInteger. A zero point is one of each row of a, or of each column of b."""
    if a_zero is not None and len(a_zero.shape) == 1 and a_zero.shape[0] > 1:
        a_zero = self.build.EXPAND_DIMS(a_zero, np.array(-1, np.int32))
    return cast(self.build, matmul(self, _centred(self, a, a_zero), _centred(self, b, b_zero)), np.int32)


def _centred(self: Node, x: Tensor, zero: Tensor | None) -> Tensor:
    """x minus its zero point, float32; a constant where it is one."""
    real = cast(self.build, x, np.float32)
    if zero is not None:
        real = self.build.SUB(real, cast(self.build, zero, np.float32))
    value = self.build.value(real)
    return real if value is None else self.build.constant(value, x.name)
