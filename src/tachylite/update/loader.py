"""Loading a version from a store's files, sealed or not, and trying it."""

from pathlib import Path

from tachylite.model.errors import FileError
from tachylite.model.files import map_file
from tachylite.runtime.loaded import LoadedModel, load

from . import fitness, seal
from .errors import UpdateError
from .manifest import Manifest
from .objects import Objects
from .seal import KeySource


class Loader:
    """Makes models of objects. key: gives the keys of sealed ones."""

    def __init__(self, objects: Objects, key: KeySource | None):
        self._objects = objects
        self._key = key

    def load(self, manifest: Manifest) -> LoadedModel:
        """A version, planned for and ready to run. Raises FileError where its file is damaged, OSError, or what an operator raises."""
        if not self._objects.is_intact(manifest.model):
            raise FileError(f"{self._objects.path(manifest.model)} is not what was signed")
        path = self._objects.path(manifest.model)
        model = load(path if manifest.sealed is None else self._unsealed(path, manifest.sealed))
        model._interpreter.allocate_tensors()
        return model

    def _unsealed(self, path: Path, key_id: str) -> bytearray:
        """A sealed model, in memory alone."""
        if self._key is None:
            raise UpdateError(f"the model is sealed with the key {key_id}; give the store a source of keys")
        return seal.unseal(map_file(path), self._key(key_id))

    def test(self, manifest: Manifest) -> None:
        """Load a version and let it give its golden answers. Raises UnfitError, and whatever `load` raises."""
        fitness.check_requirements(manifest)
        model = self.load(manifest)
        if manifest.golden:
            inputs, outputs = (self._objects.read(manifest.golden[kind]) for kind in ("inputs", "outputs"))
            fitness.self_test(model, inputs, outputs, manifest)
