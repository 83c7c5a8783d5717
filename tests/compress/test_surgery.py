"""Pruning by samples: which weights go, what the others make up for, and for which layers it is done."""

import numpy as np
import pytest

import tachylite
from tachylite import Builder, Model, TachyliteError
from tachylite.compress.matrix import matrices
from tachylite.compress.surgery import damped, refit, removal
from tachylite.compress.weights import contents

from .harness import floats, ours, sqnr
from .nets import SAME, dense_net, picture_net, recurrent_net

PICTURES = floats(64, 8, 8, 3)


def correlated(rows=400, depth=12):
    return floats(rows, depth, seed=1) @ floats(depth, depth, seed=2)


def zeros(model):
    found = contents(model)
    return sum(c.zeros for c in found) / sum(c.size for c in found)


def error(rows, matrix, value):
    return float(np.square(rows @ (matrix - value)[0].T).sum())


def problem(outputs=4):
    """Rows, a matrix and their products, in one group."""
    rows, matrix = correlated(), floats(1, outputs, 12, seed=3).astype(np.float64)
    return rows, matrix, damped((rows.T @ rows)[None], 12)


def test_cost_of_a_removal_is_the_error_that_is_left_after_the_best_fit():
    _, matrix, products = problem()
    found = removal(products, matrix, 12)
    left = np.zeros(4)
    for count in range(1, 12):
        mask = np.zeros((1, 4, 12), bool)
        np.put_along_axis(mask, found.order[..., :count], True, axis=2)
        difference = (matrix - refit(products, products @ matrix.swapaxes(1, 2), ~mask))[0]
        before, left = left, np.einsum("od,de,oe->o", difference, products[0], difference)
        # A cost is raised to those before it, so that costs add up to no less than the errors.
        assert (found.costs[0, :, count - 1] >= (left - before) * (1 - 1e-6)).all()
    np.testing.assert_allclose(found.costs[0, :, 0], np.min(matrix[0] ** 2 / np.diag(np.linalg.inv(products[0])), axis=1))


def test_surgery_beats_magnitude_and_so_does_fitting_again():
    rows, matrix, products = problem()
    mask = removal(products, matrix, 12).smallest(24)
    by_surgery = refit(products, products @ matrix.swapaxes(1, 2), ~mask)
    smallest = np.abs(matrix) <= np.partition(np.abs(matrix).ravel(), 23)[23]
    by_magnitude = refit(products, products @ matrix.swapaxes(1, 2), ~smallest)
    assert mask.sum() == smallest.sum() == 24
    assert error(rows, matrix, by_surgery) < error(rows, matrix, by_magnitude) < error(rows, matrix, np.where(smallest, 0, matrix))


def test_a_column_of_ones_is_never_removed_and_takes_up_means():
    rows = np.concatenate([np.abs(correlated()), np.ones((400, 1), np.float32)], axis=1)
    matrix = floats(1, 2, 13, seed=3).astype(np.float64)
    products = damped((rows.T @ rows)[None], 12)
    kept = np.concatenate([~removal(products, matrix, 12).smallest(20), np.ones((1, 2, 1), bool)], axis=2)
    value = refit(products, products @ matrix.swapaxes(1, 2), kept)
    np.testing.assert_allclose((rows @ value[0].T).mean(axis=0), (rows @ matrix[0].T).mean(axis=0), rtol=1e-5)


@pytest.mark.parametrize("scope", ["global", "layer"])
def test_answers_stay_closer_than_by_magnitude(scope):
    model, x = picture_net(), PICTURES[60:61]
    by_samples = tachylite.prune(model, 0.5, method="surgery", calibration=PICTURES[:60], scope=scope)
    by_size = tachylite.prune(model, 0.5, scope=scope)
    assert zeros(by_samples) == pytest.approx(0.5, abs=0.01)
    assert sqnr(ours(model, x), ours(by_samples, x)) > sqnr(ours(model, x), ours(by_size, x)) + 3


def test_every_layer_loses_the_same_part_in_its_scope():
    pruned = tachylite.prune(picture_net(), 0.5, method="surgery", calibration=PICTURES, scope="layer")
    assert all(c.zeros == pytest.approx(c.size / 2, abs=1) for c in contents(pruned))


