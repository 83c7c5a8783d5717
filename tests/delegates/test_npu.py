"""The example in C (examples/npu): a shared library whose device is a process of its own, here and in the C runtime."""

import gc
import os
import shutil
import signal
import subprocess
import threading
from pathlib import Path

import numpy as np
import pytest

from tachylite import Delegate, Interpreter, Model, TachyliteError, load_delegate
from tachylite.model import codec
from tachylite.program import tlp
from tachylite.program.target import Target
from tachylite.program.tlp import compile_model
from tachylite.runtime import native
from tachylite.runtime.delegate import DelegateError, DelegateWarning
from tests.ops.test_ops import CASES, visible
from tests.program.c_program import Program, ProgramError
from tests.program.graphs import run
from tests.program.test_tlp import sealed

from .echo import Echo
from .random_partitions import SHARED

EXAMPLES = Path(__file__).parents[2] / "examples"
DIGITS = codec.read_file(EXAMPLES / "digits" / "digits_int8.tflite")
RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where its Makefile puts what it builds."""
    if not (shutil.which("make") and shutil.which("cc")):
        pytest.skip("building the example needs make and cc")
    built = tmp_path_factory.mktemp("npu")
    subprocess.run(["make", "-s", "-C", EXAMPLES / "npu", f"BUILD={built}"], check=True)
    return built


@pytest.fixture(scope="module")
def library(folder: Path) -> str:
    return str(folder / "libnpu.so")


def devices() -> list[int]:
    """Processes of the device that this one has started."""
    tasks = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    children = [int(number) for task in tasks for number in task.read_text().split()]
    return [n for n in children if Path(f"/proc/{n}/comm").read_text().strip() == "npu_device"]


def scans() -> np.ndarray:
    return RNG.integers(-128, 128, DIGITS.graph.inputs[0].shape).astype(np.int8)


def planned(delegate: str | Delegate, strict: bool = False) -> Interpreter:
    loaded = load_delegate(delegate) if isinstance(delegate, str) else delegate
    interpreter = Interpreter(model_content=DIGITS, experimental_delegates=[loaded], strict=strict)
    interpreter.allocate_tensors()
    return interpreter


def answer(interpreter: Interpreter, value: np.ndarray) -> np.ndarray:
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], value)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


def test_convolutions_run_in_the_device(library: str) -> None:
    interpreter = planned(library)
    taken = [(o.op, o.where) for o in interpreter.partition_report().operators if o.where == "npu"]
    assert taken == [("CONV_2D", "npu")] * 3
    assert "npu: runs convolutions alone" in str(interpreter.partition_report())
    assert len(devices()) == 2  # the MAX_POOL_2D between is the CPU's
    for _ in range(3):
        value = scans()
        np.testing.assert_array_equal(answer(interpreter, value), run(DIGITS, value)[0])
    del interpreter
    gc.collect()
    assert devices() == []


def test_the_op_suites_convolutions(library: str) -> None:
    """Every padding, stride, dilation and activation that the device takes gives equal integers; the others have a reason."""
    took = 0
    npu = load_delegate(library, {"least_work": 0})
    for case in CASES:
        if case.op != "CONV_2D":
            continue
        model = Model.of(case.graph)
        interpreter = Interpreter(model_content=model, experimental_delegates=[npu], strict=True)
        interpreter.allocate_tensors()
        (row,) = interpreter.partition_report().operators
        assert row.where == "npu" or row.why.startswith(("npu: ", "is certain")), case.name
        took += row.where == "npu"
        for detail, value in zip(interpreter.get_input_details(), case.inputs, strict=True):
            interpreter.set_tensor(detail["index"], visible(value))
        interpreter.invoke()
        found = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
        np.testing.assert_array_equal(found, run(model, *map(visible, case.inputs))[0], case.name)
    assert took >= 5


@pytest.mark.parametrize("name", ["vww_96_int8", "pretrainedResnet_quant"])
def test_shared_models(library: str, name: str) -> None:
    path = SHARED / f"{name}.tflite"
    if not path.exists():
        pytest.skip("the shared models are not here")
    model = codec.read_file(path)
    value = RNG.integers(-128, 128, model.graph.inputs[0].shape).astype(np.int8)
    found = run(model, value, experimental_delegates=[load_delegate(library)], strict=True)
    np.testing.assert_array_equal(found[0], run(model, value)[0])


def killed_in_the_middle(interpreter: Interpreter, value: np.ndarray) -> np.ndarray:
    """The answer of a run in which every device dies: they are stopped before it, and killed while it waits for them."""
    for device in devices():
        os.kill(device, signal.SIGSTOP)
    killer = threading.Timer(0.2, lambda: [os.kill(device, signal.SIGKILL) for device in devices()])
    killer.start()
    try:
        return answer(interpreter, value)
    finally:
        killer.join()


def test_killing_the_device_in_the_middle_of_a_run(library: str) -> None:
    interpreter, value = planned(library), scans()
    expected = run(DIGITS, value)[0]
    with pytest.warns(
        DelegateWarning, match=r"'npu' failed in a run, at the 2 operators from CONV_2D #0 on: the device's process \d+ has ended"
    ):
        np.testing.assert_array_equal(killed_in_the_middle(interpreter, value), expected)
    np.testing.assert_array_equal(answer(interpreter, value), expected)
    assert "runs on the CPU: the device's process" in str(interpreter.partition_report())
    with pytest.raises(DelegateError, match=r"CONV_2D #0 on: the device's process \d+ has ended; without strict"):
        killed_in_the_middle(planned(library, strict=True), value)


def test_what_is_wrong_is_said(library: str, tmp_path: Path) -> None:
    (tmp_path / "libempty.so").write_bytes(b"no library")
    for name, options, message in (
        (library, {"speed": 3}, "there is no option speed, only device"),
        (str(tmp_path / "libempty.so"), {}, "libempty.so' cannot be loaded"),
        (str(tmp_path / "libmissing.so"), {}, "libmissing.so' cannot be loaded"),
        (str(native.LIBRARY), {}, "tachylite_delegate"),
    ):
        with pytest.raises(TachyliteError, match=message):
            load_delegate(name, options)
    missing = load_delegate(library, {"device": tmp_path / "nothing"})
    with pytest.warns(DelegateWarning, match="nothing: No such file"):
        interpreter = planned(missing)
    assert "could not compile it" in str(interpreter.partition_report())


# Program files.


def test_a_program_file_runs_without_python(folder: Path, library: str, tmp_path: Path) -> None:
    compiled = compile_model(DIGITS, Target(native.tier()), [load_delegate(library)])
    assert [p.positions for p in compiled.partitions] == [(0, 1), (3,)]
    program, value = tmp_path / "digits.tlp", scans()
    program.write_bytes(bytes(compiled))
    value.tofile(tmp_path / "in.bin")
    expected = run(DIGITS, value)[0].tobytes()

    def done(delegate: str) -> "subprocess.CompletedProcess[str]":
        command = [folder / "run", program, delegate, tmp_path / "in.bin", tmp_path / "out.bin"]
        return subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)

    assert (done(library).returncode, done(library).stderr) == (0, "")
    assert (tmp_path / "out.bin").read_bytes() == expected
    (tmp_path / "out.bin").unlink()
    alone = done(str(tmp_path / "libmissing.so"))
    assert alone.returncode == 0
    assert "on the CPU: delegate npu is not attached" in alone.stderr
    assert (tmp_path / "out.bin").read_bytes() == expected


def test_a_program_without_its_delegate_runs_on_the_cpu(library: str) -> None:
    value = scans()
    program = Program(bytes(compile_model(DIGITS, Target(native.tier(), workers=2), [load_delegate(library)])))
    (entry,) = program.entries()
    (name,) = program.tensors("input", entry)
    for found in program(entry, **{name: value}).values():
        np.testing.assert_array_equal(found, run(DIGITS, value)[0])


def test_damaged_calls_are_refused(library: str) -> None:
    """Every field of the instruction, with values that it must not have."""
    content = bytes(compile_model(DIGITS, Target(native.tier()), [load_delegate(library)]))
    header = np.frombuffer(content, tlp.HEADER, 1)[0]
    offset, record = int(header["code"]["offset"]), tlp.RECORDS["code"]
    code = np.frombuffer(content, record, int(header["code"]["count"]), offset)
    at = next(i for i, row in enumerate(code) if row["kind"] == tlp.DELEGATE)
    for field, values in {"kernel": [1 << 30], "number": [-1, 1 << 20], "grain": [-1, 5], "kind": [4, 6]}.items():
        for value in values:
            damaged = bytearray(content)
            changed = code.copy()
            changed[at][field] = value
            damaged[offset : offset + changed.nbytes] = changed.tobytes()
            with pytest.raises(ProgramError, match="damaged"):
                Program(sealed(damaged))


def test_a_python_delegate_has_no_place_in_a_file() -> None:
    with pytest.raises(TachyliteError, match="'echo' runs in Python alone"):
        compile_model(DIGITS, Target(native.tier()), [Echo()])


def test_threads_do_not_share_a_device(library: str) -> None:
    """Two interpreters have devices of their own, and one that a thread waits for does not stop the other."""
    slow, quick, value = planned(library), planned(library), scans()
    first = devices()[: len(devices()) // 2]
    for device in first:
        os.kill(device, signal.SIGSTOP)
    waiting = threading.Thread(target=answer, args=(slow, value))
    waiting.start()
    np.testing.assert_array_equal(answer(quick, value), run(DIGITS, value)[0])
    for device in first:
        os.kill(device, signal.SIGCONT)
    waiting.join()
