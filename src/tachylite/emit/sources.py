"""The C sources that a Program's kernels need."""

import json
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import NamedTuple

import tachylite
from tachylite.model.errors import TachyliteError

_INCLUDE = re.compile(r'^#include "(\w+\.h)"', re.MULTILINE)


class Sources(NamedTuple):
    """Kernel files and the headers that they include, by name."""

    kernels: tuple[Path, ...]
    headers: tuple[Path, ...]


@cache
def folder() -> Path:
    """Where the native sources lie: in the package, or beside it where it runs from its repository. Raises TachyliteError."""
    package = Path(tachylite.__file__).parent
    for place in (package / "native", package.parents[1] / "native"):
        if (place / "kernel_files.json").exists():
            return place
    raise TachyliteError("the C sources of the kernels are missing from this installation; install tachylite again")


def sources(symbols: Iterable[str]) -> Sources:
    """What defines these kernels, and what that needs in turn."""
    index = json.loads((folder() / "kernel_files.json").read_text(encoding="utf-8"))
    owner = {symbol: stem for stem, entry in index.items() for symbol in entry["defines"]}
    kernels: set[str] = set()
    waiting = {owner[symbol] for symbol in symbols}
    while waiting:
        kernels |= waiting
        waiting = {needed for stem in waiting for needed in index[stem]["needs"]} - kernels
    paths = tuple(folder() / "kernels" / f"{stem}.c" for stem in sorted(kernels))
    return Sources(paths, _headers(paths))


def _headers(paths: Iterable[Path]) -> tuple[Path, ...]:
    """All headers that files include, directly or not, and the one of the parameter blocks."""
    found: set[str] = set()
    waiting = {"tl_params.h"}.union(*(_includes(path) for path in paths))
    while waiting:
        found |= waiting
        waiting = set[str]().union(*(_includes(folder() / "include" / name) for name in waiting)) - found
    return tuple(folder() / "include" / name for name in sorted(found))


def _includes(path: Path) -> set[str]:
    return set(_INCLUDE.findall(path.read_text(encoding="utf-8")))
