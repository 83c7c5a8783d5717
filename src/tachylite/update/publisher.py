"""The publisher's side: releases as static files that any web server carries.

A folder holds `public/`, which is what a server shows, `keys/`, of which the root keys belong elsewhere, and `releases.json`, what is
released and what waits to be.
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from tachylite.model import codec
from tachylite.model.errors import FileError
from tachylite.program.target import Target
from tachylite.program.tlp import compile_model

from . import diff, disk, fitness
from .errors import UpdateError
from .manifest import File, Listing, Manifest, checked_name, read_manifest, write_index, write_manifest
from .repository import Repository

FORMAT = 1


@dataclass
class Books:
    """What is released, by channel and name, oldest first; and what `add` made since."""

    released: dict[str, dict[str, list[Listing]]] = field(default_factory=dict)
    staged: dict[str, dict[str, list[Listing]]] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path) -> "Books":
        data = json.loads(path.read_bytes())
        if data.pop("format") != FORMAT:
            raise FileError(f"{path} was written by another version of Tachylite; update Tachylite")
        return cls(**{part: {channel: _listings(models) for channel, models in books.items()} for part, books in data.items()})

    def save(self, path: Path) -> None:
        disk.write(path, [json.dumps({"format": FORMAT, **asdict(self)}, indent=1).encode()])

    def of(self, channel: str, name: str) -> list[Listing]:
        """All releases of a name in a channel, staged ones last."""
        return [*self.released.get(channel, {}).get(name, ()), *self.staged.get(channel, {}).get(name, ())]


class Publisher:
    """A repository in a folder. key_folders: where keys are that are not in `keys/`. days: how long the signatures of each role hold."""

    def __init__(self, folder: str | Path, key_folders: Sequence[Path] = (), days: dict[str, int] | None = None):
        self.folder = Path(folder)
        self.public = self.folder / "public"
        self.repository = Repository(self.folder, key_folders, days)
        self._books = self.folder / "releases.json"

    def init(self, channels: Sequence[str] = ("stable",), root_keys: int = 3, threshold: int = 2) -> Path:
        """Make keys and a repository without releases. Returns the root.json that devices are to be given. Raises UpdateError."""
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
        new_interface: bool = False,
    ) -> Manifest:
        """Prepare a release; nobody sees it before `release`.

        runtime: the lowest version of Tachylite that is to run it, for what operators do not tell; programs: tiers to make `.tlp` files
        for; golden: inputs of the self-test by tensor name, drawn at random by default; tolerance: of its float outputs, as a part of
        their range; deltas: how many releases before this one devices may come from with a delta; new_interface: inputs and outputs may
        differ from those of the release before, so that programs which call the model have to know.
        Raises UpdateError, and TachyliteError where the model cannot be read or run.
        """
        books = self._load_books()
        self._check_new(books, channel, checked_name(name), checked_name(version))
        source = codec.read_file(model)
        before = books.of(channel, name)
        stem = f"{channel}/{name}@{version}"
        interface = fitness.interface(source)
        if before and not new_interface:
            _check_same(interface, self._manifest(before[-1]))
        model_file = self._put(f"{stem}.tflite", Path(model))
        manifest = Manifest(
            name=name,
            version=version,
            sequence=before[-1].sequence + 1 if before else 1,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            runtime=runtime,
            model=model_file,
            requires=fitness.requirements(source),
            interface=interface,
            golden=self._golden(stem, model, golden) if self_test else {},
            tolerance=tolerance,
            programs={tier: self._put(f"{stem}.{tier}.tlp", bytes(compile_model(source, Target(tier)))) for tier in programs},
            deltas=self._deltas(stem, model_file, before[max(0, len(before) - deltas) :]),
            notes=notes,
            licence=licence,
        )
        self._put(f"{stem}.json", write_manifest(manifest))
        books.staged.setdefault(channel, {}).setdefault(name, []).append(Listing(version, manifest.sequence, f"{stem}.json"))
        books.save(self._books)
        return manifest

    def _golden(self, stem: str, model: str | Path, inputs: Sequence[Mapping[str, np.ndarray]] | None) -> dict[str, File]:
        """Inputs apart from outputs: they are the same from release to release, and devices get what they have not got."""
        contents = zip(("inputs", "outputs"), fitness.record(model, inputs), strict=True)
        return {kind: self._put(f"{stem}.{kind}.npz", content) for kind, content in contents}

    def _deltas(self, stem: str, model: File, releases: Sequence[Listing]) -> dict[str, File]:
        """Deltas to a model from those of releases before it, where they are smaller than it."""
        new = self._place(model).read_bytes()
        found = {}
        for base in map(self._manifest, releases):
            content = diff.make(self._place(base.model).read_bytes(), new)
            if len(content) < len(new) and base.model.sha256 != model.sha256:
                found[base.model.sha256] = self._put(f"{stem}.from-{base.version}.delta", content)
        return found

    def _check_new(self, books: Books, channel: str, name: str, version: str) -> None:
        if channel not in books.released:
            raise UpdateError(f"there is no channel {channel!r}; there are {', '.join(books.released)}. Make one with `channel`")
        if any(r.version == version for r in books.of(channel, name)):
            raise UpdateError(f"{name} {version} exists in {channel}; what devices may have seen cannot change, so choose another version")

    def release(self, rollout: float = 100.0) -> list[str]:
        """Sign what was added, for this percentage of the devices. Returns what is new. Raises UpdateError."""
        books = self._load_books()
        done = []
        for channel, models in books.staged.items():
            for name, listings in models.items():
                books.released[channel].setdefault(name, []).extend(replace(each, rollout=_percentage(rollout)) for each in listings)
                done += [f"{channel}/{name} {each.version}" for each in listings]
        if not done:
            raise UpdateError("there is nothing to release; add a model first")
        channels, books.staged = list(books.staged), {}
        self._sign(books, channels)
        books.save(self._books)
        return done

    def change(self, name: str, version: str, channel: str = "stable", **changes: Any) -> None:
        """Change a release, for all devices from their next look on. Raises UpdateError.

        rollout: the percentage; halted: it stops from spreading, and stays where it is; withdrawn: devices go back to the release before.
        """
        if "rollout" in changes:
            changes["rollout"] = _percentage(changes["rollout"])
        books = self._load_books()
        listings = books.released.get(channel, {}).get(name, [])
        if not any(each.version == version for each in listings):
            raise UpdateError(f"{channel} has no release {name} {version}; it has {', '.join(each.version for each in listings) or 'none'}")
        listings[:] = [replace(each, **changes) if each.version == version else each for each in listings]
        self._sign(books, [channel])
        books.save(self._books)

    def add_channel(self, channel: str) -> None:
        """Make a channel, with a key of its own. The key of targets is needed. Raises UpdateError."""
        books = self._load_books()
        if checked_name(channel) in books.released:
            raise UpdateError(f"there is a channel {channel!r} already")
        self.repository.add_channel(channel)
        books.released[channel] = {}
        self._sign(books, [channel])
        books.save(self._books)

    def renew(self) -> list[str]:
        """Sign the timestamp again, and whatever is soon out of date; to be run daily. Returns the roles."""
        return self.repository.renew()

    def rotate_keys(self, role: str) -> list[str]:
        """Give a role new keys, and withdraw the old ones. Returns the ids of the new ones. Raises UpdateError."""
        return self.repository.rotate(role)

    def status(self) -> dict[str, Any]:
        """Channels, releases and when signatures end to hold, as data for JSON."""
        books = self._load_books()
        return {
            "expires": {role: when.isoformat() for role, when in self.repository.expiries().items()},
            **asdict(books),
        }

    # Files.

    def _load_books(self) -> Books:
        if not self._books.exists():
            raise UpdateError(f"{self.folder} holds no repository; make one with init")
        return Books.load(self._books)

    def _sign(self, books: Books, channels: Sequence[str]) -> None:
        """Write the indices of channels, and sign all that they list."""
        for channel in channels:
            released = books.released[channel]
            files = [self._put(f"{channel}/index.json", write_index(released))]
            for listing in (each for listings in released.values() for each in listings if not each.withdrawn):
                files += self._files(listing)
            self.repository.set_targets(channel, files)
        self.repository.publish()

    def _files(self, listing: Listing) -> list[File]:
        """The manifest of a release, and what that names."""
        path, manifest = self._manifest_path(listing), self._manifest(listing)
        own = File(listing.manifest, path.name.partition(".")[0], path.stat().st_size)
        return [own, *manifest.needed(tuple(manifest.programs)), *manifest.deltas.values()]

    def _manifest(self, listing: Listing) -> Manifest:
        return read_manifest(self._manifest_path(listing).read_bytes())

    def _manifest_path(self, listing: Listing) -> Path:
        folder, _, name = listing.manifest.rpartition("/")
        [path] = (self.public / "targets" / folder).glob(f"*.{name}")
        return path

    def _put(self, path: str, content: bytes | Path) -> File:
        """Put a file where servers show it, under its path and its SHA-256."""
        drafts = self.public / "targets" / path.rpartition("/")[0]
        disk.make_folder(drafts)
        draft = drafts / ".draft"
        if isinstance(content, bytes):
            draft.write_bytes(content)
        else:
            shutil.copyfile(content, draft)
        file = File(path, disk.digest(draft), draft.stat().st_size)
        disk.move(draft, self._place(file))
        return file

    def _place(self, file: File) -> Path:
        folder, _, name = file.path.rpartition("/")
        return self.public / "targets" / folder / f"{file.sha256}.{name}"


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


def _listings(models: Any) -> dict[str, list[Listing]]:
    return {name: list(map(Listing.parse, entries)) for name, entries in models.items()}


def _percentage(value: float) -> float:
    if not 0 <= value <= 100:
        raise UpdateError(f"a rollout of {value} % cannot be; it is from 0 to 100")
    return float(value)
