"""Operators that take a transposed or reshaped operand as it was before: by their own means, or by letting the RESHAPE come after them."""

import numpy as np

from tachylite.model.graph import Operator, Tensor
from tachylite.ops import registry
from tachylite.ops.permute import elementwise, inverse

from .canonicalize import RESHAPES
from .layout import transposition
from .rewrite import Replacement, Rewriter, is_float, rule, rules_pass, value_of


@rule("FULLY_CONNECTED")
def into_weights(build: Rewriter, op: Operator) -> Replacement:
    """Rows that are read from a transposed tensor: the weights' columns may be in the order that was before."""
    x, weights = op.inputs[0], op.inputs[1]
    maker = build.maker(x, "TRANSPOSE")
    turn, value = transposition(maker) if maker else None, value_of(weights)
    if turn is None or value is None or weights is None or x is None or len(build.readers(weights)) > 1:
        return None
    source, axes = turn
    if axes[0] != 0 or value.shape[1] != np.prod(x.shape[1:]) or op.options.weights_format != "DEFAULT":
        return None
    if (op.options.keep_num_dims and len(x.shape) != 2) or (weights.quantization is not None and weights.quantization.details):
        return None
    columns = value.reshape(len(value), *x.shape[1:]).transpose(inverse(axes)).reshape(value.shape)
    result: Tensor = build.again(op, source, build.constant(columns, weights.name, weights.quantization), *op.inputs[2:], out=op.outputs[0])
    return result


@rule("BATCH_MATMUL")
def into_matmul(build: Rewriter, op: Operator) -> Replacement:
    """The last two axes exchanged is what adj_x and adj_y say."""
    operands, options, found = list(op.inputs), {}, False
    for position, name in enumerate(("adj_x", "adj_y")):
        maker = build.maker(operands[position], "TRANSPOSE")
        turn = transposition(maker) if maker else None
        rank = len(turn[1]) if turn else 0
        if turn is not None and is_float(*op.inputs) and turn[1] == (*range(rank - 2), rank - 1, rank - 2):
            operands[position], options[name], found = turn[0], not getattr(op.options, name), True
    if not found:
        return None
    result: Tensor = build.again(op, *operands, out=op.outputs[0], **options)
    return result


@rule()
def sink_reshape(build: Rewriter, op: Operator) -> Replacement:
    """An elementwise operator works on what was reshaped for it: the RESHAPE goes behind, out of the way of fusion, and meets others."""
    definition = registry.find(op)
    if definition is None or definition.permute is not elementwise or len(op.outputs) != 1:
        return None
    makers = [build.maker(t, *RESHAPES) if build.is_single(t) else None for t in op.inputs]
    sources = [m.inputs[0] for m in makers if m is not None and m.inputs[0] is not None]
    if not sources or any(not build.probes.alike(s, sources[0]) for s in sources):
        return None
    operands = [
        m.inputs[0] if m is not None and build.probes.alike(m.outputs[0], op.outputs[0]) else _broadcast(build, t, op, sources[0])
        for m, t in zip(makers, op.inputs, strict=True)
    ]
    if any(o is None for o in operands):
        return None
    y, shape = op.outputs[0], sources[0].shape
    result = build.again(op, *operands, out=Tensor(f"{y.name}/{op.op.lower()}", shape, y.dtype, y.quantization))
    return build.reshape(result, y)


def _broadcast(build: Rewriter, tensor: Tensor | None, op: Operator, source: Tensor) -> Tensor | None:
    """A constant that broadcasts to the source as it did to the reshaped tensor: a single element, or one for each channel."""
    value = value_of(tensor)
    if tensor is None or value is None:
        return None
    if value.size == 1:
        return tensor if value.ndim <= len(source.shape) else None
    last = source.shape[-1:] == op.outputs[0].shape[-1:] == (value.size,) == value.shape[-1:]
    return build.constant(value.reshape(-1), tensor.name, tensor.quantization) if last else None


PADS = ("PAD", "PADV2", "MIRROR_PAD")


@rule(*PADS)
def sink_reshape_through_pad(build: Rewriter, op: Operator) -> Replacement:
    """Padding works on it too, where the RESHAPE only adds or removes dimensions of 1, and these are not padded."""
    padded, amounts = op.inputs[0], value_of(op.inputs[1])
    maker = build.maker(padded, *RESHAPES)
    x = maker.inputs[0] if maker else None
    if x is None or padded is None or amounts is None or build.is_kept(padded):
        return None
    if any(r.op not in (*PADS, *RESHAPES) for r in build.readers(padded)):
        return None
    old, new = ([a for a, d in enumerate(build.shape(t)) if d != 1] for t in (padded, x))
    if [build.shape(padded)[a] for a in old] != [build.shape(x)[a] for a in new] or build.shape(x).count(-1) > 1:
        return None
    if np.delete(amounts, old, axis=0).any():
        return None
    moved = np.zeros((len(x.shape), 2), amounts.dtype)
    moved[new] = amounts[old]
    return build.reshape(build.again(op, x, moved, *op.inputs[2:]), op.outputs[0])


OPERANDS = rules_pass("operands", into_weights, into_matmul, sink_reshape, sink_reshape_through_pad)
