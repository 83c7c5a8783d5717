"""Signing keys: ed25519, one PEM file each, readable by its owner alone."""

import os
from collections.abc import Iterable
from pathlib import Path

from tachylite.model.errors import FileError
from tachylite.model.extras import extra

from . import disk
from .errors import UpdateError

with extra("update", "tuf"):
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
    from securesystemslib.signer import CryptoSigner, Signer


def generate(folder: Path, role: str, count: int) -> list[CryptoSigner]:
    """Make keys for a role, in files of their own; no file is replaced."""
    made = []
    disk.make_folder(folder)
    folder.chmod(0o700)
    free = (path for number in range(1, 10**6) if not (path := folder / f"{role}-{number}.pem").exists())
    for path in (next(free) for _ in range(count)):
        signer = CryptoSigner.generate_ed25519()
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(signer.private_bytes)
            file.flush()
            os.fsync(file.fileno())
        made.append(signer)
    disk.sync_folder(folder)
    return made


def load(folders: Iterable[Path], keyids: Iterable[str], role: str, needed: int) -> list[Signer]:
    """The keys of a role, by id, from files in some folders. Raises UpdateError where fewer than `needed` are there."""
    wanted = set(keyids)
    found: dict[str, CryptoSigner] = {}
    for path in sorted(path for folder in folders for path in folder.glob("*.pem")):
        signer = read(path)
        if signer.public_key.keyid in wanted:
            found[signer.public_key.keyid] = signer
    if len(found) < needed:
        places = ", ".join(map(str, folders))
        raise UpdateError(f"{needed} keys of the role {role} are needed, {places} has {len(found)}; name the folder that has them (--keys)")
    return list(found.values())


def read(path: Path) -> CryptoSigner:
    """The key in a file. Raises FileError, OSError."""
    try:
        return CryptoSigner(load_pem_private_key(path.read_bytes(), None))
    except (ValueError, TypeError) as problem:
        raise FileError(f"{path} holds no key that can be read: {problem}") from problem
