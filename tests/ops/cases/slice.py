"""Cases of the slice family."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from tachylite.model.dtypes import BFLOAT16, INT4, STRING

from ..harness import Case, Operand, case, constant, out, quantized
from ..samples import sample

MOVED = (np.float32, np.int8, np.uint8, np.int16, np.int32, np.int64, np.bool_)


def ints(*values: Any, dtype: Any = np.int32) -> Operand:
    return constant(np.array(values, dtype))


def cases() -> Iterator[Case]:
    yield from slice_cases()
    yield from strided_slice_cases()
    yield from pad_cases()
    yield from reverse_cases()
    for dtype in (*MOVED, np.float16, BFLOAT16):
        x, update = sample(dtype, 4, 5), sample(dtype, 2, 3, seed=1)
        yield case(f"{np.dtype(dtype)}", "DYNAMIC_UPDATE_SLICE", x, update, np.array([1, 2], np.int32))
    x, update = sample(np.float32, 4, 5), sample(np.float32, 2, 3, seed=1)
    yield case("clamped", "DYNAMIC_UPDATE_SLICE", x, update, np.array([-7, 9], np.int64))
    yield case("whole", "DYNAMIC_UPDATE_SLICE", x, -x, np.array([1, 1], np.int64))
    # LiteRT's Python interface has no int4 arrays.
    expected = np.array([[-8, 1, 2], [3, 7, 5]], np.int8)
    x, update = np.array([[-8, 1, 2], [3, 4, 5]], INT4), np.array([[7]], INT4)
    yield case("int4", "DYNAMIC_UPDATE_SLICE", x, update, np.array([1, 1], np.int32), expected=[expected])

    for dtype in (np.float32, np.int8, np.int16, np.int32, np.int64):
        yield case(f"{np.dtype(dtype)}", "DILATE", sample(dtype, 2, 3, 2), ints(2, 3, 1), sample(dtype, seed=5))
    yield case("run-time", "DILATE", sample(np.float32, 4), np.array([3], np.int32), np.float32(9), out=out(np.float32, shape=(1,)))


def slice_cases() -> Iterator[Case]:
    for dtype in (*MOVED, STRING):
        yield case(f"{np.dtype(dtype)}", "SLICE", sample(dtype, 3, 4, 5), ints(1, 0, 2), ints(2, 3, -1))
    yield case("float16", "SLICE", sample(np.float16, 6), ints(1), ints(3))
    yield case("5d", "SLICE", sample(np.float32, 2, 3, 2, 3, 4), ints(1, 0, 1, 1, 0), ints(1, 2, -1, 2, -1))
    yield case("6d", "SLICE", sample(np.float32, 2, 3, 1, 2, 3, 2), ints(1, 0, 0, 1, 1, 0), ints(1, 2, -1, 1, 2, -1))
    yield case("int64-places", "SLICE", sample(np.float32, 3, 4), ints(1, 1, dtype=np.int64), ints(-1, 2, dtype=np.int64))
    yield case("all", "SLICE", sample(np.float32, 3, 4), ints(0, 0), ints(-1, -1))
    # LiteRT takes the shape that the file declares, unless it is unknown there.
    x = sample(np.float32, 4, 5)
    starts, sizes = np.array([1, 2], np.int32), np.array([-1, 2], np.int32)
    yield case("run-time", "SLICE", x, starts, sizes, out=out(np.float32, shape=(1, 1)), expected=[x[1:, 2:4]])


def strided_slice_cases() -> Iterator[Case]:
    def strided(name: str, x: Any, *triples: Sequence[int], **options: Any) -> Case:
        begin, end, strides = (ints(*column) for column in zip(*triples, strict=True))
        return case(name, "STRIDED_SLICE", x, begin, end, strides, **options)

    for dtype in MOVED:
        yield strided(f"{np.dtype(dtype)}", sample(dtype, 4, 5), (0, 4, 2), (-1, -5, -2))
    x = sample(np.float32, 4, 5, 6)
    yield strided("leading", x, (1, 3, 1))
    yield strided("masks", x, (1, 3, 1), (2, 4, -1), (3, -2, 2), begin_mask=0b011, end_mask=0b110)
    yield strided("shrink", x, (-1, 0, 1), (1, 4, 1), (2, 0, 1), shrink_axis_mask=0b101)
    yield strided("far", x, (-9, 9, 1), (9, -9, -1), (7, 9, 1))
    yield strided("offset", x, (1, 2, 1), (0, 5, 1), (2, 3, 1), offset=True, expected=[x[1:3, 0:5, 2:5]])
    yield strided("5d", sample(np.float32, 2, 3, 2, 3, 4), (0, 2, 1), (0, 3, 2), (0, 2, 1), (2, 0, -1), (1, 3, 1))
    run_time = (np.array(v, np.int32) for v in ([1, 0], [3, 5], [1, 2]))
    yield case("run-time", "STRIDED_SLICE", x, *run_time, out=out(np.float32, shape=(1, 1, 1)))
    # BUILTIN_REF has no STRIDED_SLICE above version 4: masks for ellipsis and new axes, strings.
    yield strided("ellipsis", x, (0, 0, 1), (1, 3, 1), ellipsis_mask=0b01, expected=[x[..., 1:3]])
    yield strided("ellipsis-inside", x, (1, 2, 1), (0, 0, 1), (1, 3, 1), ellipsis_mask=0b010, expected=[x[1:2, ..., 1:3]])
    yield strided("ellipsis-of-nothing", x[0], (1, 2, 1), (0, 0, 1), (1, 3, 1), ellipsis_mask=0b010, expected=[x[0][1:2, 1:3]])
    yield strided("new-axis", x, (0, 0, 1), (1, 3, 1), (0, 0, 1), new_axis_mask=0b101, expected=[x[np.newaxis, 1:3, np.newaxis]])
    entries = (0, 0, 1), (0, 0, 1), (-2, 0, 1)
    everything = {"new_axis_mask": 0b001, "ellipsis_mask": 0b010, "shrink_axis_mask": 0b100}
    yield strided("everything", x, *entries, **everything, expected=[x[np.newaxis, ..., -2]])
    texts = sample(STRING, 3, 4)
    yield strided("strings", texts, (2, 0, -1), (1, 4, 2), expected=[texts[2:0:-1, 1:4:2]])


def pad_cases() -> Iterator[Case]:
    paddings = ints([1, 0], [0, 2])
    for dtype in (*MOVED, np.float16):
        name, x = np.dtype(dtype).name, sample(dtype, 2, 3)
        yield case(name, "PAD", x, paddings)
        yield case(name, "PADV2", x, paddings, sample(dtype, seed=3))
        if dtype is not np.float16:
            for mode in ("REFLECT", "SYMMETRIC"):
                yield case(f"{mode}-{name}", "MIRROR_PAD", x, paddings, mode=mode)
    for dtype, zero_point in ((np.int8, -7), (np.uint8, 9), (np.int16, 0)):
        q = quantized(sample(dtype, 1, 2, 3, 1), 0.5, zero_point, dtype=dtype)
        fill = quantized(np.array(3), 0.5, zero_point, dtype=dtype)
        around = ints([0, 0], [1, 2], [2, 0], [0, 0])
        yield case(f"quantized-{np.dtype(dtype)}", "PAD", q, around, quantization=q.quantization)
        yield case(f"quantized-{np.dtype(dtype)}", "PADV2", q, around, fill, quantization=q.quantization)
        yield case(f"quantized-{np.dtype(dtype)}", "MIRROR_PAD", q, ints([0, 0], [1, 0], [2, 1], [0, 0]), quantization=q.quantization)
    x = sample(np.float32, 1, 2, 3, 1, 2)
    yield case("5d", "PAD", x, ints([0, 1], [0, 0], [2, 0], [0, 0], [1, 1], dtype=np.int64))
    x = sample(np.float32, 3, 4)
    yield case("run-time", "PAD", x, np.array([[1, 0], [0, 3]], np.int32), out=out(np.float32, shape=(1, 1)))
    yield case("run-time", "MIRROR_PAD", x, np.array([[2, 0], [1, 3]], np.int64), out=out(np.float32, shape=(1, 1)))


def reverse_cases() -> Iterator[Case]:
    for dtype in (*MOVED, np.float16, BFLOAT16):
        yield case(f"{np.dtype(dtype)}", "REVERSE_V2", sample(dtype, 2, 3, 4), ints(-1, 1))
    # LiteRT takes neighbouring axes alone.
    x = sample(np.float32, 2, 3, 4)
    yield case("apart", "REVERSE_V2", x, ints(0, 2), expected=[x[::-1, :, ::-1]])
    yield case("none", "REVERSE_V2", x, constant(np.zeros(0, np.int32)), expected=[x])

    for dtype in (np.float32, np.uint8, np.int16, np.int32, np.int64):
        x = sample(dtype, 3, 4, 2)
        yield case(f"{np.dtype(dtype)}", "REVERSE_SEQUENCE", x, np.array([4, 0, 3], np.int32), seq_dim=1, batch_dim=0)
        yield case(f"{np.dtype(dtype)}-back", "REVERSE_SEQUENCE", x, np.array([2, 1], np.int64), seq_dim=0, batch_dim=2)
