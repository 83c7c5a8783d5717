"""The C sources that a Program's kernels need."""

import json
import re
from collections.abc import Collection, Iterable
from functools import cache
from pathlib import Path
from typing import NamedTuple

import tachylite
from tachylite.model.errors import TachyliteError
from tachylite.ops.custom import SourceKernel
from tachylite.ops.kernel import c_header_of, custom

_INCLUDE = re.compile(r'^#include "(\w+\.h)"', re.MULTILINE)


class Sources(NamedTuple):
    """Kernel files and the headers that they include, by name; and kernels of custom operators, which bring their own."""

    kernels: tuple[Path, ...]
    headers: tuple[Path, ...]
    custom: tuple[SourceKernel, ...]

    def kernel_texts(self) -> dict[str, str]:
        """The C files."""
        return _texts(self.kernels) | {f"custom_{k.name}.c": k.source.read_text(encoding="utf-8") for k in self.custom}

    def header_texts(self) -> dict[str, str]:
        """The headers."""
        return _texts(self.headers) | {k.header: c_header_of(k) for k in self.custom}


def _texts(paths: Iterable[Path]) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in paths}


@cache
def folder() -> Path:
    """Where the native sources lie: in the package, or beside it where it runs from its repository. Raises TachyliteError."""
    package = Path(tachylite.__file__).parent
    for place in (package / "native", package.parents[1] / "native"):
        if (place / "kernel_files.json").exists():
            return place
    raise TachyliteError("the C sources of the kernels are missing from this installation; install tachylite again")


def custom_kernels(symbols: Iterable[str]) -> list[SourceKernel]:
    """Those of custom operators, by name. Raises TachyliteError where one has no C source."""
    found = {own.name: own for symbol in symbols if (own := custom(symbol)) is not None}
    for own in found.values():
        if not isinstance(own, SourceKernel):
            raise TachyliteError(f"kernel {own.name} lies in a shared library; declare its C source with tachylite.kernel_from_source")
    return [own for _, own in sorted(found.items()) if isinstance(own, SourceKernel)]


def sources(symbols: Collection[str]) -> Sources:
    """What defines these kernels, and what that needs in turn."""
    own = tuple(custom_kernels(symbols))
    index = json.loads((folder() / "kernel_files.json").read_text(encoding="utf-8"))
    owner = {symbol: stem for stem, entry in index.items() for symbol in entry["defines"]}
    kernels: set[str] = set()
    waiting = {owner[symbol] for symbol in symbols if custom(symbol) is None}
    while waiting:
        kernels |= waiting
        waiting = {needed for stem in waiting for needed in index[stem]["needs"]} - kernels
    paths = tuple(folder() / "kernels" / f"{stem}.c" for stem in sorted(kernels))
    return Sources(paths, _headers((*paths, *(k.source for k in own)), {k.header for k in own}), own)


def _headers(paths: Iterable[Path], generated: set[str]) -> tuple[Path, ...]:
    """All headers that files include, directly or not, and the one of the parameter blocks, but for those that are generated."""
    found: set[str] = set()
    waiting = {"tl_params.h"}.union(*(_includes(path) for path in paths)) - generated
    while waiting:
        found |= waiting
        waiting = set[str]().union(*(_includes(folder() / "include" / name) for name in waiting)) - found
    return tuple(folder() / "include" / name for name in sorted(found))


def _includes(path: Path) -> set[str]:
    return set(_INCLUDE.findall(path.read_text(encoding="utf-8")))
