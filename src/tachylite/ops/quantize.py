"""From real numbers to quantized ones and back."""

from ctypes import c_float, c_int32
from math import prod
from typing import Any

import numpy as np

from tachylite.model.dtypes import INT2, INT4, UINT4, limits
from tachylite.model.graph import Blockwise, Operator, Tensor

from . import channels, derivatives
from .arguments import SUFFIXES, check_type, custom_options, version_by_type
from .arithmetic import MUL, SUB
from .broadcast import GRAIN, emit_binary
from .cast import FLOAT8, convert, is_float, is_integer, lower_cast
from .copy import lower_same
from .fixedpoint import Multiplier, round_half_away
from .kernel import Params, kernel
from .lut import lower_table
from .permute import elementwise
from .registry import OpDef, Spec, output_dtype, register, same_shape
from .rescaling import requantize_call
from .scales import centred, check_quantization, real_values, requantize, scales_of

_INT8, _UINT8, _INT16, _INT32, _FLOAT32 = (np.dtype(t) for t in (np.int8, np.uint8, np.int16, np.int32, np.float32))


# QUANTIZE and DEQUANTIZE.

_QUANTIZE_TO = {
    _FLOAT32: (_INT8, _UINT8, _INT16, INT4, UINT4),
    _INT8: (_INT8, _UINT8, _INT16),
    _UINT8: (_INT8, _UINT8, _INT16),
    _INT16: (_INT8, _INT16, _INT32),
    _INT32: (_INT8, _INT16),
}


def infer_quantize(op: Operator, x: Spec) -> Spec:
    """Same shape; the output's type and scales are those that the file gives."""
    dtype = output_dtype(op, x.dtype)
    if dtype not in _QUANTIZE_TO.get(x.dtype, ()):
        known = ", ".join(f"{a} to {'/'.join(map(str, b))}" for a, b in _QUANTIZE_TO.items())
        raise op.error(f"takes {known}, not {x.dtype} to {dtype}; go by way of float32")
    check_quantization(op, op.outputs[0], x.shape)
    if x.dtype != _FLOAT32:
        check_quantization(op, op.inputs[0], x.shape)
        if op.inputs[0].quantization.is_per_channel or op.outputs[0].quantization.is_per_channel:
            raise op.error("one of its tensors has a scale per channel, which only float32 can be quantized to; DEQUANTIZE first")
    return Spec(x.shape, dtype)


def quantize(op: Operator, x: np.ndarray) -> np.ndarray:
    """x: float32, rounded to the nearest step, halves away from zero, and saturated (NaN is the least); or integers of another scale."""
    source, output = op.inputs[0], op.outputs[0]
    if x.dtype != np.float32:
        return requantize(centred(x, source), Multiplier.of(float(source.scale) / float(output.scale)), output)
    scale, zero_point = scales_of(output.quantization, x.ndim)
    least, greatest = limits(output.dtype)
    steps = np.fmin(np.fmax(round_half_away(x / scale) + zero_point, least), greatest)
    return steps.astype(np.int32).astype(output.dtype)  # by way of int32, as narrow types are not cast from float


class QuantizeParams(Params):
    """The scale and the zero point; limits, in steps from the zero point for QUANTIZE, real for FAKE_QUANT, which has 1 / scale too."""

    _fields_ = (("scale", c_float), ("inverse", c_float), ("low", c_float), ("high", c_float), ("zero_point", c_int32))


QUANTIZE = kernel("quantize", QuantizeParams, "s8", "u8", "s16")
DEQUANTIZE = kernel("dequantize", QuantizeParams, "s8", "u8", "s16")
FAKE_QUANT = kernel("fake_quant", QuantizeParams, "f32")


def lower_quantize(low: Any, op: Operator) -> None:
    """A table between bytes; else one call, and another where the result takes less than a byte."""
    x, y = low.spec(op.inputs[0]), low.spec(op.outputs[0])
    if x.dtype.itemsize == 1 == y.dtype.itemsize:
        lower_table(low, op)
    elif x.dtype != _FLOAT32:
        source, output = op.inputs[0], op.outputs[0]
        multiplier = Multiplier.of(float(source.scale) / float(output.scale))
        requantize_call(low, op, low.value(source), low.define(output), multiplier, (source.zero_point, output.zero_point))
    elif op.outputs[0].quantization.is_per_channel:
        low.host(op)
    else:
        _lower_float(low, op, x, y)


