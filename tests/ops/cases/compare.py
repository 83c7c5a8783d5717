"""Cases of comparisons and of operators on bits."""

from collections.abc import Iterator

import numpy as np

from ..harness import Case, case, constant, quantized
from .arithmetic import integers, steps

rng = np.random.default_rng(0)

RELATIONS = ("EQUAL", "NOT_EQUAL", "LESS", "LESS_EQUAL", "GREATER", "GREATER_EQUAL")


def few(dtype: type, *shape: int) -> np.ndarray:
    """Few distinct values, so that many are equal."""
    return rng.integers(0, 4, shape).astype(dtype)


def cases() -> Iterator[Case]:
    for op in RELATIONS:
        for dtype in (np.float32, np.int32, np.int64):
            yield case(dtype.__name__, op, few(dtype, 4, 6), few(dtype, 4, 6))
            yield case(f"{dtype.__name__}-broadcast", op, few(dtype, 4, 1, 6), few(dtype, 3, 1))
        yield case("f32-nan", op, np.float32([np.nan, 1, np.inf]), np.float32([np.nan, np.nan, np.inf]))
        for dtype in (np.int8, np.uint8):
            yield case(dtype.__name__, op, steps(dtype, (50,), 0.05, 7), steps(dtype, (50,), 0.11, 3))
            near = np.arange(30, dtype=dtype)
            yield case(f"{dtype.__name__}-near", op, quantized(near, 0.001, 0, dtype=dtype), quantized(near[::-1], 0.001, 0, dtype=dtype))
        # An unquantized uint8 aborts LiteRT.
        a, b = few(np.uint8, 9), few(np.uint8, 9)
        relation = getattr(np, op.lower())
        yield case("uint8-plain", op, a, b, expected=[relation(a, b)])
    for op in RELATIONS:
        relation = getattr(np, op.lower())
        half = few(np.float16, 40)
        # LiteRT knows no float16 here.
        yield case("f16", op, half, half[::-1].copy(), expected=[relation(half, half[::-1])])
        x = steps(np.uint8, (77,), 0.05, 7)
        yield case("uint8-constant", op, x, constant([90], 0.04, 3, dtype=np.uint8))
        yield case("uint8-constant-first", op, constant([90], 0.04, 3, dtype=np.uint8), x)
    for op in ("EQUAL", "NOT_EQUAL"):
        yield case("bool", op, few(np.bool_, 3, 4), few(np.bool_, 4))
        yield case("int16", op, steps(np.int16, (50,), 0.05, 0), steps(np.int16, (50,), 0.05, 0))
        words = np.array([b"a", b"", b"bc", b"a"], object)
        yield case("str", op, words, np.array([b"a", b"b", b"bc", b"A"], object))
    for op in ("LESS", "GREATER_EQUAL"):
        yield case("int16-plain", op, integers(np.int16, 50), integers(np.int16, 50))
    for op in ("LOGICAL_AND", "LOGICAL_OR"):
        yield case("bool", op, few(np.bool_, 3, 4) & rng.integers(0, 2, (3, 4)).astype(bool), np.array([True, False, True, False]))
    yield case("bool", "LOGICAL_NOT", np.array([[True, False]]))
    for dtype in (np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32):
        x = integers(dtype, 5, 8)
        yield case(dtype.__name__, "BITWISE_XOR", x, integers(dtype, 8))
        info = np.iinfo(dtype)
        amounts = np.array([0, 1, 3, 7, info.bits - 1, info.bits, info.max, info.min], dtype)
        yield case(dtype.__name__, "RIGHT_SHIFT", x, amounts)
