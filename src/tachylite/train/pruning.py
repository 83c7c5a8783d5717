"""Gradual pruning: while a model is trained, more and more of its weights become zero (Zhu and Gupta, To prune, or not to prune, 2017)."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tachylite.compress.prune import Pattern, prune
from tachylite.compress.sparse import densified
from tachylite.model.errors import TachyliteError
from tachylite.model.graph import Model
from tachylite.runtime import checkpoint
from tachylite.runtime.interpreter import Interpreter

from .weight import Weight

UNTIL = 2 / 3
"""The part of the steps after which no further weights are pruned, and those that are left make up for them."""

TIMES = 20
"""How often weights are pruned until then."""


@dataclass(frozen=True)
class Pruning:
    """source: the model whose weights they are, by name; sparsity, pattern: as `prune` takes them."""

    source: Model
    weights: Mapping[str, Weight]
    sparsity: float
    pattern: Pattern

    @classmethod
    def of(cls, source: Model, weights: Mapping[str, Weight], sparsity: float | None, pattern: Pattern) -> "Pruning | None":
        """None where nothing is to be pruned. Raises TachyliteError where not so much can be."""
        if sparsity is None:
            return None
        if not 0 < sparsity < 1:
            raise TachyliteError(f"sparsity is {sparsity}; give the part of the weights that becomes zero, 0.8 say")
        prune(source, sparsity if _is_free(pattern) else None, pattern=pattern)
        return cls(source, weights, sparsity, pattern)

    def at(self, step: int, steps: int) -> float:
        """How much is zero before a step: fast at first, when much is left, then slower."""
        last = max(1, round(UNTIL * steps))
        return self.sparsity * (1 - (1 - min(1.0, step / last)) ** 3)

    def before(self, step: int, steps: int, interpreter: Interpreter) -> None:
        """Renew the masks where it is time."""
        last = max(1, round(UNTIL * steps))
        every = max(1, last // TIMES)
        if step > last or (step % every and step != last):
            return
        values = checkpoint.variables(interpreter)
        values |= self._masks(values, self.sparsity if step == last else self.at(step, steps))
        checkpoint.restore(interpreter, values)

    def _masks(self, values: dict[str, np.ndarray], sparsity: float) -> dict[str, np.ndarray]:
        """The mask of each weight that is pruned, by `prune` itself, from what the weights are now."""
        if not _is_free(self.pattern) and sparsity < self.sparsity:
            return {}
        now = self.source.copy()
        for tensor in now.graph.tensors:
            if tensor.is_constant and tensor.name in self.weights:
                tensor.data = self.weights[tensor.name].final(values)
        pruned = densified(prune(now, sparsity if _is_free(self.pattern) else None, pattern=self.pattern))
        found = {t.name: t.data for t in pruned.graph.tensors if t.data is not None}
        return {w.mask: (found[name] != 0).astype(np.float32) for name, w in self.weights.items() if w.mask is not None}


def _is_free(pattern: Pattern) -> bool:
    """Whether the pattern leaves it open how much is pruned: 2:4 does not."""
    return not (isinstance(pattern, str) and ":" in pattern)
