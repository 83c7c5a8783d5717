"""Exported programs of PyTorch, live or in `.pt2` files, and modules that are still to be exported."""

import inspect
import io
import sys
import zipfile
from collections.abc import Mapping
from typing import Any

from tachylite.frontends.options import Options
from tachylite.frontends.traced.model import convert_program
from tachylite.model.errors import FileError, TachyliteError
from tachylite.model.extras import extra
from tachylite.model.graph import Model

from .node import op
from .reader import read

#: Names in the archives that torch writes: exported programs, of old and new; and what else it saves.
EXPORTED, OTHERS = ("archive_format", "serialized_exported_program.json"), ("data.pkl",)

#: The size that unknown dimensions have while a module is exported. torch takes 0 and 1 for known ones.
EXAMPLE = 2


def is_live(source: Any) -> bool:
    """Whether this is an exported program, or a module."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(source, torch.nn.Module | torch.export.ExportedProgram)


def is_archive(data: memoryview) -> bool:
    """Whether the bytes are an archive that torch wrote."""
    return any(name.endswith((*EXPORTED, *OTHERS)) for name in _members(data))


def _members(data: memoryview) -> list[str]:
    if bytes(data[:2]) != b"PK":
        return []
    try:
        return zipfile.ZipFile(io.BytesIO(data)).namelist()
    except zipfile.BadZipFile:
        return []


def convert_archive(data: memoryview, options: Options) -> Model:
    """A `.pt2` file. Raises FileError, MissingExtraError where torch is not installed."""
    if not any(name.endswith(EXPORTED) for name in _members(data)):
        raise FileError("is a pickled model or a TorchScript of PyTorch; save torch.export.export(model, inputs) with torch.export.save")
    with extra("torch", "torch"):
        import torch
    try:
        program = torch.export.load(io.BytesIO(data))
    except Exception as problem:  # whatever torch raises
        raise FileError(f"is no program that torch.export saved, or a damaged one ({problem})") from problem
    return convert_live(program, options)


def convert_live(source: Any, options: Options) -> Model:
    """An exported program, as the signature "serving_default"; of a module, it is exported first, for float inputs of the shapes asked for.

    Raises UnsupportedError, TachyliteError where a module is training or its shapes are not told, and what torch does in exporting it.
    """
    program = source if hasattr(source, "graph_signature") else _exported(source, options)
    return convert_program(read(program), op, options, "PyTorch", is_channels_first=True)


def _exported(module: Any, options: Options) -> Any:
    torch = sys.modules["torch"]
    if module.training:
        raise TachyliteError("the module is in training mode, in which dropout and batch norms work differently; call .eval() on it first")
    names = list(inspect.signature(module.forward).parameters)
    given = options.input_shapes
    shapes = dict(given) if isinstance(given, Mapping) else {} if given is None else {names[0]: given}
    strangers = sorted(set(shapes) - set(names))
    if strangers or not shapes:
        raise TachyliteError(
            f"a module does not tell the shapes of its inputs {names}; give them with input_shapes= (found {strangers or 'none'}), "
            "or give torch.export.export(module, inputs)"
        )
    examples = {name: torch.zeros([EXAMPLE if _is_open(d) else d for d in shape]) for name, shape in shapes.items()}
    dynamic = {name: {i: torch.export.Dim.AUTO for i, d in enumerate(shape) if _is_open(d)} for name, shape in shapes.items()}
    return torch.export.export(module, (), examples, dynamic_shapes=dynamic)


def _is_open(size: int | None) -> bool:
    return size is None or size < 0
