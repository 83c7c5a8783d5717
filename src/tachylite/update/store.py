"""The device's side: models that are verified before they are there, tried before they are trusted, and undone when they fail.

docs/updates.md describes the folder, so that others can read it.
"""

import os
import threading
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tachylite.model.errors import FileError, TachyliteError

from . import disk, guard
from .catalogue import Catalogue, Offer
from .download import Downloader, Progress
from .errors import RefusedError, UnfitError, UpdateError
from .fetch import Fetcher
from .folder import Folder
from .limits import Limits
from .live import Live, Version
from .loader import Loader
from .manifest import Manifest, checked_name
from .objects import Objects
from .seal import KeySource
from .state import ModelState, State
from .trust import Trust

DIED = "the process that ran it ended before confirm()"

TRIES = 3
"""Times that a self-test may end its process before the version is given up."""


class Store:
    """Models of one channel of a repository, in a folder.

    directory: the folder, made where it is missing. url and trusted_root (a path, or the bytes of a root.json that came with the device,
    from which all trust comes) are needed once, and kept; so are channel ("stable" by default), models (the names that are wanted, all of
    the channel by default) and programs (tiers whose `.tlp` files are wanted too). keep: versions to go back to.
    key: gives the key of a sealed model, by its id; called whenever such a model is loaded, and never for what is stored.
    Raises UpdateError, OSError. Only `check` and `download` need the network. Processes and threads may share a store.
    """

    def __init__(
        self,
        directory: "str | os.PathLike[str]",
        url: str | None = None,
        trusted_root: "str | os.PathLike[str] | bytes | None" = None,
        *,
        channel: str | None = None,
        models: Sequence[str] | None = None,
        programs: Sequence[str] | None = None,
        keep: int = 1,
        key: KeySource | None = None,
        limits: Limits | None = None,
    ):
        self.directory = Path(directory)
        self.keep = max(1, keep)
        self._folder = Folder(self.directory)
        self._folder.set_up(
            url,
            trusted_root,
            channel=channel,
            wanted=None if models is None else list(models),
            programs=None if programs is None else list(programs),
        )
        limits = limits or Limits()
        self._objects = Objects(self.directory)
        self.fetcher = Fetcher(limits)
        trust = Trust(self.directory / "trust", self._folder.load().url, self._folder.root_path.read_bytes(), self.fetcher)
        self._downloader = Downloader(self.directory, self._objects, trust, limits)
        self._catalogue = Catalogue(self._folder, self._objects, trust, self._downloader, has_keys=key is not None)
        self._offers: dict[str, Offer] = {}
        self._loader = Loader(self._objects, key)
        self._live: weakref.WeakSet[Live] = weakref.WeakSet()
        self._opening = threading.Lock()

    # Getting.

    def check(self) -> list[Offer]:
        """Ask the server what this device should have. Raises NetworkError, RefusedError, SpaceError, UpdateError; no model changes."""
        with self._folder.lock("update"), disk.full_explained(self.directory):
            offers = self._catalogue.offers(self._catalogue.refresh())
        self._offers = {offer.name: offer for offer in offers}
        return offers

    def download(self, name: str, progress: Progress | None = None) -> str:
        """Get the version that `check` offers, going on where an earlier download ended. Returns the version.

        Raises NetworkError, RefusedError, SpaceError; UnfitError where it cannot run here; UpdateError where nothing is offered.
        """
        offer = self._offers.get(name) or next((offer for offer in self.check() if offer.name == name), None)
        if offer is None:
            raise UpdateError(f"there is nothing to download for {name}; check() says what there is")
        if offer.problem:
            raise UnfitError(offer.problem)
        with self._folder.lock("update"), disk.full_explained(self.directory):
            state = self._folder.load()
            bases = state.models.get(name, ModelState()).bases()
            self._downloader.obtain(offer.manifest, tuple(state.programs), bases, progress)
            with self._folder.changing() as state:
                model = state.models.setdefault(name, ModelState())
                if model.candidate != offer.version:
                    model.candidate, model.testing = offer.version, []
                model.releases[offer.version] = offer.manifest
                model.retain()
        return offer.version

    def verify(self, name: str) -> str:
        """Check the files of the version that was downloaded against what is signed. Returns the version. Raises UpdateError."""
        state = self._folder.load()
        model = state.models.get(name, ModelState())
        if model.candidate is None:
            raise UpdateError(f"no version of {name} is waiting to be activated; download one")
        manifest = model.releases[model.candidate]
        damaged = [file.path for file in manifest.needed(tuple(state.programs)) if not self._objects.is_intact(file)]
        if damaged:
            raise RefusedError(f"{', '.join(damaged)} changed on this disk; download {name} again. The active model stays")
        return model.candidate

    def activate(self, name: str) -> str:
        """Let the downloaded version take over, after its operators and its self-test are checked. Returns the version.

        Models that `open` gave swap to it. Where there is a version to go back to, it is on trial until `confirm`. Raises UnfitError, and
        then it is not tried again; UpdateError.
        """
        with self._folder.lock("update"), disk.full_explained(self.directory):
            version = self.verify(name)
            manifest = self._begin_test(name)
            try:
                self._loader.test(manifest)
                fresh = [(live, self._loader.load(manifest)) for live in self._lives(name)]
            except TachyliteError as problem:
                self._reject(name, version, str(problem))
                raise problem if isinstance(problem, UpdateError) else UnfitError(f"{name} {version} cannot run: {problem}") from problem
            withdrawn = self._catalogue.withdrawn(name)
            with self._folder.changing() as state:
                model = state.models[name]
                model.replace_active(version, self.keep, withdrawn)
                if model.trial is not None and fresh:
                    model.trial = [guard.this_process()]
            for live, loaded in fresh:
                live.swap(Version(version, loaded))
            self._offers.pop(name, None)
            self._sweep()
        return version

    def _begin_test(self, name: str) -> Manifest:
        """Note that this process tries the candidate: if it dies of it, the next one knows. Dying once may have had another reason."""
        with self._folder.changing() as state:
            model = state.models[name]
            version = str(model.candidate)
            died = [process for process in model.testing if guard.has_crashed(process)]
            model.testing = [*died, guard.this_process()]
        if len(died) >= TRIES:
            self._reject(name, version, "its self-test ended the process")
            raise UnfitError(f"{name} {version} is not tried again: its self-test ended the process that ran it. The active model stays")
        return model.releases[version]

    def _reject(self, name: str, version: str, why: str) -> None:
        with self._folder.changing() as state:
            model = state.models[name]
            model.rejected[version] = why
            model.candidate, model.testing = None, []
            model.retain()
        self._offers.pop(name, None)

    def _sweep(self) -> None:
        """Remove the files of versions that are not kept, and downloads that were given up."""
        with self._folder.changing() as state:
            for model in state.models.values():
                model.retain()
        wanted = {file.sha256 for offer in self._offers.values() for file in (*offer.manifest.needed(), *offer.manifest.deltas.values())}
        self._objects.sweep(state.files(), wanted)

    # Using.

    def open(self, name: str) -> Live:
        """The active version, ready to be called; it swaps to versions that are activated later.

        A version on trial whose process has ended is undone first, and one whose files are damaged is passed over. Raises UpdateError.
        """
        live = Live(name, self._folder.state_path, self._start, self._follow, self.confirm)
        with self._opening:
            self._live.add(live)
        return live

    def _lives(self, name: str) -> list[Live]:
        """What `open` gave for this name, and is still in use."""
        with self._opening:
            return [live for live in self._live if live.name == name]

    def _start(self, name: str) -> Version:
        """Load the active version, on trial or not."""
        with self._folder.changing(even_if_full=True) as state:  # a full disk weakens the guard, and stops nothing
            model = self._model(state, name)
            if model.trial is not None:
                if any(not guard.is_alive(process) for process in model.trial):
                    model.fall_back(DIED)
                elif guard.this_process() not in model.trial:
                    model.trial.append(guard.this_process())
        while model.active is not None:
            version = model.active
            try:
                return Version(version, self._loader.load(model.releases[version]))
            except (FileError, OSError):
                model.lose_active()
                with self._folder.changing(even_if_full=True) as state:
                    if state.models[name].active == version:
                        state.models[name].lose_active()
        raise UpdateError(f"every version of {name} is damaged on this disk; download it again")

    def _follow(self, live: Live) -> None:
        """Bring a Live to the version that is active now."""
        if self.version(live.name) != live.version:
            live.swap(self._start(live.name))

    def file(self, name: str, tier: str | None = None) -> Path:
        """The file of the active version, or its program file for a tier, for others to load. Raises UpdateError, TachyliteError."""
        model = self._model(self._folder.load(), name)
        manifest = model.releases[str(model.active)]
        return self._objects.path(manifest.model if tier is None else manifest.needed((tier,))[-1])

    # Deciding.

    def confirm(self, name: str, version: str | None = None) -> None:
        """Say that the active version works: it is kept from now on, even if the process dies. Another `version` changes nothing."""
        with self._folder.changing() as state:
            model = self._model(state, name)
            if version in (None, model.active):
                model.trial = None

    def rollback(self, name: str) -> str:
        """Go back to the version before, and do not take the one that is left again. Returns the version. Raises UpdateError."""
        with self._folder.changing() as state:
            if not self._model(state, name).fall_back("it was rolled back by hand"):
                raise UpdateError(f"{name} has no version to go back to")
        for live in self._lives(name):
            self._follow(live)
        return self.version(name)

    def pin(self, name: str, version: str | None) -> None:
        """Stay with a version, or go to it at the next update; None follows the channel again."""
        with self._folder.changing() as state:
            state.models.setdefault(name, ModelState()).pinned = None if version is None else checked_name(version)

    def version(self, name: str) -> str:
        """The active version. Raises UpdateError where there is none."""
        return str(self._model(self._folder.load(), name).active)

    def status(self) -> dict[str, Any]:
        """What is here, as data for JSON."""
        state = self._folder.load()
        models = {name: model.summary() for name, model in state.models.items()}
        return {"url": state.url, "channel": state.channel, "bytes": disk.size_of(self.directory), "models": models}

    def _model(self, state: State, name: str) -> ModelState:
        model = state.models.get(name)
        if model is None or model.active is None:
            here = ", ".join(n for n, m in state.models.items() if m.active) or "no models"
            raise UpdateError(f"{self.directory} has no {name!r} yet, it has {here}; check, download and activate it first")
        return model
