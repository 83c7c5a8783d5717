"""What the server has for this device."""

from dataclasses import dataclass
from typing import Any

from tachylite.model.errors import TachyliteError

from . import disk, fitness, rollout
from .download import Downloader
from .errors import RefusedError, UnfitError, UpdateError
from .folder import Folder
from .manifest import File, Index, Listing, Manifest, read_index, read_manifest
from .objects import Objects
from .state import ModelState, State
from .trust import Trust


@dataclass(frozen=True)
class Offer:
    """A version that this device should have.

    current: what is active now, None where nothing is; size: bytes to download; problem: why this device cannot run it, "" where it can.
    """

    name: str
    version: str
    current: str | None
    size: int
    manifest: Manifest
    problem: str = ""

    def as_data(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "name": self.name,
            "version": self.version,
            "current": self.current,
            "bytes": self.size,
            "notes": self.manifest.notes,
            "licence": self.manifest.licence,
            "problem": self.problem,
        }


class Catalogue:
    """The signed index of the store's channel, and what of it this device should have."""

    def __init__(self, folder: Folder, objects: Objects, trust: Trust, downloader: Downloader, has_keys: bool):
        self._has_keys = has_keys
        self._folder = folder
        self._objects = objects
        self._trust = trust
        self._downloader = downloader

    def refresh(self) -> Index:
        """Fetch metadata and index; what was verified is kept even if the rest fails. Raises NetworkError, RefusedError, SpaceError."""
        state = self._folder.load()
        path = f"{state.channel}/index.json"
        try:
            self._trust.refresh(state.trust, [path])
        finally:
            with self._folder.changing() as state:
                state.trust = self._trust.generation
            self._trust.sweep()
        file = self._trust.file(path)
        if not self._objects.is_intact(file):
            disk.write(self._objects.path(file), [self._downloader.small(file)])
        index = read_index(self._objects.read(file))
        self._keep(file, index)
        return index

    def _keep(self, file: File, index: Index) -> None:
        """Note the index; versions that were withdrawn are none to go back to."""
        with self._folder.changing() as state:
            state.index = file
            for name, model in state.models.items():
                withdrawn = _withdrawn(index, name)
                model.previous = [version for version in model.previous if version not in withdrawn]

    def withdrawn(self, name: str) -> set[str]:
        """Versions of a model that the publisher took back, as far as this device knows."""
        file = self._folder.load().index
        return _withdrawn(read_index(self._objects.read(file)), name) if file is not None and self._objects.is_intact(file) else set()

    def offers(self, index: Index) -> list[Offer]:
        """What this device should have. Raises UpdateError where a name or a version is asked for that the channel does not have."""
        state = self._folder.load()
        missing = [name for name in state.wanted or () if name not in index]
        if missing:
            raise UpdateError(f"the channel {state.channel} has no {', '.join(missing)}; it has {', '.join(index) or 'no models'}")
        found = [self._offer(state, name, index[name]) for name in (index if state.wanted is None else state.wanted)]
        return [offer for offer in found if offer is not None]

    def _offer(self, state: State, name: str, releases: list[Listing]) -> Offer | None:
        model = state.models.get(name, ModelState())
        listing = _choose(state.device, name, model, releases)
        if listing is None:
            return None
        manifest = self._manifest(name, model, listing)
        tiers = tuple(state.programs)
        try:
            fitness.check_requirements(manifest, tiers)
            if manifest.sealed is not None and not self._has_keys:
                raise UnfitError(f"{name} {manifest.version} is sealed with the key {manifest.sealed}; give the store a source of keys")
        except TachyliteError as problem:
            return Offer(name, listing.version, model.active, 0, manifest, str(problem))
        return Offer(name, listing.version, model.active, self._downloader.cost(manifest, tiers, model.bases()), manifest)

    def _manifest(self, name: str, model: ModelState, listing: Listing) -> Manifest:
        known = model.releases.get(listing.version)
        manifest = known or read_manifest(self._downloader.small(self._trust.file(listing.manifest)))
        if (manifest.name, manifest.version) != (name, listing.version):
            raise RefusedError(
                f"{listing.manifest} is the manifest of {manifest.name} {manifest.version}; the publisher has to release it again"
            )
        return manifest


def _choose(device: str, name: str, model: ModelState, releases: list[Listing]) -> Listing | None:
    if model.pinned is None:
        return rollout.choose(device, name, releases, model.active, model.rejected)
    if model.pinned == model.active:
        return None
    pinned = next((r for r in releases if r.version == model.pinned and not r.withdrawn), None)
    if pinned is None:
        raise UpdateError(f"{name} is pinned to {model.pinned}, which the channel does not have; pin another version or none")
    return pinned


def _withdrawn(index: Index, name: str) -> set[str]:
    return {release.version for release in index.get(name, ()) if release.withdrawn}
