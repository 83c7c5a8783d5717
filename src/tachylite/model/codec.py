"""Reading and writing `.tflite` files."""

import mmap
import os
from typing import Any

from .errors import FileError
from .graph import Model
from .reader import ModelReader
from .verify import verify


def read(source: Any) -> Model:
    """The model in a buffer (bytes, memoryview, mmap), whose constants go on referring to it.

    Raises FileError where the bytes are not a sound model.
    """
    model = ModelReader(memoryview(source).cast("B").toreadonly()).model()
    verify(model)
    return model


def read_file(path: str | os.PathLike[str]) -> Model:
    """The model in a file, which is mapped into memory: constants are loaded when they are first used.

    Raises FileError where the file is not a sound model, OSError where it cannot be read.
    """
    with open(path, "rb") as file:
        if os.fstat(file.fileno()).st_size == 0:
            raise FileError("the file has 0 bytes, not even a header; it is empty or was cut off")
        return read(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
