"""`tachylite.cluster`: weights share few values, so that a file shrinks when it is packed."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tachylite.model.errors import TachyliteError
from tachylite.model.graph import Model, Tensor

from .calibrate import open_model
from .reconstruct import Twins, kept_of, layer_by_layer
from .rounding import compensated
from .sparse import densified, sparsify
from .surgery import refit
from .weights import Patterns, Selection, Weights, check_choice, opened

SCOPES = ("layer", "channel")

MOST_ROUNDS = 300
"""Of k-means, which mostly settles long before."""


def cluster(
    model: Any,
    clusters: int,
    *,
    init: str = "kmeans++",
    scope: str = "layer",
    keep_zeros: bool = True,
    calibration: Any = None,
    operators: Patterns = "*",
    names: Patterns = "*",
    skip: Patterns = (),
    seed: int = 0,
) -> Model:
    """A copy of a model whose weights take no more than `clusters` values, found by k-means.

    model: a path, bytes or a Model, with float weights.
    init: where k-means begins: kmeans++ (drawn with `seed`), linear (evenly between the least and the greatest), density (equally many
        weights to each).
    scope: the weights of a layer share values, or those of each of its outputs.
    keep_zeros: weights of zero, as pruning leaves them, stay zero; that is one of the values.
    calibration: samples (see data.samples.samples_of): weights take one value or another so that the outputs of their layer, which shares
        values as a whole, change least.
    operators, names, skip: as in prune. What was stored sparsely is so again.
    Raises TachyliteError where an argument is none of these.
    """
    check_choice("init", init, list(INITS))
    check_choice("scope", scope, SCOPES)
    if clusters < 2:
        raise TachyliteError(f"clusters is {clusters}; weights need at least 2 values, 16 say")
    given = open_model(model)
    result, weights = opened(given, Selection(operators, names, skip))
    rng = np.random.default_rng(seed)

    def share(values: np.ndarray) -> np.ndarray:
        return _with_zeros(values, clusters, init, rng) if keep_zeros else shared(values, clusters, init, rng)

    done = set[Tensor]()
    if calibration is not None:
        if scope != "layer":
            raise TachyliteError("samples tell how a layer as a whole had best share values; leave the scope out")
        done = _share_by_samples(result, [w.tensor for w in weights], share, keep_zeros, calibration)
    for each in (w for w in weights if w.tensor not in done):
        each.set(_by_slice(each, share) if scope == "channel" else share(each.value))
    if densified(given) is not given:
        sparsify(result)
    result.verify()
    return result


Share = Callable[[np.ndarray], np.ndarray]
"""From values to what they become when they share few."""


def _share_by_samples(model: Model, chosen: Sequence[Tensor], share: Share, keep_zeros: bool, data: Any) -> set[Tensor]:
    """Cluster those layers, in place, that have the chosen weights and meet rows. Returns the weights of which that is done."""
    done = set()
    for twins in layer_by_layer(model, chosen, data):
        _share_one(twins, share, keep_zeros)
        done.add(twins.now.weights)
    return done


def _share_one(twins: Twins, share: Share, keep_zeros: bool) -> None:
    """Let one layer share values: those that suit its best fit to what it meets now; the rest of a row makes up for each weight's error."""
    layer, (products, targets) = twins.now, twins.sums()
    depth = layer.depth
    zeros = (layer.value[..., :depth] == 0) & keep_zeros
    value = refit(products, targets, kept_of(layer, zeros))
    centres = np.unique(share(value[..., :depth]))

    def choose(left: np.ndarray, place: int) -> np.ndarray:
        return np.where(zeros[..., place], 0, centres[_nearest(left, centres)])

    value[..., :depth] = compensated(value[..., :depth], products[:, :depth, :depth], choose)
    if layer.bias is not None:
        left = targets[:, depth] - np.einsum("god,gd->go", value[..., :depth], products[:, depth, :depth])
        value[..., depth] = left / products[:, depth, depth, None]
    layer.set(value)


def _by_slice(weights: Weights, share: Share) -> np.ndarray:
    axis = weights.axis or 0
    return np.stack([share(part) for part in np.moveaxis(weights.value, axis, 0)], axis)


def _with_zeros(values: np.ndarray, clusters: int, init: str, rng: np.random.Generator) -> np.ndarray:
    others = values != 0
    result = np.zeros_like(values)
    result[others] = shared(values[others], clusters - (not others.all()), init, rng)
    return result


def shared(values: np.ndarray, clusters: int, init: str, rng: np.random.Generator) -> np.ndarray:
    """The values, each replaced by the centre that k-means finds for it; themselves where they are few enough."""
    distinct, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    if len(distinct) <= clusters:
        return values
    points = distinct.astype(np.float64)
    centres = kmeans(points, counts, INITS[init](points, counts, clusters, rng))
    return centres[_nearest(points, centres)][places].reshape(values.shape).astype(values.dtype)


def kmeans(points: np.ndarray, counts: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Lloyd's rounds from these centres. points: float64 [n], ascending; counts: how often each occurs. A centre without points stays.

    On a line a cluster is a run of neighbours, whose mean is a difference of running sums.
    """
    weight, total = (np.concatenate([[0.0], np.cumsum(a)]) for a in (counts, counts * points))
    centres = np.sort(centres)
    for _ in range(MOST_ROUNDS):
        ends = np.concatenate([[0], np.searchsorted(points, _middles(centres)), [len(points)]])
        sizes = np.diff(weight[ends])
        moved = np.where(sizes > 0, np.diff(total[ends]) / np.maximum(sizes, 1), centres)
        if np.array_equal(moved, centres):
            break
        centres = moved
    return centres


def _middles(centres: np.ndarray) -> np.ndarray:
    return (centres[1:] + centres[:-1]) / 2


def _nearest(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    return np.searchsorted(_middles(centres), points, side="right")


def _plus_plus(points: np.ndarray, counts: np.ndarray, clusters: int, rng: np.random.Generator) -> np.ndarray:
    """Each further centre is drawn with a probability that grows with the squared distance from those before it."""
    centres = [rng.choice(points, p=counts / counts.sum())]
    distances = np.full(len(points), np.inf)
    while len(centres) < clusters:
        distances = np.minimum(distances, (points - centres[-1]) ** 2)
        odds = distances * counts
        centres.append(rng.choice(points, p=odds / odds.sum()))
    return np.array(centres)


def _linear(points: np.ndarray, counts: np.ndarray, clusters: int, rng: np.random.Generator) -> np.ndarray:
    return np.linspace(points[0], points[-1], clusters)


def _density(points: np.ndarray, counts: np.ndarray, clusters: int, rng: np.random.Generator) -> np.ndarray:
    middles = (np.arange(clusters) + 0.5) / clusters * counts.sum()
    return points[np.searchsorted(np.cumsum(counts), middles)]


INITS: dict[str, Callable[[np.ndarray, np.ndarray, int, np.random.Generator], np.ndarray]] = {
    "kmeans++": _plus_plus,
    "linear": _linear,
    "density": _density,
}
"""By name: the centres that k-means begins with, from points in ascending order, how often each occurs, and the number of centres."""
