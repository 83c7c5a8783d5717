"""Gradient rules of operators that choose elements, by position or by condition, and put them to positions."""

from math import prod

import numpy as np

from .calculus import Point, Term, apply, cut, integers, sum_to, where


def gather(at: Point, dy: Term) -> Term:
    """Every gradient is added where its element came from. With batches, these are counted through to one axis."""
    x, positions = at.x, at.input(1)
    axis = at.options.axis % x.rank
    batch = at.options.batch_dims + (positions.rank if at.options.batch_dims < 0 else 0)
    batches, between, count, behind = prod(x.shape[:batch]), x.shape[batch:axis], x.shape[axis], x.shape[axis + 1 :]
    wanted = positions.rank - batch
    order = [*range(batch), *range(axis, axis + wanted), *range(batch, axis), *range(axis + wanted, dy.rank)]
    rows = dy.transpose(*order).reshape((prod(positions.shape), prod(between) * prod(behind)))
    places = positions.reshape((batches, prod(positions.shape[batch:])))
    if batches > 1:
        offsets = np.arange(batches, dtype=positions.tensor.dtype)[:, np.newaxis] * positions.tensor.dtype.type(count)
        places = apply(at.build, "ADD", places, offsets)
    sums = _scattered(places, rows, batches * count)
    return sums.reshape((*x.shape[:batch], count, *between, *behind)).transpose(
        *range(batch), *range(batch + 1, axis + 1), batch, *range(axis + 1, x.rank)
    )


def _scattered(positions: Term, rows: Term, count: int) -> Term:
    """`count` rows of zeros, to which rows [n, m] are added at these n positions."""
    result: Term = integers(positions).reshape((rows.shape[0], 1)).SCATTER_ND(rows, np.array([count, rows.shape[1]], np.int32))
    return result


def embedding_lookup(at: Point, dy: Term) -> list[Term | None]:
    """Every gradient is added to the row that it came from."""
    table = at.input(1)
    width = prod(table.shape[1:])
    return [None, _scattered(at.x, dy.reshape((dy.shape[0], width)), table.shape[0]).reshape(table.shape)]


def gather_nd(at: Point, dy: Term) -> Term:
    """Every gradient is added where its element came from."""
    result: Term = integers(at.input(1)).SCATTER_ND(dy, np.array(at.x.shape, np.int32))
    return result


def scatter_nd(at: Point, dy: Term) -> list[Term | None]:
    """To each update what stands at its position."""
    return [None, dy.GATHER_ND(at.x)]


def select(at: Point, dy: Term) -> list[Term | None]:
    """To the one that was chosen."""
    chosen, x, y = at.x, at.input(1), at.input(2)
    if at.op.op == "SELECT" and chosen.rank == 1:
        chosen = chosen.reshape((*chosen.shape, *[1] * (x.rank - 1)))
    return [None, sum_to(where(chosen, dy, 0.0), x.shape), sum_to(where(chosen, 0.0, dy), y.shape)]


def matrix_diag(at: Point, dy: Term) -> Term:
    """The diagonals."""
    return _diagonal(dy)


def _diagonal(dy: Term) -> Term:
    """[..., min(rows, columns)]."""
    rows, columns = dy.shape[-2:]
    square = cut(dy, (0,) * dy.rank, (*dy.shape[:-2], min(rows, columns), min(rows, columns)))
    return (square * Term(dy.build, dy.build.constant(np.eye(min(rows, columns), dtype=np.float32)))).sum(-1)


def matrix_set_diag(at: Point, dy: Term) -> list[Term]:
    """Of what is beside the diagonal, and of the diagonal."""
    rows, columns = dy.shape[-2:]
    away = 1 - np.eye(rows, columns, dtype=np.float32)
    return [dy * at.constant(away), _diagonal(dy)]
