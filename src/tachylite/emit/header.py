"""NAME.h: what a caller needs to know of a model in C."""

from collections.abc import Iterator, Sequence

from tachylite.model.dtypes import TYPE_NAMES

from .interface import Function, Port
from .layout import Layout
from .literals import comment

_ARENA = """\
/* What one instance of the model works on: inputs, outputs, variables and all between them. Functions touch nothing
 * else, so that several instances may run at once. */
#define {NAME}_ARENA_BYTES {size}

typedef struct {{
#ifdef __cplusplus
    alignas({alignment}) unsigned char bytes[{NAME}_ARENA_BYTES];
#else
    _Alignas({alignment}) unsigned char bytes[{NAME}_ARENA_BYTES];
#endif
}} {name}_arena;

#ifdef __cplusplus
static_assert(alignof({name}_arena) % {alignment} == 0, "the kernels need an aligned arena");
#else
_Static_assert(_Alignof({name}_arena) % {alignment} == 0, "the kernels need an aligned arena");
#endif

/* To be called once for an arena. Returns 0. */
int32_t {name}_init({name}_arena *arena);"""

_RESET = """\
/* Recurrent state as it was in the beginning. */
void {name}_reset({name}_arena *arena);"""

_INVOKE = """\
/* Run {what} once. Returns 0, or why it stopped: 1, an index points outside of its tensor; 2, an input holds
 * a value that an operator is not defined for; 101, a loop never ends; 102, a variable is read before it was written. */
int32_t {function}({name}_arena *arena);"""


def header(name: str, source: str, functions: Sequence[Function], layout: Layout) -> str:
    """The text. source: what the model was made from."""
    guard = f"TACHYLITE_{name.upper()}_H"
    arena = _ARENA.format(name=name, NAME=name.upper(), size=layout.arena_size, alignment=layout.alignment)
    parts = [
        (
            f"/* {comment(source)}, printed by Tachylite. Write the inputs, invoke, read the outputs; then begin again with the\n"
            " * inputs, whose memory may have been used for other things. */"
        ),
        f"#ifndef {guard}\n#define {guard}",
        "#include <stdint.h>",
        '#ifdef __cplusplus\nextern "C" {\n#endif',
        arena,
        *([_RESET.format(name=name)] if layout.reset_moves(state_only=True) else []),
        *(part for function in functions for part in _declarations(name, function, layout)),
        "#ifdef __cplusplus\n}\n#endif",
        "#endif",
    ]
    return "\n\n".join(parts) + "\n"


def _declarations(name: str, function: Function, layout: Layout) -> Iterator[str]:
    what = f"the signature {comment(function.key)!r}" if len(layout.program.entries) > 1 else "the model"
    yield _INVOKE.format(name=name, function=function.name, what=what)
    for port in function.ports:
        yield _accessor(name, port, layout)


def _accessor(name: str, port: Port, layout: Layout) -> str:
    tensor, shape, const = port.tensor, ", ".join(map(str, port.shape)), "" if port.is_input else "const "
    meaning = "; an element stands for SCALE * (element - ZERO_POINT)" if tensor.is_quantized else ""
    lines = [
        f"/* {'Input' if port.is_input else 'Output'} {comment(port.label)!r}: {TYPE_NAMES[port.dtype].lower()}[{shape}]{meaning}. */",
        f"#define {port.macro}_SHAPE {{{shape or 1}}}",
        f"#define {port.macro}_COUNT {port.count}",
    ]
    if tensor.is_quantized:
        lines.append(f"#define {port.macro}_SCALE {_decimal(float(tensor.scale))}")
        lines.append(f"#define {port.macro}_ZERO_POINT ({tensor.zero_point})")
    lines += [
        f"static inline {const}{port.c_type} *{port.function}({const}{name}_arena *arena) {{",
        f"    return ({const}{port.c_type} *)({const}void *)(arena->bytes + {layout.offset(port.number)});",
        "}",
    ]
    return "\n".join(lines)


def _decimal(value: float) -> str:
    """A float that C++ of any age reads."""
    text = f"{value:.9g}"
    return (text if set(text) & set(".en") else f"{text}.0") + "f"
