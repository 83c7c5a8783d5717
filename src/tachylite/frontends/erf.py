"""The error function: within a product it may be a GELU, which TFLite has; alone it becomes a polynomial."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tachylite.model.graph import Tensor

from .builder import FrontendBuilder

#: Abramowitz and Stegun, 7.1.26: good to 1.5e-7.
WIDTH = 0.3275911
COEFFICIENTS = (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592)

#: A factor is looked for so many products deep.
DEPTH = 3

ADDITIONS, DIVISIONS = ("Add", "AddV2"), ("Div", "RealDiv")


@dataclass(frozen=True)
class Origin:
    """The node that gave a tensor and its inputs, by which a later node recognizes what both compute together. node: has an `op`."""

    node: Any
    inputs: Sequence[Any]


def erf(build: FrontendBuilder, x: Tensor) -> Tensor:
    """erf(x), float32."""
    result: Tensor = build.MUL(build.SIGN(x), build.SUB(_scalar(1), _tail(build, build.ABS(x))))
    return result


def erfc(build: FrontendBuilder, x: Tensor) -> Tensor:
    """1 - erf(x), float32."""
    tail = _tail(build, build.ABS(x))
    result: Tensor = build.SELECT_V2(build.LESS(x, _scalar(0)), build.SUB(_scalar(2), tail), tail)
    return result


def _scalar(value: float) -> np.ndarray:
    return np.array(value, np.float32)


def _tail(build: FrontendBuilder, x: Tensor) -> Tensor:
    """1 - erf(x) for x >= 0: a polynomial of 1 / (1 + WIDTH * x), times exp(-x * x)."""
    t = build.DIV(_scalar(1), build.ADD(build.MUL(x, _scalar(WIDTH)), _scalar(1)))
    y = build.MUL(t, _scalar(COEFFICIENTS[0]))
    for coefficient in COEFFICIENTS[1:]:
        y = build.MUL(build.ADD(y, _scalar(coefficient)), t)
    result: Tensor = build.MUL(y, build.EXP(build.NEG(build.MUL(x, x))))
    return result


@dataclass(frozen=True)
class Products:
    """Products as sources write them. origins: the nodes (of TensorFlow or ONNX) that gave the tensors."""

    build: FrontendBuilder
    origins: Mapping[Tensor, Origin]

    def gelu_of(self, x: Tensor, y: Tensor) -> Tensor | None:
        """What x * y is the GELU of: 0.5 * base * (1 + erf(base / sqrt(2))), in any order."""
        (one, first), (other, second) = self._factors(x), self._factors(y)
        leaves = [*first, *second]
        if len(leaves) == 2 and np.isclose(one * other, 0.5):
            for base, rest in (leaves, leaves[::-1]):
                if self._is_normal_integral(rest, base):
                    return base
        return None

    def _factors(self, x: Tensor, depth: int = DEPTH) -> tuple[float, list[Tensor]]:
        """A product as a number and what it multiplies."""
        value = self._number(x)
        if value is not None:
            return value, []
        made = self.origins.get(x)
        if made is None or depth == 0 or made.node.op not in ("Mul", "Neg", *DIVISIONS):
            return 1, [x]
        if made.node.op == "Neg":
            factor, leaves = self._factors(made.inputs[0], depth)
            return -factor, leaves
        (one, first), (other, second) = (self._factors(t, depth - 1) for t in made.inputs)
        if made.node.op == "Mul":
            return one * other, [*first, *second]
        return (1, [x]) if second or other == 0 else (one / other, first)

    def _number(self, x: Tensor) -> float | None:
        value = self.build.value(x)
        return float(value.item()) if value is not None and value.size == 1 else None

    def _is_normal_integral(self, x: Tensor, base: Tensor) -> bool:
        """Whether x is 1 + erf(base / sqrt(2)), or erfc(-base / sqrt(2))."""
        made = self.origins.get(x)
        if made is not None and made.node.op == "Erfc":
            return self._is_scaled(made, base, -np.sqrt(0.5))
        if made is None or made.node.op not in ADDITIONS:
            return False
        rest = [t for t in made.inputs if self._number(t) != 1]
        inner = self.origins.get(rest[0]) if len(rest) == 1 else None
        return inner is not None and inner.node.op == "Erf" and self._is_scaled(inner, base, np.sqrt(0.5))

    def _is_scaled(self, made: Origin, base: Tensor, factor: float) -> bool:
        found, leaves = self._factors(made.inputs[0])
        return len(leaves) == 1 and leaves[0] is base and bool(np.isclose(found, factor))
