"""Reading and writing `.tflite` files."""

import os
from pathlib import Path
from typing import Any

from .archive import read_archive
from .errors import FileError
from .files import map_file, write_atomically
from .graph import Model, Operator
from .reader import ModelReader
from .verify import verify
from .writer import VersionRule, encode


def _version_as_read(op: Operator) -> int:
    return op.version


#: Gives the lowest version that can express an operator. This room knows no operators: `ops.registry`, when imported, puts its rule here.
version_rule: VersionRule = _version_as_read


def read(source: Any, folder: str | os.PathLike[str] | None = None) -> Model:
    """The model in a buffer (bytes, memoryview, mmap), whose constants go on referring to it.

    folder: where external buffers are looked for, which a few models keep in files beside them.
    Raises FileError where the bytes are not a sound model.
    """
    data = memoryview(source).cast("B").toreadonly()
    model = ModelReader(data, None if folder is None else Path(folder)).model()
    model.files = read_archive(data)
    verify(model)
    return model


def read_file(path: str | os.PathLike[str]) -> Model:
    """The model in a file, which is mapped into memory: constants are loaded when they are first used.

    Raises FileError where the file is not a sound model, OSError where it cannot be read.
    """
    try:
        return read(map_file(Path(path)), Path(path).parent)
    except FileError as problem:
        raise FileError(f"{os.fspath(path)}: {problem}") from None


def write(model: Model, version_of: VersionRule | None = None) -> bytes:
    """The model as the bytes of a `.tflite` file. Raises FileError where it is not sound."""
    verify(model)
    return b"".join(encode(model, version_of or version_rule))


def write_file(model: Model, path: str | os.PathLike[str]) -> None:
    """Write the model to `path`. A file of that name is replaced at once or, if anything fails, stays as it is."""
    verify(model)
    write_atomically(path, encode(model, version_rule))
