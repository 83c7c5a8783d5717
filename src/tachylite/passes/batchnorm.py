"""Affine operators by constants, one number per channel, folded into the layer before or behind them: batch norm, bias, scaling.

Only plain float layers; a quantized one has its rounding between the two.
"""

import numpy as np

from tachylite.model.graph import Operator, Tensor

from .linear import Layer
from .rewrite import Replacement, Rewriter, is_float, rule, rules_pass, value_of


def affine(op: Operator, channels: int) -> tuple[Tensor, np.ndarray, np.ndarray] | None:
    """(x, factor, offset) where `op` computes x * factor + offset with a number for each of the last axis's channels; None where not."""
    if not is_float(*op.inputs, *op.outputs):
        return None
    if op.op == "NEG" and op.inputs[0] is not None:
        return op.inputs[0], np.full(channels, -1, np.float32), np.zeros(channels, np.float32)
    for position, x in enumerate(op.inputs):
        constant = value_of(op.inputs[1 - position]) if len(op.inputs) == 2 else None
        if constant is None or x is None or x.is_constant or x.shape != op.outputs[0].shape:
            continue
        vector = per_channel(constant, channels)
        if vector is None:
            continue
        one, zero = np.ones(channels, np.float32), np.zeros(channels, np.float32)
        if op.op == "MUL":
            return x, vector, zero
        if op.op == "ADD":
            return x, one, vector
        if op.op == "SUB":
            return (x, one, -vector) if position == 0 else (x, -one, vector)
    return None


def per_channel(value: np.ndarray, channels: int) -> np.ndarray | None:
    """A constant as one number for each channel; None where it differs along other axes."""
    if value.size not in (1, channels) or (value.size > 1 and value.shape[-1] != channels):
        return None
    return np.broadcast_to(value.reshape(-1), (channels,))


AFFINE = ("MUL", "ADD", "SUB", "NEG")


@rule(*AFFINE)
def into_layer_before(build: Rewriter, op: Operator) -> Replacement:
    """(w x + b) * m + a = (w m) x + (b m + a)."""
    y = op.outputs[0]
    found = affine(op, y.shape[-1]) if y.shape else None
    layer = Layer.of(build.maker(found[0])) if found else None
    if found is None or layer is None or layer.op.options.fused_activation_function != "NONE" or not build.is_single(found[0]):
        return None
    _, factor, offset = found
    if layer.outputs != y.shape[-1]:
        return None
    scaled = not (factor == 1).all()
    if scaled and not _is_own(build, layer):
        return None
    activation = getattr(op.options, "fused_activation_function", "NONE")
    weights = layer.weights * layer.along_outputs(factor) if scaled else None
    return layer.rebuild(build, y, weights=weights, bias=layer.bias * factor + offset, activation=activation)


def _is_own(build: Rewriter, layer: Layer) -> bool:
    """Whether nobody else reads the weights: otherwise there would be two of them."""
    weights = layer.op.inputs[layer.place.weights]
    return weights is not None and len(build.readers(weights)) == 1


