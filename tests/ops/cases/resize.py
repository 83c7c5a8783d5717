"""Cases of image resizing."""

from collections.abc import Iterator

import numpy as np

from ..harness import Case, case, constant, out, quantized

rng = np.random.default_rng(9)

MODES = {
    "plain": {},
    "corners": {"align_corners": True},
    "half": {"half_pixel_centers": True},
    "corners-half": {"align_corners": True, "half_pixel_centers": True},
}
SIZES = {"larger": (11, 7), "smaller": (2, 3), "one": (1, 1)}


def cases() -> Iterator[Case]:
    x = rng.normal(size=(2, 5, 4, 3)).astype(np.float32)
    for op in ("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"):
        for mode, options in MODES.items():
            if op == "RESIZE_BILINEAR" and mode == "corners-half":
                continue
            for name, size in SIZES.items():
                yield case(f"f32-{mode}-{name}", op, x, constant(np.array(size, np.int32)), **options)
                for dtype in (np.int8, np.uint8, np.int16):
                    info = np.iinfo(dtype)
                    q = quantized(rng.integers(info.min, info.max, x.shape, endpoint=True), 0.1, dtype=dtype)
                    label = f"{np.dtype(dtype).name}-{mode}-{name}"
                    yield case(label, op, q, constant(np.array(size, np.int32)), out=out(dtype, 0.1), **options)
        yield case("f32-dynamic", op, x, np.array([3, 9], np.int32), out=out(np.float32))
    yield case("i32", "RESIZE_NEAREST_NEIGHBOR", rng.integers(-9, 9, (1, 3, 3, 2)).astype(np.int32), constant(np.array([7, 2], np.int32)))
