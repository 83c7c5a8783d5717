"""The C runtime's interface (native/include/tachylite.h) through ctypes, so that tests can hold it against the Interpreter."""

import ctypes
from ctypes import POINTER, Structure, byref, c_char, c_char_p, c_float, c_int32, c_size_t, c_void_p
from pathlib import Path
from typing import Any

import numpy as np

from tachylite import Model
from tachylite.model.dtypes import DTYPES
from tachylite.program import tlp
from tachylite.program.target import Target
from tachylite.runtime import native


class Error(Structure):
    _fields_ = [("message", c_char * 256)]


class Tensor(Structure):
    _fields_ = [
        ("name", c_char_p),
        ("type", c_int32),
        ("rank", c_int32),
        ("shape", POINTER(c_int32)),
        ("bytes", c_size_t),
        ("scale", c_float),
        ("zero_point", c_int32),
        ("data", c_void_p),
    ]

    def array(self) -> np.ndarray:
        """The tensor's memory."""
        shape = self.shape[: self.rank]
        buffer = (ctypes.c_uint8 * self.bytes).from_address(self.data)
        return np.frombuffer(buffer, list(DTYPES.values())[self.type], np.prod(shape, dtype=int)).reshape(shape)


class ProgramError(Exception):
    """A message of the C runtime."""


def library() -> ctypes.CDLL:
    loaded = ctypes.CDLL(str(native.LIBRARY))
    for name in ("open", "open_memory"):
        getattr(loaded, f"tl_program_{name}").restype = c_void_p
    for name in ("input", "output", "find_input", "find_output"):
        getattr(loaded, f"tl_program_{name}").restype = POINTER(Tensor)
    loaded.tl_program_entry_name.restype = c_char_p
    return loaded


class Program:
    """An open program; from a path or from bytes, which are not aligned in general."""

    def __init__(self, source: Path | bytes, threads: int = 0):
        self._library, self._error, self._source = library(), Error(), source
        if isinstance(source, bytes):
            handle = self._library.tl_program_open_memory(source, c_size_t(len(source)), c_int32(threads), byref(self._error))
        else:
            handle = self._library.tl_program_open(str(source).encode(), c_int32(threads), byref(self._error))
        self.handle = c_void_p(handle)
        if not handle:
            self._fail()

    def __del__(self) -> None:
        self._library.tl_program_close(self.handle)

    def _fail(self) -> None:
        raise ProgramError(self._error.message.decode())

    def entries(self) -> list[str]:
        return [
            self._library.tl_program_entry_name(self.handle, entry).decode()
            for entry in range(self._library.tl_program_entries(self.handle))
        ]

    def entry(self, name: str) -> int:
        return int(self._library.tl_program_find_entry(self.handle, name.encode()))

    def tensors(self, kind: str, entry: str) -> dict[str, Tensor]:
        """The inputs or outputs of an entry by name; kind: `input` or `output`."""
        found: dict[str, Tensor] = {}
        while pointer := getattr(self._library, f"tl_program_{kind}")(self.handle, self.entry(entry), len(found)):
            found[pointer.contents.name.decode()] = pointer.contents
        return found

    def find(self, kind: str, entry: str, name: str) -> Tensor | None:
        pointer = getattr(self._library, f"tl_program_find_{kind}")(self.handle, self.entry(entry), name.encode())
        return pointer.contents if pointer else None

    def bind(self, kind: str, entry: str, name: str, address: int | None) -> None:
        tensor = getattr(self._library, f"tl_program_find_{kind}")(self.handle, self.entry(entry), name.encode())
        if self._library.tl_program_bind(self.handle, tensor, c_void_p(address), byref(self._error)):
            self._fail()

    def run(self, entry: str) -> None:
        if self._library.tl_program_run(self.handle, self.entry(entry), byref(self._error)):
            self._fail()

    def reset(self) -> None:
        if self._library.tl_program_reset(self.handle, byref(self._error)):
            self._fail()

    def __call__(self, entry: str = "main", **inputs: Any) -> dict[str, np.ndarray]:
        """Set the inputs, run, and copy the outputs."""
        tensors = self.tensors("input", entry)
        assert inputs.keys() == tensors.keys()
        for name, value in inputs.items():
            np.copyto(tensors[name].array(), value)
        self.run(entry)
        return {name: tensor.array().copy() for name, tensor in self.tensors("output", entry).items()}


def compiled(model: Model, tier: str | None = None, workers: int = 1) -> bytes:
    return bytes(tlp.compile_model(model, Target(tier or native.tier(), workers=workers)))
