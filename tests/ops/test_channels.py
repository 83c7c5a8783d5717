"""The contract of OpDef.channels, on every case of the op suite: an operator whose tensors are cut gives its outputs, cut."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from tachylite.compress.channels import cut_tensor
from tachylite.model.dtypes import is_quantizable
from tachylite.model.graph import Operator, Tensor
from tachylite.ops import registry
from tachylite.ops.channels import Tie

from .harness import Case
from .test_ops import CASES

FOLLOWING = [case for case in CASES if registry.by_name(case.op).channels is not None]


Values = dict[Tensor, np.ndarray]


def results_of(op: Operator, values: Values) -> list[np.ndarray]:
    result = registry.get(op).reference(op, *(None if t is None else values[t] for t in op.inputs))
    return [np.asarray(result)] if isinstance(result, np.ndarray | np.generic) else list(result)


def depends_on_all(op: Operator) -> bool:
    """Whether inputs are quantized on the fly, in steps that depend on all channels, or scales are those of blocks, which hold channels."""
    types = [t.dtype for t in op.inputs[:2] if t is not None]
    blocks = any(t is not None and t.quantization is not None and t.quantization.details is not None for t in op.inputs)
    return blocks or (len(types) == 2 and types[0] == np.float32 and is_quantizable(types[1]) and op.inputs[1].is_quantized)


@pytest.mark.parametrize("case", FOLLOWING, ids=str)
def test_an_operator_does_for_the_others_what_it_did(case: Case) -> None:
    op = next(op for op in map(registry.complete, case.graph.operators) if op.op == case.op)
    if len(case.graph.operators) > 1 or any(t is not None and t.is_variable for t in op.inputs) or depends_on_all(op):
        pytest.skip("the case is of several operators, keeps state, or channels are not independent")
    known = dict(zip(case.graph.inputs, case.inputs, strict=True))
    values = {t: known[t] if t in known else t.dense() for t in op.inputs if t is not None}
    # What an operator takes from constants, it looks for there.
    named = {t: t if t.is_constant or v.ndim > 1 else replace(t, data=v, shape=v.shape) for t, v in values.items()}
    values = {named[t]: v for t, v in values.items()}
    op = replace(op, inputs=[named.get(t) for t in op.inputs])
    expected = results_of(op, values)
    op.outputs = [replace(t, shape=y.shape) for t, y in zip(op.outputs, expected, strict=True)]
    found = registry.get(op).channels(op)
    for tie in found.ties if found is not None else ():
        numbers = np.unique(np.concatenate([lane.numbers for lane in tie]))
        if len(numbers) > 1:
            check(op, values, tie, numbers[::2], found.refit)


def check(op: Operator, values: Values, tie: Tie, kept: np.ndarray, refit: Callable[[Operator], Operator] | None) -> None:
    """Without the other channels of a tie; where the outputs do not have them, those channels are real zeros before."""
    masks: dict[tuple[Tensor, int], np.ndarray] = {}
    for lane in tie:
        masks[lane.tensor, lane.axis] = masks.get((lane.tensor, lane.axis), True) & np.isin(lane.numbers, kept)
    values = dict(values)
    if not any(t in op.outputs for t, _ in masks):
        source = tie[0]
        values[source.tensor] = values[source.tensor].copy()
        np.moveaxis(values[source.tensor], source.axis, 0)[~masks[source.tensor, source.axis]] = source.tensor.zero_point
    expected = [cut(y, value, masks) for y, value in zip(op.outputs, results_of(op, values), strict=True)]
    twins = {t: replace(t) for t in (*values, *op.outputs)}
    for tensor, twin in twins.items():
        cut_tensor(twin, {(twin, axis): mask for (t, axis), mask in masks.items() if t is tensor})
    small = replace(op, inputs=[t and twins[t] for t in op.inputs], outputs=[twins[t] for t in op.outputs])
    left = {twins[t]: cut(t, value, masks) for t, value in values.items()}
    small = small if refit is None else refit(small)
    left.update({t: t.dense() for t in small.inputs if t is not None and t not in left})
    for a, b in zip(results_of(small, left), expected, strict=True):
        if a.dtype.kind == "f":
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)
        else:
            np.testing.assert_array_equal(a, b)


def cut(tensor: Tensor, value: np.ndarray, masks: dict[tuple[Tensor, int], np.ndarray]) -> np.ndarray:
    for (other, axis), mask in masks.items():
        value = np.compress(mask, value, axis) if other is tensor else value
    return value
