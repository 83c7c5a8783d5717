"""LSTM's basic kernel: one step of one cell, all gates in one matrix, without any of the full kernel's extras. Float32 or uint8."""

from collections.abc import Callable

import numpy as np

from tachylite.model.graph import Operator

from . import gemmlowp
from .exact import multiply_exactly
from .fixedpoint import Multiplier, divide_by_pot, exponent_of, rescale_once, saturate
from .recurrent import expect, sigmoid
from .registry import Spec
from .scales import check_scales

Array = np.ndarray
#: The integer bits of c, int16. The only ones that TensorFlow Lite's kernel knows.
STATE_BITS = 4


def infer(op: Operator, x: Spec, h: Spec, weights: Spec, bias: Spec, c: Spec) -> list[Spec]:
    """h and c after the step, and two intermediate results: the inputs side by side, the levels of the gates."""
    batch, inputs = x.shape
    outputs = h.shape[-1]
    is_integer = x.dtype == np.uint8
    wide = np.dtype(np.int16 if is_integer else np.float32)
    expect(op, 0, "input", x, (batch, inputs), np.float32, np.uint8)
    expect(op, 1, "previous output", h, (batch, outputs), x.dtype)
    expect(op, 2, "weights", weights, (4 * outputs, inputs + outputs), x.dtype)
    expect(op, 3, "bias", bias, (4 * outputs,), np.int32 if is_integer else np.float32)
    expect(op, 4, "previous cell state", c, (batch, outputs), wide)
    if is_integer:
        check_scales(op, op.inputs[2], op.inputs[3], op.outputs[1])
        if exponent_of(op.outputs[1].scale) != STATE_BITS - 15:
            raise op.error(f"found a cell state scale of {op.outputs[1].scale}, needed 2**{STATE_BITS - 15}; quantize the model again")
    kinds = (x.dtype, wide, x.dtype, wide)
    return [Spec((batch, n), kind) for n, kind in zip((outputs, outputs, inputs + outputs, 4 * outputs), kinds, strict=True)]


def updates(op: Operator) -> tuple[int, ...]:
    """h and c, where they are variable tensors; an unrolled cell takes them from the cell before it."""
    return tuple(i for i in (1, 4) if op.inputs[i] is not None and op.inputs[i].is_variable)


def step(op: Operator, x: Array, h: Array, weights: Array, bias: Array, c: Array) -> list[Array]:
    """x: [batch, inputs]; h, c: [batch, outputs]; weights: [4 * outputs, inputs + outputs] of the gates input, cell, forget, output.

    Returns h, c and the intermediate results, then h and c again for the variables that they live in.
    """
    apply: Callable[..., tuple[Array, Array, Array]] = _integer if x.dtype == np.uint8 else _float
    joined = np.concatenate([x, h], axis=-1)
    h, c, levels = apply(op, joined, weights, bias, c)
    return [h, c, joined, levels] + [h if i == 1 else c for i in updates(op)]


def _float(op: Operator, joined: Array, weights: Array, bias: Array, c: Array) -> tuple[Array, Array, Array]:
    levels = joined @ weights.T + bias
    admit, candidate, forget, output = np.split(levels, 4, axis=-1)
    c = sigmoid(admit) * np.tanh(candidate) + sigmoid(forget) * c
    return sigmoid(output) * np.tanh(c), c, levels


def _integer(op: Operator, joined: Array, weights: Array, bias: Array, c: Array) -> tuple[Array, Array, Array]:
    """Activations are uint8 in [-1, 1), levels int16 in Q3.12, c int16 in Q4.11; all else is int16 in Q0.15."""
    total = multiply_exactly(joined, 128, weights, op.inputs[2].zero_point) + bias
    levels = saturate(rescale_once(total, Multiplier.of(4096 * op.inputs[3].scale)), np.dtype(np.int16))
    admit, candidate, forget, output = np.split(levels, 4, axis=-1)
    new = gemmlowp.multiply(gemmlowp.logistic(admit, 3, 16), gemmlowp.tanh(candidate, 3, 16), 16)
    kept = gemmlowp.multiply(gemmlowp.logistic(forget, 3, 16), c, 16)
    c = saturate(gemmlowp.change_bits(new, 0, STATE_BITS, 16) + kept, np.dtype(np.int16))
    squashed = gemmlowp.tanh(gemmlowp.change_bits(c, STATE_BITS, 3, 16), 3, 16)
    h = divide_by_pot(gemmlowp.multiply(gemmlowp.logistic(output, 3, 16), squashed, 16), 8)
    return (np.clip(h, -128, 127) + 128).astype(np.uint8), c, levels
