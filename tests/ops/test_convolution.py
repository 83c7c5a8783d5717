"""Convolutions where LiteRT's kernels are no oracle: windows, exactness, what is refused."""

from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tachylite import Interpreter, Model, OpResolverType
from tachylite.model.errors import OpError
from tachylite.ops.builder import Builder
from tachylite.ops.exact import exact_dtype
from tachylite.ops.window import Window

from .harness import Case, case, constant, out, quantized, scale_of

rng = np.random.default_rng(0)

small = st.integers(0, 9)
windows = st.builds(Window, st.integers(1, 5), st.integers(1, 4), st.integers(1, 3), st.integers(-6, 6), small, small)


@given(windows)
def test_cells_are_where_the_definition_puts_them(window):
    expected = {
        (i, o, o * window.stride + i * window.dilation - window.before) for i, o in product(range(window.size), range(window.outputs))
    }
    assert seen(window) == {(i, o, x) for i, o, x in expected if 0 <= x < window.inputs}


def seen(window, first_cell=0):
    """What the window sees: cell, output, input."""
    return {
        (first_cell + i, o, x) for i, outputs, inputs in window.cells() for o, x in zip(range(9)[outputs], range(9)[inputs], strict=True)
    }


@given(windows)
def test_trimming_takes_nothing_away(window):
    trimmed, cells = window.trimmed()
    assert seen(trimmed, cells.start) == seen(window)
    assert trimmed.size == cells.stop - cells.start >= 1
    assert trimmed.size == 1 or set(range(cells.start, cells.stop)) == set(window.live())


def test_a_huge_window_has_no_more_cells_than_meet_the_input():
    assert len(Window(2**31 - 1, 1, 1, 2**30, 5, 5).live()) == 9


def test_a_huge_dilation_takes_no_memory():
    x, filters = rng.normal(size=(1, 5, 4, 3)), rng.normal(size=(2, 3, 2, 3))
    options = {"stride_h": 1, "stride_w": 1, "dilation_h_factor": 2**30, "dilation_w_factor": 2**31 - 1}
    layer = case("", "CONV_2D", x.astype(np.float32), constant(filters.astype(np.float32)), constant(np.ones(2, np.float32)), **options)
    # Along the width both cells are outside everywhere.
    np.testing.assert_array_equal(run(layer.graph, x.astype(np.float32)), np.ones((1, 5, 4, 2)))


HUGE = 2**31 - 1
STRIDE, DILATION, FILTER = ("stride_h", "stride_w"), ("dilation_h_factor", "dilation_w_factor"), ("filter_height", "filter_width")
SIZES = [(op, names) for op in ("CONV_2D", "DEPTHWISE_CONV_2D") for names in (STRIDE, DILATION)]
SIZES += [(op, names) for op in ("AVERAGE_POOL_2D", "MAX_POOL_2D") for names in (STRIDE, FILTER)]


