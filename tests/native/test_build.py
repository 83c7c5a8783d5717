"""The kernels' sources: freestanding C for every platform, and a library that builds with zig where there is no compiler."""

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NATIVE = ROOT / "native"
KERNELS = sorted((NATIVE / "kernels").glob("*.c"))

PLATFORMS = {
    "cortex_m4": ["-target", "thumb-freestanding-eabihf", "-mcpu=cortex_m4+vfp4d16sp"],
    "wasm32": ["-target", "wasm32-freestanding", "-mcpu=generic+simd128+bulk_memory"],
    "aarch64": ["-target", "aarch64-freestanding"],
}
"""Platforms without a libc, as zig names them."""


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("source", KERNELS, ids=lambda path: path.stem)
def test_kernels_need_no_libc(source: Path, platform: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "ziglang", "cc", *PLATFORMS[platform], *"-std=c11 -O2 -fno-sanitize=all -ffreestanding".split()]
    command += [
        "-Wall",
        "-Wextra",
        "-Werror",
        f"-I{NATIVE / 'include'}",
        f"-I{NATIVE}",
        "-c",
        str(source),
        "-o",
        str(tmp_path / "kernel.o"),
    ]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


def test_the_library_builds_with_zig_where_there_is_no_compiler(tmp_path: Path) -> None:
    library = tmp_path / "libtachylite.so"
    code = f"import pathlib, runpy; runpy.run_path({str(ROOT / 'tools/build_native.py')!r})['build'](pathlib.Path({str(library)!r}))"
    environment = {key: value for key, value in os.environ.items() if key not in ("PATH", "CC")}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment | {"PATH": str(tmp_path)})
    built = ctypes.CDLL(str(library))
    built.tl_tiers.restype = ctypes.c_char_p
    assert b"baseline" in built.tl_tiers().split()
