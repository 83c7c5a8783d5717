"""What nodes hand on that is no tensor of a graph."""

from dataclasses import dataclass

import numpy as np

from tachylite.frontends.builder import Dims
from tachylite.model.graph import Tensor


class Unknown:
    """Stands for what a node that cannot be converted would have given."""


UNKNOWN = Unknown()


@dataclass(frozen=True)
class Variable:
    """A resource variable; key: its name, under which all of its handles know it. shape: None where it is not told."""

    key: str
    dtype: np.dtype
    shape: Dims | None


@dataclass(frozen=True)
class Table:
    """A hash table; key: its name."""

    key: str


class NeedsVariable(Exception):  # noqa: N818 -- it never leaves the frontend
    """A variable taken for a constant is assigned to; the graph is built again with what this names kept as variables."""

    def __init__(self, key: str):
        super().__init__(key)
        self.key = key


@dataclass(frozen=True)
class TensorList:
    """A list of tensors of one shape, as one tensor [n, ...] in which an element is replaced by making a new one.

    tensor: None until the first element tells the shape, where nothing else does.
    """

    length: int | Tensor
    dtype: np.dtype
    tensor: Tensor | None = None
