"""Emitted C, built and run: in this process as a library, or as a program that compares its answers with expected ones."""

import ctypes
import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from tachylite.emit import literals
from tachylite.emit.interface import Function, Port
from tachylite.emit.project import CONTRACTED, FLAGS, write
from tachylite.emit.targets import MACHINES
from tachylite.emit.unit import Unit

GROUP = 100
"""Models of a translation unit, where there are many."""

STRICT = "-std=c11 -Wall -Wextra -Werror -pedantic".split()

ZIG = [sys.executable, "-m", "ziglang", "cc", "-fno-sanitize=all"]


@functools.cache
def system_compiler() -> list[str]:
    """The machine's compiler, else zig's."""
    found = next((name for name in ("cc", "gcc", "clang") if shutil.which(name)), None)
    return [found] if found else ZIG


def build(
    folder: Path, units: Sequence[Unit], output: Path, extra: Sequence[str], compiler: Sequence[str] = (), flags: str = FLAGS
) -> Path:
    """Write the units to a folder and compile all of it, with every warning an error. extra: for compiler and linker."""
    write(folder, units, MACHINES["any"])
    command = [*(compiler or system_compiler()), *STRICT, *flags.split(), *extra, f"-I{folder}", f"-I{folder / 'include'}"]
    sources = [*sorted(folder.glob("kernels/*.c")), *_groups(folder, units), *sorted(folder.glob("driver.c"))]

    def compile_one(source: Path) -> str:
        target = str(source.with_suffix(".o"))
        contracted = [CONTRACTED] if source.stem.endswith("_f32") else []
        subprocess.run([*command, *contracted, "-c", str(source), "-o", target], check=True)
        return target

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        objects = list(pool.map(compile_one, sources))
    subprocess.run([*command, *objects, "-o", str(output)], check=True)
    return output


def _groups(folder: Path, units: Sequence[Unit]) -> list[Path]:
    """The models' files, or where there are many, files that include some of them each."""
    names = [f"{unit.name}.c" for unit in units]
    if len(names) <= GROUP:
        return [folder / name for name in names]
    groups = []
    for first in range(0, len(names), GROUP):
        groups.append(folder / f"group_{first}.c")
        groups[-1].write_text("".join(f'#include "{name}"\n' for name in names[first : first + GROUP]))
    return groups


class Instance:
    """A model of a library, with an arena of its own."""

    def __init__(self, library: ctypes.CDLL, unit: Unit, fill: int = 0xA5):
        self._library, self._unit = library, unit
        alignment = unit.program.target.alignment
        self._memory = np.full(unit.arena_size + alignment, fill, np.uint8)
        start = -self._memory.ctypes.data % alignment
        self.arena = self._memory[start : start + unit.arena_size]
        assert self._call(f"{unit.name}_init") == 0

    def reset(self) -> None:
        self._call(f"{self._unit.name}_reset")

    def run(self, function: Function, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Copies of the outputs. Raises ArithmeticError where the run stops."""
        for port, value in zip(function.inputs, inputs, strict=True):
            self._view(port)[...] = np.frombuffer(np.ascontiguousarray(value, port.dtype).tobytes(), np.uint8)
        if status := self._call(function.name):
            raise ArithmeticError(f"{function.name} returned {status}")
        return [np.frombuffer(self._view(port).tobytes(), port.dtype).reshape(port.shape) for port in function.outputs]

    def _view(self, port: Port) -> np.ndarray:
        value = self._unit.program.values[port.number]
        return self.arena[value.offset : value.offset + value.nbytes]

    def _call(self, name: str) -> int:
        return int(getattr(self._library, name)(ctypes.c_void_p(self.arena.ctypes.data)))


def driver(runs: Sequence[tuple[Unit, Sequence[tuple[Function, Sequence[np.ndarray], Sequence[np.ndarray]]]]], marks: bool = False) -> str:
    """A main.c that runs functions of models in turn and compares every byte of the outputs.

    main returns the number of the first model that differs, from 1 on, or 0. marks: call mark_begin and mark_end around each.
    """
    parts = ["#include <stdint.h>"]
    body: list[str] = []
    if marks:
        parts.append("void mark_begin(void);\nvoid mark_end(void);")
    before, after = ("mark_begin(); ", " mark_end();") if marks else ("", "")
    for number, (unit, steps) in enumerate(runs, 1):
        parts += [f'#include "{unit.name}.h"', f"static {unit.name}_arena {unit.name};"]
        body.append(f"{before}if (!failed && {unit.name}_init(&{unit.name})) failed = {number};{after}")
        for step, (function, inputs, outputs) in enumerate(steps):
            arrays = list(zip(function.ports, [*inputs, *outputs], strict=True))
            names = [f"{unit.name}_{step}_{i}" for i in range(len(arrays))]
            parts += [_bytes(name, np.ascontiguousarray(value, port.dtype)) for name, (port, value) in zip(names, arrays, strict=True)]
            sizes = [int(np.prod(port.shape, dtype=int)) * port.dtype.itemsize for port, _ in arrays]
            count = len(function.inputs)
            for port, name, size in zip(function.inputs, names, sizes, strict=False):
                body.append(f"__builtin_memcpy({port.function}(&{unit.name}), {name}, {size});")
            body.append(f"{before}if (!failed && {function.name}(&{unit.name})) failed = {number};{after}")
            for port, name, size in list(zip(function.ports, names, sizes, strict=True))[count:]:
                body.append(f"if (!failed && __builtin_memcmp({port.function}(&{unit.name}), {name}, {size})) failed = {number};")
    lines = "\n    ".join(["int failed = 0;", *body, "return failed;"])
    return "\n".join(parts) + f"\n\nint main(void) {{\n    {lines}\n}}\n"


def _bytes(name: str, value: np.ndarray) -> str:
    return literals.table(name, np.frombuffer(value.tobytes(), np.uint8), 8)
