"""What nodes hand on that is no tensor of a graph."""

from typing import Any

from tachylite.model.graph import Tensor


class Unknown:
    """Stands for what a node that cannot be converted would have given."""


UNKNOWN = Unknown()

#: A tensor, None for an optional that is empty, or a sequence of tensors that is known while converting.
Value = Tensor | Unknown | list[Any] | None
