"""The table of supported operators, read off the registry: for `tachylite ops` and docs/ops.md."""

from functools import partial
from typing import NamedTuple

from tachylite.model import tables

from . import registry
from .calculus import Composition
from .registry import OpDef


class Row(NamedTuple):
    """One operator: its schema code (None: a custom operator), the types it computes in, its options, the file in ops/ that defines it.

    gradient: how it is differentiated: by a "rule", by way of "others", or not at all ("").
    """

    name: str
    code: int | None
    types: tuple[str, ...]
    options: tuple[str, ...]
    family: str
    gradient: str = ""

    @classmethod
    def of(cls, definition: OpDef) -> "Row":
        """The row of a definition."""
        reference = definition.reference
        while isinstance(reference, partial):
            reference = reference.func
        options = tuple(f.name for f in tables.fields(definition.options) if not f.deprecated) if definition.options else ()
        code = None if definition.is_custom else definition.code
        gradient = "others" if isinstance(definition.gradient, Composition) else "rule" if definition.gradient else ""
        return cls(definition.name, code, definition.variants, options, reference.__module__.rpartition(".")[2], gradient)


def rows() -> list[Row]:
    """Every registered operator by name, builtin ones first."""
    return sorted((Row.of(d) for d in registry.definitions()), key=lambda row: (row.code is None, row.name))


def undefined() -> list[str]:
    """The schema's builtin operators that have no definition, in schema order."""
    known = {row.name for row in rows()}
    # CUSTOM, DELEGATE and the placeholder are codes without a meaning of their own.
    marks = {"CUSTOM", "DELEGATE", "PLACEHOLDER_FOR_GREATER_OP_CODES"}
    return [name for name in tables.enum_values("BuiltinOperator") if name not in known | marks]


def markdown() -> str:
    """The text of docs/ops.md."""
    table = rows()
    custom = sum(row.code is None for row in table)
    legend = (
        "Types: f float, bf bfloat, s signed and u unsigned integers, quantized where the tensor has a scale, i plain integers, c complex, "
        "str strings, resource handles, any every type; w8 says that the weights have 8 bits. "
        "The family is the file in `src/tachylite/ops/` that defines the operator. "
        f"{sum(bool(row.gradient) for row in table)} have a gradient, by a rule of their own or by way of the operators that they are "
        "composed of ([training](training.md))."
    )
    lines = [
        "# Operators",
        "",
        "Generated from the registry by `make format`; `tachylite ops` prints the same table for the installed build.",
        "",
        f"{len(table) - custom} builtin and {custom} custom operators. {legend}",
        "",
        "| Operator | Code | Types | Options | Gradient | Family |",
        "|---|---:|---|---|---|---|",
    ]
    for row in table:
        options = ", ".join(f"`{name}`" for name in row.options)
        lines.append(
            f"| {row.name} | {'' if row.code is None else row.code} | {' '.join(row.types)} | {options} | {row.gradient} | {row.family} |"
        )
    lines += ["", f"In the schema, but without a kernel in LiteRT and here: {', '.join(undefined())}.", ""]
    return "\n".join(lines)


def modules() -> str:
    """The text of families.py, which tells where each operator is defined before anything is imported."""
    lines = [f'    "{row.name}": "{row.family}",' for row in sorted(rows(), key=lambda row: row.name)]
    return "\n".join(
        [
            '"""Generated from the registry by `make format`: the file of this folder that defines each operator."""',
            "",
            "MODULES: dict[str, str] = {",
            *lines,
            "}",
            "",
        ]
    )
