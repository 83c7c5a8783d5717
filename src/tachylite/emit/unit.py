"""One model as C: NAME.h and NAME.c."""

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from tachylite.model.graph import Model
from tachylite.ops.flops import multiplications
from tachylite.program.bare import check_native, signatures
from tachylite.program.lower import lower
from tachylite.program.program import Call, Program
from tachylite.program.target import Target

from .code import Printer
from .header import header
from .interface import Function, functions
from .layout import Layout
from .literals import comment, table, wrapped
from .sources import custom_kernels


@dataclass(frozen=True)
class Unit:
    """A model in C. name: what its names begin with; source: what it was made from, for comments."""

    name: str
    source: str
    header: str
    code: str
    functions: tuple[Function, ...]
    program: Program
    symbols: frozenset[str]
    arena_size: int
    constant_size: int
    has_state: bool

    @cached_property
    def macs(self) -> dict[str, int]:
        """Multiplications with an addition of each function's code, where each instruction runs once."""
        return {
            f.name: sum(multiplications(op) for op in {id(i.op): i.op for i in f.entry.code if isinstance(i, Call)}.values())
            for f in self.functions
        }


def print_model(model: Model, name: str, target: Target, source: str = "") -> Unit:
    """Lower a model with the shapes of its file and print it. Raises OpError, UnsupportedError that lists what needs Python."""
    program = lower(model, target=target)
    check_native(program, "C")
    layout = Layout(program, name)
    printer = Printer(layout)
    found = functions(name, program, signatures(model))
    bodies = [_function(f"int32_t {f.name}({name}_arena *arena)", printer.statements(f.entry.code), True) for f in found]
    bodies += _initializers(name, layout, printer)
    return Unit(
        name,
        source or name,
        header(name, source or name, found, layout),
        _code(name, source or name, layout, printer, bodies),
        tuple(found),
        program,
        frozenset(printer.symbols),
        layout.arena_size,
        layout.constant_size,
        bool(layout.reset_moves(state_only=True)),
    )


# NAME.c.


def _code(name: str, source: str, layout: Layout, printer: Printer, bodies: list[str]) -> str:
    constants = [table(constant, array, layout.alignment) for constant, array in layout.constants.items()]
    blocks = [wrapped(f"static const {kind} {block} = {value};") for (kind, value), block in printer.blocks.items()]
    includes = "\n".join(f'#include "{header}"' for header in ("tl_params.h", *(k.header for k in custom_kernels(printer.symbols))))
    top = f'/* {comment(source)}, printed by Tachylite: see {name}.h. */\n#include "{name}.h"\n\n{includes}'
    return "\n\n".join(part for part in (top, *constants, "\n".join(blocks), *bodies) if part) + "\n"


def _initializers(name: str, layout: Layout, printer: Printer) -> Iterator[str]:
    flags = (f"a[{flag}] = 0;" for flag in layout.flags())
    yield _function(f"int32_t {name}_init({name}_arena *arena)", [*flags, *printer.moves(layout.reset_moves())], True)
    if state := layout.reset_moves(state_only=True):
        yield _function(f"void {name}_reset({name}_arena *arena)", printer.moves(state), False)


def _function(signature: str, statements: "Iterator[str] | list[str]", has_status: bool) -> str:
    last = ["return TL_OK;"] if has_status else []
    body = "\n".join(["uint8_t *const a = arena->bytes;", "(void)a;", *statements, *last])
    return f"{signature} {{\n{textwrap.indent(body, '    ', lambda line: not _is_label(line))}\n}}"


def _is_label(line: str) -> bool:
    return line.startswith("l") and line.rstrip().endswith(":;")
