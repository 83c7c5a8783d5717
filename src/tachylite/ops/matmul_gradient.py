"""Gradient rules of products of matrices."""

from math import prod

from .calculus import Point, Term, apply, sum_to


def fully_connected(at: Point, dy: Term) -> list[Term]:
    """Of x [..., k], the weights [m, k] and the bias, for y = x W^T + b."""
    x, weights = at.x, at.input(1)
    outputs, depth = weights.shape
    rows, results = x.reshape((prod(x.shape) // depth, depth)), dy.reshape((prod(dy.shape) // outputs, outputs))
    bias = [results.sum(0).reshape(at.input(2).shape)] if at.has(2) else []
    return [results.BATCH_MATMUL(weights).reshape(x.shape), results.BATCH_MATMUL(rows, adj_x=True), *bias]


def batch_matmul(at: Point, dy: Term) -> list[Term]:
    """Of both operands, each of which may be taken transposed; leading dimensions broadcast."""
    x, y = at.x, at.input(1)
    adj_x, adj_y = at.options.adj_x, at.options.adj_y
    dx = _product(y, dy, adj_y, True) if adj_x else _product(dy, y, False, not adj_y)
    dw = _product(dy, x, True, adj_x) if adj_y else _product(x, dy, not adj_x, False)
    return [sum_to(dx, x.shape), sum_to(dw, y.shape)]


def _product(a: Term, b: Term, adj_a: bool, adj_b: bool) -> Term:
    product: Term = apply(a.build, "BATCH_MATMUL", a, b, adj_x=bool(adj_a), adj_y=bool(adj_b))
    return product
