"""Delegates in shared libraries: native/include/tachylite_delegate.h in ctypes."""

import ctypes
import weakref
from collections.abc import Mapping, Sequence
from ctypes import CFUNCTYPE, POINTER, Structure, byref, c_char, c_char_p, c_float, c_int32, c_int64, c_size_t, c_uint32, c_void_p
from typing import Any

import numpy as np

from tachylite.model.dtypes import DTYPES, TYPE_NAMES
from tachylite.model.errors import TachyliteError
from tachylite.model.graph import Graph, Model, Operator, Tensor
from tachylite.program.delegate import Delegate

ABI = 1
"""TL_DELEGATE_ABI."""

OMITTED = -1
"""The rank of an operand that is not there."""


class Error(Structure):
    """tl_error."""

    _fields_ = [("message", c_char * 256)]

    def __str__(self) -> str:
        return self.message.decode(errors="replace")


class CTensor(Structure):
    """tl_tensor."""

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


class COperator(Structure):
    """tl_operator."""

    _fields_ = [
        ("name", c_char_p),
        ("is_custom", c_int32),
        ("input_count", c_int32),
        ("output_count", c_int32),
        ("inputs", POINTER(CTensor)),
        ("outputs", POINTER(CTensor)),
        ("custom_options", c_char_p),
        ("custom_options_bytes", c_size_t),
        ("model", c_char_p),
        ("model_bytes", c_size_t),
    ]


class Option(Structure):
    """tl_option."""

    _fields_ = [("name", c_char_p), ("value", c_char_p)]


class Blob(Structure):
    """tl_blob."""

    _fields_ = [("data", c_void_p), ("bytes", c_size_t)]


class CDelegate(Structure):
    """tl_delegate."""

    _fields_ = [
        ("abi", c_uint32),
        ("name", c_char_p),
        ("least_work", c_int64),
        ("create", CFUNCTYPE(c_void_p, POINTER(Option), c_int32, POINTER(Error))),
        ("destroy", CFUNCTYPE(None, c_void_p)),
        ("supports", CFUNCTYPE(c_int32, c_void_p, POINTER(COperator), POINTER(Error))),
        ("compile", CFUNCTYPE(c_int32, c_void_p, c_char_p, c_size_t, POINTER(Blob), POINTER(Error))),
        ("free_blob", CFUNCTYPE(None, c_void_p, POINTER(Blob))),
        ("load", CFUNCTYPE(c_void_p, c_void_p, c_char_p, c_size_t, POINTER(Error))),
        ("invoke", CFUNCTYPE(c_int32, c_void_p, POINTER(c_void_p), POINTER(c_void_p), POINTER(Error))),
        ("release", CFUNCTYPE(None, c_void_p)),
    ]


class LibraryDelegate(Delegate):
    """A delegate that a shared library exports. Raises TachyliteError where the library cannot be loaded, or refuses the options."""

    def __init__(self, library: str, options: Mapping[str, Any] | None = None):
        self._table = table = open_library(library)
        self.name, self.least_work = table.name.decode(), table.least_work
        super().__init__(options)
        pairs = [Option(str(key).encode(), str(value).encode()) for key, value in self.options.items()]
        error = Error()
        self._instance = table.create((Option * len(pairs))(*pairs), len(pairs), byref(error)) if table.create else None
        if table.create and not self._instance:
            raise TachyliteError(f"delegate {library!r} refuses the options {self.options}: {error}")
        if table.destroy:
            weakref.finalize(self, table.destroy, self._instance)
        if not (table.supports and table.compile and table.free_blob):
            raise TachyliteError(f"delegate {library!r} only runs what another library compiled; load one that compiles")

    def supports(self, op: Operator) -> bool | str:
        model = Model.of(_graph_of(op)).to_bytes()
        kept: list[np.ndarray] = []
        inputs, outputs = c_tensors(op.inputs, kept), c_tensors(op.outputs, kept)
        options = op.custom_options
        counts = len(op.inputs), len(op.outputs)
        described = COperator(op.op.encode(), op.is_custom, *counts, inputs, outputs, options, len(options), model, len(model))
        error = Error()
        return bool(self._table.supports(self._instance, byref(described), byref(error))) or str(error)

    def compile(self, graph: Graph) -> "LoadedBlob":
        model = Model.of(graph).to_bytes()
        blob, error = Blob(), Error()
        if self._table.compile(self._instance, model, len(model), byref(blob), byref(error)):
            raise TachyliteError(str(error))
        content = ctypes.string_at(blob.data, blob.bytes)
        self._table.free_blob(self._instance, byref(blob))
        return LoadedBlob(self, content, graph)


class LoadedBlob:
    """A blob, ready to run."""

    def __init__(self, delegate: LibraryDelegate, blob: bytes, graph: Graph):
        self.blob = blob
        self._delegate, self._table = delegate, delegate._table
        self._outputs = [(t.shape, t.dtype) for t in graph.outputs]
        error = Error()
        self._loaded = self._table.load(delegate._instance, blob, len(blob), byref(error))
        if not self._loaded:
            raise TachyliteError(str(error))
        self._release = weakref.finalize(self, self._table.release, self._loaded)

    def __call__(self, *inputs: np.ndarray) -> list[np.ndarray]:
        arrays = [np.ascontiguousarray(array) for array in inputs]
        outputs = [np.empty(shape, dtype) for shape, dtype in self._outputs]
        error = Error()
        if self._table.invoke(self._loaded, _addresses(arrays), _addresses(outputs), byref(error)):
            raise TachyliteError(str(error))
        return outputs


def open_library(library: str) -> CDelegate:
    """What a shared library exports. Raises TachyliteError."""
    try:
        export = ctypes.CDLL(library).tachylite_delegate
    except (OSError, AttributeError) as problem:
        raise TachyliteError(f"delegate {library!r} cannot be loaded: {problem}") from problem
    export.restype, export.argtypes = POINTER(CDelegate), []
    table: CDelegate = export().contents
    if table.abi != ABI:
        raise TachyliteError(f"delegate {library!r} has version {table.abi} of the interface, it must be {ABI}; build it again")
    return table


def _graph_of(op: Operator) -> Graph:
    """An operator alone."""
    graph = Graph("operator", outputs=list(op.outputs))
    graph.append(op)
    graph.inputs = [t for t in dict.fromkeys(op.inputs) if t is not None and not t.is_constant]
    return graph


def c_tensors(tensors: Sequence[Tensor | None], kept: list[np.ndarray]) -> Any:
    """An array of tl_tensor; kept: gets the arrays that it points to, which must live as long."""
    return (CTensor * len(tensors))(*(_tensor(t, kept) for t in tensors))


def _tensor(tensor: Tensor | None, kept: list[np.ndarray]) -> CTensor:
    if tensor is None:
        return CTensor(rank=OMITTED)
    whole = tensor.quantization is not None and len(tensor.quantization.scale) == 1
    data = None if tensor.data is None else np.ascontiguousarray(tensor.data)
    kept += [] if data is None else [data]
    return CTensor(
        tensor.name.encode(),
        list(DTYPES).index(TYPE_NAMES[tensor.dtype]),
        len(tensor.shape),
        (c_int32 * len(tensor.shape))(*tensor.shape),
        tensor.size * tensor.dtype.itemsize,
        tensor.scale if whole else 0,
        tensor.zero_point if whole else 0,
        None if data is None else data.ctypes.data,
    )


def _addresses(arrays: Sequence[np.ndarray]) -> Any:
    return (c_void_p * len(arrays))(*(array.ctypes.data for array in arrays))
