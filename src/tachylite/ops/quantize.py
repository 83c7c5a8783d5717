"""From real numbers to quantized ones and back, and between element types."""

import numpy as np

from tachylite.model import flexbuffer
from tachylite.model.dtypes import BFLOAT16, DTYPES, INT2, INT4, PACKED_BITS, UINT4, limits
from tachylite.model.errors import FileError
from tachylite.model.graph import Operator

from .arguments import check_type, version_by_type
from .elementwise import infer_unary
from .fixedpoint import Multiplier, round_half_away
from .registry import OpDef, Spec, output_dtype, register
from .scales import centred, check_quantization, real_values, requantize, scales_of

_FLOAT8 = (DTYPES["FLOAT8_E4M3FN"], DTYPES["FLOAT8_E5M2"])
_INT8, _UINT8, _INT16, _INT32, _FLOAT32 = (np.dtype(t) for t in (np.int8, np.uint8, np.int16, np.int32, np.float32))


def is_integer(dtype: np.dtype) -> bool:
    """Whether it is an integer type, those of less than a byte included."""
    return dtype.kind in "iu" or dtype in PACKED_BITS


def is_float(dtype: np.dtype) -> bool:
    """Whether it is a real floating-point type of any width."""
    return dtype.kind == "f" or dtype == BFLOAT16 or dtype in _FLOAT8


