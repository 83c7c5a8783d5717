"""Structured pruning: channels that are zero can go without a trace, others leave a smaller model that LiteRT runs."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tachylite
from tachylite import Builder, Model, TachyliteError
from tachylite.compress.channels import Removable, macs
from tachylite.compress.layer import weights_of
from tachylite.compress.weights import Weights
from tachylite.ops import registry

from .harness import floats, ours, theirs
from .nets import SAME, dense_net, loop_net, picture_net

POOL = {"padding": "VALID", "stride_h": 2, "stride_w": 2, "filter_height": 2, "filter_width": 2}


def conv(build, x, outputs, seed, size=3, **options):
    weights = floats(outputs, size, size, x.shape[-1], seed=seed) / 4
    return build.CONV_2D(x, weights, np.zeros(outputs, np.float32), **{"fused_activation_function": "RELU", **SAME, **options})


def chain(build, x):
    return conv(build, x, 8, 2)


def depthwise(build, x):
    weights = floats(1, 3, 3, 2 * x.shape[-1], seed=3)
    return build.DEPTHWISE_CONV_2D(x, weights, np.zeros(2 * x.shape[-1], np.float32), depth_multiplier=2, **SAME)


def residual(build, x):
    return build.ADD(x, conv(build, x, x.shape[-1], 4))


def branches(build, x):
    return build.CONCATENATION(conv(build, x, 6, 5), x, conv(build, x, 4, 6), axis=3)


def batch_norm(build, x):
    return build.RELU(build.SUB(build.MUL(x, floats(x.shape[-1], seed=7)), np.zeros((1, 1, 1, x.shape[-1]), np.float32)))


def padded(build, x):
    y = build.PAD(x, np.array([[0, 0], [1, 1], [1, 1], [0, 0]], np.int32))
    return build.MAX_POOL_2D(conv(build, y, 8, 8, padding="VALID"), **POOL)


def resized(build, x):
    return build.AVERAGE_POOL_2D(build.RESIZE_BILINEAR(x, np.array([8, 8], np.int32)), **POOL)


def excited(build, x):
    pooled = build.MEAN(x, np.array([1, 2], np.int32))
    squeezed = build.FULLY_CONNECTED(pooled, floats(4, x.shape[-1], seed=9), np.zeros(4, np.float32), fused_activation_function="RELU")
    gate = build.LOGISTIC(build.FULLY_CONNECTED(squeezed, floats(x.shape[-1], 4, seed=10), np.zeros(x.shape[-1], np.float32)))
    shape = (1, 1, 1, x.shape[-1])
    return build.MUL(x, build.RESHAPE(gate, np.array(shape, np.int32), new_shape=shape))


def transposed(build, x):
    shape = np.array([1, x.shape[1] * 2, x.shape[2] * 2, 6], np.int32)
    y = build.TRANSPOSE_CONV(shape, floats(6, 3, 3, x.shape[-1], seed=11), x, padding="SAME", stride_h=2, stride_w=2)
    return build.MAX_POOL_2D(y, **POOL)


def prelu(build, x):
    return build.PRELU(x, np.abs(floats(1, 1, x.shape[-1], seed=12)))


def split(build, x):
    parts = build.SPLIT(np.int32(3), conv(build, x, 8, 13), num_splits=2)
    return build.CONCATENATION(build.ADD(*parts), conv(build, parts[1], 4, 14), axis=3)


def split_unequally(build, x):
    first, second = build.SPLIT_V(conv(build, x, 9, 15), np.array([3, 6], np.int32), np.int32(-1), num_splits=2)
    return build.CONCATENATION(conv(build, first, 4, 16), build.RELU(second), axis=3)


def sliced(build, x):
    y, sizes = conv(build, x, 8, 17), (([0, 0, 0, 0], [1, 4, 4, 5]), ([0, 1, 0, 5], [1, -1, 4, -1]))
    first, second = (build.SLICE(y, *(np.array(part, np.int32) for part in each)) for each in sizes)
    return build.CONCATENATION(first, conv(build, build.PAD(second, np.array([[0, 0], [1, 0], [0, 0], [0, 0]], np.int32)), 4, 18), axis=3)


BLOCKS = [
    *(chain, depthwise, residual, branches, batch_norm, padded, resized, excited, transposed, prelu),
    *(split, split_unequally, sliced),
]


def net(blocks):
    """A convolution, these blocks, a flattening and two matrices."""
    build = Builder()
    x = build.input("x", (1, 4, 4, 3))
    y = conv(build, x, 8, 1)
    for block in blocks:
        y = block(build, y)
    size = int(np.prod(y.shape))
    y = build.RESHAPE(y, np.array([-1, size], np.int32), new_shape=(-1, size))
    y = build.FULLY_CONNECTED(y, floats(8, size, seed=20) / 8, np.zeros(8, np.float32), fused_activation_function="RELU")
    return Model.of(build.outputs(build.FULLY_CONNECTED(y, floats(4, 8, seed=21), floats(4, seed=22))))


def silenced(model, part, seed):
    """The model with zeros in all that makes some of the components: weights, biases, whatever constants meet them; and how many."""
    removable = Removable(model)
    silent = [c for i, c in enumerate(removable.components) if np.random.default_rng((seed, i)).random() < part]
    for component in silent:
        for (tensor, axis), entries in component.entries.items():
            if tensor.is_constant:
                value = tensor.dense().copy()
                np.moveaxis(value, axis, 0)[entries] = 0
                Weights(tensor, None).set(value)
    return removable.model, len(silent)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from(BLOCKS), max_size=3), st.integers(0, 99))
def test_channels_of_zeros_leave_no_trace(blocks, seed):
    model, count = silenced(net(blocks), 0.4, seed)
    total, x = len(Removable(model).components), floats(1, 4, 4, 3, seed=seed)
    pruned = tachylite.prune_channels(model, count / total, scope="global", multiple=1)
    np.testing.assert_allclose(ours(pruned, x)[0], ours(model, x)[0], rtol=1e-4, atol=1e-4)
    assert count == 0 or macs(pruned) < macs(model)


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.__name__)
def test_every_block_is_followed_and_runs_in_litert(block):
    model, x = net([block, chain]), floats(1, 4, 4, 3)
    removable = Removable(model)
    assert removable.blocked == []
    pruned = tachylite.prune_channels(model, 0.5, multiple=1)
    assert macs(pruned) < 0.5 * macs(model)
    np.testing.assert_allclose(ours(pruned, x)[0], theirs(pruned, x)[0], rtol=1e-4, atol=1e-4)
    layers = [op for op in pruned.operators() if registry.get(op).integer is not None and weights_of(op, registry.get(op).integer)]
    assert all(op.inputs[1].shape != twin for op, twin in zip(layers[:1], [(8, 3, 3, 3)], strict=True))


def test_the_smallest_channels_of_a_layer_go():
    build = Builder()
    x = build.input("x", (1, 16))
    weights = floats(8, 16, seed=1) * np.array([[1], [9], [1], [9], [1], [9], [1], [9]], np.float32)
    y = build.FULLY_CONNECTED(x, weights, None, name="y")
    model = Model.of(build.outputs(build.FULLY_CONNECTED(y, floats(4, 8, seed=2), None)))
    for norm in ("l1", "l2"):
        pruned = tachylite.prune_channels(model, 0.5, norm=norm, multiple=1)
        np.testing.assert_array_equal(pruned.graph.operators[0].inputs[1].data, weights[1::2])
        np.testing.assert_array_equal(pruned.graph.operators[1].inputs[1].data, floats(4, 8, seed=2)[:, 1::2])


@pytest.mark.parametrize("scope", ["layer", "global"])
def test_multiplications_reach_a_target(scope):
    model = net([partial(conv, outputs=32, seed=31), partial(conv, outputs=32, seed=32)])
    for target in (0.75, 0.5, 0.25):
        left = macs(tachylite.prune_channels(model, macs=target, scope=scope, multiple=1)) / macs(model)
        assert target - 0.1 < left <= target


def test_layers_keep_a_multiple():
    model = net([partial(conv, outputs=32, seed=31)])
    pruned = tachylite.prune_channels(model, 0.4, multiple=8)
    shapes = [op.inputs[1].shape[0] for op in pruned.operators() if op.op == "CONV_2D"]
    assert shapes == [8, 24]


def test_what_does_not_follow_holds_its_channels_and_is_named():
    build = Builder()
    x = build.input("x", (1, 4, 4, 3))
    y = build.SOFTMAX(conv(build, x, 8, 1, name="held"), beta=1.0, name="mixed")
    y = conv(build, y, 16, 2)
    model = Model.of(build.outputs(conv(build, y, 4, 3)))
    assert Removable(model).blocked == ["SOFTMAX #1 'mixed'"]
    pruned = tachylite.prune_channels(model, 0.5, multiple=1)
    assert [op.inputs[1].shape[0] for op in pruned.operators() if op.op == "CONV_2D"] == [8, 8, 4]
    with pytest.raises(TachyliteError, match="SOFTMAX #1 'mixed'"):
        tachylite.prune_channels(model, macs=0.01)


def test_inputs_outputs_and_loops_keep_their_shapes():
    for model in (picture_net(), dense_net(), loop_net()):
        before = [[t.shape for t in (*g.inputs, *g.outputs)] for g in model.graphs]
        pruned = tachylite.prune_channels(model, 0.5, multiple=1)
        assert [[t.shape for t in (*g.inputs, *g.outputs)] for g in pruned.graphs] == before
    assert macs(tachylite.prune_channels(loop_net(), 0.5, multiple=1)) == macs(loop_net())


def test_layers_that_share_a_bias_are_not_tied_but_those_that_share_weights_are():
    build = Builder()
    x, bias = build.input("x", (1, 32)), build.constant(np.zeros(32, np.float32))
    weights, y = build.constant(floats(32, 32, seed=1)), x
    for kernel in (floats(32, 32, seed=2), floats(32, 32, seed=3), weights, weights):
        y = build.FULLY_CONNECTED(y, kernel, bias)
    model = Model.of(build.outputs(build.FULLY_CONNECTED(y, floats(4, 32, seed=4), None)))
    assert sorted(map(len, Removable(model)._groups().values())) == [32, 32]
    pruned = tachylite.prune_channels(model, 0.5)
    assert [op.inputs[1].shape for op in pruned.operators()] == [(16, 32), (16, 16), (16, 16), (16, 16), (4, 16)]


def test_layers_can_be_left_out():
    pruned = tachylite.prune_channels(dense_net(), 0.5, skip="wide")
    assert [op.inputs[1].shape for op in pruned.operators()] == [(64, 64), (32, 64), (4, 32)]


@pytest.mark.parametrize("scheme", ["static_wi8_ai8", "float16", "dynamic_wi8_afp32"])
def test_quantized_models_are_cut_with_their_scales(scheme):
    samples = floats(4, 8, 8, 3)
    model = tachylite.quantize(picture_net(), [{"scheme": scheme}], samples)
    pruned = tachylite.prune_channels(model, 0.5, multiple=1)
    assert macs(pruned) < 0.6 * macs(model)
    np.testing.assert_allclose(ours(pruned, samples[:1])[0], theirs(pruned, samples[:1])[0], atol=1e-5)


def test_everything_composes():
    model, samples = net([residual, chain]), floats(4, 4, 4, 3)
    small = tachylite.prune_channels(tachylite.prune(model, 0.5), macs=0.6, multiple=1)
    small = tachylite.quantize(tachylite.cluster(small, 16), "static_wi8_ai8", samples)
    np.testing.assert_array_equal(ours(small, samples[:1])[0], theirs(small, samples[:1])[0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "give one of them"),
        ({"ratio": 0.5, "macs": 0.5}, "give one of them"),
        ({"ratio": 1.0}, "from 0 to 1"),
        ({"macs": 0.0}, "from 0 to 1"),
        ({"ratio": 0.5, "norm": "l3"}, "l1, l2"),
        ({"ratio": 0.5, "scope": "x"}, "layer, global"),
        ({"macs": 0.001}, "stay at least"),
    ],
)
def test_refusals_say_what_to_do(arguments, message):
    with pytest.raises(TachyliteError, match=message):
        tachylite.prune_channels(dense_net(), **arguments)
