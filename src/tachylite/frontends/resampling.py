"""Resizing along one axis: which old elements each new one is made of, for every way that frameworks have.

A coordinate says where a new element lies between the old ones. Weights are matrices [new, old].
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Axis:
    """An axis of `old` elements that becomes one of `new`; scale: new elements for an old one, told exactly. region: of it, from 0 to 1."""

    old: int
    new: int
    scale: float
    region: tuple[float, float] = (0.0, 1.0)

    @property
    def length(self) -> float:
        """How long the result would be if it were not rounded."""
        return self.old * self.scale


def coordinates(axis: Axis, mode: str) -> np.ndarray:
    """Where the new elements lie. mode: ONNX's coordinate_transformation_mode. float64 [new]. Raises KeyError."""
    return MODES[mode](axis, np.arange(axis.new, dtype=np.float64))


def _half_pixel(axis: Axis, i: np.ndarray) -> np.ndarray:
    return (i + 0.5) / axis.scale - 0.5


def _half_pixel_symmetric(axis: Axis, i: np.ndarray) -> np.ndarray:
    """The centres of both fall on each other, where rounding made the result shorter."""
    return axis.old / 2 * (1 - axis.new / axis.length) + _half_pixel(axis, i)


def _pytorch_half_pixel(axis: Axis, i: np.ndarray) -> np.ndarray:
    return _half_pixel(axis, i) if axis.length > 1 else i - 0.5


def _align_corners(axis: Axis, i: np.ndarray) -> np.ndarray:
    return i * ((axis.old - 1) / (axis.length - 1)) if axis.length != 1 else 0 * i


def _crop_and_resize(axis: Axis, i: np.ndarray) -> np.ndarray:
    (first, last), steps = axis.region, axis.old - 1
    if axis.new == 1:
        return 0 * i + (first + last) * steps / 2
    return (first + i * (last - first) / (axis.new - 1)) * steps


MODES: dict[str, Callable[[Axis, np.ndarray], np.ndarray]] = {
    "half_pixel": _half_pixel,
    "half_pixel_symmetric": _half_pixel_symmetric,
    "pytorch_half_pixel": _pytorch_half_pixel,
    "align_corners": _align_corners,
    "asymmetric": lambda axis, i: i / axis.scale,
    "tf_crop_and_resize": _crop_and_resize,
}

ROUNDINGS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "round_prefer_floor": lambda x: np.ceil(x - 0.5),
    "round_prefer_ceil": lambda x: np.floor(x + 0.5),
    "floor": np.floor,
    "ceil": np.ceil,
}

#: Coordinates that are this close to a whole number are one: the rest is rounding.
CLOSE = 1e-7


def nearest(places: np.ndarray, old: int, rounding: str) -> np.ndarray:
    """The old element for each coordinate. int32."""
    whole = np.round(places)
    places = np.where(np.abs(places - whole) < CLOSE, whole, places)
    return np.clip(ROUNDINGS[rounding](places), 0, old - 1).astype(np.int32)


def linear(distance: np.ndarray) -> np.ndarray:
    """The weight of an element at this distance, in linear interpolation."""
    return np.maximum(1 - np.abs(distance), 0)


def cubic(a: float) -> Callable[[np.ndarray], np.ndarray]:
    """As `linear`, by cubic convolution with this coefficient."""

    def weight(distance: np.ndarray) -> np.ndarray:
        x = np.abs(distance)
        inner = ((a + 2) * x - (a + 3)) * x * x + 1
        outer = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
        return np.where(x <= 1, inner, np.where(x < 2, outer, 0))

    return weight


def weights(
    places: np.ndarray, old: int, weight: Callable[[np.ndarray], np.ndarray], *, shrink: float = 1.0, is_cut: bool = False
) -> np.ndarray:
    """float32 [new, old]. Beyond the ends the last element is repeated; is_cut: nothing is there, and the rest weighs more.

    shrink: below 1 the weights reach further, so that all old elements count (antialiasing).
    """
    reach = int(np.ceil(2 / shrink)) + 1
    taps = np.floor(places).astype(int)[:, None] + np.arange(-reach, reach + 1)
    shares = weight((taps - places[:, None]) * shrink)
    if shrink != 1:
        shares = shares / shares.sum(axis=1, keepdims=True)
    if is_cut:
        shares = np.where((taps >= 0) & (taps < old), shares, 0)
        shares = shares / shares.sum(axis=1, keepdims=True)
    result = np.zeros((len(places), old))
    np.add.at(result, (np.arange(len(places))[:, None], np.clip(taps, 0, old - 1)), shares)
    return result.astype(np.float32)
