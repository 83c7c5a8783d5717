"""The C example compiles, and its answers are the Interpreter's."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tachylite import Interpreter
from tachylite.model import codec
from tests.program.c_program import compiled

EXAMPLES = Path(__file__).parents[1] / "examples"
INK = (np.load(EXAMPLES / "digits" / "held_out.npz")["scans"][..., None] / 16).astype(np.float32)


@pytest.fixture(scope="module")
def classify(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program, built as its README says."""
    if not (shutil.which("make") and shutil.which("cc")):
        pytest.skip("building the C example needs make and cc")
    folder = tmp_path_factory.mktemp("c")
    subprocess.run(["make", "-s", "-C", EXAMPLES / "c", f"BUILD={folder}"], check=True)
    return folder / "classify"


def run(*command: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", ["digits", "digits_int8"])
def test_the_scores_are_the_interpreters(name: str, classify: Path, tmp_path: Path) -> None:
    model = codec.read_file(EXAMPLES / "digits" / f"{name}.tflite")
    (tmp_path / "net.tlp").write_bytes(compiled(model))
    interpreter = Interpreter(model_content=model)
    interpreter.allocate_tensors()
    (source,), (target,) = interpreter.get_input_details(), interpreter.get_output_details()
    for ink in INK[:5]:
        stored = stored_as(ink[None], source)
        stored.tofile(tmp_path / "digit.bin")
        interpreter.set_tensor(source["index"], stored)
        interpreter.invoke()
        scores = real(interpreter.get_tensor(target["index"])[0], target)
        done = run(classify, tmp_path / "net.tlp", tmp_path / "digit.bin")
        assert done.returncode == 0, done.stderr
        lines = [line.split() for line in done.stdout.splitlines()]
        assert [np.float32(score) for _, score in lines] == sorted(scores, reverse=True)
        assert {int(number): np.float32(score) for number, score in lines} == dict(enumerate(scores))


def stored_as(ink: np.ndarray, detail: dict) -> np.ndarray:
    scale, zero_point = detail["quantization"]
    return np.round(ink / scale + zero_point).clip(-128, 127).astype(np.int8) if scale else ink


def real(stored: np.ndarray, detail: dict) -> np.ndarray:
    scale, zero_point = detail["quantization"]
    return np.float32(scale) * (stored.astype(np.int32) - zero_point).astype(np.float32) if scale else stored


def test_mistakes_are_explained_in_a_line(classify: Path, tmp_path: Path) -> None:
    (tmp_path / "net.tlp").write_bytes(compiled(codec.read_file(EXAMPLES / "digits" / "digits.tflite")))
    (tmp_path / "short.bin").write_bytes(b"123")
    for arguments, message in (
        ((), "usage: classify PROGRAM INPUT"),
        ((tmp_path / "missing.tlp", tmp_path / "short.bin"), "No such file"),
        ((EXAMPLES / "digits" / "digits.tflite", tmp_path / "short.bin"), "this is no program file"),
        ((tmp_path / "net.tlp", tmp_path / "short.bin"), "shorter than the program's input"),
    ):
        done = run(classify, *arguments)
        assert done.returncode == 1
        assert done.stderr.startswith("error: ")
        assert message in done.stderr
