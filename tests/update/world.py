"""What the tests of updates share: small models whose answers tell their version, and who publishes and runs them."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np

from tachylite import Builder, Model
from tachylite.update import Limits, Live, Publisher, Store

X = np.arange(4, dtype=np.float32).reshape(1, 4)

QUICK = Limits(silence=0.3, slowest=100_000, metadata_seconds=0.5)
"""So that tests of slow servers are not slow."""


def net(path: Path, number: float, width: int = 64) -> Path:
    """A model of one layer whose answer to X is `number` in each of `width` places."""
    build = Builder()
    x = build.input("x", (1, 4))
    weights = np.zeros((width, 4), np.float32)
    y = build.FULLY_CONNECTED(x, build.constant(weights), build.constant(np.full(width, number, np.float32)), name="y")
    Model.of(build.outputs(y)).save(path)
    return path


def answer(live: Live) -> float:
    """The number of the version that answers."""
    [number] = set(live(X)[0].tolist())
    return float(number)


class World:
    """A folder with a publisher and devices."""

    def __init__(self, folder: Path, template: Path):
        self.folder = folder
        self.url = ""
        shutil.copytree(template, folder / "publisher")
        self.publisher = Publisher(folder / "publisher")
        self.public = folder / "publisher" / "public"
        self.root = self.public / "metadata" / "1.root.json"

    def add(self, number: float, name: str = "net", width: int = 64, **options: Any) -> str:
        """Prepare a version that answers `number`, which is its name too."""
        version = f"{number:g}"
        self.publisher.add(net(self.folder / f"{name}-{version}.tflite", number, width), name, version, **options)
        return version

    def release(self, number: float, name: str = "net", rollout: float = 100.0, **options: Any) -> str:
        """Release a version that answers `number`."""
        version = self.add(number, name, **options)
        self.publisher.release(rollout)
        return version

    def device(self, name: str = "device", **options: Any) -> Store:
        """A device; one that was there before goes on."""
        return Store(self.folder / name, self.url, self.root, **options)

    def updated(self, store: Store, name: str = "net") -> str:
        """Bring a device up to date."""
        store.check()
        store.download(name)
        return store.activate(name)
