"""Cases of the gather family."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from tachylite.model.dtypes import BFLOAT16, INT4, STRING

from ..harness import Case, case, constant, out
from ..samples import sample

NUMBERS = (np.float32, np.int8, np.uint8, np.int32, np.int64)


def cases() -> Iterator[Case]:
    yield from gather_cases()
    yield from scatter_cases()
    yield from select_cases()
    for dtype in (*NUMBERS, np.int16):
        name = np.dtype(dtype).name
        yield case(name, "MATRIX_DIAG", sample(dtype, 2, 3))
        yield case(name, "MATRIX_SET_DIAG", sample(dtype, 2, 3, 4), sample(dtype, 2, 3, seed=1))
    yield case("tall", "MATRIX_SET_DIAG", sample(np.float32, 4, 2), sample(np.float32, 2, seed=1))
    # LiteRT moves bools four at a time.
    expected = np.array([[True, False], [False, True]])
    yield case("bool", "MATRIX_DIAG", np.array([True, True]), expected=[expected])
    yield case("bool", "MATRIX_SET_DIAG", expected, np.array([False, False]), expected=[np.zeros((2, 2), bool)])


def gather_cases() -> Iterator[Case]:
    for dtype in (*NUMBERS, np.int16, np.bool_, np.float16, BFLOAT16, STRING):
        name, places = np.dtype(dtype).name, np.array([[3, 0], [1, 1]], np.int32)
        yield case(name, "GATHER", sample(dtype, 4) if dtype == STRING else sample(dtype, 4, 3), places)
        yield case(name, "GATHER_ND", sample(dtype, 4, 3), np.array([[3, 0], [1, 2], [0, 0]], np.int32))
    x = sample(np.float32, 2, 3, 4, 5)
    for index in (np.int16, np.int32, np.int64):
        places = np.array([[1, 0, 1], [2, 2, 0]], index)
        yield case(f"axis-{np.dtype(index)}", "GATHER", x, places, axis=-2)
        yield case(f"slices-{np.dtype(index)}", "GATHER_ND", x, places[:, :2] % 2)
    yield case("scalar", "GATHER", x, np.int32(2), axis=1)
    places = np.array([[[1, 0], [0, 1], [3, 3]], [[0, 0], [2, 1], [1, 0]]], np.int32)
    yield case("batches", "GATHER", x, places, axis=2, batch_dims=1)
    yield case("batches-before", "GATHER", x, places, axis=3, batch_dims=-1)
    yield case("batches-alone", "GATHER", x, places[:, :, 0], axis=2, batch_dims=2)
    yield case("empty", "GATHER", x, np.zeros((0, 2), np.int32), axis=1)
    # LiteRT's Python interface has no int4 arrays.
    places = np.array([2, 0], np.int32)
    yield case("int4", "GATHER", np.array([-8, 3, 7], INT4), places, expected=[np.array([7, -8], np.int8)])


def scatter_cases() -> Iterator[Case]:
    for dtype in (*NUMBERS, np.bool_):
        name, places = np.dtype(dtype).name, np.array([[3], [0], [3]], np.int32)
        yield case(name, "SCATTER_ND", places, sample(dtype, 3, 2), constant([5, 2], dtype=np.int32))
        on, off = sample(dtype, seed=7), sample(dtype, seed=2)
        yield case(name, "ONE_HOT", np.array([[1, -1], [4, 0]], np.int32), constant(3, dtype=np.int32), on, off, axis=-1)
    places = np.array([[1, 2], [0, 0], [1, 2]], np.int32)
    yield case("wraps", "SCATTER_ND", places, np.array([100, 1, 100], np.int8), constant([2, 3], dtype=np.int32))
    yield case("run-time", "SCATTER_ND", places, sample(np.float32, 3), np.array([2, 3], np.int32), out=out(np.float32, shape=(1, 1)))
    places = np.array([[1, 2], [0, 3]], np.int64)
    for axis in (0, 1):
        yield case(f"axis{axis}", "ONE_HOT", places, constant(4, dtype=np.int32), np.float32(5), np.float32(-1), axis=axis)
    depth, ends = np.int32(4), (np.int32(1), np.int32(0))
    yield case("run-time", "ONE_HOT", places, depth, *ends, axis=-1, out=out(np.int32, shape=(1, 1, 1)))

    for dtype in NUMBERS:
        name, default = np.dtype(dtype).name, sample(dtype, seed=3)
        places, shape = np.array([[1, 2], [0, 0]], np.int32), constant([2, 3], dtype=np.int32)
        yield case(name, "SPARSE_TO_DENSE", places, shape, sample(dtype, 2), default)
        yield case(f"{name}-one", "SPARSE_TO_DENSE", places[:, 1], constant([4], dtype=np.int32), sample(dtype, seed=7), default)
    operands = np.int64(2), np.array([4], np.int64), np.float32(1), np.float32(0)
    yield case("run-time", "SPARSE_TO_DENSE", *operands, out=out(np.float32, shape=(1,)))


def select_cases() -> Iterator[Case]:
    for dtype in (*NUMBERS, np.int16, np.uint32, np.bool_):
        name, x, y = np.dtype(dtype).name, sample(dtype, 2, 3), sample(dtype, 2, 3, seed=1)
        yield case(name, "SELECT", sample(np.bool_, 2, 3), x, y)
        yield case(f"{name}-rows", "SELECT", np.array([True, False]), x, y)
        yield case(f"{name}-scalar", "SELECT", np.bool_(False), x, y)
        yield case(name, "SELECT_V2", sample(np.bool_, 2, 3), x, y)
        yield case(f"{name}-broadcast", "SELECT_V2", np.array([[True], [False]]), x[0], y[:, :1])
    # Long rows, of which each operand in turn is one element.
    long, one = np.array([5], np.float32), sample(np.float32, 3, 70)
    choices = sample(np.bool_, 3, 70)
    yield case("long", "SELECT_V2", choices, one, sample(np.float32, 3, 70, seed=1))
    yield case("long-one", "SELECT_V2", choices, long, one)
    yield case("long-other", "SELECT_V2", choices, one, long)
    yield case("long-rows", "SELECT_V2", choices[:, :1].copy(), one, long)
    condition: Any = np.array([True])
    yield case("declared", "SELECT_V2", condition, np.float32(1), np.float32([[2]]), out=out(np.float32))

    for dtype in (*NUMBERS, np.uint32, np.bool_):
        yield case(f"{np.dtype(dtype)}", "WHERE", sample(dtype, 2, 3, 4), out=out(np.int64, shape=(1, 3)))
    yield case("nowhere", "WHERE", np.zeros(3, bool), out=out(np.int64, shape=(1, 1)))
