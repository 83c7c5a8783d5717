"""What convolutions and pools share: parameters per dimension, channels first, and one dimension treated as two."""

import re
from collections.abc import Callable
from functools import wraps

import numpy as np

from tachylite.frontends.shaping import move_axis
from tachylite.model.graph import Tensor

from .layer import Layer

Function = Callable[[Layer, Tensor], Tensor]


def spatial(self: Layer, key: str, rank: int) -> list[int]:
    """A parameter for each of the last `rank` dimensions; 1 for those that the layer does not have. One number serves all."""
    value = self.get(key, 1)
    values = list(value) if isinstance(value, list | tuple) else [value]
    own = re.search(r"([123])D", self.class_name)
    values = values * int(own[1]) if own and len(values) == 1 else values
    return [1] * (rank - len(values)) + values


def channels_last(function: Function) -> Function:
    """Lets a function that knows channels last alone work on either layout."""

    @wraps(function)
    def convert(self: Layer, x: Tensor) -> Tensor:
        if not self.is_channels_first:
            return function(self, x)
        y = function(self, move_axis(self.build, x, 1, -1))
        return move_axis(self.build, y, -1, 1) if len(y.shape) > 2 else y

    return convert


def flat_1d(function: Function) -> Function:
    """Lets a function of two dimensions work on one: [n, t, c] is [n, 1, t, c]."""

    @wraps(function)
    def convert(self: Layer, x: Tensor) -> Tensor:
        y = function(self, self.build.EXPAND_DIMS(x, np.array(1, np.int32)))
        return self.build.SQUEEZE(y, squeeze_dims=(1,))

    return convert
