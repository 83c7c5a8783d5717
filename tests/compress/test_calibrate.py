"""Calibration: samples of every form, statistics in constant memory, ranges by every method."""

import json

import numpy as np
import pytest

import tachylite
from tachylite import Builder, Calibration, Model, TachyliteError
from tachylite.compress.grid import Range
from tachylite.compress.statistics import METHODS, Histogram, Statistics, empty, estimator

from .harness import floats
from .nets import loop_net, picture_net

PICTURES = floats(6, 8, 8, 3)


def two_inputs() -> Model:
    build = Builder()
    return Model.of(build.outputs(build.ADD(build.input("a", (1, 4)), build.input("b", (1, 4)), name="sum")))


def test_ranges_are_those_of_the_values():
    calibration = tachylite.calibrate(picture_net(), PICTURES)
    assert calibration.samples == 6
    assert calibration.tensors["picture"].least == PICTURES.min()
    assert calibration.tensors["picture"].greatest == PICTURES.max()
    assert 0 <= calibration.tensors["first"].least <= calibration.tensors["first"].greatest <= 6


@pytest.mark.parametrize("form", ["array", "with batch", "dict", "list", "generator", "generator of dicts", "npz", "npy"])
def test_forms_of_samples(form, tmp_path):
    np.savez(tmp_path / "x.npz", picture=PICTURES)
    np.save(tmp_path / "x.npy", PICTURES)
    data = {
        "array": PICTURES,
        "with batch": PICTURES[:, None],
        "dict": {"picture": PICTURES},
        "list": list(PICTURES),
        "generator": (x[None] for x in PICTURES),
        "generator of dicts": ({"picture": x} for x in PICTURES),
        "npz": tmp_path / "x.npz",
        "npy": str(tmp_path / "x.npy"),
    }[form]
    assert tachylite.calibrate(picture_net(), data).as_data() == tachylite.calibrate(picture_net(), PICTURES).as_data()


def test_several_inputs_by_name_and_in_order():
    a, b = floats(5, 4), floats(5, 4, seed=1)
    by_name = tachylite.calibrate(two_inputs(), {"b": b, "a": a})
    assert by_name.as_data() == tachylite.calibrate(two_inputs(), list(zip(a, b, strict=True))).as_data()
    assert by_name.tensors["sum"].greatest == (a + b).max()


def test_a_folder_of_pictures(tmp_path):
    from PIL import Image

    for number in range(3):
        Image.fromarray(np.full((8, 8, 3), number * 100, np.uint8)).save(tmp_path / f"{number}.png")
    found = tachylite.calibrate(picture_net(), tmp_path).tensors["picture"]
    np.testing.assert_allclose([found.samples, found.least, found.greatest], [3, -1, 200 / 127.5 - 1], rtol=1e-6)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([], "hold no samples"),
        (np.zeros((0, 8, 8, 3), np.float32), "hold no samples"),
        ({"image": PICTURES, "other": PICTURES}, "the model's inputs are"),
        ([floats(3, 3)], "reshape"),
        (7, "holds no samples"),
    ],
)
def test_samples_that_do_not_fit(data, message):
    with pytest.raises(TachyliteError, match=message):
        tachylite.calibrate(picture_net(), data)


def test_arrays_of_different_lengths():
    with pytest.raises(TachyliteError, match="different numbers of samples"):
        tachylite.calibrate(two_inputs(), {"a": floats(5, 4), "b": floats(4, 4)})


def test_activations_that_are_not_finite_are_named_once_where_they_begin():
    build = Builder()
    x = build.input("x", (1, 2))
    logs = build.LOG(x, name="logarithm")
    build.outputs(build.ADD(logs, np.float32(1), name="after"), build.SQRT(x, name="root"))
    with pytest.raises(TachyliteError) as caught:
        tachylite.quantize(Model.of(build.graph), "static_wi8_ai8", [np.array([1, 1], np.float32), np.array([-1, 1], np.float32)])
    assert "LOG 'logarithm'" in str(caught.value)
    assert "SQRT 'root'" in str(caught.value)
    assert "after" not in str(caught.value)
    with pytest.raises(TachyliteError, match="input 'x' holds NaN"):
        tachylite.calibrate(two_inputs_named_x(), np.array([[np.nan, 1]], np.float32))


def two_inputs_named_x() -> Model:
    build = Builder()
    return Model.of(build.outputs(build.NEG(build.input("x", (1, 2)))))


def test_every_turn_of_a_loop_counts():
    calibration = tachylite.calibrate(loop_net(), floats(4, 8))
    assert calibration.tensors["2:layer"].samples == 12
    assert calibration.samples == 4


