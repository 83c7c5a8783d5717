"""Run native tests in a library that the compiler has instrumented; fail where a sanitizer finds anything.

    python tools/sanitize.py address      # memory and undefined behaviour: AddressSanitizer, UndefinedBehaviorSanitizer
    python tools/sanitize.py thread       # data races: ThreadSanitizer

Needs gcc on Linux. One tier is built, the best of this machine. Every value of a Program gets memory of its own that ends where the value
ends, so that a kernel which goes beyond is found out; every call is divided among all workers. First a fault is made on purpose: a
sanitizer that misses it would miss others. Where ../shared/conformance/malformed lies, its damaged files are read, planned and run as well.
"""

import ctypes
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

import numpy as np
from fuzz_models import attempt, be_patient

from tachylite import Builder, Interpreter, Model
from tachylite.runtime import native
from tachylite.runtime.executor import Executor
from tachylite.runtime.native_executor import NativeExecutor

ROOT = Path(__file__).resolve().parents[1]

MALFORMED = ROOT.parent / "shared" / "conformance" / "malformed"

KINDS = {"address": "address,undefined", "thread": "thread"}
"""What the compiler is asked for."""

RUNTIMES = {"address": ("asan", "ubsan"), "thread": ("tsan",)}
"""The sanitizers' libraries, which must be loaded before all others."""

OPTIONS = {
    # Python and LiteRT keep much until the end of the process, and tests ask for more memory than there is.
    "ASAN_OPTIONS": "detect_leaks=0:halt_on_error=0:allocator_may_return_null=1:max_allocation_size_mb=1024:log_path={log}",
    "TSAN_OPTIONS": "report_signal_unsafe=0:suppressions={suppressions}:log_path={log}",
}

SUPPRESSIONS = "race:_multiarray_umath\n"
"""Whoever sets a tensor while another thread runs changes that run's input, as documented; numpy is what writes and reads it."""

TESTS = {
    "address": ["tests/ops/test_ops.py", "tests/program", "tests/runtime/test_interpreter.py", "-k", "not reference"],
    "thread": ["tests/ops/test_ops.py", "tests/runtime/test_threads.py", "-k", "3threads or test_threads"],
}
"""What pytest runs."""


# The parent: builds, and reads what the sanitizers wrote.


def main(kind: str) -> bool:
    """Whether anything was found."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        library = folder / "libtachylite.so"
        build = [sys.executable, str(ROOT / "tools" / "build_native.py"), "--sanitize", KINDS[kind], "--tier", native.tiers()[0]]
        subprocess.run([*build, "--target", str(library)], check=True)
        if not run_inside(kind, "fault", library, folder)[1]:
            sys.exit(f"a fault that was made on purpose went unseen, so that --sanitize {KINDS[kind]} proves nothing here")
        subjects = ["tests", *(["malformed"] if kind == "address" and MALFORMED.exists() else [])]
        results = [run_inside(kind, subject, library, folder) for subject in subjects]
    print(*(text[:20_000] for _, reports in results for text in reports), sep="\n")
    return any(status or reports for status, reports in results)


def run_inside(kind: str, what: str, library: Path, folder: Path) -> tuple[int, list[str]]:
    """Run what `inside` can in a process with the sanitizer; its exit status, and the sanitizer's reports."""
    log, suppressions = folder / what, folder / "suppressions"
    suppressions.write_text(SUPPRESSIONS, encoding="ascii")
    options = {key: value.format(log=log, suppressions=suppressions) for key, value in OPTIONS.items()}
    environment = os.environ | options | {"LD_PRELOAD": " ".join(runtime_library(name) for name in RUNTIMES[kind])}
    # ThreadSanitizer wants fixed places in memory, where the kernel's randomness may have put something else.
    fixed = ["setarch", "-R"] if kind == "thread" and shutil.which("setarch") else []
    command = [*fixed, sys.executable, __file__, kind, what, str(library)]
    with (folder / f"{what}.stderr").open("wb") as errors:  # UndefinedBehaviorSanitizer writes there, whatever its options say
        done = subprocess.run(command, env=environment, check=False, cwd=ROOT, stderr=errors)
    texts = [path.read_text(encoding="utf-8", errors="replace") for path in sorted(folder.glob(f"{what}.*"))]
    return done.returncode, [t for t in texts if "ERROR: " in t or "runtime error: " in t or "WARNING: ThreadSanitizer" in t]


