"""Cases of the join family."""

from collections.abc import Iterator

import numpy as np

from tachylite.model.dtypes import BFLOAT16, INT4

from ..harness import Case, case, constant, out, quantized
from ..samples import sample


def cases() -> Iterator[Case]:
    yield from concatenation_cases()
    for dtype in (np.float32, np.int8, np.uint8, np.int16, np.int32, np.uint32, np.int64):
        xs = [sample(dtype, 2, 3, seed=i) for i in range(3)]
        for axis in (0, 1, -1):
            yield case(f"{np.dtype(dtype)}-axis{axis}", "PACK", *xs, values_count=3, axis=axis)
    q = [quantized(sample(np.int8, 2, seed=i), 0.25, -3) for i in range(2)]
    yield case("quantized", "PACK", *q, values_count=2, quantization=q[0].quantization)

    for dtype in (np.float32, np.float16, BFLOAT16, np.int8, np.uint8, np.int16, np.int32, np.bool_):
        yield case(f"{np.dtype(dtype)}", "UNPACK", sample(dtype, 2, 3, 4), num=3, axis=1)
    yield case("vector", "UNPACK", sample(np.float32, 3), num=3, axis=-1)

    for dtype in (np.float32, np.int8, np.uint8, np.int16, np.int32, np.int64):
        x = sample(dtype, 4, 6)
        yield case(f"{np.dtype(dtype)}", "SPLIT", constant(1, dtype=np.int32), x, num_splits=3)
        yield case(f"{np.dtype(dtype)}", "SPLIT_V", x, constant([1, 3, 2], dtype=np.int32), constant(-1, dtype=np.int32), num_splits=3)
    x = sample(np.float32, 4, 6)
    yield case("rest", "SPLIT_V", x, constant([1, -1], dtype=np.int64), constant(0, dtype=np.int32), num_splits=2)
    outputs = [out(np.float32, shape=(1, 1)) for _ in range(2)]
    yield case("run-time", "SPLIT", np.int32(-2), x, num_splits=2, out=outputs)
    outputs = [out(np.float32, shape=(1, 1)) for _ in range(2)]
    yield case("run-time", "SPLIT_V", x, np.array([1, 5], np.int32), np.int32(1), num_splits=2, out=outputs)


def concatenation_cases() -> Iterator[Case]:
    for dtype in (np.float32, np.float16, np.int8, np.uint8, np.int16, np.int32, np.uint32, np.int64, np.bool_):
        xs = sample(dtype, 2, 3), sample(dtype, 2, 1), sample(dtype, 2, 0)
        yield case(f"{np.dtype(dtype)}", "CONCATENATION", *xs, axis=-1)
    x = sample(np.float32, 2, 3)
    yield case("one", "CONCATENATION", x, axis=0)
    yield case("constant", "CONCATENATION", x, constant(sample(np.float32, 1, 3)), axis=0)
    # BUILTIN_REF refuses the option that no kernel heeds.
    yield case("activation", "CONCATENATION", x, x, axis=0, fused_activation_function="RELU", expected=[np.concatenate([x, x])])
    # LiteRT's Python interface has no int4 arrays.
    x = sample(INT4, 3, 3)
    yield case("int4", "CONCATENATION", x, x, axis=1, expected=[np.concatenate([x, x], axis=1).astype(np.int8)])

    steps = np.arange(256).reshape(8, 32)
    a, b, c = (
        quantized(steps, 0.05, 120, dtype=np.uint8),
        quantized(steps, 0.03, 10, dtype=np.uint8),
        quantized(steps, 0.06, 100, dtype=np.uint8),
    )
    yield case("rescaled-uint8", "CONCATENATION", a, b, c, axis=1, out=out(np.uint8, 0.06, 100, (8, 96)))
    # LiteRT refuses to rescale int8. These are halves and doubles of the stored integers, halves away from zero.
    a, b = quantized([[-128, -3, 5, 127]], 0.25), quantized([[-128, -3, 5, 127]], 1.0)
    expected = np.array([[-64, -2, 3, 64, -128, -6, 10, 127]], np.int8)
    yield case("rescaled-int8", "CONCATENATION", a, b, axis=1, out=out(np.int8, 0.5, 0, (1, 8)), expected=[expected])
