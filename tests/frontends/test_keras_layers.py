"""Every layer of Keras 3, in small models with the answers that Keras gave (tools/make_keras_fixtures.py made them)."""

import io
import tarfile
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import tachylite
from tachylite.frontends.keras import layer_names

from .harness import assert_answers, pairs

BUNDLE = Path(__file__).parent / "data" / "keras3.tar.xz"


@cache
def members() -> dict[str, bytes]:
    """All files of the bundle by name."""
    with tarfile.open(BUNDLE) as bundle:
        return {entry.name: bundle.extractfile(entry).read() for entry in bundle}


CASES = sorted(name.removesuffix(".keras") for name in members() if name.endswith(".keras"))


@pytest.mark.parametrize("optimize", [False, True], ids=["plain", "optimized"])
@pytest.mark.parametrize("case", CASES)
def test_layer_gives_the_answers_of_keras(case, optimize):
    model = tachylite.convert(members()[f"{case}.keras"], optimize=optimize)
    assert_answers(model, *pairs(np.load(io.BytesIO(members()[f"{case}.npz"]))))


#: Of Keras 2 alone, or aliases; the tests of .h5 files have some of them.
OLD = set("CuDNNLSTM ThresholdedReLU Model SyncBatchNormalization BatchNormalizationV1 BatchNormalizationV2".split())


def test_every_layer_has_a_case():
    import json
    import zipfile

    def classes(part):
        if isinstance(part, dict):
            yield part.get("class_name")
        for inner in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
            yield from classes(inner)

    used = set()
    for name, content in members().items():
        if name.endswith(".keras"):
            used.update(classes(json.loads(zipfile.ZipFile(io.BytesIO(content)).read("config.json"))))
    missing = set(layer_names()) - used - OLD
    assert not {name for name in missing if not name.startswith(("Random", "Convolution", "Separable"))}
