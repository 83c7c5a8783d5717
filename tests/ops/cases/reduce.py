"""Cases of the reductions."""

from collections.abc import Iterator

import numpy as np

from ..harness import Case, case, constant, out, quantized

rng = np.random.default_rng(7)

NUMERIC = ("MEAN", "SUM", "REDUCE_PROD", "REDUCE_MAX", "REDUCE_MIN")
AXES = {"middle": [1], "negative": [-1, 0], "twice": [2, 2], "all": [0, 1, 2], "none": []}


def cases() -> Iterator[Case]:
    x = rng.normal(size=(2, 5, 3)).astype(np.float32)
    for op in NUMERIC:
        for name, axes in AXES.items():
            yield case(f"f32-{name}", op, x, constant(np.array(axes, np.int32)))
        yield case("f32-keep", op, x, constant(np.array([0, 2], np.int32)), keep_dims=True)
        yield case("f32-dynamic", op, x, np.array([1], np.int32), out=out(np.float32))
        yield case("f32-scalar", op, np.float32(3), constant(np.array([0], np.int32)))
        for dtype in (np.int32, np.int64):
            integers = rng.integers(-1000, 1000, (3, 4, 2)).astype(dtype)
            yield case(np.dtype(dtype).name, op, integers, constant(np.array([0, 2], np.int32)))
            yield case(f"{np.dtype(dtype).name}-wraps", op, integers * dtype(2**21), constant(np.array([1], np.int32)))
    yield from _empty()
    yield from _stored()
    yield from _large()
    truths = rng.random((4, 3, 5)) < 0.5
    for op in ("REDUCE_ANY", "REDUCE_ALL"):
        yield case("bool", op, truths, constant(np.array([1], np.int32)))
        yield case("bool-all", op, truths, constant(np.array([0, 1, 2], np.int32)), keep_dims=True)


def _empty() -> Iterator[Case]:
    nothing = np.zeros((2, 0, 3), np.float32)
    for op in NUMERIC:
        yield case("f32-empty", op, nothing, constant(np.array([1], np.int32)))
    for op in ("REDUCE_MAX", "REDUCE_MIN"):
        yield case("f32-infinite", op, np.array([[np.inf, np.inf], [-np.inf, -np.inf]], np.float32), constant(np.array([0, 1], np.int32)))


def _stored() -> Iterator[Case]:
    """Quantized elements; the extremes need the scale of the input."""
    for dtype in (np.int8, np.uint8, np.int16):
        info, name = np.iinfo(dtype), np.dtype(dtype).name
        zero, result_zero = (0, 0) if dtype == np.int16 else (info.min + 120, info.min + 100)
        x = rng.integers(info.min, info.max, (2, 7, 5, 3), endpoint=True)
        for axes in ([1, 2], [3], [0, 1, 2, 3]):
            suffix, q, axis = "".join(map(str, axes)), quantized(x, 0.05, zero, dtype=dtype), constant(np.array(axes, np.int32))
            yield case(f"{name}-{suffix}", "MEAN", q, axis, keep_dims=True, out=out(dtype, 0.02, result_zero))
            for op in ("REDUCE_MAX", "REDUCE_MIN"):
                yield case(f"{name}-{suffix}", op, q, axis, out=out(dtype, 0.05, zero))
            if dtype != np.uint8:
                yield case(f"{name}-{suffix}", "REDUCE_PROD", q, axis, out=out(dtype, 0.3, result_zero))
    # LiteRT's reference kernel takes int8 and int16 for uint8; so these are real sums, rounded to steps of the output.
    for dtype in (np.int8, np.uint8, np.int16):
        zero, result_zero = (0, 0) if dtype == np.int16 else (3, 5)
        x = np.array([[1, 2, 30], [4, 50, 6]], dtype)
        expected = np.round((x.astype(np.int32) - zero).sum(axis=0) * 0.5 / 0.7 + result_zero).astype(dtype)
        options = {"out": out(dtype, 0.7, result_zero), "expected": [expected]}
        yield case(np.dtype(dtype).name, "SUM", quantized(x, 0.5, zero, dtype=dtype), constant(np.array([0], np.int32)), **options)


def _large() -> Iterator[Case]:
    """Rows of more elements than are reduced at once, and axes that alternate."""
    for dtype in (np.float32, np.int32):
        wide = rng.integers(1, 100, (3, 5, 300)).astype(dtype)
        long = rng.integers(1, 100, (2, 1100, 3)).astype(dtype)
        alternating = rng.integers(1, 100, (2, 3, 2, 3, 2, 35)).astype(dtype)
        for op in ("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN"):
            for x, axes in ((wide, [1]), (wide, [2]), (long, [1]), (long, [1, 2]), (alternating, [0, 2, 4]), (alternating, [1, 3, 5])):
                name = f"{np.dtype(dtype).name}-{len(x.shape)}-{x.shape[1]}-{''.join(map(str, axes))}"
                yield case(name, op, x, constant(np.array(axes, np.int32)))
    bytes_ = quantized(rng.integers(-128, 127, (2, 9, 8, 200), endpoint=True), 0.05, -7, dtype=np.int8)
    yield case("int8-global", "MEAN", bytes_, constant(np.array([1, 2], np.int32)), out=out(np.int8, 0.01, 4))
    yield case("int8-lines", "MEAN", bytes_, constant(np.array([3], np.int32)), out=out(np.int8, 0.01, 4))
