"""Real models, where they lie beside the repository: optimizing them checks every pass, and never adds an operator."""

from pathlib import Path

import pytest

import tachylite

from .checking import optimized

MODELS = Path(__file__).parents[3] / "shared" / "models" / "tflite"
NAMES = [
    *("ad01_fp32", "ad01_int8", "basic_pitch", "kws_ref_model", "kws_ref_model_float32", "pretrainedResnet", "str_ww_ref_model"),
    *("trained_lstm", "trained_lstm_int8", "vww_96_float", "vww_96_int8", "hand_landmark_full", "pose_detection"),
]
#: Its activations are quantized on the fly, so that a last bit of rounding may become a whole step.
HYBRID = {"transformer_dyn": 0.02}


@pytest.mark.parametrize("name", [*NAMES, *HYBRID])
def test_a_real_model_computes_the_same(name):
    path = MODELS / f"{name}.tflite"
    if not path.exists():
        pytest.skip(f"{path} is not there")
    model = tachylite.load(path).model
    before = len(list(model.operators()))
    assert len(list(optimized(model, tolerance=HYBRID.get(name, 1e-4)).operators())) <= before
