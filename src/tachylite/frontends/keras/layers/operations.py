"""Operations on Keras tensors: `keras.ops` and the operators of Python, each a class in the config as a layer is."""

from typing import Any

import numpy as np

from tachylite.frontends.keras.layer import Layer, operation
from tachylite.model.graph import Tensor

BINARY = {
    "Add": "ADD",
    "Subtract": "SUB",
    "Multiply": "MUL",
    "Divide": "DIV",
    "TrueDivide": "DIV",
    "Maximum": "MAXIMUM",
    "Minimum": "MINIMUM",
    "Power": "POW",
}


def operand(value: Any, like: Tensor) -> Any:
    """A number as a constant of the other operand's type."""
    return value if isinstance(value, Tensor) else np.array(value, like.dtype)


@operation(*BINARY)
def binary(self: Layer, x1: Any, x2: Any) -> Tensor:
    like = x1 if isinstance(x1, Tensor) else x2
    return getattr(self.build, BINARY[self.class_name])(operand(x1, like), operand(x2, like))
