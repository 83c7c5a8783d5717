"""The files of a repository where servers show them, and making those of a release."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tachylite.model.graph import Model
from tachylite.program.target import Target
from tachylite.program.tlp import compile_model

from . import diff, disk, fitness, seal
from .errors import UpdateError
from .manifest import File, Manifest, read_manifest


class TargetFiles:
    """`targets/` below a folder: each file under its path, and its SHA-256 before its name."""

    def __init__(self, folder: Path):
        self._folder = folder / "targets"

    def put(self, path: str, content: bytes | Path) -> File:
        """Put a file there."""
        drafts = self._folder / path.rpartition("/")[0]
        disk.make_folder(drafts)
        draft = drafts / ".draft"
        if isinstance(content, bytes):
            draft.write_bytes(content)
        else:
            shutil.copyfile(content, draft)
        file = File(path, disk.digest(draft), draft.stat().st_size)
        disk.move(draft, self.place(file))
        return file

    def place(self, file: File) -> Path:
        """Where a file is."""
        folder, _, name = file.path.rpartition("/")
        return self._folder / folder / f"{file.sha256}.{name}"

    def manifest(self, file: File) -> Manifest:
        """What is in a manifest."""
        return read_manifest(self.place(file).read_bytes())

    def listed(self, manifest: File) -> list[File]:
        """A manifest, and all that it names."""
        content = self.manifest(manifest)
        return [manifest, *content.needed(tuple(content.programs)), *content.deltas.values()]


class ReleaseFiles:
    """Makes the files of one release. stem: of their paths; path: of the model."""

    def __init__(self, targets: TargetFiles, stem: str, path: Path, model: Model):
        self._targets = targets
        self._stem = stem
        self._path = path
        self._model = model

    def put(self, seal_key: bytes | None, programs: Sequence[str], bases: Sequence[Manifest]) -> dict[str, Any]:
        """The fields of a manifest for the model, its program files, and deltas from what it was before. Raises UpdateError."""
        if seal_key is not None and programs:
            raise UpdateError("program files cannot be sealed; publish them under another name, or leave out one of both")
        content = self._path if seal_key is None else seal.seal(self._path.read_bytes(), seal_key)
        file = self._targets.put(f"{self._stem}.tflite", content)
        return {
            "model": file,
            "sealed": None if seal_key is None else seal.key_id(seal_key),
            "programs": {tier: self._program(tier) for tier in programs},
            "deltas": self._deltas(file, bases) if seal_key is None else {},
        }

    def _program(self, tier: str) -> File:
        return self._targets.put(f"{self._stem}.{tier}.tlp", bytes(compile_model(self._model, Target(tier))))

    def _deltas(self, file: File, bases: Sequence[Manifest]) -> dict[str, File]:
        """Deltas from older models, where they are smaller than the model."""
        new = self._path.read_bytes()
        found = {}
        for base in (each for each in bases if each.sealed is None and each.model.sha256 != file.sha256):
            content = diff.make(self._targets.place(base.model).read_bytes(), new)
            if len(content) < len(new):
                found[base.model.sha256] = self._targets.put(f"{self._stem}.from-{base.version}.delta", content)
        return found

    def put_golden(self, inputs: Sequence[Mapping[str, np.ndarray]] | None) -> dict[str, File]:
        """Inputs apart from outputs: they are the same from release to release, and devices get what they have not got."""
        contents = zip(("inputs", "outputs"), fitness.record(self._path, inputs), strict=True)
        return {kind: self._targets.put(f"{self._stem}.{kind}.npz", content) for kind, content in contents}
