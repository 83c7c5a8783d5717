"""One form for what can be said in several, and nothing for what does nothing."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tachylite.model.graph import Operator, Tensor

from .rewrite import Replacement, Rewriter, is_float, rule, rules_pass, same_quantization, value_of

# Nothing.

MOVES = (
    *("RESHAPE", "SQUEEZE", "EXPAND_DIMS", "SLICE", "PAD", "PADV2", "MIRROR_PAD", "TILE", "BROADCAST_TO", "QUANTIZE", "CAST"),
    *("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"),
)
"""Operators whose first input is all of their output where both are of one shape and type."""

RESHAPES = ("RESHAPE", "SQUEEZE", "EXPAND_DIMS")
"""Operators that give the elements another shape, and nothing else."""


@rule(*MOVES)
def drop_same(build: Rewriter, op: Operator) -> Replacement:
    """A move to where things are."""
    return _unchanged(build, op, op.inputs[0])


@rule("TRANSPOSE")
def drop_transpose(build: Rewriter, op: Operator) -> Replacement:
    """Axes in the order that they have."""
    axes = permutation(op)
    return op.inputs[0] if axes is not None and axes == sorted(axes) else None


@rule("STRIDED_SLICE")
def drop_strided_slice(build: Rewriter, op: Operator) -> Replacement:
    """All elements forward; an axis that shrinks and one that is new might stand for each other."""
    strides = value_of(op.inputs[3])
    options = op.options
    if strides is None or (strides < 1).any() or options.shrink_axis_mask or options.new_axis_mask:
        return None
    return _unchanged(build, op, op.inputs[0])


@rule("CONCATENATION")
def drop_single(build: Rewriter, op: Operator) -> Replacement:
    """One operand that is not empty."""
    given = [t for t in op.inputs if t is not None and 0 not in build.shape(t)]
    return _unchanged(build, op, given[0]) if len(given) == 1 else None


@rule("SPLIT", "SPLIT_V")
def drop_split(build: Rewriter, op: Operator) -> Replacement:
    """Into one piece."""
    return _unchanged(build, op, op.inputs[1 if op.op == "SPLIT" else 0]) if len(op.outputs) == 1 else None


def _unchanged(build: Rewriter, op: Operator, x: Tensor | None) -> Tensor | None:
    return x if x is not None and build.alike(x, op.outputs[0]) else None


@rule("QUANTIZE")
def drop_round_trip(build: Rewriter, op: Operator) -> Replacement:
    """What was dequantized is quantized as it was."""
    maker = build.maker(op.inputs[0], "DEQUANTIZE")
    return _unchanged(build, op, maker.inputs[0]) if maker else None


NEUTRAL: dict[str, tuple[float, bool]] = {"ADD": (0, True), "MUL": (1, True), "SUB": (0, False), "DIV": (1, False), "POW": (1, False)}
"""The operand that changes nothing, and whether it may also come first."""


@rule(*NEUTRAL)
def drop_neutral(build: Rewriter, op: Operator) -> Replacement:
    """x + 0, x * 1, x - 0, x / 1, x ** 1; a fused activation is left."""
    neutral, commutes = NEUTRAL[op.op]
    for x, other in [op.inputs, *([op.inputs[::-1]] if commutes else [])]:
        value = value_of(other)
        if value is None or x is None or not is_plain(*op.inputs, *op.outputs) or not (value == neutral).all():
            continue
        if build.alike(x, op.outputs[0]):
            activation = getattr(op.options, "fused_activation_function", "NONE")
            return x if activation == "NONE" else getattr(build, activation)(x) if activation != "TANH" and is_float(x) else None
    return None


INVERSE_OF_ITSELF = ("NEG", "LOGICAL_NOT")


@rule(*INVERSE_OF_ITSELF)
def drop_pairs(build: Rewriter, op: Operator) -> Replacement:
    """Twice is not at all."""
    maker = build.maker(op.inputs[0], op.op)
    return maker.inputs[0] if maker and is_plain(*maker.inputs, *op.outputs) else None


@rule("ABS", "FLOOR", "CEIL", "ROUND", "SIGN", "RELU", "RELU6", "RELU_N1_TO_1", "RELU_0_TO_1")
def drop_again(build: Rewriter, op: Operator) -> Replacement:
    """Twice is once."""
    maker = build.maker(op.inputs[0], op.op)
    return maker.outputs[0] if maker and same_quantization(maker.outputs[0], op.outputs[0]) else None


def is_plain(*tensors: Tensor | None) -> bool:
    """Whether the stored elements of all stand for themselves."""
    return not any(t is not None and t.is_quantized for t in tensors)


# Shapes and the order of axes.


def permutation(op: Operator) -> list[int] | None:
    """The axes of a TRANSPOSE, counted from the front; None where the run decides them."""
    axes = value_of(op.inputs[1])
    return None if axes is None else [int(a) % len(axes) for a in axes]


@rule(*RESHAPES)
def join_reshapes(build: Rewriter, op: Operator) -> Replacement:
    """The last shape is the one that counts."""
    maker = build.maker(op.inputs[0], *RESHAPES)
    if maker is None or not build.is_single(op.inputs[0]) or maker.inputs[0] is None:
        return None
    return build.reshape(maker.inputs[0], op.outputs[0])


@rule("TRANSPOSE")
def join_transposes(build: Rewriter, op: Operator) -> Replacement:
    """Two permutations are one."""
    maker = build.maker(op.inputs[0], "TRANSPOSE")
    if maker is None:
        return None
    first, second = permutation(maker), permutation(op)
    if first is None or second is None:
        return None
    result: Tensor = build.again(op, maker.inputs[0], np.array([first[a] for a in second], np.int32))
    return result


@rule("TRANSPOSE")
def transpose_to_reshape(build: Rewriter, op: Operator) -> Replacement:
    """Where only dimensions of 1 change their places, no element does."""
    x, axes = op.inputs[0], permutation(op)
    if axes is None or x is None:
        return None
    shape = build.shape(x)
    long = [a for a in axes if shape[a] != 1]
    return build.reshape(x, op.outputs[0]) if long == sorted(long) else None


@rule("RESHAPE")
def settle_shape(build: Rewriter, op: Operator) -> Replacement:
    """A shape that is computed from unknown dimensions, or that bakes in the batch that the file states, as a constant with -1."""
    x, shape = op.inputs[0], op.inputs[1] if len(op.inputs) > 1 else None
    if x is None or shape is None or -1 not in build.shape(x):
        return None
    wanted = build.probes.elements(shape)
    if wanted is None or (shape.is_constant and not _is_baked(build, op, x, wanted)):
        return None
    if shape.is_constant:
        wanted = [-1, *op.outputs[0].shape[1:]]
    if wanted.count(-1) > 1:
        return None
    result: Tensor = build.RESHAPE(x, np.array(wanted, np.int32), new_shape=tuple(wanted), quantization=x.quantization)
    return result if result.shape == op.outputs[0].shape else None


def _is_baked(build: Rewriter, op: Operator, x: Tensor, wanted: Sequence[int]) -> bool:
    """Whether the shape's first dimension is the stated size of a batch that is not fixed, all others being fixed."""
    shape, result = build.shape(x), op.outputs[0].shape
    if not result or shape[0] != -1 or -1 in shape[1:] or wanted[0] != x.shape[0] or 0 in result:
        return False
    if wanted[0] != 1 and -1 in wanted:  # the first is no batch, and the batch is left open already
        return False
    return np.prod(result[1:]) == np.prod(x.shape[1:])


