"""What an exported program of PyTorch itself answers."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tachylite.model.extras import extra


def runner(path: Path) -> Callable[[Sequence[np.ndarray]], list[Any]]:
    """A function from inputs in order to outputs in order. Raises MissingExtraError where torch is not installed."""
    with extra("torch", "torch"):
        import torch
    module = torch.export.load(path).module()

    def run(inputs: Sequence[np.ndarray]) -> list[Any]:
        with torch.no_grad():
            results = module(*(torch.from_numpy(np.ascontiguousarray(x)) for x in inputs))
        return [y.numpy() for y in torch.utils._pytree.tree_leaves(results)]

    return run
