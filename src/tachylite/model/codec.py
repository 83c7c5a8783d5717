"""Reading and writing `.tflite` files."""

import mmap
import os
from pathlib import Path
from typing import Any

from .archive import read_archive
from .atomic import write_atomically
from .errors import FileError
from .graph import Model, Operator
from .reader import ModelReader
from .verify import verify
from .writer import VersionRule, encode


def _version_as_read(op: Operator) -> int:
    return op.version


#: Gives the lowest version that can express an operator. This room knows no operators: `ops.registry` puts its own rule here when it is imported.
version_rule: VersionRule = _version_as_read


def read(source: Any, folder: str | os.PathLike[str] | None = None) -> Model:
    """The model in a buffer (bytes, memoryview, mmap), whose constants go on referring to it.

    folder: where external buffers are looked for; without it, tensors that have one keep only the reference.
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
    return read(map_file(Path(path)), Path(path).parent)


def map_file(path: Path) -> memoryview:
    """The bytes of a file, loaded when they are first used."""
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_size == 0:
            return memoryview(b"")  # nothing that mmap would take
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def write(model: Model, version_of: VersionRule | None = None) -> bytes:
    """The model as the bytes of a `.tflite` file. Raises FileError where it is not sound."""
    verify(model)
    return b"".join(encode(model, version_of or version_rule))


def write_file(model: Model, path: str | os.PathLike[str]) -> None:
    """Write the model to `path`. A file of that name is replaced at once or, if anything fails, stays as it is."""
    verify(model)
    write_atomically(path, encode(model, version_rule))
