"""A cell along a sequence: one loop over the steps, whatever the batch."""

from collections.abc import Sequence

import numpy as np

from tachylite.frontends.builder import FrontendBuilder, dims
from tachylite.frontends.loops import while_loop
from tachylite.frontends.shaping import shape_vector, size_of
from tachylite.model.dtypes import RESOURCE
from tachylite.model.graph import Tensor

from .activations import scalar
from .cells import Cell
from .layer import Layer, NeedsFixedBatch


def axis(value: int) -> np.ndarray:
    """An axis as an operand."""
    return np.array(value, np.int32)


def loop(
    self: Layer, cell: Cell, drive: Tensor, given: Sequence[Tensor], mask: Tensor | None, is_sequence: bool
) -> tuple[Tensor, list[Tensor]]:
    """The outputs, [n, steps, ...], or the last one, and the last states.

    drive: the products of the inputs at all steps; given: the first states, else they are zeros; mask: [n, steps].
    The loop's variables: the step, the inputs' products, the mask if there is one, the states, the output before where masked steps
    repeat it, and the outputs where all are asked for.
    """
    build = self.build
    batch, steps = size_of(build, drive, 0), size_of(build, drive, 1)
    shape = cell.state_shape(drive)
    states = list(given) or [zeros(build, [batch, *shape]) for _ in range(cell.states)]
    fixed = [drive] if mask is None else [drive, mask]
    before = [] if mask is None else [zeros(build, [batch, *shape])]
    outputs = [zeros(build, [batch, steps, *shape])] if is_sequence else []
    body = Body(cell, len(fixed), mask is not None, is_sequence, bool(self.get("zero_output_for_mask", False)))
    results = while_loop(build, _is_within, body.emit, [build.constant(axis(0), "step"), *fixed, *states, *before, *outputs])
    after = results[1 + len(fixed) :]
    return (after[-1] if is_sequence or mask is not None else after[0]), after[: cell.states]


def _is_within(build: FrontendBuilder, step: Tensor, drive: Tensor, *rest: Tensor) -> Tensor:
    steps = size_of(build, drive, 1)
    return build.LESS(step, steps if isinstance(steps, Tensor) else axis(steps))


class Body:
    """One step of a loop; see `loop` for its variables."""

    def __init__(self, cell: Cell, fixed: int, is_masked: bool, is_sequence: bool, masked_is_zero: bool):
        self.cell = cell
        self.fixed = fixed
        self.is_masked = is_masked
        self.is_sequence = is_sequence
        self.masked_is_zero = masked_is_zero

    def emit(self, build: FrontendBuilder, step: Tensor, *values: Tensor) -> list[Tensor]:
        """The variables after the step."""
        fixed, moving = values[: self.fixed], values[self.fixed :]
        before, rest = list(moving[: self.cell.states]), list(moving[self.cell.states :])
        after = self.cell.step(build, build.GATHER(fixed[0], step, axis=1), before)
        y = after[0]
        if self.is_masked:
            is_kept = build.GATHER(fixed[1], step, axis=1)
            for _ in y.shape[1:]:
                is_kept = build.EXPAND_DIMS(is_kept, axis(-1))
            y, rest[0] = self._masked_output(build, is_kept, y, rest[0])
            after = [build.SELECT_V2(is_kept, new, old) for new, old in zip(after, before, strict=True)]
        if self.is_sequence:
            place = build.PACK(axis(0), step, *[axis(0)] * (len(y.shape) - 1), values_count=len(y.shape) + 1, axis=0)
            rest[-1] = build.DYNAMIC_UPDATE_SLICE(rest[-1], build.EXPAND_DIMS(y, axis(1)), place)
        return [build.ADD(step, axis(1)), *fixed, *after, *rest]

    def _masked_output(self, build: FrontendBuilder, is_kept: Tensor, y: Tensor, before: Tensor) -> tuple[Tensor, Tensor]:
        """The output of a step that may be masked, and the one that the next step has before it."""
        repeated = build.SELECT_V2(is_kept, y, before)
        if self.masked_is_zero:
            return build.MUL(y, build.CAST(is_kept, in_data_type="BOOL", out_data_type="FLOAT32")), repeated
        return repeated, repeated


def zeros(build: FrontendBuilder, sizes: Sequence[int | Tensor]) -> Tensor:
    """Zeros of these sizes; a constant where all are known."""
    known = [size for size in sizes if not isinstance(size, Tensor)]
    if len(known) == len(sizes):
        return build.constant(np.zeros(known, np.float32), "zeros")
    return build.FILL(shape_vector(build, sizes), scalar(0))


# States that outlive a run.


def stateful_loop(self: Layer, cell: Cell, drive: Tensor, mask: Tensor | None, is_sequence: bool) -> tuple[Tensor, list[Tensor]]:
    """A loop that begins with the states that the run before left, in resource variables."""
    initial = zeros(self.build, [fixed_batch(self, drive), *cell.state_shape(drive)])
    names = [self.build.unique(f"{self.name}/state_{i}") for i in range(cell.states)]
    handles = [state_variable(self.build, name, initial) for name in names]
    before = [self.build.READ_VARIABLE(h, out=self.build.tensor(f"{n}/value", initial.shape)) for h, n in zip(handles, names, strict=True)]
    y, after = loop(self, cell, drive, before, mask, is_sequence)
    for handle, state in zip(handles, after, strict=True):
        self.build.ASSIGN_VARIABLE(handle, state)
    return y, after


def fixed_batch(self: Layer, x: Tensor) -> int:
    """The size of the batch. Raises NeedsFixedBatch where it is unknown."""
    batch = dims(x)[0]
    if batch is None:
        raise NeedsFixedBatch(self.name)
    return batch


def state_variable(build: FrontendBuilder, name: str, initial: Tensor) -> Tensor:
    """The handle of a variable that a graph called once sets to `initial`, a constant."""
    first = build.body(f"{name}/initialization")
    first.ASSIGN_VARIABLE(handle_of(first, name), first.constant(initial.data))
    build.CALL_ONCE(subgraphs=[first.graph])
    return handle_of(build, name)


def handle_of(build: FrontendBuilder, name: str) -> Tensor:
    """The handle of a variable by its name."""
    handle: Tensor = build.VAR_HANDLE(shared_name=name, out=build.tensor(build.unique(f"{name}/handle"), (), RESOURCE))
    return handle
