"""The variables of a SavedModel: `variables.index` says where each lies in `variables.data-00000-of-00001`."""

from math import prod
from pathlib import Path

import numpy as np

from tachylite.model.dtypes import nbytes
from tachylite.model.errors import FileError
from tachylite.model.files import map_file

from .crc32c import crc32c, masked
from .messages import SCHEMA
from .sstable import entries
from .tensors import dtype_of, full_shape

LITTLE_ENDIAN = 0


class TensorBundle:
    """Tensors by name, each read and checked when it is asked for."""

    def __init__(self, prefix: Path):
        """prefix: path of the files without `.index`. Raises FileError, OSError."""
        self._prefix = prefix
        index = prefix.with_name(f"{prefix.name}.index")
        try:
            stored = dict(entries(map_file(index)))
            header = SCHEMA.read("BundleHeaderProto", stored.pop(b"", memoryview(b"")))
            self._entries = {key.decode("utf-8", "replace"): SCHEMA.read("BundleEntryProto", value) for key, value in stored.items()}
        except FileError as problem:
            raise FileError(f"{index}: {problem}") from problem
        if header.endianness != LITTLE_ENDIAN:
            raise FileError(f"{index}: the variables are big-endian; save the model on a little-endian machine")
        self._shards: list[memoryview | None] = [None] * header.num_shards

    def read(self, name: str) -> np.ndarray:
        """The tensor; read-only. Raises FileError where it is missing, or its checksum is wrong."""
        entry = self._entries.get(name)
        if entry is None:
            raise FileError(f"{self._prefix}.index: there is no variable {name!r}; it belongs to another model")
        place = f"{self._prefix}: the variable {name!r}"
        if entry.slices:
            raise FileError(f"{place} is partitioned; save the model with whole variables")
        dtype, shape = dtype_of(entry.dtype), full_shape(entry.shape)
        if dtype.hasobject or nbytes(dtype, prod(shape)) != entry.size:
            raise FileError(f"{place} is {dtype}{list(shape)} in {entry.size} bytes; the index is corrupted")
        shard = self._shard(entry.shard_id)
        if not 0 <= entry.offset <= len(shard) - entry.size:
            raise FileError(f"{place} ends at byte {entry.offset + entry.size}, the file has {len(shard)}; it is truncated")
        data = shard[entry.offset : entry.offset + entry.size]
        if masked(crc32c(data)) != entry.crc32c:
            raise FileError(f"{place} has a wrong checksum; the file is corrupted, copy it again")
        return np.frombuffer(data, dtype).reshape(shape)

    def _shard(self, number: int) -> memoryview:
        if not 0 <= number < len(self._shards):
            raise FileError(f"{self._prefix}.index: shard {number} of {len(self._shards)}; the index is corrupted")
        data = self._shards[number]
        if data is None:
            name = f"{self._prefix.name}.data-{number:05}-of-{len(self._shards):05}"
            data = self._shards[number] = map_file(self._prefix.with_name(name))
        return data
