"""Cases of the softmax family."""

from collections.abc import Iterator

import numpy as np

from ..harness import Case, case, out, quantized

rng = np.random.default_rng(2)


def cases() -> Iterator[Case]:
    x = rng.normal(size=(2, 3, 7)).astype(np.float32) * 5
    yield case("f32", "SOFTMAX", x, beta=0.7)
    for columns in (1, 2, 16, 1001):
        row = rng.normal(size=(2, columns)).astype(np.float32) * 5
        yield case(f"f32-{columns}-columns", "SOFTMAX", row, beta=1.0)
        yield case(f"f32-{columns}-columns", "LOG_SOFTMAX", row)
    # The released LiteRT 2.3 has no float16 kernel yet.
    powers = np.exp(x.astype(np.float16).astype(np.float64))
    shares = (powers / powers.sum(-1, keepdims=True)).astype(np.float16)
    yield case("f16", "SOFTMAX", x.astype(np.float16), beta=1.0, rtol=1e-3, atol=1e-3, expected=[shares])
    for scale in (0.02, 0.3, 2.0):
        for dtype, result in ((np.int8, np.int8), (np.int8, np.int16), (np.uint8, np.uint8), (np.uint8, np.int16), (np.int16, np.int16)):
            info, bits = np.iinfo(dtype), np.iinfo(result).bits
            for columns in (1, 33, 1001):
                q = quantized(rng.integers(info.min, info.max, (4, columns)), scale / 2 ** (info.bits - 8), dtype=dtype)
                y = out(result, 2.0**-15 if bits == 16 else 2.0**-8, -128 if result == np.int8 else 0, (4, columns))
                yield case(f"{np.dtype(dtype).name}-{np.dtype(result).name}-{scale}-{columns}", "SOFTMAX", q, beta=1.0, out=y)
    yield case("f32", "LOG_SOFTMAX", x)
    for dtype in (np.int8, np.uint8):
        info = np.iinfo(dtype)
        for scale, columns in ((0.01, 33), (0.1, 33), (0.7, 300)):
            q = quantized(rng.integers(info.min, info.max, (4, columns)), scale, 4, dtype=dtype)
            yield case(f"{np.dtype(dtype).name}-{scale}", "LOG_SOFTMAX", q, out=out(dtype, 1 / 16, info.max, (4, columns)))
    # LiteRT's reference kernels abort on scales that are no step in Q5.
    tiny = quantized([[0, 100]], 1e-9)
    yield case("tiny-scale", "SOFTMAX", tiny, beta=1.0, out=out(np.int8, 1 / 256, -128, (1, 2)), expected=[np.zeros((1, 2), np.int8)])
    yield case("tiny-scale", "LOG_SOFTMAX", tiny, out=out(np.int8, 1 / 16, 127, (1, 2)), expected=[np.full((1, 2), 116, np.int8)])
