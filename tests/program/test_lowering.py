"""The hazards of lowering, one test each, and what the plan promises."""

import numpy as np
import pytest

from tachylite import Builder, Graph, Interpreter, Model, OpResolverType, TachyliteError, Tensor
from tachylite.ops.broadcast import BroadcastParams
from tachylite.ops.registry import Spec
from tachylite.ops.softmax import SoftmaxParams
from tachylite.program.lower import lower
from tachylite.program.program import HostCall, Jump, Kind, Move
from tachylite.program.target import Target

from .graphs import doubling, fibonacci, less_than, run, variable_handle, while_loop

X = np.arange(6, dtype=np.float32).reshape(2, 3)


def test_an_output_that_aliases_gets_memory_of_its_own() -> None:
    build = Builder()
    x = build.input("x", (2, 3))
    constant = build.constant(np.ones((2, 3), np.float32))
    y = build.NEG(x)
    program = lower(Model.of(build.outputs(x, constant, y, y)))
    entry = program.entries["main"]
    assert len(set(entry.outputs)) == 4
    assert {program.values[v].kind for v in entry.outputs} == {Kind.OUTPUT}
    for actual, expected in zip(run(build.graph, X), [X, np.ones((2, 3)), -X, -X], strict=True):
        np.testing.assert_array_equal(actual, expected)


def test_a_loop_body_that_swaps_its_variables() -> None:
    a, b = run(fibonacci(10), np.int32(0), np.int32(1))
    assert (a, b) == (55, 89)
    program = lower(Model.of(fibonacci(10)))
    assert not any(isinstance(i, HostCall) and i.op.op == "WHILE" for i in program.entries["main"].code)
    assert any(isinstance(i, Move) and len(i.pairs) > 1 for i in program.entries["main"].code)


def test_a_loop_variable_that_is_an_output_twice() -> None:
    graph = fibonacci(10)
    graph.outputs = [graph.outputs[0], graph.outputs[0], graph.outputs[1]]
    for resolver in OpResolverType.AUTO, OpResolverType.BUILTIN_REF:
        interpreter = Interpreter(model_content=Model.of(graph).to_bytes(), experimental_op_resolver_type=resolver)
        interpreter.allocate_tensors()
        for detail, start in zip(interpreter.get_input_details(), (0, 1), strict=True):
            interpreter.set_tensor(detail["index"], np.int32(start))
        interpreter.invoke()
        assert [interpreter.get_tensor(d["index"]) for d in interpreter.get_output_details()] == [55, 55, 89]


def test_a_read_keeps_its_value_when_the_variable_is_assigned_later() -> None:
    build = Builder()
    x = build.input("x", (2, 3))
    handle = variable_handle(build)
    build.ASSIGN_VARIABLE(handle, x)
    before = build.READ_VARIABLE(handle, out=Tensor("before", (2, 3), x.dtype))
    build.ASSIGN_VARIABLE(handle, build.NEG(x))
    after = build.READ_VARIABLE(handle, out=Tensor("after", (2, 3), x.dtype))
    old, new = run(build.outputs(before, after), X)
    np.testing.assert_array_equal(old, X)
    np.testing.assert_array_equal(new, -X)


def test_running_changes_nothing_in_the_model() -> None:
    model = Model.of(fibonacci(3))
    before = model.to_bytes()
    run(model, np.int32(1), np.int32(1), runs=2)
    assert model.to_bytes() == before
    build = Builder()
    with pytest.raises(ValueError, match="read-only"):
        build.constant(X).data[...] = 0


def loop_reading_an_outer_value() -> Graph:
    """acc += 2x, three times, where 2x is computed before the loop and passed through it unchanged."""
    body = Builder(Graph("body"))
    i, acc, step = body.input("i", (), np.int32), body.input("acc", (64,), np.int32), body.input("step", (64,), np.int32)
    # A large temporary, which would take the memory of anything that seems dead.
    wide = body.MUL(body.ADD(acc, step), body.constant(np.ones(64, np.int32)))
    body_graph = body.outputs(body.ADD(i, body.constant(1)), wide, step)
    build = Builder()
    x = build.input("x", (64,), np.int32)
    doubled = build.ADD(x, x)
    start = [build.constant(np.int32(0)), build.MUL(x, build.constant(np.zeros(64, np.int32))), doubled]
    _, acc_out, _ = while_loop(build, less_than(3, 0, (), (64,), (64,)), body_graph, *start)
    return build.outputs(build.ADD(acc_out, doubled))