def test_matrices_reproduce_what_layers_compute():
    build = Builder()
    x = build.input("x", (1, 6, 6, 8))
    build.CONV_2D(x, floats(4, 3, 3, 4, seed=1), floats(4, seed=2), name="grouped", **SAME)
    build.DEPTHWISE_CONV_2D(x, floats(1, 3, 3, 16, seed=3), floats(16, seed=4), name="depth", depth_multiplier=2, **SAME)
    y = build.RESHAPE(x, np.array([1, 288], np.int32))
    y = build.FULLY_CONNECTED(y, floats(5, 288, seed=5), None, name="matrix")
    model = Model.of(build.outputs(*(op.outputs[0] for op in build.graph.operators if op.op != "RESHAPE")))
    values = floats(1, 6, 6, 8, seed=6)
    layers = matrices(model)
    assert [layer.groups for layer in layers] == [2, 8, 1]
    for layer, expected in zip(layers, ours(model, values), strict=True):
        given = values if layer.source is x else values.reshape(1, -1)
        found = layer.rows(given) @ layer.value.swapaxes(1, 2)
        np.testing.assert_allclose(found.transpose(1, 0, 2).reshape(expected.shape), expected, rtol=1e-4, atol=1e-4)
        before = layer.value
        layer.set(before * 2)
        np.testing.assert_allclose(layer.value, before * 2, rtol=1e-6)


def test_layers_that_lost_channels_are_fitted_again():
    """Half of the first layer's channels are smaller copies of the others: without them nothing need be lost."""
    build = Builder()
    x, half = build.input("x", (1, 6, 6, 8)), floats(8, 3, 3, 8, seed=1) / 8
    y = build.CONV_2D(x, np.concatenate([half, half / 4]), np.zeros(16, np.float32), fused_activation_function="RELU", **SAME)
    model = Model.of(build.outputs(build.CONV_2D(y, floats(4, 3, 3, 16, seed=3), floats(4, seed=4), name="last", **SAME)))
    samples, trial = floats(40, 6, 6, 8, seed=5), floats(1, 6, 6, 8, seed=6)
    blind, fitted = (tachylite.prune_channels(model, 0.5, calibration=data) for data in (None, samples))
    assert fitted.graph.operators[0].outputs[0].shape == blind.graph.operators[0].outputs[0].shape == (1, 6, 6, 8)
    before, after = (sqnr(ours(model, trial), ours(m, trial)) for m in (blind, fitted))
    assert before < 20 < 40 < after


def test_layers_that_meet_no_rows_are_pruned_by_magnitude():
    model = recurrent_net(cells=16, inputs=8)
    pruned = tachylite.prune(model, 0.5, method="surgery", calibration=floats(8, 1, 5, 8))
    assert zeros(pruned) == pytest.approx(0.5, abs=0.02)


def test_weights_that_several_layers_share_are_pruned_once():
    build = Builder()
    x, shared = build.input("x", (1, 16)), build.constant(floats(16, 16), "shared")
    y = build.FULLY_CONNECTED(x, shared, None)
    model = Model.of(build.outputs(build.FULLY_CONNECTED(y, shared, None)))
    assert zeros(tachylite.prune(model, 0.5, method="surgery", calibration=floats(8, 16))) == pytest.approx(0.5, abs=0.01)


def test_pruned_weights_stay_zero_when_they_are_quantized():
    pruned = tachylite.prune(dense_net(), 0.8, method="surgery", calibration=floats(32, 64))
    quantized = tachylite.quantize(pruned, "static_wi8_ai8", floats(8, 64), rounding="learned")
    assert zeros(quantized) >= zeros(pruned)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"method": "surgery"}, "give both"),
        ({"calibration": PICTURES}, "give both"),
        ({"method": "surgery", "calibration": PICTURES[:0]}, "no samples"),
        ({"method": "surgery", "calibration": PICTURES, "pattern": "4x1"}, "leave the pattern out"),
    ],
)
def test_refusals_say_what_to_do(arguments, message):
    with pytest.raises(TachyliteError, match=message):
        tachylite.prune(picture_net(), 0.5, **arguments)
