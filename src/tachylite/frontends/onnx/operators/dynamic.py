"""Products with weights of int8 whose other operand is quantized while the model runs: TFLite's hybrid operators do both.

onnxruntime writes them as DynamicQuantizeLinear, MatMulInteger or ConvInteger, Cast, and Mul by the product of both scales.
"""

import numpy as np

from tachylite.frontends import nchw
from tachylite.frontends.erf import Origin
from tachylite.frontends.onnx.node import Node, op
from tachylite.frontends.onnx.operators.spatial import conv
from tachylite.frontends.shaping import ints
from tachylite.frontends.types import cast
from tachylite.model.graph import Quantization, Tensor

PRODUCTS = ("MatMulInteger", "ConvInteger")


@op("DynamicQuantizeLinear")
def dynamic_quantize_linear(self: Node, x: Tensor) -> list[Tensor]:
    """x as uint8, with the scale and zero point that its own range gives; the range holds 0."""
    build, (zero, most) = self.build, (np.float32(0), np.float32(255))
    over = ints(*range(len(x.shape)))
    low = build.MINIMUM(build.REDUCE_MIN(x, over, keep_dims=False), zero)
    high = build.MAXIMUM(build.REDUCE_MAX(x, over, keep_dims=False), zero)
    scale = build.MUL(build.SUB(high, low), np.float32(1 / 255))
    place = build.ROUND(build.MINIMUM(build.MAXIMUM(build.DIV(build.NEG(low), scale), zero), most))
    y = build.MINIMUM(build.MAXIMUM(build.ADD(build.ROUND(build.DIV(x, scale)), place), zero), most)
    results = [cast(build, y, np.uint8), scale, cast(build, place, np.uint8)]
    self.converter.origins.update(dict.fromkeys(results, Origin(self, [x])))
    return results


def hybrid_of(self: Node, x: Tensor, y: Tensor) -> Tensor | None:
    """What such a Mul gives, as one hybrid operator; None where it is another one."""
    for total, scale in ((x, y), (y, x)):
        product, factors = _made(self, _source(self, total, "Cast"), *PRODUCTS), _made(self, scale, "Mul")
        found = _operand(self, product, factors) if product and factors else None
        if product is not None and found is not None:
            return _emit(self, product, *found)
    return None


def _made(self: Node, x: Tensor | None, *names: str) -> Origin | None:
    origin = self.converter.origins.get(x) if x is not None else None
    return origin if origin is not None and origin.node.op in names else None


def _source(self: Node, x: Tensor, name: str) -> Tensor | None:
    made = _made(self, x, name)
    return made.inputs[0] if made else None


def _operand(self: Node, product: Origin, factors: Origin) -> tuple[Tensor, Tensor] | None:
    """The real operand and the weights with their scales, where the weights are symmetric."""
    quantized, weights, _, zero = [*product.inputs, None, None][:4]
    whole = _made(self, quantized, "DynamicQuantizeLinear")
    for step, scale in (factors.inputs, factors.inputs[::-1]):
        made, scales = _made(self, step, "DynamicQuantizeLinear"), self.build.value(scale)
        if whole is None or made is None or made.node is not whole.node or scales is None:
            continue
        if weights.data is not None and weights.dtype == np.int8 and (zero is None or not np.any(self.build.value(zero))):
            return whole.inputs[0], self.build.constant(weights.data, weights.name, _quantization(product, weights, scales))
    return None


def _quantization(product: Origin, weights: Tensor, scales: np.ndarray) -> Quantization:
    """Convolutions have a scale for each filter, because LiteRT's hybrid depthwise ones cannot do with one; matrices as they were."""
    is_conv = product.node.op == "ConvInteger"
    count = weights.shape[0] if is_conv else scales.size
    spread = np.broadcast_to(scales.reshape(-1), count).astype(np.float32)
    return Quantization(spread, np.zeros(count, np.int64), 0 if is_conv or count == 1 else len(weights.shape) - 1)


def _emit(self: Node, product: Origin, x: Tensor, weights: Tensor) -> Tensor | None:
    if product.node.op == "ConvInteger":
        return conv(product.node, x, weights)
    if len(weights.shape) != 2:
        return None
    filters = nchw.turned(self.build, weights, [1, 0])
    return self.build.FULLY_CONNECTED(x, filters, None, keep_num_dims=len(x.shape) > 2, asymmetric_quantize_inputs=True)