def test_statistics_can_be_saved_edited_and_added_to(tmp_path):
    path = tmp_path / "statistics.json"
    half = tachylite.calibrate(picture_net(), PICTURES[:3], method="mse")
    half.save(path)
    whole = tachylite.calibrate(picture_net(), PICTURES[3:], into=Calibration.load(path))
    at_once = tachylite.calibrate(picture_net(), PICTURES, method="mse")
    for key, statistics in at_once.tensors.items():
        assert (whole.tensors[key].least, whole.tensors[key].greatest) == (statistics.least, statistics.greatest)
        np.testing.assert_array_equal(whole.tensors[key].histogram.counts, statistics.histogram.counts)
        if statistics.means is not None:
            np.testing.assert_allclose(whole.tensors[key].means, statistics.means, rtol=1e-4, atol=1e-4)
    data = json.loads(path.read_text())
    data["tensors"]["first"]["greatest"] = 3.0
    data["method"] = "min_max"
    path.write_text(json.dumps(data))
    model = tachylite.quantize(picture_net(), "static_wi8_ai8", Calibration.load(path))
    first = next(t for t in model.graph.tensors if t.name == "first")
    assert first.scale == np.float32(3 / 255)


@pytest.mark.parametrize("text", ["", "{}", '{"method": "min_max", "tensors": {"x": {"leest": 1}}}', '{"method": "guess", "tensors": {}}'])
def test_files_that_hold_no_statistics(text, tmp_path):
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(TachyliteError):
        Calibration.load(tmp_path / "x.json")


def test_histograms_keep_every_count_while_they_grow():
    histogram, total = Histogram(), 0
    for scale in (1, 0.1, 30, 4):
        values = floats(1000, seed=scale, scale=scale) if scale != 0.1 else np.zeros(500, np.float32)
        histogram.add(values)
        total += values.size
    assert histogram.counts.sum() == total
    assert len(histogram.counts) == 2048


@pytest.mark.parametrize(("method", "most"), [("percentile:99", 3), ("mse", 95), ("entropy", 60)])
def test_outliers_are_cut(method, most):
    values = floats(100_000, seed=3)
    values[0] = 100
    statistics = Statistics(histogram=Histogram())
    statistics.add(values)
    least, greatest = estimator(method)(statistics, 8)
    assert 2 < greatest < most
    assert least >= values.min()


def test_moving_average_follows_the_samples():
    statistics = empty("moving_average")
    for greatest in (1, 1, 1, 101):
        statistics.add(np.array([0, greatest], np.float32))
    assert estimator("moving_average")(statistics, 8) == pytest.approx((0, 2))


def test_methods_that_do_not_exist():
    for method in ("median", "percentile:101", "percentile:x", "mse:3"):
        with pytest.raises(TachyliteError, match=next(iter(METHODS))):
            estimator(method)


def test_a_method_that_needs_more_than_was_kept():
    calibration = tachylite.calibrate(picture_net(), PICTURES)
    with pytest.raises(TachyliteError, match="no histogram"):
        tachylite.quantize(picture_net(), "static_wi8_ai8", Calibration("mse", calibration.tensors))


def test_progress_is_told():
    told = []
    tachylite.calibrate(picture_net(), PICTURES, progress=told.append)
    assert told == [1, 2, 3, 4, 5, 6]


def test_values_are_not_looked_at_once_they_can_tell_nothing_new():
    statistics = Statistics()
    bounds = Range(0.0, 6.0)
    assert statistics.add(np.array([0, 6], np.float32), 1, bounds)
    assert statistics.add(np.array([np.nan], np.float32), 2, bounds)
    assert (statistics.samples, statistics.least, statistics.greatest) == (3, 0, 6)
    assert not Statistics().add(np.array([np.nan], np.float32), 1, bounds)


def test_means_of_channels_are_those_of_all_samples():
    pictures = floats(7, 4, 4, 3)
    statistics = empty("min_max", 3)
    statistics.add(pictures[:5], 5)
    statistics.add(pictures[5:], 2)
    np.testing.assert_allclose(statistics.means, pictures.mean(axis=(0, 1, 2)), rtol=1e-5)


def test_samples_that_can_be_are_run_in_batches():
    open_batch, fixed = (tachylite.calibrate(batch_net(signature), PICTURES) for signature in ((-1, 8, 8, 3), None))
    assert open_batch.samples == fixed.samples == 6
    for key, statistics in fixed.tensors.items():
        np.testing.assert_allclose(
            [open_batch.tensors[key].least, open_batch.tensors[key].greatest], [statistics.least, statistics.greatest], rtol=1e-5
        )


def batch_net(signature) -> Model:
    model = picture_net()
    for tensor in (*model.graph.inputs, *model.graph.outputs):
        tensor.shape_signature = signature and (-1, *tensor.shape[1:])
    return model
