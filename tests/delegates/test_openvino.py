"""OpenVINO as a delegate, where it is installed: the op suite's cases that it takes, and whole models."""

from pathlib import Path

import numpy as np
import pytest

from tachylite import Interpreter, Model, TachyliteError, load_delegate
from tachylite.delegates.openvino import OPERATORS
from tachylite.model import codec
from tests.ops.harness import Case
from tests.ops.test_ops import CASES, visible
from tests.program.graphs import run

from .random_partitions import SHARED, answers

pytest.importorskip("openvino")

DIGITS = Path(__file__).parents[2] / "examples" / "digits"
PLAIN = {np.dtype(t) for t in (np.float32, np.int32, np.bool_)}
NUMBERS = [case for case in CASES if case.inputs and all(np.asarray(x).dtype in PLAIN for x in case.inputs)]

FAR = 1e30
"""Beyond it numbers may be infinite, or not."""


def tame(x: np.ndarray) -> np.ndarray:
    """The same without NaN, infinity and numbers that lead there."""
    return np.nan_to_num(x, nan=1, posinf=2, neginf=-2).clip(-FAR, FAR).astype(x.dtype) if x.dtype == np.float32 else x


@pytest.fixture(scope="module")
def taken() -> list[str]:
    return []


@pytest.mark.parametrize("case", NUMBERS, ids=str)
def test_operators(case: Case, taken: list[str]) -> None:
    """Each is left to the CPU, for a reason, or gives the reference's numbers."""
    model = Model.of(case.graph)
    interpreter = Interpreter(model_content=model, experimental_delegates=[load_delegate("openvino", {"least_work": 0})], strict=True)
    interpreter.allocate_tensors()
    row = interpreter.partition_report().operators[-1]
    if row.where != "openvino":
        assert row.why
        return
    inputs = [tame(visible(value)) for value in case.inputs]
    for detail, value in zip(interpreter.get_input_details(), inputs, strict=True):
        interpreter.set_tensor(detail["index"], value)
    interpreter.invoke()
    expected = run(model, *inputs)
    for detail, right in zip(interpreter.get_output_details(), expected, strict=True):
        found = interpreter.get_tensor(detail["index"])
        near = np.abs(right) < FAR if right.dtype == np.float32 else np.ones(right.shape, bool)
        np.testing.assert_allclose(found[near], right[near], rtol=1e-3, atol=1e-4)
    taken.append(case.op)


def test_most_operators_are_taken(taken: list[str]) -> None:
    assert set(taken) >= OPERATORS


@pytest.mark.parametrize(
    "name", ["mobilenet_v2_f32", "hand_landmark_full", "pose_detection", "vww_96_float", "pretrainedResnet", "basic_pitch"]
)
def test_models(name: str) -> None:
    path = SHARED / f"{name}.tflite"
    if not path.exists():
        pytest.skip("the shared models are not here")
    model = codec.read_file(path)
    interpreter, found = answers(model, True, load_delegate("openvino"))
    assert interpreter.partition_report().share >= 0.95
    for a, b in zip(found, answers(model, True)[1], strict=True):
        assert np.abs(a - b).max() <= 1e-3 * max(np.ptp(b), np.abs(b).max())


def test_integers_stay_on_the_cpu_unless_they_may_differ() -> None:
    model = codec.read_file(DIGITS / "digits_int8.tflite")
    interpreter, found = answers(model, True, load_delegate("openvino", {"least_work": 0}))
    np.testing.assert_array_equal(found[0], answers(model, True)[1][0])
    operators = interpreter.partition_report().operators
    assert {o.where for o in operators} == {"cpu"}
    assert "integers=approximate" in operators[0].why
    options = {"least_work": 0, "integers": "approximate"}
    interpreter, near = answers(model, True, load_delegate("openvino", options))
    assert interpreter.partition_report().share > 0.99
    assert np.abs(near[0].astype(int) - found[0]).max() <= 3


def test_options() -> None:
    assert load_delegate("openvino", {"INFERENCE_NUM_THREADS": "1"}).options == {"INFERENCE_NUM_THREADS": "1"}
    for options, message in (({"device": "TPU"}, "no device 'TPU', only CPU"), ({"integers": "wrong"}, "one of exact, approximate")):
        with pytest.raises(TachyliteError, match=message):
            load_delegate("openvino", options)
