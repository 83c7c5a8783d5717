"""Scales that lie so far apart that steps leave every integer: whatever comes out, it is what the references define."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tachylite import Interpreter, Model, OpResolverType
from tachylite.runtime import native

from .harness import Case, case, constant, out, quantized

STEPS = np.array([[-128, -77, -1, 0, 1, 3, 101, 127]])
IMAGE = STEPS.reshape(1, 1, 1, 8)
AXIS = constant(np.array([0], np.int32))


def stored(values: np.ndarray, scale: float, dtype: type) -> Any:
    return quantized(values, scale, dtype=dtype)


def convolution(ratio: float, dtype: type) -> Case:
    bias = constant(np.array([-5, 7], np.int64 if dtype is np.int16 else np.int32), ratio)
    filters = constant(np.tile(STEPS // 2, (2, 1)).reshape(2, 1, 1, 8), [1.0, 1.0], dtype=np.int8)
    return case("", "CONV_2D", stored(IMAGE, ratio, dtype), filters, bias, stride_h=1, stride_w=1, out=out(dtype, 1))


def depthwise(ratio: float, dtype: type) -> Case:
    bias = constant(np.arange(8, dtype=np.int64 if dtype is np.int16 else np.int32), ratio)
    filters = constant(IMAGE // 2, 1.0, dtype=np.int8)
    return case("", "DEPTHWISE_CONV_2D", stored(IMAGE, ratio, dtype), filters, bias, stride_h=1, stride_w=1, out=out(dtype, 1))


LAYERS: dict[str, Callable[[float, type], Case]] = {
    "CONV_2D": convolution,
    "DEPTHWISE_CONV_2D": depthwise,
    "MEAN": lambda ratio, dtype: case("", "MEAN", stored(STEPS, ratio, dtype), AXIS, out=out(dtype, 1)),
    "LEAKY_RELU": lambda ratio, dtype: case("", "LEAKY_RELU", stored(STEPS, ratio, dtype), alpha=0.5, out=out(dtype, 1)),
    "QUANTIZE": lambda ratio, dtype: case("", "QUANTIZE", stored(STEPS, ratio, dtype), out=out(dtype, 1)),
    "MUL": lambda ratio, dtype: case("", "MUL", stored(STEPS, ratio, dtype), stored(STEPS, 1, dtype), out=out(dtype, 1)),
    "PRELU": lambda ratio, dtype: case("", "PRELU", stored(STEPS, ratio, dtype), constant(STEPS[0], 1.0, dtype=dtype), out=out(dtype, 1)),
}


@pytest.mark.parametrize("tier", native.tiers())
@pytest.mark.parametrize("exponent", [-90, -40, -31, 8, 14, 15, 29, 31, 32, 40, 90])
@pytest.mark.parametrize("dtype", [np.int8, np.int16])
@pytest.mark.parametrize("op", LAYERS)
def test_distant_scales(op: str, dtype: type, exponent: int, tier: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TACHYLITE_ISA", tier)
    layer = LAYERS[op](0.7 * 2.0**exponent, dtype)
    np.testing.assert_array_equal(answer(layer), answer(layer, experimental_op_resolver_type=OpResolverType.BUILTIN_REF))


def answer(layer: Case, **options: Any) -> np.ndarray:
    interpreter = Interpreter(model_content=Model.of(layer.graph), **options)
    interpreter.allocate_tensors()
    for detail, value in zip(interpreter.get_input_details(), layer.inputs, strict=True):
        interpreter.set_tensor(detail["index"], value)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
