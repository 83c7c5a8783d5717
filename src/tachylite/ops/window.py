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

    def cells(self) -> Iterator[tuple[int, slice, slice]]:
        """Each cell that ever lies inside the input: its number, the outputs that see it there, the inputs that they see."""
        last = (self.outputs - 1) * self.stride
        first_cell = max(0, -((last - self.before) // self.dilation))
        end_cell = min(self.size, (self.inputs - 1 + self.before) // self.dilation + 1)
        for cell in range(first_cell, end_cell):
            offset = cell * self.dilation - self.before
            start = max(0, -(offset // self.stride))
            stop = min(self.outputs, (self.inputs - 1 - offset) // self.stride + 1)
            if start < stop:
                at = start * self.stride + offset
                yield cell, slice(start, stop), slice(at, at + (stop - start - 1) * self.stride + 1, self.stride)

    def part(self, start: int, stop: int) -> Window:
        """The same window over outputs `start` to `stop` alone."""
        return replace(self, before=self.before - start * self.stride, outputs=stop - start)


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
    return Window(size, stride, dilation, padding // 2, inputs, outputs)
