"""An LSTM along a sequence, in integers alone: int8 inputs, weights and outputs.

Two forms differ in how a gate adds up its parts before the activation. Files tell them apart by the number of intermediate tensors:
with 5, the parts are int16 ("8x8 to 16"); with 12, each part is first an int8 number of its own scale ("8x8 to 8").
Between the gates everything is int16: what a gate lets through in Q0.15, its level before the activation in Q3.12.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from tachylite.model.graph import Operator, Tensor

from . import gemmlowp
from .exact import exact_product
from .fixedpoint import Multiplier, divide_by_pot, exponent_of, rescale, rescale_int64, round_half_away, saturate
from .lstm_cell import GATES, Cell, Gate
from .recurrent import State, Weights, clip, walk
from .scales import check_scales

Array = np.ndarray
INT8, INT16 = np.dtype(np.int8), np.dtype(np.int16)

#: What a gate lets through, from its share of the inputs, h and c.
Opening = Callable[[Array, Array, Array], Array]

FEW, MANY = 5, 12
ONE = 32767  # in Q0.15


def check(op: Operator) -> None:
    """Raise OpError unless the quantization of every operand is one that the integer cell can work with."""
    forms = (FEW, MANY) if op.op == "LSTM" else (FEW,)
    if len(op.intermediates) not in forms:
        needed = " or ".join(str(n) for n in forms)
        raise op.error(f"found {len(op.intermediates)} intermediate tensors, needed {needed}; quantize the model again")
    has_norm = len(op.inputs) > 21 and op.inputs[21] is not None
    operands = [t for t in op.inputs if t is not None and t.dtype != np.int32]
    check_scales(op, *operands, op.outputs[0], *(op.intermediates if has_norm else op.intermediates[4:5]))
    power = exponent_of(op.inputs[19].scale)
    if power is None or not -15 <= power <= -9:
        raise op.error(f"found a cell state scale of {op.inputs[19].scale}, needed 2**-15 to 2**-9; quantize the model again")
    if len(op.intermediates) == MANY:
        _check_narrow(op, has_norm and power == -15)


def _check_narrow(op: Operator, is_fit: bool) -> None:
    """The form with 12 intermediate tensors exists for one kind of cell alone."""
    has_projection = all(op.inputs[i] is not None for i in (16, 17))
    has_others = any(op.inputs[i] is not None for i in (1, 9, 10, 11))
    if not is_fit or not has_projection or has_others:
        needed = "a coupled input gate, layer norms, a projection with bias, no peepholes and a cell state scale of 2**-15"
        raise op.error(f"the form with {MANY} intermediate tensors needs {needed}; use the form with {FEW}")


def power_of(op: Operator) -> int:
    """log2 of the scale of c."""
    power = exponent_of(op.inputs[19].scale)
    assert power is not None
    return power


def run(op: Operator, cell: Cell, x: Array, state: State, time_major: bool) -> tuple[Array, State]:
    """x: int8 [time, batch, inputs]; state: h, int8 [batch, outputs], and c, int16 [batch, cells].

    Returns h after every step and the last state.
    """
    form = _wide if len(op.intermediates) == FEW else _narrow
    gates = {name: form(op, GATES.index(name), gate, time_major) for name, gate in cell.gates.items()}
    drive = np.stack([gate.drive(x) for gate in gates.values()], axis=1)
    power = power_of(op)
    # The narrow form's c ends at 1 and is not clipped there.
    limit = 0 if form is _narrow and op.options.cell_clip >= 1 else steps_of(op.options.cell_clip, op.inputs[19], INT16)
    emit = _wide_output(op, cell) if form is _wide else _narrow_output(op, cell)

    def step(now: Array, past: State) -> State:
        h, c = past
        inputs = dict(zip(gates, now, strict=True))
        forget = gates["forget"].open(inputs["forget"], h, c)
        admit = gates["input"].open(inputs["input"], h, c) if "input" in gates else ONE - forget
        candidate = gates["cell"].open(inputs["cell"], h, c)
        kept, new = divide_by_pot(forget * c, 15), divide_by_pot(admit * candidate, 30 + power)
        c = clip(saturate(kept.astype(np.int16).astype(np.int64) + new.astype(np.int16), INT16), limit)
        output = gates["output"].open(inputs["output"], h, c)
        return emit(output, c), c

    return walk(step, drive, state)


@dataclass(frozen=True)
class _Gate:
    """drive: the part that depends on the inputs x [..., inputs] alone. open: what the gate lets through, int64 in Q0.15."""

    drive: Callable[[Array], Array]
    open: Opening


def effective(a: np.float32, b: np.float32, c: np.float32) -> Multiplier:
    """a * b / c, in float32 and in this order: the multipliers of TensorFlow Lite's kernel, to the last bit."""
    return Multiplier.of(np.float32(np.float32(a * b) / c))


