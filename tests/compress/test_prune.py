"""Pruning: how many weights go and which, what the file then holds, and what LiteRT answers."""

import numpy as np
import pytest
from ai_edge_litert import interpreter as litert

import tachylite
from tachylite import Builder, Model, TachyliteError
from tachylite.compress.sparse import densified, encode
from tachylite.compress.weights import contents
from tachylite.model import codec
from tachylite.model.graph import Tensor

from .harness import floats, names, ours, outputs, theirs
from .nets import SAME, dense_net, picture_net


def wide_net():
    """A convolution, a depthwise and a transposed one and a matrix, all large enough to be stored sparsely."""
    build = Builder()
    x = build.input("x", (1, 8, 8, 16))
    y = build.CONV_2D(x, floats(32, 3, 3, 16, seed=1) / 12, floats(32, seed=2), name="conv", fused_activation_function="RELU", **SAME)
    y = build.DEPTHWISE_CONV_2D(y, floats(1, 3, 3, 32, seed=3) / 3, floats(32, seed=4), name="depth", depth_multiplier=1, **SAME)
    shape = np.array([1, 16, 16, 16], np.int32)
    y = build.TRANSPOSE_CONV(shape, floats(16, 3, 3, 32, seed=5) / 12, y, name="up", padding="SAME", stride_h=2, stride_w=2)
    y = build.MEAN(y, np.array([1, 2], np.int32))
    return Model.of(build.outputs(build.FULLY_CONNECTED(y, floats(64, 16, seed=6), floats(64, seed=7), name="matrix")))


def by_default(model, *inputs):
    """What LiteRT answers when it is left to choose its kernels."""
    return outputs(litert.Interpreter(model_content=model.to_bytes()), inputs)


def values(model):
    return {t.name: t.dense() for op in densified(model).operators() for t in op.inputs[1:2] if t.dense() is not None and t.size > 64}


def zeros(model):
    found = contents(model)
    return sum(c.zeros for c in found) / sum(c.size for c in found)