def test_a_value_read_inside_a_loop_lives_to_the_end_of_the_loop() -> None:
    x = np.arange(64, dtype=np.int32)
    np.testing.assert_array_equal(run(loop_reading_an_outer_value(), x)[0], 8 * x)


def test_inlining_a_graph_twice_gives_fresh_values() -> None:
    callee = Builder(Graph("callee"))
    a, b = callee.input("a", (2, 3)), callee.input("b", (2, 3))
    graph = callee.outputs(callee.SUB(a, b))
    build = Builder()
    x, y = build.input("x", (2, 3)), build.input("y", (2, 3))
    one = build.STABLEHLO_COMPOSITE(x, y, subgraphs=[graph], name="one")
    two = build.STABLEHLO_COMPOSITE(y, x, subgraphs=[graph], name="two")
    first, second, both = run(build.outputs(one, two, build.ADD(one, two)), X, 2 * X)
    np.testing.assert_array_equal(first, -X)
    np.testing.assert_array_equal(second, X)
    np.testing.assert_array_equal(both, 0 * X)


def test_memory_is_shared_in_place_only_where_the_operator_declares_it() -> None:
    def offsets(op: str) -> tuple[int, int]:
        build = Builder()
        x = build.input("x", (2, 3))
        before = build.NEG(x)
        after = getattr(build, op)(before, build.constant(np.array([1, 0], np.int32))) if op == "TRANSPOSE" else getattr(build, op)(before)
        program = lower(Model.of(build.outputs(build.NEG(after))))
        values = program.entries["main"].values
        return program.values[values[before]].offset, program.values[values[after]].offset

    assert len(set(offsets("ABS"))) == 1
    assert len(set(offsets("TRANSPOSE"))) == 2


def test_what_is_certain_becomes_a_constant() -> None:
    build = Builder()
    x = build.input("x", (1, 6))
    x.shape_signature = (-1, 6)
    batch = build.STRIDED_SLICE(build.SHAPE(x, out_type="INT32"), *(np.array([n], np.int32) for n in (0, 1, 1)), shrink_axis_mask=1)
    shape = build.PACK(batch, build.constant(2), build.constant(3), values_count=3)
    model = Model.of(build.outputs(build.RESHAPE(x, shape, out=Tensor("y", (1, 2, 3), x.dtype, shape_signature=(-1, 2, 3)))))
    assert run(model, np.zeros((5, 6), np.float32))[0].shape == (5, 2, 3)
    entry = lower(model, {"main": (model.graph, [Spec((5, 6), np.dtype(np.float32))])}).entries["main"]
    assert [i.op.op for i in entry.code if isinstance(i, HostCall)] == ["RESHAPE"]
    assert entry.barrier is None


def test_what_is_certain_is_stored_row_by_row() -> None:
    """numpy transposes by strides alone, which a kernel does not see."""
    build = Builder()
    turned = build.TRANSPOSE(build.constant(X), np.array([1, 0], np.int32))
    build.outputs(build.BATCH_MATMUL(turned, build.input("x", (2, 4))))
    y = np.arange(8, dtype=np.float32).reshape(2, 4)
    np.testing.assert_array_equal(run(build.graph, y)[0], X.T @ y)


def test_a_shape_that_depends_on_data_ends_in_a_barrier_and_goes_on() -> None:
    build = Builder()
    x = build.input("x", (2, 3))
    y = build.NEG(x)
    where = build.WHERE(build.GREATER(x, build.constant(2.0)), out=Tensor("where", (1, 2), np.dtype(np.int64), shape_signature=(-1, 2)))
    picked = build.GATHER_ND(y, where, out=Tensor("picked", (1,), x.dtype, shape_signature=(-1,)))
    model = Model.of(build.outputs(y, build.ADD(picked, picked, out=Tensor("sum", (1,), x.dtype, shape_signature=(-1,)))))
    assert lower(model).entries["main"].barrier is not None
    for x in (X, 10 * X, 0 * X):
        negated, doubled = run(model, x)
        np.testing.assert_array_equal(negated, -x)
        np.testing.assert_array_equal(doubled, -2 * x[x > 2])


def test_a_loop_whose_shapes_grow_runs_on_the_host() -> None:
    np.testing.assert_array_equal(run(doubling(3), np.array([7], np.int32))[0], np.full(8, -7))


