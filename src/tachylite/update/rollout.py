"""Which release a device takes. The device decides, from its own stable number; the server knows nothing of it."""

import hashlib
from collections.abc import Container, Sequence

from .manifest import Listing


def position(device: str, name: str, version: str) -> float:
    """Where a device stands in the queue for a release, in [0, 100): uniform over devices, and another place for each release."""
    digest = hashlib.sha256("\0".join((device, name, version)).encode()).digest()
    return 100 * int.from_bytes(digest[:7], "big") / (1 << 56)


def choose(device: str, name: str, releases: Sequence[Listing], current: str | None, refused: Container[str] = ()) -> Listing | None:
    """The release that a device with version `current` of a model should have; None where it is to stay.

    Nobody falls back out of a rollout: a version below the current one is chosen only where the current one is withdrawn. A device without
    any version takes what is rolled out to it, else the last release that is rolled out to everybody.
    refused: versions that failed on this device.
    """
    present = next((r for r in releases if r.version == current), None)
    stays = present is not None and not present.withdrawn
    spreading = [r for r in releases if not (r.withdrawn or r.halted or r.version in refused)]
    best = max((r for r in spreading if position(device, name, r.version) < r.rollout), key=lambda r: r.sequence, default=None)
    if best is None or best is present or (stays and present is not None and best.sequence < present.sequence):
        return None
    return best
