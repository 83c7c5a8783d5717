"""What a publisher has released, and what waits to be: `releases.json` in its folder."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tachylite.model.errors import FileError

from . import disk
from .manifest import File, Listing

FORMAT = 1


@dataclass
class Books:
    """What is released, by channel and name, oldest first; what `add` made since; and the manifests of all, by path."""

    released: dict[str, dict[str, list[Listing]]] = field(default_factory=dict)
    staged: dict[str, dict[str, list[Listing]]] = field(default_factory=dict)
    manifests: dict[str, File] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path) -> "Books":
        data = json.loads(path.read_bytes())
        if data.pop("format") != FORMAT:
            raise FileError(f"{path} was written by another version of Tachylite; update Tachylite")
        manifests = {path: File.parse(file) for path, file in data.pop("manifests").items()}
        return cls(
            **{part: {channel: _listings(models) for channel, models in books.items()} for part, books in data.items()}, manifests=manifests
        )

    def save(self, path: Path) -> None:
        disk.write(path, [json.dumps({"format": FORMAT, **asdict(self)}, indent=1).encode()])

    def of(self, channel: str, name: str) -> list[Listing]:
        """All releases of a name in a channel, staged ones last."""
        return [*self.released.get(channel, {}).get(name, ()), *self.staged.get(channel, {}).get(name, ())]


def _listings(models: Any) -> dict[str, list[Listing]]:
    return {name: list(map(Listing.parse, entries)) for name, entries in models.items()}