def steps_of(real: float, tensor: Tensor | None, dtype: np.dtype) -> int:
    """A clipping limit in whole steps of a tensor; 0 means none."""
    return int(min(np.float32(real) / tensor.scale, np.float32(np.iinfo(dtype).max)))


@cache
def _table(function: Callable[..., Array], integer_bits: int) -> Array:
    """A fixed-point function of every int16 number, from the least on, in Q0.15."""
    table = function(np.arange(-32768, 32768), integer_bits, 16)
    table.flags.writeable = False
    return table


def _sigmoid(x: Array) -> Array:
    return _table(gemmlowp.logistic, 3)[x + 32768]


def _tanh(x: Array, integer_bits: int = 3) -> Array:
    return _table(gemmlowp.tanh, integer_bits)[x.astype(np.int64) + 32768]


# 8x8 to 16.


def _wide(op: Operator, index: int, gate: Gate, time_major: bool) -> _Gate:
    """A gate whose parts are int16. They share the scale of its intermediate tensor, or Q3.12 where no normalization follows."""
    source, kept = op.inputs[0], op.inputs[18]
    scale = level_scale(op, index, gate)
    into = exact_product(gate.weights.value, source.zero_point, gate.bias if gate.norm is None else 0)
    recurrent = exact_product(gate.recurrent.value, kept.zero_point)
    into_scale = effective(gate.weights.scale, source.scale, scale)
    recurrent_scale = effective(gate.recurrent.scale, kept.scale, scale)
    peephole_scale = None if gate.peephole is None else scale_of_peephole(op, gate.peephole, scale)
    activation = _tanh if GATES[index] == "cell" else _sigmoid

    def level(drive: Array, h: Array, c: Array) -> Array:
        y = saturate(drive + rescale(recurrent(h), recurrent_scale), INT16)
        if gate.peephole is not None and peephole_scale is not None:
            y = _add_peephole(y, gate.peephole.value, c, peephole_scale, h.shape[-1], time_major)
        if gate.norm is not None:
            y = _normalize(y, gate.norm.value, gate.bias, Multiplier.of(gate.norm.scale), least_variance(gate.norm))
        return y.astype(np.int64)

    return _Gate(lambda x: saturate(rescale(into(x), into_scale), INT16), lambda drive, h, c: activation(level(drive, h, c)))


def level_scale(op: Operator, index: int, gate: Gate) -> np.float32:
    """Of a gate's level, before any normalization."""
    return np.float32(2**-12) if gate.norm is None else op.intermediates[index].scale


def scale_of_peephole(op: Operator, peephole: Weights, scale: np.float32) -> Multiplier:
    """From products with c to levels of this scale."""
    return Multiplier.of(np.float32(2.0 ** power_of(op) * float(peephole.scale) / float(scale)))


def least_variance(norm: Weights) -> int:
    """What a variance below 1 counts as."""
    return max(1, int(np.float32(10000) * norm.scale))


def _add_peephole(y: Array, weights: Array, c: Array, scale: Multiplier, outputs: int, time_major: bool) -> Array:
    """y + weights * c, int16 [batch, cells].

    TensorFlow Lite walks over the batch in rows of h, not of c, and its results are the definition here: where a projection makes h
    narrower, the peepholes of the last cells (time first: the last elements of the batch) have no effect and the others are displaced.
    """
    width = min(outputs, c.shape[-1])
    groups = 1 if time_major else len(c)
    y, c = y.reshape(groups, -1).astype(np.int64), c.reshape(groups, -1)
    count = y.shape[-1] // len(weights) * width
    product = np.resize(weights[:width], count).astype(np.int64) * c[:, :count]
    y[:, :count] += rescale(product, scale)
    return saturate(y, INT16).reshape(-1, len(weights))


