"""Models to C."""

import os
from collections.abc import Sequence
from pathlib import Path

from tachylite.model import codec
from tachylite.model.errors import TachyliteError
from tachylite.model.graph import Model

from .literals import identifier
from .project import check_limits, write
from .targets import machine
from .unit import Unit, print_model

Source = Model | str | os.PathLike[str]


def compile(  # noqa: A001
    models: Source | Sequence[Source],
    output: str | os.PathLike[str],
    *,
    target: str = "any",
    names: str | Sequence[str] | None = None,
    arena_limit: int | None = None,
    flash_limit: int | None = None,
) -> list[Unit]:
    """Write models as C to the folder `output`, with the kernels that they call, an example and a README; return what was written.

    models: Models or paths of .tflite files, with the shapes of the files; names: what their C names begin with, by default the files'
    names; target: one of emit.targets.MACHINES; arena_limit, flash_limit: bytes of RAM of each model, of constants of all.
    Raises UnsupportedError that lists every operator without a kernel, OpError, and TachyliteError where a limit is exceeded or a name
    is none of C; then nothing was written.
    """
    sources = [models] if isinstance(models, Model | str | os.PathLike) else list(models)
    chosen = _names(sources, [names] if isinstance(names, str) else names)
    machine_of = machine(target)
    units = [_unit(source, name, target) for source, name in zip(sources, chosen, strict=True)]
    check_limits(units, arena_limit, flash_limit)
    write(Path(output), units, machine_of)
    return units


def _unit(source: Source, name: str, target: str) -> Unit:
    model = source if isinstance(source, Model) else codec.read_file(Path(source))
    return print_model(model, name, machine(target).target, name if isinstance(source, Model) else Path(source).name)


def _names(sources: Sequence[Source], given: Sequence[str] | None) -> list[str]:
    if not sources:
        raise TachyliteError("there is no model to compile; name one or several")
    if given is not None:
        if len(given) != len(sources):
            raise TachyliteError(f"there are {len(given)} names for {len(sources)} models; give one for each, or none")
        for name in given:
            if identifier(name) != name:
                raise TachyliteError(f"{name!r} is no C identifier; {identifier(name)!r} would be one")
        if len(set(given)) != len(given):
            raise TachyliteError("two models have one name; give each its own")
        return list(given)
    names: list[str] = []
    for source in sources:
        names.append(identifier("model" if isinstance(source, Model) else Path(source).stem, frozenset(names)))
    return names