def saturated(x: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Floats truncated to integers of `dtype`, clipped to its range; NaN gives the greatest."""
    least, greatest = limits(dtype)
    wide = x.astype(np.float64)
    end = float(greatest + 1)  # the greatest itself may have no exact double
    inside = (wide > least) & (wide < end)
    steps = np.where(inside, wide, 0).astype(np.int64 if end < 2**63 else dtype)
    return np.where(inside, steps.astype(dtype), np.where(wide <= least, dtype.type(least), dtype.type(greatest))).astype(dtype)


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


def quantize_version(op: Operator) -> int:
    """2 for int16, 3 for a scale per channel, 4 and 5 for four bits."""
    output = op.outputs[0]
    if output.dtype in (INT4, UINT4):
        return 4 if output.dtype == INT4 else 5
    if output.quantization is not None and output.quantization.is_per_channel:
        return 3
    return 2 if output.dtype == np.int16 else 1


_DEQUANTIZED = (INT2, INT4, UINT4, _INT8, _UINT8, _INT16, np.dtype(np.float16), *_FLOAT8)


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


def dequantize_version(op: Operator) -> int:
    """By type; 5 is for a scale per channel of int8."""
    x = op.inputs[0]
    narrow = {UINT4: 8, INT2: 7, INT4: 6} | dict.fromkeys(_FLOAT8, 9)
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
    low, high = np.float32(op.options.min), np.float32(op.options.max)
    last = np.float32(2**op.options.num_bits - 1)
    scale = (high - low) / last
    zero_point = round_half_away(np.clip(-low / scale, np.float32(0), last))
    least, greatest = -zero_point * scale, (last - zero_point) * scale
    clipped = np.fmin(np.fmax(x, least), greatest)
    return round_half_away((clipped - least) * (np.float32(1) / scale)) * scale + least


# CAST, BITCAST, DENSIFY.


def infer_cast(op: Operator, x: Spec) -> Spec:
    """Same shape; the output's type is the one that the file gives."""
    # Files of TensorFlow leave the options out.
    dtype = op.outputs[0].dtype if op.outputs else DTYPES[op.options.out_data_type]
    for found in (x.dtype, dtype):
        if found.hasobject or found.names:
            raise op.error(f"casts {x.dtype} to {dtype}; both must be numbers or bool, choose another type")
    return Spec(x.shape, dtype)


def cast(op: Operator, x: np.ndarray) -> np.ndarray:
    """x as another type: integers wrap, floats are truncated to integers and saturate, complex numbers lose their imaginary part."""
    dtype = op.outputs[0].dtype
    if x.dtype.kind == "c" and dtype.kind != "c":
        x = x.real
    if dtype.kind == "b":
        return x != x.dtype.type(0)
    if is_integer(dtype) and is_float(x.dtype):
        return saturated(x, dtype)
    if dtype.itemsize < 4 and not is_integer(dtype):
        x = x.astype(np.float32)  # narrow floats are rounded from float32
    return x.astype(dtype)


def cast_version(op: Operator) -> int:
    """The version that brought the newer of the two types."""
    source, result = op.inputs[0].dtype, op.outputs[0].dtype
    if (source, result) == (INT4, _FLOAT32):
        return 6
    versions = dict.fromkeys(_FLOAT8, 9) | {INT2: 8, UINT4: 8, BFLOAT16: 7}
    versions |= {np.dtype(t): v for t, v in ((np.float64, 5), (np.float16, 5), (np.uint16, 4), (np.int8, 3), (np.uint32, 2))}
    return max(versions.get(source, 1), versions.get(result, 1))


def infer_bitcast(op: Operator, x: Spec) -> Spec:
    """[...] to [..., k] where an element of the input holds k of the output's, [..., k] to [...] where k make one, else same shape."""
    dtype = output_dtype(op, x.dtype)
    for found in (x.dtype, dtype):
        if found.hasobject or found.names or found in PACKED_BITS:
            raise op.error(f"reads {x.dtype} as {dtype}; both must have elements of whole bytes, choose another type")
    if x.dtype.itemsize > dtype.itemsize:
        return Spec((*x.shape, x.dtype.itemsize // dtype.itemsize), dtype)
    if x.dtype.itemsize < dtype.itemsize:
        count = dtype.itemsize // x.dtype.itemsize
        if x.shape[-1:] != (count,):
            raise op.error(
                f"{count} elements of {x.dtype} make one of {dtype}; the last dimension of {list(x.shape)} must be {count}, RESHAPE it"
            )
        return Spec(x.shape[:-1], dtype)
    return Spec(x.shape, dtype)


def bitcast(op: Operator, x: np.ndarray) -> np.ndarray:
    """The same bytes, read as another type."""
    spec = infer_bitcast(op, Spec(x.shape, x.dtype))
    return np.frombuffer(x.tobytes(), spec.dtype).reshape(spec.shape)


def densify(op: Operator, x: np.ndarray) -> np.ndarray:
    """A constant that the file stores sparsely; it arrives here in full."""
    return x


# NumericVerify.


def _verify_options(op: Operator) -> tuple[float, bool]:
    """tolerance, in steps of the input's scale, and whether a greater difference is an error."""
    try:
        options = flexbuffer.read(op.custom_options)
        return float(options["tolerance"]), bool(options["log_if_failed"])
    except (FileError, KeyError, TypeError, ValueError) as problem:
        raise op.error(f"its options cannot be read ({problem}); needed is a FlexBuffer map of tolerance and log_if_failed") from None


def infer_numeric_verify(op: Operator, x: Spec, reference: Spec) -> Spec:
    """A quantized tensor and the float32 tensor that it should equal; their difference has the same shape."""
    _verify_options(op)
    if reference.dtype != _FLOAT32 or reference.shape != x.shape:
        raise op.error(
            f"compares {x.dtype}{list(x.shape)} with {reference.dtype}{list(reference.shape)}; the second must be float32 of that shape"
        )
    return infer_dequantize(op, x)


def numeric_verify(op: Operator, x: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """The dequantized x minus the float32 reference. Raises OpError beyond a tolerance of 0.1 steps or more that is to be enforced."""
    difference = dequantize(op, x) - reference
    tolerance, enforce = _verify_options(op)
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
    )
)
register(
    OpDef(
        "CAST",
        infer_cast,
        cast,
        "CastOptions",
        ("f32", "f16", "bf16", "f64", "f8", "s8", "u8", "s16", "u16", "i32", "u32", "i64", "u64", "s4", "u4", "s2", "bool", "c64"),
        version=cast_version,
    )
)
register(OpDef("BITCAST", infer_bitcast, bitcast, "BitcastOptions", ("f32", "f16", "s8", "u8", "s16", "u16", "i32", "u32", "i64", "u64")))
register(OpDef("DENSIFY", infer_unary, densify, "DensifyOptions", ("f32", "f16", "s8"), in_place=True))
register(OpDef("NumericVerify", infer_numeric_verify, numeric_verify, variants=("s8", "u8", "s16", "f16"), is_custom=True))
