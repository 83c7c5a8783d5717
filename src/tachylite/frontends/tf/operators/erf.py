"""Mul, Erf and Erfc: together they are a GELU, which TFLite has; Erf alone becomes a polynomial."""

import numpy as np

from tachylite.frontends import erf as polynomial
from tachylite.frontends.tf.converter import Origin
from tachylite.frontends.tf.node import Node, op
from tachylite.model.graph import Tensor

#: A factor is looked for so many products deep.
DEPTH = 3


@op("Erf")
def erf(self: Node, x: Tensor) -> Tensor:
    return polynomial.erf(self.build, x)


@op("Erfc")
def erfc(self: Node, x: Tensor) -> Tensor:
    return polynomial.erfc(self.build, x)


@op("Mul")
def multiply(self: Node, x: Tensor, y: Tensor) -> Tensor:
    base = _gelu_of(self, x, y)
    return self.build.MUL(x, y) if base is None else self.build.GELU(base, approximate=False)


def _gelu_of(self: Node, x: Tensor, y: Tensor) -> Tensor | None:
    """What the product is the GELU of: 0.5 * base * (1 + erf(base / sqrt(2))), in any order."""
    (one, first), (other, second) = _factors(self, x), _factors(self, y)
    leaves = [*first, *second]
    if len(leaves) == 2 and np.isclose(one * other, 0.5):
        for base, rest in (leaves, leaves[::-1]):
            if _is_normal_integral(self, rest, base):
                return base
    return None


def _factors(self: Node, x: Tensor, depth: int = DEPTH) -> tuple[float, list[Tensor]]:
    """A product as a number and what it multiplies."""
    value = _number(self, x)
    if value is not None:
        return value, []
    made = self.converter.origins.get(x)
    if made is None or depth == 0 or made.node.op not in ("Mul", "Neg", "RealDiv"):
        return 1, [x]
    if made.node.op == "Neg":
        factor, leaves = _factors(self, made.inputs[0], depth)
        return -factor, leaves
    (one, first), (other, second) = (_factors(self, t, depth - 1) for t in made.inputs)
    if made.node.op == "Mul":
        return one * other, [*first, *second]
    return (1, [x]) if second or other == 0 else (one / other, first)


def _number(self: Node, x: Tensor) -> float | None:
    value = self.build.value(x)
    return float(value.item()) if value is not None and value.size == 1 else None


def _is_normal_integral(self: Node, x: Tensor, base: Tensor) -> bool:
    """Whether x is 1 + erf(base / sqrt(2)), or erfc(-base / sqrt(2))."""
    made = self.converter.origins.get(x)
    if made is not None and made.node.op == "Erfc":
        return _is_scaled(self, made, base, -np.sqrt(0.5))
    if made is None or made.node.op not in ("Add", "AddV2"):
        return False
    rest = [t for t in made.inputs if _number(self, t) != 1]
    inner = self.converter.origins.get(rest[0]) if len(rest) == 1 else None
    return inner is not None and inner.node.op == "Erf" and _is_scaled(self, inner, base, np.sqrt(0.5))


def _is_scaled(self: Node, made: Origin, base: Tensor, factor: float) -> bool:
    found, leaves = _factors(self, made.inputs[0])
    return len(leaves) == 1 and leaves[0] is base and bool(np.isclose(found, factor))
