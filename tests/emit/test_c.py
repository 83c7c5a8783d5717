"""Models printed as C give what the Interpreter gives, to the last bit, and what C cannot hold is refused before a file is written."""

import ctypes
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

import tachylite
from tachylite import Builder, Model, Quantization, TachyliteError
from tachylite.emit.targets import MACHINES
from tachylite.emit.unit import Unit, print_model
from tachylite.model.errors import UnsupportedError
from tachylite.model.graph import Signature
from tests.ops.test_ops import CASES
from tests.program.graphs import fibonacci, run
from tests.program.test_tlp import assert_same, convolutions, counter, endless, gather, inputs_of, loop, quantized

from .emitted import ZIG, Instance, build, driver

ANY = MACHINES["any"].target
MODELS: dict[str, Model] = {
    "convolutions": convolutions(),
    "quantized": quantized(),
    "gather": gather(),
    "loop": loop(10),
    "fibonacci": Model.of(fibonacci(7)),
}


def lstm() -> tuple[Model, Sequence[np.ndarray]]:
    case = next(c for c in CASES if c.op == "UNIDIRECTIONAL_SEQUENCE_LSTM" and c.runs > 1 and c.inputs[0].dtype == np.float32)
    return Model.of(case.graph), case.inputs


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> tuple[ctypes.CDLL, dict[str, Unit]]:
    """All models of this file, built once; they share their kernels."""
    models = MODELS | {"counter": counter(), "endless": endless(), "lstm": lstm()[0]}
    units = {name: print_model(model, name, ANY) for name, model in models.items()}
    folder = tmp_path_factory.mktemp("library")
    path = build(folder, list(units.values()), folder / "models.so", ["-shared", "-fPIC"])
    return ctypes.CDLL(str(path)), units


