"""Calibration and comparison on a Dask or a Ray collection of shards, on a local cluster: as on all samples at once."""

import numpy as np
import pytest

import tachylite
from tachylite import TachyliteError
from tachylite.compress.calibrate import calibrate
from tachylite.compress.statistics import BINS, Histogram, empty

from .harness import floats
from .nets import picture_net

PICTURES = floats(12, 8, 8, 3)


def dask_array():
    array = pytest.importorskip("dask.array")
    return array.from_array(PICTURES, chunks=(5, 4, 8, 3))


def dask_bag():
    bag = pytest.importorskip("dask.bag")
    return bag.from_sequence(list(PICTURES), npartitions=3)


def dask_delayed():
    dask = pytest.importorskip("dask")
    return [dask.delayed(PICTURES[:4]), dask.delayed(PICTURES[4:])]


@pytest.fixture(scope="module")
def ray():
    library = pytest.importorskip("ray")
    library.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield library
    library.shutdown()


def check(shards):
    """The same grids, weights and biases, and the same comparison."""
    model = picture_net()
    expected, found = (tachylite.quantize(model, "static_wi8_ai8", data) for data in (PICTURES, shards))
    for a, b in zip(expected.graph.tensors, found.graph.tensors, strict=True):
        if a.is_quantized:
            np.testing.assert_array_equal(a.quantization.scale, b.quantization.scale)
            if a.data is not None:
                np.testing.assert_allclose(a.data.astype(int), b.data.astype(int), atol=1)
    expected, found = (tachylite.compare(model, expected, data) for data in (PICTURES, shards))
    assert found.samples == expected.samples == 12
    assert found.outputs.sqnr == pytest.approx(expected.outputs.sqnr)
    assert [r.name for r in found.rows] == [r.name for r in expected.rows]
    assert [r.agreement.max_error for r in found.rows] == [r.agreement.max_error for r in expected.rows]


@pytest.mark.parametrize("collection", [dask_array, dask_bag, dask_delayed])
def test_dask(collection):
    check(collection())


def test_ray(ray):
    check([ray.put(PICTURES[:5]), ray.put(PICTURES[5:])])


@pytest.mark.parametrize("method", ["min_max", "moving_average", "percentile:99.9", "mse"])
def test_statistics_of_shards_are_those_of_the_whole(method):
    model = picture_net()
    whole, parts = calibrate(model, PICTURES, method=method), calibrate(model, PICTURES[:5], method=method)
    parts.merge(calibrate(model, PICTURES[5:], method=method))
    assert parts.samples == whole.samples == 12
    for key, statistics in whole.tensors.items():
        a, b = whole.range_of(key, 8), parts.range_of(key, 8)
        width = max(a.greatest - a.least, 1e-6)
        assert abs(a.least - b.least) + abs(a.greatest - b.greatest) < (0.2 if method == "moving_average" else 0.05) * width, key
        if statistics.means is not None:
            np.testing.assert_allclose(parts.tensors[key].means, statistics.means, rtol=1e-5, atol=1e-6)


def test_histograms_of_different_reach_add_up():
    first, second, empty_one = Histogram(), Histogram(), Histogram()
    first.add(np.linspace(-1, 1, 500))
    second.add(np.linspace(-3, 3, 700))
    empty_one.add(np.zeros(10))
    for other in (second, empty_one):
        first.merge(other)
    assert first.counts.sum() == 1210
    assert first.reach >= 3
    assert first.counts[np.abs(first.centres) > 3 + first.width].sum() == 0
    empty_one.merge(Histogram())
    assert empty_one.counts[BINS // 2] == 10


def test_merging_with_nothing_changes_nothing():
    statistics = empty("mse", 2)
    statistics.add(np.array([[1.0, -2.0]], np.float32))
    before = statistics.as_data()
    statistics.merge(empty("mse", 2))
    assert statistics.as_data() == before


def test_rounding_cannot_be_learned_from_shards():
    with pytest.raises(TachyliteError, match="on this machine"):
        tachylite.quantize(picture_net(), "static_wi8_ai8", dask_delayed(), rounding="learned")
