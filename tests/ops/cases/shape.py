"""Cases of the shape family."""

from collections.abc import Iterator

import numpy as np

from tachylite.model.dtypes import BFLOAT16, INT4, STRING

from ..harness import Case, case, constant, out, quantized
from ..samples import sample

MOVED = (np.float32, np.int8, np.uint8, np.int16, np.int32, np.int64, np.bool_)


def cases() -> Iterator[Case]:
    yield from reshape_cases()
    yield from transpose_cases()
    yield from repeat_cases()
    yield from range_cases()
    x = sample(np.float32, 2, 3, 4)
    for out_type in ("INT32", "INT64"):
        yield case(out_type, "SHAPE", x, out_type=out_type)
        yield case(f"{out_type}-scalar", "SHAPE", np.float32(2), out_type=out_type)
    yield case("3", "RANK", x)
    yield case("0", "RANK", np.float32(2))


def reshape_cases() -> Iterator[Case]:
    for dtype in (*MOVED, np.float16, STRING):
        x = sample(dtype, 2, 3, 4)
        yield case(f"tensor-{np.dtype(dtype)}", "RESHAPE", x, constant([4, -1], dtype=np.int32))
    x = sample(np.float32, 2, 3, 4)
    yield case("option", "RESHAPE", x, new_shape=(3, -1, 2))
    yield case("legacy-scalar", "RESHAPE", sample(np.float32, 1, 1), new_shape=(0,))
    yield case("run-time", "RESHAPE", x, np.array([-1, 6], np.int32), out=out(np.float32, shape=(1, 1)))
    yield case("empty-rest", "RESHAPE", sample(np.float32, 0, 6), constant([0, 2, -1], dtype=np.int32))
    yield case("empty", "RESHAPE", sample(np.float32, 0, 6), constant([-1, 2], dtype=np.int32))

    for dtype in (np.float32, np.int8, np.int64, np.bool_):
        x = sample(dtype, 1, 3, 1, 2)
        yield case(f"all-{np.dtype(dtype)}", "SQUEEZE", x)
        yield case(f"one-{np.dtype(dtype)}", "SQUEEZE", x, squeeze_dims=(-2,))
        yield case(f"{np.dtype(dtype)}", "EXPAND_DIMS", x, constant(1, dtype=np.int32))
    # BUILTIN_REF has no SQUEEZE of version 2.
    yield case("strings", "SQUEEZE", sample(STRING, 1, 2), expected=[sample(STRING, 1, 2)[0]])
    yield case("last-int64", "EXPAND_DIMS", sample(np.int16, 2, 3), constant([-1], dtype=np.int64))
    yield case("run-time", "EXPAND_DIMS", sample(np.int16, 2, 3), np.int32(0), out=out(np.int16, shape=(1, 1, 1)))


def transpose_cases() -> Iterator[Case]:
    for dtype in MOVED:
        yield case(f"3d-{np.dtype(dtype)}", "TRANSPOSE", sample(dtype, 2, 3, 4), constant([2, 0, 1], dtype=np.int32))
        # Whole tiles and what is left of them, and rows that are copied in pieces.
        yield case(f"tiles-{np.dtype(dtype)}", "TRANSPOSE", sample(dtype, 2, 37, 83), constant([0, 2, 1], dtype=np.int32))
        yield case(f"pieces-{np.dtype(dtype)}", "TRANSPOSE", sample(dtype, 17000, 3), constant([1, 0], dtype=np.int32))
    for rank in (1, 2, 4, 5, 6, 7):
        x = sample(np.float32, *range(1, rank + 1))
        yield case(f"{rank}d", "TRANSPOSE", x, constant(np.roll(np.arange(rank), 2)[::-1], dtype=np.int32))
    yield case("negative", "TRANSPOSE", sample(np.int32, 2, 3, 4), constant([-1, 0, -2], dtype=np.int32))
    yield case("run-time", "TRANSPOSE", sample(np.int32, 2, 3), np.array([1, 0], np.int32), out=out(np.int32, shape=(1, 1)))
    # LiteRT's Python interface has no arrays of these two types, or no reference kernel for them.
    for dtype in (INT4, np.float16):
        x = sample(dtype, 2, 3)
        expected = x.T.astype(np.int8) if dtype == INT4 else x.T
        yield case(f"{np.dtype(dtype)}", "TRANSPOSE", x, constant([1, 0], dtype=np.int32), expected=[expected])


def repeat_cases() -> Iterator[Case]:
    for dtype in MOVED:
        name = np.dtype(dtype).name
        yield case(name, "BROADCAST_TO", sample(dtype, 3, 1), constant([2, 3, 4], dtype=np.int32))
        yield case(name, "FILL", constant([2, 3], dtype=np.int32), sample(dtype))
        if dtype is not np.int8:
            yield case(name, "TILE", sample(dtype, 2, 3), constant([2, 3], dtype=np.int32))
    # BUILTIN_REF has no TILE of version 3.
    x = sample(np.int8, 2, 3)
    yield case("int8", "TILE", x, constant([2, 1], dtype=np.int32), expected=[np.concatenate([x, x])])
    yield case("float16", "FILL", constant([2], dtype=np.int64), np.float16(1.5))
    yield case("bfloat16", "FILL", constant([2], dtype=np.int64), sample(BFLOAT16))
    yield case("strings", "FILL", np.array([2, 2], np.int32), constant(sample(STRING)), out=out(STRING, shape=(1, 1)))
    yield case("strings", "TILE", sample(STRING, 2, 2), constant([2, 3], dtype=np.int32))
    yield case("none", "TILE", sample(np.float32, 2, 3), constant([0, 2], dtype=np.int64))
    yield case("run-time", "TILE", sample(np.float32, 2, 3), np.array([1, 2], np.int64), out=out(np.float32, shape=(1, 1)))
    yield case("run-time", "FILL", np.array([2, 3], np.int64), np.float32(2.5), out=out(np.float32, shape=(1, 1)))
    yield case("run-time", "BROADCAST_TO", sample(np.float32, 3), np.array([2, 3], np.int64), out=out(np.float32, shape=(1, 1)))
    q = quantized(sample(np.int8, 1, 4), 0.5, 3)
    yield case("quantized", "BROADCAST_TO", q, constant([3, 4], dtype=np.int32), quantization=q.quantization)
    for dtype in (np.int32, np.int64):
        yield case(f"{np.dtype(dtype)}", "BROADCAST_ARGS", np.array([3, 1, 5], dtype), np.array([4, 1], dtype))
        yield case(f"{np.dtype(dtype)}-scalar", "BROADCAST_ARGS", np.array([3, 2], dtype), constant(np.zeros(0, dtype)))


def range_cases() -> Iterator[Case]:
    for name, (start, limit, delta) in {"up": (1, 9, 2), "down": (5, -6, -3), "uneven": (0, 10, 4), "none": (3, 3, 1)}.items():
        for dtype in (np.float32, np.int32):
            numbers = [np.array(v, dtype) for v in (start, limit, delta)]
            yield case(f"{name}-{np.dtype(dtype)}", "RANGE", *numbers, out=out(dtype, shape=(1,)))
    yield case("fractions", "RANGE", *np.array([0, 1, 0.1], np.float32), out=out(np.float32, shape=(1,)))
    # BUILTIN_REF has no RANGE of version 2.
    numbers = np.array([2**40, 2**40 + 5, 2], np.int64)
    yield case("int64", "RANGE", *numbers, out=out(np.int64, shape=(1,)), expected=[2**40 + np.array([0, 2, 4])])
