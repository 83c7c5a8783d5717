"""Kernels of custom operators in C source, beside those of the native library."""

import os
import zlib
from dataclasses import dataclass
from pathlib import Path

from .kernel import Kernel, NoParams, Params, declare_custom


@dataclass(frozen=True)
class SourceKernel(Kernel):
    """A kernel that is compiled where it is needed.

    source: its C file, which includes `header`, whose text kernel.c_header_of gives; state: a number that changes with the file.
    """

    source: Path = Path()
    state: int = 0

    @property
    def header(self) -> str:
        return f"tl_{self.name}.h"


def kernel_from_source(source: str | os.PathLike[str], name: str, *variants: str, params: type[Params] = NoParams) -> SourceKernel:
    """Declare the kernel of a custom operator: C functions `tl_<name>_<variant>` in the file `source` (see native/include/tl_kernel.h).

    It may be declared again, as in a notebook. Raises ValueError where the native library has a kernel of that name, OSError where the
    file cannot be read.
    """
    path = Path(source).resolve(strict=True)
    declared = SourceKernel(name, params, variants, source=path, state=zlib.crc32(path.read_bytes()))
    declare_custom(declared)
    return declared
