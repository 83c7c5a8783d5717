"""Checkpoints of a trainable model's variables, as safetensors files: a kept name never stands for half of one.

The model has the signatures `save`, which gives every variable by name, and `restore`, which takes them.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tachylite.model.errors import FileError, TachyliteError
from tachylite.model.extras import extra
from tachylite.model.files import write_atomically

if TYPE_CHECKING:
    from .interpreter import Interpreter

StrPath = str | os.PathLike[str]


def variables(interpreter: "Interpreter") -> dict[str, np.ndarray]:
    """Every variable by name, as it is now. Raises TachyliteError where the model has no signature for it."""
    _require(interpreter, "save")
    return interpreter.get_signature_runner("save")()


def restore(interpreter: "Interpreter", values: dict[str, np.ndarray], origin: str = "the values") -> None:
    """Set every variable. Raises TachyliteError that names what is missing, is too much, or has another shape or type."""
    _require(interpreter, "restore")
    runner = interpreter.get_signature_runner("restore")
    _check(values, {name: (t.shape, t.dtype) for name, t in runner._signature.inputs.items()}, origin)
    runner(**values)


def save(interpreter: "Interpreter", path: StrPath) -> None:
    """Write the variables. An existing file is replaced at once or, if anything fails, stays as it is."""
    with extra("training", "safetensors"):
        from safetensors.numpy import save as serialized
    write_atomically(path, [serialized({name: np.ascontiguousarray(value) for name, value in variables(interpreter).items()})])


def read(path: StrPath) -> dict[str, np.ndarray]:
    """The arrays of a safetensors file. Raises FileError where it is damaged, OSError where it cannot be read."""
    with extra("training", "safetensors"):
        from safetensors import SafetensorError
        from safetensors.numpy import load as parsed
    try:
        values: dict[str, np.ndarray] = parsed(Path(path).read_bytes())
    except (SafetensorError, ValueError, KeyError) as problem:
        raise FileError(f"{path} is no safetensors file, or a damaged one: {problem}") from problem
    return values


def load(interpreter: "Interpreter", path: StrPath) -> None:
    """Set the variables to what a file holds; nothing changes where it is of another model. Raises TachyliteError, OSError."""
    restore(interpreter, read(path), str(path))


def _require(interpreter: "Interpreter", key: str) -> None:
    if key not in interpreter.get_signature_list():
        raise TachyliteError(f"the model has no signature {key!r}, and so no checkpoints; make it with tachylite.make_trainable")


def _check(found: dict[str, np.ndarray], needed: dict[str, tuple[tuple[int, ...], np.dtype]], origin: str) -> None:
    problems = [f"{name!r} is missing" for name in needed if name not in found]
    problems += [f"{name!r} is none of the model's" for name in found if name not in needed]
    for name, (shape, dtype) in needed.items():
        value = found.get(name)
        if value is not None and (value.shape, value.dtype) != (shape, dtype):
            problems.append(f"{name!r} is {value.dtype}{list(value.shape)}, the model's is {dtype}{list(shape)}")
    if problems:
        raise TachyliteError(f"{origin} is a checkpoint of another model: {'; '.join(problems)}; use that model, or another checkpoint")
