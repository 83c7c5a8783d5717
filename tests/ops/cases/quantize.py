"""Cases of quantization and of element types."""

from collections.abc import Iterator

import ml_dtypes
import numpy as np

from tachylite.model import flexbuffer
from tachylite.model.graph import Blockwise, Quantization, Sparsity, Tensor
from tachylite.ops.builder import Builder

from ..harness import Case, Operand, case, constant, out, quantized, scale_of
from .arithmetic import floats, integers, rng

NUMBERS = (
    np.float32,
    np.float64,
    np.float16,
    np.int8,
    np.uint8,
    np.int16,
    np.uint16,
    np.int32,
    np.uint32,
    np.int64,
    np.bool_,
    np.complex64,
)


def cases() -> Iterator[Case]:
    yield from quantization()
    yield from casts()
    yield from bits()
    yield from checks()


def quantization() -> Iterator[Case]:
    x = np.append(floats(50), np.float32([0.025, 0.075, -0.025, 1000, -1000]))  # halves, and beyond the range
    for dtype in (np.int8, np.uint8, np.int16):
        yield case(f"f32-{dtype.__name__}", "QUANTIZE", x, out=out(dtype, 0.05, 0 if dtype is np.int16 else 9, x.shape))
        zero_point = 0 if dtype is np.int16 else 9
        yield case(
            dtype.__name__, "DEQUANTIZE", quantized(integers(dtype, 30), 0.05, zero_point, dtype=dtype), out=out(np.float32, shape=(30,))
        )
    scales, zero_points = [0.05, 0.1, 0.2], [1, 0, -4]
    per_channel = out(np.int8, scales, zero_points, (3, 2))
    yield case("per-channel", "QUANTIZE", floats(3, 2), out=per_channel)
    weights = constant(integers(np.int8, 4, 3), scales, zero_points, axis=1)
    yield case("per-channel", "DEQUANTIZE", weights, out=out(np.float32, shape=(4, 3)))
    for source, result in (
        (np.int8, np.uint8), (np.uint8, np.int8), (np.int8, np.int8), (np.int8, np.int16), (np.uint8, np.int16),
        (np.int16, np.int8), (np.int16, np.int16), (np.int16, np.int32), (np.int32, np.int8), (np.int32, np.int16),
    ):  # fmt: skip
        value = integers(source, 40) if source is not np.int32 else integers(np.int16, 40).astype(np.int32)
        operand = quantized(value, 0.07, 0 if source in (np.int16, np.int32) else 3, dtype=source)
        yield case(
            f"{source.__name__}-{result.__name__}",
            "QUANTIZE",
            operand,
            out=out(result, 0.05, 0 if result in (np.int16, np.int32) else 5, (40,)),
        )
    yield case("same-scale", "QUANTIZE", quantized(integers(np.uint8, 40), 0.5, 128, dtype=np.uint8), out=out(np.int8, 0.5, 0, (40,)))
    yield case("f16", "DEQUANTIZE", floats(7).astype(np.float16), out=out(np.float32, shape=(7,)))
    nibbles = rng_nibbles(7)
    yield case("int4", "DEQUANTIZE", Operand(nibbles, scale_of(0.3, 1), constant=True), out=out(np.float32, shape=(7,)))
    yield blockwise()
    yield case("8-bits", "FAKE_QUANT", np.append(floats(30), np.float32(np.nan)), min=-5.0, max=6.5, num_bits=8)
    yield case("16-bits", "FAKE_QUANT", floats(30), min=-0.3, max=2.5, num_bits=16)


def rng_nibbles(size: int) -> np.ndarray:
    return (integers(np.int8, size) >> 4).astype(ml_dtypes.int4)


def blockwise() -> Case:
    """LiteRT's kernel knows no blocks: the expected answer is the definition."""
    steps, scales, zero_points = integers(np.int8, 2, 8), np.float16([0.5, 0.25, 2, 1]), np.array([1, 0, -3, 7], np.int32)
    scale_tensor, zero_tensor = (Tensor(name, (2, 2), v.dtype, data=v.reshape(2, 2)) for name, v in (("s", scales), ("z", zero_points)))
    details = Blockwise(scale_tensor, zero_tensor, 4)
    operand = Operand(steps, Quantization(np.zeros(0, np.float32), np.zeros(0, np.int64), details=details))
    expected = (steps.reshape(4, 4) - zero_points[:, None]).astype(np.float32) * scales[:, None].astype(np.float32)
    result = case("blockwise", "DEQUANTIZE", operand, out=out(np.float32, shape=(2, 8)), expected=[expected.reshape(2, 8)])
    result.graph.tensors += [scale_tensor, zero_tensor]
    return result


