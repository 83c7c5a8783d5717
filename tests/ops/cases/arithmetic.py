"""Cases of arithmetic with two operands."""

from collections.abc import Iterator

import numpy as np

from ..harness import Case, Operand, case, constant, out, quantized

rng = np.random.default_rng(0)

#: Shapes of two operands: equal, a vector, a scalar, both broadcast, six dimensions.
SHAPES = (
    ((2, 3, 4), (2, 3, 4)),
    ((2, 3, 4), (4,)),
    ((), (3, 2)),
    ((2, 1, 4), (3, 1)),
    ((2, 1, 2, 1, 3, 1), (1, 2, 1, 3, 1, 2)),
)


def floats(*shape: int) -> np.ndarray:
    return rng.normal(0, 3, shape).astype(np.float32)


def integers(dtype: type, *shape: int) -> np.ndarray:
    info = np.iinfo(dtype)
    return rng.integers(info.min, info.max, shape, dtype, endpoint=True)


def small(dtype: type, *shape: int) -> np.ndarray:
    """Integers that are safe to divide by and to raise to."""
    return rng.integers(1, 9, shape).astype(dtype)


def steps(dtype: type, shape: tuple[int, ...], scale: float, zero_point: int) -> Operand:
    return quantized(integers(dtype, *shape), scale, 0 if dtype is np.int16 else zero_point, dtype=dtype)


def result(dtype: type, scale: float, zero_point: int, a: tuple[int, ...], b: tuple[int, ...]) -> object:
    return out(dtype, scale, 0 if dtype is np.int16 else zero_point, np.broadcast_shapes(a, b))


def cases() -> Iterator[Case]:
    yield from sums_and_products()
    yield from quotients()
    yield from lengths()
    yield from others()


def sums_and_products() -> Iterator[Case]:
    for op in ("ADD", "SUB", "MUL"):
        for number, (a, b) in enumerate(SHAPES):
            yield case(f"f32-{number}", op, floats(*a), floats(*b))
            for dtype in (np.int8, np.uint8, np.int16):
                x, y = steps(dtype, a, 0.05, 7), steps(dtype, b, 0.11, 3)
                yield case(f"{dtype.__name__}-{number}", op, x, y, out=result(dtype, 0.13, 5, a, b), **general_int16(op))
        for activation in ("RELU", "RELU6", "RELU_N1_TO_1"):
            yield case(f"f32-{activation}", op, floats(33), floats(33), fused_activation_function=activation)
            for dtype in (np.int8, np.uint8):
                x, y = steps(dtype, (50,), 0.05, 7), steps(dtype, (50,), 0.02, 3)
                yield case(f"{dtype.__name__}-{activation}", op, x, y, out=out(dtype, 0.04, 5, (50,)), fused_activation_function=activation)
        for dtype in (np.int32, np.int64):
            yield case(f"{dtype.__name__}-wraps", op, integers(dtype, 4, 5), integers(dtype, 5))
        big = np.float32([3e38, -3e38, 1, np.nan])
        yield case("f32-finite", op, big, -big if op == "SUB" else big)
    for dtype in (np.int8, np.uint8):
        q15 = (quantized(integers(np.int16, 64), 2.0**-15, dtype=np.int16) for _ in range(2))
        yield case(f"int16-{dtype.__name__}", "MUL", *q15, out=out(dtype, 2.0**-7, 0 if dtype is np.int8 else 128, (64,)))
    for op in ("ADD", "SUB"):
        for a, b in ((2.0**-12, 2.0**-12), (2.0**-12, 2.0**-14), (2.0**-15, 2.0**-12)):
            x, y = steps(np.int16, (64,), a, 0), steps(np.int16, (64,), b, 0)
            yield case(f"int16-power-of-two-{a / b:g}", op, x, y, out=out(np.int16, max(a, b), 0, (64,)))
    # LiteRT aborts where such scales broadcast. 3 / 2**2 and -3 / 2**2 round to 1 and -1.
    x = quantized([[4, 3], [-3, 32767]], 2.0**-14, dtype=np.int16)
    y = quantized([100, 32767], 2.0**-12, dtype=np.int16)
    yield case(
        "int16-power-of-two-broadcast",
        "ADD",
        x,
        y,
        out=out(np.int16, 2.0**-12, 0, (2, 2)),
        expected=[np.int16([[101, 32767], [99, 32767]])],
    )
    yield case("int16-plain", "ADD", integers(np.int16, 3, 7), integers(np.int16, 7))
    # LiteRT's reference resolver ends before the versions of float16.
    half = np.float16([0.1, 2, 200, -7])
    yield case(
        "f16", "ADD", half, half[::-1].copy(), expected=[(half.astype(np.float32) + half[::-1].astype(np.float32)).astype(np.float16)]
    )
    yield case("f16", "MUL", half, half, expected=[(half.astype(np.float32) ** 2).astype(np.float16)], rtol=1e-3)
    yield case("uint32", "MUL", integers(np.uint32, 9), integers(np.uint32, 9))
    z = (floats(2, 3) + 1j * floats(2, 3)).astype(np.complex64)
    yield case("c64", "MUL", z, z[:, :1].copy())


