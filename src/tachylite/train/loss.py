"""Losses, in terms: the mean over all samples of how far outputs are from what they should be."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from tachylite.model.errors import TachyliteError
from tachylite.model.graph import Shape
from tachylite.ops.calculus import Term, apply, where


def _mean(x: Term) -> Term:
    """Of all elements: []."""
    return x.sum(*range(x.rank)) * (1.0 / max(1, int(np.prod(x.shape))))


def _likelihood(logits: Term, share: Term) -> Term:
    """The mean of -sum(share * log softmax(logits)): over samples, or over pixels or steps, whichever there are."""
    total = (logits.LOG_SOFTMAX() * share).sum(*range(logits.rank))
    return total * (-1.0 / max(1, int(np.prod(logits.shape[:-1]))))


def sparse_crossentropy(logits: Term, classes: Term, smoothing: float = 0.0) -> Term:
    """logits: [..., n]; classes: int32 [...]. With smoothing, a part of the probability is shared by all classes alike."""
    count = logits.shape[-1]
    low = smoothing / count
    on, off = np.float32(1 - smoothing + low), np.float32(low)
    return _likelihood(logits, classes.ONE_HOT(np.int32(count), on, off, axis=-1))


def crossentropy(logits: Term, shares: Term, smoothing: float = 0.0) -> Term:
    """logits, shares: [..., n], of which the latter sum to 1."""
    return _likelihood(logits, shares if not smoothing else shares * (1 - smoothing) + smoothing / logits.shape[-1])


def binary_crossentropy(logits: Term, shares: Term, smoothing: float = 0.0) -> Term:
    """logits, shares: [...], each a probability of its own; by way of the pair (logit, 0), whose softmax is the sigmoid, at any size."""
    if smoothing:
        shares = shares * (1 - smoothing) + smoothing / 2
    zeros = apply(logits.build, "FILL", np.array(logits.shape, np.int32), np.float32(0))
    pair = apply(logits.build, "PACK", logits, zeros, values_count=2, axis=logits.rank).LOG_SOFTMAX()
    yes, no = pair.UNPACK(num=2, axis=logits.rank)
    return -_mean(shares * yes + (1.0 - shares) * no)


def mean_squared_error(y: Term, target: Term, smoothing: float = 0.0) -> Term:
    """y, target: [...]."""
    return _mean(y.SQUARED_DIFFERENCE(target))


def mean_absolute_error(y: Term, target: Term, smoothing: float = 0.0) -> Term:
    """y, target: [...]."""
    return _mean((y - target).ABS())


def huber(y: Term, target: Term, smoothing: float = 0.0, delta: float = 1.0) -> Term:
    """y, target: [...]. Squares up to a difference of delta, straight lines beyond (Huber, 1964)."""
    away = (y - target).ABS()
    return _mean(where(away <= delta, away * away * 0.5, (away - delta / 2) * delta))


class Loss(NamedTuple):
    """function: of the output, the target and the smoothing; before: the activation that the output is wanted without, if it has it."""

    function: Callable[[Term, Term, float], Term]
    before: str | None = None
    is_sparse: bool = False

    def target(self, output: Shape) -> tuple[Shape, np.dtype]:
        """Shape and type of what outputs of this shape are compared with."""
        return (output[:-1], np.dtype(np.int32)) if self.is_sparse else (output, np.dtype(np.float32))


LOSSES: Mapping[str, Loss] = {
    "sparse_crossentropy": Loss(sparse_crossentropy, "SOFTMAX", is_sparse=True),
    "crossentropy": Loss(crossentropy, "SOFTMAX"),
    "binary_crossentropy": Loss(binary_crossentropy, "LOGISTIC"),
    "mse": Loss(mean_squared_error),
    "mae": Loss(mean_absolute_error),
    "huber": Loss(huber),
}
"""By the names that `make_trainable` takes."""


def loss_of(name: str) -> Loss:
    """Raises TachyliteError."""
    if name not in LOSSES:
        raise TachyliteError(f"there is no loss {name!r}; give one of {', '.join(LOSSES)}")
    return LOSSES[name]
