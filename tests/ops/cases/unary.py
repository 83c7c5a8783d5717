"""Cases of functions of one element."""

from collections.abc import Iterator

import numpy as np

from ..harness import Case, case, out, quantized
from .arithmetic import floats, integers

EDGES = np.float32([0, -0.0, 1, -1, 0.5, -0.5, 1.5, 2.5, -2.5, 1e-30, 1e30, np.inf, -np.inf, np.nan])


def every(dtype: type) -> np.ndarray:
    """All values of an 8-bit type; a sample of a wider one."""
    info = np.iinfo(dtype)
    return np.linspace(info.min, info.max, 256).round().astype(dtype)


def tables(op: str, dtype: type, scale: float, zero_point: int, result: float, result_zero_point: int, first: int = 0) -> Case:
    """One quantized function, from the stored value `first` on."""
    x = every(dtype)
    x = x[x >= first] if first else x
    return case(
        f"{dtype.__name__}-{scale:g}-{result:g}",
        op,
        quantized(x, scale, zero_point, dtype=dtype),
        out=out(dtype, result, result_zero_point, x.shape),
    )


def cases() -> Iterator[Case]:
    # Several vectors, and some left over.
    for op in ("NEG", "EXP", "SIN", "COS", "FLOOR"):
        yield case("f32-long", op, floats(3, 101) * 50 if op in ("SIN", "COS") else floats(3, 101))
    positive = np.abs(floats(40)) + np.float32(0.01)
    for op in ("ABS", "NEG", "SIGN", "SQUARE", "EXP", "SIN", "COS", "FLOOR"):
        yield case("f32", op, floats(3, 5))
        yield case("f32-edges", op, EDGES)
    for op in ("LOG", "SQRT", "RSQRT"):
        yield case("f32", op, positive)
        yield case("f32-edges", op, EDGES)
    # LiteRT's reference resolver has neither CEIL nor ROUND.
    yield case("f32", "CEIL", EDGES, expected=[np.ceil(EDGES)])
    yield case("f32", "ROUND", EDGES, expected=[np.float32([0, 0, 1, -1, 0, 0, 2, 2, -2, 0, 1e30, np.inf, -np.inf, np.nan])])
    # Nor the versions of float16 and of int32 and plain int16 ABS.
    half = np.float16([0.3, -2, 7.1])
    for op, function in (("SIN", np.sin), ("COS", np.cos)):
        yield case("f16", op, half, expected=[function(half.astype(np.float32)).astype(np.float16)], rtol=1e-3)
    yield case("f16", "FLOOR", half)
    for dtype in (np.int32, np.int16):
        x = integers(dtype, 9)
        yield case(dtype.__name__, "ABS", x, expected=[np.abs(x)])
    for dtype in (np.int8, np.int16, np.int32, np.int64):
        yield case(dtype.__name__, "NEG", integers(dtype, 9))
    yield case("int32", "SIGN", np.int32([-5, 0, 7]))
    for dtype in (np.float32, np.int32, np.int64):
        yield case(np.dtype(dtype).name, "ZEROS_LIKE", np.ones((2, 3), dtype))
    for dtype, zero_point, coarser in ((np.int8, 3, 1.0), (np.int16, 0, 1 / 200)):
        for op, scale, result, result_zero_point in (
            ("ABS", 0.05, 0.05, -5),
            ("ABS", 0.05, 0.04, 5),
            ("EXP", 0.02, 0.1, -100),
            ("LOG", 0.05, 0.03, 20),
        ):
            yield tables(op, dtype, scale * coarser, zero_point, result * coarser, result_zero_point if zero_point else 0)
        for op in ("SQRT", "RSQRT"):
            yield tables(
                op, dtype, 0.05 * coarser, -10 if zero_point else 0, 0.03 * coarser, 4 if zero_point else 0, first=-10 if zero_point else 1
            )
