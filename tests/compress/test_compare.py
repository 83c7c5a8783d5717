"""Comparison: agreement tensor by tensor, culprits, and the recipe that keeps the fewest operators in float."""

from html.parser import HTMLParser

import numpy as np
import pytest

import tachylite
from tachylite import Builder, Model, TachyliteError
from tachylite.compress import page
from tachylite.compress.compare import Agreement
from tachylite.compress.suggest import top_1

from .harness import floats, names, ours, sqnr
from .nets import loop_net, picture_net

PICTURES = floats(12, 8, 8, 3)


def row(comparison, name):
    return next(r for r in comparison.rows if r.name == name)


def test_agreement_of_known_numbers():
    agreement = Agreement()
    agreement.add(np.array([3.0, 4.0]), np.array([3.0, 3.0]), saturated=1)
    agreement.add(np.array([0.0, 0.0]), np.array([0.0, 0.0]))
    assert agreement.sqnr == pytest.approx(10 * np.log10(25))
    assert agreement.cosine == pytest.approx(21 / (5 * np.sqrt(18)))
    assert (agreement.max_error, agreement.saturation) == (1, 0.25)


def test_outputs_agree_as_measured_apart():
    model = picture_net()
    quantized = tachylite.quantize(model, "static_wi8_ai8", PICTURES)
    comparison = tachylite.compare(model.to_bytes(), quantized.to_bytes(), PICTURES)
    real, found = ([ours(m, x[None])[0] for x in PICTURES] for m in (model, quantized))
    assert comparison.samples == 12
    assert comparison.outputs.sqnr == pytest.approx(sqnr(real, found))
    assert row(comparison, "probabilities").agreement.sqnr == pytest.approx(comparison.outputs.sqnr)


def test_every_value_has_a_row_with_the_type_that_it_is_computed_in():
    quantized = tachylite.quantize(picture_net(), [{"scheme": "static_wi8_ai8"}, {"scheme": "float", "name": "gate"}], PICTURES)
    comparison = tachylite.compare(picture_net(), quantized, PICTURES)
    types = {r.name: (r.operator, r.dtype) for r in comparison.rows}
    assert types["picture"] == ("input", "int8")
    assert types["first"] == ("CONV_2D", "int8")
    assert types["gate"] == ("LOGISTIC", "float32")
    assert types["probabilities"] == ("SOFTMAX", "int8")
    assert len(types) == 10


def test_a_tensor_that_is_clipped_is_the_worst_and_saturated():
    calibration = tachylite.calibrate(picture_net(), PICTURES)
    calibration.tensors["mean"].greatest /= 4
    comparison = tachylite.compare(picture_net(), tachylite.quantize(picture_net(), "static_wi8_ai8", calibration), PICTURES)
    assert "mean" in [r.name for r in comparison.worst()[:3]]
    assert row(comparison, "mean").agreement.saturation > 0.2


def test_values_in_loops_are_compared_turn_by_turn():
    quantized = tachylite.quantize(loop_net(), "static_wi8_ai8", floats(10, 8))
    comparison = tachylite.compare(loop_net(), quantized, floats(4, 8))
    assert row(comparison, "2:layer").agreement.values == 4 * 3 * 8


def test_models_that_do_not_belong_together():
    with pytest.raises(TachyliteError, match="inputs are"):
        tachylite.compare(picture_net(), loop_net(), PICTURES)
    with pytest.raises(TachyliteError, match="hold no samples"):
        tachylite.compare(picture_net(), picture_net(), PICTURES[:0])


def test_the_culprit_alone_stays_float():
    """A huge value beside small ones: in int8 the small ones drown, and only the layer behind them tells."""
    build = Builder()
    x = build.input("x", (1, 4))
    spread = build.MUL(x, np.array([1000, 1, 1, 1], np.float32), name="spread")
    small = build.MUL(spread, np.array([1e-3, 1, 1, 1], np.float32), name="small")
    build.outputs(build.FULLY_CONNECTED(small, floats(4, 4), name="out"))
    model, data = Model.of(build.graph), floats(20, 4)
    plain = tachylite.compare(model, tachylite.quantize(model, "static_wi8_ai8", data), data).outputs.sqnr
    suggestion = tachylite.suggest(model, "static_wi8_ai8", data, target_sqnr=30)
    assert plain < 10
    assert suggestion.reached >= 30
    assert set(suggestion.kept) == {"spread", "small"}
    quantized = tachylite.quantize(model, suggestion.rules, data)
    assert names(quantized).count("FULLY_CONNECTED") == 1
    assert tachylite.compare(model, quantized, data).outputs.sqnr == pytest.approx(suggestion.reached)


def test_accuracy_is_a_target_too():
    labels = np.array([ours(picture_net(), x[None])[0].argmax() for x in PICTURES])
    suggestion = tachylite.suggest(picture_net(), "static_wi4_ai8", PICTURES, target_accuracy=1.0, metric=top_1(labels))
    quantized = tachylite.quantize(picture_net(), suggestion.rules, PICTURES)
    assert [ours(quantized, x[None])[0].argmax() for x in PICTURES] == labels.tolist()


def test_targets_that_make_no_sense():
    with pytest.raises(TachyliteError, match="target_sqnr, or target_accuracy"):
        tachylite.suggest(picture_net(), "static_wi8_ai8", PICTURES)
    with pytest.raises(TachyliteError, match="float model itself reaches 0"):
        tachylite.suggest(picture_net(), "static_wi8_ai8", PICTURES, target_accuracy=1.0, metric=lambda outputs: 0.0)


def test_the_page_holds_the_data_and_closes_no_script():
    quantized = tachylite.quantize(picture_net(), "static_wi8_ai8", PICTURES)
    data = tachylite.compare(picture_net(), quantized, PICTURES).as_data()
    data["tensors"][0]["name"] = "</script><b>"
    text = page.page({"model": "a", "quantized": "b", "bytes": [2, 1], **data})
    tags = []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attributes: tags.append(tag)
    parser.feed(text)
    assert "b" not in tags
    assert text.count("</script>") == 1
    assert "\\u003c/script>" in text
