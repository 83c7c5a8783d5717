"""What a store knows, in one small file that is replaced as a whole: activating a version is one rename."""

import json
import uuid
from collections.abc import Container
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tachylite.model.errors import FileError

from . import disk
from .manifest import File, Manifest

FORMAT = 1


@dataclass
class ModelState:
    """One model on this device.

    active, candidate, pinned: versions; previous: versions to go back to, the latest first; trial: None once the active version is
    confirmed, before that the processes that have opened it; testing: the processes that began the candidate's self-test; rejected: why a
    version is not to be tried again; releases: manifests of the versions that are here.
    """

    active: str | None = None
    candidate: str | None = None
    pinned: str | None = None
    previous: list[str] = field(default_factory=list)
    trial: list[str] | None = None
    testing: list[str] = field(default_factory=list)
    rejected: dict[str, str] = field(default_factory=dict)
    releases: dict[str, Manifest] = field(default_factory=dict)

    @classmethod
    def parse(cls, data: Any) -> "ModelState":
        releases = {version: Manifest.parse(manifest) for version, manifest in data.pop("releases").items()}
        return cls(**data, releases=releases)

    def fall_back(self, why: str) -> bool:
        """Return to the version before the active one, which is rejected; False where there is none."""
        if not self.previous or self.active is None:
            return False
        self.rejected[self.active] = why
        self.lose_active()
        return True

    def lose_active(self) -> None:
        """Do without the active version, whose files are damaged; it may be downloaded again."""
        self.active, self.trial = self.previous.pop(0) if self.previous else None, None

    def replace_active(self, version: str, keep: int, withdrawn: Container[str] = ()) -> None:
        """Let a version become the active one, on trial if there is one to go back to; `keep` of those before it stay, unless withdrawn."""
        before = [v for v in (self.active, *self.previous) if v is not None and v != version and v not in withdrawn]
        self.previous = list(dict.fromkeys(before))[:keep]
        self.trial = [] if self.previous else None
        self.active, self.candidate, self.testing = version, None, []

    def bases(self) -> list[File]:
        """The models that are here, from which a delta may start."""
        return [self.releases[version].model for version in (self.active, *self.previous) if version in self.releases]

    def summary(self) -> dict[str, Any]:
        """For JSON."""
        confirmed = self.active is not None and self.trial is None
        shown = {name: getattr(self, name) for name in ("active", "candidate", "previous", "pinned", "rejected")}
        return {**shown, "confirmed": confirmed}

    def retain(self) -> None:
        """Forget the manifests of versions that nothing names any more."""
        kept = {self.active, self.candidate, *self.previous}
        self.releases = {version: manifest for version, manifest in self.releases.items() if version in kept}


@dataclass
class State:
    """A store: where its updates come from, and its models by name.

    device: a random number of its own, which never leaves it; wanted: names of models, None for all that the channel has; programs: tiers;
    trust: the number of the folder with TUF's metadata; index: the signed list of releases.
    """

    url: str
    channel: str
    wanted: list[str] | None = None
    programs: list[str] = field(default_factory=list)
    device: str = field(default_factory=lambda: uuid.uuid4().hex)
    trust: int = 0
    index: File | None = None
    models: dict[str, ModelState] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path) -> "State":
        """Raises FileError, FileNotFoundError."""
        try:
            data = json.loads(path.read_bytes())
            if data.pop("format") != FORMAT:
                raise FileError(f"{path} was written by another version of Tachylite; update Tachylite")
            index, models = data.pop("index"), data.pop("models")
            parsed = {name: ModelState.parse(model) for name, model in models.items()}
            return cls(**data, index=None if index is None else File.parse(index), models=parsed)
        except (ValueError, TypeError, KeyError, AttributeError) as problem:
            if isinstance(problem, FileError):
                raise
            raise FileError(f"{path} is damaged ({problem!r}); move it away and set the store up again") from problem

    def save(self, path: Path) -> None:
        """Replace the file. Raises OSError."""
        disk.write(path, [json.dumps({"format": FORMAT, **asdict(self)}, indent=1).encode()])

    def files(self) -> set[str]:
        """SHA-256 of every file that the store has to keep."""
        kept = {self.index.sha256} if self.index else set()
        for model in self.models.values():
            for manifest in model.releases.values():
                kept |= {file.sha256 for file in (manifest.model, *manifest.golden.values(), *manifest.programs.values())}
        return kept
