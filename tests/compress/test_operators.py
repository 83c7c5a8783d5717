"""Every operator that computes on integers: its float cases of the op suite, quantized, against LiteRT's kernels."""

import numpy as np
import pytest

import tachylite
from tachylite import Model
from tachylite.ops import registry

from ..ops.test_ops import CASES
from .harness import ours, theirs

SCHEMES = {"static_wi8_ai8": 0.05, "static_wu8_au8": 0.05, "static_wi8_ai16": 0.02, "dynamic_wi8_afp32": 0.05}
"""The greatest error of one operator, root mean square, as a part of its greatest operand or result."""

LOSSY = ("EQUAL-float32-broadcast", "FULLY_CONNECTED-hybrid-uint8", "FULLY_CONNECTED-hybrid-uint8-lowest", "REDUCE_PROD-f32-all")
"""Operators whose inputs say nothing once they are rounded: equality of random numbers, a product of thirty factors."""

CLIPPING = "LOG_SOFTMAX"
"""By specification, bytes reach to -16."""

UNLIKE = {"DIV-f32-1": "LiteRT shifts a tiny quotient by 32 places", "CONCATENATION-activation": "LiteRT refuses the activation"}


def tamed(case):
    """The case's inputs without infinities and NaN."""
    return [np.clip(np.nan_to_num(x), -1e3, 1e3) if x.dtype == np.float32 else x for x in case.inputs]


def is_eligible(case):
    definition = registry.by_name(case.op)
    has_floats = any(t.dtype == np.float32 for t in (*case.graph.inputs, *case.graph.outputs))
    has_oracle = case.expected is None and case.reference_kernel and str(case) not in UNLIKE
    if definition.integer is None or not has_floats or not has_oracle or definition.updates:
        return False
    with np.errstate(all="ignore"):
        values = [*case.inputs, *ours(Model.of(case.graph), *tamed(case))]
    return all(x.size for x in values) and all(np.isfinite(x).all() for x in values[len(case.inputs) :] if x.dtype == np.float32)


FLOATS = [case for case in CASES if is_eligible(case)]


def quantized(case, scheme):
    inputs = tamed(case)
    samples = [tuple(inputs)] if len(inputs) > 1 else inputs
    return tachylite.quantize(Model.of(case.graph), scheme, samples)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("case", FLOATS, ids=str)
def test_operator_is_quantized_as_litert_runs_it(case, scheme):
    model = quantized(case, scheme)
    if model == Model.of(case.graph):
        return  # the operator does not compute in these types
    inputs = tamed(case)
    found = ours(model, *inputs)
    for mine, expected in zip(found, theirs(model, *inputs), strict=True):
        if scheme.startswith("static"):
            np.testing.assert_array_equal(mine, expected)
        else:
            np.testing.assert_allclose(mine, expected, rtol=1e-5, atol=1e-5)
    if str(case) not in LOSSY and case.op != CLIPPING:
        real = ours(Model.of(case.graph), *inputs)
        reach = max(np.abs(x).max() for x in (*inputs, *real) if x.dtype == np.float32)
        assert all(rms(a, b) <= SCHEMES[scheme] * reach for a, b in zip(real, found, strict=True))


def rms(a, b):
    return np.sqrt(np.square(a.astype(np.float64) - b).mean())


def test_every_operator_with_an_integer_form_is_quantized_by_some_case():
    covered = {case.op for case in FLOATS if any(quantized(case, scheme) != Model.of(case.graph) for scheme in SCHEMES)}
    declared = {d.name for d in registry.definitions() if d.integer is not None and not d.integer.any_type and not d.updates}
    # LiteRT's reference resolver has no ELU at all.
    assert declared - covered == {"ELU"}