def dividends(dtype: type, shape: tuple[int, ...], zero_point: int) -> Operand:
    """Some steps away from zero: LiteRT shifts the quotients of smaller ones by too many bits."""
    x = integers(dtype, *shape)
    return quantized(np.where(np.abs(x.astype(np.int64) - zero_point) < 8, zero_point + 9, x), 0.05, zero_point, dtype=dtype)


def lengths() -> Iterator[Case]:
    """More elements than a thread takes at once, and some left over; a constant of one byte, which makes a table."""
    for op in ("ADD", "SUB", "MUL"):
        for dtype in (np.int8, np.uint8, np.int16):
            x, y = steps(dtype, (3, 16387), 0.05, 7), steps(dtype, (3, 16387), 0.031, 3)
            yield case(
                f"{dtype.__name__}-long", op, x, y, out=out(dtype, 0.06, 0 if dtype is np.int16 else 5, (3, 16387)), **general_int16(op)
            )
        for dtype in (np.int8, np.uint8):
            x, y = steps(dtype, (77,), 0.05, 7), constant([3], 0.4, 1, dtype=dtype)
            yield case(f"{dtype.__name__}-constant", op, x, y, out=out(dtype, 0.05, 5, (77,)))
            yield case(f"{dtype.__name__}-constant-first", op, y, x, out=out(dtype, 0.05, 5, (77,)))
        # Scales that leave nothing of one operand, and steps of the result that are a hundredth of theirs.
        x, y = steps(np.int8, (50,), 1e-12, 7), steps(np.int8, (50,), 1.0, 3)
        yield case("int8-vanishing", op, x, y, out=out(np.int8, 1.0, 5, (50,)))
        # Files hold such scales too, whose multipliers shift everything out of 32 bits.
        x, y = steps(np.uint8, (50,), 0.02, 0), steps(np.uint8, (50,), 0.004, 0)
        if op == "MUL":
            yield case("uint8-shifted-out", op, x, y, out=out(np.uint8, 3e-35, 9, (50,)), expected=[np.full(50, 9, np.uint8)])
        x, y = steps(np.int8, (50,), 0.5, 7), steps(np.int8, (50,), 0.4, 3)
        yield case("int8-saturating", op, x, y, out=out(np.int8, 0.005, 5, (50,)))
    x, y = dividends(np.int8, (3, 40), 3), quantized([[2], [-7], [5]], 0.5, 4)
    yield case("int8-signs", "DIV", x, y, out=out(np.int8, 0.2, 5, (3, 40)))
    yield case("int8-constant", "DIV", x, constant([-3], 0.5, 4, dtype=np.int8), out=out(np.int8, 0.2, 5, (3, 40)))
    yield case("int8-constant", "FLOOR_DIV", integers(np.int8, 77), constant([-3], dtype=np.int8))
    least = np.int32([-(2**31), -(2**31), 2**31 - 1])
    yield case("int32-least", "DIV", least, np.int32([-1, 1, -1]), expected=[np.int32([-(2**31), -(2**31), 1 - 2**31])])
    # The reference of LiteRT computes these in float, and its remainders of great quotients are not exact.
    x, y = np.float32([1e30, -1e30, 5, -5, -1e-30, 7.5]), np.float32([3, 3, np.inf, 1e-30, 2, -2.5])
    yield case("f32-far", "FLOOR_MOD", x, y, expected=[np.float32(np.mod(x.astype(np.longdouble), y.astype(np.longdouble)))])
    yield case("f32-far", "FLOOR_DIV", x, y, expected=[np.floor(x.astype(np.float64) / y).astype(np.float32)])


