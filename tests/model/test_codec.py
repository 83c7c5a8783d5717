"""Reading and writing `.tflite` files: nothing is lost, nothing is copied, and others read what is written."""

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as google
from hypothesis import HealthCheck, given, settings

from tachylite import Builder, Interpreter, TachyliteError
from tachylite.model import codec
from tachylite.model.errors import FileError, UnsupportedError
from tachylite.model.graph import External, Graph, Model, Operator, Quantization, Sparsity, Tensor
from tachylite.model.writer import encode
from tests.model.models import assert_same, convolution, models

relaxed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def any_version(op):
    """A rule for operators that make no sense."""
    return op.version


def schema(content: bytes):
    """The file as Google's own reader sees it."""
    return google.ModelT.InitFromObj(google.Model.GetRootAs(content))


def litert(content: bytes, *inputs: np.ndarray) -> list[np.ndarray]:
    from ai_edge_litert.interpreter import Interpreter as LiteRT

    interpreter = LiteRT(model_content=content)
    interpreter.allocate_tensors()
    for detail, value in zip(interpreter.get_input_details(), inputs, strict=True):
        interpreter.set_tensor(detail["index"], value)
    interpreter.invoke()
    return [interpreter.get_tensor(d["index"]) for d in interpreter.get_output_details()]


@given(models())
@relaxed
def test_what_is_written_reads_back(model):
    assert_same(codec.read(codec.write(model, any_version)), model)


@given(models())
@relaxed
def test_writing_is_deterministic(model):
    content = codec.write(model, any_version)
    assert codec.write(model, any_version) == content
    assert codec.write(codec.read(content), any_version) == content


@given(models())
@relaxed
def test_data_behind_the_flatbuffer_read_back(model):
    assert_same(codec.read(b"".join(encode(model, any_version, inline_limit=0))), model)


@given(models())
@relaxed
def test_google_reads_what_is_written(model):
    other = schema(codec.write(model, any_version))
    assert other.version == 3
    assert (other.description or b"").decode() == model.description
    for subgraph, graph in zip(other.subgraphs, model.graphs, strict=True):
        for theirs, ours in zip(subgraph.tensors, graph.tensors, strict=True):
            assert (theirs.name or b"").decode() == ours.name
            assert tuple(theirs.shape if theirs.shape is not None else ()) == ours.shape
        position = {id(t): i for i, t in enumerate(graph.tensors)}
        for theirs, ours in zip(subgraph.operators, graph.operators, strict=True):
            assert list(theirs.outputs if theirs.outputs is not None else ()) == [position[id(t)] for t in ours.outputs]


@pytest.mark.parametrize("dtype", [np.float32, np.int8])
def test_litert_runs_what_is_written(dtype):
    model = convolution(dtype)
    x = np.random.default_rng(1).integers(-100, 100, (1, 5, 6, 3)).astype(dtype)
    content = model.to_bytes()
    interpreter = Interpreter(model_content=content)
    interpreter.allocate_tensors()
    interpreter.set_tensor(0, x)
    interpreter.invoke()
    np.testing.assert_allclose(litert(content, x)[0], interpreter.get_tensor(interpreter.get_output_details()[0]["index"]), atol=1 + 1e-3)


def test_litert_finds_data_behind_the_flatbuffer():
    model = convolution()
    x = np.ones((1, 5, 6, 3), np.float32)
    split = b"".join(encode(model, codec.version_rule, inline_limit=0))
    assert split != model.to_bytes()
    np.testing.assert_array_equal(litert(split, x)[0], litert(model.to_bytes(), x)[0])


def test_the_writer_chooses_where_data_go():
    build = Builder()
    graph = build.outputs(build.ADD(build.input("x", (64,)), build.constant(np.arange(64, dtype=np.float32))))
    inline, behind = (encode(Model([graph]), lambda op: 1, limit) for limit in (256, 255))
    assert len(inline) == 1
    assert [len(piece) for piece in behind[2:]] == [256]


def test_constants_are_views_of_the_file():
    content = convolution().to_bytes()
    data = codec.read(content).graph.tensors[1].data
    assert np.shares_memory(data, np.frombuffer(content, np.uint8))
    assert not data.flags.writeable
    assert data.__array_interface__["data"][0] - np.frombuffer(content, np.uint8).__array_interface__["data"][0] > 0


def test_a_writable_source_gives_constants_that_are_not():
    data = codec.read(bytearray(convolution().to_bytes())).graph.tensors[1].data
    assert not data.flags.writeable


def test_misaligned_data_are_copied():
    content = convolution().to_bytes()
    for shift in range(4):
        moved = np.frombuffer(bytes(shift) + content, np.uint8)[shift:]
        data = codec.read(moved.data).graph.tensors[1].data
        assert data.flags.aligned
        assert data.tobytes() == convolution().graph.tensors[1].data.tobytes()


