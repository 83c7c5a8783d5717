"""Program files: the C runtime gives what the Interpreter gives, to the last bit, and refuses what it cannot run."""

import shutil
import subprocess
import threading
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tachylite import Builder, Graph, Interpreter, Model, Quantization, TachyliteError, Tensor
from tachylite.model.errors import UnsupportedError
from tachylite.model.graph import Signature
from tachylite.ops.kernel import Kernel
from tachylite.program import tlp
from tachylite.runtime import native
from tests.ops.test_ops import CASES, visible

from .c_program import Program, ProgramError, compiled
from .graphs import run, variable_handle, while_loop

NATIVE = Path(__file__).parents[2] / "native"
RNG = np.random.default_rng(1)


def named(tensor: Tensor, name: str) -> Tensor:
    tensor.name = name
    return tensor


def convolutions() -> Model:
    """Float layers with weights that are packed, and shapes that leave tails."""
    build = Builder()
    x = build.input("x", (1, 9, 7, 3))
    weights = build.constant(RNG.normal(size=(5, 3, 3, 3)).astype(np.float32))
    bias = build.constant(RNG.normal(size=5).astype(np.float32))
    y = build.CONV_2D(x, weights, bias, padding="SAME", stride_h=2, stride_w=1, fused_activation_function="RELU6")
    y = build.MAX_POOL_2D(y, padding="VALID", filter_height=2, filter_width=2, stride_h=1, stride_w=2)
    y = build.RESHAPE(y, build.constant(np.array([1, -1], np.int32)))
    dense = build.constant(RNG.normal(size=(11, y.shape[1])).astype(np.float32))
    return Model.of(build.outputs(named(build.FULLY_CONNECTED(y, dense, None), "y"), x))


def quantized() -> Model:
    build = Builder()
    a, b = (build.input(name, (3, 17), np.int8, Quantization.per_tensor(scale, 3)) for name, scale in (("a", 0.1), ("b", 0.25)))
    return Model.of(build.outputs(named(build.ADD(a, b, quantization=Quantization.per_tensor(0.3, -7)), "sum")))


def gather() -> Model:
    build = Builder()
    table = build.constant(np.arange(12, dtype=np.float32).reshape(4, 3))
    return Model.of(build.outputs(named(build.GATHER(table, build.input("i", (2,), np.int32), axis=0), "rows")))


def counter() -> Model:
    """Two signatures, `add` and `read`, on one variable that an initializer sets to 5 and one that it does not set."""
    initializer = Builder(Graph("initializer"))
    initializer.ASSIGN_VARIABLE(variable_handle(initializer), initializer.constant(np.full(3, 5, np.float32)))
    add = Builder(Graph("add"))
    x = add.input("in", (3,))
    add.CALL_ONCE(subgraphs=[initializer.outputs()])
    value = add.READ_VARIABLE(variable_handle(add), out=Tensor("value", (3,), x.dtype))
    total = add.ADD(value, x)
    add.ASSIGN_VARIABLE(variable_handle(add), total)
    read = Builder(Graph("read"))
    out = read.READ_VARIABLE(variable_handle(read), out=Tensor("out", (3,), x.dtype))
    graphs = add.outputs(total), read.outputs(out)
    return Model(
        [*graphs, initializer.graph],
        [Signature("add", graphs[0], {"x": x}, {"total": total}), Signature("read", graphs[1], {}, {"again": out, "value": out})],
    )


def loop(steps: int) -> Model:
    """(i, more, a, b) = (i + 1, table[i], b, a + b) while `more`: the condition is a loop variable, the body swaps two others."""
    cond = Builder(Graph("cond"))
    _, go_on, *_ = (cond.input(f"s{i}", (1,), dtype) for i, dtype in enumerate((np.int32, np.bool_, np.int32, np.int32)))
    body = Builder(Graph("body"))
    i, _, a, b = (body.input(f"s{i}", (1,), dtype) for i, dtype in enumerate((np.int32, np.bool_, np.int32, np.int32)))
    more = body.GATHER(body.constant(np.arange(1, steps + 1) < steps), i, axis=0)
    body_graph = body.outputs(body.ADD(i, body.constant(np.ones(1, np.int32))), more, b, body.ADD(a, b))
    build = Builder()
    start = [build.constant(np.zeros(1, np.int32)), build.constant(np.ones(1, np.bool_))]
    x = [build.input(name, (1,), np.int32) for name in "ab"]
    _, _, a, b = while_loop(build, cond.outputs(go_on), body_graph, *start, *x)
    return Model.of(build.outputs(named(a, "first"), named(b, "second")))


