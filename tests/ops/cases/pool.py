"""Cases of the pooling family."""

from collections.abc import Iterator

import numpy as np

from ..harness import Case, case, out, quantized

rng = np.random.default_rng(0)

_GEOMETRIES = {
    "same": {"filter_height": 3, "filter_width": 2, "stride_h": 1, "stride_w": 1},
    "valid": {"filter_height": 2, "filter_width": 3, "stride_h": 2, "stride_w": 1, "padding": "VALID"},
    "strides": {"filter_height": 3, "filter_width": 3, "stride_h": 2, "stride_w": 3},
    "gaps": {"filter_height": 1, "filter_width": 2, "stride_h": 2, "stride_w": 3},
    "whole": {"filter_height": 7, "filter_width": 6, "stride_h": 7, "stride_w": 6, "padding": "VALID"},
    "beyond": {"filter_height": 20, "filter_width": 9, "stride_h": 1, "stride_w": 2},
    "relu6": {"filter_height": 2, "filter_width": 2, "stride_h": 2, "stride_w": 2, "fused_activation_function": "RELU6"},
}


def cases() -> Iterator[Case]:
    x = rng.normal(size=(2, 7, 6, 3)).astype(np.float32)
    for geometry, options in _GEOMETRIES.items():
        for op in ("AVERAGE_POOL_2D", "MAX_POOL_2D", "L2_POOL_2D"):
            yield case(geometry, op, x, **options)
        for dtype in (np.int8, np.uint8, np.int16):
            info = np.iinfo(dtype)
            zero_point = 0 if dtype == np.int16 else info.min + 100
            scale = 0.05 if info.bits == 8 else 2e-4
            q = quantized(rng.integers(info.min, info.max + 1, x.shape), scale, zero_point, dtype=dtype)
            for op in ("AVERAGE_POOL_2D", "MAX_POOL_2D"):
                yield case(f"{geometry}_{np.dtype(dtype).name}", op, q, **options, out=out(dtype, scale, zero_point))
    x[0, 0, 0, 0], x[1, 3, 2] = np.nan, np.inf
    yield case("not_finite", "MAX_POOL_2D", x, **_GEOMETRIES["relu6"])
