"""Find out whether every .tflite below some folders survives reading and writing.

    python tools/roundtrip_corpus.py FOLDER...

For each file: what is written reads back equal and is written alike again; and LiteRT, each time in a process of its own, answers bit for
bit the same for the original and for what was written. Inputs come from `<file>.npz` (in_0_0, in_0_1 ...) where there is one, else they are
random.
"""

import os
import pickle
import signal
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType  # type: ignore[import-untyped]

import tachylite.ops.registry  # noqa: F401  brings the version rule
from tachylite.model import codec
from tachylite.model.errors import TachyliteError

SECONDS = 20


def in_child(function: Callable[[], Any]) -> Any:
    """The result of `function`, or a text that says how it failed, from a process that may crash or hang."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(SECONDS)
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        try:
            result = function()
        except (ValueError, RuntimeError) as problem:
            result = str(problem)
        with os.fdopen(writer, "wb") as pipe:
            pickle.dump(result, pipe)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        content = pipe.read()
    _, status = os.waitpid(child, 0)
    return f"ended by signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else pickle.loads(content)


def litert(content: bytes, recorded: dict[str, np.ndarray]) -> list[np.ndarray]:
    """LiteRT's outputs and signatures, from its built-in kernels."""
    interpreter = Interpreter(
        model_content=content, num_threads=1, experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    )
    details = interpreter.get_input_details()
    inputs = [recorded.get(f"in_0_{i}") for i in range(len(details))]
    for detail, value in zip(details, inputs, strict=True):
        if value is not None and list(value.shape) != list(detail["shape"]):
            interpreter.resize_tensor_input(detail["index"], list(value.shape))
    interpreter.allocate_tensors()
    rng = np.random.default_rng(0)
    for detail, value in zip(interpreter.get_input_details(), inputs, strict=True):
        interpreter.set_tensor(detail["index"], usable(random_input(detail, rng) if value is None else value))
    interpreter.invoke()
    outputs = [outcome(interpreter, detail) for detail in interpreter.get_output_details()]
    return [*outputs, interpreter.get_signature_list()]


def random_input(detail: dict[str, Any], rng: np.random.Generator) -> np.ndarray:
    """Something of the right shape and type."""
    shape, dtype = detail["shape"], np.dtype(detail["dtype"])
    if dtype.kind in "SUO":
        return np.full(shape, b"a", object)
    return rng.standard_normal(shape).astype(dtype) if dtype.kind in "fc" else rng.integers(0, 2, shape).astype(dtype)


def usable(value: np.ndarray) -> np.ndarray:
    """Strings as LiteRT takes them."""
    return np.array([bytes(x) for x in value.reshape(-1)], object).reshape(value.shape) if value.dtype.kind == "S" else value


def outcome(interpreter: Any, detail: dict[str, Any]) -> Any:
    """One output as bytes, or why there is none (LiteRT returns no empty tensors)."""
    try:
        value = interpreter.get_tensor(detail["index"])
    except ValueError as problem:
        return str(problem)
    return list(value.shape), value.dtype.name, value.tolist() if value.dtype.kind in "SUO" else value.tobytes()


def check(path: Path) -> str:
    """One word for how `path` fared."""
    try:
        model = codec.read_file(path)
        written = codec.write(model)
        again = codec.read(written)
    except TachyliteError as problem:
        return f"refused: {problem}"
    if again != model or codec.write(again) != written:
        return "not equal when read back"
    sidecar = path.with_suffix(".npz")
    recorded = dict(np.load(sidecar)) if sidecar.exists() else {}
    before = in_child(lambda: litert(path.read_bytes(), recorded))
    after = in_child(lambda: litert(written, recorded))
    if isinstance(before, str):
        # What is written must then fail in the same words.
        return "not run by LiteRT" if before == after else f"LiteRT failed before ({before}) and after ({after})"
    if before == after:
        return "same answers"
    if before != in_child(lambda: litert(path.read_bytes(), recorded)):
        return "LiteRT answers differently each time"
    return f"other answers: {after if isinstance(after, str) else ''}"


def main() -> None:
    """Check all files; the exit status tells whether all fared well."""
    counts: Counter[str] = Counter()
    fine = {"same answers", "not run by LiteRT", "LiteRT answers differently each time"}
    for path in sorted(path for folder in sys.argv[1:] for path in Path(folder).rglob("*.tflite")):
        result = check(path)
        counts[result.partition(":")[0]] += 1
        if result not in fine:
            print(path, result, flush=True)
    print(dict(counts))
    sys.exit(not counts.keys() <= fine)


if __name__ == "__main__":
    main()
