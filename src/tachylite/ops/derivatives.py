"""Gradient rules of functions of one element, and of two that broadcast."""

import math
from collections.abc import Callable
from typing import Any

from tachylite.model.graph import Operator

from .calculus import Operand, Point, Rule, Term, apply, sum_to, where


def slope(function: Callable[[Term, Term], Operand]) -> Rule:
    """The rule of y = f(x), from `function(x, y)`, its derivative."""
    return lambda at, dy: dy * function(at.x, at.y)


def binary(function: Callable[[Point, Term], tuple[Term | None, Term | None]]) -> Rule:
    """The rule of an operator whose two operands broadcast, from one that gives both gradients in the result's shape."""

    def rule(at: Point, dy: Term) -> list[Term | None]:
        return [None if d is None else sum_to(d, at.input(i).shape) for i, d in enumerate(function(at, dy))]

    return rule


def clipped(low: float, high: float) -> Rule:
    """The rule of what clips to [low, high]: nothing passes at the ends."""
    return lambda at, dy: between(at.y, low, high, dy)


def between(y: Term, low: float, high: float, dy: Term) -> Term:
    """dy where y lies strictly within the range, else 0."""
    above, below = y > low if math.isfinite(low) else None, y < high if math.isfinite(high) else None
    inside = above & below if above is not None and below is not None else above if above is not None else below
    return dy if inside is None else where(inside, dy, 0.0)


_FUSED = {"RELU": (0.0, math.inf), "RELU6": (0.0, 6.0), "RELU_N1_TO_1": (-1.0, 1.0)}


def fused(rule: Rule) -> Rule:
    """The rule of an operator with a fused activation, from the one of what it does before."""

    def whole(at: Point, dy: Term) -> Any:
        activation, y = at.options.fused_activation_function, at.y
        if activation == "TANH":
            return rule(at, dy * (1.0 - y * y))
        return rule(at, between(y, *_FUSED[activation], dy) if activation in _FUSED else dy)

    return whole


# Activations.


def leaky(at: Point, dy: Term) -> Term:
    """1 above zero, alpha below."""
    return where(at.x > 0.0, dy, dy * float(at.options.alpha))


def prelu(at: Point, dy: Term) -> tuple[Term, Term]:
    """Of x, and of the slopes, which broadcast."""
    x, alpha = at.x, at.input(1)
    return where(x >= 0.0, dy, dy * alpha), sum_to(where(x >= 0.0, 0.0, dy * x), alpha.shape)


def gelu(at: Point, dy: Term) -> Term:
    """Exactly, P(x) + x p(x) for the normal distribution; y / x is P(x), and 1/2 at 0."""
    x = at.x
    if at.options.approximate:
        scale = math.sqrt(2 / math.pi)
        square = x * x
        bent = apply(at.build, "TANH", (x + 0.044715 * x * square) * scale)
        return dy * (0.5 * (1.0 + bent) + 0.5 * x * (1.0 - bent * bent) * (scale * (1.0 + 3 * 0.044715 * square)))
    is_zero = x.EQUAL(0.0)
    probability = where(is_zero, 0.5, at.y / where(is_zero, 1.0, x))
    density = (x * x * -0.5).EXP() * (1 / math.sqrt(2 * math.pi))
    return dy * (probability + x * density)


def hard_swish(at: Point, dy: Term) -> Term:
    """0, then (2 x + 3) / 6, then 1."""
    x = at.x
    return dy * where(x <= -3.0, 0.0, where(x >= 3.0, 1.0, x * (1 / 3) + 0.5))


def straight_through(steps: Callable[[Operator], tuple[Any, Any, Any]]) -> Rule:
    """The rule of rounding within a range, `steps(op)[1:]`, as if it did not round (Bengio, Leonard and Courville, 2013)."""

    def rule(at: Point, dy: Term) -> Term:
        _, low, high = steps(at.op)
        return where((at.x >= float(low)) & (at.x <= float(high)), dy, 0.0)

    return rule


# Two operands.


def divide(at: Point, dy: Term) -> tuple[Term, Term]:
    """Of a / b."""
    share = dy / at.input(1)
    return share, -(share * (at.x / at.input(1)))


def power(at: Point, dy: Term) -> tuple[Term, Term]:
    """Of a ** b; with regard to b where a is positive, else 0."""
    a, b = at.x, at.input(1)
    positive = a > 0.0
    return dy * b * a.POW(b - 1.0), where(positive, dy * at.y * where(positive, a, 1.0).LOG(), 0.0)


def atan2(at: Point, dy: Term) -> tuple[Term, Term]:
    """Of the angle of the point (x, y); y comes first."""
    y, x = at.x, at.input(1)
    share = dy / (x * x + y * y)
    return share * x, -(share * y)


def squared_difference(at: Point, dy: Term) -> tuple[Term, Term]:
    """2 (a - b), and its negative."""
    d = dy * 2.0 * (at.x - at.input(1))
    return d, -d


def maximum(at: Point, dy: Term) -> tuple[Term, Term]:
    """To the greater one; to the first where both are equal."""
    first = at.x >= at.input(1)
    return where(first, dy, 0.0), where(first, 0.0, dy)


def minimum(at: Point, dy: Term) -> tuple[Term, Term]:
    """To the smaller one; to the first where both are equal."""
    first = at.x <= at.input(1)
    return where(first, dy, 0.0), where(first, 0.0, dy)


def floor_modulo(at: Point, dy: Term) -> tuple[Term, Term]:
    """a - b floor(a / b)."""
    return dy, -(dy * at.x.FLOOR_DIV(at.input(1)))


def add_n(at: Point, dy: Term) -> list[Term]:
    """The same to each."""
    return [dy] * len(at.inputs)
