"""A model that is in use while its versions change."""

import gc
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tachylite.runtime.interpreter import Interpreter
from tachylite.runtime.loaded import LoadedModel

LOOK = 1.0
"""Seconds between two looks at the store, for versions that another process activates."""


class Version(NamedTuple):
    """A version that is loaded."""

    name: str
    model: LoadedModel


class Live:
    """One model of a store: call it as what `tachylite.load` gives. Threads may share it.

    Each call runs from beginning to end on the version that was active when it began; the next one runs on the version that is active then.
    A version that the store activates, in this process or another, takes over as soon as it is loaded. Get one from `Store.open`.
    """

    def __init__(
        self,
        name: str,
        path: Path,
        start: Callable[[str], Version],
        follow: Callable[["Live"], None],
        confirm: Callable[[str, str], None],
    ):
        self.name = name
        self._path = path
        self._follow = follow
        self._confirm = confirm
        self._seen = self._stamp()  # before the version is loaded, so that no change is missed
        self._current = start(name)
        self._look_at = time.monotonic() + LOOK
        self._looking = threading.Lock()
        self._retired: weakref.ref[LoadedModel] | None = None

    @property
    def version(self) -> str:
        """The version that the next call runs on."""
        return self._current.name

    def confirm(self) -> None:
        """Say that this version works: it is kept from now on, even if the process dies."""
        self._confirm(self.name, self.version)

    @property
    def model(self) -> LoadedModel:
        """The model of this version, which stays that version: for its signatures, its Graph, or several calls in one version."""
        self._look()
        return self._current.model

    @property
    def interpreter(self) -> Interpreter:
        """The Interpreter of this version, which stays that version: for a set_tensor, an invoke and a get_tensor that belong together."""
        return self.model._interpreter

    def __call__(self, *inputs: Any, **named: Any) -> Any:
        """Run the main graph, as LoadedModel does."""
        return self.model(*inputs, **named)

    def signature(self, key: str, **inputs: Any) -> dict[str, np.ndarray]:
        """Run a signature on inputs by name."""
        return self.model.signatures[key](**inputs)

    def swap(self, version: Version) -> None:
        """Let the next calls run on another version; the store calls this. The one before is freed when its last call ends."""
        self._retired = weakref.ref(self._current.model)
        self._current = version
        self._collect()

    def _collect(self) -> None:
        """An Interpreter refers to itself, so that only the collector frees it, and the memory of a model should not wait for that."""
        gc.collect()
        if self._retired is not None and self._retired() is None:
            self._retired = None

    def _look(self) -> None:
        """Now and then, see whether another process has changed the store; if so, load what is active in the background."""
        if time.monotonic() < self._look_at or not self._looking.acquire(blocking=False):
            return
        self._look_at = time.monotonic() + LOOK
        stamp = self._stamp()
        if stamp == self._seen and self._retired is None:
            self._looking.release()
        else:
            threading.Thread(target=self._catch_up, args=[stamp], daemon=True, name=f"tachylite update {self.name}").start()

    def _catch_up(self, stamp: tuple[int, ...]) -> None:
        try:
            if stamp != self._seen:
                self._seen = stamp
                self._follow(self)
            self._collect()
        finally:
            self._looking.release()

    def _stamp(self) -> tuple[int, ...]:
        try:
            stat = self._path.stat()
        except OSError:
            return ()
        return stat.st_mtime_ns, stat.st_ino, stat.st_size
