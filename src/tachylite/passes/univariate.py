"""Functions of one element, recognized by what they compute.

x * relu6(x + 3) / 6 can be written in a dozen ways, and GELU in more. Whatever the way, it is a few elementwise operators that depend on
one tensor and on constants; their values at a few hundred points tell which operator of the format they are.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np

from tachylite.model.graph import Operator, Tensor
from tachylite.ops import inference, registry
from tachylite.ops.permute import elementwise

from .rewrite import Replacement, Rewriter, Rule, is_float, rules_pass, value_of

FUNCTIONS: dict[str, tuple[dict[str, Any], ...]] = {
    **dict.fromkeys(("RELU", "RELU6", "RELU_N1_TO_1", "RELU_0_TO_1", "HARD_SWISH", "LOGISTIC", "TANH", "ELU"), ({},)),
    "GELU": ({"approximate": False}, {"approximate": True}),
    **dict.fromkeys(("ABS", "SQUARE", "SQRT", "RSQRT", "EXP", "LOG", "SIN", "COS", "NEG", "SIGN", "FLOOR", "CEIL"), ({},)),
}
"""Operators on one element, and the options that they are tried with."""

ROOTS = ("MUL", "ADD", "SUB", "DIV", "POW", "MAXIMUM", "MINIMUM", "SELECT", "SELECT_V2", "NEG", "SQRT", "RSQRT", "ABS", "RELU", "LOG")
"""Operators that the longer way to write such a function may end in."""

MOST = 100
"""Operators that are taken together; the longest way known to write a function takes 65: GELU with JAX's two polynomials for erfc."""

POINTS = np.concatenate([np.linspace(-12, 12, 235), [-1e3, -50, -1, 0, 1, 50, 1e3]]).astype(np.float32)
"""Where functions are compared: on both sides of every bend, far out, and at 0, where x + 1e-6 is not x."""

TOLERANCE = 2e-6 * np.minimum(np.abs(POINTS), 1)
"""What functions may differ by, beside as much relatively: the rounding of intermediate results, which at 0 is none."""


@cache
def _known() -> list[tuple[str, dict[str, Any], np.ndarray]]:
    """Each function at the points."""
    return [(name, options, _values(name, options)) for name, several in FUNCTIONS.items() for options in several]


def _values(name: str, options: dict[str, Any]) -> np.ndarray:
    definition = registry.by_name(name)
    tensors = [Tensor(n, POINTS.shape, POINTS.dtype) for n in "xy"]
    op = Operator(name, [tensors[0]], [tensors[1]], definition.make_options(**options))
    with np.errstate(all="ignore"):
        return inference.as_list(definition.reference(op, POINTS))[0]


def recognize(build: Rewriter, op: Operator) -> Replacement:
    """The one operator that computes what `op` and some before it do."""
    y = op.outputs[0]
    if not is_float(y):
        return None
    for x, inside in _cones(build, op):
        found = _function(_evaluate(x, inside)) if is_float(x) and x.shape == y.shape else None
        if found is not None and not (len(inside) == 1 and found[0] == op.op):
            name, options = found
            return x if name == "" and build.alike(x, y) else getattr(build, name)(x, **options) if name else None
    return None


def _cones(build: Rewriter, root: Operator) -> Iterator[tuple[Tensor, list[Operator]]]:
    """Operators that end in `root` and depend on one tensor alone, in order; from few to many. Only the tensor itself is read by others."""
    inside, frontier = [root], _operands(build, root)
    while frontier:
        if len(frontier) == 1:
            yield frontier[0], inside[::-1]
        grown = next((o for t in frontier if (o := _inner(build, t, inside)) is not None), None)
        if grown is None or len(inside) == MOST:
            return
        inside.append(grown)
        frontier = list(dict.fromkeys(t for t in (*frontier, *(_operands(build, grown) or ())) if t not in grown.outputs))


def _inner(build: Rewriter, tensor: Tensor, inside: list[Operator]) -> Operator | None:
    """The maker of a tensor that nobody outside reads, if it is a function of one element as well."""
    op = build.maker(tensor)
    if op is None or build.is_kept(tensor) or any(r not in inside for r in build.readers(tensor)):
        return None
    return op if _operands(build, op) else None


def _operands(build: Rewriter, op: Operator) -> list[Tensor] | None:
    """The tensors that an elementwise operator computes from, beside constants of one value; None where it is none or broadcasts."""
    definition = registry.find(op)
    if definition is None or definition.permute is not elementwise or len(op.outputs) != 1:
        return None
    tensors = [t for t in op.inputs if t is not None]
    if any(t.is_quantized for t in (*tensors, *op.outputs)):
        return None
    computed = [t for t in tensors if not t.is_constant]
    constants = [v for t in tensors if (v := value_of(t)) is not None]
    if any(not v.size or v.dtype.kind not in "fiub" or (v != v.flat[0]).any() for v in constants):
        return None
    return list(dict.fromkeys(computed)) if all(build.probes.alike(t, op.outputs[0]) for t in computed) else None


def _evaluate(x: Tensor, inside: list[Operator]) -> np.ndarray | None:
    """The last operator's values at the points; None where a reference refuses them."""
    known: dict[Tensor, np.ndarray] = {x: POINTS}
    try:
        with np.errstate(all="ignore"):
            for op in inside:
                inputs = [None if t is None else known[t] if t in known else _single(t) for t in op.inputs]
                known[op.outputs[0]] = inference.as_list(registry.get(op).reference(op, *inputs))[0]
    except (ArithmeticError, ValueError):
        return None
    return known[inside[-1].outputs[0]]


def _single(tensor: Tensor) -> np.ndarray:
    value = value_of(tensor)
    assert value is not None
    return np.asarray(value.flat[0], value.dtype)


def _function(values: np.ndarray | None) -> tuple[str, dict[str, Any]] | None:
    """The operator and its options with these values at the points; an empty name is the point itself."""
    if values is None or values.shape != POINTS.shape or values.dtype != POINTS.dtype:
        return None
    if _alike(values, POINTS):
        return "", {}
    for name, options, expected in _known():
        if _alike(values, expected):
            return name, options
    slope = -values[POINTS == -1][0]
    if np.isfinite(slope) and abs(slope) < 1e6 and _alike(values, np.where(POINTS > 0, POINTS, slope * POINTS)):
        return "LEAKY_RELU", {"alpha": float(slope)}
    return None


def _alike(a: np.ndarray, b: np.ndarray) -> bool:
    with np.errstate(invalid="ignore"):
        near = np.abs(a - b) <= TOLERANCE + 2e-6 * np.abs(b)
    return bool((near | (a == b) | (np.isnan(a) & np.isnan(b))).all())


UNIVARIATE = rules_pass("univariate", Rule(ROOTS, recognize))
