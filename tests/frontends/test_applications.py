"""One small member of each family of keras.applications gives what Keras gives."""

import io
import json
import tarfile
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import tachylite

from . import applications
from .harness import RUNTIMES, outputs

FILE = Path(__file__).parent / "data" / "applications.tar.xz"


@cache
def members() -> dict[str, bytes]:
    """The fixture's files by name."""
    with tarfile.open(FILE) as archive:
        return {info.name: archive.extractfile(info).read() for info in archive}


NAMES = sorted({name.partition("/")[0] for name in members()})


@pytest.mark.parametrize("name", NAMES)
def test_application_gives_the_answer_of_keras(name):
    config, metadata, shapes, answer = (
        members()[f"{name}/{part}"] for part in ("config.json", "metadata.json", "shapes.json", "answer.npy")
    )
    model = tachylite.convert(applications.archive_of(config.decode(), metadata.decode(), json.loads(shapes)))
    x = applications.picture([1, *model.graph.inputs[0].shape[1:]])
    right = np.load(io.BytesIO(answer))
    assert np.ptp(right) > 0
    for runtime in ("native", "LiteRT"):
        (found,) = outputs(RUNTIMES[runtime], model.to_bytes(), [x])
        assert np.abs(found - right).max() <= 1e-4 * np.ptp(right), runtime
    assert not any(op.op == "TRANSPOSE" for op in model.operators())
