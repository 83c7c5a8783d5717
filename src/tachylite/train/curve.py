"""Loss curves: as text for a terminal, and as one page, everything in one file, without a network."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tachylite.compress.page import filled
from tachylite.model.files import write_atomically

BLOCKS = " ▁▂▃▄▅▆▇█"


def text(losses: Sequence[float], width: int = 72, height: int = 8) -> list[str]:
    """Lines of blocks, from the loss's greatest mean on top to its least; each column is the mean of neighbouring steps."""
    if not losses:
        return []
    means = [float(part.mean()) for part in np.array_split(np.asarray(losses, np.float64), min(width, len(losses)))]
    low, high = min(means), max(means)
    steps = [1 + round((height * 8 - 1) * (mean - low) / ((high - low) or 1)) for mean in means]
    rows = ["".join(BLOCKS[min(8, max(0, step - 8 * row))] for step in steps) for row in reversed(range(height))]
    labels = [f"{high:9.4g} ", *[" " * 10] * (height - 2), f"{low:9.4g} "]
    return [label + row for label, row in zip(labels, rows, strict=True)]


def write(data: dict[str, Any], path: Path) -> None:
    """Write the page. data: model, settings, losses, validations and per_epoch, as JSON takes them."""
    write_atomically(path, [filled(__package__, data).encode()])