def _lower_float(low: Any, op: Operator, x: Spec, y: Spec) -> None:
    output, (least, greatest) = op.outputs[0], limits(y.dtype)
    stored = y.dtype if SUFFIXES[y.dtype] in QUANTIZE.variants else _INT8
    params = QuantizeParams(
        scale=output.scale, low=least - output.zero_point, high=greatest - output.zero_point, zero_point=output.zero_point
    )
    target = low.define(output) if stored == y.dtype else low.temporary(Spec(y.shape, stored))
    inputs = [low.value(op.inputs[0])]
    low.call(QUANTIZE, SUFFIXES[stored], op, params, work=prod(x.shape), inputs=inputs, outputs=[target], grain=GRAIN)
    if stored != y.dtype:
        convert(low, op, target, stored, y.dtype, y.shape, low.define(output))


def quantize_version(op: Operator) -> int:
    """2 for int16, 3 for a scale per channel, 4 and 5 for four bits."""
    output = op.outputs[0]
    if output.dtype in (INT4, UINT4):
        return 4 if output.dtype == INT4 else 5
    if output.quantization is not None and output.quantization.is_per_channel:
        return 3
    return 2 if output.dtype == np.int16 else 1


_DEQUANTIZED = (INT2, INT4, UINT4, _INT8, _UINT8, _INT16, np.dtype(np.float16), *FLOAT8)


def infer_dequantize(op: Operator, x: Spec) -> Spec:
    """Same shape, float32."""
    if x.dtype not in _DEQUANTIZED:
        raise op.error(f"the input is {x.dtype}, it must be one of {', '.join(map(str, _DEQUANTIZED))}; insert a CAST")
    if is_integer(x.dtype):
        check_quantization(op, op.inputs[0], x.shape)
    return Spec(x.shape, _FLOAT32)


def dequantize(op: Operator, x: np.ndarray) -> np.ndarray:
    """x: quantized integers with a scale per tensor, channel or block, or narrow floats; float32 comes out."""
    return x.astype(np.float32) if is_float(x.dtype) else real_values(x, op.inputs[0])


def lower_dequantize(low: Any, op: Operator) -> None:
    """One call; scales per channel or block are factors of a broadcast."""
    tensor, x, shape = op.inputs[0], low.spec(op.inputs[0]), low.spec(op.outputs[0]).shape
    if not is_integer(x.dtype):
        lower_cast(low, op)
        return
    value, dtype = low.value(tensor), x.dtype
    if SUFFIXES[dtype] not in DEQUANTIZE.variants:
        value, dtype = convert(low, op, value, dtype, _INT8, shape), _INT8
    if tensor.quantization.is_per_channel or isinstance(tensor.quantization.details, Blockwise):
        _lower_channels(low, op, value, dtype)
    else:
        dequantize_call(low, op, value, tensor, low.define(op.outputs[0]))


def dequantize_call(low: Any, op: Operator, source: int, tensor: Tensor | None, target: int) -> None:
    """Emit the real numbers that int8, uint8 or int16 stand for, with the one scale of `tensor`."""
    x = low.program.values[source]
    params = QuantizeParams(scale=tensor.scale, zero_point=tensor.zero_point)
    low.call(DEQUANTIZE, SUFFIXES[x.dtype], op, params, work=prod(x.shape), inputs=[source], outputs=[target], grain=GRAIN)