def runtime_library(name: str) -> str:
    """The path of a sanitizer's library."""
    return subprocess.run(["gcc", f"-print-file-name=lib{name}.so"], capture_output=True, text=True, check=True).stdout.strip()


# The process with the sanitizer.


def inside(kind: str, what: str, library: Path) -> int:
    """Make a `fault`, run the `tests`, or the `malformed` files, in the instrumented library; the exit status."""
    native.LIBRARY = library
    encode = NativeExecutor._encode_one
    NativeExecutor._encode_one = lambda self, *arguments: divided(encode, self, *arguments)  # type: ignore[method-assign]
    if kind == "address":
        storage = Executor._storage
        Executor._storage = lambda self, *arguments: alone(storage(self, *arguments))  # type: ignore[method-assign]
    if what == "fault":
        {"address": go_beyond, "thread": race}[kind]()
        return 0
    if what == "malformed":
        return malformed()
    import pytest

    return pytest.main(["-q", "-p", "no:cacheprovider", "--capture=sys", *TESTS[kind]])


def malformed() -> int:
    """Read, plan and run damaged files. Whatever takes too long ends the process."""
    faults = 0
    for path in sorted(MALFORMED.glob("*.tflite")):
        be_patient(0)
        outcome = attempt(path.read_bytes(), np.random.default_rng(0))
        if outcome.startswith("fault"):
            faults += 1
            print(f"{path.name}: {outcome}")
    return faults > 0


def divided(encode: Any, executor: NativeExecutor, encoded: native.Instruction, instruction: Any) -> None:
    """Encode an instruction so that all workers share it, however small it is."""
    encode(executor, encoded, instruction)
    encoded.grain = 1


def alone(array: Any) -> Any:
    """A copy of an array of numbers in aligned memory that ends where the array ends."""
    if not isinstance(array, np.ndarray) or array.dtype.hasobject:
        return array
    place, size = ctypes.c_void_p(), max(array.nbytes, 1)
    if ctypes.CDLL(None).posix_memalign(ctypes.byref(place), ctypes.c_size_t(64), ctypes.c_size_t(size)):
        raise MemoryError(f"{size} bytes")
    assert place.value
    memory = np.frombuffer(memoryview((ctypes.c_uint8 * size).from_address(place.value)), np.uint8)[: array.nbytes]
    copy: np.ndarray = memory.view(array.dtype).reshape(array.shape)
    copy[...] = array
    copy.flags.writeable = array.flags.writeable
    return copy


def net() -> Interpreter:
    """LEAKY_RELU of a thousand numbers."""
    build = Builder()
    x = build.input("x", (1000,))
    interpreter = Interpreter(model_content=Model.of(build.outputs(build.LEAKY_RELU(x, alpha=0.5))))
    interpreter.allocate_tensors()
    return interpreter


def go_beyond() -> None:
    """Run a kernel on more than its tensors hold."""
    executor: Any = net()._ready()
    instruction = ctypes.cast(executor._frame.code, ctypes.POINTER(native.Instruction))[0]
    instruction.work *= 2
    executor.run()


def race() -> None:
    """Run one kernel on the same tensors in two threads that do not wait for each other."""
    executor: Any = net()._ready()
    pools = [native.Pool(1), native.Pool(1)]
    frames = [native.Frame(executor._frame.code, pool.handle, None, 1, 0) for pool in pools]

    def work(frame: native.Frame) -> None:
        for _ in range(1000):
            native.library().tl_start(ctypes.byref(frame))

    threads = [threading.Thread(target=work, args=(frame,)) for frame in frames]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]) if len(sys.argv) == 2 else inside(sys.argv[1], sys.argv[2], Path(sys.argv[3])))