def _normalize(x: Array, weights: Array, bias: Array, scale: Multiplier, least_variance: int) -> Array:
    """Integer layer normalization of each row of x, int16 [batch, cells], into Q3.12.

    Means have 10 fraction bits, variances none; a variance below 1 counts as `least_variance`.
    """
    x, n = x.astype(np.int64), x.shape[-1]
    mean = _divide(x.sum(axis=-1, keepdims=True) * 1024, n)
    variance = _divide(np.square(x).sum(axis=-1, keepdims=True) * (2**20 // n) - mean * mean, 2**20)
    centred = rescale(1024 * x - mean, gemmlowp.inverse_sqrt(np.where(variance < 1, least_variance, variance)))
    weighted = centred * weights + bias
    rounded = _divide(weighted + np.where(weighted > 0, 512, -512), 1024)
    return saturate(rescale(rounded, Multiplier(scale.mantissa, scale.shift + 12)), INT16)


def _divide(a: Array, b: int) -> Array:
    """C's integer division: toward zero."""
    return np.sign(a) * (np.abs(a) // b)


def _wide_output(op: Operator, cell: Cell) -> Callable[[Array, Array], Array]:
    """h, int8, from what the output gate lets through and c."""
    hidden, kept, integer_bits = op.intermediates[4], op.inputs[18], 15 + power_of(op)
    hidden_scale = Multiplier.of(np.float32(2.0**-15 / float(hidden.scale) * 2.0**-15))

    def unprojected(output: Array, c: Array) -> Array:
        return rescale(output * _tanh(c, integer_bits), hidden_scale)

    if cell.projection is None:
        return lambda output, c: saturate(unprojected(output, c) + hidden.zero_point, INT8)
    scale = effective(cell.projection.scale, hidden.scale, kept.scale)
    # The hidden value is stored less its zero point, not plus, and read back accordingly.
    project = exact_product(cell.projection.value, -hidden.zero_point, 0 if cell.projection_bias is None else cell.projection_bias)
    limit = steps_of(op.options.proj_clip, op.outputs[0], INT8)

    def emit(output: Array, c: Array) -> Array:
        y = project(saturate(unprojected(output, c) - hidden.zero_point, INT8))
        return clip(saturate(rescale(y, scale) + kept.zero_point, INT8), limit)

    return emit


# 8x8 to 8.


def _narrow(op: Operator, index: int, gate: Gate, time_major: bool) -> _Gate:
    """A gate whose two parts are int8. Its three intermediate tensors give the scales of their sum and of both parts.

    For the output gate, TensorFlow Lite reads the recurrent part's scale from beyond its table, which loses that part. Here it counts.
    """
    source, kept = op.inputs[0], op.inputs[18]
    total, into_part, recurrent_part = op.intermediates[3 * index : 3 * index + 3]
    into, recurrent = exact_product(gate.weights.value, source.zero_point), exact_product(gate.recurrent.value, kept.zero_point)
    into_scale = effective(gate.weights.scale, source.scale, into_part.scale)
    recurrent_scale = effective(gate.recurrent.scale, kept.scale, recurrent_part.scale)
    into_share, recurrent_share = (Multiplier.of(part.scale / total.scale) for part in (into_part, recurrent_part))
    activation = _tanh_by_float if GATES[index] == "cell" else _sigmoid_by_float
    assert gate.norm is not None
    norm, norm_scale = gate.norm.value, _real(Multiplier.of(gate.norm.scale))

    def drive(x: Array) -> Array:
        part = saturate(rescale(into(x), into_scale) + into_part.zero_point, INT8).astype(np.int64)
        return rescale(part - into_part.zero_point, into_share)

    def opening(drive: Array, h: Array, c: Array) -> Array:
        part = saturate(rescale(recurrent(h), recurrent_scale) + recurrent_part.zero_point, INT8).astype(np.int64)
        level = saturate(drive + rescale(part - recurrent_part.zero_point, recurrent_share), INT16)
        return activation(_normalize_by_float(level, norm, gate.bias, norm_scale))

    return _Gate(drive, opening)


def _real(multiplier: Multiplier) -> np.float32:
    return np.float32(np.ldexp(float(multiplier.mantissa), multiplier.shift - 31))


def _normalize_by_float(x: Array, weights: Array, bias: Array, scale: np.float32) -> Array:
    """Layer normalization of each row of x, int16 [batch, cells], in float32, into Q3.12."""
    x = x.astype(np.float32)
    mean = _mean(x)
    variance = _mean(np.square(x)) - np.square(mean)
    deviation = np.sqrt(np.where(variance == 0, np.float32(1e-8), variance))
    y = (x - mean) * (1 / deviation) * weights.astype(np.float32) * scale + bias.astype(np.float32) * (np.float32(2**-10) * scale)
    return saturate(round_half_away(y * np.float32(4096)), INT16)


def _mean(x: Array) -> Array:
    """The mean of each row, summed in order, since the rounding of every sum shows in the result."""
    return np.cumsum(x, axis=-1)[..., -1:] / np.float32(x.shape[-1])


def _sigmoid_by_float(x: Array) -> Array:
    decay = np.exp(x / -4096.0).astype(np.float32)
    return np.minimum(np.float32(32768) * (1 / (1 + decay)), ONE).astype(np.int64)


def _tanh_by_float(x: Array, fraction_bits: int = 12) -> Array:
    return np.minimum(np.tanh(x / 2.0**fraction_bits).astype(np.float32) * np.float32(32768), ONE).astype(np.int64)


def _narrow_output(op: Operator, cell: Cell) -> Callable[[Array, Array], Array]:
    """h, int8, from what the output gate lets through and c."""
    kept = op.inputs[18]
    assert cell.projection is not None
    assert cell.projection_bias is not None
    project = exact_product(cell.projection.value, 0, cell.projection_bias)
    scale = Multiplier.of(np.float32(float(cell.projection.scale) * 2.0**-15 / float(kept.scale)))
    limit = steps_of(op.options.proj_clip, op.outputs[0], INT8)

    def emit(output: Array, c: Array) -> Array:
        hidden = divide_by_pot(output * _tanh_by_float(c, 15), 15)
        return clip(saturate(rescale_int64(project(hidden), scale) + kept.zero_point, INT8), limit)

    return emit
