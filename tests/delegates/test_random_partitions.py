"""Models in random parts answer as they do whole; tools/random_partitions.py does it on more models, and more often."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tachylite.model import codec

from .random_partitions import SHARED, Outcome, try_one

EXAMPLES = Path(__file__).parents[2] / "examples"
DIGITS = [codec.read_file(EXAMPLES / "digits" / f"{name}.tflite") for name in ("digits", "digits_int8")]


@given(st.sampled_from(DIGITS), st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_random_partitions(model, seed):
    outcome = try_one(model, seed)
    assert outcome.integers
    assert outcome.error <= 1e-5


@pytest.mark.parametrize("name", ["vww_96_int8", "kws_ref_model", "transformer_dyn", "trained_lstm", "traffic_model"])
def test_shared_models(name):
    path = SHARED / f"{name}.tflite"
    if not path.exists():
        pytest.skip("the shared models are not here")
    outcomes = [try_one(codec.read_file(path), seed, fused=False) for seed in range(2)]
    assert outcomes == [Outcome(o.partitions, True, 0.0) for o in outcomes]
    assert sum(o.partitions for o in outcomes) > 1
