"""How a trained weight enters the graph: as the variable that it is, or masked, shared among few values, or in steps."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from tachylite.ops.calculus import Term, apply

from .variables import Scope


class Steps(NamedTuple):
    """Symmetric steps of an integer type: the greatest number of them, and the axis along which each slice has a scale of its own."""

    most: int
    axis: int | None


@dataclass(frozen=True)
class Weight:
    """A constant that is trained.

    variable: the name of what is trained: the weight's elements or, with `places`, the values that they share.
    mask: the name of a variable of 0 and 1, by which the weight is multiplied.
    places: for each element, which of the shared values it takes; int32 in the weight's shape.
    steps: what the weight is rounded to, as the compressed model will hold it.
    """

    variable: str
    mask: str | None = None
    places: np.ndarray | None = None
    steps: Steps | None = None

    def seen(self, scope: Scope, value: Term) -> Term:
        """The weight as the layers see it, from the variable's value."""
        if self.places is not None:
            flat: Term = value.GATHER(self.places.reshape(-1))
            value = flat.reshape(self.places.shape)
        if self.mask is not None:
            value = value * Term(scope.build, scope.read(self.mask))
        return value if self.steps is None else _in_steps(value, self.steps)

    def pulled(self, scope: Scope, slope: Term) -> Term:
        """The variable's gradient, from that of what the layers see; rounding passes it on (Bengio, Leonard and Courville, 2013)."""
        if self.mask is not None:
            slope = slope * Term(scope.build, scope.read(self.mask))
        if self.places is None:
            return slope
        shape = scope.variables.known[self.variable].shape
        sums: Term = apply(
            slope.build, "SCATTER_ND", self.places.reshape(-1, 1), slope.reshape((self.places.size,)), np.array(shape, np.int32)
        )
        return sums

    def final(self, values: dict[str, np.ndarray]) -> np.ndarray:
        """The weight, before it is rounded to steps, from the variables' values."""
        value = values[self.variable]
        value = value if self.places is None else value[self.places]
        return value if self.mask is None else value * values[self.mask]


def _in_steps(value: Term, steps: Steps) -> Term:
    """Rounded to steps of a size that just reaches each slice's greatest magnitude; a slice of zeros stays so."""
    others = np.array([i for i in range(value.rank) if i != steps.axis], np.int32)
    greatest: Term = value.ABS().REDUCE_MAX(others, keep_dims=True)
    scale = greatest.MAXIMUM(1e-30) * (1.0 / steps.most)
    return (value / scale).ROUND() * scale
