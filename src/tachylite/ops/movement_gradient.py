"""Gradient rules of operators that move elements: to other shapes and places, together and apart."""

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from .calculus import Point, Rule, Term, along, apply, around, cut, fit, reverse, spread, sum_to


def same(at: Point, dy: Term) -> Term:
    """The same elements in the input's shape."""
    return dy.reshape(at.x.shape)


def transpose(at: Point, dy: Term) -> Term:
    """Back in the old order."""
    order = [int(a) % at.x.rank for a in at.value(1)]
    return dy.transpose(*(order.index(i) for i in range(len(order))))


def broadcast_to(at: Point, dy: Term) -> Term:
    """The sum over what was repeated."""
    return sum_to(dy, at.x.shape)


def tile(at: Point, dy: Term) -> Term:
    """The sum of the copies."""
    x = at.x
    for axis, size in enumerate(x.shape):
        copies = dy.shape[axis] // size if size else 0
        if copies > 1:
            outer, inner = prod(x.shape[:axis]), prod(dy.shape[axis + 1 :])
            dy = dy.reshape((outer, copies, size * inner)).sum(1).reshape((*x.shape[: axis + 1], *dy.shape[axis + 1 :]))
    return dy.reshape(x.shape)


def fill(at: Point, dy: Term) -> list[Term | None]:
    """Of the value, which stands everywhere."""
    return [None, dy.sum(*range(dy.rank)).reshape(at.input(1).shape)]


def cast(at: Point, dy: Term) -> Term | None:
    """Between floats; integers have no gradient."""
    source, result = at.x.tensor.dtype, at.y.tensor.dtype
    return (
        None
        if source.kind != "f" or result.kind != "f"
        else dy
        if source == result
        else dy.CAST(in_data_type=_NAMES[result.name], out_data_type=_NAMES[source.name])
    )


_NAMES = {"float32": "FLOAT32", "float16": "FLOAT16", "float64": "FLOAT64"}


# Parts.


def slice_(at: Point, dy: Term) -> Term:
    """Zeros where nothing was taken."""
    begin = at.value(1).tolist()
    return fit(dy, [(b, d - b - n) for b, d, n in zip(begin, at.x.shape, dy.shape, strict=True)])


def strided_slice(index: Callable[..., Sequence[Any]]) -> Rule:
    """Zeros where nothing was taken, also between. `index(op, spec, begin, end, strides)` tells what is taken."""

    def rule(at: Point, dy: Term) -> Term:
        x = at.x
        taken = [i for i in index(at.op, at.build.spec(x.tensor), *(at.value(i).tolist() for i in (1, 2, 3))) if i is not None]
        taken += [slice(None)] * (x.rank - len(taken))
        steps = [range(d)[i] if isinstance(i, slice) else range(i, i + 1) for d, i in zip(x.shape, taken, strict=True)]
        dy = dy.reshape([len(s) for s in steps])
        for axis, (size, places) in enumerate(zip(x.shape, steps, strict=True)):
            if places.step < 0:
                dy, places = reverse(dy, axis), places[::-1]
            dy = spread(dy, axis, places.step)
            dy = fit(dy, around(x.rank, axis, places.start, size - places.start - dy.shape[axis]))
        return dy

    return rule


def pad(at: Point, dy: Term) -> list[Term | None]:
    """Of what was padded, and of the one value around it."""
    x = at.x
    begin = [int(before) for before, _ in at.value(1)]
    inner = cut(dy, begin, x.shape)
    if not at.has(2):
        return [inner]
    every = range(dy.rank)
    return [inner, None, (dy.sum(*every) - inner.sum(*every)).reshape(at.input(2).shape)]


def mirror_pad(at: Point, dy: Term) -> Term:
    """Each axis takes its two images back; in mode REFLECT the edge has none."""
    edge = 1 if at.options.mode == "REFLECT" else 0
    for axis, (before, after) in enumerate(at.value(1).tolist()):
        size, whole = at.x.shape[axis], dy
        dy = _along_axis(whole, axis, before, size)
        if before:
            image = reverse(_along_axis(whole, axis, 0, before), axis)
            dy = dy + fit(image, around(dy.rank, axis, edge, size - edge - before))
        if after:
            image = reverse(_along_axis(whole, axis, before + size, after), axis)
            dy = dy + fit(image, around(dy.rank, axis, size - edge - after, edge))
    return dy


