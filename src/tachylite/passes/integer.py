"""Quantized operators out of real ones: what stands between DEQUANTIZE and QUANTIZE is computed on the integers themselves.

This is how ONNX, PyTorch and training with simulated quantization describe quantized models. DEQUANTIZE moves down through operators that
only move elements and QUANTIZE up, until both meet at an operator that has a quantized form.
"""

import numpy as np

from tachylite.model.dtypes import limits
from tachylite.model.errors import OpError
from tachylite.model.graph import Graph, Operator, Quantization, Tensor
from tachylite.ops import inference

from .canonicalize import permutation
from .integer_forms import BYTES, FORMS, INT8, UINT8, in_type, is_per_tensor, made_like, middle_of, recast, takes
from .rewrite import Replacement, Rewriter, is_float, rule, rules_pass, same_quantization, value_of
from .runner import Keep, Pass

#: Operators whose first input gives all elements of the result, or zeros do.
MOVES = (
    *("TRANSPOSE", "RESHAPE", "SQUEEZE", "EXPAND_DIMS", "SLICE", "STRIDED_SLICE", "GATHER", "TILE", "REVERSE_V2", "PAD", "MIRROR_PAD"),
    *("SPACE_TO_DEPTH", "DEPTH_TO_SPACE", "SPACE_TO_BATCH_ND", "BATCH_TO_SPACE_ND", "BROADCAST_TO", "MAX_POOL_2D"),
    "RESIZE_NEAREST_NEIGHBOR",
)

#: Functions that commute with rounding: limits, and MOVES.
LIMITS = ("RELU", "RELU6")


# Moving.


@rule(*MOVES)
def sink_dequantize(build: Rewriter, op: Operator) -> Replacement:
    """The elements are moved as integers, and then dequantized."""
    source = build.maker(op.inputs[0], "DEQUANTIZE")
    if source is None or source.inputs[0] is None or not source.inputs[0].is_quantized:
        return None
    x, y = source.inputs[0], op.outputs[0]
    quantization = _moved_scales(op, x)
    if quantization is None or not takes(op, x.dtype):
        return None
    moved = build.again(op, x, *op.inputs[1:], out=made_like(y, x.dtype, quantization, "quantized"))
    return build.DEQUANTIZE(_settled(build, op, x, moved))


def _moved_scales(op: Operator, x: Tensor) -> Quantization | None:
    """What the moved integers stand for; scales follow their axis where it is told where it goes."""
    q = x.quantization
    if q is None or q.details is not None or not q.is_per_channel:
        return q if q is not None and q.details is None else None
    if op.op == "TRANSPOSE" and (axes := permutation(op)) is not None:
        return Quantization(q.scale, q.zero_point, axes.index(q.axis))
    place = value_of(op.inputs[1]) if op.op == "EXPAND_DIMS" else None
    return q if place is not None and int(place.item()) % (len(x.shape) + 1) > q.axis else None


def _settled(build: Rewriter, op: Operator, x: Tensor, moved: Tensor) -> Tensor:
    """The moved integers as a constant, where they are one."""
    made = build.graph.operators[-1]
    if not all(t is None or t.is_constant for t in made.inputs):
        return moved
    results = inference.infer(made, [None if t is None else inference.constant_spec(t) for t in made.inputs])
    if not results or results[0].value is None:
        return moved
    build.graph.operators.pop()
    return build.constant(np.array(results[0].value), x.name, moved.quantization)


@rule("QUANTIZE")
def raise_quantize(build: Rewriter, op: Operator) -> Replacement:
    """What is quantized anyway is moved as integers."""
    x, y = op.inputs[0], op.outputs[0]
    source = build.maker(x, *MOVES, *LIMITS)
    if x is None or source is None or not is_float(x) or not build.is_single(x) or not is_per_tensor(y):
        return None
    inner = source.inputs[0]
    if inner is None or not is_float(inner) or not takes(source, y.dtype):
        return None
    early = build.QUANTIZE(inner, out=made_like(inner, y.dtype, y.quantization, "quantized"))
    if source.op == "RELU" and y.zero_point == limits(y.dtype)[0]:
        return early
    result: Tensor = build.again(source, early, *source.inputs[1:], out=y)
    return result