@rule("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
def into_layer_behind(build: Rewriter, op: Operator) -> Replacement:
    """w (x * m + a) + b = (w m) x + (w a + b), unless padding puts zeros where a would be."""
    layer = Layer.of(op)
    maker = build.maker(layer.x, *AFFINE) if layer else None
    if layer is None or maker is None or layer.x is None or not build.is_single(layer.x) or not _is_own(build, layer):
        return None
    if getattr(maker.options, "fused_activation_function", "NONE") != "NONE" or not layer.x.shape:
        return None
    found = affine(maker, layer.x.shape[-1])
    if found is None:
        return None
    x, factor, offset = found
    if offset.any() and _pads(op, layer.x):
        return None
    spread = _along_inputs(layer, np.stack([factor, offset]))
    if spread is None:
        return None
    axes = tuple(a for a in range(layer.weights.ndim) if a != layer.place.outputs)
    bias = layer.bias + (layer.weights.astype(np.float64) * spread[1]).sum(axes)
    return layer.rebuild(build, op.outputs[0], x=x, weights=layer.weights * spread[0], bias=bias)


def _along_inputs(layer: Layer, vectors: np.ndarray) -> np.ndarray | None:
    """Numbers for each input channel, [2, channels], broadcast to the weights, [2, *weights.shape]."""
    weights, channels = layer.weights, vectors.shape[-1]
    if layer.op.op == "DEPTHWISE_CONV_2D":
        return np.repeat(vectors, weights.shape[-1] // channels, axis=-1).reshape(2, 1, 1, 1, -1)
    depth = weights.shape[-1]
    if layer.op.op == "FULLY_CONNECTED":
        return np.tile(vectors, depth // channels).reshape(2, 1, -1) if depth % channels == 0 else None
    groups = channels // depth
    of_group = vectors.reshape(2, groups, depth)
    return np.repeat(of_group, len(weights) // groups, axis=1).reshape(2, len(weights), 1, 1, depth)


def _pads(op: Operator, x: Tensor) -> bool:
    """Whether a convolution may see zeros around its input."""
    if op.op == "FULLY_CONNECTED":
        return False
    weights = op.inputs[1]
    return op.options.padding == "SAME" and weights is not None and weights.shape[1:3] != (1, 1)


@rule("MUL", "ADD")
def join_constants(build: Rewriter, op: Operator) -> Replacement:
    """(x * a) * b = x * (a b), (x + a) + b = x + (a + b)."""
    outer = _constant_operand(op)
    maker = build.maker(outer[0], op.op) if outer else None
    inner = _constant_operand(maker) if maker else None
    if outer is None or maker is None or inner is None or not _is_bare(maker) or not build.is_single(outer[0]):
        return None
    value = inner[1] * outer[1] if op.op == "MUL" else inner[1] + outer[1]
    if value.size > max(inner[1].size, outer[1].size) or np.broadcast_shapes(value.shape, inner[0].shape) != op.outputs[0].shape:
        return None
    result: Tensor = build.again(op, inner[0], value.astype(np.float32), out=op.outputs[0])
    return result


@rule("ADD")
def multiply_first(build: Rewriter, op: Operator) -> Replacement:
    """(x + a) * b + c = x * b + (a b + c): two operators in the place of three, and the form that layers take."""
    outer = _constant_operand(op)
    product = build.maker(outer[0], "MUL") if outer else None
    middle = _constant_operand(product) if product else None
    added = build.maker(middle[0], "ADD") if middle else None
    inner = _constant_operand(added) if added else None
    if outer is None or product is None or middle is None or added is None or inner is None:
        return None
    if not (_is_bare(product) and _is_bare(added) and build.is_single(outer[0]) and build.is_single(middle[0])):
        return None
    x, y = inner[0], op.outputs[0]
    if not (x.shape == middle[0].shape == outer[0].shape == y.shape):
        return None
    offset = inner[1] * middle[1] + outer[1]
    if offset.size > max(inner[1].size, middle[1].size, outer[1].size):
        return None
    result: Tensor = build.again(op, build.again(product, x, middle[1]), offset, out=y)
    return result


def _constant_operand(op: Operator) -> tuple[Tensor, np.ndarray] | None:
    """The computed and the constant operand of a float operator that has one of each."""
    if not is_float(*op.inputs, *op.outputs) or len(op.inputs) != 2:
        return None
    for x, other in (op.inputs, op.inputs[::-1]):
        value = value_of(other)
        if value is not None and x is not None and not x.is_constant:
            return x, value
    return None


def _is_bare(op: Operator) -> bool:
    return bool(op.options.fused_activation_function == "NONE")


BATCH_NORM = rules_pass("batch norm", into_layer_before, into_layer_behind, join_constants, multiply_first)
