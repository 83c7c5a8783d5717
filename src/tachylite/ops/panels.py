"""Filters as the float kernels read them: panels of PANEL outputs, in which the values that one input meets lie side by side."""

import numpy as np

PANEL = 16
"""Outputs of a panel."""

TOGETHER = 4
"""Panels that a tile of four bytes a step takes at once, see tl_quads.h."""

Cells = tuple[slice, ...]
"""Which cells of a filter are used, along each of its axes."""


def parts(total: int, size: int) -> int:
    """How many parts of `size` hold `total`."""
    return -(-total // size)


def share(total: int, most: int, multiple: int) -> int:
    """The size of nearly equal parts of `total`, about `most`; a multiple of `multiple` where there are several."""
    count = max(1, parts(total, most))
    return multiple * parts(total, count * multiple) if count > 1 else max(1, total)


def plain(filters: np.ndarray, cells: Cells) -> np.ndarray:
    """The cells of filters [outputs, taps..., depth], float32."""
    return np.ascontiguousarray(filters[(slice(None), *cells)], np.float32)


def named(cells: Cells) -> str:
    """The cells as part of a layout's name."""
    return " ".join(f"{c.start}:{c.stop}:{c.step}" for c in cells)


def extended(array: np.ndarray, *after: int, fill: int = 0) -> np.ndarray:
    """With this many more elements at the end of each axis.

    np.pad takes ten times as long for small arrays, and every layer has some.
    """
    if not any(after):
        return array
    result = np.full([size + more for size, more in zip(array.shape, after, strict=True)], fill, array.dtype)
    result[tuple(map(slice, array.shape))] = array
    return result


def panels(matrices: np.ndarray) -> np.ndarray:
    """[groups, outputs, ...] to [groups, panels, ..., PANEL], float32, with zeros for the outputs that a last panel lacks."""
    groups, outputs = matrices.shape[:2]
    flat = matrices.reshape(groups, outputs, -1)
    packed = np.empty((groups, parts(outputs, PANEL), flat.shape[2], PANEL), np.float32)
    whole, rest = divmod(outputs, PANEL)
    packed[:, :whole] = flat[:, : whole * PANEL].reshape(groups, whole, PANEL, flat.shape[2]).swapaxes(2, 3)
    if rest:
        packed[:, whole, :, :rest] = flat[:, whole * PANEL :].swapaxes(1, 2)
        packed[:, whole, :, rest:] = 0
    return packed
