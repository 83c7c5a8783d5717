"""A folder that a C compiler or CMake builds: models, kernels, an example, a README."""

import textwrap
from collections.abc import Sequence
from pathlib import Path

from tachylite.model.errors import TachyliteError
from tachylite.model.files import write_atomically
from tachylite.program.program import Call

from .interface import Function
from .sources import Sources, sources
from .targets import Machine
from .unit import Unit

FLAGS = "-O2 -ffp-contract=off -fno-math-errno -fno-trapping-math -Wno-psabi"
"""Of all files. Integers would come out otherwise if products and sums of floats became one."""

CONTRACTED = "-ffp-contract=fast"
"""Of kernels on floats alone, *_f32.c."""


def write(folder: Path, units: Sequence[Unit], machine: Machine) -> None:
    """Write everything; what of it is already there is replaced, and other files stay."""
    needed = sources(set().union(*(unit.symbols for unit in units)))
    texts = {
        **{f"{unit.name}.h": unit.header for unit in units},
        **{f"{unit.name}.c": unit.code for unit in units},
        **{f"kernels/{name}": text for name, text in needed.kernel_texts().items()},
        **{f"include/{name}": text for name, text in needed.header_texts().items()},
        "main.c": example(units),
        "CMakeLists.txt": cmake(units, needed, machine),
        "README.md": readme(units, machine),
    }
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, [text.encode()])


def check_limits(units: Sequence[Unit], arena_limit: int | None, flash_limit: int | None) -> None:
    """Raises TachyliteError that says what to change, for all limits that are exceeded."""
    problems = [_arena_problem(unit, arena_limit) for unit in units if arena_limit is not None and unit.arena_size > arena_limit]
    flash = sum(unit.constant_size for unit in units)
    if flash_limit is not None and flash > flash_limit:
        problems.append(
            f"the constants take {flash:,} bytes of flash, the limit is {flash_limit:,}; quantize the model to int8, prune its channels "
            "(tachylite quantize, tachylite prune --channels), or choose a smaller one"
        )
    if problems:
        raise TachyliteError("; ".join(problems))


def _arena_problem(unit: Unit, limit: int) -> str:
    calls = [i for f in unit.functions for i in f.entry.code if isinstance(i, Call)]
    operands = {id(call): _operands(unit, call) for call in calls}
    peak = max(calls, key=lambda call: operands[id(call)], default=None)
    where = (
        f"; most at {peak.op.op} #{peak.place[0]} {peak.op.outputs[0].name!r}, whose operands take {operands[id(peak)]:,}" if peak else ""
    )
    return (
        f"{unit.name} takes {unit.arena_size:,} bytes of RAM, the limit is {limit:,}{where}. Use a smaller input there (fewer pixels or "
        "channels: tachylite prune --channels), or int8 in place of float32 (tachylite quantize)"
    )


def _operands(unit: Unit, call: Call) -> int:
    """Bytes of the arena that a call reads and writes."""
    values = [unit.program.values[v] for v in {*call.inputs, *call.outputs, *call.scratch} if v is not None]
    return sum(value.nbytes for value in values if value.offset >= 0)


# main.c.


def example(units: Sequence[Unit]) -> str:
    """A program that runs each model once."""
    includes = "\n".join(f'#include "{unit.name}.h"' for unit in units)
    arenas = "\n".join(f"static {unit.name}_arena {unit.name};" for unit in units)
    bodies = "\n".join(textwrap.indent(_example_of(unit), "    ") for unit in units)
    return f"""\
/* Runs each model once, on inputs of zeros, and prints what it answers. Put your own data in the place of the zeros. */
{includes}

#include <stdio.h>
#include <string.h>

{arenas}

int main(void) {{
{bodies}
    return 0;
}}
"""


def _example_of(unit: Unit) -> str:
    return "\n".join([f"if ({unit.name}_init(&{unit.name})) return 1;", *(_example_call(unit, function) for function in unit.functions)])


def _example_call(unit: Unit, function: Function) -> str:
    lines = [f"memset({p.function}(&{unit.name}), 0, {p.macro}_COUNT * sizeof({p.c_type}));" for p in function.inputs]
    lines.append(f"if ({function.name}(&{unit.name})) return 1;")
    for port in function.outputs:
        shown = f"{port.function}(&{unit.name})[i]"
        if port.tensor.is_quantized:
            shown = f"{port.macro}_SCALE * (float)({shown} - {port.macro}_ZERO_POINT)"
        lines += [
            f'printf("{unit.name} {port.label}:\\n");'.replace("%", "%%"),
            f'for (int i = 0; i < {port.macro}_COUNT; ++i) printf("%g\\n", (double)({shown}));',
        ]
    return "\n".join(lines)


# CMakeLists.txt.


def cmake(units: Sequence[Unit], needed: Sources, machine: Machine) -> str:
    """A library of all models, and the example."""
    library = units[0].name if len(units) == 1 else "models"
    files = [f"{unit.name}.c" for unit in units] + [f"kernels/{name}" for name in needed.kernel_texts()]
    contracted = [file for file in files if file.endswith("_f32.c")]
    listing = "\n    ".join(files)
    flags = " ".join([FLAGS, *machine.flags])
    special = f"set_source_files_properties({' '.join(contracted)} PROPERTIES COMPILE_OPTIONS {CONTRACTED})\n" if contracted else ""
    return f"""\
cmake_minimum_required(VERSION 3.13)
project({library} C)

add_library({library} STATIC
    {listing})
set_target_properties({library} PROPERTIES C_STANDARD 11 C_EXTENSIONS OFF)
target_include_directories({library} PUBLIC ${{CMAKE_CURRENT_SOURCE_DIR}} PRIVATE include)
target_compile_options({library} PRIVATE {flags} -ffunction-sections -fdata-sections)
{special}
add_executable(example main.c)
target_link_libraries(example {library})
"""


# README.md.


def readme(units: Sequence[Unit], machine: Machine) -> str:
    """How to build it, and what it needs."""
    rows = "\n".join(
        f"| {unit.name} | {unit.constant_size:,} | {unit.arena_size:,} | {', '.join(f'{n:,}' for n in unit.macs.values())} |"
        for unit in units
    )
    headers = ", ".join(f"`{unit.name}.h`" for unit in units)
    return f"""\
# {", ".join(unit.name for unit in units)}

C11 for the target `{machine.name}`, printed by Tachylite. It allocates nothing, and calls nothing but memcpy, memmove, memset and memcmp.

| model | constants (flash), bytes | arena (RAM), bytes | multiply-accumulates of a run |
|---|---|---|---|
{rows}

The kernels' code comes on top of the constants; link with `-Wl,--gc-sections`, so that only what is called stays.

    cmake -B build && cmake --build build && build/example

What to call stands in {headers}: write the inputs, invoke, read the outputs. `main.c` is an example. In a build of your own, compile
the C files here and in `kernels/` with `-std=c11 -Iinclude {FLAGS}`,
those that end in `_f32.c` with `{CONTRACTED}` instead of off.
"""