def _lower_channels(low: Any, op: Operator, value: int, dtype: np.dtype) -> None:
    """scale * (x - zero point) in float32, where the integers are exact."""
    shape = seen = low.spec(op.outputs[0]).shape
    quantization = op.inputs[0].quantization
    if isinstance(blocks := quantization.details, Blockwise):
        seen, parts = (prod(shape) // blocks.size, blocks.size), [blocks.scales, blocks.zero_points]
        scales, zero_points = (None if part is None else np.asarray(part.data, np.float32).reshape(-1, 1) for part in parts)
    else:
        scales, zero_points = (part.astype(np.float32) for part in scales_of(quantization, len(shape)))
    target, open_range = low.define(op.outputs[0]), {"least": -np.inf, "greatest": np.inf}
    value = convert(low, op, value, dtype, _FLOAT32, shape)
    for kind, factor in ((SUB, zero_points), (MUL, scales)):
        if factor is not None:
            constant = low.temporary(Spec(factor.shape, factor.dtype, factor))
            emit_binary(low, kind, "f32", op, (value, seen), (constant, factor.shape), target, **open_range)
            value = target


def dequantize_version(op: Operator) -> int:
    """By type; 5 is for a scale per channel of int8."""
    x = op.inputs[0]
    narrow = {UINT4: 8, INT2: 7, INT4: 6} | dict.fromkeys(FLOAT8, 9)
    if x.dtype in narrow:
        return narrow[x.dtype]
    per_channel = x.quantization is not None and x.quantization.is_per_channel
    return version_by_type(s16=3, f16=3, s8=5 if per_channel else 2)(op)


# FAKE_QUANT.


def infer_fake_quant(op: Operator, x: Spec) -> Spec:
    """Same shape, float32. A narrow range, which is meant for weights, is refused as LiteRT refuses it."""
    check_type(op, x)
    o = op.options
    if o.narrow_range:
        raise op.error("narrow_range is set, which is for weights that a converter folds; needed is False, quantize the constant instead")
    if not (2 <= o.num_bits <= 16 and o.min < o.max and np.isfinite(o.max - o.min)):
        raise op.error(f"found {o.num_bits} bits over [{o.min}, {o.max}]; needed are 2 to 16 bits over a finite range that is not empty")
    return Spec(x.shape, x.dtype)


def fake_quant(op: Operator, x: np.ndarray) -> np.ndarray:
    """x (float32) rounded to the 2**num_bits steps of [min, max], first moved so that zero is a step; NaN gives the least."""
    scale, least, greatest = _fake_steps(op)
    clipped = np.fmin(np.fmax(x, least), greatest)
    return round_half_away((clipped - least) * (np.float32(1) / scale)) * scale + least


def _fake_steps(op: Operator) -> tuple[Any, Any, Any]:
    """The size of a step, the first and the last of them."""
    low, high = np.float32(op.options.min), np.float32(op.options.max)
    last = np.float32(2**op.options.num_bits - 1)
    scale = (high - low) / last
    zero_point = round_half_away(np.clip(-low / scale, np.float32(0), last))
    return scale, -zero_point * scale, (last - zero_point) * scale


def lower_fake_quant(low: Any, op: Operator) -> None:
    """One call; the steps are worked out here."""
    scale, least, greatest = _fake_steps(op)
    params = QuantizeParams(scale=scale, inverse=np.float32(1) / scale, low=least, high=greatest)
    low.call(FAKE_QUANT, "f32", op, params, work=low.size(op.outputs[0]), grain=GRAIN)


# DENSIFY.


def infer_densify(op: Operator, x: Spec) -> Spec:
    """The output is shaped, typed and scaled like the input, whose channels may have scales of their own."""
    check_type(op, x)
    return same_shape(op, x)


def densify(op: Operator, x: np.ndarray) -> np.ndarray:
    """A constant that the file stores sparsely; it arrives here in full."""
    return x


# NumericVerify.

#: The tolerance in steps of the input's scale, and whether a greater difference is an error.
_VERIFY_OPTIONS: dict[str, type] = {"tolerance": float, "log_if_failed": bool}


def infer_numeric_verify(op: Operator, x: Spec, reference: Spec) -> Spec:
    """A quantized tensor and the float32 tensor that it should equal; their difference has the same shape."""
    custom_options(op, **_VERIFY_OPTIONS)
    if reference.dtype != _FLOAT32 or reference.shape != x.shape:
        raise op.error(
            f"compares {x.dtype}{list(x.shape)} with {reference.dtype}{list(reference.shape)}; the second must be float32 of that shape"
        )
    return infer_dequantize(op, x)


def numeric_verify(op: Operator, x: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """The dequantized x minus the float32 reference. Raises OpError beyond a tolerance of 0.1 steps or more that is to be enforced."""
    difference = dequantize(op, x) - reference
    tolerance, enforce = custom_options(op, **_VERIFY_OPTIONS)
    greatest = np.abs(difference).max(initial=0)
    if enforce and tolerance >= 0.1 and greatest > np.float32(tolerance) * op.inputs[0].scale:
        raise op.error(
            f"differs by {greatest:g} from its float reference, more than {tolerance:g} steps; raise the tolerance or quantize anew"
        )
    return difference


register(
    OpDef(
        "QUANTIZE",
        infer_quantize,
        quantize,
        "QuantizeOptions",
        ("f32", "s8", "u8", "s16", "i32", "s4", "u4"),
        version=quantize_version,
        lower=lower_quantize,
        permute=elementwise,
        channels=channels.elementwise,
    )
)
register(
    OpDef(
        "DEQUANTIZE",
        infer_dequantize,
        dequantize,
        "DequantizeOptions",
        ("f16", "f8", "s8", "u8", "s16", "s4", "u4", "s2"),
        version=dequantize_version,
        lower=lower_dequantize,
        permute=elementwise,
        channels=channels.elementwise,
    )
)
register(
    OpDef(
        "FAKE_QUANT",
        infer_fake_quant,
        fake_quant,
        "FakeQuantOptions",
        version=lambda op: 2 if op.options.narrow_range else 1,
        in_place=True,
        lower=lower_fake_quant,
        permute=elementwise,
        channels=channels.elementwise,
        gradient=derivatives.straight_through(_fake_steps),
    )
)
register(OpDef("DENSIFY", infer_densify, densify, "DensifyOptions", ("f32", "f16", "s8"), in_place=True, lower=lower_same))
register(OpDef("NumericVerify", infer_numeric_verify, numeric_verify, variants=("s8", "u8", "s16", "f16"), is_custom=True))
