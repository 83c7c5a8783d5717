"""Cases of the block family."""

from collections.abc import Iterator

import numpy as np

from ..harness import Case, case, constant, out, quantized
from ..samples import sample


def cases() -> Iterator[Case]:
    for dtype in (np.float32, np.int8, np.uint8, np.int32, np.int64):
        name = np.dtype(dtype).name
        image, deep = sample(dtype, 2, 4, 6, 3), sample(dtype, 2, 2, 3, 12)
        yield case(name, "SPACE_TO_DEPTH", image, block_size=2)
        # BUILTIN_REF has no DEPTH_TO_SPACE of version 2.
        blocks = deep.reshape(2, 2, 3, 2, 2, 3)
        rows = [np.concatenate([blocks[:, :, :, i, j] for j in range(2)], axis=3).reshape(2, 2, 6, 3) for i in range(2)]
        expected = [np.stack(rows, axis=2).reshape(2, 4, 6, 3)] if dtype is np.int8 else None
        yield case(name, "DEPTH_TO_SPACE", deep, block_size=2, expected=expected)

    sides, pairs = constant([2, 3], dtype=np.int32), constant([[1, 1], [0, 2]], dtype=np.int32)
    for dtype in (np.float32, np.int8, np.uint8, np.int16, np.int32, np.int64):
        yield case(f"{np.dtype(dtype)}", "SPACE_TO_BATCH_ND", sample(dtype, 2, 4, 7, 2), sides, pairs)
        yield case(f"{np.dtype(dtype)}", "BATCH_TO_SPACE_ND", sample(dtype, 12, 3, 3, 2), sides, pairs)
    q = quantized(sample(np.int8, 1, 3, 3, 1), 0.5, -7)
    yield case("quantized", "SPACE_TO_BATCH_ND", q, sides, constant([[0, 1], [2, 1]], dtype=np.int32), quantization=q.quantization)
    side, pair = constant([2], dtype=np.int32), constant([[1, 0]], dtype=np.int32)
    yield case("3d", "SPACE_TO_BATCH_ND", sample(np.float32, 2, 5, 3), side, pair)
    yield case("3d", "BATCH_TO_SPACE_ND", sample(np.float32, 4, 5, 3), side, pair)
    run_time = np.array([2, 1], np.int32), np.array([[0, 0], [1, 0]], np.int32)
    yield case("run-time", "SPACE_TO_BATCH_ND", sample(np.float32, 1, 2, 3, 1), *run_time, out=out(np.float32, shape=(1, 1, 1, 1)))
    yield case("run-time", "BATCH_TO_SPACE_ND", sample(np.float32, 2, 2, 3, 1), *run_time, out=out(np.float32, shape=(1, 1, 1, 1)))
