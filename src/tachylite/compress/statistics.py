"""What is remembered of a tensor's values, in constant memory, and the range that is made of it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tachylite.model.errors import TachyliteError

from .grid import OPEN, Range

BINS = 2048
"""Of a histogram. Each time that a value lies beyond it, two bins become one."""

MOMENTUM = 0.99
"""What the moving average keeps of the past at each sample."""


@dataclass
class Histogram:
    """Counts of values in equal bins over [-reach, reach]; reach grows by doubling."""

    reach: float = 0.0
    counts: np.ndarray = field(default_factory=lambda: np.zeros(BINS, np.int64))

    def add(self, values: np.ndarray) -> None:
        """Count finite values, of any shape."""
        most = float(np.abs(values).max(initial=0))
        if not most:
            self.counts[BINS // 2] += values.size
            return
        self._grow(most)
        positions = ((values.ravel() + self.reach) * (BINS / (2 * self.reach))).astype(np.int64)
        self.counts += np.bincount(np.minimum(positions, BINS - 1), minlength=BINS)

    def _grow(self, most: float) -> None:
        if not self.reach:
            self.reach = most
        while most > self.reach:
            merged = self.counts.reshape(-1, 2).sum(axis=1)
            self.counts = np.zeros(BINS, np.int64)
            self.counts[BINS // 4 : 3 * BINS // 4] = merged
            self.reach *= 2

    def merge(self, other: "Histogram") -> None:
        """Take what another one counted into account, each of its bins as if all lay in the middle."""
        if not other.counts.any():
            return
        self._grow(other.reach)
        if not self.reach:  # Both have counted nothing but zeros.
            self.counts = self.counts + other.counts
            return
        positions = ((other.centres + self.reach) * (BINS / (2 * self.reach))).astype(np.int64)
        added = np.bincount(np.minimum(positions, BINS - 1), other.counts, BINS)
        self.counts = self.counts + added.astype(np.int64)

    @property
    def centres(self) -> np.ndarray:
        """The middle of each bin."""
        return (np.arange(BINS) + 0.5) * (2 * self.reach / BINS) - self.reach

    @property
    def width(self) -> float:
        return 2 * self.reach / BINS


MOST_ROWS = 256
"""Of one array, at most, that the means are made of: evenly chosen."""


@dataclass
class Statistics:
    """Of one tensor over all samples seen: the range and, where they are kept, its moving average, the channels' means, the histogram."""

    samples: int = 0
    least: float = np.inf
    greatest: float = -np.inf
    moving: Range | None = None
    means: np.ndarray | None = None
    histogram: Histogram | None = None

    def add(self, values: np.ndarray, count: int = 1, bounds: Range = OPEN) -> bool:
        """Take the values of `count` samples into account. False where they are not all finite; then they count for nothing.

        bounds: beyond which no value lies. Where both have been reached, and nothing but the range is kept, values are not looked at.
        """
        if values.size and not (self._is_full(bounds) or self._add_range(values, bounds)):
            return False
        if self.means is not None and values.size:
            rows = values.reshape(-1, len(self.means))
            chosen = rows[:: max(1, len(rows) // MOST_ROWS)]
            means = np.full(len(chosen), 1 / len(chosen), np.float32) @ chosen
            self.means += (means - self.means) * (count / (self.samples + count))
        self.samples += count
        return True

    def _is_full(self, bounds: Range) -> bool:
        is_reached = self.least <= bounds.least and self.greatest >= bounds.greatest
        return is_reached and self.moving is None and self.histogram is None

    def _add_range(self, values: np.ndarray, bounds: Range) -> bool:
        least = float(values.min()) if self.moving or self.least > bounds.least else self.least
        greatest = float(values.max())
        if not np.isfinite(greatest - least):
            return False
        self.least, self.greatest = min(self.least, least), max(self.greatest, greatest)
        if self.moving is not None:
            kept = MOMENTUM if self.samples else 0.0
            self.moving = Range(*(kept * old + (1 - kept) * new for old, new in zip(self.moving, (least, greatest), strict=True)))
        if self.histogram is not None:
            self.histogram.add(values)
        return True

    def merge(self, other: "Statistics") -> None:
        """Take into account what another one saw, as if after this one."""
        if not other.samples:
            return
        whole = self.samples + other.samples
        self.least, self.greatest = min(self.least, other.least), max(self.greatest, other.greatest)
        if self.moving is not None and other.moving is not None:
            kept = MOMENTUM**other.samples if self.samples else 0.0
            self.moving = Range(*(kept * old + (1 - kept) * new for old, new in zip(self.moving, other.moving, strict=True)))
        if self.means is not None and other.means is not None:
            self.means = self.means + (other.means - self.means) * (other.samples / whole)
        if self.histogram is not None and other.histogram is not None:
            self.histogram.merge(other.histogram)
        self.samples = whole

    def as_data(self) -> dict[str, Any]:
        """For JSON; the histogram without the empty bins at its ends."""
        data: dict[str, Any] = {"samples": self.samples, "least": self.least, "greatest": self.greatest}
        if self.moving is not None:
            data["moving"] = list(self.moving)
        if self.means is not None:
            data["means"] = [float(f"{mean:.6g}") for mean in self.means]
        if self.histogram is not None and self.histogram.counts.any():
            full = np.flatnonzero(self.histogram.counts)
            first, last = int(full[0]), int(full[-1])
            data["histogram"] = {"reach": self.histogram.reach, "first": first, "counts": self.histogram.counts[first : last + 1].tolist()}
        return data

    @classmethod
    def of_data(cls, data: dict[str, Any]) -> "Statistics":
        """The inverse of `as_data`. Raises KeyError, TypeError, ValueError."""
        result = cls(int(data["samples"]), float(data["least"]), float(data["greatest"]))
        if "moving" in data:
            result.moving = Range(*map(float, data["moving"]))
        if "means" in data:
            result.means = np.array(data["means"], np.float64)
        if "histogram" in data:
            kept = data["histogram"]
            result.histogram = Histogram(float(kept["reach"]))
            result.histogram.counts[kept["first"] : kept["first"] + len(kept["counts"])] = kept["counts"]
        return result


# From statistics to a range.


def min_max(statistics: Statistics, bits: int, parameter: float) -> Range:
    """All that was seen."""
    return Range(statistics.least, statistics.greatest) if statistics.least <= statistics.greatest else Range(0.0, 0.0)


def moving_average(statistics: Statistics, bits: int, parameter: float) -> Range:
    """The mean of the samples' ranges, later ones counting more."""
    if statistics.moving is None:
        raise TachyliteError("the statistics hold no moving average; calibrate again with the method's name")
    return statistics.moving


def percentile(statistics: Statistics, bits: int, parameter: float) -> Range:
    """What holds `parameter` per cent of the values, as many being left out on either side."""
    histogram = _histogram(statistics)
    shares = np.cumsum(histogram.counts) / histogram.counts.sum()
    outside = (1 - parameter / 100) / 2
    edges = np.arange(BINS + 1) * histogram.width - histogram.reach
    low, high = edges[np.searchsorted(shares, outside, "right")], edges[np.searchsorted(shares, 1 - outside) + 1]
    return _within(statistics, low, high)


def mse(statistics: Statistics, bits: int, parameter: float) -> Range:
    """The part of the range for which rounding and clipping together cost the least squared error."""
    return _best(statistics, bits, _squared_error)


def entropy(statistics: Statistics, bits: int, parameter: float) -> Range:
    """The part of the range whose quantized distribution has the least Kullback-Leibler divergence from the whole one."""
    return _best(statistics, min(bits, 8), _divergence)


METHODS: dict[str, Callable[[Statistics, int, float], Range]] = {
    function.__name__: function for function in (min_max, moving_average, percentile, entropy, mse)
}
PERCENT = 99.99


def estimator(method: str) -> Callable[[Statistics, int], Range]:
    """The function of a method, given as its name or, as `percentile:99.9`, with its parameter. Raises TachyliteError."""
    name, _, text = method.partition(":")
    try:
        function, parameter = METHODS[name], float(text or PERCENT)
        if not 0 < parameter <= 100 or (text and name != "percentile"):
            raise ValueError(text)
    except (KeyError, ValueError):
        raise TachyliteError(f"there is no calibration method {method!r}; choose {', '.join(METHODS)} or percentile:99.9") from None
    return lambda statistics, bits: function(statistics, bits, parameter)


def empty(method: str, channels: int = 0) -> Statistics:
    """Statistics of nothing yet, that keep what the method needs, and the means of as many channels."""
    result = Statistics(means=np.zeros(channels) if channels else None)
    if method == "moving_average":
        result.moving = Range(0.0, 0.0)
    elif method != "min_max":
        result.histogram = Histogram()
    return result


def _histogram(statistics: Statistics) -> Histogram:
    histogram = statistics.histogram
    if histogram is None or not histogram.counts.any():
        raise TachyliteError("the statistics hold no histogram, which this method needs; calibrate again with the method's name")
    return histogram


def _within(statistics: Statistics, low: float, high: float) -> Range:
    return Range(max(float(low), statistics.least), min(float(high), statistics.greatest))


def _best(statistics: Statistics, bits: int, cost: Callable[[Histogram, float, float, int], float]) -> Range:
    """The range that costs least: both ends are drawn in together, then each by itself."""
    histogram, shrink = _histogram(statistics), np.geomspace(1, 0.02, 97)
    least, greatest = min(statistics.least, 0.0), max(statistics.greatest, 0.0)

    def best(candidates: list[tuple[float, float]]) -> tuple[float, float]:
        return min(candidates, key=lambda c: cost(histogram, c[0], c[1], bits))

    low, high = best([(least * s, greatest * s) for s in shrink])
    low, high = best([(least * s, high) for s in shrink] + [(low, high)])
    low, high = best([(low, greatest * s) for s in shrink] + [(low, high)])
    return _within(statistics, low, high)


def _squared_error(histogram: Histogram, low: float, high: float, bits: int) -> float:
    step = (high - low) / (2**bits - 1)
    beyond = histogram.centres - np.clip(histogram.centres, low, high)
    inside = (beyond == 0) * (step**2 / 12)
    return float((histogram.counts * (beyond**2 + inside)).sum())


def _divergence(histogram: Histogram, low: float, high: float, bits: int) -> float:
    """Of the distribution that is left when values are clipped and each step is spread evenly over the bins that it had values in."""
    if high <= low:
        return np.inf
    centres, counts = histogram.centres, histogram.counts.astype(np.float64)
    steps = np.rint((np.clip(centres, low, high) - low) / (high - low) * (2**bits - 1)).astype(np.int64)
    inside = (centres >= low - histogram.width) & (centres <= high + histogram.width)
    first, last = np.flatnonzero(inside)[[0, -1]]
    clipped = np.where(inside, counts, 0)
    clipped[first] += counts[:first].sum()
    clipped[last] += counts[last + 1 :].sum()
    full = (counts > 0) & inside
    totals = np.bincount(steps, np.where(inside, counts, 0), 2**bits)
    sharing = np.bincount(steps, full, 2**bits)
    spread = np.where(full, totals[steps] / np.maximum(sharing[steps], 1), 0)
    p, q = clipped / clipped.sum(), spread / max(spread.sum(), 1)
    # What the clipped distribution has where the quantized one has nothing is as unlikely as can be.
    return float((p[p > 0] * np.log(p[p > 0] / np.maximum(q[p > 0], 1e-12))).sum())
