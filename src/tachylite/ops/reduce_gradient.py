"""Gradient rules of what combines elements along axes: reductions, sums up to each element, softmax and the normalizations."""

import numpy as np

from .calculus import Point, Term, along, integers, unreduced, where


def _axes(at: Point) -> list[int]:
    return sorted({int(a) % at.x.rank for a in at.value(1).ravel()}) if at.x.rank else []


def total(at: Point, dy: Term) -> Term:
    """The same to each summand."""
    return unreduced(dy, at.x.shape, _axes(at)).broadcast(at.x.shape)


def mean(at: Point, dy: Term) -> Term:
    """Equal parts."""
    axes = _axes(at)
    count = int(np.prod([at.x.shape[a] for a in axes]))
    return unreduced(dy * (1.0 / count), at.x.shape, axes).broadcast(at.x.shape)


def product(at: Point, dy: Term) -> Term:
    """To each factor the product of the others, whichever of them are zero."""
    x, axes = at.x, _axes(at)
    zero = x.EQUAL(0.0)
    others = where(zero, 1.0, x)
    rest: Term = others.REDUCE_PROD(np.array(axes, np.int32), keep_dims=True)
    zeros = where(zero, at.filled(x.shape, 1.0), 0.0).sum(*axes, keep=True)
    # With one zero the gradient is its alone; with more there is none.
    counts = (zeros.EQUAL(0.0) | zero) & (zeros <= 1.0)
    return where(counts, unreduced(dy, x.shape, axes) * rest / others, 0.0)


def extreme(at: Point, dy: Term) -> Term:
    """To the greatest, or least, elements in equal parts."""
    x, axes = at.x, _axes(at)
    hit = where(x.EQUAL(unreduced(at.y, x.shape, axes)), at.filled(x.shape, 1.0), 0.0)
    return hit * (unreduced(dy, x.shape, axes) / hit.sum(*axes, keep=True))


def cumsum(at: Point, dy: Term) -> Term:
    """To each element the sum of all that it was part of."""
    axis = np.int32(at.value(1).item())
    result: Term = dy.CUMSUM(axis, exclusive=at.options.exclusive, reverse=not at.options.reverse)
    return result


def softmax(at: Point, dy: Term) -> Term:
    """beta y (dy - sum(dy y))."""
    y = at.y
    centred = (dy - (dy * y).sum(-1, keep=True)) * y
    return centred if at.options.beta == 1 else centred * float(at.options.beta)


def log_softmax(at: Point, dy: Term) -> Term:
    """dy - softmax sum(dy); for the loss of a class that is softmax less one-hot, without a logarithm of what may be 0."""
    return dy - at.y.EXP() * dy.sum(-1, keep=True)


def l2_normalization(at: Point, dy: Term) -> Term:
    """(dy - y sum(dy y)) / norm; what is too short for a norm is divided by a constant."""
    x, y = at.x, at.y
    norm = (x * x).sum(-1, keep=True).SQRT()
    inward = where(norm > 1e-6, (dy * y).sum(-1, keep=True), 0.0)
    return (dy - y * inward) / norm.MAXIMUM(1e-6)


def local_response_normalization(at: Point, dy: Term) -> Term:
    """For y = x s ** -beta, s = bias + alpha times the squares of the channels around."""
    x, o = at.x, at.options
    channels = np.arange(x.shape[3])
    near = (np.abs(channels[:, None] - channels) <= o.radius).astype(np.float32)
    s = along(x * x, 3, near) * float(o.alpha) + float(o.bias)
    shared = along(dy * at.y / s, 3, near)
    return dy * s.POW(-float(o.beta)) - shared * x * (2.0 * float(o.alpha) * float(o.beta))


def topk(at: Point, dy: Term | None, _: Term | None = None) -> Term | None:
    """To the elements that were chosen."""
    if dy is None:
        return None
    return (
        integers(at.outputs[1]).ONE_HOT(np.int32(at.x.shape[-1]), np.float32(1), np.float32(0), axis=-1) * dy.reshape((*dy.shape, 1))
    ).sum(-2)


def segment_sum(at: Point, dy: Term) -> Term:
    """To each row the gradient of its segment; to none where the segment is negative."""
    return _segment_rows(at, dy) * _is_kept(at)


def _segment_rows(at: Point, segments: Term) -> Term:
    """For each row, that of its segment; that of the first one where the row belongs to none."""
    rows: Term = segments.GATHER(at.input(1).MAXIMUM(0), axis=0)
    return rows


def _is_kept(at: Point) -> Term:
    """1 for rows that belong to a segment, else 0."""
    ids = at.input(1)
    kept: Term = (ids >= 0).CAST(in_data_type="BOOL", out_data_type="FLOAT32")
    return kept.reshape((*ids.shape, *[1] * (at.x.rank - ids.rank)))


def segment_extreme(at: Point, dy: Term) -> Term:
    """To the greatest, or least, rows of each segment in equal parts."""
    ids, segments = at.input(1), at.input(2)
    hit = where(at.x.EQUAL(_segment_rows(at, at.y)), at.filled(at.x.shape, 1.0), 0.0) * _is_kept(at)
    shares = dy / hit.UNSORTED_SEGMENT_SUM(ids, segments).MAXIMUM(1.0)
    return hit * _segment_rows(at, shares)
