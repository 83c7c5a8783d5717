"""Which constants of a graph are trained, and what they begin with."""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from math import prod

import numpy as np

from tachylite.model.errors import TachyliteError
from tachylite.model.graph import Graph, Operator, Tensor
from tachylite.ops import registry

Patterns = str | Sequence[str]


def trained(graph: Graph, patterns: Patterns) -> dict[Tensor, Operator]:
    """The weights whose names match, each with an operator that reads it. Raises TachyliteError where there are none.

    Weights are the float constants that operators multiply with or add, but for single numbers, which are part of a formula.
    """
    wanted = [patterns] if isinstance(patterns, str) else list(patterns)
    found = {t: op for op in graph.operators for t in op.inputs if t is not None and _is_weight(op, t)}
    matching = {t: op for t, op in found.items() if any(fnmatchcase(t.name, pattern) for pattern in wanted)}
    if not matching:
        names = ", ".join(repr(t.name) for t in found) or "no float constants; train the float model"
        raise TachyliteError(f"nothing is trained by {wanted}; the model has {names}")
    return matching


def _is_weight(op: Operator, tensor: Tensor) -> bool:
    if not tensor.is_constant or tensor.dtype != np.float32:
        return False
    integer = registry.get(op).integer
    named = () if integer is None else (*integer.weights, *integer.biases)
    return tensor.size > 1 or any(op.inputs[i] is tensor for i in named if i < len(op.inputs))


def beginning(op: Operator, tensor: Tensor, seed: int | None) -> np.ndarray:
    """A weight's first value: its own; with a seed, what training from scratch begins with.

    Matrices and filters are normal with a variance of 2 / fan-in, or 1 / fan-in where no rectifier follows (He et al., 2015; LeCun et al.,
    1998); vectors of what is multiplied are 1, all others 0.
    """
    value = tensor.dense()
    assert value is not None
    if seed is None:
        return value
    if tensor.shape.count(1) >= len(tensor.shape) - 1:
        return np.full(tensor.shape, 1.0 if op.op == "MUL" else 0.0, np.float32)
    gain = 2.0 if getattr(op.options, "fused_activation_function", "NONE") in ("RELU", "RELU6") else 1.0
    taken = prod(tensor.shape[:-1]) if op.op == "DEPTHWISE_CONV_2D" else prod(tensor.shape[1:])
    rng = np.random.default_rng([seed, *tensor.name.encode()])
    return rng.normal(0, np.sqrt(gain / max(1, taken)), tensor.shape).astype(np.float32)
