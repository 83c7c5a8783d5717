"""Rounding of weights, and biases that make up for it."""

import numpy as np
import pytest

import tachylite
from tachylite import Builder, Model, TachyliteError
from tachylite.compress.equalize import equalize, pairs_of
from tachylite.compress.rounding import Moments, balanced, learned, nearest

from .harness import floats, ours, sqnr
from .nets import SAME, dense_net, picture_net

INT8 = np.dtype(np.int8)
PICTURES = floats(40, 8, 8, 3) + 1


def scales_of(weights):
    return (np.abs(weights).max(axis=1) / 127).astype(np.float32)


def test_balanced_errors_of_a_slice_hardly_add_up():
    weights = floats(6, 300, seed=1)
    scales = scales_of(weights)
    sums = {}
    for rounding in (nearest, balanced):
        errors = rounding(weights, scales, 0, INT8) - weights / scales[:, None]
        assert np.abs(errors).max() < 1
        sums[rounding] = np.abs(errors.sum(axis=1)).max()
    assert sums[balanced] < 1 < sums[nearest]


@pytest.mark.parametrize("rounding", [nearest, balanced])
def test_axes_are_kept(rounding):
    weights = floats(1, 3, 3, 8)
    scales = (np.abs(weights).max(axis=(0, 1, 2)) / 127).astype(np.float32)
    np.testing.assert_allclose(rounding(weights, scales, 3, INT8) * scales, weights, atol=scales.max())
    whole = np.array([np.abs(weights).max() / 127], np.float32)
    np.testing.assert_allclose(rounding(weights, whole, None, INT8) * whole, weights, atol=whole[0])


def test_learned_rounding_changes_outputs_least():
    """Inputs that go together: an error of one weight can be made up for by its neighbours."""
    inputs = floats(500, 4, seed=2) @ floats(4, 32, seed=3) + 0.5
    weights = floats(8, 32, seed=4)
    scales = (np.abs(weights).max(axis=1) / 7).astype(np.float32)
    moments = Moments.empty(1, 32)
    moments.add(inputs[None].astype(np.float32))
    errors = {}
    for name, rounding in (("nearest", nearest), ("learned", learned(moments))):
        steps = rounding(weights, scales, 0, np.dtype("int8")).clip(-7, 7)
        errors[name] = np.square(inputs @ (steps * scales[:, None] - weights).T).mean()
    assert errors["learned"] < errors["nearest"] / 5


@pytest.mark.parametrize("options", [{"rounding": "learned"}, {"correct_bias": True, "rounding": "nearest"}])
@pytest.mark.parametrize("kind", ["conv", "depthwise", "grouped", "dense"])
def test_layers_come_closer(kind, options):
    build = Builder()
    x = build.input("x", (1, 6, 6, 8))
    if kind == "conv":
        y = build.CONV_2D(x, floats(8, 3, 3, 8, seed=1), floats(8), **SAME)
    elif kind == "grouped":
        y = build.CONV_2D(x, floats(8, 3, 3, 4, seed=1), floats(8), **SAME)
    elif kind == "depthwise":
        y = build.DEPTHWISE_CONV_2D(x, floats(1, 3, 3, 16, seed=1), floats(16), depth_multiplier=2, **SAME)
    else:
        y = build.FULLY_CONNECTED(x, floats(5, 288, seed=1), floats(5))
    model = Model.of(build.outputs(y))
    data = floats(60, 6, 6, 8, seed=5) * 0.3 + floats(8, seed=6)
    plain = tachylite.quantize(
        model, {"scheme": "static_wi4_ai16"} if kind == "dense" else "static_wi8_ai16", data, rounding="nearest", correct_bias=False
    )
    better = tachylite.quantize(
        model, {"scheme": "static_wi4_ai16"} if kind == "dense" else "static_wi8_ai16", data, **{"correct_bias": False, **options}
    )
    real, before, after = ([ours(m, x[None])[0] for x in data[:20]] for m in (model, plain, better))
    assert sqnr(real, after) > sqnr(real, before) + 1


def test_statistics_of_a_file_correct_biases_too(tmp_path):
    calibration = tachylite.calibrate(picture_net(), PICTURES)
    calibration.save(tmp_path / "s.json")
    again = tachylite.Calibration.load(tmp_path / "s.json")
    corrected = tachylite.quantize(picture_net(), "static_wi8_ai8", again)
    plain = tachylite.quantize(picture_net(), "static_wi8_ai8", again, correct_bias=False)
    assert corrected != plain


def test_rounding_is_learned_from_samples_alone():
    with pytest.raises(TachyliteError, match="learned from samples"):
        tachylite.quantize(dense_net(), "dynamic_wi8_afp32", rounding="learned")
    with pytest.raises(TachyliteError, match="no rounding 'up'"):
        tachylite.quantize(dense_net(), "dynamic_wi8_afp32", rounding="up")


def uneven_net() -> Model:
    """Layers whose channels differ in size by thousands, which makes no difference to a float."""
    build = Builder()
    factors = np.logspace(-2, 1, 8).astype(np.float32)
    x = build.input("x", (1, 6, 6, 3))
    y = build.CONV_2D(
        x, floats(8, 3, 3, 3, seed=1) * factors[:, None, None, None], floats(8) * factors, fused_activation_function="RELU", **SAME
    )
    y = build.DEPTHWISE_CONV_2D(y, floats(1, 3, 3, 8, seed=2), floats(8, seed=3) * factors, depth_multiplier=1, **SAME)
    y = build.CONV_2D(y, floats(4, 1, 1, 8, seed=4) / factors, floats(4), **SAME)
    return Model.of(build.outputs(y))


def test_equalizing_computes_the_same_and_quantizes_better():
    model, data = uneven_net(), floats(30, 6, 6, 3)
    whole = {"scheme": "static_wi8_ai8", "per_channel": False}
    even = equalize(Model.of(uneven_net().graph))
    plain, better = (tachylite.quantize(model, whole, data, equalize=e) for e in (False, True))
    real, same, before, after = ([ours(m, x[None])[0] for x in data[:8]] for m in (model, even, plain, better))
    np.testing.assert_allclose(same, real, rtol=1e-3, atol=1e-3)
    assert sqnr(real, after) > sqnr(real, before) + 10


def test_equalizing_needs_samples_and_leaves_what_others_read():
    with pytest.raises(TachyliteError, match="give samples"):
        tachylite.quantize(uneven_net(), "static_wi8_ai8", tachylite.calibrate(uneven_net(), floats(3, 6, 6, 3)), equalize=True)
    assert list(pairs_of(picture_net().graph)) == []
    assert len(list(pairs_of(uneven_net().graph))) == 2
