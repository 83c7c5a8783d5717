"""Optimal brain surgery: which weights of a matrix a layer can best do without, and how the others make up for them.

A layer is a matrix that meets rows; what counts is the squared error of its outputs on the rows seen, which depends on the rows through the
sum of their products alone. See Hassibi and Stork (1993), and Frantar, Singh and Alistarh, Optimal Brain Compression (2022).
"""

from typing import NamedTuple

import numpy as np

DAMPING = 1e-3
"""What is added to every input's power, as a part of their mean: inputs that never vary can be divided by, and weights stay small."""

AT_ONCE = 64
"""A row's weights are removed in portions of one in as many of those that are left."""


class Removal(NamedTuple):
    """The order in which each row's weights had better go, and by how much the error grows each time: [groups, outputs, weights]."""

    order: np.ndarray
    costs: np.ndarray

    def smallest(self, count: int) -> np.ndarray:
        """Which weights go where as many may: bool, of the same shape."""
        chosen = np.zeros(self.costs.size, bool)
        # A row's costs ascend, and equal ones stay in order, so that what goes first in a row is chosen first.
        chosen[np.argsort(self.costs, axis=None, kind="stable")[:count]] = True
        mask = np.empty(self.costs.shape, bool)
        np.put_along_axis(mask, self.order, chosen.reshape(self.costs.shape), axis=2)
        return mask


def damped(products: np.ndarray, weights: int) -> np.ndarray:
    """The products of rows with the power of the first `weights` inputs raised a little; a last one, of ones, stays as it is."""
    result = products.astype(np.float64)
    places = np.arange(weights)
    powers = result[:, places, places]
    result[:, places, places] = powers + DAMPING * powers.mean(axis=1, keepdims=True) + 1e-12
    return result


def removal(products: np.ndarray, matrix: np.ndarray, weights: int) -> Removal:
    """How to remove weights from a matrix [groups, outputs, depth], of whose columns the first `weights` may be emptied.

    products: of the rows, damped, [groups, depth, depth].
    """
    found = [_row_removal(inverse, row, weights) for inverse, part in zip(np.linalg.inv(products), matrix, strict=True) for row in part]
    order, costs = (np.stack(part).reshape(*matrix.shape[:2], weights) for part in zip(*found, strict=True))
    # A weight cannot go before one that had to go first.
    return Removal(order, np.maximum.accumulate(costs, axis=2))


def _row_removal(inverse: np.ndarray, row: np.ndarray, weights: int) -> tuple[np.ndarray, np.ndarray]:
    order, costs = np.empty(weights, np.intp), np.empty(weights)
    places, done = np.arange(len(row)), 0
    while done < weights:
        left = weights - done
        prices = np.square(row[:left]) / np.diagonal(inverse)[:left]
        count = max(1, left // AT_ONCE)
        chosen = np.argpartition(prices, count - 1)[:count]
        others = np.delete(np.arange(len(row)), chosen)
        block = np.linalg.solve(inverse[np.ix_(chosen, chosen)], np.column_stack([inverse[np.ix_(chosen, others)], row[chosen]]))
        order[done : done + count] = places[chosen]
        costs[done : done + count] = row[chosen] @ block[:, -1] / count
        row = row[others] - inverse[np.ix_(others, chosen)] @ block[:, -1]
        inverse = inverse[np.ix_(others, others)] - inverse[np.ix_(others, chosen)] @ block[:, :-1]
        places, done = places[others], done + count
    return order, costs


def refit(products: np.ndarray, targets: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """The matrix [groups, outputs, depth], zero but where `kept`, whose outputs are nearest to what is wanted.

    products: of the rows, damped, [groups, depth, depth]. targets: of the rows with the outputs wanted, [groups, depth, outputs].
    """
    if kept.all():
        return np.linalg.solve(products, targets).swapaxes(1, 2)
    result = np.zeros(kept.shape)
    for square, values, masks, wanted in zip(products, result, kept, targets.swapaxes(1, 2), strict=True):
        for value, mask, target in zip(values, masks, wanted, strict=True):
            value[mask] = np.linalg.solve(square[np.ix_(mask, mask)], target[mask])
    return result