# Padding.


@rule("PAD", "PADV2")
def join_pads(build: Rewriter, op: Operator) -> Replacement:
    """Padding around padding of the same value."""
    maker = build.maker(op.inputs[0], op.op)
    amounts = value_of(op.inputs[1])
    inner = value_of(maker.inputs[1]) if maker else None
    if maker is None or amounts is None or inner is None or not build.is_single(op.inputs[0]):
        return None
    if not same_quantization(maker.inputs[0] or op.outputs[0], op.outputs[0]) or not _same(maker.inputs[2:], op.inputs[2:]):
        return None
    result: Tensor = build.again(op, maker.inputs[0], (amounts + inner).astype(amounts.dtype), *op.inputs[2:], out=op.outputs[0])
    return result


def _same(a: Sequence[Tensor | None], b: Sequence[Tensor | None]) -> bool:
    values: list[Any] = [None if t is None or (v := value_of(t)) is None else v.tobytes() for t in (*a, *b)]
    return list(a) == list(b) or (None not in values and values[: len(a)] == values[len(a) :])


WINDOWED = {"CONV_2D": 1, "DEPTHWISE_CONV_2D": 1}
"""Operators that pad with zeros themselves, and the input whose height and width are those of their window."""


@rule(*WINDOWED)
def pad_to_same(build: Rewriter, op: Operator) -> Replacement:
    """Explicit zeros around height and width that are just those of padding SAME."""
    maker = build.maker(op.inputs[0], "PAD")
    filters = op.inputs[WINDOWED[op.op]]
    if maker is None or maker.inputs[0] is None or filters is None or op.options.padding != "VALID":
        return None
    x, amounts = maker.inputs[0], value_of(maker.inputs[1])
    shape = build.shape(x)
    if amounts is None or amounts[0].any() or amounts[3].any() or -1 in shape[1:3] or not same_quantization(x, maker.outputs[0]):
        return None
    options = op.options
    axes = zip(
        shape[1:3],
        filters.shape[1:3],
        (options.stride_h, options.stride_w),
        (options.dilation_h_factor, options.dilation_w_factor),
        amounts[1:3].tolist(),
        strict=True,
    )
    if not all(_same_padding(size, window, stride, dilation) == pad for size, window, stride, dilation, pad in axes):
        return None
    result: Tensor = build.again(op, x, *op.inputs[1:], padding="SAME", out=op.outputs[0])
    return result