@pytest.mark.parametrize("scope", ["global", "layer"])
@pytest.mark.parametrize("pattern", ["unstructured", "4x1", "1x8", (4, 4)])
def test_target_sparsity_is_met_and_litert_agrees(pattern, scope):
    model, x = wide_net(), floats(1, 8, 8, 16)
    pruned = tachylite.prune(model, 0.75, pattern=pattern, scope=scope, skip="depth")
    assert sum(c.zeros for c in contents(pruned)) == pytest.approx(0.75 * sum(c.size for c in contents(model) if c.size > 288), abs=16)
    assert names(pruned).count("DENSIFY") >= 2
    assert len(pruned.to_bytes()) < 0.65 * len(model.to_bytes())
    for expected in (theirs(pruned, x)[0], by_default(pruned, x)[0]):
        np.testing.assert_allclose(ours(pruned, x)[0], expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(ours(pruned, x)[0], ours(densified(pruned), x)[0])


def test_the_greatest_weights_stay_as_they_are():
    before, after = values(dense_net()), values(tachylite.prune(dense_net(), 0.5, scope="layer"))
    for name, value in after.items():
        stays = value != 0
        assert np.array_equal(value[stays], before[name][stays])
        assert np.abs(before[name][stays]).min() >= np.abs(before[name][~stays]).max()


def test_layers_are_compared_with_each_other_in_global_scope():
    build = Builder()
    x = build.input("x", (1, 32))
    y = build.FULLY_CONNECTED(x, floats(32, 32, seed=1, scale=0.01), None, name="small")
    model = Model.of(build.outputs(build.FULLY_CONNECTED(y, floats(32, 32, seed=2), None, name="large")))
    small, large = (c.zeros for c in contents(tachylite.prune(model, 0.5)))
    assert small > 1000 > large


def test_lamp_empties_no_layer_before_the_others():
    build = Builder()
    y = build.input("x", (1, 32))
    for seed, scale in enumerate((0.001, 1, 100)):
        y = build.FULLY_CONNECTED(y, floats(32, 32, seed=seed, scale=scale), None)
    pruned = tachylite.prune(Model.of(build.outputs(y)), 0.9, method="lamp")
    assert all(0.85 < c.zeros / c.size < 0.95 for c in contents(pruned))
    assert zeros(pruned) == pytest.approx(0.9, abs=0.001)


def test_two_of_four():
    pruned = tachylite.prune(picture_net(), pattern="2:4", operators=["CONV_2D", "FULLY_CONNECTED"])
    dense = {t.name: t.dense() for op in densified(pruned).operators() for t in op.inputs[1:2] if t.is_constant}
    matrix = next(v for v in dense.values() if v.shape == (10, 16))
    assert (np.count_nonzero(matrix.reshape(-1, 4), axis=1) == 2).all()
    assert np.count_nonzero(next(v for v in dense.values() if v.shape == (8, 3, 3, 3))) == 8 * 27  # 3 channels are no fours


@pytest.mark.parametrize(
    "scheme", ["dynamic_wi8_afp32", "static_wi8_ai8", "static_wi8_ai16", "weight_only_wi8", "float16", "static_wu8_au8"]
)
def test_quantizing_keeps_zeros_and_their_storage_where_litert_can_read_it(scheme):
    x = floats(1, 8, 8, 16)
    pruned = tachylite.prune(wide_net(), 0.9, scope="layer")
    quantized, dense = (tachylite.quantize(m, scheme, floats(4, 8, 8, 16, seed=9)) for m in (pruned, wide_net()))
    assert zeros(quantized) >= zeros(pruned)
    if scheme not in ("dynamic_wi8_afp32", "static_wu8_au8"):  # hybrid kernels read no DENSIFY, DENSIFY takes no uint8
        assert names(quantized).count("DENSIFY") >= 2
        assert len(quantized.to_bytes()) < 0.7 * len(dense.to_bytes())
    found = ours(quantized, x)[0]
    np.testing.assert_allclose(found, theirs(quantized, x)[0], rtol=1e-5, atol=1e-5 if scheme.startswith("static") else 2e-2)
    np.testing.assert_allclose(found, by_default(quantized, x)[0], atol=5e-2)


def test_integer_matrices_stay_dense():
    """LiteRT's default kernel of FULLY_CONNECTED refuses integer weights behind DENSIFY."""
    pruned = tachylite.prune(dense_net(), 0.9)
    quantized = tachylite.quantize(pruned, "static_wi8_ai8", floats(4, 64))
    assert names(pruned).count("DENSIFY") == 2
    assert "DENSIFY" not in names(quantized)
    np.testing.assert_allclose(ours(quantized, floats(1, 64))[0], by_default(quantized, floats(1, 64))[0], atol=5e-2)


def test_stateful_operators_read_dense_weights():
    """Their integer kernels work weights over before a DENSIFY has run."""
    build = Builder()
    x, states = build.input("x", (1, 4, 32)), (build.variable("h", (1, 32)), build.variable("c", (1, 32)))
    weights, biases = ([floats(*shape, seed=i) / 8 for i in range(count)] for shape, count in (((32, 32), 8), ((32,), 4)))
    y = build.UNIDIRECTIONAL_SEQUENCE_LSTM(x, *weights, None, None, None, *biases, None, None, *states, fused_activation_function="TANH")
    pruned = tachylite.prune(Model.of(build.outputs(y)), 0.9)
    assert "DENSIFY" not in names(pruned)
    assert zeros(pruned) == pytest.approx(0.9, abs=0.01)
    quantized = tachylite.quantize(pruned, "static_wi8_ai8", floats(8, 1, 4, 32))
    assert zeros(quantized) >= zeros(pruned)
    for model in (pruned, quantized):
        np.testing.assert_allclose(ours(model, floats(1, 4, 32))[0], theirs(model, floats(1, 4, 32))[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("shape", "axis", "block"), [((6, 8), 0, 1), ((6, 8), 1, 4), ((2, 3, 5, 4), 2, 1), ((300, 4), 0, 2)])
def test_encoding_is_what_the_reader_understands(shape, axis, block):
    value = floats(*shape) * (np.random.default_rng(1).random(shape) < 0.3)
    data, sparsity = encode(value, axis, block)
    stored = Tensor("t", shape, value.dtype, data=data, sparsity=sparsity)
    np.testing.assert_array_equal(stored.dense(), value)


def test_file_is_read_back_alike(tmp_path):
    pruned = tachylite.prune(wide_net(), 0.8)
    pruned.save(tmp_path / "pruned.tflite")
    assert codec.read_file(tmp_path / "pruned.tflite") == pruned
    again = tachylite.prune(tmp_path / "pruned.tflite", 0.8)
    assert zeros(again) == zeros(pruned)


def test_litert_runs_what_is_zero_altogether():
    x = floats(1, 8, 8, 16)
    pruned = tachylite.prune(wide_net(), 1)
    assert "DENSIFY" in names(pruned)
    np.testing.assert_array_equal(ours(pruned, x)[0], theirs(pruned, x)[0])


def test_nothing_is_stored_sparsely_that_would_grow():
    assert "DENSIFY" not in names(tachylite.prune(wide_net(), 0.1))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sparsity": 1.5}, "sparsity is 1.5"),
        ({}, "sparsity is None"),
        ({"sparsity": 0.5, "pattern": "checkered"}, "no pattern 'checkered'"),
        ({"sparsity": 0.7, "pattern": "2:4"}, "leave sparsity out"),
        ({"sparsity": 0.5, "pattern": (7, 7)}, "7x7 divides"),
        ({"sparsity": 0.5, "scope": "planet"}, "global, layer"),
        ({"sparsity": 0.5, "method": "random"}, "choose one of magnitude"),
        ({"sparsity": 0.5, "names": "nowhere"}, "give other patterns"),
    ],
)
def test_refusals_say_what_to_do(arguments, message):
    with pytest.raises(TachyliteError, match=message):
        tachylite.prune(dense_net(), **arguments)
