"""Emitted C on bare Cortex-M boards under QEMU: is it right, how many instructions does it take, how much flash."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tachylite.emit.interface import Function
from tachylite.emit.project import CONTRACTED, FLAGS, write
from tachylite.emit.targets import MACHINES
from tachylite.emit.unit import Unit
from tests.emit.emitted import driver

HERE = Path(__file__).parent
COUNTER = HERE.parents[1].parent / "shared" / "mcu" / "insn.c"
"""A plugin for QEMU that counts instructions between two addresses."""

BOARDS = {"cortex-m3": "mps2-an385", "cortex-m4": "mps2-an386", "cortex-m7": "mps2-an500", "cortex-m55": "mps3-an547"}
"""QEMU's machine of each target."""

Step = tuple[Function, Sequence[np.ndarray], Sequence[np.ndarray]]


@dataclass(frozen=True)
class Result:
    """status: the number of the first model that differs, or 0; counts: instructions of each stretch; sections: text, rodata, data."""

    status: int
    counts: list[int]
    flash: int


def compiler(target: str) -> list[str]:
    """GCC for bare Arm, where the environment names one, else zig's Clang."""
    machine = MACHINES[target]
    if gcc := os.environ.get("ARM_GCC"):
        return [gcc, *machine.flags, "-nostartfiles"]
    return [
        sys.executable,
        "-m",
        "ziglang",
        "cc",
        "-target",
        machine.triple,
        f"-mcpu={machine.cpu}",
        "-fno-sanitize=all",
        "-fno-stack-protector",
    ]


def build(folder: Path, target: str, units: Sequence[Unit], main: str) -> Path:
    """An image for a target's board. main: the text of a main.c that uses the units."""
    write(folder, units, MACHINES[target])
    (folder / "main.c").write_text(main)
    options = f"-std=c11 -ffreestanding -fno-builtin-printf -ffunction-sections -fdata-sections {FLAGS}".split()
    sources = [*folder.glob("kernels/*.c"), *(folder / f"{unit.name}.c" for unit in units), folder / "main.c", HERE / "board.c"]
    objects = []
    for source in sources:
        objects.append(str(folder / f"{source.stem}.o"))
        contracted = [CONTRACTED] if source.stem.endswith("_f32") else []
        _run([*compiler(target), *options, *contracted, f"-I{folder}", f"-I{folder / 'include'}", "-c", str(source), "-o", objects[-1]])
    image = folder / "image.elf"
    libraries = ["-lgcc" if os.environ.get("ARM_GCC") else "-lcompiler_rt"]
    _run(
        [
            *compiler(target),
            "-nostdlib",
            "-static",
            "-Wl,--gc-sections",
            f"-Wl,-T,{HERE / 'board.ld'}",
            *objects,
            *libraries,
            "-o",
            str(image),
        ]
    )
    return image


def run(image: Path, target: str, plugin: Path | None = None) -> tuple[int, list[int]]:
    """The status that main returns, and instructions between the marks."""
    command = ["qemu-system-arm", "-M", BOARDS[target], "-nographic", "-monitor", "none", "-serial", "none"]
    command += ["-semihosting-config", "enable=on,target=native", "-kernel", str(image)]
    if plugin:
        begin, end = (symbols(image)[name][0] & ~1 for name in ("mark_begin", "mark_end"))
        command += ["-d", "plugin", "-plugin", f"{plugin},a={begin:x},b={end:x}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    return done.returncode, [int(n) for n in re.findall(r"interval \d+: (\d+)", done.stderr + done.stdout)]


def symbols(image: Path) -> dict[str, tuple[int, int]]:
    """Address and size of each symbol of an ELF32 file."""
    content = image.read_bytes()
    found = {}
    header = np.frombuffer(content, "<u4", 1, 32)[0], np.frombuffer(content, "<u2", 1, 48)[0]
    sections = np.frombuffer(content, "<u4", 10 * int(header[1]), int(header[0])).reshape(-1, 10)
    for section in sections[sections[:, 1] == 2]:
        strings = int(sections[section[6]][4])
        for row in np.frombuffer(content, "<u4", int(section[5]) // 4, int(section[4])).reshape(-1, 4):
            start = strings + int(row[0])
            found[content[start : content.index(b"\0", start)].decode()] = int(row[1]), int(row[2])
    return found


def flash(image: Path) -> int:
    """Bytes of all sections that lie in flash or are copied from there."""
    content = image.read_bytes()
    offset, count = int(np.frombuffer(content, "<u4", 1, 32)[0]), int(np.frombuffer(content, "<u2", 1, 48)[0])
    sections = np.frombuffer(content, "<u4", 10 * count, offset).reshape(-1, 10)
    return sum(int(s[5]) for s in sections if s[2] & 2 and s[1] == 1)


def counter(folder: Path) -> Path | None:
    """The plugin, built; None where its source or a compiler is missing."""
    if not COUNTER.exists() or not shutil.which("gcc"):
        return None
    _run(["gcc", "-shared", "-fPIC", "-O2", "-o", str(folder / "insn.so"), str(COUNTER)])
    return folder / "insn.so"


def measure(folder: Path, target: str, unit: Unit, steps: Sequence[Step], plugin: Path | None) -> Result:
    """Run a model on its board; the first count is that of its init, the others are of its runs."""
    folder.mkdir(parents=True, exist_ok=True)
    image = build(folder, target, [unit], driver([(unit, steps)], marks=True))
    status, counts = run(image, target, plugin)
    return Result(status, counts, flash(image))


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stderr}"
