"""Recipes: what becomes of a model's types, grids, names and answers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tachylite
from tachylite import Builder, Model, TachyliteError
from tachylite.model.dtypes import INT4

from .harness import floats, names, ours, sqnr, theirs
from .nets import dense_net, loop_net, picture_net, recurrent_net

PICTURES = floats(20, 8, 8, 3)
ROWS = floats(20, 64)


def tensor(model: Model, name: str):
    return next(t for graph in model.graphs for t in graph.tensors if t.name == name)


def layer(model: Model, name: str):
    return next(op for op in model.operators() if any(t.name.startswith(name) for t in op.outputs))


@pytest.mark.parametrize(
    ("scheme", "least"),
    [
        ("static_wi8_ai8", 25),
        ("static_wu8_au8", 22),
        ("static_wi8_ai16", 35),
        ("static_wi4_ai8", 10),
        ("dynamic_wi8_afp32", 35),
        ("weight_only_wi8", 35),
        ("weight_only_wi4", 12),
        ("dynamic_wi4_afp32", 12),
        ("float16", 60),
    ],
)
def test_answers_stay_close_and_are_those_of_litert(scheme, least):
    model, x = picture_net(), PICTURES[:1]
    quantized = tachylite.quantize(model, {"scheme": scheme}, PICTURES)
    found = ours(quantized, x)
    np.testing.assert_allclose(found[0], theirs(quantized, x)[0], atol=1e-6)
    assert sqnr(ours(model, x), found) > least


def test_the_model_itself_is_not_touched():
    model = picture_net()
    before = model.to_bytes()
    tachylite.quantize(model, "static_wi8_ai8", PICTURES)
    assert model.to_bytes() == before


def test_int8_follows_the_specification():
    model = tachylite.quantize(picture_net(), "static_wi8_ai8", PICTURES)
    assert names(model)[0] == "QUANTIZE"
    assert names(model)[-1] == "DEQUANTIZE"
    conv, depthwise = layer(model, "first"), layer(model, "depth")
    for op, axis in ((conv, 0), (depthwise, 3)):
        x, weights, bias = op.inputs
        assert (weights.dtype, bias.dtype) == (np.int8, np.int32)
        assert weights.quantization.axis == axis
        assert len(weights.quantization.scale) == weights.shape[axis] == 8
        assert not weights.quantization.zero_point.any()
        assert weights.data.min() >= -127
        np.testing.assert_allclose(bias.quantization.scale, x.scale * weights.quantization.scale, rtol=1e-6)
    assert (tensor(model, "gate").zero_point, float(tensor(model, "gate").scale)) == (-128, 1 / 256)
    assert tensor(model, "probabilities/int8").scale == np.float32(1 / 256)
    joined = layer(model, "joined")
    assert len({(float(t.scale), t.zero_point) for t in (*joined.inputs, *joined.outputs)}) == 1
    assert tensor(model, "pooled").scale == tensor(model, "joined").scale


def test_int16_is_symmetric_and_has_wide_biases():
    model = tachylite.quantize(picture_net(), "static_wi8_ai16", PICTURES)
    assert layer(model, "first").inputs[2].dtype == np.int64
    assert layer(model, "sum").options.pot_scale_int16 is False
    assert all(t.zero_point == 0 for t in model.graph.tensors if t.dtype == np.int16)


@pytest.mark.parametrize("scheme", ["static_wi8_ai8", "static_wi8_ai16", "static_wu8_au8"])
@pytest.mark.parametrize("kind", ["int8", "uint8", "int16"])
def test_inputs_and_outputs_of_other_types(scheme, kind):
    model = picture_net()
    quantized = tachylite.quantize(model, scheme, PICTURES, inputs=kind, outputs=kind)
    x, y = quantized.graph.inputs[0], quantized.graph.outputs[0]
    assert (x.name, x.dtype, y.name, y.dtype) == ("picture", kind, "probabilities", kind)
    assert quantized.signatures[0].inputs["image"] is x
    assert quantized.signatures[0].outputs["scores"] is y
    low, high = np.iinfo(kind).min, np.iinfo(kind).max
    stored = np.clip(np.round(PICTURES[:1] / x.scale) + x.zero_point, low, high).astype(kind)
    (found,) = ours(quantized, stored)
    np.testing.assert_array_equal(found, theirs(quantized, stored)[0])
    assert sqnr(ours(model, PICTURES[:1]), [y.scale * (found.astype(np.float32) - y.zero_point)]) > 20


def test_inputs_stay_float_where_nothing_is_quantized():
    with pytest.raises(TachyliteError, match="'x' stays float32"):
        tachylite.quantize(dense_net(), "dynamic_wi8_afp32", inputs="int8")


def test_last_rule_that_matches_counts():
    recipe = [
        {"scheme": "static_wi8_ai8"},
        {"scheme": "float", "operator": "SOFTMAX"},
        {"scheme": "static_wi8_ai16", "name": "dep*"},
        {"scheme": "dynamic_wi8_afp32", "operator": "FULLY_CONNECTED", "name": "logits"},
    ]
    model = tachylite.quantize(picture_net(), recipe, PICTURES)
    assert layer(model, "first").outputs[0].dtype == np.int8
    assert layer(model, "depth").outputs[0].dtype == np.int16
    assert layer(model, "logits").inputs[1].dtype == np.int8
    assert layer(model, "logits").inputs[0].dtype == np.float32
    assert names(model)[-1] == "SOFTMAX"
    np.testing.assert_array_equal(ours(model, PICTURES[:1])[0].argmax(), ours(picture_net(), PICTURES[:1])[0].argmax())


def test_operators_named_in_vain_are_listed_at_once():
    recipe = [{"scheme": "dynamic_wi8_afp32", "name": "sum"}, {"scheme": "static_wi4_ai8", "operator": "SOFTMAX"}]
    build = Builder()
    x = build.input("x", (1, 4))
    build.outputs(build.SIN(x, name="sine"), build.ADD(x, x, name="sum"))
    with pytest.raises(TachyliteError) as caught:
        tachylite.quantize(Model.of(build.graph), [*recipe, {"scheme": "static_wi8_ai8", "operator": "S*"}], floats(4, 4))
    assert "SIN #0 'sine'" in str(caught.value)
    assert "ADD #1 'sum'" in str(caught.value)


def test_a_scheme_for_all_leaves_what_cannot_follow_in_float():
    build = Builder()
    x = build.input("x", (1, 4))
    build.outputs(build.SIN(build.MUL(x, np.float32(2))))
    model = tachylite.quantize(Model.of(build.graph), "static_wi8_ai8", floats(4, 4))
    assert names(model) == ["QUANTIZE", "MUL", "DEQUANTIZE", "SIN"]


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ("int7", "no scheme 'int7'"),
        ([{"scheme": "float", "op": "ADD"}], "is no rule"),
        ({"scheme": "float16", "block_size": 32}, "block_size"),
    ],
)
def test_recipes_that_cannot_be_understood(recipe, message):
    with pytest.raises(TachyliteError, match=message):
        tachylite.quantize(picture_net(), recipe, PICTURES)


def test_dynamic_leaves_small_weights_and_prefers_asymmetric_activations():
    model = tachylite.quantize(dense_net(), "dynamic_wi8_afp32")
    wide, narrow = layer(model, "wide"), layer(model, "narrow")
    assert wide.inputs[1].dtype == np.int8
    assert wide.options.asymmetric_quantize_inputs
    assert narrow.inputs[1].dtype == np.float32


@pytest.mark.parametrize("size", [16, 32])
def test_blocks_share_scales(size):
    float_model = dense_net()
    whole = tachylite.quantize(float_model, {"scheme": "dynamic_wi4_afp32"})
    model = tachylite.quantize(float_model, [{"scheme": "dynamic_wi4_afp32", "block_size": size}])
    weights = layer(model, "wide").inputs[1]
    assert weights.dtype == INT4
    assert weights.quantization.details.scales.shape == (64, 64 // size)
    real, by_block, by_row = ([ours(m, row[None])[0] for row in ROWS] for m in (float_model, model, whole))
    assert sqnr(real, by_block) > sqnr(real, by_row)


def test_the_body_of_a_loop_is_quantized_in_itself():
    model = loop_net()
    quantized = tachylite.quantize(model, "static_wi8_ai8", floats(20, 8))
    body = next(g for g in quantized.graphs if g.name == "body")
    assert [op.op for op in body.operators][:4] == ["QUANTIZE", "FULLY_CONNECTED", "TANH", "ADD"]
    x = floats(1, 8, seed=9)
    np.testing.assert_array_equal(ours(quantized, x)[0], theirs(quantized, x)[0])
    assert sqnr(ours(model, x), ours(quantized, x)) > 20


def test_a_bias_that_is_large_against_its_weights_still_counts():
    weights = np.array([[1e-9, 0, 0, 0], [0, 0, 0, 0], [1, 2, 3, 4]], np.float32)
    build = Builder()
    y = build.FULLY_CONNECTED(build.input("x", (1, 4)), weights, np.array([5, -7, 9], np.float32))
    model = tachylite.quantize(Model.of(build.outputs(y)), "static_wi8_ai8", floats(4, 4))
    np.testing.assert_allclose(ours(model, np.zeros((1, 4), np.float32))[0], [[5, -7, 9]], atol=0.2)


@st.composite
def graphs(draw):
    """Random graphs of operators that compute on integers, on values of one shape."""
    build = Builder()
    values = [build.input("x", (1, 4, 4, 4)), build.input("y", (1, 4, 4, 4))]
    for seed in range(draw(st.integers(1, 8))):
        x, y = draw(st.sampled_from(values[-3:])), draw(st.sampled_from(values))
        step = draw(st.integers(0, 7))
        if step == 0:
            z = build.CONV_2D(x, floats(4, 3, 3, 4, seed=seed, scale=0.3), floats(4, seed=seed), padding="SAME", stride_h=1, stride_w=1)
        elif step == 1:
            z = build.ADD(x, y, fused_activation_function=draw(st.sampled_from(["NONE", "RELU", "RELU6"])))
        elif step == 2:
            z = build.MUL(x, build.constant(floats(4, seed=seed)))
        elif step == 3:
            z = build.SLICE(build.CONCATENATION(x, y, axis=3), np.array([0, 0, 0, 2], np.int32), np.array([1, 4, 4, 4], np.int32))
        elif step == 4:
            z = build.TRANSPOSE(x, np.array([0, 2, 1, 3], np.int32))
        elif step == 5:
            z = build.LOGISTIC(x)
        elif step == 6:
            z = build.COS(x)
        else:
            z = build.SOFTMAX(x, beta=1.0)
        values.append(z)
    outputs = [t for t in values[2:] if not build.graph.consumers(t)]
    return Model.of(build.outputs(*outputs, *draw(st.lists(st.sampled_from(values[2:]), max_size=1))))


@settings(max_examples=60, deadline=None)
@given(graphs(), st.lists(st.sampled_from(["static_wi8_ai8", "static_wi8_ai16", "static_wu8_au8", "float"]), min_size=1, max_size=3))
def test_random_graphs_with_random_recipes_run_as_litert_runs_them(model, schemes):
    recipe = [{"scheme": schemes[0]}]
    for position, scheme in enumerate(schemes[1:]):
        op = model.graph.operators[position % len(model.graph.operators)]
        recipe += [] if op.op == "COS" else [{"scheme": scheme, "name": op.outputs[0].name}]
    samples = [(floats(1, 4, 4, 4, seed=i), floats(1, 4, 4, 4, seed=i + 50)) for i in range(5)]
    quantized = tachylite.quantize(model, recipe, samples)
    # Where floats are quantized on the way, the last bit of an exponential can make a step of difference, which later layers may add to.
    atol = 4 * greatest_scale(quantized) if computes_in_float(quantized) else 1e-5
    for mine, expected in zip(ours(quantized, *samples[0]), theirs(quantized, *samples[0]), strict=True):
        np.testing.assert_allclose(mine, expected, rtol=1e-5, atol=atol)


def computes_in_float(model):
    return any(op.op not in ("QUANTIZE", "DEQUANTIZE") and op.outputs[0].dtype == np.float32 for op in model.operators())


def greatest_scale(model):
    return max((float(t.scale) for op in model.operators() for t in op.outputs if t.is_quantized), default=1e-5)


@pytest.mark.parametrize("options", [{}, {"time_major": True}, {"coupled": True}])
def test_lstm_becomes_the_integer_lstm(options):
    model = recurrent_net(**options)
    x = model.graph.inputs[0]
    data = floats(40, *x.shape, scale=0.7)
    quantized = tachylite.quantize(model, "static_wi8_ai8", data)
    lstm = next(op for op in quantized.operators() if op.op == "UNIDIRECTIONAL_SEQUENCE_LSTM")
    assert names(quantized).count("DEQUANTIZE") == 1
    assert (lstm.inputs[18].dtype, lstm.inputs[19].dtype) == (np.int8, np.int16)
    assert float(np.log2(lstm.inputs[19].scale)).is_integer()
    assert lstm.inputs[18].scale == lstm.outputs[0].scale == lstm.intermediates[4].scale
    reached = tachylite.calibrate(model, data).tensors["c"]
    assert max(reached.greatest, -reached.least) <= 32767 * lstm.inputs[19].scale <= 4 * max(reached.greatest, -reached.least)
    for sample in data[:5]:
        found = ours(quantized, sample)
        np.testing.assert_array_equal(found[0], theirs(quantized, sample)[0])
        assert sqnr(ours(model, sample), found) > 20


def test_lstm_takes_integer_weights_beside_float_activations():
    model = recurrent_net(cells=32, inputs=40)
    quantized = tachylite.quantize(model, "dynamic_wi8_afp32")
    lstm = quantized.graph.operators[0]
    assert all(lstm.inputs[i].dtype == np.int8 for i in range(1, 9))
    x = floats(1, 5, 40, scale=0.3)
    found = ours(quantized, x)
    np.testing.assert_allclose(found[0], theirs(quantized, x)[0], atol=1e-4)
    assert sqnr(ours(model, x), found) > 25


def test_weights_that_are_stored_otherwise_are_quantized_too():
    for stored in (
        tachylite.quantize(picture_net(), "float16"),
        tachylite.quantize(picture_net(), {"scheme": "weight_only_wi8", "name": "f*"}),
    ):
        assert "DEQUANTIZE" in names(stored)
        model = tachylite.quantize(stored, "static_wi8_ai8", PICTURES)
        assert names(model).count("DEQUANTIZE") == 1
        assert layer(model, "first").inputs[1].dtype == np.int8


def test_a_convolution_by_computed_filters_stays_float():
    build = Builder()
    x, filters = build.input("x", (1, 4, 4, 2)), build.input("filters", (3, 1, 1, 2))
    build.outputs(build.CONV_2D(x, filters, np.zeros(3, np.float32), padding="SAME", stride_h=1, stride_w=1))
    samples = [(floats(1, 4, 4, 2, seed=i), floats(3, 1, 1, 2, seed=i)) for i in range(3)]
    assert names(tachylite.quantize(Model.of(build.graph), "static_wi8_ai8", samples)) == ["CONV_2D"]
    product = Builder()
    a, b = product.input("a", (2, 3)), product.input("b", (4, 3))
    product.outputs(product.FULLY_CONNECTED(a, b))
    samples = [(floats(2, 3, seed=i), floats(4, 3, seed=i)) for i in range(3)]
    quantized = tachylite.quantize(Model.of(product.graph), "static_wi8_ai8", samples)
    assert "QUANTIZE" in names(quantized)
    np.testing.assert_array_equal(ours(quantized, *samples[0])[0], theirs(quantized, *samples[0])[0])


def test_an_embedding_is_stored_as_integers_by_dynamic_schemes():
    build = Builder()
    table = build.GATHER(floats(100, 16), build.input("words", (5,), np.int32), name="picked")
    model = Model.of(build.outputs(build.MUL(table, np.float32(2))))
    quantized = tachylite.quantize(model, "dynamic_wi8_afp32")
    assert names(quantized) == ["GATHER", "DEQUANTIZE", "MUL"]
    assert quantized.graph.operators[0].inputs[0].dtype == np.int8
    words = np.arange(5, dtype=np.int32)
    np.testing.assert_allclose(ours(quantized, words)[0], ours(model, words)[0], atol=0.04)
