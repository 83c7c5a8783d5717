"""Patterns: how a tensor is computed, said in operators, to be found in a graph.

A pattern is matched from its last operator back to its leaves, over whatever computes what it names; where that can be done in several
ways, all of them are found.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping

from tachylite.model.graph import Operator, Tensor

Match = Mapping["Pattern", Tensor]
"""Which tensor each part of a pattern stands for."""

Producers = Mapping[Tensor, Operator]

COMMUTATIVE = {"ADD", "MUL", "SQUARED_DIFFERENCE"}
"""Operators whose operands may come in either order."""


class Pattern(ABC):
    """What a tensor is computed by. Where a pattern is used twice in another, it stands for the same tensor both times."""

    def __or__(self, other: "Pattern") -> "Pattern":
        return _Either(self, other)

    def find(self, tensor: Tensor | None, producers: Producers, found: Match) -> Iterator[Match]:
        """Every way in which this pattern fits `tensor` and what is `found` already, with that."""
        if tensor is None or found.get(self, tensor) is not tensor:
            return
        if self in found:
            yield found
            return
        for match in self._find(tensor, producers, found):
            yield {**match, self: tensor}

    @abstractmethod
    def _find(self, tensor: Tensor, producers: Producers, found: Match) -> Iterator[Match]: ...


class Leaf(Pattern):
    """A tensor that passes `test`, whatever computes it."""

    def __init__(self, test: Callable[[Tensor], bool] = lambda tensor: True):
        self._test = test

    def _find(self, tensor: Tensor, producers: Producers, found: Match) -> Iterator[Match]:
        if self._test(tensor):
            yield found


class Op(Pattern):
    """The output of an operator of this name, these inputs and these options. It has no fused activation, unless the options say so."""

    def __init__(self, name: str, *inputs: Pattern, **options: object):
        self._name, self._inputs = name, inputs
        self._options = {"fused_activation_function": "NONE", **options}

    def _find(self, tensor: Tensor, producers: Producers, found: Match) -> Iterator[Match]:
        op = producers.get(tensor)
        if op is None or op.op != self._name or len(op.inputs) != len(self._inputs) or not self._has_options(op):
            return
        yield from _find_all(self._inputs, op.inputs, producers, found)
        if op.op in COMMUTATIVE:
            yield from _find_all(self._inputs, op.inputs[::-1], producers, found)

    def _has_options(self, op: Operator) -> bool:
        return all(getattr(op.options, name, value) == value for name, value in self._options.items())


class _Either(Pattern):
    """One pattern or another."""

    def __init__(self, *patterns: Pattern):
        self._patterns = patterns

    def _find(self, tensor: Tensor, producers: Producers, found: Match) -> Iterator[Match]:
        for pattern in self._patterns:
            yield from pattern.find(tensor, producers, found)


def _find_all(patterns: tuple[Pattern, ...], tensors: list[Tensor | None], producers: Producers, found: Match) -> Iterator[Match]:
    if not patterns:
        yield found
        return
    for match in patterns[0].find(tensors[0], producers, found):
        yield from _find_all(patterns[1:], tensors[1:], producers, match)


def operators(match: Match, producers: Producers) -> list[Operator]:
    """The operators of a match, each once."""
    return list(dict.fromkeys(producers[tensor] for pattern, tensor in match.items() if isinstance(pattern, Op)))
