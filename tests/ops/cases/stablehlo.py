"""Cases of the StableHLO operators."""

from collections.abc import Iterator

import numpy as np

from tachylite.model.graph import Graph
from tachylite.ops.builder import Builder

from ..harness import Case, case, constant

rng = np.random.default_rng(11)

COMPUTATIONS = ("STABLEHLO_ADD", "STABLEHLO_MULTIPLY", "STABLEHLO_MAXIMUM", "STABLEHLO_MINIMUM")


def cases() -> Iterator[Case]:
    yield from _elementwise()
    yield from _pad()
    yield from _gather()
    yield from _scatter()
    yield from _windows()


def computation(op: str, dtype: type) -> Graph:
    build = Builder()
    x, y = build.input("x", (), dtype), build.input("y", (), dtype)
    return build.outputs(getattr(build, op)(x, y) if op else y)


def _values(dtype: type, *shape: int) -> np.ndarray:
    return rng.random(shape) < 0.5 if dtype == np.bool_ else (rng.normal(size=shape) * 50).astype(dtype)


def _elementwise() -> Iterator[Case]:
    for op in COMPUTATIONS:
        for dtype in (np.float32, np.int8, np.int16, np.int32, np.int64):
            yield case(np.dtype(dtype).name, op, _values(dtype, 4, 5), _values(dtype, 4, 5))
    for dtype in (np.int8, np.int32, np.bool_):
        x, y = _values(dtype, 6, 2), _values(dtype, 6, 2)
        # LiteRT has AND and SHIFT_LEFT only among the optimized kernels.
        yield case(np.dtype(dtype).name, "STABLEHLO_AND", x, y, expected=[x & y])
    for dtype in (np.int8, np.int16, np.int32):
        x, y = _values(dtype, 8), np.arange(8, dtype=dtype)
        yield case(np.dtype(dtype).name, "STABLEHLO_SHIFT_LEFT", x, y, expected=[(x.astype(np.int64) << y.astype(np.int64)).astype(dtype)])


def _pad() -> Iterator[Case]:
    paddings = {
        "edges": ((1, 0), (2, 3), (0, 0)),
        "interior": ((0, 0), (0, 0), (2, 1)),
        "cropped": ((-1, -2), (0, -1), (0, 0)),
        "all": ((-2, 3), (1, -4), (2, 3)),
        "cropped-away": ((-5, 0), (4, 0), (1, 0)),
    }
    for dtype in (np.float32, np.int8, np.int64):
        for name, (low, high, interior) in paddings.items():
            options = {"edge_padding_low": low, "edge_padding_high": high, "interior_padding": interior}
            yield case(f"{np.dtype(dtype).name}-{name}", "STABLEHLO_PAD", _values(dtype, 3, 4), _values(dtype), **options)


def _gather() -> Iterator[Case]:
    x = _values(np.float32, 5, 4, 3)
    rows = {"offset_dims": (1, 2), "collapsed_slice_dims": (0,), "start_index_map": (0,), "slice_sizes": (1, 2, 3)}
    yield case("rows", "STABLEHLO_GATHER", x, np.array([[4], [0], [2]], np.int32), index_vector_dim=1, **rows)
    yield case("clamped", "STABLEHLO_GATHER", x, np.array([[9], [-3]], np.int64), index_vector_dim=1, **rows)
    mixed = {"offset_dims": (0, 2), "collapsed_slice_dims": (1,), "start_index_map": (2, 0, 1), "slice_sizes": (2, 1, 2)}
    yield case("mixed", "STABLEHLO_GATHER", x, rng.integers(-1, 4, (3, 6)).astype(np.int32), index_vector_dim=0, **mixed)
    # LiteRT reads beyond the indices where these are scalars.
    expected = x[np.array([1, 3])][:, :2]
    yield case("scalars", "STABLEHLO_GATHER", x, np.array([1, 3], np.int32), index_vector_dim=1, expected=[expected], **rows)


def _scatter() -> Iterator[Case]:
    options = {"update_window_dims": (1,), "inserted_window_dims": (0,), "scatter_dims_to_operand_dims": (0, 1), "index_vector_dim": 1}
    indices = np.array([[0, 0], [2, 1], [0, 1], [7, 0], [-1, 2], [2, 3]], np.int64)
    for dtype in (np.float32, np.int32, np.int8):
        for op in ("", *COMPUTATIONS):
            name = f"{np.dtype(dtype).name}-{op or 'update'}"
            arguments = [_values(dtype, 4, 5), indices, _values(dtype, 6, 2)]
            yield case(name, "STABLEHLO_SCATTER", *arguments, subgraphs=[computation(op, dtype)], **options)
    # The updates' windows lie before the axis that counts them, and they overlap.
    swapped = options | {"update_window_dims": (0,)}
    updates = [_values(np.float32, 4, 5), indices, _values(np.float32, 2, 6)]
    yield case("swapped", "STABLEHLO_SCATTER", *updates, subgraphs=[computation("", np.float32)], **swapped)


def _windows() -> Iterator[Case]:
    plain = {
        "window_dimensions": (2, 3),
        "window_strides": (1, 1),
        "base_dilations": (1, 1),
        "window_dilations": (1, 1),
        "padding": (0,) * 4,
    }
    variants = {
        "plain": plain,
        "strides": plain | {"window_strides": (2, 1), "padding": (1, 1, 0, 2)},
        "dilated": plain | {"base_dilations": (2, 3), "window_dilations": (2, 1)},
        "cropped": plain | {"padding": (-1, 0, 1, -2)},
        "none": plain | {"window_dimensions": (9, 1)},
    }
    for op in COMPUTATIONS:
        for dtype in (np.float32, np.int32, np.int8):
            arguments = [_values(dtype, 6, 5), constant(_values(dtype))]
            for name, options in variants.items():
                label, body = f"{np.dtype(dtype).name}-{op}-{name}", [computation(op, dtype)]
                yield case(label, "STABLEHLO_REDUCE_WINDOW", *arguments, subgraphs=body, rtol=1e-4, **options)
    yield case(
        "bool",
        "STABLEHLO_REDUCE_WINDOW",
        _values(np.bool_, 6, 5),
        constant(np.bool_(0)),
        subgraphs=[computation("LOGICAL_OR", np.bool_)],
        **plain,
    )
    for function in ("ADD", "MUL", "MINIMUM", "MAXIMUM", "ALL", "ANY"):
        for dtype in (np.bool_,) if function in ("ALL", "ANY") else (np.float32, np.int32, np.int8):
            lists = [constant(np.array(values, np.int64)) for values in ((2, 2), (1, 2), (3, 1))]
            arguments = [_values(dtype, 6, 5), constant(_values(dtype)), *lists]
            yield case(f"{np.dtype(dtype).name}-{function}", "REDUCE_WINDOW", *arguments, reduce_function=function)
