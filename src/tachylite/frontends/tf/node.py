"""What an operator's function works with, and the registry in which such functions stand.

An operator of TensorFlow is one function, `op(name)` its entry. It is called with the node and the values of its inputs, and returns those
of its outputs. A value is a tensor of the graph that is being built, or stands for something that lives outside of graphs (`values.py`).
"""

import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from tachylite.frontends.builder import Dims, FrontendBuilder
from tachylite.frontends.protobuf import Message
from tachylite.model.errors import FileError, TachyliteError
from tachylite.model.graph import Tensor
from tachylite.ops.registry import Spec

from .tensors import array_of, dtype_of, shape_of

if TYPE_CHECKING:
    from .converter import Converter

Function = TypeVar("Function", bound=Callable[..., Any])


class Unsupported(TachyliteError):  # noqa: N818 -- it never leaves the frontend, which collects them
    """A node that cannot be converted: why, and what to do instead."""


@dataclass(frozen=True)
class Operation:
    """A function and how its node is to be treated.

    outputs: names of the outputs, by which functions refer to them; a single list of outputs needs no name.
    has_effects: it does something besides giving outputs. is_scoped: what it emits is named after the node.
    """

    function: Callable[..., Any]
    outputs: tuple[str, ...] = ()
    has_effects: bool = False
    is_scoped: bool = True


_operations: dict[str, Operation] = {}


def op(*names: str, outputs: str = "", has_effects: bool = False, is_scoped: bool = True) -> Callable[[Function], Function]:
    """Enter a function for TensorFlow's operators of these names."""

    def enter(function: Function) -> Function:
        _operations.update(dict.fromkeys(names, Operation(function, tuple(outputs.split()), has_effects, is_scoped)))
        return function

    return enter


@cache
def _load_families() -> None:
    package = importlib.import_module(f"{__package__}.operators")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")


def operation(name: str) -> Operation | None:
    """The entry of an operator, None where there is none."""
    _load_families()
    return _operations.get(name)


def entries() -> dict[str, Operation]:
    """All operators of TensorFlow that are known, by name."""
    _load_families()
    return _operations


_PLAIN: dict[str, Callable[[Any], Any]] = {"i": int, "f": float, "b": bool, "s": lambda s: bytes(s).decode("utf-8", "replace")}
"""What an attribute may hold, by the field that does."""


@dataclass
class Node:
    """One node of a graph or of a function."""

    converter: "Converter"
    name: str
    op: str
    attributes: Mapping[str, Message]

    @property
    def build(self) -> FrontendBuilder:
        return self.converter.build

    def refuse(self, found: str, remedy: str) -> Unsupported:
        """An exception to raise: what of the node cannot be converted, and what to do instead."""
        return Unsupported(f"{found}; {remedy}")

    # Attributes.

    def has(self, name: str) -> bool:
        return name in self.attributes

    def integer(self, name: str, default: int = 0) -> int:
        return int(self.attributes[name].i) if self.has(name) else default

    def real(self, name: str, default: float = 0.0) -> float:
        return float(self.attributes[name].f) if self.has(name) else default

    def flag(self, name: str) -> bool:
        return self.has(name) and bool(self.attributes[name].b)

    def text(self, name: str, default: str = "") -> str:
        return bytes(self.attributes[name].s).decode() if self.has(name) else default

    def integers(self, name: str) -> list[int]:
        """A list of numbers, empty where it is missing."""
        content = self.attributes[name].list if self.has(name) else None
        return list(content.i) if content else []

    def dtype(self, name: str) -> np.dtype:
        return dtype_of(self._attribute(name).type)

    def shape(self, name: str) -> Dims | None:
        """A shape; None where it is missing, or not even the rank is known."""
        return shape_of(self.attributes[name].shape) if self.has(name) and self.attributes[name].shape else None

    def tensor(self, name: str) -> np.ndarray:
        tensor = self._attribute(name).tensor
        if tensor is None:
            raise FileError(f"its attribute {name!r} is no tensor; the file is corrupted")
        return array_of(tensor)

    def plain_attributes(self) -> dict[str, Any]:
        """The attributes that are numbers, flags and texts, or lists of numbers, and are not TensorFlow's own."""
        return {name: plain for name in self.attributes if not name.startswith("_") and (plain := self._plain(name)) is not None}

    def _plain(self, name: str) -> Any:
        value = self.attributes[name]
        if value.list:
            return list(value.list.i) or list(value.list.f) or None
        return next((kind(found) for field, kind in _PLAIN.items() if (found := getattr(value, field))), None)

    def declared_outputs(self) -> list[Spec] | None:
        """What the graph says of the outputs; None where it lacks a type or a size."""
        types = [self.dtype(name) for name in ("Tout", "dtype", "T") if self.has(name) and self.attributes[name].type]
        shapes = self.attributes["_output_shapes"].list.shape if self.has("_output_shapes") else []
        dims = [shape_of(shape) for shape in shapes]
        if not types or not dims or any(shape is None or None in shape for shape in dims):
            return None
        return [Spec(tuple(int(d or 0) for d in shape or ()), types[0]) for shape in dims]

    def function(self, name: str) -> str:
        """The name of a function of the library."""
        function = self._attribute(name).func
        if function is None:
            raise FileError(f"its attribute {name!r} is no function; the file is corrupted")
        return str(function.name)

    def _attribute(self, name: str) -> Message:
        if name not in self.attributes:
            raise FileError(f"lacks the attribute {name!r}; the file is corrupted")
        return self.attributes[name]

    # Values that are certain before the run.

    def known(self, x: Tensor, what: str) -> np.ndarray:
        """The value of an operand that the result's form depends on. Raises Unsupported where it is computed at run time."""
        value = self.build.value(x)
        if value is None:
            raise self.refuse(f"its {what} are computed when the model runs", "make them constant, or fix unknown sizes with input_shapes=")
        return value

    def known_ints(self, x: Tensor, what: str) -> list[Any]:
        """As `known`, a list of Python's integers."""
        return [int(n) for n in self.known(x, what).reshape(-1)]

    def outputs_like(self, results: Sequence[Tensor] | Tensor) -> list[Tensor]:
        """A Builder's results as a list, however many there are."""
        return [results] if isinstance(results, Tensor) else list(results)
