"""Constant folding: what depends on constants alone is computed now, by the operator's reference."""

from math import prod

import numpy as np

from tachylite.model.dtypes import RESOURCE, VARIANT, nbytes
from tachylite.model.errors import OpError
from tachylite.model.graph import Operator, Tensor
from tachylite.ops import inference, registry
from tachylite.ops.registry import Spec

from .rewrite import Replacement, Rewriter, rule, rules_pass

SMALL = 4096
"""Bytes that a folded constant may always have. A larger one must not be larger than what it is made of: a FILL, a DEQUANTIZE stay."""


@rule()
def fold(build: Rewriter, op: Operator) -> Replacement:
    """All outputs of an operator whose inputs are constants, or whose values follow from fixed shapes alone (SHAPE, RANK)."""
    probes = [_compute(op, specs) for specs in _probed(build, op)]
    first, *rest = probes or [None]
    if not first or not all(rest) or not all(_is_value(*same) for same in zip(*filter(None, probes), strict=True)):
        return None
    return [_constant(build, spec, t) for spec, t in zip(first, op.outputs, strict=True)]


def _compute(op: Operator, specs: tuple[Spec | None, ...]) -> list[Spec] | None:
    """The outputs, unless they would be too large."""
    try:
        results = registry.infer(op, specs)
        if not results or _size(results) > max(SMALL, sum(map(_stored, op.inputs))):
            return None
        return inference.infer(op, specs)
    except OpError:
        return None  # it stands in a branch that never runs, or the run will say so


def _probed(build: Rewriter, op: Operator) -> list[tuple[Spec | None, ...]]:
    """What is known of the operator's inputs in each probe; once, if all are constants."""
    if all(t is None or t.is_constant for t in op.inputs):
        return [tuple(None if t is None else inference.constant_spec(t) for t in op.inputs)]
    if not all(t is None or build.probes.is_certain(t) for t in op.inputs):
        return []
    known = [None if t is None else build.probes.specs(t) for t in op.inputs]
    count = len(next(filter(None, known), ()))
    return [tuple(None if s is None else s[i] for s in known) for i in range(count)]


def _is_value(*specs: Spec) -> bool:
    """Whether a value is known, the same in every probe, and such that a file can hold it."""
    first = specs[0].value
    if first is None or specs[0].dtype in (RESOURCE, VARIANT):
        return False
    return all(s.value is not None and np.array_equal(first, s.value) for s in specs)


def _size(specs: list[Spec]) -> int:
    return sum(nbytes(s.dtype, prod(s.shape)) for s in specs)


def _stored(tensor: Tensor | None) -> int:
    """The bytes that a constant takes in the file; few, where it is sparse."""
    return 0 if tensor is None or tensor.data is None else nbytes(tensor.dtype, tensor.data.size)


def _constant(build: Rewriter, spec: Spec, like: Tensor) -> Tensor:
    value = np.array(spec.value, like.dtype, order="C")
    return build.constant(value, like.name, like.quantization)


FOLD = rules_pass("fold", fold)
