"""Copies between strided views: kernels do what numpy does, and nothing that they can do is left to the host."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tachylite import Builder, Graph, Interpreter, Model
from tachylite.program.lower import lower
from tachylite.program.program import HostCall
from tachylite.program.target import Target
from tachylite.runtime import native

SIDES = st.sampled_from([1, 2, 3, 4, 5, 8, 15, 16, 17, 33])


@st.composite
def views(draw: st.DrawFn) -> tuple[Graph, np.ndarray, np.ndarray]:
    """A slice of a transposed tensor: its graph, its input and the answer."""
    shape = tuple(draw(st.lists(SIDES, min_size=1, max_size=4)))
    dtype = draw(st.sampled_from([np.uint8, np.int16, np.float32, np.int64]))
    axes = draw(st.permutations(range(len(shape))))
    steps = [draw(st.sampled_from([-3, -1, 1, 1, 1, 2])) for _ in shape]
    x = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    build = Builder()
    turned = build.TRANSPOSE(build.input("x", shape, dtype), build.constant(np.array(axes, np.int32)))
    everything: Sequence[int] = [0] * len(shape)
    masks = {"begin_mask": 2 ** len(shape) - 1, "end_mask": 2 ** len(shape) - 1}
    limits = (build.constant(np.array(part, np.int32)) for part in (everything, everything, steps))
    graph = build.outputs(build.STRIDED_SLICE(turned, *limits, **masks))
    return graph, x, x.transpose(axes)[tuple(slice(None, None, step) for step in steps)]


@pytest.mark.parametrize("tier", native.tiers())
@pytest.mark.parametrize("workers", [1, 3])
def test_views(tier: str, workers: int) -> None:
    @given(views())
    def check(view: tuple[Graph, np.ndarray, np.ndarray]) -> None:
        graph, x, expected = view
        program = lower(Model.of(graph), target=Target(tier))
        assert not any(isinstance(instruction, HostCall) for instruction in program.entries["main"].code)
        interpreter = Interpreter(model_content=Model.of(graph).to_bytes(), num_threads=workers)
        interpreter.allocate_tensors()
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
        interpreter.invoke()
        np.testing.assert_array_equal(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]), expected)

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TACHYLITE_ISA", tier)
        check()
