"""Build the native library with the system's C compiler, or with zig from PyPI (package ziglang) where there is none.

Every kernel file is compiled once for each tier; `python tools/build_native.py [--debug]` writes src/tachylite/lib/libtachylite.so, and its
header beside it.
"""

import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NATIVE = ROOT / "native"
LIBRARY = ROOT / "src" / "tachylite" / "lib" / "libtachylite.so"

X86_TIERS = {
    "baseline": [],
    "avx2": ["-mavx2", "-mfma", "-mf16c"],
    "avx512": ["-mavx2", "-mfma", "-mf16c", "-mavx512f", "-mavx512bw", "-mavx512vl", "-mavx512dq"],
    "avx512vnni": ["-mavx2", "-mfma", "-mf16c", "-mavx512f", "-mavx512bw", "-mavx512vl", "-mavx512dq", "-mavx512vnni"],
}
"""Compiler flags of each tier of tl_tiers.h."""

FLAGS = "-std=c11 -O3 -fPIC -fvisibility=hidden -ffp-contract=off -fno-math-errno -fno-trapping-math -Wall -Wextra -Wno-psabi".split()


def system_compiler() -> list[str]:
    """The command of the machine's C compiler: $CC, cc, gcc or clang; empty where there is none."""
    names = filter(None, (os.environ.get("CC"), "cc", "gcc", "clang"))
    return next((name.split() for name in names if shutil.which(name.split()[0])), [])


def compiler() -> list[str]:
    """The command of a C compiler: the machine's, else zig. Exits where there is none."""
    if found := system_compiler():
        return found
    if importlib.util.find_spec("ziglang"):
        return [sys.executable, "-m", "ziglang", "cc", "-fno-sanitize=all"]
    sys.exit("no C compiler found; install gcc or clang, or: pip install ziglang")


def tiers() -> dict[str, list[str]]:
    """Tiers of the machine's architecture, and their flags."""
    return X86_TIERS if platform.machine().lower() in ("x86_64", "amd64") else {"baseline": []}


def units() -> list[tuple[Path, str, list[str]]]:
    """What to compile: source, tier (or nothing) and flags."""
    common: list[tuple[Path, str, list[str]]] = [(path, "", []) for path in sorted(NATIVE.glob("*.c")) if path.stem != "tier"]
    kernels = [NATIVE / "tier.c", *sorted((NATIVE / "kernels").glob("*.c"))]
    return common + [(path, tier, [*flags, *contraction(path), f"-DTL_TIER={tier}"]) for tier, flags in tiers().items() for path in kernels]


def contraction(path: Path) -> list[str]:
    """Files of purely floating-point kernels, *_f32.c, may contract a * b + c; others would round differently from the reference."""
    return ["-ffp-contract=fast"] if path.stem.endswith("_f32") else []


def build(target: Path = LIBRARY, debug: bool = False) -> None:
    """Compile everything and link it, without symbols unless it is to be debugged. Raises CalledProcessError where the compiler fails."""
    cc = compiler()
    flags, link = (["-O0", "-g"], []) if debug else ([], ["-s"])
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:

        def compile_one(unit: tuple[Path, str, list[str]]) -> str:
            path, tier, own = unit
            out = str(Path(folder) / f"{path.stem}__{tier}.o")
            include = f"-I{NATIVE / 'include'}", f"-I{NATIVE}"
            subprocess.run([*cc, *FLAGS, *own, *flags, *include, "-c", str(path), "-o", out], check=True)
            return out

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            objects = list(pool.map(compile_one, units()))
        # Beside the target first, so that a running process never sees half a library.
        fresh = target.with_name(target.name + ".new")
        subprocess.run([*cc, *link, "-shared", "-o", str(fresh), *objects, "-lpthread"], check=True)
        fresh.replace(target)
    shutil.copyfile(NATIVE / "include" / "tachylite.h", target.with_name("tachylite.h"))


if __name__ == "__main__":
    build(debug="--debug" in sys.argv[1:])
