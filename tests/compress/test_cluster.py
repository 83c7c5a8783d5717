"""Weight sharing: how few values are left, that they are the right ones, and that quantizing keeps them."""

import gzip

import numpy as np
import pytest

import tachylite
from tachylite import TachyliteError
from tachylite.compress.cluster import INITS, kmeans
from tachylite.compress.sparse import densified
from tachylite.compress.weights import contents

from .harness import floats, names, ours, sqnr, theirs
from .nets import dense_net, picture_net
from .test_prune import wide_net, zeros


def kernels(model):
    """Weights by operator name, as stored, with the axis of their channels."""
    layers = {"CONV_2D": 0, "FULLY_CONNECTED": 0, "TRANSPOSE_CONV": 0, "DEPTHWISE_CONV_2D": 3}
    return [(op.inputs[1].dense(), layers[op.op]) for op in densified(model).operators() if op.op in layers]


@pytest.mark.parametrize("init", list(INITS))
def test_values_are_few_and_near(init):
    model, x = dense_net(), floats(1, 64)
    shared = tachylite.cluster(model, 16, init=init)
    assert all(c.distinct <= 16 for c in contents(shared))
    assert sqnr(ours(model, x), ours(shared, x)) > 15
    np.testing.assert_allclose(ours(shared, x)[0], theirs(shared, x)[0], rtol=1e-5, atol=1e-5)
    assert len(gzip.compress(shared.to_bytes())) < 0.25 * len(gzip.compress(model.to_bytes()))


def test_each_channel_may_have_values_of_its_own():
    shared = tachylite.cluster(picture_net(), 4, scope="channel")
    for value, axis in kernels(shared):
        assert all(len(np.unique(part)) <= 4 for part in np.moveaxis(value, axis, 0))
    assert len(np.unique(kernels(shared)[0][0])) > 4


@pytest.mark.parametrize("keep_zeros", [True, False])
def test_samples_bring_answers_closer_and_keep_zeros(keep_zeros):
    samples, x = floats(60, 8, 8, 16, seed=7), floats(1, 8, 8, 16)
    pruned = tachylite.prune(wide_net(), 0.5)
    blind, seen = (tachylite.cluster(pruned, 6, keep_zeros=keep_zeros, calibration=data) for data in (None, samples))
    assert all(c.distinct <= 6 for c in contents(seen))
    assert not keep_zeros or zeros(seen) >= zeros(pruned)
    assert sqnr(ours(pruned, x), ours(seen, x)) > sqnr(ours(pruned, x), ours(blind, x)) + 3


def test_samples_are_for_layers_that_share_values_as_a_whole():
    with pytest.raises(TachyliteError, match="leave the scope out"):
        tachylite.cluster(picture_net(), 4, scope="channel", calibration=floats(2, 8, 8, 3))


def test_kmeans_settles_where_every_centre_is_the_mean_of_its_points():
    points = np.sort(np.random.default_rng(0).normal(size=500))
    counts = np.random.default_rng(1).integers(1, 5, 500)
    for init in INITS.values():
        centres = kmeans(points, counts, init(points, counts, 8, np.random.default_rng(2)))
        nearest = np.abs(points[:, None] - centres).argmin(axis=1)
        means = [np.average(points[nearest == i], weights=counts[nearest == i]) for i in range(8) if (nearest == i).any()]
        np.testing.assert_allclose(means, [c for i, c in enumerate(centres) if (nearest == i).any()], rtol=1e-9)


def test_zeros_of_pruning_stay_unless_told_otherwise():
    pruned = tachylite.prune(wide_net(), 0.7)
    shared = tachylite.cluster(pruned, 8)
    assert zeros(shared) == zeros(pruned)
    assert all(c.distinct <= 8 for c in contents(shared))
    assert names(shared) == names(pruned)
    assert zeros(tachylite.cluster(pruned, 8, keep_zeros=False)) < 0.7


@pytest.mark.parametrize("rounding", ["nearest", "balanced", "learned"])
@pytest.mark.parametrize("scheme", ["dynamic_wi8_afp32", "static_wi8_ai8", "static_wi8_ai16"])
@pytest.mark.parametrize("scope", ["layer", "channel"])
def test_prune_cluster_quantize_keeps_zeros_and_sharing(scheme, rounding, scope):
    shared = tachylite.cluster(tachylite.prune(wide_net(), 0.6), 6, scope=scope)
    samples = floats(4, 8, 8, 16, seed=3)
    quantized = tachylite.quantize(shared, scheme, samples, rounding=rounding)
    for (before, axis), (after, _) in zip(kernels(shared), kernels(quantized), strict=True):
        assert (after[before == 0] == 0).all()
        assert all(len(np.unique(part)) <= 6 for part in np.moveaxis(after, axis, 0))
    np.testing.assert_allclose(ours(quantized, samples[:1])[0], theirs(quantized, samples[:1])[0], atol=2e-2)


def test_one_seed_gives_one_model():
    first, second, other = (tachylite.cluster(dense_net(), 8, seed=seed) for seed in (1, 1, 2))
    assert first == second
    assert first != other


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"clusters": 1}, "at least 2"), ({"clusters": 4, "init": "x"}, "kmeans"), ({"clusters": 4, "scope": "x"}, "layer, channel")],
)
def test_refusals_say_what_to_do(arguments, message):
    with pytest.raises(TachyliteError, match=message):
        tachylite.cluster(dense_net(), **arguments)
