"""WebGPU as a delegate, where wgpu is installed and finds an adapter: the op suite's cases that have shaders, and whole models."""

import numpy as np
import pytest

from tachylite import Builder, Delegate, Interpreter, Model, TachyliteError, load_delegate
from tachylite.delegates.webgpu.delegate import shaders
from tachylite.delegates.webgpu.kernels import KERNELS
from tachylite.delegates.webgpu.shader import Grid
from tachylite.model import codec
from tachylite.runtime.delegate import DelegateWarning
from tests.ops.harness import Case
from tests.ops.test_ops import CASES, visible
from tests.program.graphs import run

from .random_partitions import SHARED, answers

FLOATS = [case for case in CASES if any(np.asarray(x).dtype == np.float32 for x in case.inputs)]

FAR = 1e30
"""Beyond it numbers may be infinite, or not: WGSL makes no promise."""


# What needs no device.


def test_grids_cover_all_elements_within_the_limit() -> None:
    for count, most in ((1, 65535), (64, 65535), (65, 4), (64 * 65535 + 1, 65535), (10**9, 65535)):
        grid = Grid.of(count, most)
        assert grid.x <= most
        assert grid.x * grid.y * 64 >= count


def test_chains_of_elementwise_operators_are_one_shader() -> None:
    build = Builder()
    x, other = build.input("x", (1, 4, 4, 3)), build.input("other", (1, 4, 4, 8))
    y = build.CONV_2D(
        x,
        build.constant(np.ones((8, 1, 1, 3), np.float32)),
        build.constant(np.zeros(8, np.float32)),
        padding="SAME",
        stride_h=1,
        stride_w=1,
    )
    y = build.HARD_SWISH(build.ADD(y, other, name="sum"), name="swish")
    twice = build.MUL(y, y)
    graph = build.outputs(twice, build.NEG(y))
    assert [t.name for t in shaders(graph, 8)] == ["swish", twice.name, graph.outputs[1].name]
    assert [t.name for t in shaders(graph, 3)][:1] == [graph.operators[0].outputs[0].name]


# On a device.


@pytest.fixture(scope="module")
def gpu() -> Delegate:
    pytest.importorskip("wgpu")
    try:
        return load_delegate("webgpu", {"least_work": 0})
    except TachyliteError as problem:
        pytest.skip(str(problem))


@pytest.fixture(scope="module")
def taken() -> set[str]:
    return set()


def tame(x: np.ndarray, far: float) -> np.ndarray:
    """The same without NaN, infinity and numbers that lead there."""
    return np.nan_to_num(x, nan=1, posinf=2, neginf=-2).clip(-far, far).astype(x.dtype) if x.dtype == np.float32 else x


@pytest.mark.parametrize("case", FLOATS, ids=str)
def test_operators(case: Case, gpu: Delegate, taken: set[str]) -> None:
    """Each is left to the CPU, for a reason, or gives the reference's numbers."""
    model = Model.of(case.graph)
    interpreter = Interpreter(model_content=model, experimental_delegates=[gpu], strict=True)
    interpreter.allocate_tensors()
    rows = interpreter.partition_report().operators
    assert all(row.where == "webgpu" or row.why for row in rows)
    if all(row.where != "webgpu" for row in rows):
        return
    far = 100 if case.op in ("SIN", "COS") else FAR  # devices lose the angle of large arguments
    inputs = [tame(visible(value), far) for value in case.inputs]
    for detail, value in zip(interpreter.get_input_details(), inputs, strict=True):
        interpreter.set_tensor(detail["index"], value)
    interpreter.invoke()
    for detail, right in zip(interpreter.get_output_details(), run(model, *inputs), strict=True):
        found = interpreter.get_tensor(detail["index"])
        near = np.abs(right) < FAR if right.dtype == np.float32 else np.ones(right.shape, bool)
        np.testing.assert_allclose(found[near], right[near], rtol=1e-3, atol=1e-4)
    taken |= {row.op for row in rows if row.where == "webgpu"}


def test_every_shader_was_tested(gpu: Delegate, taken: set[str]) -> None:
    assert KERNELS.keys() - taken == set()


@pytest.mark.parametrize("name", "mobilenet_v2_f32 hand_landmark_full pose_detection vww_96_float pretrainedResnet basic_pitch".split())
def test_models(name: str, gpu: Delegate) -> None:
    path = SHARED / f"{name}.tflite"
    if not path.exists():
        pytest.skip("the shared models are not here")
    model = codec.read_file(path)
    interpreter, found = answers(model, True, gpu)
    assert interpreter.partition_report().share >= 0.95
    for a, b in zip(found, answers(model, True)[1], strict=True):
        assert np.abs(a - b).max() <= 1e-3 * max(np.ptp(b), np.abs(b).max())


@pytest.fixture
def chain() -> Model:
    build = Builder()
    x = build.input("x", (1, 8, 8, 3))
    weights, bias = build.constant(np.ones((4, 3, 3, 3), np.float32)), build.constant(np.zeros(4, np.float32))
    y = build.CONV_2D(x, weights, bias, padding="SAME", stride_h=1, stride_w=1)
    return Model.of(build.outputs(build.RELU(y)))


def test_a_lost_device_leaves_its_work_to_the_cpu(chain: Model, gpu: Delegate) -> None:
    own = load_delegate("webgpu", {"least_work": 0})
    interpreter = Interpreter(model_content=chain, experimental_delegates=[own])
    interpreter.allocate_tensors()
    x = np.random.default_rng(0).normal(size=(1, 8, 8, 3)).astype(np.float32)
    interpreter.set_tensor(0, x)
    interpreter.invoke()
    own.device.destroy()
    with pytest.warns(DelegateWarning, match="'webgpu' failed in a run"):
        interpreter.invoke()
    found = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    np.testing.assert_array_equal(found, run(chain, x)[0])


def test_buffers_and_pipelines_are_used_again(chain: Model, gpu: Delegate) -> None:
    before = len(gpu.device._pipelines)
    for _ in range(2):
        Interpreter(model_content=chain, experimental_delegates=[gpu]).allocate_tensors()
    assert len(gpu.device._pipelines) <= before + 1


def test_options() -> None:
    pytest.importorskip("wgpu")
    with pytest.raises(TachyliteError, match="option power, one of high-performance, low-power"):
        load_delegate("webgpu", {"power": "all"})
