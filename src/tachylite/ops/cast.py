"""Between element types: CAST computes, BITCAST reads the same bytes."""

import numpy as np

from tachylite.model.dtypes import BFLOAT16, DTYPES, INT2, INT4, PACKED_BITS, UINT4, limits
from tachylite.model.graph import Operator

from .copy import lower_same
from .registry import OpDef, Spec, output_dtype, register

FLOAT8 = (DTYPES["FLOAT8_E4M3FN"], DTYPES["FLOAT8_E5M2"])


def is_integer(dtype: np.dtype) -> bool:
    """Whether it is an integer type, those of less than a byte included."""
    return dtype.kind in "iu" or dtype in PACKED_BITS


def is_float(dtype: np.dtype) -> bool:
    """Whether it is a real floating-point type of any width."""
    return dtype.kind == "f" or dtype == BFLOAT16 or dtype in FLOAT8


def saturated(x: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Floats truncated to integers of `dtype`, clipped to its range; NaN gives the greatest."""
    least, greatest = limits(dtype)
    wide = x.astype(np.float64)
    end = float(greatest + 1)  # the greatest itself may have no exact double
    inside = (wide > least) & (wide < end)
    steps = np.where(inside, wide, 0).astype(np.int64 if end < 2**63 else dtype)
    return np.where(inside, steps.astype(dtype), np.where(wide <= least, dtype.type(least), dtype.type(greatest))).astype(dtype)


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
    if source == INT4 and result == np.float32:
        return 6
    versions = dict.fromkeys(FLOAT8, 9) | {INT2: 8, UINT4: 8, BFLOAT16: 7}
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
register(
    OpDef(
        "BITCAST",
        infer_bitcast,
        bitcast,
        "BitcastOptions",
        ("f32", "f16", "s8", "u8", "s16", "u16", "i32", "u32", "i64", "u64"),
        in_place=True,
        lower=lower_same,
    )
)
