"""Mul, Erf and Erfc: together they may be a GELU."""

from tachylite.frontends import erf as functions
from tachylite.frontends.tf.node import Node, op
from tachylite.model.graph import Tensor


@op("Erf")
def erf(self: Node, x: Tensor) -> Tensor:
    return functions.erf(self.build, x)


@op("Erfc")
def erfc(self: Node, x: Tensor) -> Tensor:
    return functions.erfc(self.build, x)


@op("Mul")
def multiply(self: Node, x: Tensor, y: Tensor) -> Tensor:
    base = functions.Products(self.build, self.converter.origins).gelu_of(x, y)
    return self.build.MUL(x, y) if base is None else self.build.GELU(base, approximate=False)
