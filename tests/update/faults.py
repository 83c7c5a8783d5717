"""A file system that fails: the process dies at a step, the power goes, or the disk is full from a step on.

Every call that changes a folder is a step: opening a file to write it, each write (half of which gets through when the process dies in it),
flush, rename, removal. Python's own libraries and python-tuf are caught as well, because the calls are caught where Python makes them.
After the power has gone, what was not flushed is lost: the contents of files since their last flush, and optionally also the names that
were made, moved or removed in a folder since that was flushed, in all folders or in some.
"""

import builtins
import errno
import io
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from unittest import mock


class Death(BaseException):
    """The process has ended; nothing that runs afterwards can change a file."""


class Faults:
    """Steps below `root` are counted, and step number `at` fails in the way `kind` says.

    kind: "kill", "power" (unflushed contents are lost), "cut" (unflushed names too), "mixed" (those of every other folder), "full".
    """

    def __init__(self, root: Path, at: int | None = None, kind: str = "kill"):
        self.root = str(root)
        self.at = at
        self.kind = kind
        self.steps = 0
        self.log: list[str] = []
        self.is_dead = False
        self._durable: dict[str, bytes] = {}
        self._undo: list[tuple[str, Callable[[], None]]] = []
        self._real = {name: getattr(os, name) for name in ("fsync", "replace", "rename", "unlink", "remove", "rmdir", "mkdir", "symlink")}
        self._open, self._os_open, self._sendfile = io.open, os.open, os.sendfile

    @property
    def fails(self) -> bool:
        """Whether the step that was to fail has come."""
        return self.at is not None and self.steps > self.at

    def step(self, what: str, needs_space: bool, partly: Callable[[], None] | None = None) -> None:
        """Count a step, and fail if it is its turn."""
        if self.is_dead:
            raise Death
        self.steps += 1
        self.log.append(what)
        if self.at is None or self.steps <= self.at:
            return
        if self.kind == "full":
            if needs_space:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return
        if partly is not None:
            partly()
        self.is_dead = True
        raise Death

    # Calls.

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Catch the calls."""
        caught = {"fsync": self._fsync, "replace": self._replace, "rename": self._replace, "unlink": self._unlink, "remove": self._unlink}
        caught |= {"rmdir": self._rmdir, "mkdir": self._mkdir, "symlink": self._symlink, "open": self._low_open, "sendfile": self._send}
        opening = mock.patch.object(io, "open", self._any_open), mock.patch.object(builtins, "open", self._any_open)
        try:
            with mock.patch.multiple(os, **caught), opening[0], opening[1]:
                yield
        finally:
            if self.is_dead and self.kind != "kill":
                self._lose()

    def _ours(self, path: Any) -> bool:
        return os.fspath(path).startswith(self.root) if isinstance(path, str | os.PathLike) else False

    def _any_open(self, file: Any, mode: str = "r", *arguments: Any, **named: Any) -> Any:
        if not self._ours(file) or (mode.startswith("r") and "+" not in mode):
            return self._open(file, mode, *arguments, **named)
        path = os.fspath(file)
        if os.path.isdir(path):  # tempfile opens a new file in it, through os.open
            opened = self._open(file, mode, *arguments, **named)
            return Written(self, opened, os.readlink(f"/proc/self/fd/{opened.fileno()}"))
        self._create(path, f"open {mode} {os.path.basename(path)}")
        opened = self._open(file, mode, *arguments, **named)
        return Written(self, opened, path)

    def _low_open(self, path: Any, flags: int, *arguments: Any, **named: Any) -> int:
        if self._ours(path) and flags & os.O_CREAT:
            self._create(os.fspath(path), f"open {os.path.basename(path)}")
        return self._os_open(path, flags, *arguments, **named)

    def _create(self, path: str, what: str) -> None:
        is_new = not os.path.exists(path)
        self.step(what, needs_space=is_new)
        if is_new:
            self._durable[path] = b""
            self._will_undo(path, lambda: self._real["unlink"](path))
        else:
            self.dirty(path)

    def dirty(self, path: str) -> None:
        """The content of a file is about to change."""
        if path not in self._durable and os.path.exists(path):
            with self._open(path, "rb") as file:
                self._durable[path] = file.read()

    def _send(self, out: int, source: int, *arguments: Any) -> int:
        path = os.readlink(f"/proc/self/fd/{out}")
        if self._ours(path):
            self.step(f"copy {os.path.basename(path)}", needs_space=True)
            self.dirty(path)
        return self._sendfile(out, source, *arguments)

    def _fsync(self, descriptor: int) -> None:
        path = os.readlink(f"/proc/self/fd/{descriptor}")
        if self._ours(path):
            self.step(f"fsync {os.path.basename(path)}", needs_space=False)
            self._durable.pop(path, None)
            self._undo = [(folder, undo) for folder, undo in self._undo if folder != path]

    def _replace(self, source: Any, target: Any, **named: Any) -> None:
        source, target = os.path.abspath(source), os.path.abspath(target)
        if self._ours(target):
            self.step(f"rename {os.path.basename(target)}", needs_space=False)
            before = Path(target).read_bytes() if os.path.isfile(target) and not os.path.islink(target) else None
            link = os.readlink(target) if os.path.islink(target) else None

            def undo() -> None:
                self._real["replace"](target, source)
                if before is not None:
                    with self._open(target, "wb") as file:
                        file.write(before)
                elif link is not None:
                    self._real["symlink"](link, target)

            if source in self._durable:
                self._durable[target] = self._durable.pop(source)
            self._will_undo(target, undo)
        self._real["replace"](source, target, **named)

    def _unlink(self, path: Any, *arguments: Any, **named: Any) -> None:
        whole = _whole(path, named)
        if self._ours(whole):
            self.step(f"remove {os.path.basename(whole)}", needs_space=False)
            self._durable.pop(whole, None)
            if os.path.isfile(whole) and not os.path.islink(whole):
                content = Path(whole).read_bytes()

                def undo() -> None:
                    if os.path.isdir(os.path.dirname(whole)):
                        with self._open(whole, "wb") as file:
                            file.write(content)

                self._will_undo(whole, undo)
        self._real["unlink"](path, *arguments, **named)

    def _rmdir(self, path: Any, *arguments: Any, **named: Any) -> None:
        whole = _whole(path, named)
        if self._ours(whole):
            self.step(f"rmdir {os.path.basename(whole)}", needs_space=False)
        self._real["rmdir"](path, *arguments, **named)

    def _mkdir(self, path: Any, *arguments: Any, **named: Any) -> None:
        if self._ours(path):
            self.step(f"mkdir {os.path.basename(os.fspath(path))}", needs_space=True)
            self._will_undo(os.fspath(path), lambda: shutil.rmtree(path, ignore_errors=True))
        self._real["mkdir"](path, *arguments, **named)

    def _symlink(self, source: Any, target: Any, **named: Any) -> None:
        if self._ours(target):
            self.step(f"symlink {os.path.basename(os.fspath(target))}", needs_space=True)
            self._will_undo(os.fspath(target), lambda: self._real["unlink"](target))
        self._real["symlink"](source, target, **named)

    # What is lost.

    def _will_undo(self, path: str, undo: Callable[[], None]) -> None:
        self._undo.append((os.path.dirname(path), undo))

    def _lose(self) -> None:
        """What a disk does not have when the power goes."""
        for path, content in self._durable.items():
            if os.path.exists(path):
                with self._open(path, "wb") as file:
                    file.write(content)
        folders = sorted({folder for folder, _ in self._undo})
        lost = {"power": [], "cut": folders, "mixed": folders[(self.at or 0) % 2 :: 2]}[self.kind]
        for folder, undo in reversed(self._undo):
            if folder in lost:
                with suppress(FileNotFoundError):  # it was in a folder that is lost itself
                    undo()


class Written:
    """A file that is open for writing."""

    def __init__(self, faults: Faults, file: Any, path: str):
        self._faults, self._file, self._path = faults, file, path

    def write(self, data: Any) -> Any:
        self._faults.step(f"write {os.path.basename(self._path)}", needs_space=True, partly=lambda: self._half(data))
        self._faults.dirty(self._path)
        return self._file.write(data)

    def _half(self, data: Any) -> None:
        self._faults.dirty(self._path)
        self._file.write(data[: len(data) // 2])
        self._file.flush()

    def truncate(self, *arguments: Any) -> Any:
        self._faults.step(f"truncate {os.path.basename(self._path)}", needs_space=False)
        self._faults.dirty(self._path)
        return self._file.truncate(*arguments)

    def __enter__(self) -> "Written":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def _whole(path: Any, named: dict[str, Any]) -> str:
    """The path that a call means, which may be relative to an open folder."""
    folder = named.get("dir_fd")
    base = os.readlink(f"/proc/self/fd/{folder}") if folder is not None else os.getcwd()
    return os.path.join(base, os.fspath(path))