@pytest.mark.parametrize("dtype", [np.float32, np.int8, np.int16])
@pytest.mark.parametrize("axes", [slice(2), slice(1), slice(1, 2)], ids=["both", "height", "width"])
@pytest.mark.parametrize(("op", "names"), SIZES)
def test_huge_numbers_stay_harmless(op: str, names: tuple[str, str], axes: slice, dtype: type) -> None:
    """Native kernels count in 32 bits; windows reach far beyond the input here, and outputs lie far apart."""
    layer = {"C": convolution, "D": convolution}.get(op[0], pool)(op, dtype, dict.fromkeys(names[axes], HUGE))
    reference = Interpreter(model_content=Model.of(layer.graph), experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
    np.testing.assert_allclose(run(layer.graph, *layer.inputs), answer(reference, *layer.inputs), rtol=1e-4)


@pytest.mark.parametrize("dtype", [np.float32, np.int8, np.int16])
def test_a_huge_stride_of_a_transposed_convolution_stays_harmless(dtype: type) -> None:
    shape = constant(np.array([2, 3, 4, 6], np.int32))
    x, filters, bias = image(dtype, (2, 1, 1, 4)), *weights(dtype, (6, 2, 3, 4), 6, 0)
    options = {} if dtype is np.float32 else {"out": out(dtype, 50)}
    result = case("", "TRANSPOSE_CONV", shape, filters, x, bias, stride_h=HUGE, stride_w=HUGE, padding="SAME", **options)
    reference = Interpreter(model_content=Model.of(result.graph), experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
    np.testing.assert_allclose(run(result.graph, *result.inputs), answer(reference, *result.inputs), rtol=1e-4)


def image(dtype: type, shape: tuple[int, ...] = (2, 7, 6, 4)) -> Any:
    x = rng.integers(-100, 100, shape).astype(dtype)
    return x if dtype is np.float32 else quantized(x, 0.5, dtype=dtype)


def pool(op: str, dtype: type, options: dict[str, int]) -> Case:
    options = dict.fromkeys((*STRIDE, *FILTER), 2) | options
    return case("", op, image(dtype), padding="SAME", **options, **({} if dtype is np.float32 else {"out": out(dtype, 0.5)}))


def convolution(op: str, dtype: type, options: dict[str, int]) -> Case:
    shape, channels, axis = ((6, 3, 2, 4), 6, 0) if op == "CONV_2D" else ((1, 3, 2, 8), 8, 3)
    options = dict.fromkeys(STRIDE, 2) | options
    return case(
        "", op, image(dtype), *weights(dtype, shape, channels, axis), **options, **({} if dtype is np.float32 else {"out": out(dtype, 50)})
    )


def weights(dtype: type, shape: tuple[int, ...], channels: int, axis: int) -> tuple[Any, Any]:
    """Filters and bias."""
    filters, bias = rng.integers(-100, 100, shape), rng.integers(-100, 100, channels)
    if dtype is np.float32:
        return constant(filters.astype(dtype)), constant(bias.astype(dtype))
    return constant(filters, 0.5, axis=axis, dtype=np.int8), constant(bias.astype(np.int32), 0.25)


def test_float32_serves_where_it_is_exact():
    assert exact_dtype(256, np.full((2, 2**8, 2**8), 1), 0) == np.float32
    assert exact_dtype(257, np.full((2, 2**8, 2**8), 1), 0) == np.float64


def run(graph, *inputs):
    return answer(Interpreter(model_content=Model.of(graph).to_bytes()), *inputs)


def answer(interpreter, *inputs):
    interpreter.allocate_tensors()
    for detail, value in zip(interpreter.get_input_details(), inputs, strict=True):
        interpreter.set_tensor(detail["index"], value)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


def test_long_sums_are_exact():
    """Sums beyond float32's mantissa, whose last bit decides the result."""
    filters = np.full((1, 1, 1, 2048), 127, np.int8)
    x = np.full((1, 1, 1, 2048), 127, np.int8)
    bias = np.array([1 - 2048 * 127 * 127], np.int32)
    layer = case(
        "", "CONV_2D", quantized(x, 1.0), constant(filters, 1.0), constant(bias, 1.0), stride_h=1, stride_w=1, out=out(np.int8, 1.0)
    )
    assert run(layer.graph, x).item() == 1


@pytest.mark.parametrize(("op", "filters", "axis"), [("DEPTHWISE_CONV_2D", (1, 3, 3, 4), 3), ("CONV_2D", (6, 3, 3, 2), 0)])
def test_one_scale_is_as_good_as_many_equal_ones(op, filters, axis):
    """LiteRT reads beyond the one scale here, in depthwise and in grouped convolutions."""
    x = rng.normal(size=(2, 5, 5, 4)).astype(np.float32)
    weights = rng.integers(-127, 128, filters).astype(np.int8)
    bias = constant(np.zeros(filters[axis], np.float32))
    answers = [
        run(case("", op, x, constant(weights, scale, axis=axis), bias, stride_h=1, stride_w=1).graph, x)
        for scale in (0.02, [0.02] * filters[axis])
    ]
    np.testing.assert_array_equal(*answers)


def test_depthwise_int4_filters_serve_like_int8_ones():
    """LiteRT's reference resolver lacks the version that takes them."""
    x = rng.integers(-128, 128, (1, 5, 5, 4)).astype(np.int8)
    weights = rng.integers(-8, 8, (1, 3, 3, 4))
    answers = []
    for dtype in ("int4", "int8"):
        operands = [
            quantized(x, 0.1, 3),
            constant(weights, [0.02, 0.03, 0.01, 0.02], axis=3, dtype=dtype),
            constant([1, -2, 3, 4], 1.0, dtype=np.int32),
        ]
        answers.append(run(case("", "DEPTHWISE_CONV_2D", *operands, stride_h=1, stride_w=1, out=out(np.int8, 0.02)).graph, x))
    assert len(np.unique(answers[0])) > 20
    np.testing.assert_array_equal(*answers)


def _conv(x=(1, 4, 4, 2), filters=(3, 3, 3, 2), bias=(3,), dtype=np.float32, **options):
    """Builds a CONV_2D, which infers its output."""
    build = Builder()
    integer = dtype != np.float32
    source = build.input("x", x, dtype, scale_of(0.1) if integer else None)
    weights = build.constant(np.ones(filters, np.int8 if integer else dtype), quantization=scale_of(0.1) if integer else None)
    offsets = None if bias is None else build.constant(np.zeros(bias, np.int32 if integer else dtype))
    return build.CONV_2D(source, weights, offsets, **{"stride_h": 1, "stride_w": 1, "quantization": scale_of(1.0), **options})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"x": (4, 4, 2)}, "rank 4"),
        ({"x": (1, 4, 4, 5)}, "5 channels"),
        ({"filters": (3, 3, 0, 2)}, "may be 0"),
        ({"bias": (4,)}, "3 output channels"),
        ({"bias": None}, "add a bias"),
        ({"stride_h": 0}, "stride"),
        ({"dilation_w_factor": -1}, "dilation"),
        ({"x": (1, 1, 4, 2), "padding": "VALID"}, "use padding SAME"),
        ({"dtype": np.int32}, "needed one of"),
        ({"dtype": np.int16, "quantized_bias_type": "INT64"}, "both must agree"),
    ],
)
def test_refusals_name_the_remedy(arguments, message):
    with pytest.raises(OpError, match=message):
        _conv(**arguments)


