"""What a caller of `convert` may ask for, whatever the source."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from tachylite.model.errors import TachyliteError

from .builder import Dims

Shapes = Mapping[str, Sequence[int | None]] | Sequence[int | None] | None


@dataclass(frozen=True)
class Options:
    """See `convert`. An empty list of signatures stands for all."""

    signatures: tuple[str, ...] = ()
    input_shapes: Shapes = None
    layout: str | None = None
    custom_ops: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()

    def passes_on(self, name: str) -> bool:
        """Whether an operator of this name may become a custom one."""
        return any(fnmatchcase(name, pattern) for pattern in self.custom_ops)

    def refuse_ends(self, what: str) -> None:
        """Raises TachyliteError where inputs= or outputs= are given to a format that says itself what they are."""
        if self.inputs or self.outputs:
            raise TachyliteError(f"inputs= and outputs= are for frozen graphs, {what} says itself what its inputs and outputs are")

    def shape_of(self, name: str, declared: Dims | None, names: Sequence[str]) -> Dims:
        """The shape of an input: what the caller gave, else what the source declares (None: nothing). Raises TachyliteError."""
        given = self._given(name, names)
        if given is None:
            if declared is None:
                raise TachyliteError(f"input {name!r} has no shape in the source; give it with input_shapes={{{name!r}: (...)}}")
            return declared
        if declared is not None and not _fits(given, declared):
            shape = [-1 if d is None else d for d in declared]
            raise TachyliteError(
                f"input {name!r} has the shape {shape} in the source, input_shapes gives {list(given)}; change unknown (-1) ones alone"
            )
        return given

    def _given(self, name: str, names: Sequence[str]) -> Dims | None:
        shapes = self.input_shapes
        if shapes is None:
            return None
        if not isinstance(shapes, Mapping):
            if len(names) != 1:
                raise TachyliteError(f"input_shapes is one shape, the model has the inputs {list(names)}; give a dict by name")
            shapes = {name: shapes}
        strangers = sorted(set(shapes) - set(names))
        if strangers:
            raise TachyliteError(f"input_shapes names {strangers}, the model has the inputs {list(names)}; correct the names")
        return tuple(None if d is None or d < 0 else int(d) for d in shapes[name]) if name in shapes else None


def _fits(given: Dims, declared: Dims) -> bool:
    return len(given) == len(declared) and all(d is None or g == d for g, d in zip(given, declared, strict=True))
