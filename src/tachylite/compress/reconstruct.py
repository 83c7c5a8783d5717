"""Pruning by what layers do on samples: weights go whose loss the others can make up for best, and the others make up for it.

Layer after layer, the weights that stay are fitted again, so that on the samples a layer of the pruned model gives what it gave before,
whatever has become of the layers in front of it.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np

from tachylite.data.samples import Sample, samples_of
from tachylite.model.errors import TachyliteError
from tachylite.model.graph import Model, Tensor
from tachylite.runtime.loaded import load

from .calibrate import batch_size, in_batches
from .grid import bounds_of
from .matrix import Matrix, matrices, observe_rows, rows_of_both, upto
from .rounding import MOST_DEPTH
from .surgery import damped, refit, removal

ROUNDS = 4
"""Fits of a layer with a clip: each knows better than the last which outputs are cut off anyway."""

TRIALS = 64
"""Samples, at most, on which it is tried how much each layer matters."""


def prune_by_samples(model: Model, chosen: Collection[Tensor], sparsity: float, scope: str, data: Any) -> set[Tensor]:
    """Prune those layers of a model, in place, that have the chosen weights. Returns the weights of which that is done.

    scope: `global`, or `layer`: each loses the same part. data: samples, which are kept. Raises TachyliteError where there are none.
    """
    samples, original = samples_for(data, model), model.copy()
    pairs = [(a, b) for a, b in zip(matrices(original), matrices(model), strict=True) if b.weights in chosen and b.depth <= MOST_DEPTH]
    counts = _counts(
        original,
        [before for before, _ in pairs],
        sparsity,
        scope,
        [dict(zip(original.graph.inputs, s.values(), strict=True)) for s in samples],
    )
    for (before, now), count in zip(pairs, counts, strict=True):
        _prune(Twins(original, model, before, now, samples), count)
    return {now.weights for _, now in pairs}


# How many weights each layer loses.


@dataclass
class Surgery:
    """What can be removed from a layer that meets what it meets in the whole model. products: [groups, depth, depth], damped."""

    layer: Matrix
    products: np.ndarray

    def __post_init__(self) -> None:
        self.value = self.layer.value
        self.removal = removal(self.products, self.value, self.layer.depth)

    @property
    def power(self) -> float:
        """The squares of the layer's outputs, less those of their means where a bias could make up for them."""
        powers = np.einsum("god,gde,goe->go", self.value, self.products, self.value)
        if self.layer.bias is not None:
            powers = powers - np.einsum("god,gd->go", self.value, self.products[:, -1]) ** 2 / self.products[:, -1, -1, None]
        return float(powers.sum())

    def without(self, count: int) -> np.ndarray:
        """The layer's value without as many weights, the others fitted again."""
        return refit(self.products, self.products @ self.value.swapaxes(1, 2), kept_of(self.layer, self.removal.smallest(count)))


def kept_of(layer: Matrix, removed: np.ndarray) -> np.ndarray:
    """Of the layer's value what stays: a bias does."""
    return ~removed if layer.bias is None else np.concatenate([~removed, np.ones((*removed.shape[:2], 1), bool)], axis=2)


def _counts(model: Model, layers: Sequence[Matrix], sparsity: float, scope: str, samples: Sequence[Sample]) -> list[int]:
    """Weights that each layer loses."""
    if scope == "layer":
        return [round(sparsity * layer.size) for layer in layers]
    if not layers:
        return []
    surgeries = [Surgery(layer, products) for layer, products in zip(layers, _products(model, layers, samples), strict=True)]
    error = _errors(model, samples[:TRIALS])
    costs = np.concatenate([_weighed(surgery, sparsity, error) for surgery in surgeries])
    owners = np.repeat(np.arange(len(layers)), [layer.size for layer in layers])
    chosen = np.argsort(costs, kind="stable")[: round(sparsity * len(costs))]
    return np.bincount(owners[chosen], minlength=len(layers)).tolist()


def _products(model: Model, layers: Sequence[Matrix], samples: Sequence[Sample]) -> list[np.ndarray]:
    """Of the rows that each layer meets, damped."""
    sums: dict[Matrix, np.ndarray] = {}

    def add(layer: Matrix, rows: np.ndarray) -> None:
        products = (rows.swapaxes(1, 2) @ rows).astype(np.float64)
        sums[layer] = sums[layer] + products if layer in sums else products

    observe_rows(model, layers, samples, add)
    return [damped(sums[layer], layer.depth) for layer in layers]


def _weighed(surgery: Surgery, sparsity: float, error: Callable[[], float]) -> np.ndarray:
    """What each weight's removal costs, as the geometric mean of its part in the error of the layer and in that of the model.

    The error of the model alone would count what layers behind make up for, and that of the layer knows nothing of them.
    """
    layer, costs = surgery.layer, surgery.removal.costs.ravel() / (surgery.power or 1)
    count = round(sparsity * layer.size)
    local = float(np.sort(costs)[:count].sum())
    layer.set(surgery.without(count))
    whole = error()
    layer.set(surgery.value)
    return costs * sqrt(whole / local) if local > 0 else costs