def endless() -> Model:
    """A loop whose body passes its variables on."""
    cond, body, build = Builder(Graph("cond")), Builder(Graph("body")), Builder()
    go_on = build.input("go", (1,), np.bool_)
    out = while_loop(build, cond.outputs(cond.input("s", (1,), np.bool_)), body.outputs(body.input("s", (1,), np.bool_)), go_on)
    return Model.of(build.outputs(*out))


MODELS: dict[str, Callable[[], Model]] = {
    "convolutions": convolutions,
    "quantized": quantized,
    "gather": gather,
    "loop": lambda: loop(10),
}


def inputs_of(model: Model) -> dict[str, np.ndarray]:
    """Numbers that every model here can take."""
    return {t.name: RNG.integers(0, 4, t.shape).astype(t.dtype) for t in model.graph.inputs}


def assert_same(actual: np.ndarray, expected: np.ndarray) -> None:
    """To the last bit, where the Interpreter hands out 4-bit types as whole bytes."""
    assert actual.shape == expected.shape
    assert actual.astype(expected.dtype).tobytes() == expected.tobytes()


@pytest.mark.parametrize("tier", native.tiers())
@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("name", MODELS)
def test_results_are_the_interpreters(name: str, workers: int, tier: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TACHYLITE_ISA", tier)
    model = MODELS[name]()
    program = Program(compiled(model, tier, workers))
    for _ in range(2):
        inputs = inputs_of(model)
        for actual, expected in zip(program(**inputs).values(), run(model, *inputs.values(), num_threads=workers), strict=True):
            assert_same(actual, expected)


def test_the_op_suite_gives_the_interpreters_results() -> None:
    """Every case that has kernels, states included; the others are refused."""
    ran = 0
    for case in CASES:
        model = Model.of(case.graph)
        try:
            program = Program(compiled(model))
        except UnsupportedError:
            continue
        interpreter = Interpreter(model_content=model)
        interpreter.allocate_tensors()
        tensors, details = program.tensors("input", "main").values(), interpreter.get_input_details()
        for _ in range(case.runs):
            for tensor, detail, value in zip(tensors, details, case.inputs, strict=True):
                np.copyto(tensor.array(), value)
                interpreter.set_tensor(detail["index"], visible(value))
            program.run("main")
            interpreter.invoke()
            outputs = program.tensors("output", "main").values()
            for tensor, detail in zip(outputs, interpreter.get_output_details(), strict=True):
                assert_same(tensor.array(), interpreter.get_tensor(detail["index"]))
        ran += 1
    assert ran > len(CASES) / 3


def test_inputs_and_outputs_are_described() -> None:
    program = Program(compiled(quantized()))
    assert program.entries() == ["main"]
    assert list(program.tensors("input", "main")) == ["a", "b"]
    tensor = program.find("input", "main", "b")
    assert tensor is not None
    assert (tensor.array().shape, tensor.array().dtype, tensor.zero_point) == ((3, 17), np.int8, 3)
    assert np.float32(tensor.scale) == np.float32(0.25)
    assert tensor.data % tlp.ALIGNMENT == 0
    for kind, entry, name in (("input", "main", "c"), ("output", "main", "a"), ("input", "other", "a")):
        assert program.find(kind, entry, name) is None
    with pytest.raises(ProgramError, match="there is no entry -1, the program has 1"):
        program.run("other")


def test_signatures_share_variables() -> None:
    program = Program(compiled(counter()))
    assert program.entries() == ["add", "read"]
    with pytest.raises(ProgramError, match=r"^variable /v: it is read before anything was assigned to it"):
        program("read")
    np.testing.assert_array_equal(program("add", x=[1, 2, 3])["total"], [6, 7, 8])
    np.testing.assert_array_equal(program("add", x=[1, 1, 1])["total"], [7, 8, 9])
    program.reset()  # of recurrent state only
    outputs = program("read")
    assert list(outputs) == ["again", "value"]
    for value in outputs.values():
        np.testing.assert_array_equal(value, [7, 8, 9])


def test_reset_sets_recurrent_state_back() -> None:
    case = next(c for c in CASES if c.op == "UNIDIRECTIONAL_SEQUENCE_LSTM" and c.runs > 1 and c.inputs[0].dtype == np.float32)
    model = Model.of(case.graph)
    program, inputs = Program(compiled(model)), dict(zip((t.name for t in case.graph.inputs), case.inputs, strict=True))
    first, second = program(**inputs), program(**inputs)
    program.reset()
    third = program(**inputs)
    for name in first:
        assert_same(third[name], first[name])
    assert any((first[name] != second[name]).any() for name in first)
    for actual, expected in zip(second.values(), run(model, *case.inputs, runs=2), strict=True):
        assert_same(actual, expected)


def test_a_file_is_used_where_it_lies(tmp_path: Path) -> None:
    path = tmp_path / "model.tlp"
    path.write_bytes(compiled(convolutions()))
    program, model = Program(path), convolutions()
    inputs = inputs_of(model)
    assert str(path) in Path("/proc/self/maps").read_text()
    assert_same(program(**inputs)["y"], Program(path)(**inputs)["y"])


def test_constants_stand_once_in_a_file() -> None:
    """Two signatures of one graph: as large as one, and a few records."""
    one, two = quantized(), convolutions()
    graph = two.graph
    names = {t.name: t for t in graph.inputs}, {t.name: t for t in graph.outputs}
    two.signatures = [Signature(key, graph, *names) for key in ("first", "second")]
    assert len(compiled(two)) < len(compiled(convolutions())) + len(compiled(one))


def test_inputs_can_live_in_the_callers_memory() -> None:
    model = quantized()
    program, inputs = Program(compiled(model)), inputs_of(model)
    expected = program(**inputs)["sum"]
    memory = np.zeros(64 + 3 * 17, np.int8)
    start = -memory.ctypes.data % 64
    mine = memory[start : start + 3 * 17].reshape(3, 17)
    mine[...] = inputs["a"]
    own = program.tensors("input", "main")["a"].array()
    own[...] = 0
    program.bind("input", "main", "a", mine.ctypes.data)
    program.run("main")
    assert_same(program.tensors("output", "main")["sum"].array(), expected)
    program.bind("input", "main", "a", None)
    assert program.tensors("input", "main")["a"].array().ctypes.data == own.ctypes.data
    with pytest.raises(ProgramError, match="the memory for a is not aligned to 64 bytes"):
        program.bind("input", "main", "a", mine.ctypes.data + 1)


# What goes wrong while running.


def test_a_failing_operator_is_named() -> None:
    program = Program(compiled(gather()))
    with pytest.raises(ProgramError, match=r"^GATHER #0 'rows' \(subgraph 0\): an index points outside of its tensor$"):
        program(i=[0, 4])
    np.testing.assert_array_equal(program(i=[3, 0])["rows"], [[9, 10, 11], [0, 1, 2]])


def test_a_loop_that_never_ends_is_refused() -> None:
    program = Program(compiled(endless()))
    program(go=[False])
    with pytest.raises(ProgramError, match=r"^a loop never ends"):
        program(go=[True])


def test_a_second_thread_is_refused() -> None:
    program, messages = Program(compiled(loop(300_000))), set()

    def attempt() -> None:
        try:
            program.run("main")
        except ProgramError as problem:
            messages.add(str(problem))

    for _ in range(100):  # until the two meet
        threads = [threading.Thread(target=attempt) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if messages:
            break
    assert messages == {"the program is running in another thread; open it once for each thread"}
    program.run("main")


# What is refused.


def test_more_threads_than_there_is_memory_for() -> None:
    content = compiled(convolutions(), workers=2)
    Program(content, threads=2)
    with pytest.raises(ProgramError, match="3 threads were asked for, the program has memory for 2; write it with --threads 3"):
        Program(content, threads=3)


def test_what_needs_python_is_listed_at_once() -> None:
    build = Builder()
    text, x = build.input("text", (1,), np.object_), build.input("x", (2, 3))
    first, second = (build.RANDOM_UNIFORM(build.constant(np.array([2], np.int32))) for _ in range(2))
    where = build.WHERE(x, out=Tensor("where", (1, 2), np.dtype(np.int64), shape_signature=(-1, 2)))
    model = Model.of(build.outputs(build.ADD(first, second), text, where))
    with pytest.raises(UnsupportedError) as refused:
        compiled(model)
    for part in (
        "RANDOM_UNIFORM #0 'random_uniform_0' (subgraph 0) and 1 more of that name: no kernel for int32",
        "WHERE #2 'where' (subgraph 0): only the run can tell the shapes that it gives",
        "'text': holds strings",
    ):
        assert part in str(refused.value)


def test_a_variable_of_two_shapes() -> None:
    model = counter()
    read = model.signatures[1].graph
    read.operators[1].outputs[0].shape = (2, 3)
    with pytest.raises(UnsupportedError, match="variable /v: is used with 2 shapes"):
        compiled(model)


def test_a_target_that_does_not_exist() -> None:
    with pytest.raises(TachyliteError, match="there is no target 'sse'; choose one of baseline, avx2"):
        compiled(quantized(), "sse")


@pytest.mark.parametrize("tier", ["neon", "avx", "baselines", ""])
def test_a_tier_that_the_machine_lacks(tier: str) -> None:
    content = bytearray(compiled(quantized(), "baseline"))
    field = tlp.HEADER.fields["tier"][1]
    content[field : field + 16] = tier.encode().ljust(16, b"\0")
    with pytest.raises(ProgramError, match=rf"^the program is for {tier}, this machine runs \w+( \w+)*; write it with --target"):
        Program(sealed(content))


def test_a_kernel_that_the_runtime_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    content = bytearray(compiled(quantized()))
    at = content.index(b"add_s8\0")
    content[at : at + 3] = b"abd"
    with pytest.raises(ProgramError, match="this runtime lacks kernel abd_s8; write the program again with the version of the runtime"):
        Program(sealed(content))
    monkeypatch.setattr(Kernel, "layout", 1)
    with pytest.raises(ProgramError, match="this runtime has another kernel add_s8"):
        Program(compiled(quantized()))


def test_a_file_of_another_format() -> None:
    content = bytearray(compiled(quantized()))
    content[4] += 2
    with pytest.raises(ProgramError, match="the program file has format 3, this runtime reads format 2"):
        Program(sealed(content))
    with pytest.raises(ProgramError, match="this is no program file; write one with `tachylite program"):
        Program(quantized().to_bytes())


def test_paths_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "empty.tlp").touch()
    for path, message in ((tmp_path / "missing.tlp", "No such file"), (tmp_path, "no file"), (tmp_path / "empty.tlp", "empty")):
        with pytest.raises(ProgramError, match=f"^{path}: .*{message}"):
            Program(path)


def sealed(content: bytearray) -> bytes:
    """With the checksum that the bytes now have."""
    content[tlp.CHECKED_FROM - 4 : tlp.CHECKED_FROM] = zlib.crc32(content[tlp.CHECKED_FROM :]).to_bytes(4, "little")
    return bytes(content)


def test_every_damaged_byte_is_noticed() -> None:
    content = compiled(gather())
    for at in range(len(content)):
        with pytest.raises(ProgramError):
            Program(content[:at])
        with pytest.raises(ProgramError):
            Program(content[:at] + bytes([content[at] ^ 1 << at % 8]) + content[at + 1 :])
    with pytest.raises(ProgramError, match="another size"):
        Program(content + b"\0")


@pytest.mark.parametrize("name", MODELS)
def test_damage_behind_a_right_checksum_breaks_nothing(name: str, fuzzer: Path, tmp_path: Path) -> None:
    """Under the address and undefined-behavior sanitizers, which would end it with an error."""
    (tmp_path / "model.tlp").write_bytes(compiled(MODELS[name]()))
    environment = {"ASAN_OPTIONS": "allocator_may_return_null=1:max_allocation_size_mb=16"}
    done = subprocess.run(
        [fuzzer, tmp_path / "model.tlp", "3000", "1"], capture_output=True, text=True, check=False, env=environment, timeout=100
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert 0 < int(done.stdout) < 3000


@pytest.fixture(scope="module")
def fuzzer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """fuzz_program.c with the runtime, instrumented, and the library's kernels."""
    compiler = shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("the sanitizers come with gcc and clang, and neither is on PATH")
    program = tmp_path_factory.mktemp("fuzz") / "fuzz"
    sources = [Path(__file__).parent / "fuzz_program.c", *(p for p in NATIVE.glob("*.c") if p.stem not in ("tier", "tiers"))]
    options = "-std=c11 -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all".split()
    library = native.LIBRARY.parent
    includes = f"-I{NATIVE / 'include'}", f"-I{NATIVE}"
    subprocess.run(
        [compiler, *options, *includes, *sources, "-o", program, native.LIBRARY, f"-Wl,-rpath,{library}", "-lpthread"], check=True
    )
    return program
