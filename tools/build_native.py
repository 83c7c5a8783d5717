"""Build the native library with the system's C compiler, or with zig from PyPI (package ziglang) where there is none.

Every kernel file is compiled once for each tier; `python tools/build_native.py [--debug]` writes src/tachylite/lib/libtachylite.so, and its
header beside it. With --sanitize address,undefined or --sanitize thread it is a library for tools/sanitize.py.
"""

import argparse
import importlib.util
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NATIVE = ROOT / "native"
LIBRARY = ROOT / "src" / "tachylite" / "lib" / "libtachylite.so"

X86_TIERS = {
    "baseline": [],
    "avx2": ["-mavx2", "-mfma", "-mf16c"],
    "avx512": ["-mavx2", "-mfma", "-mf16c", "-mavx512f", "-mavx512bw", "-mavx512vl", "-mavx512dq", "-mprefer-vector-width=512"],
    "avx512vnni": [
        "-mavx2",
        "-mfma",
        "-mf16c",
        "-mavx512f",
        "-mavx512bw",
        "-mavx512vl",
        "-mavx512dq",
        "-mprefer-vector-width=512",
        "-mavx512vnni",
    ],
}
"""Compiler flags of each tier of tl_tiers.h."""

FLAGS = "-std=c11 -O2 -fPIC -fvisibility=hidden -ffp-contract=off -fno-math-errno -fno-trapping-math -Wall -Wextra -Wno-psabi".split()

GCC_FLAGS = "-ftree-vectorize -fvect-cost-model=dynamic".split()
"""Clang vectorizes loops at -O2 by itself. -O3 is no faster, and its copies of loops double the library."""


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


def is_gcc(command: Sequence[str]) -> bool:
    """Whether a compiler is GCC, which has options that Clang refuses."""
    version = subprocess.run([*command, "--version"], capture_output=True, text=True, check=False).stdout
    return "Free Software Foundation" in version


def tiers() -> dict[str, list[str]]:
    """Tiers of the machine's architecture, and their flags."""
    return X86_TIERS if platform.machine().lower() in ("x86_64", "amd64") else {"baseline": []}


def units(only: str | None = None) -> list[tuple[Path, str, list[str]]]:
    """What to compile: source, tier (or nothing) and flags. only: the one tier that is wanted."""
    alone = [f"-DTL_ONLY_TIER={only}"] if only else []
    common: list[tuple[Path, str, list[str]]] = [(path, "", alone) for path in sorted(NATIVE.glob("*.c")) if path.stem != "tier"]
    kernels = [NATIVE / "tier.c", *sorted((NATIVE / "kernels").glob("*.c"))]
    chosen = {tier: flags for tier, flags in tiers().items() if only in (None, tier)}
    return common + [(path, tier, [*flags, *contraction(path), f"-DTL_TIER={tier}"]) for tier, flags in chosen.items() for path in kernels]


def contraction(path: Path) -> list[str]:
    """Files of purely floating-point kernels, *_f32.c, may contract a * b + c; others would round differently from the reference."""
    return ["-ffp-contract=fast"] if path.stem.endswith("_f32") else []


def index() -> str:
    """native/kernel_files.json: what each kernel file defines, and which others it needs, as the preprocessor tells it."""
    texts = {path.stem: _preprocessed(path) for path in sorted((NATIVE / "kernels").glob("*.c"))}
    signature = r"\b(?:int32_t|void) tl_(\w+)__TIER\s*\([^;{}()]*\)\s*"
    defined = {stem: sorted(set(re.findall(signature + "{", text))) for stem, text in texts.items()}
    owner = {name: stem for stem, names in defined.items() for name in names}
    entries = {}
    for stem, text in texts.items():
        bodies = re.sub(signature + ";", "", text)
        used = {owner[name] for name in re.findall(r"\btl_(\w+)__TIER\b", bodies)}
        entries[stem] = {"defines": defined[stem], "needs": sorted(used - {stem})}
    return json.dumps(entries, indent=1) + "\n"


def _preprocessed(path: Path) -> str:
    command = [*compiler(), "-E", "-P", "-std=c11", "-DTL_TIER=TIER", f"-I{NATIVE / 'include'}", str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def build(target: Path = LIBRARY, extra: Sequence[str] = (), only: str | None = None) -> None:
    """Compile everything, or one tier, and link it; without `extra`, without symbols. Raises CalledProcessError where that fails."""
    cc = compiler()
    target.parent.mkdir(parents=True, exist_ok=True)
    flags = FLAGS + (GCC_FLAGS if not extra and is_gcc(cc) else [])
    with tempfile.TemporaryDirectory() as folder:

        def compile_one(unit: tuple[Path, str, list[str]]) -> str:
            path, tier, own = unit
            out = str(Path(folder) / f"{path.stem}__{tier}.o")
            include = f"-I{NATIVE / 'include'}", f"-I{NATIVE}"
            subprocess.run([*cc, *flags, *own, *extra, *include, "-c", str(path), "-o", out], check=True)
            return out

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            objects = list(pool.map(compile_one, units(only)))
        # Beside the target first, so that a running process never sees half a library.
        fresh = target.with_name(target.name + ".new")
        subprocess.run([*cc, *(extra or ["-s"]), "-shared", "-o", str(fresh), *objects, "-lpthread"], check=True)
        fresh.replace(target)
    for header in ("tachylite.h", "tachylite_delegate.h", "tachylite_operator.h", "tl_kernel.h"):
        shutil.copyfile(NATIVE / "include" / header, target.with_name(header))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--debug", action="store_true", help="without optimization, with symbols")
    parser.add_argument("--sanitize", metavar="KINDS", help="what the compiler's -fsanitize takes; findings do not end the process")
    parser.add_argument("--tier", help="this tier alone")
    parser.add_argument("--target", type=Path, default=LIBRARY, help="the library to write")
    arguments = parser.parse_args()
    extra = ["-O0", "-g"] if arguments.debug else []
    if arguments.sanitize:
        # Lines, but no variables: tracking those through instrumented loops takes minutes and gigabytes.
        extra += ["-O1", "-g1", "-fno-omit-frame-pointer", f"-fsanitize={arguments.sanitize}"]
        extra += [] if arguments.sanitize == "thread" else ["-fsanitize-recover=all"]
    build(arguments.target, extra, arguments.tier)


if __name__ == "__main__":
    main()