def test_both_branches_of_an_if_run() -> None:
    branches = []
    for op in ("NEG", "ABS"):
        branch = Builder(Graph(op))
        branches.append(branch.outputs(getattr(branch, op)(branch.input("x", (2, 3)))))
    build = Builder()
    test, x = build.input("test", (), np.bool_), build.input("x", (2, 3))
    graph = build.outputs(build.IF(test, x, subgraphs=branches))
    np.testing.assert_array_equal(run(graph, np.bool_(True), X)[0], -X)
    np.testing.assert_array_equal(run(graph, np.bool_(False), -X)[0], X)
    assert any(isinstance(i, Jump) for i in lower(Model.of(graph)).entries["main"].code)


def test_what_kernels_cannot_count_is_refused() -> None:
    build = Builder()
    model = Model.of(build.outputs(build.RELU(build.input("x", (2, 2**30), np.float32))))
    with pytest.raises(TachyliteError, match=r"takes 2,147,483,648 elements at once, kernels count to 2,147,483,647"):
        lower(model, target=Target("baseline"))
    assert lower(model).entries  # numpy counts on


def test_a_parameter_that_its_field_cannot_hold_is_refused() -> None:
    with pytest.raises(OverflowError, match="columns would be 2147483648"):
        SoftmaxParams(columns=2**31)
    strides = (0, 0, 0, 0, -(2**31) - 1, 0)
    with pytest.raises(OverflowError, match="second_stride would be"):
        BroadcastParams(first_stride=strides[:4], second_stride=strides)
    assert tuple(BroadcastParams(extent=(1, 2, 3, 4, 5, 6), least=0.1).extent) == (1, 2, 3, 4, 5, 6)


def test_nothing_is_computed_of_nothing() -> None:
    build = Builder()
    program = lower(Model.of(build.outputs(build.RELU(build.input("x", (0, 3), np.float32)))), target=Target("baseline"))
    assert program.entries["main"].code == []


def test_nested_calls_do_not_expand_without_end() -> None:
    graph = None
    for level in range(64):
        build = Builder(Graph(f"level{level}"))
        x = build.input("x", (1,))
        for _ in range(2):
            x = build.NEG(x) if graph is None else build.STABLEHLO_COMPOSITE(x, subgraphs=[graph])
        graph = build.outputs(x)
    with pytest.raises(TachyliteError, match="expands to more than"):
        lower(Model.of(graph))


def test_unknown_operators_are_all_named() -> None:
    build = Builder()
    x = build.input("x", (1,))
    graph = build.outputs(build.NEG(x))
    for name in ("FirstUnknown", "SecondUnknown"):
        op = type(graph.operators[0])(name, [x], [Tensor(name, (1,), x.dtype)], is_custom=True)
        graph.append(op)
    with pytest.raises(TachyliteError, match=r"FirstUnknown.*SecondUnknown"):
        Interpreter(model_content=Model.of(graph)).allocate_tensors()


def test_a_loop_that_only_passes_its_variables_on_is_refused() -> None:
    body = Builder(Graph("body"))
    build = Builder()
    start = build.input("i", (), np.int32)
    out = while_loop(build, less_than(3, 0, ()), body.outputs(body.input("i", (), np.int32)), start)
    assert run(build.outputs(*out), np.int32(7)) == [7]
    with pytest.raises(TachyliteError, match="never ends"):
        run(build.graph, np.int32(0))


@pytest.mark.parametrize("grows", [False, True])
def test_a_loop_that_never_ends_is_refused(grows: bool) -> None:
    """i + 0 < 3: by jumps, and (where shapes are not known) on the host."""
    body = Builder(Graph("body"))
    i, x = body.input("i", (), np.int32), body.input("x", (2,), np.int32)
    same = body.UNIQUE(x, out=[Tensor("u", (2,), x.dtype, shape_signature=(-1,)), Tensor("n", (2,), x.dtype)])[0] if grows else x
    body_graph = body.outputs(body.ADD(i, body.constant(0)), same)
    build = Builder()
    start = build.constant(np.int32(0)), build.input("x", (2,), np.int32)
    out = while_loop(build, less_than(3, 0, (), (2,)), body_graph, *start)
    with pytest.raises(TachyliteError, match="never ends"):
        run(build.outputs(*out), np.array([1, 2], np.int32))
