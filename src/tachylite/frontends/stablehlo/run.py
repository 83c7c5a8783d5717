"""What an exported function of JAX itself answers."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tachylite.model.extras import extra


def runner(path: Path) -> Callable[[Sequence[np.ndarray]], list[Any]]:
    """A function from inputs in order to outputs in order. Raises MissingExtraError where jax is not installed."""
    with extra("jax", "jax"):
        import jax
        from jax import export
    exported = export.deserialize(bytearray(path.read_bytes()))

    def run(inputs: Sequence[np.ndarray]) -> list[Any]:
        arguments, named = jax.tree.unflatten(exported.in_tree, list(inputs))
        return [np.asarray(y) for y in jax.tree.leaves(exported.call(*arguments, **named))]

    return run
