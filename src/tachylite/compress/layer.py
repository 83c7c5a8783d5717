"""One operator in the types of its scheme: its operands by role, and the quantized operator once the grids are known."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from tachylite.model.dtypes import limits
from tachylite.model.graph import Operator, Quantization, Tensor
from tachylite.ops import registry
from tachylite.ops.arguments import SUFFIXES
from tachylite.ops.integer import Grid, Integer, Memory
from tachylite.ops.scales import real_values

from . import grid
from .recipe import FLOAT16, INT16, UINT8, Rule
from .rounding import Rounding, balanced

FLOAT = np.dtype(np.float32)

LEAST_WEIGHTS = 1024
"""Fewer elements stay float where activations do: they would save nothing."""


class Place(NamedTuple):
    """An input or an output of an operator."""

    is_output: bool
    position: int


class Work(NamedTuple):
    """What is to become of an operator. means: of the channels that its weights meet, where its bias is to make up for their errors.

    reach: the greatest magnitude of a recurrent operator's cell state. is_table: it only picks from a constant.
    """

    rule: Rule
    integer: Integer
    rounding: Rounding = balanced
    means: np.ndarray | None = None
    reach: float = 1.0
    is_table: bool = False

    @property
    def activations(self) -> np.dtype | None:
        return self.rule.types.activations

    @property
    def integers(self) -> np.dtype:
        """The type of activations that are integers."""
        assert self.activations is not None
        return self.activations

    @property
    def needs_ranges(self) -> bool:
        """Whether its activations are integers whose range only samples tell."""
        return self.activations is not None and not self.is_table

    @property
    def weights(self) -> np.dtype | None:
        return self.rule.types.weights


def is_float(tensor: Tensor | None) -> bool:
    """Whether it is there and holds real numbers as such."""
    return tensor is not None and tensor.dtype == FLOAT and not tensor.is_variable


def weights_of(op: Operator, integer: Integer) -> dict[int, Tensor]:
    """Constant weights by position, float16 among them."""
    present = {i: t for i in integer.weights if i < len(op.inputs) and (t := op.inputs[i]) is not None}
    return {i: t for i, t in present.items() if t.is_constant and t.dtype in (FLOAT, FLOAT16)}


def biases_of(op: Operator, integer: Integer) -> dict[int, Tensor]:
    """Biases by position."""
    return {i: t for i in integer.biases if i < len(op.inputs) and (t := op.inputs[i]) is not None}


def source_of(op: Operator, integer: Integer) -> Tensor | None:
    """The input that an operator's constant weights meet; None where there are none, or several."""
    if len(weights_of(op, integer)) != 1:
        return None
    return next((t for place, t in data_of(op, integer) if not place.is_output and not t.is_constant), None)


def data_of(op: Operator, integer: Integer) -> Iterator[tuple[Place, Tensor]]:
    """Inputs that are neither weights nor bias, constants among them, and outputs: what is quantized by activation grids."""
    weights = weights_of(op, integer)
    for i, tensor in enumerate(op.inputs):
        if tensor is not None and is_float(tensor) and i not in weights and i not in integer.biases:
            yield Place(False, i), tensor
    for i, tensor in enumerate(op.outputs):
        if is_float(tensor):
            yield Place(True, i), tensor


def static_operator(op: Operator, work: Work, grids: Mapping[Place, Grid]) -> Operator:
    """The operator on integers. grids: of everything that `data_of` gives; outputs and inputs become new tensors, to be connected."""
    dtype, integer = work.integers, work.integer
    inputs, outputs = list(op.inputs), list(op.outputs)
    for place, tensor in data_of(op, integer):
        (outputs if place.is_output else inputs)[place.position] = quantized(tensor, dtype, grids[place])
    factor, result = (next((grids[p].scale for p, _ in data_of(op, integer) if p.is_output == end), 1.0) for end in (False, True))
    biases = biases_of(op, integer)
    weighed = {integer.biases[i]: dense(bias) for i, bias in biases.items() if bias.is_constant}
    for i, tensor in weights_of(op, integer).items():
        inputs[i] = _weights(tensor, work, integer.weights[i], weighed.get(i), factor, result)
    for i, bias in biases.items():
        inputs[i] = _bias(bias.name, corrected_bias(op, work, i, inputs), inputs[integer.biases[i]], factor, dtype)
    intermediates = _remember(op, integer.memory, work.reach, inputs, outputs) if integer.memory else op.intermediates
    complete = registry.complete(op)
    changes = integer.options.get(SUFFIXES[dtype], {})
    options = replace(complete.options, **changes) if changes else complete.options
    return replace(op, inputs=inputs, outputs=outputs, options=options, intermediates=intermediates)


def hybrid_operator(op: Operator, work: Work) -> Operator:
    """The operator on float activations and integer weights."""
    assert work.weights is not None
    inputs = list(op.inputs)
    for i, tensor in weights_of(op, work.integer).items():
        inputs[i] = explicit_weights(tensor, work, work.integer.weights[i])
    if work.means is not None:
        for i, bias in biases_of(op, work.integer).items():
            inputs[i] = grid.constant(bias.name, corrected_bias(op, work, i, inputs), None)
    options = registry.complete(op).options
    if hasattr(options, "asymmetric_quantize_inputs"):
        options = replace(options, asymmetric_quantize_inputs=True)
    return replace(op, inputs=inputs, options=options)


