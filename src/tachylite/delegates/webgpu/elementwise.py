"""Elementwise operators, with broadcasting. tanh and exp are kept from where some devices overflow."""

from collections.abc import Callable

from tachylite.model.graph import Operator, Tensor

from .kernels import JOINABLE, KERNELS, activated, required
from .shader import Map, literal

UNARY: dict[str, str] = {
    "ABS": "abs({x})",
    "CEIL": "ceil({x})",
    "COS": "cos({x})",
    "ELU": "select(exp({x}) - 1.0, {x}, {x} > 0.0)",
    "EXP": "exp({x})",
    "FLOOR": "floor({x})",
    "HARD_SWISH": "{x} * clamp({x} + 3.0, 0.0, 6.0) / 6.0",
    "LOG": "log({x})",
    "LOGISTIC": "1.0 / (1.0 + exp(-clamp({x}, -80.0, 80.0)))",
    "NEG": "-{x}",
    "RELU": "max({x}, 0.0)",
    "RELU6": "clamp({x}, 0.0, 6.0)",
    "RELU_N1_TO_1": "clamp({x}, -1.0, 1.0)",
    "RELU_0_TO_1": "clamp({x}, 0.0, 1.0)",
    "ROUND": "round({x})",
    "RSQRT": "inverseSqrt({x})",
    "SIN": "sin({x})",
    "SQRT": "sqrt({x})",
    "SQUARE": "{x} * {x}",
    "TANH": "tanh(clamp({x}, -20.0, 20.0))",
}

BINARY: dict[str, str] = {
    "ADD": "{x} + {b}",
    "DIV": "{x} / {b}",
    "MAXIMUM": "max({x}, {b})",
    "MINIMUM": "min({x}, {b})",
    "MUL": "{x} * {b}",
    "PRELU": "select({x} * {b}, {x}, {x} > 0.0)",
    "SQUARED_DIFFERENCE": "({x} - {b}) * ({x} - {b})",
    "SUB": "{x} - {b}",
}


def _enter(name: str, joined: Callable[[Operator, Map, str], str]) -> None:
    def build(op: Operator) -> dict[Tensor, Map]:
        m = Map(op.outputs[0].shape)
        m.value = joined(op, m, m.let(m.read(required(op.inputs[0]))))
        return {op.outputs[0]: m}

    KERNELS[name], JOINABLE[name] = build, joined


def _unary(text: str) -> Callable[[Operator, Map, str], str]:
    return lambda op, m, x: text.format(x=x)


def _binary(text: str) -> Callable[[Operator, Map, str], str]:
    def joined(op: Operator, m: Map, x: str) -> str:
        value = text.format(x=x, b=m.let(m.read(required(op.inputs[1]))))
        return activated(op, f"({value})") if hasattr(op.options, "fused_activation_function") else value

    return joined


def _leaky_relu(op: Operator, m: Map, x: str) -> str:
    return f"select({x} * {literal(op.options.alpha)}, {x}, {x} > 0.0)"


for _name, _text in UNARY.items():
    _enter(_name, _unary(_text))
for _name, _text in BINARY.items():
    _enter(_name, _binary(_text))
_enter("LEAKY_RELU", _leaky_relu)
