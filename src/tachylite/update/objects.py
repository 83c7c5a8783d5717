"""The files of a store, each under its SHA-256: whole and verified, or not there. Drafts are downloads under way."""

from collections.abc import Container
from pathlib import Path

from . import disk
from .manifest import File


class Objects:
    """`objects/` and `drafts/` below a folder."""

    def __init__(self, folder: Path):
        self._objects = folder / "objects"
        self._drafts = folder / "drafts"
        for each in (self._objects, self._drafts):
            disk.make_folder(each)

    def path(self, file: File) -> Path:
        """Where a file is, or would be."""
        return self._objects / file.sha256

    def draft(self, file: File) -> Path:
        """Where a file is before it is whole."""
        return self._drafts / file.sha256

    def is_intact(self, file: File) -> bool:
        """Whether a file is here, with the content that was signed. Reads all of it."""
        path = self.path(file)
        return path.is_file() and path.stat().st_size == file.size and disk.digest(path) == file.sha256

    def read(self, file: File) -> bytes:
        """The content of a file. Raises OSError."""
        return self.path(file).read_bytes()

    def adopt(self, file: File) -> None:
        """Take in a draft that was verified."""
        disk.move(self.draft(file), self.path(file))

    def sweep(self, keep: Container[str], drafts: Container[str]) -> None:
        """Remove what no name in `keep` stands for, and drafts that `drafts` does not name."""
        for folder, names in ((self._objects, keep), (self._drafts, drafts)):
            for path in folder.iterdir():
                if path.name not in names:
                    disk.remove(path)
