"""Sealed models: encrypted as they are signed, sent and kept; plain only in the memory of a process that has the key.

AES-256-GCM in chunks, by the STREAM construction (Hoang, Reyhanitabar, Rogaway and Vizar: Online Authenticated-Encryption and its
Nonce-Reuse Misuse-Resistance, 2015): a chunk's nonce is a random prefix, the chunk's number and whether it is the last, so that chunks can
be neither exchanged nor left out. A sealed file is

    8 bytes   TLSEAL1 and a line feed
    4 bytes   size of a chunk before encryption, little-endian
    7 bytes   prefix of the nonces
    chunks    each with its tag of 16 bytes; the last may be shorter, or empty

The first 19 bytes are authenticated with each chunk.
"""

import hashlib
import os
import struct
from collections.abc import Callable

from tachylite.model.errors import FileError
from tachylite.model.extras import extra

from .errors import UnfitError, UpdateError

with extra("update", "cryptography"):
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

MAGIC = b"TLSEAL1\n"
HEADER = struct.Struct("<8sI7s")
CHUNK = 1 << 16
TAG = 16
KEY = 32
"""Bytes of a key."""

MOST_CHUNK = 1 << 26

KeySource = Callable[[str], bytes]
"""Gives the key of an id, from wherever a device keeps keys."""


def key_id(key: bytes) -> str:
    """What a manifest calls a key. Raises UpdateError where it has another length."""
    if len(key) != KEY:
        raise UpdateError(f"a key for sealing has {KEY} bytes, this one has {len(key)}; make one with os.urandom({KEY})")
    return hashlib.sha256(b"tachylite key\0" + key).hexdigest()[:16]


def seal(content: bytes, key: bytes) -> bytes:
    """A sealed file."""
    key_id(key)
    header = HEADER.pack(MAGIC, CHUNK, os.urandom(7))
    cipher = AESGCM(key)
    starts = range(0, max(len(content), 1), CHUNK)
    chunks = [
        cipher.encrypt(_nonce(header, number, start + CHUNK >= len(content)), content[start : start + CHUNK], header)
        for number, start in enumerate(starts)
    ]
    return b"".join([header, *chunks])


def unseal(sealed: memoryview, key: bytes) -> bytearray:
    """What was sealed. Raises FileError where this is no sealed file, UnfitError where the key does not open it."""
    if len(sealed) < HEADER.size or sealed[:8] != MAGIC:
        raise FileError("the file is not sealed, though its manifest says so; download it again")
    header = bytes(sealed[: HEADER.size])
    chunk = HEADER.unpack(header)[1]
    if not 0 < chunk <= MOST_CHUNK:
        raise FileError(f"the file is sealed in chunks of {chunk} bytes, at most {MOST_CHUNK} can be read; it is damaged")
    cipher = AESGCM(key)
    content = bytearray()
    starts = range(HEADER.size, max(len(sealed), HEADER.size + 1), chunk + TAG)
    try:
        for number, start in enumerate(starts):
            end = start + chunk + TAG
            content += cipher.decrypt(_nonce(header, number, end >= len(sealed)), sealed[start:end], header)
    except (InvalidTag, ValueError) as problem:
        raise UnfitError("the key does not open the model, or the file was changed; give the key that its manifest names") from problem
    return content


def _nonce(header: bytes, number: int, is_last: bool) -> bytes:
    return header[-7:] + struct.pack(">I?", number, is_last)