@pytest.mark.parametrize("name", MODELS)
def test_results_are_the_interpreters(name: str, library: tuple[ctypes.CDLL, dict[str, Unit]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TACHYLITE_ISA", "baseline")
    model, unit = MODELS[name], library[1][name]
    instance = Instance(library[0], unit)
    for _ in range(2):
        inputs = list(inputs_of(model).values())
        for actual, expected in zip(instance.run(unit.functions[0], inputs), run(model, *inputs), strict=True):
            assert_same(actual, expected)


def test_signatures_share_variables(library: tuple[ctypes.CDLL, dict[str, Unit]]) -> None:
    unit = library[1]["counter"]
    add, read = unit.functions
    assert [f.name for f in unit.functions] == ["counter_invoke_add", "counter_invoke_read"]
    first, second = Instance(library[0], unit), Instance(library[0], unit)
    with pytest.raises(ArithmeticError, match="counter_invoke_read returned 102"):
        first.run(read, [])
    np.testing.assert_array_equal(first.run(add, [np.array([1, 2, 3])])[0], [6, 7, 8])
    np.testing.assert_array_equal(second.run(add, [np.array([0, 0, 0])])[0], [5, 5, 5])  # instances do not meet
    np.testing.assert_array_equal(first.run(add, [np.array([1, 1, 1])])[0], [7, 8, 9])
    for value in first.run(read, []):
        np.testing.assert_array_equal(value, [7, 8, 9])


def test_reset_sets_recurrent_state_back(library: tuple[ctypes.CDLL, dict[str, Unit]]) -> None:
    unit, (_, inputs) = library[1]["lstm"], lstm()
    instance = Instance(library[0], unit)
    first, second = (instance.run(unit.functions[0], inputs) for _ in range(2))
    instance.reset()
    third = instance.run(unit.functions[0], inputs)
    assert all((a == b).all() for a, b in zip(first, third, strict=True))
    assert any((a != b).any() for a, b in zip(first, second, strict=True))


def test_status_says_why_a_run_stopped(library: tuple[ctypes.CDLL, dict[str, Unit]]) -> None:
    for name, wrong, right, status in (
        ("gather", np.array([0, 4]), np.array([3, 0]), 1),
        ("endless", np.array([True]), np.array([False]), 101),
    ):
        unit = library[1][name]
        instance = Instance(library[0], unit)
        with pytest.raises(ArithmeticError, match=f"{name}_invoke returned {status}"):
            instance.run(unit.functions[0], [wrong])
        instance.run(unit.functions[0], [right])


def test_the_arena_is_all_that_is_written(library: tuple[ctypes.CDLL, dict[str, Unit]]) -> None:
    """Nothing outside of it either: what lies there keeps its pattern."""
    unit = library[1]["convolutions"]
    instance = Instance(library[0], unit)
    instance.run(unit.functions[0], list(inputs_of(MODELS["convolutions"]).values()))
    assert (instance._memory[: instance.arena.ctypes.data - instance._memory.ctypes.data] == 0xA5).all()
    assert (instance._memory[instance.arena.ctypes.data - instance._memory.ctypes.data + unit.arena_size :] == 0xA5).all()


# Compilers.


SANITIZED = {
    "any": ("ADD", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "SOFTMAX", "SVDF", "WHILE", "IF"),
    "cortex-m4": ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"),
}


@pytest.mark.skipif(not shutil.which("gcc"), reason="needs GCC's sanitizers")
@pytest.mark.parametrize("target", SANITIZED)
def test_sanitizers_find_nothing(target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TACHYLITE_ISA", "baseline")
    runs = []
    cases = [case for case in CASES if case.op in SANITIZED[target] and case.inputs[0].dtype == np.int8]
    for number, case in enumerate(cases):
        try:
            unit = print_model(Model.of(case.graph), f"case_{number}", MACHINES[target].target, str(case))
        except UnsupportedError:
            continue
        expected = run(case.graph, *case.inputs)
        if all(e.dtype == port.dtype for e, port in zip(expected, unit.functions[0].outputs, strict=True)):
            runs.append((unit, [(unit.functions[0], case.inputs, expected)]))
    assert len(runs) > 30
    (tmp_path / "driver.c").write_text(driver(runs))
    flags = "-O1 -ffp-contract=off -fno-math-errno -Wno-psabi -fsanitize=address,undefined -fno-sanitize-recover=all"
    program = build(tmp_path, [unit for unit, _ in runs], tmp_path / "driver", [], ["gcc"], flags)
    done = subprocess.run([program], capture_output=True, text=True, check=False)
    assert not done.stderr, done.stderr
    assert done.returncode == 0, f"{runs[done.returncode - 1][0].source} differs"


@pytest.mark.skipif(not (shutil.which("cmake") and shutil.which("make")), reason="needs cmake and make")
def test_the_project_builds_as_its_readme_says(tmp_path: Path) -> None:
    quantized().save(tmp_path / "sum.tflite")
    convolutions().save(tmp_path / "net.tflite")
    tachylite.compile([tmp_path / "sum.tflite", tmp_path / "net.tflite"], tmp_path / "c")
    for command in (["cmake", "-B", "build"], ["cmake", "--build", "build"], ["build/example"]):
        done = subprocess.run(command, cwd=tmp_path / "c", capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "sum sum:"
    assert len(lines) == 1 + 3 * 17 + 2 + 11 + 189  # a title for each output, and its elements


def test_clang_has_nothing_to_say(tmp_path: Path) -> None:
    pytest.importorskip("ziglang")
    units = [print_model(MODELS[name], name, ANY) for name in ("quantized", "loop")]
    build(tmp_path, units, tmp_path / "models.so", ["-shared", "-fPIC"], ZIG)


def test_cplusplus_takes_the_header(tmp_path: Path) -> None:
    if not shutil.which("g++"):
        pytest.skip("needs g++")
    tachylite.compile(quantized(), tmp_path, names="sum")
    (tmp_path / "main.cpp").write_text('#include "sum.h"\nint main() { static sum_arena arena; return *sum_output(&arena); }\n')
    subprocess.run(
        ["g++", "-std=c++11", "-Wall", "-Wextra", "-Werror", "-pedantic", "-c", "main.cpp", "-o", "main.o"], cwd=tmp_path, check=True
    )


# What is refused, and what is written.


def test_what_needs_python_is_listed_at_once(tmp_path: Path) -> None:
    build = Builder()
    text, x = build.input("text", (1,), np.object_), build.input("x", (2, 3))
    random = build.RANDOM_UNIFORM(build.constant(np.array([2], np.int32)))
    model = Model.of(build.outputs(random, text, x))
    with pytest.raises(UnsupportedError) as refused:
        tachylite.compile(model, tmp_path / "c")
    for part in ("C holds nothing but native code", "RANDOM_UNIFORM #0", "'text': holds strings"):
        assert part in str(refused.value)
    assert not (tmp_path / "c").exists()


def test_limits_say_what_to_change(tmp_path: Path) -> None:
    with pytest.raises(TachyliteError) as refused:
        tachylite.compile(convolutions(), tmp_path / "c", names="net", arena_limit=1000, flash_limit=100)
    assert "net takes" in str(refused.value)
    assert "most at CONV_2D #0" in str(refused.value)
    assert "the limit is 100; quantize" in str(refused.value)
    assert not (tmp_path / "c").exists()


def test_mistakes_are_explained(tmp_path: Path) -> None:
    for arguments, message in (
        ({"names": "a b"}, "'a b' is no C identifier; 'a_b' would be one"),
        ({"names": ["a", "b"]}, "2 names for 1 models"),
        ({"target": "z80"}, "there is no target 'z80'; choose one of any"),
    ):
        with pytest.raises(TachyliteError, match=message):
            tachylite.compile(quantized(), tmp_path, **arguments)


def test_only_needed_kernels_are_written(tmp_path: Path) -> None:
    tachylite.compile(quantized(), tmp_path, names="sum")
    assert [path.name for path in sorted(tmp_path.glob("kernels/*"))] == ["arithmetic.c"]
    assert {path.name for path in tmp_path.glob("*")} == {"sum.h", "sum.c", "main.c", "CMakeLists.txt", "README.md", "kernels", "include"}


def test_names_of_tensors_become_identifiers() -> None:
    build = Builder()
    names = ("int", "a/b:0", "A_b_0", "0", "")
    x = [build.input(name, (2,)) for name in names]
    model = Model.of(build.outputs(*x))
    unit = print_model(model, "m", ANY)
    assert [p.function for p in unit.functions[0].inputs] == [
        "m_input__int",
        "m_input_a_b_0",
        "m_input_A_b_0_2",
        "m_input_t0",
        "m_input_tensor",
    ]
    assert len({p.macro for p in unit.functions[0].ports}) == 10


def test_a_comment_cannot_end_early() -> None:
    build = Builder()
    x = build.input("x */ int bad; /*\\", (2,), np.int8, Quantization.per_tensor(1.0, -3))
    model = Model([build.outputs(x)], [Signature("main", build.graph, {"x */ y": x}, {"y": build.graph.outputs[0]})])
    unit = print_model(model, "m", ANY)
    assert "*/ int bad" not in unit.header + unit.code
    assert "#define M_INPUT_SCALE 1.0f" in unit.header