def _errors(model: Model, samples: Sequence[Sample]) -> Callable[[], float]:
    """What tells how far the model's first output has gone from what it is now; probabilities are looked at before they are made."""
    output = model.graph.outputs[0]
    maker = model.graph.producer(output)
    if maker is not None and maker.op in ("SOFTMAX", "LOG_SOFTMAX", "LOGISTIC") and maker.inputs[0] is not None:
        output = maker.inputs[0]

    def answers() -> np.ndarray:
        runner = load(upto(model, output))
        return np.concatenate([runner.run(batch)[output].ravel() for _, batch in in_batches(samples, batch_size(model))])

    before = answers().astype(np.float64)
    return lambda: float(np.square(answers() - before).sum() / (np.square(before).sum() or 1))


# Layer after layer.


@dataclass
class Twins:
    """A layer in the model as it was and in the pruned one, and the samples that both are run on.

    outputs: which of its outputs the layer still has, bool; None where it has all.
    """

    original: Model
    pruned: Model
    before: Matrix
    now: Matrix
    samples: Sequence[Sample]
    outputs: np.ndarray | None = None

    def sums(self, value: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Products of the rows met now, damped [groups, depth, depth], and those with the outputs wanted [groups, depth, outputs].

        value: what the matrix is so far: outputs that it and the original have beyond the same end of a clip may stay where they are.
        """
        products: Any = 0
        targets: Any = 0
        matrix, bounds = self.before.value.astype(np.float32).swapaxes(1, 2), bounds_of(self.before.op)
        for then, now in rows_of_both((self.original, self.pruned), (self.before, self.now), self.samples):
            wanted = self._still_there(then @ matrix)
            if value is not None:
                found = now @ value.astype(np.float32).swapaxes(1, 2)
                wanted = np.where(wanted <= bounds.least, np.minimum(found, bounds.least), wanted)
                wanted = np.where(wanted >= bounds.greatest, np.maximum(found, bounds.greatest), wanted)
            turned = now.swapaxes(1, 2)
            products, targets = products + (turned @ now).astype(np.float64), targets + (turned @ wanted).astype(np.float64)
        return damped(products, self.now.depth), targets

    def _still_there(self, wanted: np.ndarray) -> np.ndarray:
        """Of outputs [groups, rows, outputs] those that the layer has now, in its groups."""
        if self.outputs is None:
            return wanted
        flat = wanted.transpose(1, 0, 2).reshape(wanted.shape[1], -1)[:, self.outputs]
        return flat.reshape(len(flat), self.now.groups, -1).transpose(1, 0, 2)

    def fit(self, products: np.ndarray, targets: np.ndarray, kept: np.ndarray) -> None:
        """Give the layer the value, zero but where `kept`, whose outputs are nearest to the original's behind their clip."""
        value = refit(products, targets, kept)
        has_clip = bool(np.isfinite(bounds_of(self.now.op)).any())
        for _ in range(ROUNDS if has_clip else 0):
            value = refit(products, self.sums(value)[1], kept)
        self.now.set(value)


def _prune(twins: Twins, count: int) -> None:
    """Remove as many weights from the layer in the pruned model, and fit the others again."""
    layer = twins.now
    products, targets = twins.sums()
    whole = np.linalg.solve(products, targets).swapaxes(1, 2)
    twins.fit(products, targets, kept_of(layer, removal(products, whole, layer.depth).smallest(count)))


def layer_by_layer(model: Model, chosen: Collection[Tensor], data: Any) -> Iterator[Twins]:
    """The layers of a model that have the chosen weights, each with its twin in the model as it was: the next meets what is done to one."""
    samples, original = samples_for(data, model), model.copy()
    for before, now in zip(matrices(original), matrices(model), strict=True):
        if now.weights in chosen and now.depth <= MOST_DEPTH:
            yield Twins(original, model, before, now, samples)


def fit_again(original: Model, model: Model, layers: Mapping[Tensor, tuple[Matrix, np.ndarray | None]], data: Any) -> None:
    """Fit the layers of a model that has lost channels, in place, so that on samples those left are what they were.

    layers: by the output of a layer in the model, the layer in the original, and which of its outputs are left (None: all).
    """
    samples = samples_for(data, model)
    for now in matrices(model):
        before, outputs = layers[now.op.outputs[0]]
        if now.depth <= MOST_DEPTH:
            twins = Twins(original, model, before, now, samples, outputs)
            twins.fit(*twins.sums(), np.ones(now.value.shape, bool))


def samples_for(data: Any, model: Model) -> list[Sample]:
    """The samples in `data`, kept. Raises TachyliteError where there are none."""
    samples = list(samples_of(data, model))
    if not samples:
        raise TachyliteError("the calibration data hold no samples; give some like those that the model will meet, a thousand say")
    return samples
