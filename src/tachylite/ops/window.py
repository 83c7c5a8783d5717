"""Sliding windows: output sizes, padding and dilation, for convolutions, pooling and their like."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, NamedTuple

from tachylite.model.graph import Operator, Shape


@dataclass(frozen=True)
class Window:
    """A window that slides along one axis: cell `i`, seen from output `o`, lies over input `o * stride + i * dilation - before`.

    size: cells; before: elements of padding in front; inputs, outputs: lengths of the axis.
    """

    size: int
    stride: int
    dilation: int
    before: int
    inputs: int
    outputs: int

    def live(self) -> range:
        """The cells that ever lie inside the input; of a corrupted file's huge window they are the few that matter."""
        last = (self.outputs - 1) * self.stride
        first = max(0, -((last - self.before) // self.dilation))
        return range(first, min(self.size, (self.inputs - 1 + self.before) // self.dilation + 1))

    def cells(self) -> Iterator[tuple[int, slice, slice]]:
        """Each live cell: its number, the outputs that see it inside the input, the inputs that they see."""
        for cell in self.live():
            offset = cell * self.dilation - self.before
            start = max(0, -(offset // self.stride))
            stop = min(self.outputs, (self.inputs - 1 - offset) // self.stride + 1)
            if start < stop:
                at = start * self.stride + offset
                yield cell, slice(start, stop), slice(at, at + (stop - start - 1) * self.stride + 1, self.stride)

    def trimmed(self) -> tuple[Window, slice]:
        """The same window without its cells at either end that never lie inside, and which cells it keeps, at least one.

        Its numbers are no larger than they must be: of a corrupted file's they could leave 32 bits.
        """
        live = self.live()
        if not live:
            return replace(self, size=1, dilation=1, before=-self.inputs), slice(0, 1)  # behind the input's end
        dilation = self.dilation if len(live) > 1 else 1
        return replace(self, size=len(live), dilation=dilation, before=self.before - live.start * self.dilation), slice(
            live.start, live.stop
        )

    @property
    def reach(self) -> int:
        """Elements from the first cell to the last."""
        return (self.size - 1) * self.dilation + 1

    @property
    def length(self) -> int:
        """Elements from the first cell at the first output to the last cell at the last output."""
        return (self.outputs - 1) * self.stride + self.reach

    def overlap(self) -> tuple[slice, slice]:
        """The inputs among these elements, counted in the input and counted from the first cell at the first output."""
        start = max(0, -self.before)
        stop = max(start, min(self.inputs, self.length - self.before))
        return slice(start, stop), slice(start + self.before, stop + self.before)


class Tap(NamedTuple):
    """One cell of a window of several axes: where it is in the window, the outputs that see it inside the input, what they see."""

    cell: Shape
    outputs: tuple[slice, ...]
    inputs: tuple[slice, ...]


def taps(windows: Sequence[Window]) -> Iterator[Tap]:
    """Every cell of the window that `windows`, one per axis, span."""
    for cells in product(*(list(window.cells()) for window in windows)):
        yield Tap(*zip(*cells, strict=True))


def spatial(*axes: int | slice) -> Any:
    """An index along the spatial axes, which are the last before the channels."""
    return (..., *axes, slice(None))


class Phase(NamedTuple):
    """Results of a transposed window that are `strides` apart from `at` on: the windows that they see the input with, and their cells."""

    windows: tuple[Window, ...]
    cells: tuple[slice, ...]
    at: tuple[int, ...]
    strides: tuple[int, ...]


def phases(axes: Sequence[Window]) -> list[Phase]:
    """The results of transposed windows by their coordinates modulo the strides: each part sees the same cells everywhere."""
    strides = tuple(axis.stride for axis in axes)
    starts = product(*(range(min(axis.stride, axis.inputs)) for axis in axes))
    result = []
    for at in starts:
        windows, cells = zip(*map(_phase, axes, at), strict=True)
        result.append(Phase(windows, cells, at, strides))
    return result


def _phase(axis: Window, at: int) -> tuple[Window, slice]:
    """The window that results `at`, `at + stride`, ... of an axis see the input with, and its cells, last first."""
    start, first = divmod(at + axis.before, axis.stride)
    cells = range(first, axis.size, axis.stride)[::-1]
    outputs = -(-(axis.inputs - at) // axis.stride)
    window = Window(len(cells), 1, 1, len(cells) - 1 - start, axis.outputs, outputs)
    stop = cells.stop if cells.stop >= 0 else None
    return window, slice(cells.start, stop, cells.step) if cells else slice(0, 0)


def sliding(op: Operator, inputs: Shape, size: Shape) -> tuple[Window, ...]:
    """One window per spatial axis (height and width, before them depth), with the strides, dilations and padding of the options.

    inputs: lengths of the axes; size: of the window along them.
    """
    names = "dhw"[-len(inputs) :]
    strides = tuple(getattr(op.options, f"stride_{axis}") for axis in names)
    dilations = tuple(getattr(op.options, f"dilation_{axis}_factor", 1) for axis in names)
    for what, values in (("window", size), ("stride", strides), ("dilation", dilations)):
        if min(values) < 1:
            raise op.error(f"{what} is {list(values)}, each must be at least 1; the model is corrupted, write it again")
    return tuple(_axis(op, *axis) for axis in zip(inputs, size, strides, dilations, strict=True))


def _axis(op: Operator, inputs: int, size: int, stride: int, dilation: int) -> Window:
    reach = (size - 1) * dilation + 1
    room = inputs + stride - (1 if op.options.padding == "SAME" else reach)
    if room <= -stride:
        raise op.error(f"a window of {size} cells, {dilation} apart, does not fit in {inputs} elements without padding; use padding SAME")
    outputs = max(0, room) // stride
    padding = max(0, (outputs - 1) * stride + reach - inputs)
    # A longer stride than the input never matters, because there is one output then.
    return Window(size, min(stride, max(1, inputs)), dilation, padding // 2, inputs, outputs)
