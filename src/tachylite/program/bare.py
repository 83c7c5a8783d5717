"""What a Program must be to run without Python: native calls on values of known shapes, and nothing else."""

from collections.abc import Iterator
from typing import Any

from tachylite.model.dtypes import TYPE_NAMES
from tachylite.model.errors import UnsupportedError
from tachylite.model.graph import Model, Operator, Signature, Tensor

from .program import HostCall, Kind, Move, Program


def signatures(model: Model) -> list[Signature]:
    """The entries that `lower` makes of a model; where the file has none, `main` with the tensors' names."""
    graph = model.graph
    main = Signature("main", graph, {t.name: t for t in graph.inputs}, {t.name: t for t in graph.outputs})
    return model.signatures or [main]


def check_native(program: Program, form: str) -> None:
    """Raises UnsupportedError that lists what the program leaves to Python, and variables of several shapes.

    form: what the program was to become, for the message.
    """
    problems = [*_host_calls(program), *_barriers(program), *_host_values(program), *_variables_of_several_shapes(program)]
    if problems:
        raise UnsupportedError(
            f"{form} holds nothing but native code, and this model needs more: {'; '.join(problems)}. "
            "Run it with tachylite.Interpreter, or replace these operators"
        )


def label(op: Operator, place: tuple[int, int]) -> str:
    """What errors call an operator."""
    return str(op.error("").at(*place)).removesuffix(": ")


def _host_calls(program: Program) -> Iterator[str]:
    """Operators without a kernel, by name and type of their first input."""
    found: dict[tuple[str, str], list[str]] = {}
    for entry in program.entries.values():
        calls = [i for i in entry.code if isinstance(i, HostCall)]
        for call in calls[: len(calls) - (entry.barrier is not None)]:
            dtype = next((TYPE_NAMES[t.dtype].lower() for t in call.op.inputs if t is not None), "nothing")
            found.setdefault((call.op.op, dtype), []).append(label(call.op, call.place))
    for (_, dtype), labels in found.items():
        more = f" and {len(labels) - 1} more of that name" if len(labels) > 1 else ""
        yield f"{labels[0]}{more}: no kernel for {dtype}"


def _barriers(program: Program) -> Iterator[str]:
    """Operators that end an entry's code, because only the run can tell what follows."""
    for entry in program.entries.values():
        if entry.barrier is not None and isinstance(call := entry.code[-1], HostCall):
            yield f"{label(call.op, call.place)}: only the run can tell the shapes that it gives"


def _host_values(program: Program) -> Iterator[str]:
    for entry in program.entries.values():
        for number in (*entry.inputs, *entry.outputs):
            value = program.values[number]
            if value.kind is Kind.HOST or value.dtype.hasobject:
                yield f"{value.name!r}: holds {TYPE_NAMES[value.dtype].lower()}s"


def _variables_of_several_shapes(program: Program) -> Iterator[str]:
    shapes: dict[Any, set[Any]] = {}
    for value in program.values:
        if value.kind is Kind.PERSISTENT:
            shapes.setdefault(value.key, set()).add((value.dtype, value.shape))
    for key, found in shapes.items():
        if len(found) > 1:
            yield f"{key}: is used with {len(found)} shapes"


def is_state(program: Program, move: Move) -> bool:
    """Whether a Move of `Program.reset` sets variable tensors (recurrent state), which a reset concerns.

    Resource variables and initializers keep their values, as in TensorFlow Lite.
    """
    return any(isinstance(program.values[target].key, Tensor) for _, target in move.pairs)