def _remember(op: Operator, memory: Memory, reach: float, inputs: list[Tensor | None], outputs: Sequence[Tensor]) -> list[Tensor | None]:
    """Put the states of integers among the inputs; returns the intermediate tensors. reach: the greatest magnitude of the cell's state."""
    result = outputs[0]
    exponent = np.clip(math.ceil(math.log2(max(reach, 1e-9) / limits(INT16)[1])), *memory.exponents)
    powers = Quantization.per_tensor(2.0**exponent)
    for position, dtype, q in ((memory.output, result.dtype, result.quantization), (memory.cell, INT16, powers)):
        state = op.inputs[position]
        assert state is not None
        inputs[position] = Tensor(state.name, state.shape, dtype, q, is_variable=True)
    empty: list[Tensor | None] = [Tensor(f"{result.name}/part_{i}", (0,), FLOAT) for i in range(memory.intermediates - 1)]
    return [*empty, Tensor(f"{result.name}/hidden", (0,), result.dtype, result.quantization)]


def corrected_bias(op: Operator, work: Work, position: int, inputs: Sequence[Tensor | None]) -> np.ndarray:
    """The bias, less what the errors of the quantized weights among `inputs` add to the outputs' means, where the inputs' are known."""
    bias = op.inputs[position]
    assert bias is not None
    value = dense(bias)
    if work.means is None:
        return value
    place = work.integer.biases[position]
    axis = work.integer.weights[place]
    real, stored = op.inputs[place], inputs[place]
    assert real is not None
    assert stored is not None
    assert stored.data is not None
    error = np.moveaxis(real_values(stored.data, stored) - dense(real), axis or 0, 0)
    rows = mean_rows(op, work.integer, work.means)
    shift = np.einsum("god,gd->go", error.reshape(len(rows), -1, rows.shape[1]), rows)
    return (value - shift.reshape(value.shape)).astype(FLOAT)


MOST_ROWS = 1024


def mean_rows(op: Operator, integer: Integer, means: np.ndarray) -> np.ndarray:
    """What the weights meet where every element of the input is its channel's mean, padding included: [groups, depth]."""
    source = source_of(op, integer)
    assert source is not None
    assert integer.rows is not None
    return integer.rows(op, np.broadcast_to(means.astype(FLOAT), source.shape), MOST_ROWS).mean(axis=1)


def explicit_weights(tensor: Tensor, work: Work, axis: int | None) -> Tensor:
    """A constant in the type of the scheme's weights."""
    value, rule = dense(tensor), work.rule
    assert work.weights is not None
    if work.weights.kind == "f":
        limit = np.finfo(np.float16).max
        return grid.constant(tensor.name, np.clip(value, -limit, limit).astype(work.weights), None)
    return grid.quantize_weights(tensor.name, value, work.weights, axis if rule.per_channel else None, work.rounding, rule.block_size)


def quantized(tensor: Tensor, dtype: np.dtype, found: Grid) -> Tensor:
    """The tensor's twin of integers; a constant's holds its value."""
    q = grid.per_tensor(found)
    if tensor.is_constant:
        return grid.constant(tensor.name, grid.to_steps(dense(tensor), found, dtype), q)
    return Tensor(tensor.name, tensor.shape, dtype, q, shape_signature=tensor.shape_signature, has_rank=tensor.has_rank)


def dense(tensor: Tensor) -> np.ndarray:
    """A constant's value in float32."""
    value = tensor.dense()
    assert value is not None
    return value.astype(FLOAT, copy=False)


LEAST_FACTOR = 2.0**-30
"""Steps of input times weight, at least, as a part of the output's: LiteRT's default kernels take no less than 2**-32."""

BIAS_FACTOR = 2.0**-8
"""The same where all weights are 0: then they only say how fine the bias is."""


def _weights(tensor: Tensor, work: Work, axis: int | None, bias: np.ndarray | None, factor: float, result: float) -> Tensor:
    """Weights that meet activations in steps of `factor` and make some of `result`.

    Their steps are larger than they would be by themselves where the bias could not be counted in those of its channel, or where the
    channel's weights are next to nothing.
    """
    value, dtype = dense(tensor), work.weights
    assert dtype is not None
    axis = axis if work.rule.per_channel and dtype != UINT8 else None
    scales = np.maximum(grid.weight_scales(value, dtype, axis, BIAS_FACTOR * result / factor), LEAST_FACTOR * result / factor)
    if bias is not None and work.activations != INT16:
        needed = np.abs(bias.ravel()) / (factor * limits(np.dtype(np.int32))[1] / 2)
        scales = np.maximum(scales, needed if axis is not None else needed.max(initial=0))
    return grid.weights_in_steps(tensor.name, value, dtype, axis, scales.astype(np.float32), work.rounding)


def _bias(name: str, value: np.ndarray, weights: Tensor | None, factor: float, activations: np.dtype) -> Tensor:
    """The bias in steps of input times weight: int32, or int64 with int16 activations."""
    assert weights is not None
    assert weights.quantization is not None
    dtype = np.dtype(np.int64 if activations == INT16 else np.int32)
    scales = (weights.quantization.scale.astype(np.float64) * factor).astype(np.float32)
    low, high = limits(dtype)
    steps = np.clip(np.rint(value.ravel().astype(np.float64) / scales.astype(np.float64)), low, np.nextafter(high, 0)).astype(dtype)
    return grid.constant(name, steps.reshape(value.shape), grid.symmetric(scales, 0))
