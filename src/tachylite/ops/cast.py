"""Between element types: CAST computes, BITCAST reads the same bytes."""

from ctypes import c_double
from math import prod
from typing import Any

import numpy as np

from tachylite.model.dtypes import BFLOAT16, DTYPES, INT2, INT4, PACKED_BITS, UINT4, limits
from tachylite.model.graph import Operator, Shape

from . import channels, movement_gradient
from .arguments import SUFFIXES
from .broadcast import GRAIN
from .copy import lower_same
from .kernel import Params, kernel
from .lut import emit_table, stored_values
from .permute import elementwise
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
    return _as_type(x, op.outputs[0].dtype)


def _as_type(x: np.ndarray, dtype: np.dtype) -> np.ndarray:
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


# Natively.


class CastParams(Params):
    """What floats saturate at when they become integers."""

    _fields_ = (("low", c_double), ("high", c_double))


CAST = kernel(
    "cast",
    CastParams,
    *(
        f"{source}_{target}"
        for source, targets in {
            "s8": "s16 i32 i64 f32",
            "u8": "s16 i32 i64 f32",
            "s16": "s8 i32 i64 f32 bool",
            "u16": "i32 i64 f32",
            "i32": "s8 s16 i64 f32 f64 bool",
            "u32": "i64 f32",
            "i64": "s8 s16 i32 f32 f64 bool",
            "f16": "f32",
            "bf16": "f32",
            "f32": "i32 i64 f16 bf16 f64 bool",
            "f64": "i32 i64 f32 bool",
        }.items()
        for target in targets.split()
    ),
)
"""Every pair that matters. Between others several calls lead, and integers of one size are one to it."""

_BOOL, _INT8, _UINT8, _INT32, _INT64 = (np.dtype(t) for t in (np.bool_, np.int8, np.uint8, np.int32, np.int64))
_FLOAT32, _FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)
_BYTES = (_BOOL, _INT8, _UINT8, *PACKED_BITS)
_SIGNED = {"u8": "s8", "u16": "s16", "u32": "i32", "u64": "i64"}

NARROW_FLOATS = (np.dtype(np.float16), BFLOAT16)
"""What is computed with in float32."""


def route(source: np.dtype, target: np.dtype) -> list[np.dtype] | None:
    """The types that elements become one after another, `target` the last; None where the kernels know no way."""
    if np.uint64 in (source, target) and (is_float(source) or is_float(target)):
        return None
    steps: list[np.dtype] = []
    while source != target or not steps:
        step = target if _variant(source, target) is not None else _hub(source, target)
        if (step == source != target) or _variant(source, step) is None:
            return None
        steps.append(step)
        source = step
    return steps


def _hub(source: np.dtype, target: np.dtype) -> np.dtype:
    """Where to go first: a type that holds whatever the source has and the target needs."""
    if source in PACKED_BITS or (target in PACKED_BITS and is_integer(source)):
        return _INT8
    if source in NARROW_FLOATS or target in NARROW_FLOATS:
        return _FLOAT32
    integer = target if is_float(source) else source
    return _INT32 if limits(integer)[1] <= limits(_INT32)[1] else _INT64


def _variant(source: np.dtype, target: np.dtype) -> str | None:
    """What does one step: a variant of the kernel, "table" for bytes, "" where the bits stay; None where nothing does."""
    if source in _BYTES and target in _BYTES:
        return "table"
    if source == target or (is_integer(source) and is_integer(target) and source.itemsize == target.itemsize):
        return ""
    a, b = SUFFIXES[_UINT8 if source == _BOOL else source], SUFFIXES[target]
    if target.itemsize < source.itemsize:
        a = _SIGNED.get(a, a)
    name = f"{a}_{_SIGNED.get(b, b)}"
    return name if name in CAST.variants else None


def convert(low: Any, op: Operator, value: int, source: np.dtype, target: np.dtype, shape: Shape, result: int | None = None) -> int:
    """Emit CAST between types that have a route. Returns the value that holds the outcome: `result` where it is given."""
    last = target if is_integer(target) else _INT64
    params = CastParams(*map(float, limits(last)))
    for step in route(source, target) or ():
        variant = _variant(source, step)
        if variant or (step == target and result is not None):
            end = low.temporary(Spec(shape, step)) if step != target or result is None else result
            if variant == "table":
                emit_table(low, op, value, _as_type(stored_values(source), step), end)
            elif variant:
                low.call(CAST, variant, op, params, work=prod(shape), inputs=[value], outputs=[end], grain=GRAIN)
            else:
                low.move([(value, end)])
            value = end
        source = step
    return value


def lower_cast(low: Any, op: Operator) -> None:
    """The conversion, where the kernels know a way."""
    (x,), y = map(low.spec, op.inputs), low.spec(op.outputs[0])
    if route(x.dtype, y.dtype) is None:
        low.host(op)
    else:
        convert(low, op, low.value(op.inputs[0]), x.dtype, y.dtype, x.shape, low.define(op.outputs[0]))


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
        lower=lower_cast,
        permute=elementwise,
        channels=channels.elementwise,
        gradient=movement_gradient.cast,
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
