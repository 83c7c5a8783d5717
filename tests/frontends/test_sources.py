"""Trained models of other frameworks, against the answers that TensorFlow itself gave for them."""

from pathlib import Path

import numpy as np
import pytest

import tachylite

from .harness import assert_answers, pairs

SOURCES = Path(__file__).parents[3] / "shared" / "models" / "sources"
FILES = sorted(p for p in SOURCES.rglob("*") if p.suffix in (".keras", ".h5") or p.name in ("frozen.pb", "saved_model.pb"))


def golden_of(path):
    """Inputs and outputs by name; those of a folder lie beside it, those of several files of one net are called `model`."""
    place = path.parent if path.name == "saved_model.pb" else path
    found = [p for p in (place.with_suffix(".golden.npz"), place.with_name("model.golden.npz")) if p.exists()]
    return dict(np.load(found[0]))


#: What TensorFlow 2.21 makes of these.
OPERATORS = {"mobilenet_v2": 65, "transformer": 143, "unet": 44, "wavenet": 216, "ad01": 10, "pretrainedResnet": 19}

pytestmark = pytest.mark.skipif(not FILES, reason="the shared models are not here")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCES)))
def test_file_gives_the_answers_of_tensorflow(path):
    model = tachylite.convert(path)
    assert_answers(model, *pairs(golden_of(path)))
    names = {path.stem, path.parent.name, path.parent.parent.name}
    most = min([OPERATORS[name] for name in names if name in OPERATORS], default=1000)
    assert len(model.graph.operators) <= most


def test_basic_pitch_of_onnx_gives_the_answers_of_tensorflow():
    """The file names its outputs by number and has the last of the SavedModel's first."""
    path = SOURCES / "basic_pitch" / "nmp.onnx"
    inputs, expected = pairs(golden_of(path.with_name("saved_model") / "saved_model.pb"))
    model = tachylite.convert(path)
    assert [name[-1] for name in model.signatures[0].outputs] == ["2", "1", "0"]
    assert_answers(model, inputs, expected[::-1])
