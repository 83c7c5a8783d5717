"""Float activations that meet integer weights: the references give LiteRT's results bit for bit."""

import numpy as np
import pytest

from tachylite import Interpreter, Model
from tachylite.model.dtypes import INT2, INT4
from tachylite.runtime import native

from .harness import Case, case, constant, out
from .test_ops import EXECUTORS, oracle, outputs

WEIGHTS = {"int8": np.int8, "uint8": np.uint8, "int4": INT4, "int2": INT2}


def assert_equal_to_litert(layer: Case) -> None:
    """Bit for bit in the reference; the native kernels may scale their exact sums in another order."""
    content = Model.of(layer.graph).to_bytes()
    (expected,) = oracle(layer)
    (actual,) = outputs(EXECUTORS["reference"](model_content=content), layer)
    np.testing.assert_array_equal(actual, expected)
    for tier in native.tiers():
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("TACHYLITE_ISA", tier)
            (actual,) = outputs(Interpreter(model_content=content), layer)
        np.testing.assert_allclose(actual, expected, rtol=1e-6, atol=1e-6 * np.abs(expected).max())


def activations(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Of any magnitude; at times without a negative number, or with a row of zeros."""
    x = rng.normal(size=shape) * 10 ** rng.uniform(-3, 3)
    x = np.abs(x) if rng.random() < 0.25 else x
    x[..., 0, :] *= rng.random() < 0.8
    return x.astype(np.float32)


def weights(rng: np.random.Generator, dtype: np.dtype, *shape: int) -> np.ndarray:
    """All values but -128, which LiteRT's kernels for x86 get wrong (see the case hybrid-uint8-lowest)."""
    bits = {INT4: 4, INT2: 2}.get(np.dtype(dtype), 8)
    steps = rng.integers(-(2 ** (bits - 1)) + (bits == 8), 2 ** (bits - 1), shape)
    return steps.astype(np.int8).view(np.uint8) if dtype == np.uint8 else steps.astype(dtype)


symmetric_or_not = pytest.mark.parametrize("asymmetric", [False, True], ids=["symmetric", "asymmetric"])
per_channel_or_not = pytest.mark.parametrize("per_channel", [False, True], ids=["one-scale", "per-channel"])


@symmetric_or_not
@per_channel_or_not
@pytest.mark.parametrize("name", WEIGHTS)
def test_fully_connected(name: str, per_channel: bool, asymmetric: bool) -> None:
    rng = np.random.default_rng(0)
    for _ in range(25):
        # Single rows, tiles and blocks of them; inputs that are whole quads, and others.
        rows, inputs, units = rng.choice([1, 2, 5, 12, 37]), rng.integers(1, 75) * rng.choice([1, 4]), rng.integers(2, 40)
        scale = rng.uniform(0.001, 0.1, units if per_channel else 1)
        # The zero point of uint8 weights counts for nothing.
        zero_point = rng.integers(256) if name == "uint8" else 0
        kernel = constant(weights(rng, WEIGHTS[name], units, inputs), scale, zero_point)
        bias = constant(rng.normal(size=units).astype(np.float32)) if rng.random() < 0.5 else None
        options = {"asymmetric_quantize_inputs": asymmetric, "out": out(np.float32, shape=(rows, units))}
        assert_equal_to_litert(case("", "FULLY_CONNECTED", activations(rng, rows, inputs), kernel, bias, **options))


@symmetric_or_not
@per_channel_or_not
def test_batch_matmul(per_channel: bool, asymmetric: bool) -> None:
    rng = np.random.default_rng(1)
    for _ in range(25):
        batch, rows, inputs, columns = rng.integers(1, 4), rng.integers(1, 9), rng.integers(1, 200), rng.integers(2, 20)
        scale = rng.uniform(0.001, 0.1, columns if per_channel else 1)
        kernel = constant(weights(rng, np.int8, batch, inputs, columns), scale, axis=2)
        x = activations(rng, batch, rows, inputs)
        assert_equal_to_litert(case("", "BATCH_MATMUL", x, kernel, asymmetric_quantize_inputs=asymmetric))
