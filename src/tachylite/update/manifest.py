"""What a publisher says of a release (the manifest), and of the releases of a channel (the index). Both are signed, as targets of TUF."""

import json
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, TypeVar

from tachylite.model.errors import FileError, TachyliteError

FORMAT = 1
"""Of index and manifest; a newer one is refused, because what it adds may matter."""

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}")
"""Of models, versions and channels: they become names of files."""

Parsed = TypeVar("Parsed")


@dataclass(frozen=True)
class File:
    """A target: path in the repository, SHA-256 in hexadecimal, size in bytes."""

    path: str
    sha256: str
    size: int

    @classmethod
    def parse(cls, data: Any) -> "File":
        if not re.fullmatch("[0-9a-f]{64}", data["sha256"]):
            raise ValueError(f"{data['sha256']!r} is no SHA-256")
        return cls(str(data["path"]), data["sha256"], _count(data["size"]))


@dataclass(frozen=True)
class Requirement:
    """An operator that the model holds: its name, its schema version, the types that its instances read first."""

    op: str
    version: int
    dtypes: tuple[str, ...]
    is_custom: bool = False

    @classmethod
    def parse(cls, data: Any) -> "Requirement":
        return cls(str(data["op"]), _count(data["version"]), tuple(map(str, data["dtypes"])), bool(data["is_custom"]))


@dataclass(frozen=True)
class Manifest:
    """One release of one model.

    sequence: counts the releases of a name in a channel; runtime: the lowest version of Tachylite; interface: `inputs` and `outputs` in
    words; golden: `inputs` and `outputs` of the self-test, whose float outputs may be off by `tolerance` of their range; programs: `.tlp`
    files by tier; sealed: the id of the key that opens the model, None where it is plain; deltas: by the SHA-256 of the model that they
    begin with.
    """

    name: str
    version: str
    sequence: int
    created: str
    runtime: str
    model: File
    requires: tuple[Requirement, ...] = ()
    interface: dict[str, list[str]] = field(default_factory=dict)
    golden: dict[str, File] = field(default_factory=dict)
    tolerance: float = 1e-3
    programs: dict[str, File] = field(default_factory=dict)
    sealed: str | None = None
    deltas: dict[str, File] = field(default_factory=dict)
    notes: str = ""
    licence: str = ""

    @classmethod
    def parse(cls, data: Any) -> "Manifest":
        return cls(
            name=checked_name(data["name"]),
            version=checked_name(data["version"]),
            sequence=_count(data["sequence"]),
            created=str(data["created"]),
            runtime=str(data["runtime"]),
            model=File.parse(data["model"]),
            requires=tuple(map(Requirement.parse, data["requires"])),
            interface={side: list(map(str, data["interface"][side])) for side in ("inputs", "outputs")},
            golden={kind: File.parse(data["golden"][kind]) for kind in ("inputs", "outputs") if data["golden"]},
            tolerance=float(data["tolerance"]),
            programs={checked_name(tier): File.parse(file) for tier, file in data["programs"].items()},
            sealed=None if data["sealed"] is None else str(data["sealed"]),
            deltas={old: File.parse(file) for old, file in data["deltas"].items()},
            notes=str(data["notes"]),
            licence=str(data["licence"]),
        )

    def needed(self, tiers: tuple[str, ...] = ()) -> list[File]:
        """The files of a device that wants the program files of these tiers. Raises TachyliteError where there is none for one."""
        missing = [tier for tier in tiers if tier not in self.programs]
        if missing:
            has = ", ".join(self.programs) or "none"
            raise TachyliteError(f"{self.name} {self.version} has no program file for {', '.join(missing)}; it has {has}")
        return [self.model, *self.golden.values(), *(self.programs[tier] for tier in tiers)]


@dataclass(frozen=True)
class Listing:
    """A release in the index. rollout: the percentage of devices that may take it; halted: it spreads no more; withdrawn: it is undone."""

    version: str
    sequence: int
    manifest: str
    rollout: float = 100.0
    halted: bool = False
    withdrawn: bool = False

    @classmethod
    def parse(cls, data: Any) -> "Listing":
        sequence, rollout = _count(data["sequence"]), float(data["rollout"])
        if not 0 <= rollout <= 100:
            raise ValueError(f"a rollout of {rollout} %")
        return cls(checked_name(data["version"]), sequence, str(data["manifest"]), rollout, bool(data["halted"]), bool(data["withdrawn"]))


Index = dict[str, list[Listing]]
"""Name of a model: its releases."""


def checked_name(text: Any) -> str:
    """The text itself. Raises TachyliteError where it cannot be a name."""
    if not isinstance(text, str) or not NAME.fullmatch(text):
        raise TachyliteError(f"{text!r} cannot be a name or a version; use up to 100 letters, digits and . _ + -")
    return text


def _count(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"{value!r} is no count")
    return value


def read_manifest(content: bytes) -> Manifest:
    """Raises FileError."""
    return _read(content, "manifest", Manifest.parse)


def write_manifest(manifest: Manifest) -> bytes:
    """The manifest as JSON."""
    return _write(asdict(manifest))


def read_index(content: bytes) -> Index:
    """Raises FileError."""

    def parse(data: Any) -> Index:
        return {checked_name(name): [Listing.parse(entry) for entry in entries] for name, entries in data["models"].items()}

    return _read(content, "index", parse)


def write_index(index: Index) -> bytes:
    """The index as JSON."""
    return _write({"models": {name: [asdict(entry) for entry in entries] for name, entries in index.items()}})


def _read(content: bytes, what: str, parse: Callable[[Any], Parsed]) -> Parsed:
    try:
        data = json.loads(content)
        if data["format"] != FORMAT:
            raise FileError(f"the {what} has format {data['format']}, this version reads {FORMAT}; update Tachylite")
        return parse(data)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as problem:
        if isinstance(problem, FileError):
            raise
        raise FileError(f"the {what} is not as it should be ({problem!r}); publish it again") from problem


def _write(data: dict[str, Any]) -> bytes:
    return json.dumps({"format": FORMAT, **data}, separators=(",", ":"), sort_keys=True).encode()
