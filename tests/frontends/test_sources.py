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


def tolerance_for(path):
    """What of an output's range it may differ.

    basic_pitch takes the logarithm of what eight filters leave of noise; TensorFlow's own sums are four times less exact there than ours,
    and `basic_pitch.tflite` differs from its answers as much as what we convert.
    """
    return 1.5e-4 if "basic_pitch" in path.parts else 1e-4


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCES)))
def test_file_gives_the_answers_of_tensorflow(path):
    model = tachylite.convert(path)
    assert_answers(model, *pairs(golden_of(path)), tolerance_for(path))
    names = {path.stem, path.parent.name, path.parent.parent.name}
    most = min([OPERATORS[name] for name in names if name in OPERATORS], default=1000)
    assert len(model.graph.operators) <= most
