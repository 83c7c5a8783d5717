"""Profiles: what is measured, what is counted, and that nothing is counted twice. How long anything takes is nobody's business here."""

from typing import Any

import numpy as np
import pytest

from tachylite import Builder, Interpreter, Model, OpResolverType, TachyliteError
from tachylite.ops.flops import RULES, flops
from tachylite.ops.layer_norm import LAYER_NORM
from tachylite.ops.registry import by_name
from tachylite.runtime.profile import ProfileRow
from tests.program.graphs import doubling, fibonacci

RESOLVERS = [OpResolverType.AUTO, OpResolverType.BUILTIN_REF]


def net() -> Model:
    """A convolution, its activation apart, and a pool."""
    build = Builder()
    x = build.input("x", (1, 8, 8, 3))
    weights, bias = build.constant(np.ones((4, 3, 3, 3), np.float32)), build.constant(np.zeros(4, np.float32))
    y = build.CONV_2D(x, weights, bias, padding="SAME", stride_w=1, stride_h=1, name="features")
    y = build.RELU(y, name="active")
    y = build.MAX_POOL_2D(y, padding="VALID", stride_w=2, stride_h=2, filter_width=2, filter_height=2, name="pooled")
    return Model.of(build.outputs(y))


def run(model: Model, times: int = 3, **options: Any) -> Interpreter:
    interpreter = Interpreter(model_content=model, profile=True, **options)
    interpreter.allocate_tensors()
    for _ in range(times):
        interpreter.invoke()
    return interpreter


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("resolver", RESOLVERS)
def test_every_operator_has_a_row(resolver: OpResolverType, threads: int) -> None:
    rows = run(net(), experimental_op_resolver_type=resolver, num_threads=threads).profile()
    assert [(row.op, row.index, row.graph, row.output) for row in rows] == [
        ("CONV_2D", 0, 0, "features"),
        ("RELU", 1, 0, "active"),
        ("MAX_POOL_2D", 2, 0, "pooled"),
    ]
    assert {row.calls for row in rows} == {3}
    assert all(row.seconds > 0 for row in rows)
    assert sum(row.share for row in rows) == pytest.approx(1)
    assert [row.flops for row in rows] == [2 * 8 * 8 * 4 * 27, 8 * 8 * 4, 4 * 4 * 4 * 4]
    assert rows[1].bytes == 2 * 4 * 8 * 8 * 4
    if resolver is OpResolverType.BUILTIN_REF:
        assert {(row.kernel, row.tier) for row in rows} == {("reference", "numpy")}


def test_shapes_are_those_that_ran() -> None:
    interpreter = run(net(), times=1)
    interpreter.resize_tensor_input(0, [5, 8, 8, 3])
    interpreter.allocate_tensors()
    interpreter.invoke()
    first, *_, second = (row for row in interpreter.profile() if row.op == "CONV_2D")
    assert second.flops == 5 * (first.flops or 0)


def test_a_profile_begins_anew() -> None:
    interpreter = run(net())
    interpreter.reset_profile()
    assert interpreter.profile() == []
    interpreter.invoke()
    assert {row.calls for row in interpreter.profile()} == {1}


def test_without_profile_nothing_is_measured() -> None:
    interpreter = Interpreter(model_content=net())
    for call in (interpreter.profile, interpreter.reset_profile):
        with pytest.raises(TachyliteError, match="profile=True"):
            call()


@pytest.mark.parametrize("resolver", RESOLVERS)
def test_a_loop_counts_each_time_around(resolver: OpResolverType) -> None:
    interpreter = run(Model.of(fibonacci(7)), times=2, experimental_op_resolver_type=resolver)
    calls = {row.op: row.calls for row in interpreter.profile()}
    assert (calls["LESS"], calls["ADD"]) == (2 * 8, 2 * 7)


def test_what_a_host_call_runs_is_not_counted_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock of this test ticks once a reading, so that the sum of all rows cannot exceed the readings in between."""
    clock = iter(range(10**6))
    monkeypatch.setattr("tachylite.runtime.profile.perf_counter_ns", lambda: next(clock))
    rows = run(Model.of(doubling(3)), times=1, experimental_op_resolver_type=OpResolverType.BUILTIN_REF).profile()
    assert {row.graph for row in rows} == {0, 1, 2}
    assert {row.op for row in rows} == {"WHILE", "LESS", "ADD", "CONCATENATION", "NEG"}
    assert 0 < sum(row.seconds for row in rows) * 1e9 <= next(clock)


def test_counts_of_arithmetic_name_known_operators() -> None:
    assert all(by_name(name) for name in RULES.keys() - {LAYER_NORM.name})


def test_no_count_is_better_than_a_wrong_one() -> None:
    build = Builder()
    x = build.input("x", (2, 4))
    y = build.SOFTMAX(x, beta=1.0)
    z = build.FULLY_CONNECTED(x, build.constant(np.ones((3, 4), np.float32)), None)
    softmax, product = build.outputs(y, z).operators
    assert flops(softmax, [(2, 4)], [(2, 4)]) is None
    assert flops(product, [(2, 4), (3, 4), None], [(2, 3)]) == 2 * 2 * 3 * 4
    assert flops(product, [(2, 4), None, None], [(2, 3)]) is None


def test_a_row_knows_its_rates() -> None:
    row = ProfileRow("ADD", 0, 0, "y", "add_f32", "avx2", calls=4, seconds=2.0, share=1.0, flops=10, bytes=8)
    assert (row.seconds_per_call, row.flops_per_second) == (0.5, 20)
