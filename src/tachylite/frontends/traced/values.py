"""What nodes hand on, besides tensors, numbers and lists of them."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from tachylite.frontends.builder import Dims, FrontendBuilder, dims
from tachylite.model.graph import Tensor


class Unknown:
    """Stands for what a node that cannot be converted would have given."""


UNKNOWN = Unknown()


@dataclass(frozen=True)
class Broadcast:
    """A tensor that numpy's rules broadcast to a shape, of which a vector `sizes` tells the dimensions that are not known.

    Most operators broadcast what they read by themselves, so that it need never be there in its full size.
    """

    small: Tensor
    shape: Dims
    sizes: Tensor | None = None

    def full(self, build: FrontendBuilder) -> Tensor:
        """The tensor in its full shape."""
        if dims(self.small) == self.shape:
            return self.small
        value = build.value(self.small)
        known = [d for d in self.shape if d is not None]
        if value is not None and len(known) == len(self.shape):
            return build.constant(np.broadcast_to(value, known), self.small.name.rpartition("/")[2])
        sizes = build.constant(np.array(known, np.int32)) if self.sizes is None else self.sizes
        result: Tensor = build.FILL(sizes, self.small) if self.small.shape == () else build.BROADCAST_TO(self.small, sizes)
        return result


def as_tensor(build: FrontendBuilder, value: Any) -> Tensor:
    """A value as a tensor of the graph. Python's numbers become int64 and float32."""
    if isinstance(value, Tensor):
        return value
    if isinstance(value, Broadcast):
        return value.full(build)
    array = np.asarray(value)
    return build.constant(array.astype(np.float32) if array.dtype == np.float64 else array)
