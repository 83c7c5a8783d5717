"""Which operators have shaders: a table that the files of families fill in."""

from collections.abc import Callable

from tachylite.model.graph import Operator, Tensor
from tachylite.ops.fused import real_range

from .shader import Map, literal


class Unsupported(Exception):  # noqa: N818  (it is an answer, not an error)
    """Why an operator has no shader, in words that follow the delegate's name."""


Kernel = Callable[[Operator], dict[Tensor, Map]]
"""The Map of each output. Raises Unsupported."""

KERNELS: dict[str, Kernel] = {}

JOINABLE: dict[str, Callable[[Operator, Map, str], str]] = {}
"""Elementwise operators: `joined(op, m, x)` is the value where that of the first input is `x`."""


def kernel(*names: str) -> Callable[[Callable[[Operator, Map], None]], Callable[[Operator, Map], None]]:
    """Enter a function that fills in the Map of an operator's only output."""

    def enter(fill: Callable[[Operator, Map], None]) -> Callable[[Operator, Map], None]:
        def build(op: Operator) -> dict[Tensor, Map]:
            m = Map(op.outputs[0].shape)
            fill(op, m)
            return {op.outputs[0]: m}

        KERNELS.update(dict.fromkeys(names, build))
        return fill

    return enter


def required(tensor: Tensor | None) -> Tensor:
    """An input that must be there."""
    if tensor is None:
        raise Unsupported("lacks an input")
    return tensor


def constant(tensor: Tensor | None) -> Tensor:
    """An input that must be constant."""
    if tensor is None or not tensor.is_constant:
        raise Unsupported("needs constant weights")
    return tensor


def activated(op: Operator, value: str) -> str:
    """The fused activation on a value."""
    name = op.options.fused_activation_function
    if name == "NONE":
        return value
    if name == "TANH":
        return f"tanh(clamp({value}, -20.0, 20.0))"
    low, high = real_range(op)
    return f"max({value}, {literal(low)})" if name == "RELU" else f"clamp({value}, {literal(low)}, {literal(high)})"
