"""Sounds: WAV files as samples, mixed to one channel, at any rate."""

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tachylite.model import metadata
from tachylite.model.errors import FileError, TachyliteError
from tachylite.model.graph import Model

SUFFIXES = frozenset([".wav"])

_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_FORMATS = {(_PCM, 8): "u1", (_PCM, 16): "<i2", (_PCM, 24): "u1", (_PCM, 32): "<i4", (_FLOAT, 32): "<f4", (_FLOAT, 64): "<f8"}
_UNKNOWN_LENGTH = 0xFFFFFFFF  # what programs write that send a sound before they know its end


@dataclass(frozen=True, eq=False)
class Sound:
    """One channel of sound. samples: float32 [n], full scale is 1; rate: samples per second."""

    samples: np.ndarray
    rate: int

    def at(self, rate: int) -> "Sound":
        """The same sound at another rate; samples between samples are interpolated linearly."""
        if rate == self.rate:
            return self
        if rate < 1:
            raise TachyliteError(f"the rate is {rate} samples per second, it must be positive; correct it")
        times = np.arange(round(len(self.samples) * rate / self.rate)) * (self.rate / rate)
        return Sound(np.interp(times, np.arange(len(self.samples)), self.samples).astype(np.float32), rate)


def read(path: str | os.PathLike[str]) -> Sound:
    """The sound in a WAV file (PCM of 8, 16, 24 or 32 bits, or floating-point), its channels mixed. Raises FileError, OSError."""
    return decode(Path(path).read_bytes(), str(path))


def decode(content: bytes, name: str = "the sound") -> Sound:
    """The same from bytes; `name` is for the error message."""
    chunks = dict(_chunks(content, name))
    if b"fmt " not in chunks or b"data" not in chunks:
        raise FileError(f"{name} has no {'samples' if b'fmt ' in chunks else 'format'}, it is truncated; record or convert it again")
    coding, channels, rate, bits = _format(chunks[b"fmt "], name)
    frame = channels * bits // 8
    data = chunks[b"data"][: len(chunks[b"data"]) // frame * frame]
    samples = _samples(np.frombuffer(data, _FORMATS[coding, bits]), coding, bits)
    return Sound(samples.reshape(-1, channels).mean(axis=1, dtype=np.float64).astype(np.float32), rate)


def rate_of(model: Model, number: int = 0) -> int | None:
    """The rate that a model's metadata ask for at this input, None where they say nothing."""
    about = metadata.read(model)
    tensors = about.subgraph_metadata[0].input_tensor_metadata if about is not None and about.subgraph_metadata else ()
    content = tensors[number].content if number < len(tensors) else None
    return getattr(content and content.content_properties, "sample_rate", None) or None


def _chunks(content: bytes, name: str) -> Iterator[tuple[bytes, bytes]]:
    """The parts of a RIFF file: four letters, the length, as many bytes, and one more where the length is odd."""
    if content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        raise FileError(f"{name} is no WAV file; convert it, with `ffmpeg -i FILE FILE.wav` say")
    at = 12
    while at + 8 <= len(content):
        kind, length = struct.unpack_from("<4sI", content, at)
        rest = len(content) - at - 8
        if length == _UNKNOWN_LENGTH:
            length = rest
        if length > rest:
            raise FileError(f"{name} is truncated: its part {kind!r} has {length} bytes, {rest} are there; record or convert it again")
        yield kind, content[at + 8 : at + 8 + length]
        at += 8 + length + length % 2


def _format(chunk: bytes, name: str) -> tuple[int, int, int, int]:
    """Coding, number of channels, rate and bits per sample."""
    if len(chunk) < 16:
        raise FileError(f"{name} has a format of {len(chunk)} bytes, at least 16 are needed; record or convert it again")
    coding, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", chunk)
    if coding == _EXTENSIBLE and len(chunk) >= 26:
        (coding,) = struct.unpack_from("<H", chunk, 24)
    if (coding, bits) not in _FORMATS or not channels or not rate:
        found = f"coding {coding}, {bits} bits, {channels} channels, {rate} samples per second"
        raise FileError(f"{name} has {found}; needed is PCM of 8, 16, 24 or 32 bits or floating-point, convert it")
    return coding, channels, rate, bits


def _samples(values: np.ndarray, coding: int, bits: int) -> np.ndarray:
    """Samples as real numbers, full scale 1."""
    if coding == _FLOAT:
        return values
    if bits == 8:
        return (values.astype(np.float64) - 128) / 128
    if bits == 24:
        values = np.pad(values.reshape(-1, 3), ((0, 0), (1, 0))).view("<i4").ravel()
        bits = 32
    return values / 2.0 ** (bits - 1)
