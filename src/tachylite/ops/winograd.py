"""Winograd's minimal filtering for float convolutions of 3x3: fewer products, of transformed filters with transformed windows.

Its results differ from the plain sums in the last bits (about 1e-6 of their range), so an exact target does without.
"""

from ctypes import c_float, c_int32
from functools import partial
from typing import Any

import numpy as np

from tachylite.model.graph import Operator, Tensor

from .kernel import Params, kernel
from .panels import Cells, named, panels, parts, plain, share

_CACHED = 1 << 15
"""Floats of a block's transforms, of windows and of products, which should stay in the second-level cache."""

_TRANSFORMS = {
    2: np.array([[2, 0, 0], [1, 1, 1], [1, -1, 1], [0, 0, 2]]) / 2,
    4: np.array([[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]]) / 24,
}
"""By tile, the transform of a filter's row or column."""

_VECTOR_COST = {2: 60, 4: 150}
"""Cycles of a vector of channels in a window's transform, or of outputs in that of its products, as measured."""


class WinogradParams(Params):
    """A convolution of 3x3 with stride 1 in tiles of `tile` by `tile` outputs, `tiles` of them in all images, `block` to a work item."""

    _fields_ = (
        ("input_height", c_int32),
        ("input_width", c_int32),
        ("channels", c_int32),
        ("output_height", c_int32),
        ("output_width", c_int32),
        ("outputs", c_int32),
        ("before_height", c_int32),
        ("before_width", c_int32),
        ("tile", c_int32),
        ("tiles", c_int32),
        ("block", c_int32),
        ("low", c_float),
        ("high", c_float),
    )


WINOGRAD = kernel("winograd", WinogradParams, "f32")


def best_tile(params: Any, exact: bool) -> int:
    """The tile of outputs with which a convolution (conv_float.ConvParams) costs least; 0 where plain sums do."""
    geometry = [getattr(params, f"{what}_{axis}") for what in ("filter", "stride", "dilation") for axis in ("height", "width")]
    is_dense = params.pixel_step == params.outputs and params.row_step == params.output_width * params.outputs
    if exact or params.groups != 1 or geometry != [3, 3, 1, 1, 1, 1] or not is_dense or min(params.channels, params.outputs) < 16:
        return 0
    pairs = params.channels * params.outputs
    costs = {tile: _cost(params, tile) for tile in _TRANSFORMS}
    costs[0] = 0.9 * (9 * pairs * (params.images * params.output_height * params.output_width / 15 + 4 / 24))
    return min(costs, key=lambda tile: costs[tile])


def _cost(params: Any, tile: int) -> float:
    """About how many cycles it takes with AVX2: products (few rows take as long as four), transforms, and reading the filters."""
    tiles, cells = _tiles(params, tile), (tile + 2) ** 2
    products = cells * params.outputs * (params.channels + 8) * max(4, tiles) / 15
    transforms = tiles * (params.channels + params.outputs) / 8 * _VECTOR_COST[tile]
    return products + transforms + cells * params.channels * params.outputs * 4 / 24


def _tiles(params: Any, tile: int) -> int:
    count: int = params.images * parts(params.output_height, tile) * parts(params.output_width, tile)
    return count


def emit(
    low: Any, op: Operator, params: Any, operands: tuple[int, Tensor | None, int | None], y: int, cells: Cells, tile: int, grain: int
) -> None:
    """Emit the convolution of x with the `cells` of constant filters, and a bias. grain: products that are worth a thread's while."""
    x, filters, bias = operands
    given = {name: getattr(params, name) for name, *_ in WinogradParams._fields_ if hasattr(params, name)}
    block = WinogradParams(**given, tile=tile, tiles=_tiles(params, tile))
    size = (tile + 2) ** 2 * (params.channels + params.outputs)
    block.block = share(block.tiles, max(6, min(_CACHED // size, parts(block.tiles, low.program.target.workers))), 6)
    packed = low.packed(filters, f"winograd{tile} {named(cells)}", partial(_transformed, cells=cells, tile=tile))
    scratch = low.scratch(4 * size * block.block, per_worker=True)
    low.call(
        WINOGRAD,
        "f32",
        op,
        block,
        work=parts(block.tiles, block.block),
        inputs=[x, packed, bias],
        outputs=[y],
        scratch=[scratch],
        grain=1 + grain // ((tile + 2) ** 2 * block.block * params.channels * params.outputs),
    )


def _transformed(filters: np.ndarray, cells: Cells, tile: int) -> np.ndarray:
    """G g G^T for every pair of output and channel, in panels: [size * size, panels, c, PANEL]."""
    taps = np.moveaxis(plain(filters, cells).reshape(len(filters), 9, -1), 1, 0)
    transform = np.kron(_TRANSFORMS[tile], _TRANSFORMS[tile])
    return panels((transform @ taps.reshape(9, -1)).reshape(-1, *taps.shape[1:]))
