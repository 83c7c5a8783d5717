"""Keras files: a zip of config and weights (`.keras`), or one HDF5 file with both (`.h5`, `.hdf5`)."""

import io
import json
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tachylite.model.errors import FileError
from tachylite.model.extras import extra

from .weights import ListedWeights, StoredWeights, Weights

ZIP, HDF5 = b"PK\x03\x04", b"\x89HDF\r\n\x1a\n"


@dataclass(frozen=True)
class Archive:
    """A model as it was saved. generation: the major version of the Keras that did it."""

    model: dict[str, Any]
    weights: Weights
    generation: int


@contextmanager
def open_archive(data: memoryview) -> Iterator[Archive]:
    """A model whose weights can be read within the block. Raises FileError."""
    with _open_zip(data) if data[:4] == ZIP else _open_hdf5(data) as opened:
        yield opened


@contextmanager
def _open_zip(data: memoryview) -> Iterator[Archive]:
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
        names = archive.namelist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OverflowError) as problem:
        raise FileError(f"not a whole .keras archive: {problem}; it is truncated or damaged") from problem
    with archive:
        if "config.json" not in names:
            raise FileError(f"the archive holds {names[:5]} but no config.json; it is no .keras file")
        if "model.weights.h5" not in names:
            raise FileError("the archive holds no model.weights.h5 (sharded weights?); save the model with model.save('name.keras')")
        config = _parse(_unpack(archive, "config.json"), "config.json")
        with _hdf5_file(io.BytesIO(_unpack(archive, "model.weights.h5")), "model.weights.h5") as file:
            yield Archive(config, StoredWeights(file), _generation(_version_of(archive)))


def _version_of(archive: zipfile.ZipFile) -> str:
    """The version of Keras that metadata.json tells."""
    try:
        return str(json.loads(archive.read("metadata.json"))["keras_version"])
    except (KeyError, ValueError, TypeError) as problem:
        raise FileError(f"metadata.json tells no keras_version ({problem!r}); the archive is damaged") from problem


def _generation(version: str) -> int:
    """The major version; files from before 2 tell none."""
    major = re.match(r"\d+", version)
    return int(major[0]) if major else 1


def _unpack(archive: zipfile.ZipFile, name: str) -> bytes:
    try:
        return archive.read(name)
    except Exception as problem:  # zipfile and zlib raise several that are not related
        raise FileError(f"{name} cannot be unpacked: {problem}; the archive is damaged") from problem


@contextmanager
def _open_hdf5(data: memoryview) -> Iterator[Archive]:
    with _hdf5_file(io.BytesIO(data), "the HDF5 file") as file:
        config = file.attrs.get("model_config")
        if config is None:
            raise FileError("the HDF5 file holds no model_config: it has weights alone; save the whole model with model.save('name.keras')")
        generation = _generation(_text(file.attrs.get("keras_version", "")))
        yield Archive(_parse(config, "model_config"), _LegacyFile(file.get("model_weights", file)), generation)


class _LegacyFile(ListedWeights):
    """The weights of a whole `.h5`: a group for each layer, by its name."""

    def __init__(self, group: Any):
        super().__init__([])
        self._group = group

    def restart(self) -> "_LegacyFile":
        return self

    def of_layers(self, layers: Any) -> list[Weights]:
        return [ListedWeights(list(_listed(self._group, name))) for _, name in layers]


def _listed(group: Any, layer: str) -> Iterator[tuple[str, Any]]:
    """Names and datasets of a layer's weights. Very long lists of names are split over several attributes."""
    if layer not in group:
        return
    names = group[layer].attrs
    chunks = [names["weight_names"]] if "weight_names" in names else [names[f"weight_names{i}"] for i in range(len(names))]
    for name in (_text(name) for chunk in chunks for name in chunk):
        if name not in group[layer]:
            raise FileError(f"the weight {name!r} of layer {layer!r} is missing; the file is damaged")
        yield name, group[layer][name]


@contextmanager
def _hdf5_file(stream: io.BytesIO, name: str) -> Iterator[Any]:
    with extra("keras", "h5py"):
        import h5py
    try:
        file = h5py.File(stream, "r")
    except (OSError, ValueError, RuntimeError, KeyError) as problem:
        raise FileError(f"{name} cannot be read: {problem}; it is truncated or damaged") from problem
    with file:
        yield file


def _parse(text: Any, name: str) -> dict[str, Any]:
    try:
        config = json.loads(_text(text))
    except ValueError as problem:
        raise FileError(f"{name} is no JSON: {problem}; the file is damaged") from problem
    if not isinstance(config, dict) or "class_name" not in config or "config" not in config:
        raise FileError(f"{name} describes no Keras model: it has no class_name and config")
    return config


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
