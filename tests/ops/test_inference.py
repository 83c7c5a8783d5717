"""What inference makes of values that are certain before the run."""

import numpy as np
import pytest

from tachylite.model.graph import Operator
from tachylite.ops import inference, registry
from tachylite.ops.registry import OpDef, Spec

FLOAT32 = np.dtype(np.float32)


@pytest.mark.parametrize("problem", [MemoryError, ZeroDivisionError, ValueError])
def test_what_fails_in_advance_is_left_to_the_run(problem: type[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    def reference(op: Operator, x: np.ndarray) -> np.ndarray:
        raise problem

    monkeypatch.setitem(registry._registry, ("Fails", True), OpDef("Fails", registry.same_shape, reference, is_custom=True))
    known = Spec((2,), FLOAT32, np.zeros(2, np.float32))
    assert inference.infer(Operator("Fails", [], [], is_custom=True), [known]) == [Spec((2,), FLOAT32)]