def test_buffers_are_aligned_and_shared():
    build = Builder()
    x = build.input("x", (8,))
    one = build.constant(np.arange(8, dtype=np.float32))
    twin = build.constant(np.arange(8, dtype=np.int32).astype(np.float32))
    other = build.constant(np.ones(8, np.float32))
    content = Model([build.outputs(build.ADD(build.ADD(x, one), build.ADD(twin, other)))]).to_bytes()
    buffers = [t.buffer for t in schema(content).subgraphs[0].tensors]
    assert buffers[1] == buffers[2] != buffers[3]
    for values in (one.data, other.data):
        assert content.index(values.tobytes()) % 16 == 0


def test_the_first_buffer_is_empty():
    assert schema(convolution().to_bytes()).buffers[0].data is None


def test_operator_codes_beyond_the_old_field():
    build = Builder()
    x = build.input("x", (2,))
    codes = schema(Model([build.outputs(build.GELU(build.RELU(x)))]).to_bytes()).operatorCodes
    assert [(c.deprecatedBuiltinCode, c.builtinCode) for c in codes] == [(19, 19), (127, 150)]


def test_operator_codes_from_before_the_new_field():
    content = bytearray(convolution().to_bytes())
    model = google.Model.GetRootAs(content)
    code = model.OperatorCodes(0)
    at = code._tab.Pos + code._tab.Offset(10)
    assert content[at] == google.BuiltinOperator.CONV_2D
    content[at] = 0
    assert codec.read(content).graph.operators[0].op == "CONV_2D"


def test_versions_are_the_lowest_that_serve():
    model = convolution()
    custom = Operator("Mine", [model.graph.outputs[0]], [Tensor("mine", (1,), np.dtype(np.float32))], is_custom=True, version=7)
    model.graph.append(custom)
    model.graph.operators[0].version = 5
    read = codec.read(model.to_bytes())
    assert [op.version for op in read.operators()] == [1, 1, 7]
    assert codec.read(codec.write(read, lambda op: 4)).graph.operators[2].version == 4


def test_an_operator_without_its_operands_has_no_version():
    model = convolution()
    model.graph.operators[0].inputs = []
    with pytest.raises(TachyliteError, match="CONV_2D 'features': its version cannot be told"):
        model.to_bytes()


