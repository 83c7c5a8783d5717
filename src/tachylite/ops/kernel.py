"""Kernels: what operators call natively. Each is declared once, in its family's file; its C header and table entry are generated."""

import ctypes
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from operator import eq
from typing import Any

from .registry import load_families

VNNI = "avx512vnni"
"""The tier that multiplies and adds four bytes at once."""

_REALS = ctypes.c_float, ctypes.c_double
_LEAST, _MOST = -(2**31), 2**31 - 1
_set = ctypes.Structure.__setattr__  # looked up once, because programs have thousands of fields


class Params(ctypes.Structure):
    """A kernel's parameter block: fixed-width scalars and arrays of them only, so that every compiler and word size lays it out alike.

    A number that its field cannot hold raises OverflowError, where ctypes would drop bits and the kernel go astray.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        _set(self, name, value)
        if type(value) is not int or not _LEAST <= value <= _MOST:  # else every field of integers holds it
            self._check(name, value)

    def _check(self, name: str, value: Any) -> None:
        stored = getattr(self, name)
        if isinstance(stored, ctypes.Array):
            is_held = stored._type_ in _REALS or all(map(eq, stored, value))
        else:
            is_held = stored == value or type(stored) is float
        if not is_held:
            raise OverflowError(f"{name} would be {value}, more than kernels count to; use smaller shapes and windows")


class NoParams(Params):
    """For kernels that need none."""

    _fields_ = [("unused", ctypes.c_int32)]


@dataclass(frozen=True)
class Kernel:
    """`tl_<name>_<variant>` in C, for each of its variants; all take the same parameter block.

    needs: the compiler's macro of what tiers must have to hold it; all tiers hold others.
    """

    name: str
    params: type[Params]
    variants: tuple[str, ...]
    needs: str = ""

    def symbol(self, variant: str) -> str:
        """The kernel's name in a Program, which is its C name without `tl_`."""
        if variant not in self.variants:
            raise KeyError(f"kernel {self.name} has no variant {variant}, only {', '.join(self.variants)}")
        return f"{self.name}_{variant}"

    @property
    def c_params(self) -> str:
        """The C name of the parameter block."""
        return _c_name(self.params)

    @property
    def layout(self) -> int:
        """A number that changes with the fields of the parameter block."""
        return zlib.crc32(_c_struct(self.params).encode())


_kernels: dict[str, Kernel] = {}

#: C types of the scalars that a parameter block may hold.
C_TYPES = {
    ctypes.c_int8: "int8_t",
    ctypes.c_uint8: "uint8_t",
    ctypes.c_int16: "int16_t",
    ctypes.c_uint16: "uint16_t",
    ctypes.c_int32: "int32_t",
    ctypes.c_uint32: "uint32_t",
    ctypes.c_int64: "int64_t",
    ctypes.c_float: "float",
    ctypes.c_double: "double",
}


def kernel(name: str, params: type[Params], *variants: str, needs: str = "") -> Kernel:
    """Declare a kernel. Raises ValueError where the name is taken."""
    if name in _kernels:
        raise ValueError(f"kernel {name} is declared twice")
    _kernels[name] = Kernel(name, params, variants, needs)
    return _kernels[name]


def kernels() -> Iterator[Kernel]:
    """Every declared kernel by name."""
    load_families()
    yield from sorted(_kernels.values(), key=lambda k: k.name)


def by_symbol() -> dict[str, Kernel]:
    """The kernel of each name that a Program may hold."""
    return {**_own(), **_custom}


def _own() -> dict[str, Kernel]:
    """Those of the native library."""
    return {k.symbol(variant): k for k in kernels() for variant in k.variants}


_custom: dict[str, Kernel] = {}


def declare_custom(k: Kernel) -> None:
    """Let Programs hold a custom operator's kernel, or another one of that name. Raises ValueError where the native library has it."""
    symbols = [k.symbol(variant) for variant in k.variants]
    if taken := sorted(_own().keys() & set(symbols)):
        raise ValueError(f"the native library has kernels {', '.join(taken)}; name your own after yourself")
    _custom.update(dict.fromkeys(symbols, k))


def custom(symbol: str) -> Kernel | None:
    """The custom operator's kernel of this name, None where it is none's."""
    return _custom.get(symbol)


def c_header() -> str:
    """native/include/tl_params.h: the parameter blocks, and the kernels' prototypes."""
    lines = [
        "/* Generated from the registry by `make format`. Parameter blocks and prototypes of all kernels. */",
        "#ifndef TL_PARAMS_H",
        "#define TL_PARAMS_H",
        "",
        '#include "tl_kernel.h"',
        "",
        "/* clang-format off */",
    ]
    for block in sorted({k.params for k in kernels()}, key=_c_name):
        lines += ["", _c_struct(block)]
    lines.append("")
    lines += [line for k in kernels() for line in _prototypes(k)]
    lines += ["", "#endif", ""]
    return "\n".join(lines)


def c_header_of(k: Kernel) -> str:
    """The header of one kernel: its parameter block and prototypes."""
    guard = f"TL_{k.name.upper()}_H"
    lines = [f"/* Generated from the declaration of kernel {k.name}. */", f"#ifndef {guard}", f"#define {guard}", ""]
    return "\n".join([*lines, '#include "tl_kernel.h"', "", _c_struct(k.params), "", *_prototypes(k), "", "#endif", ""])


def _prototypes(k: Kernel) -> Iterator[str]:
    for variant in k.variants:
        yield f"#define tl_{k.symbol(variant)} TL_TIERED(tl_{k.symbol(variant)})"
        yield f"int32_t tl_{k.symbol(variant)}(const {_c_name(k.params)} *p, void *const *t, tl_range r);"


def c_table() -> str:
    """native/kernel_table.inc: one TL_ENTRY(name, parameter block, layout) a kernel, in the order of their names."""
    lines = ["/* Generated from the registry by `make format`. */"]
    for symbol, k in sorted(_own().items()):
        entry = f"TL_ENTRY({symbol}, {_c_name(k.params)}, 0x{k.layout:08x}u)"
        lines += [f"#if defined({k.needs})", entry, "#endif"] if k.needs else [entry]
    return "\n".join([*lines, ""])


def _c_struct(block: type[Params]) -> str:
    return "\n".join(["typedef struct {", *(f"    {_c_field(*f)};" for f in block._fields_), f"}} {_c_name(block)};"])


def _c_name(block: type[Params]) -> str:
    """LeakyReluParams -> tl_leaky_relu_params."""
    name = block.__name__
    return "tl_" + "".join(f"_{c.lower()}" if c.isupper() and i else c.lower() for i, c in enumerate(name))


def _c_field(name: str, kind: Any, *_: Any) -> str:
    length = getattr(kind, "_length_", None)
    return f"{C_TYPES[kind]} {name}" if length is None else f"{C_TYPES[kind._type_]} {name}[{length}]"
