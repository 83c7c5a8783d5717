"""Changing files so that a power cut at any step leaves the old content or the new one, never a mixture.

Everything is written under another name, flushed to the disk, and renamed; then the folder is flushed too, because the new name is in it.
"""

import errno
import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tachylite.model.files import write_atomically

from .errors import SpaceError, UpdateError

try:
    import fcntl
except ImportError as problem:
    raise UpdateError("updates need a POSIX system, whose files can be locked and whose folders can be flushed") from problem

CHUNK = 1 << 18
"""Bytes that are read or written at a time."""


def write(path: Path, chunks: Iterable[Any]) -> None:
    """Write a whole file; when this returns, it is there after a power cut too."""
    write_atomically(path, chunks)
    sync_folder(path.parent)


def make_folder(path: Path) -> None:
    """Make a folder and those above it, where they are missing."""
    if not path.is_dir():
        make_folder(path.parent)
        path.mkdir(exist_ok=True)
        sync_folder(path.parent)


def move(source: Path, target: Path) -> None:
    """Give a finished file its name."""
    sync_file(source)
    source.replace(target)
    sync_folder(target.parent)


def remove(path: Path) -> None:
    """Remove a file or a whole folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@contextmanager
def full_explained(folder: Path) -> Iterator[None]:
    """A full disk as SpaceError."""
    try:
        yield
    except OSError as problem:
        if problem.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise SpaceError(f"the disk of {folder} is full; make room and try again. The active model stays") from problem


@contextmanager
def locked(path: Path, busy: str | None = None) -> Iterator[None]:
    """Keep away other threads and processes that lock the same file: wait for them, or raise UpdateError that says `busy`."""
    with path.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (fcntl.LOCK_NB if busy else 0))
        except BlockingIOError:
            raise UpdateError(f"{busy}; wait until it has ended") from None
        yield


def sync_file(path: Path) -> None:
    """Flush a file to the disk."""
    _sync(path, os.O_RDONLY)


def sync_folder(path: Path) -> None:
    """Flush the names in a folder to the disk."""
    _sync(path, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def chunks(path: Path) -> Iterator[bytes]:
    """The content of a file, piece by piece."""
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk


def digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def size_of(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