@pytest.mark.parametrize("name", ["INT4", "UINT4", "INT2"])
@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 5])
def test_packed_types(name, size):
    from tachylite.model.dtypes import DTYPES, PACKED_BITS, limits
    from tachylite.model.storage import pack, unpack

    low, high = limits(DTYPES[name])
    values = np.resize(np.arange(low, high + 1), size).astype(np.int8).astype(DTYPES[name])
    packed = pack(values)
    assert len(packed) == -(-size * PACKED_BITS[DTYPES[name]] // 8)
    assert unpack(packed, DTYPES[name])[:size].tolist() == values.tolist()


def test_int4_has_its_first_element_in_the_low_bits():
    import ml_dtypes

    from tachylite.model.storage import pack

    assert pack(np.array([1, -1, 7], ml_dtypes.int4)).tolist() == [0xF1, 0x07]


def test_sparse_constants_become_dense():
    # The schema's own example of blocks: a 4 x 4 matrix of 2 x 2 blocks, of which three are stored.
    dense = np.array([[1, 0, 2, 3], [0, 4, 0, 0], [0, 0, 5, 0], [0, 0, 0, 6]], np.float32)
    stored = np.array([1, 0, 0, 4, 2, 3, 0, 0, 5, 0, 0, 6], np.float32)
    levels = (2, (np.array([0, 2, 3], np.int32), np.array([0, 1, 1], np.int32)), 2, 2)
    tensor = Tensor("w", (4, 4), np.dtype(np.float32), data=stored, sparsity=Sparsity((0, 1, 2, 3), (0, 1), levels))
    np.testing.assert_array_equal(tensor.dense(), dense)
    assert not tensor.dense().flags.writeable


def test_sparse_constants_in_another_order():
    # Column by column, and both levels compressed.
    dense = np.array([[0, 1, 0], [0, 2, 3]], np.float32)
    columns = (np.array([0, 2], np.uint8), np.array([1, 2], np.uint8))
    rows = (np.array([0, 2, 3], np.uint16), np.array([0, 1, 1], np.uint16))
    tensor = Tensor("w", (2, 3), np.dtype(np.float32), data=np.array([1, 2, 3], np.float32), sparsity=Sparsity((1, 0), (), (columns, rows)))
    np.testing.assert_array_equal(tensor.dense(), dense)


def test_external_buffers(tmp_path):
    model = convolution()
    weights = model.graph.tensors[1]
    whole = model.to_bytes()
    (tmp_path / "weights.bin").write_bytes(b"head" + weights.data.tobytes())
    weights.external = External(5, "weights.bin", 4, weights.data.nbytes)
    codec.write_file(model, tmp_path / "model.tflite")
    assert weights.data.tobytes() in whole
    assert weights.data.tobytes() not in (tmp_path / "model.tflite").read_bytes()
    read = codec.read_file(tmp_path / "model.tflite")
    assert_same(read, model)
    content = (tmp_path / "model.tflite").read_bytes()
    assert_same(codec.read(content, folder=tmp_path), model)
    with pytest.raises(FileError, match=r"'filter' .*: its data are in 'weights.bin', beside the model"):
        codec.read(content)
    read.graph.tensors[1].external = None
    assert read.to_bytes() == whole


@pytest.mark.parametrize(
    ("external", "message"),
    [
        (External(1, "missing.bin", 0, 4), "put the file beside the model"),
        (External(1, "weights.bin", 4, 432), "was cut off"),
        (External(1, "../weights.bin", 0, 432), "own folder"),
        (External(1, "/etc/passwd", 0, 432), "own folder"),
    ],
)
def test_external_buffers_that_cannot_be_read(tmp_path, external, message):
    (tmp_path / "weights.bin").write_bytes(bytes(432))
    model = convolution()
    model.graph.tensors[1].external = external
    model.save(tmp_path / "model.tflite")
    with pytest.raises(FileError, match=message):
        codec.read_file(tmp_path / "model.tflite")


def test_external_buffers_packed_otherwise(tmp_path):
    model = convolution()
    model.graph.tensors[1].external = External(1, "weights.bin", 0, 432, packing="zip")
    model.save(tmp_path / "model.tflite")
    with pytest.raises(UnsupportedError, match="'zip'"):
        codec.read_file(tmp_path / "model.tflite")


def test_two_external_buffers_of_one_id():
    model = convolution()
    model.graph.tensors[1].external = External(1, "a.bin", 0, 432)
    model.graph.tensors[2].external = External(1, "b.bin", 0, 16)
    with pytest.raises(TachyliteError, match="id 1"):
        model.to_bytes()


def test_names_that_are_not_unicode_survive():
    content = convolution().to_bytes()
    assert content.count(b"features") == 1
    odd = content.replace(b"features", b"f\xe9atures")
    model = codec.read(odd)
    assert model.graph.operators[0].outputs[0].name.encode("utf-8", "surrogateescape") == b"f\xe9atures"
    assert codec.read(model.to_bytes()) == model


def test_equality_looks_all_the_way_down():
    assert convolution() == convolution()
    assert convolution() != "a model"
    changes = [
        lambda m: setattr(m, "description", "another"),
        lambda m: setattr(m.graph.tensors[0], "name", "x"),
        lambda m: setattr(m.graph.tensors[1], "data", -m.graph.tensors[1].data),
        lambda m: setattr(m.graph.tensors[1], "quantization", Quantization.per_tensor(0.5)),
        lambda m: setattr(m.graph.operators[0], "options", None),
        lambda m: setattr(m.graph.operators[1], "inputs", [m.graph.tensors[0]]),
        lambda m: m.metadata.update(note=b""),
        lambda m: m.graphs.append(Graph()),
        lambda m: m.signatures.clear(),
    ]
    for change in changes:
        model = convolution()
        change(model)
        assert model != convolution()


def test_a_value_that_the_schema_cannot_hold():
    model = convolution()
    model.graph.operators[0].options = type(model.graph.operators[0].options)(stride_w=2**40)
    with pytest.raises(TachyliteError, match="stride_w is 1099511627776; the schema needs a value of type int"):
        model.to_bytes()


def test_a_dtype_that_the_schema_lacks():
    model = convolution()
    model.graph.tensors[0].dtype = np.dtype("datetime64[s]")
    with pytest.raises(TachyliteError, match="'image' is datetime64"):
        model.to_bytes()


def test_equal_small_vectors_are_written_once():
    """Zero points of every channel are zeros: eight bytes each, as much as the weights of a small layer."""
    build = Builder()
    x, q = build.input("x", (1, 4)), Quantization(np.ones(512, np.float32), np.zeros(512, np.int64))
    layers = [build.constant(np.full((512, 4), i, np.int8), f"weights_{i}", q) for i in range(4)]
    for weights in layers:
        x = build.SLICE(build.FULLY_CONNECTED(x, weights, None), np.array([0, 0], np.int32), np.array([1, 4], np.int32))
    content = Model.of(build.outputs(x)).to_bytes()
    assert len(content) < 4 * 512 * 4 + 8 * 512 + 4 * 512 + 3000
    assert codec.read(content) == Model.of(build.graph)
