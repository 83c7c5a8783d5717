"""Writing a file so that its name never stands for half of it."""

import os
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def write_atomically(path: str | os.PathLike[str], chunks: Iterable[Any]) -> None:
    """Write bytes-like chunks to a new file beside `path`, then let it take that name. If anything fails, whatever had the name still has it."""
    target = Path(os.path.realpath(path))  # a symbolic link goes on pointing at the file
    draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
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
