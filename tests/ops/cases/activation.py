"""Cases of the activation family."""

from collections.abc import Iterator

import numpy as np

from ..harness import Case, case, constant, out, quantized
from .arithmetic import floats, integers
from .unary import EDGES, every

CLIPPING = ("RELU", "RELU6", "RELU_N1_TO_1", "RELU_0_TO_1")


def cases() -> Iterator[Case]:
    yield from clipping()
    yield from sloped()
    yield from smooth()


def clipping() -> Iterator[Case]:
    half = np.float16([-7, -1, -0.3, 0, 0.7, 1, 3, 6, 9])
    for op in CLIPPING:
        low, high = {"RELU": (0, np.inf), "RELU6": (0, 6), "RELU_N1_TO_1": (-1, 1), "RELU_0_TO_1": (0, 1)}[op]
        yield case("f16", op, half, expected=[np.clip(half, low, high).astype(np.float16)])
        yield case("f32", op, np.append(floats(30), EDGES))
        for dtype in (np.int8, np.uint8, *([np.int16] if op in ("RELU", "RELU6") else [])):
            zero_point = 0 if dtype is np.int16 else 9
            x = quantized(every(dtype), 0.05, zero_point, dtype=dtype)
            yield case(dtype.__name__, op, x, out=out(dtype, 0.04, zero_point // 2, (256,)))


def sloped() -> Iterator[Case]:
    x = floats(2, 3, 5)
    yield case("f32", "LEAKY_RELU", x, alpha=0.2)
    yield case("f32", "PRELU", x, constant(floats(1, 1, 5)))
    yield case("f32-one", "PRELU", floats(4, 40), constant(floats(1)))
    yield case("f32-all", "PRELU", floats(4, 40), floats(4, 40))
    for dtype in (np.int8, np.uint8, np.int16):
        zero_point = 0 if dtype is np.int16 else 3
        q = quantized(integers(dtype, 4, 33), 0.05, zero_point, dtype=dtype)
        result = out(dtype, 0.04, zero_point + (zero_point > 0), (4, 33))
        yield case(dtype.__name__, "LEAKY_RELU", q, alpha=0.3, out=result)
        slopes = np.uint8 if dtype is np.uint8 else np.int8
        alpha = constant(integers(slopes, 1, 33), 0.02, 5, dtype=slopes)
        yield case(dtype.__name__, "PRELU", q, alpha, out=out(dtype, 0.04, zero_point, (4, 33)))
    # LiteRT reads the bytes of int16 slopes as int8.
    q, alpha = quantized([[100, -100, -7]], 0.1, dtype=np.int16), constant(np.int16([300, 300, -300]), 0.01)
    yield case("int16-int16", "PRELU", q, alpha, out=out(np.int16, 0.1, 0, (1, 3)), expected=[np.int16([[100, -300, 21]])])


def smooth() -> Iterator[Case]:
    moderate = np.append(floats(40), np.float32([0, -0.0, -20, 20, -90, 90]))
    for op in ("LOGISTIC", "TANH", "HARD_SWISH"):
        yield case("f32", op, moderate)
    for approximate in (False, True):
        yield case(f"f32-{approximate}", "GELU", moderate, approximate=approximate)
    # LiteRT's reference resolver has no ELU.
    yield case("f32", "ELU", moderate, expected=[np.where(moderate < 0, np.expm1(np.minimum(moderate, 0)), moderate)])
    for dtype in (np.int8, np.uint8):
        least = np.iinfo(dtype).min
        for scale in (0.02, 0.1):
            x = quantized(every(dtype), scale, least + 140, dtype=dtype)
            yield case(f"{dtype.__name__}-{scale}", "LOGISTIC", x, out=out(dtype, 1 / 256, least, (256,)))
            yield case(f"{dtype.__name__}-{scale}", "TANH", x, out=out(dtype, 1 / 128, least + 128, (256,)))
            yield case(f"{dtype.__name__}-{scale}", "HARD_SWISH", x, out=out(dtype, scale * 0.7, least + 20, (256,)))
            for approximate in (False, True):
                result = out(dtype, scale * 0.6, least + 20, (256,))
                yield case(f"{dtype.__name__}-{scale}-{approximate}", "GELU", x, approximate=approximate, out=result)
    elus = np.round(np.where(every(np.int8) < 0, np.expm1(np.minimum(every(np.int8), 0) * 0.05) / 0.05, every(np.int8)))
    yield case("int8", "ELU", quantized(every(np.int8), 0.05), out=out(np.int8, 0.05, 0, (256,)), expected=[elus.astype(np.int8)])
    for scale in (2.0**-12, 2.0**-11, 0.0005, 0.00003, 0.01):
        x = quantized(every(np.int16), scale, dtype=np.int16)
        for op in ("LOGISTIC", "TANH"):
            yield case(f"int16-{scale:g}", op, x, out=out(np.int16, 2.0**-15, 0, (256,)))
    x = quantized(every(np.int16), 0.0002, dtype=np.int16)
    for approximate in (False, True):
        yield case(f"int16-{approximate}", "GELU", x, approximate=approximate, out=out(np.int16, 0.0002, 0, (256,)))