def casts() -> Iterator[Case]:
    for source in NUMBERS:
        x = np.array([0, 1, 2, 77, 120]).astype(source)
        if np.dtype(source).kind in "fci" and source is not np.uint8:
            x[1] = -3
        if np.dtype(source).kind in "fc":
            x[2] = 2.75
        for result in NUMBERS:
            # C leaves open what becomes of a negative float in an unsigned integer.
            if np.dtype(source).kind in "fc" and np.dtype(result).kind == "u":
                yield case(f"{source.__name__}-{result.__name__}", "CAST", np.abs(x).astype(source), out=out(result, shape=x.shape))
            else:
                yield case(f"{source.__name__}-{result.__name__}", "CAST", x, out=out(result, shape=x.shape))
    wide = integers(np.int64, 20)
    for result in (np.int8, np.uint8, np.int32, np.uint32):
        yield case(f"wraps-{result.__name__}", "CAST", wide, out=out(result, shape=wide.shape))
    # C leaves open what becomes of numbers out of range; here they saturate.
    x = np.float32([1e20, -1e20, np.inf, -np.inf, np.nan, 127.9, -128.9])
    for result in (np.int8, np.uint8, np.int32, np.int64):
        info = np.iinfo(result)
        expected = [info.max, info.min, info.max, info.min, info.max, 127, max(info.min, -128)]
        yield case(f"saturates-{result.__name__}", "CAST", x, out=out(result, shape=x.shape), expected=[np.array(expected, result)])
    yield case("int4-f32", "CAST", Operand(rng_nibbles(7), constant=True), out=out(np.float32, shape=(7,)))
    nibbles = np.array([-8, -8, -1, 0, 6, 7], ml_dtypes.int4)
    beyond = np.float32([-20, -8.5, -1.5, 0.5, 6.9, 99])
    yield case("f32-int4", "CAST", beyond, out=out(ml_dtypes.int4, shape=(6,)), expected=[nibbles])
    # Vectors and what is left over; every half.
    halves = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    yield case("every-half", "CAST", halves, out=out(np.float32, shape=halves.shape), expected=[halves.astype(np.float32)])
    sizes = np.exp2(rng.uniform(-30, 20, 999)) * rng.choice([-1, 1], 999)
    x = np.append(sizes, [65519.9, 65520, np.nan, -np.inf, 0, -0.0]).astype(np.float32)
    yield case("f32-float16-range", "CAST", x, out=out(np.float16, shape=x.shape), expected=[_halves(x)], rtol=0, atol=0)
    yield case("bf16-f32", "CAST", floats(5).astype(ml_dtypes.bfloat16), out=out(np.float32, shape=(5,)))
    yield case("f32-bf16", "CAST", floats(5), out=out(ml_dtypes.bfloat16, shape=(5,)))


def _halves(x: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        return x.astype(np.float16)


def bits() -> Iterator[Case]:
    yield case("same-size", "BITCAST", floats(2, 3), out=out(np.int32, shape=(2, 3)))
    yield case("to-smaller", "BITCAST", integers(np.int32, 2, 3), out=out(np.uint8, shape=(2, 3, 4)))
    yield case("to-larger", "BITCAST", integers(np.uint8, 5, 2), out=out(np.int16, shape=(5,)))


def checks() -> Iterator[Case]:
    x = quantized(integers(np.int8, 4, 5), 0.05, 3)
    options = flexbuffer.write({"tolerance": 5.0, "log_if_failed": False})
    yield case("int8", "NumericVerify", x, floats(4, 5), custom_options=options)
    build = Builder()
    stored = build.constant(np.float32([1, 2, 3]))
    rows = np.array([0, 1, 3], np.int32), np.array([2, 0, 1], np.int32)
    stored.shape, stored.sparsity = (2, 3), Sparsity((0, 1), (), (2, rows))
    yield Case("f32", "DENSIFY", build.outputs(build.DENSIFY(stored)), [])
