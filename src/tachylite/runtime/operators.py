"""Custom operators that a shared library defines: native/include/tachylite_operator.h in ctypes."""

import ctypes
from collections.abc import Sequence
from ctypes import CFUNCTYPE, POINTER, Structure, byref, c_char_p, c_int32, c_uint8, c_uint32, c_void_p
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from tachylite.model.dtypes import DTYPES
from tachylite.model.errors import TachyliteError
from tachylite.model.graph import Operator, Tensor
from tachylite.ops.kernel import Kernel, Params, declare_custom
from tachylite.ops.registry import OpDef, Spec, register

from . import native
from .library import COperator, Error, c_tensors

ABI = 1
"""TL_OPERATOR_ABI."""

MOST_DIMENSIONS = 8


class Range(Structure):
    """tl_range."""

    _fields_ = [("begin", c_int32), ("end", c_int32), ("worker", c_int32)]


class Output(Structure):
    """tl_output."""

    _fields_ = [("type", c_int32), ("rank", c_int32), ("shape", c_int32 * MOST_DIMENSIONS)]


class Definition(Structure):
    """tl_operator_definition."""

    _fields_ = [
        ("name", c_char_p),
        ("output_count", c_int32),
        ("kernel_name", c_char_p),
        ("kernel", CFUNCTYPE(c_int32, c_void_p, POINTER(c_void_p), Range)),
        ("params_bytes", c_uint32),
        ("layout", c_uint32),
        ("prepare", CFUNCTYPE(c_int32, POINTER(COperator), POINTER(Output), c_void_p, POINTER(c_int32), POINTER(Error))),
    ]


class Table(Structure):
    """tl_operators."""

    _fields_ = [("abi", c_uint32), ("count", c_int32), ("definitions", POINTER(Definition))]


@dataclass(frozen=True)
class LibraryKernel(Kernel):
    """A kernel of a shared library, whose table says how it is called and what its layout is."""

    number: int = 0

    def symbol(self, variant: str) -> str:
        return self.name

    @property
    def layout(self) -> int:
        return self.number


def load_operators(library: str) -> list[OpDef]:
    """Make the custom operators of a shared library known, and return them. Raises TachyliteError where it cannot be loaded."""
    try:
        export = ctypes.CDLL(library).tachylite_operators
    except (OSError, AttributeError) as problem:
        raise TachyliteError(f"operators of {library!r} cannot be loaded: {problem}") from problem
    export.restype, export.argtypes = POINTER(Table), []
    pointer, error = export(), Error()
    if native.library().tl_register_operators(pointer, byref(error)):
        raise TachyliteError(f"operators of {library!r} cannot be loaded: {error}")
    native._find.cache_clear()
    table = pointer.contents
    return [register(definition(table.definitions[i])) for i in range(table.count)]


def definition(entry: Definition) -> OpDef:
    """The OpDef of an operator in C."""
    if not entry.prepare:
        raise TachyliteError(f"custom operator {entry.name.decode()!r} has no `prepare`: its library is for the C runtime alone")
    block = type("Block", (Params,), {"_fields_": [("bytes", c_uint8 * max(1, entry.params_bytes))]})
    kernel = LibraryKernel(entry.kernel_name.decode(), block, ("any",), number=entry.layout)
    declare_custom(kernel)
    return OpDef(
        entry.name.decode(),
        infer=lambda op, *specs: _prepare(entry, op, specs).outputs,
        reference=partial(_run, entry),
        lower=lambda low, op: _lower(entry, kernel, low, op),
        is_custom=True,
    )


@dataclass(frozen=True)
class Prepared:
    """What an operator's `prepare` said."""

    outputs: list[Spec]
    params: bytes
    work: int


def _prepare(entry: Definition, op: Operator, specs: Sequence[Spec | None]) -> Prepared:
    """Raises OpError with what the library says."""
    inputs = [None if s is None or t is None else _described(t, s) for t, s in zip(op.inputs, specs, strict=True)]
    kept: list[np.ndarray] = []
    described = COperator(op.op.encode(), op.is_custom, len(inputs), len(op.outputs), c_tensors(inputs, kept), c_tensors(op.outputs, kept))
    described.custom_options, described.custom_options_bytes = op.custom_options, len(op.custom_options)
    outputs, params = (Output * entry.output_count)(), ctypes.create_string_buffer(max(1, entry.params_bytes))
    work, error = c_int32(), Error()
    if entry.prepare(byref(described), outputs, params, byref(work), byref(error)):
        raise op.error(str(error) or "the library refuses it, and does not say why")
    found = [Spec(tuple(o.shape[: o.rank]), list(DTYPES.values())[o.type]) for o in outputs]
    return Prepared(found, params.raw, work.value)


def _described(tensor: Tensor, spec: Spec) -> Tensor:
    return Tensor(tensor.name, spec.shape, spec.dtype, tensor.quantization, spec.value)


def _run(entry: Definition, op: Operator, *arrays: np.ndarray | None) -> list[np.ndarray]:
    """The reference: the kernel itself, over all of its work."""
    prepared = _prepare(entry, op, [None if a is None else Spec(a.shape, a.dtype, a) for a in arrays])
    inputs = [None if a is None else np.ascontiguousarray(a) for a in arrays]
    outputs = [np.empty(s.shape, s.dtype) for s in prepared.outputs]
    tensors = [None if a is None else a.ctypes.data for a in (*inputs, *outputs)]
    if status := entry.kernel(prepared.params, (c_void_p * len(tensors))(*tensors), Range(0, prepared.work, 0)):
        raise op.error(f"its kernel failed with code {status}")
    return outputs


def _lower(entry: Definition, kernel: Kernel, low: Any, op: Operator) -> None:
    prepared = _prepare(entry, op, [low.spec(t) for t in op.inputs])
    low.call(kernel, "any", op, kernel.params.from_buffer_copy(prepared.params), work=prepared.work)
