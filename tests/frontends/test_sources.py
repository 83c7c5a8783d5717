"""Trained models of other frameworks, against the answers that TensorFlow itself gave for them."""

from pathlib import Path

import numpy as np
import pytest

import tachylite

from .harness import assert_answers, pairs

SOURCES = Path(__file__).parents[3] / "shared" / "models" / "sources"
FILES = sorted(p for p in SOURCES.rglob("*") if p.suffix in (".keras", ".h5"))

#: What TensorFlow 2.21 makes of these.
OPERATORS = {"mobilenet_v2": 65, "transformer": 143, "unet": 44, "wavenet": 216, "ad01": 10, "pretrainedResnet": 19}

pytestmark = pytest.mark.skipif(not FILES, reason="the shared models are not here")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCES)))
def test_file_gives_the_answers_of_tensorflow(path):
    model = tachylite.convert(path)
    assert_answers(model, *pairs(np.load(path.with_suffix(".golden.npz"))))
    most = OPERATORS.get(path.stem if path.stem != "model" else path.parent.name, 1000)
    assert len(model.graph.operators) <= most
