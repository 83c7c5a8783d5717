"""Every layer of Keras 3, in small models with the answers that Keras gave (tools/make_keras_fixtures.py made them)."""

import io
import json
import tarfile
import zipfile
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


#: Of Keras 2 or of keras.applications alone; other names of the same layers; and augmentation, one function for all.
WITHOUT_CASE = set(
    "CuDNNGRU CuDNNLSTM ThresholdedReLU Model SyncBatchNormalization BatchNormalizationV1 BatchNormalizationV2 TFOpLambda SlicingOpLambda "
    "TensorFlowOpLayer CustomScaleLayer LayerScale StochasticDepth GroupedQueryAttention Deconvolution2D AugMix CutMix MixUp RandAugment "
    "AvgPool1D AvgPool2D AvgPool3D MaxPool1D MaxPool2D MaxPool3D GlobalAvgPool2D GlobalMaxPool2D Convolution1D Convolution2D Convolution3D "
    "Convolution2DTranspose Convolution3DTranspose SeparableConvolution1D SeparableConvolution2D".split()
)


def classes(part):
    """All class names in a config."""
    if isinstance(part, dict):
        yield part.get("class_name")
    for inner in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        yield from classes(inner)


def test_every_layer_has_a_case():
    archives = (zipfile.ZipFile(io.BytesIO(content)) for name, content in members().items() if name.endswith(".keras"))
    used = {name for archive in archives for name in classes(json.loads(archive.read("config.json")))}
    assert {name for name in layer_names() if not name.startswith("Random")} - used == WITHOUT_CASE
