"""What a caller sees of a model in C: its entries, and their inputs and outputs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tachylite.model.graph import Signature, Tensor
from tachylite.program.program import Entry, Program

from .literals import c_type, identifier


@dataclass(frozen=True)
class Port:
    """An input or an output: what C calls it, and the value that holds it."""

    function: str
    tensor: Tensor
    label: str
    number: int
    dtype: np.dtype
    shape: tuple[int, ...]
    is_input: bool

    @property
    def macro(self) -> str:
        return self.function.upper()

    @property
    def c_type(self) -> str:
        return c_type(self.dtype)

    @property
    def count(self) -> int:
        """Elements of the C type."""
        return int(np.prod(self.shape, dtype=np.int64)) * (2 if self.dtype.kind == "c" else 1)


@dataclass(frozen=True)
class Function:
    """A way into a model."""

    name: str
    key: str
    entry: Entry
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]

    @property
    def ports(self) -> tuple[Port, ...]:
        return self.inputs + self.outputs


def functions(name: str, program: Program, signatures: Sequence[Signature]) -> list[Function]:
    """One for each signature: NAME_invoke where there is one only, else NAME_invoke_KEY."""
    found: list[Function] = []
    keys: set[str] = set()
    for signature in signatures:
        entry = program.entries[signature.key]
        key = identifier(signature.key, keys)
        keys.add(key)
        suffix = f"_{key}" if len(signatures) > 1 else ""
        graph = signature.graph
        inputs = _ports(f"{name}{suffix}_input", program, graph.inputs, entry.inputs, signature.inputs, True)
        outputs = _ports(f"{name}{suffix}_output", program, graph.outputs, entry.outputs, signature.outputs, False)
        found.append(Function(f"{name}_invoke{suffix}", signature.key, entry, tuple(inputs), tuple(outputs)))
    return found


def _ports(
    stem: str, program: Program, tensors: Sequence[Tensor], numbers: Sequence[int], names: dict[str, Tensor], is_input: bool
) -> Iterator[Port]:
    """A single one has no name of its own in C; a tensor that the signature names twice stands there twice."""
    labelled = [
        (label, tensor, number)
        for tensor, number in zip(tensors, numbers, strict=True)
        for label in [name for name, named in names.items() if named is tensor] or [tensor.name]
    ]
    taken: set[str] = set()
    for label, tensor, number in labelled:
        own = identifier(label, taken)
        taken.add(own)
        value = program.values[number]
        function = stem if len(labelled) == 1 else f"{stem}_{own}"
        yield Port(function, tensor, label, number, value.dtype, tuple(value.shape or ()), is_input)