def test_a_valid_window_within_a_stride_of_fitting_sees_nothing():
    assert _conv(x=(1, 2, 4, 2), stride_h=2, padding="VALID").shape == (1, 0, 2, 3)


def test_scales_that_do_not_fit_are_refused():
    build = Builder()
    x = build.input("x", (1, 4, 4, 2), np.int8, scale_of(0.1))
    weights = build.constant(np.ones((3, 3, 3, 2), np.int8), quantization=scale_of([0.1, 0.2]))
    with pytest.raises(OpError, match="filter has 2 scales, needed 1 or 3"):
        build.CONV_2D(x, weights, np.zeros(3, np.int32), stride_h=1, stride_w=1)
    weights = build.constant(np.ones((3, 3, 3, 2), np.int8), quantization=scale_of(0.1, 1))
    with pytest.raises(OpError, match="zero point"):
        build.CONV_2D(x, weights, np.zeros(3, np.int32), stride_h=1, stride_w=1)


def test_transposed_shape_must_lead_back():
    build = Builder()
    x = build.input("x", (1, 4, 4, 2))
    weights = build.constant(np.ones((3, 3, 3, 2), np.float32))
    assert build.TRANSPOSE_CONV(np.array([1, 7, 8, 3], np.int32), weights, x, stride_h=2, stride_w=2).shape == (1, 7, 8, 3)
    for shape in ([1, 9, 8, 3], [2, 8, 8, 3], [1, 8, 8, 4], [1, 8, -8, 3], [1, 8, 8]):
        with pytest.raises(OpError, match="output shape"):
            build.TRANSPOSE_CONV(np.array(shape, np.int32), weights, x, stride_h=2, stride_w=2)