def _along_axis(x: Term, axis: int, begin: int, size: int) -> Term:
    """So many elements of an axis, from one on."""
    return cut(x, [begin if i == axis else 0 for i in range(x.rank)], [size if i == axis else d for i, d in enumerate(x.shape)])


def reverse_v2(at: Point, dy: Term) -> Term:
    """Turned around again; axis by axis, because LiteRT wants several to be neighbours."""
    for axis in at.value(1).tolist():
        dy = reverse(dy, axis)
    return dy


def reverse_sequence(at: Point, dy: Term) -> Term:
    """Turned around again."""
    result: Term = dy.REVERSE_SEQUENCE(at.input(1), seq_dim=at.options.seq_dim, batch_dim=at.options.batch_dim)
    return result


def dynamic_update_slice(at: Point, dy: Term) -> list[Term]:
    """Of what was written over, and of the update."""
    update, starts = at.input(1), at.input(2)
    begin = np.clip(at.value(2), 0, np.subtract(dy.shape, update.shape)).tolist()
    return [dy.DYNAMIC_UPDATE_SLICE(at.filled(update.shape), starts), cut(dy, begin, update.shape)]


# Together and apart.


def concatenation(at: Point, dy: Term) -> list[Term]:
    """To each operand its part."""
    axis = at.options.axis % dy.rank
    parts, start = [], 0
    for x in map(at.input, range(len(at.inputs))):
        parts.append(cut(dy, [start if i == axis else 0 for i in range(dy.rank)], x.shape))
        start += x.shape[axis]
    return parts


def _parts(at: Point, dy: Sequence[Term | None]) -> list[Term]:
    """The outputs' gradients, zeros for those that do not matter."""
    return [at.filled(y.shape) if d is None else d for y, d in zip(at.outputs, dy, strict=True)]


def pack(at: Point, dy: Term) -> list[Term]:
    """To each operand its slice."""
    parts = dy.UNPACK(num=len(at.inputs), axis=at.options.axis)
    return parts if isinstance(parts, list) else [parts]


def unpack(at: Point, *dy: Term | None) -> Term:
    """All slices together again."""
    result: Term = apply(at.build, "PACK", *_parts(at, dy), values_count=len(dy), axis=at.options.axis)
    return result


def split(at: Point, *dy: Term | None) -> list[Term | None]:
    """All parts together again; the axis comes first."""
    return [None, _joined(at, dy, int(at.value(0).item()), at.input(1).rank)]


def split_v(at: Point, *dy: Term | None) -> Term:
    """All parts together again."""
    return _joined(at, dy, int(at.value(2).item()), at.x.rank)


def _joined(at: Point, dy: Sequence[Term | None], axis: int, rank: int) -> Term:
    parts = _parts(at, dy)
    joined: Term = parts[0] if len(parts) == 1 else apply(at.build, "CONCATENATION", *parts, axis=axis % rank)
    return joined


# Blocks.


def inverse(name: str) -> Rule:
    """The operator that moves everything back, with the same options and further inputs."""

    def rule(at: Point, dy: Term) -> Term:
        options = {f: getattr(at.options, f) for f in ("block_size",) if hasattr(at.options, f)}
        result: Term = apply(at.build, name, dy, *at.inputs[1:], **options)
        return result

    return rule


def resize(matrix: Callable[[Any, int, int], np.ndarray]) -> Rule:
    """Of an image resized along height and width; `matrix(op, size, new_size)` gives the weights [new_size, size]."""

    def rule(at: Point, dy: Term) -> Term:
        for axis in (1, 2):
            size, new_size = at.x.shape[axis], dy.shape[axis]
            dy = along(dy, axis, matrix(at.op, size, new_size).T)
        return dy

    return rule
