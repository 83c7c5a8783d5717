"""A store's folder: its state, and who may change it when."""

import errno
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from . import disk
from .errors import SpaceError, UpdateError
from .manifest import checked_name
from .state import State


class Folder:
    """`state.json`, `root.json` and locks in a directory, which is made where it is missing."""

    def __init__(self, directory: Path):
        self.directory = directory
        self.state_path = directory / "state.json"
        self.root_path = directory / "root.json"
        disk.make_folder(directory)

    def set_up(self, url: str | None, root: Any, **settings: Any) -> None:
        """Make a store of it, or change what is given of an older one's settings. Raises UpdateError where one is needed and missing."""
        with self.lock("state"):
            for draft in self.directory.glob(".*.json.*"):
                disk.remove(draft)  # of a process that died while it wrote
            if self.state_path.exists():
                state = before = State.load(self.state_path)
            elif url is None or root is None:
                raise UpdateError(f"{self.directory} is no store yet; give it the url of a repository and the root.json that devices get")
            else:
                disk.write(self.root_path, [root if isinstance(root, bytes) else Path(root).read_bytes()])
                state, before = State(url, "stable"), None
            given = {name: value for name, value in settings.items() if value is not None}
            for name in [given.get("channel", state.channel), *given.get("wanted", ()), *given.get("programs", ())]:
                checked_name(name)
            state = replace(state, url=url or state.url, **given)
            if state != before:
                state.save(self.state_path)

    def load(self) -> State:
        """What is here now. Raises FileError, OSError."""
        return State.load(self.state_path)

    @contextmanager
    def changing(self, even_if_full: bool = False) -> Iterator[State]:
        """The state, which is saved at the end if it has changed and nothing was raised. Short, because others wait.

        even_if_full: where the disk is full or cannot be written, go on with a change that is not saved. Raises SpaceError, OSError.
        """
        with self.lock("state"):
            state, before = self.load(), self.load()
            yield state
            if state != before:
                try:
                    with disk.full_explained(self.directory):
                        state.save(self.state_path)
                except (SpaceError, OSError) as problem:
                    if not even_if_full or getattr(problem, "errno", errno.EROFS) != errno.EROFS:
                        raise

    def lock(self, what: str) -> AbstractContextManager[None]:
        """Keep others away; from a second update altogether, because it would do the same. Raises UpdateError."""
        busy = f"another update of {self.directory} is under way" if what == "update" else None
        return disk.locked(self.directory / f"{what}.lock", busy)
