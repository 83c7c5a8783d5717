"""Cases of the activation family."""

from collections.abc import Iterator

import numpy as np

from ..harness import Case, case, out, quantized

rng = np.random.default_rng(0)


def cases() -> Iterator[Case]:
    x = rng.normal(size=(2, 3, 5)).astype(np.float32)
    yield case("f32", "LEAKY_RELU", x, alpha=0.2)
    for dtype in (np.int8, np.uint8, np.int16):
        info = np.iinfo(dtype)
        q = quantized(rng.integers(info.min, info.max, (4, 33)), 0.05, 0 if dtype == np.int16 else 3, dtype=dtype)
        yield case(np.dtype(dtype).name, "LEAKY_RELU", q, alpha=0.3, out=out(dtype, 0.04, 0 if dtype == np.int16 else 5, (4, 33)))
