"""Fusion for execution: operators of a graph that a Program computes as one.

A rule is a pattern and what becomes of it. Nobody but the operators of a group may see what passes between them. Whether a rule applies is
decided twice: where the pattern is found (`find`), and where all shapes are known (the rule's `rewrite`, which may still refuse). The graph
stays as it is.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from tachylite.model.graph import Operator, Tensor
from tachylite.ops.layer_norm import LAYER_NORM, LayerNormOptions
from tachylite.ops.registry import Fused, Spec, by_name

from .pattern import Leaf, Match, Op, Pattern, Producers, operators
from .target import REFERENCE, Target

Specs = Callable[[Tensor], Spec]
"""What is known of a tensor that the graph's operators so far have met."""
Rewrite = Callable[[Match, Specs], Fused | None]


class Rule(NamedTuple):
    """What computes `pattern` may become the operator that `rewrite` gives, without its outputs; None where shapes or types do not suit."""

    pattern: Pattern
    rewrite: Rewrite


class Group(NamedTuple):
    """Operators, by their positions in the graph, the last of which gives `output`."""

    rule: Rule
    match: Match
    positions: tuple[int, ...]
    output: Tensor

    def rewrite(self, specs: Specs) -> Fused | None:
        """What computes the output in their place; None where nothing can."""
        fused = self.rule.rewrite(self.match, specs)
        if fused is not None:
            fused.outputs = [self.output]
        return fused


def may_fuse(target: Target) -> bool:
    """Whether a target allows for results that round in another order, and for tensors that are never written."""
    return target.isa != REFERENCE.isa and not target.exact and not target.preserve_all


def find(ops: Sequence[Operator], outputs: Sequence[Tensor], start: int = 0) -> dict[int, Group]:
    """The group of each operator that belongs to one, by position. ops: of a graph whose outputs these are, from number `start` on."""
    producers = {tensor: op for op in ops for tensor in op.outputs}
    readers: dict[Tensor, list[Operator | None]] = {tensor: [None] for tensor in outputs}
    for op in ops:
        for tensor in filter(None, op.inputs):
            readers.setdefault(tensor, []).append(op)
    position = {op: i for i, op in enumerate(ops, start)}
    groups: dict[int, Group] = {}
    for last in reversed(ops):  # The largest patterns end last.
        for rule, match in _matches(last, producers):
            parts = operators(match, producers)
            positions = tuple(sorted(position[op] for op in parts))
            is_free = groups.keys().isdisjoint(positions) and not any(t.is_variable for t in match.values())
            if is_free and positions[-1] == position[last] and _is_closed(parts, last, readers):
                groups.update(dict.fromkeys(positions, Group(rule, match, positions, last.outputs[0])))
                break
    return groups


def _matches(last: Operator, producers: Producers) -> Iterator[tuple[Rule, Match]]:
    for rule in RULES if len(last.outputs) == 1 else ():
        for match in rule.pattern.find(last.outputs[0], producers, {}):
            yield rule, match


def _is_closed(parts: Sequence[Operator], last: Operator, readers: dict[Tensor, list[Operator | None]]) -> bool:
    """Whether all that the parts compute is for each other, but for what the last one does."""
    return all(reader in parts for op in parts if op is not last for tensor in op.outputs for reader in readers.get(tensor, ()))


# Layer normalization: (x - mean) / sqrt(variance + epsilon), mostly with a scale and an offset for each element of a row.


def _is_number(tensor: Tensor, value: float | None = None) -> bool:
    """A float constant of one element: this one, if it is given."""
    return tensor.is_constant and tensor.size == 1 and tensor.dtype == np.float32 and value in (None, _number(tensor))


def _number(tensor: Tensor) -> float:
    return float(np.asarray(tensor.dense()).item())


def _is_row(tensor: Tensor) -> bool:
    """A constant for each element of a row, or one for all."""
    return tensor.is_constant and all(d == 1 for d in tensor.shape[:-1])


x, axes, axes_of_variance = Leaf(), Leaf(), Leaf()
epsilon, scale, offset, two = Leaf(_is_number), Leaf(_is_row), Leaf(_is_row), Leaf(partial(_is_number, value=2))

mean = Op("MEAN", x, axes, keep_dims=True)
deviation = Op("SUB", x, mean)
square = Op("SQUARED_DIFFERENCE", x, mean) | Op("SQUARE", deviation) | Op("MUL", deviation, deviation) | Op("POW", deviation, two)
padded_variance = Op("ADD", Op("MEAN", square, axes_of_variance, keep_dims=True), epsilon)
inverse = Op("RSQRT", padded_variance)
factor = Op("MUL", inverse, scale) | inverse

normal = Op("MUL", deviation, inverse) | Op("DIV", deviation, Op("SQRT", padded_variance))
scaled = (
    Op("MUL", normal, scale)
    | Op("MUL", deviation, factor)
    | normal
    | Op("SUB", Op("MUL", x, factor), Op("MUL", mean, factor))
    | Op("ADD", Op("MUL", x, factor), Op("MUL", Op("NEG", mean), factor))
)
layer_norm = Op("ADD", scaled, offset) | scaled | Op("ADD", Op("MUL", x, factor), Op("SUB", offset, Op("MUL", mean, factor)))


def _layer_norm(match: Match, specs: Specs) -> Fused | None:
    """Over the last axis alone."""
    data, *reduced, result = (specs(match[leaf]) for leaf in (x, axes, axes_of_variance, layer_norm))
    if data.dtype != np.float32 or result.shape != data.shape or not all(_is_last(a, data.rank) for a in reduced):
        return None
    rows = [_row(match, leaf, default, data.shape[-1]) for leaf, default in ((scale, 1), (offset, 0))]
    return Fused("LAYER_NORM", [match[x], *rows], LayerNormOptions(_number(match[epsilon])), LAYER_NORM)


def _row(match: Match, leaf: Pattern, default: float, channels: int) -> Tensor:
    """An element for each channel, where there is one for all, or only the default."""
    row = np.ravel(match[leaf].dense() if leaf in match else np.float32(default))  # type: ignore[arg-type]
    return Tensor("", (channels,), row.dtype, data=row if len(row) == channels else np.full(channels, row, row.dtype))


def _is_last(axes: Spec, rank: int) -> bool:
    return axes.value is not None and axes.value.size == 1 and axes.value.item() in (-1, rank - 1)


# The factor of attention's scores, which the softmax over them has an option for.

scores, multiplier, divisor = Leaf(), Leaf(_is_number), Leaf(_is_number)
attention = Op("SOFTMAX", Op("MUL", scores, multiplier) | Op("DIV", scores, divisor), beta=1.0)


def _attention(match: Match, specs: Specs) -> Fused | None:
    number = np.float32(_number(match[multiplier if multiplier in match else divisor]))
    beta = number if multiplier in match else 1 / number if number else np.float32(np.inf)
    if not 0 < beta < np.inf or specs(match[attention]).shape != specs(match[scores]).shape:
        return None
    softmax = by_name("SOFTMAX")
    return Fused("MUL + SOFTMAX", [match[scores]], softmax.make_options(beta=float(beta)), softmax)


RULES = (Rule(layer_norm, _layer_norm), Rule(attention, _attention))
"""Tried in this order."""
