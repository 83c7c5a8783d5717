"""SVDF: a layer over time, factored into a filter over the features and one over the last `memory` steps (a rank-`rank` SVD)."""

from ctypes import c_float, c_int32
from typing import Any

import numpy as np

from tachylite.model.graph import Operator

from .arguments import SUFFIXES
from .exact import multiply_exactly
from .fixedpoint import Multiplier, rescale, saturate
from .fused import activate, check_activation
from .kernel import Params, kernel
from .recurrent import expect, expect_state, hybrid_version, linear, weights_of
from .recurrent_native import MAX_DEPTH, PAIR, bounds, constant, kind_of, known, matrix, optional, padded, room
from .registry import OpDef, Spec, register
from .scales import centred, check_scales, requantize

Array = np.ndarray


def infer(op: Operator, x: Spec, features: Spec, times: Spec, bias: Spec | None, state: Spec) -> Spec:
    """[batch, units]."""
    batch, inputs = x.shape
    filters, memory = times.shape
    rank = op.options.rank
    if rank <= 0 or filters % rank or memory < 1:
        raise op.error(
            f"found {filters} filters of rank {rank} over {memory} steps; needed is a multiple of a positive rank over at least one"
        )
    is_integer = x.dtype == np.int8
    expect(op, 0, "input", x, x.shape, np.float32, np.int8)
    expect(op, 1, "feature weights", features, (filters, inputs), *([np.int8] if is_integer else [np.float32, np.int8, np.uint8]))
    expect(op, 2, "time weights", times, (filters, memory), *([np.int16, np.int8] if is_integer else [features.dtype]))
    if bias is not None:
        expect(op, 3, "bias", bias, (filters // rank,), np.int32 if is_integer else np.float32)
    expect_state(op, 4, "state", state, batch * filters * memory, times.dtype if is_integer else np.float32)
    if is_integer:
        if op.options.fused_activation_function != "RELU":
            raise op.error(f"found activation {op.options.fused_activation_function} with integers, needed RELU; run this layer in float")
        check_scales(op, *(op.inputs[i] for i in (0, 1, 2, 4)), op.outputs[0])
    check_activation(op, np.dtype(np.float32))
    return Spec((batch, filters // rank), x.dtype)


def _remember(state: Array, steps: int, newest: Array) -> Array:
    """The memory [batch, filters, steps] with `newest` [batch, filters] in the last place and the oldest dropped."""
    memory = state.reshape(*newest.shape, steps)
    return np.concatenate([memory[..., 1:], newest[..., None].astype(state.dtype)], axis=-1)


def svdf(op: Operator, x: Array, features: Array, times: Array, bias: Array | None, state: Array) -> tuple[Array, Array]:
    """Filters the features of x, then every filter's memory of them; adds up groups of `rank` filters.

    x: [batch, n], float32 or int8; features: [filters, n]; times: [filters, memory]; bias: [filters / rank] or None;
    state: [batch, filters * memory]. Returns [batch, filters / rank] and the new state.
    """
    apply = _integer if x.dtype == np.int8 else _float
    y, memory = apply(op, x, features, times, bias, state)
    return y, memory.reshape(state.shape)


def _float(op: Operator, x: Array, features: Array, times: Array, bias: Array | None, state: Array) -> tuple[Array, Array]:
    feature_weights, time_weights = weights_of(op.inputs[1], features), weights_of(op.inputs[2], times)
    newest = linear(feature_weights, op.options.asymmetric_quantize_inputs)(x)
    memory = _remember(state, times.shape[1], newest)
    filtered = np.einsum("bfm,fm->bf", memory, time_weights.real)
    y = _reduce(op, filtered)
    return activate(op, y if bias is None else y + bias), memory


def _integer(op: Operator, x: Array, features: Array, times: Array, bias: Array | None, state: Array) -> tuple[Array, Array]:
    """RELU is what saturation does to an output whose zero point is -128, and nothing more is done about it."""
    source, kept = op.inputs[0], op.inputs[4]
    into_state, into_output = _multipliers(op)
    newest = rescale(multiply_exactly(x, source.zero_point, features, 0), into_state) + kept.zero_point
    memory = _remember(state, times.shape[1], saturate(newest, state.dtype))
    y = _reduce(op, (centred(memory, kept) * times).sum(axis=-1))
    return requantize(y if bias is None else y + bias, into_output, op.outputs[0]), memory


def _multipliers(op: Operator) -> tuple[Multiplier, Multiplier]:
    """From sums of features to the state, and from sums of the state to the output."""
    source, features, times, kept = (op.inputs[i] for i in (0, 1, 2, 4))
    # In float32 and in this order: the multipliers of TensorFlow Lite's kernel, to the last bit.
    return Multiplier.of(source.scale * features.scale / kept.scale), Multiplier.of(kept.scale * times.scale / op.outputs[0].scale)


def _reduce(op: Operator, filtered: Array) -> Array:
    """[batch, units]: the sum of the filters of each unit."""
    batch, filters = filtered.shape
    return filtered.reshape(batch, filters // op.options.rank, op.options.rank).sum(axis=-1)


def _version(op: Operator) -> int:
    if op.inputs[0].dtype == np.int8:
        return 3
    return hybrid_version(op, weights=1, symmetric=2, asymmetric=4)


class SvdfParams(Params):
    """width: filters, padded; low, high: the activation's range; scratch: floats of a worker."""

    _fields_ = (
        *((name, c_int32) for name in ("kind", "inputs", "filters", "rank", "memory", "width", "scratch")),
        *((name, c_float) for name in ("low", "high")),
    )


class SvdfIntParams(Params):
    """Zero points, and multipliers from sums to the state and to the output."""

    _fields_ = (
        *((name, c_int32) for name in ("inputs", "filters", "rank", "memory")),
        *((f"{what}_zero_point", c_int32) for what in ("input", "state", "output")),
        *((f"{what}_{part}", c_int32) for what in ("into", "output") for part in ("mantissa", "shift")),
    )


SVDF = kernel("svdf", SvdfParams, "f32")
SVDF_INT = kernel("svdf_int", SvdfIntParams, "s8", "s16")


def lower(low: Any, op: Operator) -> None:
    """One call; a work item is one member of the batch."""
    if op.inputs[0].dtype == np.int8:
        _lower_integer(low, op)
    else:
        _lower_float(low, op)


def _lower_integer(low: Any, op: Operator) -> None:
    """The host takes rows so long that their sums could overflow."""
    x, times = low.spec(op.inputs[0]), low.spec(op.inputs[2])
    source, state, result = op.inputs[0], op.inputs[4], op.outputs[0]
    if x.shape[1] > MAX_DEPTH:
        low.host(op)
        return
    params = SvdfIntParams(
        inputs=x.shape[1],
        filters=times.shape[0],
        rank=op.options.rank,
        memory=times.shape[1],
        input_zero_point=source.zero_point,
        state_zero_point=state.zero_point,
        output_zero_point=result.zero_point,
    )
    into_state, into_output = _multipliers(op)
    params.into_mantissa, params.into_shift = into_state
    params.output_mantissa, params.output_shift = into_output
    memory = low.value(state)
    operands = [low.value(source), memory, *(low.value(t) for t in op.inputs[1:3]), optional(low, op.inputs[3])]
    outputs = [low.define(result), memory]
    low.call(SVDF_INT, SUFFIXES[state.dtype], op, params, work=x.shape[0], inputs=operands, outputs=outputs)


def _lower_float(low: Any, op: Operator) -> None:
    """The host takes weights that only the run knows."""
    batch, inputs = low.spec(op.inputs[0]).shape
    if known(low, op, (1, 2, 3)) is None or (op.inputs[1].dtype != np.float32 and inputs > MAX_DEPTH):
        low.host(op)
        return
    features, times = (weights_of(op.inputs[i], low.spec(op.inputs[i]).value) for i in (1, 2))
    filters, memory = times.value.shape
    least, greatest = bounds(op)
    params = SvdfParams(
        kind=kind_of(op, features),
        inputs=inputs,
        filters=filters,
        rank=op.options.rank,
        memory=memory,
        width=padded(filters, PAIR),
        scratch=room(padded(filters, PAIR), inputs),
        low=least,
        high=greatest,
    )
    panels, scales = matrix([features], params.width)
    state = low.value(op.inputs[4])
    constants = [constant(low, a) for a in (panels, scales, np.ascontiguousarray(times.real, np.float32))]
    low.call(
        SVDF,
        "f32",
        op,
        params,
        work=batch,
        inputs=[low.value(op.inputs[0]), state, *constants, optional(low, op.inputs[3])],
        outputs=[low.define(op.outputs[0]), state],
        scratch=[low.scratch(4 * params.scratch, per_worker=True)],
    )


register(
    OpDef(
        "SVDF",
        options="SVDFOptions",
        infer=infer,
        reference=svdf,
        updates=(4,),
        variants=("f32", "f32w8", "s8"),
        version=_version,
        lower=lower,
    )
)
