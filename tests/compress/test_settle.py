"""Layers that are nothing, or next to nothing, as pruning leaves them: LiteRT must take the scales that quantizing gives them."""

import itertools
import subprocess
import sys

import numpy as np
import pytest

import tachylite
from tachylite import Builder, Model

from .harness import floats, ours, sqnr, theirs
from .nets import SAME

SAMPLES = floats(4, 8, 8, 16, seed=9)
SIZES = [(0, 1, 1), (1, 0, 1), (1, 1, 0), (0, 0, 0), (1e-30, 1, 1e-30), (1, 1e-30, 1), (1, 1e3, 1e-5), (1e3, 1e-5, 0)]

RUN_BY_DEFAULT = """
import sys
import numpy as np
from ai_edge_litert import interpreter as litert
for path in sys.argv[1:]:
    print(path, flush=True)
    interpreter = litert.Interpreter(model_path=path)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], np.zeros((1, 8, 8, 16), np.float32))
    interpreter.invoke()
"""


def net(weights, biases, activation="RELU6") -> Model:
    """Layers whose weights and biases have these sizes, with a sum, a product and probabilities behind them."""
    build = Builder()
    x = build.input("x", (1, 8, 8, 16))
    scaled = (floats(16, 1, 1, 16, seed=1) * np.float32(weights[0]), floats(16, seed=2) * np.float32(biases[0]))
    y = build.CONV_2D(x, *scaled, name="first", fused_activation_function=activation, **SAME)
    scaled = (floats(1, 3, 3, 16, seed=3) * np.float32(weights[1]), floats(16, seed=4) * np.float32(biases[1]))
    z = build.DEPTHWISE_CONV_2D(y, *scaled, name="depth", depth_multiplier=1, fused_activation_function=activation, **SAME)
    y = build.ADD(build.MUL(z, np.zeros(16, np.float32), name="product"), y, name="sum")
    y = build.MEAN(build.CONCATENATION(y, z, axis=3), np.array([1, 2], np.int32), name="mean")
    scaled = (floats(10, 32, seed=7) * np.float32(weights[2]), floats(10, seed=8) * np.float32(biases[2]))
    y = build.FULLY_CONNECTED(y, *scaled, name="answers")
    return Model.of(build.outputs(build.SOFTMAX(y, beta=1.0)))


@pytest.mark.parametrize("scheme", ["static_wi8_ai8", "static_wi8_ai16", "static_wu8_au8"])
def test_litert_takes_every_scale(scheme, tmp_path):
    paths = []
    for i, (weights, biases) in enumerate(itertools.product(SIZES, SIZES)):
        paths.append(tmp_path / f"{i}.tflite")
        tachylite.quantize(net(weights, biases, ("NONE", "RELU6")[i % 2]), scheme, SAMPLES).save(paths[-1])
    # An engine that aborts is not to end the tests.
    done = subprocess.run([sys.executable, "-c", RUN_BY_DEFAULT, *paths], check=False, capture_output=True, text=True)
    assert done.returncode == 0, f"{done.stdout.split()[-1]}: {done.stderr}"


@pytest.mark.parametrize("scheme", ["static_wi8_ai8", "static_wi8_ai16", "static_wu8_au8"])
def test_a_layer_of_zeros_still_adds_its_bias(scheme):
    build = Builder()
    x = build.input("x", (1, 64))
    y = build.FULLY_CONNECTED(x, np.zeros((64, 64), np.float32), floats(64, seed=2, scale=1e-2), name="constant")
    model = Model.of(build.outputs(y))
    samples = floats(4, 64)
    quantized = tachylite.quantize(model, scheme, samples)
    assert sqnr(ours(model, samples[:1]), ours(quantized, samples[:1])) > 35
    np.testing.assert_array_equal(ours(quantized, samples[:1])[0], theirs(quantized, samples[:1])[0])


def test_a_value_that_is_always_zero_takes_the_scale_of_what_it_is_made_from():
    build = Builder()
    x = build.input("x", (1, 64))
    y = build.FULLY_CONNECTED(x, np.zeros((64, 64), np.float32), None, name="nothing")
    quantized = tachylite.quantize(Model.of(build.outputs(build.ADD(y, x, name="sum"))), "static_wi8_ai16", floats(4, 64))
    scales = {t.name: float(t.scale) for t in quantized.graph.tensors if t.dtype == np.int16}
    assert scales["nothing"] == scales["x/int16"]
