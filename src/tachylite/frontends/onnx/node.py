"""What an operator's function works with, and the registry in which such functions stand.

An operator of ONNX is one function, `op(name)` its entry. It is called with the node and the values of its inputs, None for those that are
left out, and returns those of its outputs.
"""

import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from tachylite.frontends.builder import FrontendBuilder
from tachylite.model.errors import FileError, TachyliteError
from tachylite.model.graph import Tensor

from .values import Value

if TYPE_CHECKING:
    from .converter import Converter

Function = TypeVar("Function", bound=Callable[..., Any])


class Unsupported(TachyliteError):  # noqa: N818 -- it never leaves the frontend, which collects them
    """A node that cannot be converted: why, and what to do instead."""


@dataclass(frozen=True)
class Operation:
    """A function and how its node is to be treated.

    is_scoped: what it emits is named after the node. is_settled: results that are certain before the run become constants.
    """

    function: Callable[..., Any]
    is_scoped: bool = True
    is_settled: bool = True


_operations: dict[str, Operation] = {}


def op(*names: str, is_scoped: bool = True, is_settled: bool = True) -> Callable[[Function], Function]:
    """Enter a function for ONNX's operators of these names; those of another domain are written "domain:name"."""

    def enter(function: Function) -> Function:
        _operations.update(dict.fromkeys(names, Operation(function, is_scoped, is_settled)))
        return function

    return enter


@cache
def _load_families() -> None:
    package = importlib.import_module(f"{__package__}.operators")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")


def entries() -> dict[str, Operation]:
    """All operators of ONNX that are known, by name."""
    _load_families()
    return _operations


def operation(name: str, domain: str = "") -> Operation | None:
    """The entry of an operator, None where there is none."""
    return entries().get(name if domain in ("", "ai.onnx") else f"{domain}:{name}")


@dataclass
class Node:
    """One node of a graph.

    version: of the operator set that it belongs to. is_read: which of its outputs anything reads. values: what its own graphs may read.
    """

    converter: "Converter"
    name: str
    op: str
    version: int
    attributes: Mapping[str, Any]
    is_read: Sequence[bool]
    values: Mapping[str, Value] = field(default_factory=dict)

    @property
    def build(self) -> FrontendBuilder:
        return self.converter.build

    def refuse(self, found: str, remedy: str) -> Unsupported:
        """An exception to raise: what of the node cannot be converted, and what to do instead."""
        return Unsupported(f"{found}; {remedy}")

    def reads(self, output: int) -> bool:
        """Whether anything reads this output."""
        return output < len(self.is_read) and self.is_read[output]

    # Attributes.

    def has(self, name: str) -> bool:
        return name in self.attributes

    def get(self, name: str, default: Any = None) -> Any:
        """An attribute's value: a number, text, a list of either, a TensorProto or a GraphProto."""
        if name not in self.attributes:
            return default
        value = self.attributes[name]
        return value.decode("utf-8", "replace") if isinstance(value, bytes) else value

    def need(self, name: str) -> Any:
        """An attribute that must be there. Raises FileError."""
        if name not in self.attributes:
            raise FileError(f"lacks the attribute {name!r}; the file is corrupted")
        return self.get(name)

    # Values that are certain before the run.

    def known(self, x: Tensor, what: str) -> np.ndarray:
        """The value of an operand that the result's form depends on. Raises Unsupported where it is computed at run time."""
        value = self.build.value(x)
        if value is None:
            raise self.refuse(f"its {what} are computed when the model runs", "make them constant, or fix unknown sizes with input_shapes=")
        return value

    def known_ints(self, x: Tensor, what: str) -> list[int]:
        """As `known`, a list of Python's integers."""
        return [int(n) for n in self.known(x, what).reshape(-1)]

    def integers(self, name: str, operand: Tensor | None = None) -> list[int] | None:
        """A list that older operator sets give as an attribute and newer ones as an operand; None where it is left out."""
        if operand is not None:
            return self.known_ints(operand, name)
        value = self.get(name)
        return None if value is None else [int(n) for n in value]


def as_list(results: Sequence[Tensor] | Tensor) -> list[Tensor]:
    """A Builder's results as a list, however many there are."""
    return [results] if isinstance(results, Tensor) else list(results)