@rule("QUANTIZE")
def drop_limit(build: Rewriter, op: Operator) -> Replacement:
    """Bounds beyond which the integers do not go."""
    x, y = op.inputs[0], op.outputs[0]
    source = build.maker(x, "MINIMUM", "MAXIMUM")
    if x is None or source is None or not is_float(x) or not build.is_single(x) or not is_per_tensor(y):
        return None
    value, inner = value_of(source.inputs[1]), source.inputs[0]
    if value is None or value.size != 1 or inner is None or inner.shape != x.shape:
        return None
    least, greatest = ((n - y.zero_point) * float(y.scale) for n in limits(y.dtype))
    half = 0.5 * float(y.scale)
    is_idle = value.item() >= greatest - half if source.op == "MINIMUM" else value.item() <= least + half
    return build.QUANTIZE(inner, out=y) if is_idle else None


@rule("QUANTIZE")
def drop_shift(build: Rewriter, op: Operator) -> Replacement:
    """A change of type that loses nothing, before another one."""
    inner = build.maker(op.inputs[0], "QUANTIZE")
    x, middle = (inner.inputs[0], inner.outputs[0]) if inner else (None, None)
    if x is None or middle is None or not _is_shift(x, middle):
        return None
    y = op.outputs[0]
    return x if x.dtype == y.dtype and same_quantization(x, y) and build.probes.alike(x, y) else build.QUANTIZE(x, out=y)


def _is_shift(x: Tensor, y: Tensor) -> bool:
    """Whether bytes are only numbered anew."""
    if x.dtype not in BYTES or y.dtype not in BYTES or not (is_per_tensor(x) and is_per_tensor(y)) or x.scale != y.scale:
        return False
    return y.zero_point - x.zero_point == limits(y.dtype)[0] - limits(x.dtype)[0]


# Computing.


@rule("QUANTIZE")
def quantized(build: Rewriter, op: Operator) -> Replacement:
    """An operator of real numbers that came out of integers and go into integers, in its quantized form."""
    x, y = op.inputs[0], op.outputs[0]
    source = build.maker(x, *FORMS)
    if x is None or source is None or not is_float(x) or not build.is_single(x) or not is_per_tensor(y) or len(source.outputs) != 1:
        return None
    try:
        return FORMS[source.op](build, source, y)
    except OpError:
        return None  # the quantized form takes less than the real one


_INTEGER = rules_pass("integer", sink_dequantize, raise_quantize, drop_limit, drop_shift, quantized)


# Signs. Weights of int8 meet tensors of uint8 in ONNX; in TFLite both have one type.


@rule("DEQUANTIZE")
def signed_dequantize(build: Rewriter, op: Operator) -> Replacement:
    """uint8 by way of int8."""
    x, y = op.inputs[0], op.outputs[0]
    if x is None or x.is_constant or x.dtype != UINT8 or not is_per_tensor(x):
        return None
    return build.DEQUANTIZE(recast(build, x, INT8), out=y)


@rule("QUANTIZE")
def signed_quantize(build: Rewriter, op: Operator) -> Replacement:
    """uint8 by way of int8."""
    x, y = op.inputs[0], op.outputs[0]
    if not is_float(x) or y.dtype != UINT8 or not is_per_tensor(y):
        return None
    return build.QUANTIZE(build.QUANTIZE(x, out=made_like(y, INT8, in_type(y, INT8), "int8")), out=y)


_SIGNED = rules_pass("signed", signed_dequantize, signed_quantize)


def _change_signs(graph: Graph, keep: Keep) -> bool:
    weights = [op.inputs[0] for op in graph.operators if op.op == "DEQUANTIZE"]
    return any(w is not None and _is_symmetric(w) for w in weights) and _SIGNED.change(graph, keep)


def _is_symmetric(weights: Tensor) -> bool:
    """Whether these are weights whose zero is in the middle, as that of int8 must be."""
    q = weights.quantization
    is_matrix = weights.is_constant and len(weights.shape) > 1 and weights.dtype in BYTES
    return is_matrix and q is not None and bool((q.zero_point == middle_of(weights)).all())


INTEGER = (Pass("signed", _change_signs), _INTEGER)
"""For models that describe quantization by DEQUANTIZE and QUANTIZE."""
