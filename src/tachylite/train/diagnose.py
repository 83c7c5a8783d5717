"""Where numbers stop being finite: the first operator of a step whose output is not, though what it was given is."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from tachylite.compress.calibrate import instrument
from tachylite.model.graph import Model, Operator, Tensor
from tachylite.runtime import checkpoint
from tachylite.runtime.interpreter import Interpreter


def first_not_finite(model: Model, state: Mapping[str, np.ndarray], batch: Mapping[str, Any]) -> str:
    """Run the step again from `state` on the same batch, watching all values; says which operator it was, and of which layer."""
    bad = [name for name, value in state.items() if value.dtype.kind == "f" and not np.isfinite(value).all()]
    if bad:
        return f"the variables {', '.join(map(repr, bad))} hold it before the step"
    found: list[str] = []

    def observe(tensor: Tensor, op: Operator | None, value: np.ndarray) -> None:
        if not found and not np.isfinite(value).all():
            found.append(f"input {tensor.name!r}" if op is None else f"{op.op} {tensor.name!r}{_layer(op)}")

    watched = Interpreter(model_content=instrument(model, observe))
    checkpoint.restore(watched, dict(state))
    found.clear()
    watched.get_signature_runner("train")(**batch)
    return f"it comes from {found[0]}" if found else "no single value is to blame: their sum is too large"


def _layer(op: Operator) -> str:
    """The weights that the operator reads, which tell the layer."""
    weights = [t.name for t in op.inputs[1:] if t is not None and t.dtype == np.float32 and t.name]
    return f", which reads {', '.join(map(repr, weights))}" if weights else ""
