"""Cases of the segment reductions."""

from collections.abc import Iterator

import numpy as np

from ..harness import Case, case, constant, out

rng = np.random.default_rng(8)


def cases() -> Iterator[Case]:
    for dtype in (np.float32, np.int32):
        name = np.dtype(dtype).name
        x = (rng.normal(size=(6, 2, 3)) * 10).astype(dtype)
        ids = np.array([0, 0, 1, 2, 2, 2], np.int32)
        # LiteRT has this kernel only among the optimized ones.
        sums = np.stack([x[ids == i].sum(axis=0) for i in range(3)])
        yield case(name, "SEGMENT_SUM", x, constant(ids), expected=[sums])
        yield case(f"{name}-dynamic", "SEGMENT_SUM", x, ids, out=out(dtype), expected=[sums])
        for operation in ("SUM", "PROD", "MAX", "MIN"):
            op = f"UNSORTED_SEGMENT_{operation}"
            yield case(name, op, x, np.array([4, 0, -1, 4, 0, 2], np.int32), constant(np.int32(6)))
            yield case(f"{name}-ids-2d", op, x, constant(rng.integers(-1, 3, (6, 2)).astype(np.int32)), constant(np.int32(3)))
            yield case(f"{name}-dynamic", op, x, ids, np.int32(4), out=out(dtype))
