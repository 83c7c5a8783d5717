"""Getting the files of a release onto the device: as deltas where that is less, within bounds, and verified."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from tachylite.model.errors import FileError

from . import delta, disk
from .errors import SpaceError
from .limits import Limits
from .manifest import File, Manifest
from .objects import Objects
from .trust import Trust

Progress = Callable[[str, int, int], None]
"""Called with a file's path, and its bytes done and to do."""

MOST_JSON = 1 << 24
"""Bytes of an index or a manifest."""

SPARE = 1 << 20
"""Bytes of the disk that are left free."""


class Downloader:
    """Fetches targets into a store's objects."""

    def __init__(self, folder: Path, objects: Objects, trust: Trust, limits: Limits):
        self._folder = folder
        self._objects = objects
        self._trust = trust
        self._limits = limits

    def small(self, file: File) -> bytes:
        """The content of an index or a manifest. Raises UpdateError."""
        if file.size > MOST_JSON:
            raise SpaceError(f"{file.path} has {file.size} bytes, which no index or manifest needs; the publisher has to release it again")
        draft = self._objects.draft(file)
        self._fetch(file, draft, None)
        content = draft.read_bytes()
        disk.remove(draft)
        return content

    def missing(self, manifest: Manifest, tiers: tuple[str, ...]) -> list[File]:
        """The files of a release that are not here."""
        return [file for file in manifest.needed(tiers) if not self._objects.is_intact(file)]

    def cost(self, manifest: Manifest, tiers: tuple[str, ...], bases: list[File]) -> int:
        """Bytes to download for a release; bases: models that are here, from which a delta may start."""
        return sum(min([file.size, *(d.size for d, _ in self._deltas(manifest, file, bases))]) for file in self.missing(manifest, tiers))

    def obtain(self, manifest: Manifest, tiers: tuple[str, ...], bases: list[File], progress: Progress | None) -> None:
        """Let all files of a release be here. Raises NetworkError, RefusedError, SpaceError."""
        missing = self.missing(manifest, tiers)
        self._check_space(missing)
        for file in missing:
            with disk.full_explained(self._folder):
                if not self._by_delta(manifest, file, bases, progress):
                    self._fetch(file, self._objects.draft(file), progress)
                self._objects.adopt(file)

    def _by_delta(self, manifest: Manifest, file: File, bases: list[File], progress: Progress | None) -> bool:
        """Make a file from one that is here; False where there is no delta, or none that leads to the file."""
        made = self._objects.draft(file)
        for packed, base in sorted(self._deltas(manifest, file, bases), key=lambda pair: pair[0].size):
            draft = self._objects.draft(packed)
            self._fetch(packed, draft, progress)
            try:
                delta.apply(draft, self._objects.path(base), made, file.size)
            except FileError:  # the base is damaged; the whole file is still to be had
                disk.remove(made)
                return False
            finally:
                disk.remove(draft)
            return disk.digest(made) == file.sha256
        return False

    def _deltas(self, manifest: Manifest, file: File, bases: list[File]) -> Iterator[tuple[File, File]]:
        """Deltas that lead to a file, and what each begins with."""
        if file == manifest.model:
            for base in bases:
                packed = manifest.deltas.get(base.sha256)
                if packed is not None and packed.size < file.size and self._objects.path(base).exists():
                    yield packed, base

    def _fetch(self, file: File, draft: Path, progress: Progress | None) -> None:
        for done in self._trust.fetch(file, draft):
            if progress is not None:
                progress(file.path, done, file.size)

    def _check_space(self, files: list[File]) -> None:
        for file in files:
            if file.size > self._limits.file_bytes:
                raise SpaceError(f"{file.path} has {file.size:,} bytes, this store takes files of up to {self._limits.file_bytes:,}")
        needed = sum(file.size for file in files)
        free, used = shutil.disk_usage(self._folder).free, disk.size_of(self._folder)
        if needed + SPARE > free:
            raise SpaceError(f"{needed:,} bytes are needed, the disk of {self._folder} has {free:,} free; make room and try again")
        if used + needed > self._limits.store_bytes:
            raise SpaceError(
                f"{needed:,} bytes are needed, {self._folder} has {used:,} of the {self._limits.store_bytes:,} that it may take"
            )
