"""Reading files without copying them, and writing them so that a name never stands for half a file."""

import mmap
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def map_file(path: Path) -> memoryview:
    """The bytes of a file, loaded when they are first used."""
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_size == 0:
            return memoryview(b"")  # nothing that mmap would take
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def write_atomically(path: str | os.PathLike[str], chunks: Iterable[Any]) -> None:
    """Write bytes-like chunks to a new file beside `path`, then let it take that name.

    If anything fails, whatever had the name still has it.
    """
    target = Path(os.path.realpath(path))  # a symbolic link goes on pointing at the file
    draft = target.with_name(f".{target.name}.{os.urandom(4).hex()}")
    try:
        with draft.open("xb") as file:
            for chunk in chunks:
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            draft.chmod(target.stat().st_mode)
        draft.replace(target)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
