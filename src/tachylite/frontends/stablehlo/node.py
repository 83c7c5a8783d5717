"""The registry of StableHLO's operators, and what their functions have in common."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from tachylite.frontends.traced.converter import Call
from tachylite.frontends.traced.registry import Operations
from tachylite.frontends.traced.values import Broadcast, as_tensor

Function = TypeVar("Function", bound=Callable[..., Any])

op = Operations(f"{__package__}.operators")
"""Enters functions that know broadcast operands, which come as they are."""


def full(*names: str) -> Callable[[Function], Function]:
    """Enter a function whose operands come as tensors in their full size."""

    def enter(function: Function) -> Function:
        @wraps(function)
        def convert(self: Call, *operands: Any, **attributes: Any) -> Any:
            return function(self, *(as_tensor(self.build, x) for x in operands), **attributes)

        op(*names)(convert)
        return function

    return enter


def elementwise(*names: str) -> Callable[[Function], Function]:
    """Enter a function of each element: all operands have one shape, so one that is there in full lets others be broadcast to it."""

    def enter(function: Function) -> Function:
        @wraps(function)
        def convert(self: Call, *operands: Any, **attributes: Any) -> Any:
            result = function(self, *(x.small if isinstance(x, Broadcast) else x for x in operands), **attributes)
            if all(isinstance(x, Broadcast) for x in operands):
                return Broadcast(result, operands[0].shape, operands[0].sizes)
            return result

        op(*names)(convert)
        return function

    return enter
