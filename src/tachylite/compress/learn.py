"""What layers learn from the inputs that their weights meet while the model runs on samples."""

from collections import defaultdict
from collections.abc import Callable, Mapping

import numpy as np

from tachylite.model.errors import TachyliteError
from tachylite.model.graph import Operator, Tensor

from .layer import Work, source_of
from .rounding import MOST_ROWS, Moments, Rounding, balanced, learned, nearest

ROUNDINGS: dict[str, Rounding | None] = {"nearest": nearest, "balanced": balanced, "learned": None}
"""By name; what is learned depends on the layer."""


def check_rounding(name: str) -> None:
    """Raises TachyliteError where there is no such rounding."""
    if name not in ROUNDINGS:
        raise TachyliteError(f"there is no rounding {name!r}; choose one of {', '.join(ROUNDINGS)}")


class Learner:
    """Collects moments for layers whose weights become integers. `watched`: to be told the values of these tensors."""

    def __init__(self, works: Mapping[Operator, Work], rounding: str):
        self._works, self._rounding = works, rounding
        self._moments: dict[Operator, Moments] = {}
        readers: dict[Tensor, list[Operator]] = defaultdict(list)
        for op, work in works.items() if rounding == "learned" else ():
            source = source_of(op, work.integer)
            if source is not None and work.integer.rows is not None and not work.rule.types.explicit:
                readers[source].append(op)
        self.watched: dict[Tensor, Callable[[np.ndarray], None]] = {tensor: self._teller(ops) for tensor, ops in readers.items()}

    def rounding_of(self, op: Operator) -> Rounding:
        """How the operator's weights are to be rounded."""
        moments, rounding = self._moments.get(op), ROUNDINGS[self._rounding]
        if rounding is not None:
            return rounding
        return balanced if moments is None else learned(moments)

    def _teller(self, ops: list[Operator]) -> Callable[[np.ndarray], None]:
        def tell(values: np.ndarray) -> None:
            for op in ops:
                self._add(op, values)

        return tell

    def _add(self, op: Operator, values: np.ndarray) -> None:
        work = self._works[op]
        assert work.integer.rows is not None
        rows = work.integer.rows(op, values, MOST_ROWS)
        if op not in self._moments:
            self._moments[op] = Moments.empty(rows.shape[0], rows.shape[2])
        self._moments[op].add(rows)
