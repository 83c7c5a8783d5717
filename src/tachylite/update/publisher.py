"""The publisher's side: releases as static files that any web server carries.

A folder holds `public/`, which is what a server shows, `keys/`, of which the root keys belong elsewhere, and `releases.json`, what is
released and what waits to be.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from tachylite.model import codec

from . import disk, fitness
from .books import Books
from .errors import UpdateError
from .manifest import Listing, Manifest, checked_name, write_index, write_manifest
from .repository import Repository
from .targets import ReleaseFiles, TargetFiles

LISTED = 20
"""Releases of a model that devices are shown, the newest; a device with an older one takes the newest that it may."""


class Publisher:
    """A repository in a folder. key_folders: where keys are that are not in `keys/`. days: how long the signatures of each role hold."""

    def __init__(self, folder: str | Path, key_folders: Sequence[Path] = (), days: dict[str, int] | None = None):
        self.folder = Path(folder)
        self.public = self.folder / "public"
        self._targets = TargetFiles(self.public)
        self.repository = Repository(self.folder, key_folders, days)
        self._books = self.folder / "releases.json"

    def init(self, channels: Sequence[str] = ("stable",), root_keys: int = 3, threshold: int = 2) -> Path:
        """Make keys and a repository without releases. Returns the root.json that devices are to be given. Raises UpdateError."""
        disk.make_folder(self.folder)
        with self._alone():
            if self._books.exists():
                raise UpdateError(f"{self.folder} holds a repository already; choose another folder")
            for channel in channels:
                checked_name(channel)
            self.repository.create(channels, root_keys, threshold)
            books = Books({channel: {} for channel in channels})
            self._sign(books, channels)
            books.save(self._books)
        return self.public / "metadata" / "1.root.json"

    # Releasing.

    def add(
        self,
        model: str | Path,
        name: str,
        version: str,
        channel: str = "stable",
        *,
        notes: str = "",
        licence: str = "",
        runtime: str = "0",
        programs: Sequence[str] = (),
        golden: Sequence[Mapping[str, np.ndarray]] | None = None,
        self_test: bool = True,
        tolerance: float = 1e-3,
        deltas: int = 3,
        seal_key: bytes | None = None,
        new_interface: bool = False,
    ) -> Manifest:
        """Prepare a release; nobody sees it before `release`.

        runtime: the lowest version of Tachylite that is to run it, for what operators do not tell; programs: tiers to make `.tlp` files
        for; golden: inputs of the self-test by tensor name, drawn at random by default; tolerance: of its float outputs, as a part of
        their range; deltas: how many releases before this one devices may come from with a delta; new_interface: inputs and outputs may
        differ from those of the release before, so that programs which call the model have to know; seal_key: 32 bytes, which devices need
        to open the model (see seal.py).
        Raises UpdateError, and TachyliteError where the model cannot be read or run.
        """
        with self._changing() as books:
            self._check_new(books, channel, checked_name(name), checked_name(version))
            source = codec.read_file(model)
            before = books.of(channel, name)
            recent = [self._targets.manifest(books.manifests[each.manifest]) for each in before[-max(deltas, 1) :]]
            interface = fitness.interface(source)
            if recent and not new_interface:
                _check_same(interface, recent[-1])
            stem = f"{channel}/{name}@{version}"
            files = ReleaseFiles(self._targets, stem, Path(model), source)
            manifest = Manifest(
                name=name,
                version=version,
                sequence=before[-1].sequence + 1 if before else 1,
                created=datetime.now(UTC).isoformat(timespec="seconds"),
                runtime=runtime,
                requires=fitness.requirements(source),
                interface=interface,
                golden=files.put_golden(golden) if self_test else {},
                tolerance=tolerance,
                notes=notes,
                licence=licence,
                **files.put(seal_key, programs, recent if deltas else ()),
            )
            books.manifests[f"{stem}.json"] = self._targets.put(f"{stem}.json", write_manifest(manifest))
            books.staged.setdefault(channel, {}).setdefault(name, []).append(Listing(version, manifest.sequence, f"{stem}.json"))
        return manifest

    def _check_new(self, books: Books, channel: str, name: str, version: str) -> None:
        if channel not in books.released:
            raise UpdateError(f"there is no channel {channel!r}; there are {', '.join(books.released)}. Make one with `channel`")
        if any(r.version == version for r in books.of(channel, name)):
            raise UpdateError(f"{name} {version} exists in {channel}; what devices may have seen cannot change, so choose another version")

    def release(self, rollout: float = 100.0) -> list[str]:
        """Sign what was added, for this percentage of the devices. Returns what is new. Raises UpdateError."""
        with self._changing() as books:
            done = []
            for channel, models in books.staged.items():
                for name, listings in models.items():
                    books.released[channel].setdefault(name, []).extend(replace(each, rollout=_percentage(rollout)) for each in listings)
                    done += [f"{channel}/{name} {each.version}" for each in listings]
            if not done:
                raise UpdateError("there is nothing to release; add a model first")
            channels, books.staged = list(books.staged), {}
            self._sign(books, channels)
            return done

    def change(self, name: str, version: str, channel: str = "stable", **changes: Any) -> None:
        """Change a release, for all devices from their next look on. Raises UpdateError.

        rollout: the percentage; halted: it stops from spreading, and stays where it is; withdrawn: devices go back to the release before.
        """
        if "rollout" in changes:
            changes["rollout"] = _percentage(changes["rollout"])
        with self._changing() as books:
            listings = books.released.get(channel, {}).get(name, [])
            if not any(each.version == version for each in listings):
                raise UpdateError(
                    f"{channel} has no release {name} {version}; it has {', '.join(each.version for each in listings) or 'none'}"
                )
            listings[:] = [replace(each, **changes) if each.version == version else each for each in listings]
            self._sign(books, [channel])

    def add_channel(self, channel: str) -> None:
        """Make a channel, with a key of its own. The key of targets is needed. Raises UpdateError."""
        with self._changing() as books:
            if checked_name(channel) in books.released:
                raise UpdateError(f"there is a channel {channel!r} already")
            self.repository.add_channel(channel)
            books.released[channel] = {}
            self._sign(books, [channel])

    def renew(self) -> list[str]:
        """Sign the timestamp again, and whatever is soon out of date; to be run daily. Returns the roles."""
        with self._alone():
            return self.repository.renew()

    def rotate_keys(self, role: str) -> list[str]:
        """Give a role new keys, and withdraw the old ones. Returns the ids of the new ones. Raises UpdateError."""
        with self._alone():
            return self.repository.rotate(role)

    def status(self) -> dict[str, Any]:
        """Channels, releases and when signatures end to hold, as data for JSON."""
        books = self._load_books()
        return {
            "expires": {role: when.isoformat() for role, when in self.repository.expiries().items()},
            "released": asdict(books)["released"],
            "staged": asdict(books)["staged"],
        }

    # Files.

    def _load_books(self) -> Books:
        if not self._books.exists():
            raise UpdateError(f"{self.folder} holds no repository; make one with init")
        return Books.load(self._books)

    def _alone(self) -> AbstractContextManager[None]:
        """Keep other publishers away. Raises UpdateError."""
        return disk.locked(self.folder / "publisher.lock", f"another command changes {self.folder}")

    @contextmanager
    def _changing(self) -> Iterator[Books]:
        """The books, which are saved at the end if nothing was raised. Raises UpdateError."""
        self._load_books()  # before the folder is touched
        with self._alone():
            books = self._load_books()
            yield books
            books.save(self._books)

    def _sign(self, books: Books, channels: Sequence[str]) -> None:
        """Write the indices of channels, and sign all that they list."""
        for channel in channels:
            released = {name: listings[-LISTED:] for name, listings in books.released[channel].items()}
            files = [self._targets.put(f"{channel}/index.json", write_index(released))]
            for listing in (each for listings in released.values() for each in listings if not each.withdrawn):
                files += self._targets.listed(books.manifests[listing.manifest])
            self.repository.set_targets(channel, files)
        self.repository.publish()


def _check_same(interface: dict[str, list[str]], before: Manifest) -> None:
    """Raises UpdateError that lists what differs from the release before."""
    differences = [
        f"{side} {', '.join(now)} instead of {', '.join(before.interface.get(side, []))}"
        for side, now in interface.items()
        if now != before.interface.get(side)
    ]
    if differences:
        raise UpdateError(
            f"it has {'; '.join(differences)} of {before.version}, and programs that call the model would fail. "
            "Convert it alike, publish it under another name, or say that they know (--new-interface)"
        )


def _percentage(value: float) -> float:
    if not 0 <= value <= 100:
        raise UpdateError(f"a rollout of {value} % cannot be; it is from 0 to 100")
    return float(value)