def _same_padding(size: int, window: int, stride: int, dilation: int) -> list[int]:
    """What padding SAME puts before and behind an axis."""
    outputs = -(-size // stride)
    total = max(0, (outputs - 1) * stride + (window - 1) * dilation + 1 - size)
    return [total // 2, total - total // 2]


# Operands.


@rule("DIV", "SUB")
def by_constant(build: Rewriter, op: Operator) -> Replacement:
    """x / c as x * (1 / c), x - c as x + (-c): one form for what follows, and the faster one."""
    x, value = op.inputs[0], value_of(op.inputs[1])
    if value is None or not is_float(*op.inputs, *op.outputs) or (op.op == "DIV" and not np.all(np.abs(value) > np.finfo(np.float32).tiny)):
        return None
    activation = op.options.fused_activation_function
    if op.op == "DIV":
        return build.MUL(x, np.float32(1) / value, fused_activation_function=activation)
    return build.ADD(x, -value, fused_activation_function=activation)


BROADCASTING = (
    *("ADD", "SUB", "MUL", "DIV", "MAXIMUM", "MINIMUM", "POW", "SQUARED_DIFFERENCE"),
    *("EQUAL", "NOT_EQUAL", "LESS", "LESS_EQUAL", "GREATER", "GREATER_EQUAL"),
)


@rule(*BROADCASTING)
def drop_broadcast(build: Rewriter, op: Operator) -> Replacement:
    """An operand is broadcast by the operator itself, as far as the other one asks for it."""
    for position, tensor in enumerate(op.inputs):
        maker = build.maker(tensor, "BROADCAST_TO")
        other = op.inputs[1 - position]
        if maker is None or tensor is None or other is None or not same_quantization(maker.inputs[0] or tensor, tensor):
            continue
        if build.probes.alike(other, op.outputs[0]):
            operands = [maker.inputs[0] if i == position else t for i, t in enumerate(op.inputs)]
            result: Tensor = build.again(op, *operands, out=op.outputs[0])
            return result
    return None


@rule("FULLY_CONNECTED")
def reshape_into_fully_connected(build: Rewriter, op: Operator) -> Replacement:
    """It reads rows of its input whatever shape they are in."""
    maker = build.maker(op.inputs[0], *RESHAPES)
    if maker is None or maker.inputs[0] is None or not maker.inputs[0].shape or op.options.keep_num_dims or len(op.outputs) != 1:
        return None
    if not same_quantization(maker.inputs[0], maker.outputs[0]):
        return None
    result: Tensor = build.again(op, maker.inputs[0], *op.inputs[1:], out=op.outputs[0])
    return result


@rule("RESHAPE")
def reshape_of_fully_connected(build: Rewriter, op: Operator) -> Replacement:
    """Rows that come in several dimensions may go out in them."""
    maker = build.maker(op.inputs[0], "FULLY_CONNECTED")
    if maker is None or len(maker.outputs) != 1 or not build.is_single(maker.outputs[0]) or maker.inputs[0] is None:
        return None
    x, weights, y = maker.inputs[0], maker.inputs[1], op.outputs[0]
    if weights is None or not same_quantization(maker.outputs[0], y) or not x.shape or not y.shape:
        return None
    if x.shape[-1] != weights.shape[1] or y.shape[-1] != weights.shape[0] or build.shape(x)[:-1] != build.shape(y)[:-1]:
        return None
    if build.shape(x)[:-1].count(-1) > 1 or not build.probes.is_certain(x):
        return None
    result: Tensor = build.again(maker, *maker.inputs, out=y, keep_num_dims=True)
    return result


CANONICALIZE = rules_pass(
    "canonicalize",
    drop_same,
    drop_transpose,
    drop_strided_slice,
    drop_single,
    drop_split,
    drop_round_trip,
    drop_neutral,
    drop_pairs,
    drop_again,
    join_reshapes,
    join_transposes,
    transpose_to_reshape,
    settle_shape,
    join_pads,
    pad_to_same,
    by_constant,
    drop_broadcast,
    reshape_into_fully_connected,
    reshape_of_fully_connected,
)
