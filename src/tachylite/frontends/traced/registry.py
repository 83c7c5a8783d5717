"""Where a frontend's functions stand, each under the names of the operators that it converts."""

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class Operation:
    """How an operator is converted: `function(call, *inputs, **attributes)` returns its outputs."""

    function: Callable[..., Any]


class Operations:
    """A registry of operators, which are entered by the modules of a package."""

    def __init__(self, package: str):
        self._package = package
        self._entered: dict[str, Operation] = {}

    def __call__(self, *names: str) -> Callable[[Function], Function]:
        """Enter a function under these names."""

        def enter(function: Function) -> Function:
            self._entered.update(dict.fromkeys(names, Operation(function)))
            return function

        return enter

    @cached_property
    def entries(self) -> dict[str, Operation]:
        """All of them by name."""
        package = importlib.import_module(self._package)
        for module in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"{self._package}.{module.name}")
        return self._entered

    def find(self, name: str) -> Operation | None:
        """The entry of an operator, None where there is none."""
        return self.entries.get(name)
