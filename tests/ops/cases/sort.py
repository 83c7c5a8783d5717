"""Cases of the sort family."""

from collections.abc import Iterator

import numpy as np

from ..harness import Case, case, constant, out
from ..samples import sample


def cases() -> Iterator[Case]:
    for dtype in (np.float32, np.int8, np.uint8, np.int16, np.int32, np.int64):
        name = np.dtype(dtype).name
        yield case(name, "TOPK_V2", sample(dtype, 3, 20), constant(7, dtype=np.int32))
        for index in (np.int32, np.int64):
            outputs = [out(dtype, shape=(1,)), out(index, shape=(20,))]
            yield case(f"{name}-{np.dtype(index)}", "UNIQUE", sample(dtype, 20), idx_out_type=np.dtype(index).name.upper(), out=outputs)
    lowest = np.array([3, -128, 127, -128], np.int8)
    yield case("all", "TOPK_V2", lowest, constant(4, dtype=np.int32))
    yield case("nan", "TOPK_V2", np.array([1, np.nan, -np.inf, np.inf, np.nan], np.float32), constant(5, dtype=np.int32))
    outputs = [out(np.float32, shape=(4,)), out(np.int16, shape=(4,))]
    yield case("int16-positions", "TOPK_V2", sample(np.float32, 9), constant(4, dtype=np.int16), out=outputs)
    outputs = [out(np.float32, shape=(1,)), out(np.int32, shape=(1,))]
    yield case("run-time", "TOPK_V2", sample(np.float32, 9), np.int32(3), out=outputs)

    for op in ("ARG_MAX", "ARG_MIN"):
        for dtype in (np.float32, np.int8, np.uint8, np.int32):
            x = sample(dtype, 3, 6, 4)
            yield case(f"{np.dtype(dtype)}", op, x, constant(1, dtype=np.int32), output_type="INT32")
            yield case(f"{np.dtype(dtype)}-last", op, x, constant(-1, dtype=np.int64), output_type="INT64")
        # BUILTIN_REF has neither of version 3. Of bools, the first that differs from the others counts.
        x, place = np.array([[True, False, True], [False, True, False]]), [0, 1] if op == "ARG_MAX" else [1, 0]
        yield case("bool", op, x, constant(1, dtype=np.int32), output_type="INT32", expected=[np.array(place)])
        infinity = -np.inf if op == "ARG_MAX" else np.inf
        x = np.array([[np.nan, infinity, 2 * infinity], [np.nan, np.nan, np.nan], [1, np.nan, 1]], np.float32)
        yield case("nan", op, x, constant(0, dtype=np.int32), output_type="INT32")
        yield case("run-time", op, x, np.int32(0), output_type="INT32", out=out(np.int32, shape=(1,)))

    for dtype in (np.float32, np.int32, np.int64):
        for exclusive in (False, True):
            for reverse in (False, True):
                options = {"exclusive": exclusive, "reverse": reverse}
                yield case(
                    f"{np.dtype(dtype)}-{exclusive:d}{reverse:d}", "CUMSUM", sample(dtype, 2, 5, 3), constant(1, dtype=np.int32), **options
                )
    yield case("wraps", "CUMSUM", np.array([2**31 - 1, 2, 3], np.int32), np.int32(-1))

    boundaries = (-2.5, 0.0, 0.0, 3.0)
    for dtype in (np.float32, np.float64, np.int32, np.int64):
        yield case(f"{np.dtype(dtype)}", "BUCKETIZE", sample(dtype, 4, 5), boundaries=boundaries)
    # LiteRT needs a boundary.
    yield case("none", "BUCKETIZE", sample(np.float32, 4), boundaries=(), expected=[np.zeros(4, np.int32)])
