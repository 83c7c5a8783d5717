"""Cases of the normalize family."""

from collections.abc import Iterator

import numpy as np

from ..harness import Case, case, out, quantized

rng = np.random.default_rng(3)


def cases() -> Iterator[Case]:
    x = rng.normal(size=(2, 3, 4, 7)).astype(np.float32)
    x[0, 0] = 0
    yield case("f32", "L2_NORMALIZATION", x)
    for columns in (1, 8, 37, 200):
        yield case(f"f32-{columns}", "L2_NORMALIZATION", rng.normal(size=(3, columns)).astype(np.float32))
    for dtype, middle in ((np.int8, 0), (np.uint8, 128)):
        info = np.iinfo(dtype)
        steps = rng.integers(info.min, info.max, (5, 33))
        steps[0], steps[1] = middle + 3, 0
        steps[1, 0] = middle + 4
        y = out(dtype, 1 / 128, middle, (5, 33))
        yield case(np.dtype(dtype).name, "L2_NORMALIZATION", quantized(steps, 0.05, middle + 3, dtype=dtype), out=y)
    # LiteRT's reference kernel leaves the last channel of each window out.
    square = np.pad(x * x, [(0, 0)] * 3 + [(2, 2)])
    sums = sum(square[..., i : i + 7] for i in range(5))
    yield case(
        "f32", "LOCAL_RESPONSE_NORMALIZATION", x, radius=2, bias=1.5, alpha=0.5, beta=0.75, expected=[x * (1.5 + 0.5 * sums) ** -0.75]
    )
