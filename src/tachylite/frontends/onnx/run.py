"""What an ONNX model itself answers, by the reference evaluator that comes with onnx."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tachylite.model.extras import extra


def runner(path: Path) -> Callable[[Sequence[np.ndarray]], list[Any]]:
    """A function from inputs in order to outputs in order. Raises MissingExtraError where onnx is not installed, OSError."""
    with extra("onnx", "onnx"):
        import onnx
        from onnx.reference import ReferenceEvaluator
    model = onnx.load(path)
    own = {t.name for t in model.graph.initializer}
    types = {x.name: onnx.helper.tensor_dtype_to_np_dtype(x.type.tensor_type.elem_type) for x in model.graph.input if x.name not in own}
    evaluator = ReferenceEvaluator(model)
    return lambda inputs: list(evaluator.run(None, {n: x.astype(t) for (n, t), x in zip(types.items(), inputs, strict=True)}))