def general_int16(op: str) -> dict[str, bool]:
    return {"pot_scale_int16": False} if op in ("ADD", "SUB") else {}


def quotients() -> Iterator[Case]:
    for number, (a, b) in enumerate(SHAPES[:4]):
        yield case(f"f32-{number}", "DIV", floats(*a), floats(*b))
        yield case(f"int32-{number}", "DIV", integers(np.int32, *a), small(np.int32, *b) - 9)
        for op in ("FLOOR_DIV", "FLOOR_MOD"):
            yield case(f"f32-{number}", op, floats(*a), floats(*b))
            for dtype in (np.int8, np.int16, np.int32):
                yield case(f"{dtype.__name__}-{number}", op, integers(dtype, *a), small(dtype, *b) * rng.choice([-1, 1], b).astype(dtype))
        yield case(f"int64-{number}", "FLOOR_MOD", integers(np.int64, *a), -small(np.int64, *b))
    yield case("f32-by-zero", "DIV", np.float32([1, -1, 0]), np.float32([0, 0, 0]))
    for dtype in (np.int8, np.uint8, np.int16):
        zero_point = 0 if dtype is np.int16 else 20
        x = dividends(dtype, (6, 7), 0 if dtype is np.int16 else 3)
        y = quantized(small(dtype, 7) + zero_point, 0.5, zero_point, dtype=dtype)
        yield case(dtype.__name__, "DIV", x, y, out=result(dtype, 0.2, 5, (6, 7), (7,)))
    # 3 / 117 is no step. LiteRT shifts an int32 by 32 there, which leaves it as it is and saturates.
    x, y = quantized([3, -128], 0.05), quantized([117, 2], 0.11)
    yield case("int8-tiny", "DIV", x, y, out=out(np.int8, 0.09, -3, (2,)), expected=[np.int8([-3, -128])])


def others() -> Iterator[Case]:
    for number, (a, b) in enumerate(SHAPES[:4]):
        x, y = floats(*a), floats(*b)
        yield case(f"f32-{number}", "SQUARED_DIFFERENCE", x, y)
        yield case(f"int32-{number}", "SQUARED_DIFFERENCE", integers(np.int16, *a).astype(np.int32), small(np.int32, *b))
        quantized_pair = steps(np.int8, a, 0.05, 7), steps(np.int8, b, 0.11, 3)
        yield case(f"int8-{number}", "SQUARED_DIFFERENCE", *quantized_pair, out=result(np.int8, 0.9, 5, a, b))
        yield case(f"f32-{number}", "POW", np.abs(x), y)
        yield case(f"int32-{number}", "POW", small(np.int32, *a), small(np.int32, *b))
        for op in ("MAXIMUM", "MINIMUM"):
            yield case(f"f32-{number}", op, x, y)
            for dtype in (np.int8, np.uint8, np.int16):
                same_scale = steps(dtype, a, 0.05, 7), steps(dtype, b, 0.05, 7)
                yield case(f"{dtype.__name__}-{number}", op, *same_scale, out=result(dtype, 0.05, 7, a, b))
            for dtype in (np.int32, np.int64):
                yield case(f"{dtype.__name__}-{number}", op, integers(dtype, *a), constant(integers(dtype, *b)))
    for op in ("MAXIMUM", "MINIMUM"):
        x = np.array([1, np.nan, 2, -0.0], np.float32)
        yield case("f32-nan", op, x, np.array([np.nan, 1, 3, 0], np.float32))
    half = floats(40).astype(np.float16)
    yield case("f16", "MAXIMUM", half, half[::-1].copy(), expected=[np.maximum(half, half[::-1])])
    yield case("f32", "ATAN2", floats(3, 5), floats(3, 5))
    yield case("f32", "ADD_N", floats(2, 3), floats(2, 3), floats(2, 3))
    yield case("int32", "ADD_N", integers(np.int32, 4), integers(np.int32, 4))
