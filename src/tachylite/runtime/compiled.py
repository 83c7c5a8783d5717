"""Kernels of custom operators, compiled from their C source where this process needs them."""

import ctypes
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

import tachylite
from tachylite.model.errors import TachyliteError
from tachylite.ops.custom import SourceKernel
from tachylite.ops.kernel import c_header_of

FLAGS = "-std=c11 -O2 -fPIC -shared -ffp-contract=off -fno-math-errno -fno-trapping-math -Wno-psabi".split()
"""As the native library's: with contraction, sums of products would round otherwise than the reference."""

LEVELS = {"avx2": "x86-64-v3", "avx512": "x86-64-v4", "avx512vnni": "x86-64-v4"}
"""The compiler's name of what a tier can do at least."""


@cache
def compiled(kernel: SourceKernel, symbol: str, tier: str) -> int:
    """The address of `tl_<symbol>`. Raises TachyliteError where there is no compiler, or with what it says about the source."""
    library = _library(kernel, tier)
    try:
        return ctypes.cast(getattr(library, f"tl_{symbol}"), ctypes.c_void_p).value or 0
    except AttributeError:
        raise TachyliteError(f"{kernel.source} defines no function tl_{symbol}; see docs/custom-ops.md") from None


@cache
def _library(kernel: SourceKernel, tier: str) -> ctypes.CDLL:
    """A kernel's source, compiled and loaded. The file can go once it is loaded: nothing stays behind on the disk."""
    with tempfile.TemporaryDirectory(prefix="tachylite-") as folder:
        (Path(folder) / kernel.header).write_text(c_header_of(kernel), encoding="utf-8")
        target = Path(folder) / "kernel.so"
        command = [*compiler(), *FLAGS, *_level(tier), f"-I{folder}", f"-I{headers()}", str(kernel.source), "-o", str(target)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise TachyliteError(f"kernel {kernel.name} cannot be compiled:\n{done.stderr.strip()}")
        return ctypes.CDLL(str(target))


def compiler() -> list[str]:
    """The command of the machine's C compiler ($CC, cc, gcc, clang), else of zig from PyPI. Raises TachyliteError where there is none."""
    names = filter(None, (os.environ.get("CC"), "cc", "gcc", "clang"))
    if found := next((name.split() for name in names if shutil.which(name.split()[0])), None):
        return found
    if importlib.util.find_spec("ziglang"):
        return [sys.executable, "-m", "ziglang", "cc", "-fno-sanitize=all"]
    raise TachyliteError("a custom kernel is to be compiled, and there is no C compiler; install gcc or clang, or tachylite[compile]")


def headers() -> Path:
    """Where tl_kernel.h lies: in the package, or beside it where it runs from its repository."""
    package = Path(tachylite.__file__).parent
    places = (package / "native" / "include", package.parents[1] / "native" / "include")
    return next((place for place in places if place.exists()), places[0])


def _level(tier: str) -> list[str]:
    if tier not in LEVELS or platform.machine().lower() not in ("x86_64", "amd64"):
        return []
    level = LEVELS[tier]
    return [f"-march={level.replace('-', '_') if 'ziglang' in compiler() else level}"]
