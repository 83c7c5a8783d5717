"""The last word on scales: of values that are nothing but zeros, and of those much finer than what they are computed from.

LiteRT's kernels refuse factors between scales beyond some power of two, and any scale would do for zeros. Pruned models have both: layers
whose weights are all zero, and channels that hardly ever get past their RELU.
"""

from collections.abc import Collection, Hashable, Mapping

import numpy as np

from tachylite.model.graph import Operator
from tachylite.ops.integer import Grid

from .grid import bounds_of, weight_scales
from .layer import Place, Work, dense, weights_of

Key = Hashable
"""A value in a type; or of its own, a constant or a converted input: (operator, place)."""

FINEST = 1 / 128
"""The steps of an output, at least, as a part of the unit that it is computed in. LiteRT's default kernels take no less than 1 / 256."""

MOST_STEPS = 2**30
"""To the bound of a fused activation: LiteRT counts them in 32 bits."""


def settle(
    works: Mapping[Operator, Work],
    keys: Mapping[Operator, Mapping[Place, Key]],
    grids: dict[Key, Grid],
    zeros: set[Key],
    fixed: Collection[Key],
) -> None:
    """Give the values that are always zero the scale of their neighbours, and make others coarser that are too fine.

    works: in the order of computation. keys: what gives the grid of each operand and output. grids: are changed, but for those of `fixed`.
    zeros: the keys of values that are always zero; is empty afterwards.
    """
    for op, work in works.items():
        inputs, outputs = ([key for place, key in keys[op].items() if place.is_output == end] for end in (False, True))
        coarsest = max((grids[key].scale for key in inputs if key not in zeros), default=1.0)
        for key in zeros.intersection(inputs):
            _rescale(grids, key, coarsest)
            zeros.discard(key)
        for key in inputs:
            if key not in fixed:
                _rescale(grids, key, max(grids[key].scale, work.integer.least))
        unit = _unit(op, work, [grids[key].scale for key in inputs])
        for key in outputs:
            if key in zeros:
                _rescale(grids, key, unit or coarsest)
            if key not in fixed:
                _rescale(grids, key, max(grids[key].scale, unit * FINEST, _least_scale(op)))
        zeros.difference_update(outputs)


def _rescale(grids: dict[Key, Grid], key: Key, scale: float) -> None:
    """Change the size of the steps alone: the range keeps its form, and still holds 0."""
    grids[key] = Grid(float(np.float32(scale)), grids[key].zero_point)


def _least_scale(op: Operator) -> float:
    """That in which the bound of an activation can be counted."""
    bound = bounds_of(op).greatest
    return bound / MOST_STEPS if np.isfinite(bound) else 0.0


def _unit(op: Operator, work: Work, scales: list[float]) -> float:
    """In what the operator counts its results; 0 where that sets no bound."""
    if work.integer.unit is None or not scales:
        return 0.0
    assert work.weights is not None
    weights = [weight_scales(dense(t), work.weights, None, of_zeros=0) for t in weights_of(op, work.integer).values()]
    return work.integer.unit([*scales, *(float(scale) for (scale,) in weights)])
