"""The contract of OpDef.permute, on every case of the op suite: an operator on transposed inputs gives transposed outputs."""

from dataclasses import replace

import numpy as np
import pytest

from tachylite.model.graph import Operator, Tensor
from tachylite.ops import inference, registry
from tachylite.ops.permute import compose, inverse

from .harness import Case
from .test_ops import CASES

PERMUTED = [case for case in CASES if registry.by_name(case.op).permute is not None]


def permutations(rank: int) -> list[tuple[int, ...]]:
    """A turn, its inverse, and an exchange that leaves the last axis where it is."""
    turn = (*range(1, rank), 0)
    kept = (*reversed(range(rank - 1)), rank - 1)
    return [turn, inverse(turn), kept]


@pytest.mark.parametrize("case", PERMUTED, ids=str)
def test_an_operator_follows_its_inputs(case: Case) -> None:
    op = next(op for op in map(registry.complete, case.graph.operators) if op.op == case.op)
    definition = registry.get(op)
    if len(case.graph.operators) > 1 or any(t is not None and t.is_variable for t in op.inputs):
        pytest.skip("the case is of several operators, or keeps state")
    known = dict(zip(case.graph.inputs, case.inputs, strict=True))
    inputs = [None if t is None else known[t] if t in known else t.dense() for t in op.inputs]
    # What an operator takes from constants, it looks for there.
    seen = [t if t is None or t.is_constant or a is None or a.ndim > 1 else _constant(t, a) for t, a in zip(op.inputs, inputs, strict=True)]
    op = replace(op, inputs=seen)
    expected = _run(op, definition, inputs)
    op.outputs = [replace(t, shape=y.shape) for t, y in zip(op.outputs, expected, strict=True)]
    rank = max((a.ndim for a in inputs if a is not None), default=0)
    for axes in permutations(rank) if rank else []:
        found = definition.permute(op, axes)
        if found is None:
            continue
        assert len(found.inputs) == len(inputs)
        moved = [a if how is None else _moved(a, how) for a, how in zip(inputs, found.inputs, strict=True)]
        options = replace(op.options, **found.options) if found.options else op.options
        results = _run(replace(op, options=options), definition, moved)
        for y, order, result in zip(expected, found.outputs, results, strict=True):
            if y.dtype.kind == "f":
                np.testing.assert_allclose(result, y.transpose(order), rtol=1e-5, atol=1e-6)
            else:
                np.testing.assert_array_equal(result, y.transpose(order))


def _moved(value: np.ndarray | None, how: tuple[int, ...] | np.ndarray) -> np.ndarray | None:
    return how if isinstance(how, np.ndarray) else None if value is None else value.transpose(how)


def _constant(tensor: Tensor, value: np.ndarray) -> Tensor:
    return replace(tensor, data=value, shape=value.shape)


def _run(op: Operator, definition: registry.OpDef, inputs: list) -> list[np.ndarray]:
    with np.errstate(all="ignore"):
        return inference.as_list(definition.reference(op, *inputs))


def test_permutations_compose() -> None:
    x = np.arange(24).reshape(2, 3, 4)
    first, second = (2, 0, 1), (1, 0, 2)
    np.testing.assert_array_equal(x.transpose(first).transpose(second), x.transpose(compose(first, second)))
    np.testing.assert_array_equal(x.transpose(first).transpose(inverse(first)), x)
