"""Damaged files, one test per kind of fault: each is refused, with a message that says what was found and what was needed."""

import struct
from dataclasses import fields, is_dataclass, replace

import numpy as np
import pytest

from tachylite import Builder
from tachylite.model import codec, tables
from tachylite.model.errors import FileError
from tachylite.model.flatbuffer import Writer
from tachylite.model.graph import Blockwise, External, Graph, Model, Quantization, Sparsity, Tensor
from tachylite.model.reader import IDENTIFIER
from tachylite.model.writer import ModelWriter
from tests.model.models import convolution


def changed(record, path, value):
    """A copy of a record in which the value at `path` (field names and positions) is another, or a function of the one that is there."""
    if not path:
        return value(record) if callable(value) else value
    step, *rest = path
    if is_dataclass(record):
        return replace(record, **{step: changed(getattr(record, step), rest, value)})
    return (*record[:step], changed(record[step], rest, value), *record[step + 1 :])


def file_with(path, value, model=None):
    """The bytes of a model, one value of which is wrong."""
    record = ModelWriter(model or convolution(), lambda op: op.version).record
    steps = [int(step) if step.isdigit() else step for step in path.split(".")]
    return bytes(Writer().root(changed(record, steps, value), IDENTIFIER))


def record(table, **values):
    return tables.record_class(table)(**values)


def quantized():
    return convolution(np.int8)


def loop():
    """WHILE with two graphs."""
    cond, body = Builder(Graph("cond")), Builder(Graph("body"))
    cond.outputs(cond.LESS(cond.input("i", (), np.int32), cond.constant(5)))
    body.outputs(body.ADD(body.input("i", (), np.int32), body.constant(1)))
    build = Builder()
    build.outputs(build.WHILE(build.input("i", (), np.int32), subgraphs=[cond.graph, body.graph], out=Tensor("o", (), np.dtype(np.int32))))
    return Model.of(build.graph)


def strings(*values):
    build = Builder()
    build.outputs(build.constant(np.array(values, object)))
    return Model([build.graph])


def sparse():
    """A 2 x 3 matrix with its rows compressed."""
    levels = (2, (np.array([0, 1, 2], np.int32), np.array([1, 2], np.int32)))
    tensor = Tensor("w", (2, 3), np.dtype(np.float32), data=np.ones(2, np.float32), sparsity=Sparsity((0, 1), (), levels))
    return Model([Graph(tensors=[tensor], outputs=[tensor])])


def blockwise():
    scales = Tensor("s", (2,), np.dtype(np.float32), data=np.ones(2, np.float32))
    quantization = Quantization(np.zeros(0, np.float32), np.zeros(0, np.int64), 1, details=Blockwise(scales, None, 2))
    weights = Tensor("w", (2, 2), np.dtype(np.int8), quantization, np.ones((2, 2), np.int8))
    return Model([Graph(tensors=[weights, scales], outputs=[weights])])


GRAPH = "subgraphs.0"
OP = GRAPH + ".operators.0"
WEIGHTS = GRAPH + ".tensors.1"
SCALES = WEIGHTS + ".quantization"
LEVEL = GRAPH + ".tensors.0.sparsity"

FAULTS = {
    "schema version": ("version", 2, None, "schema version 2, needed 3"),
    "no graph": ("subgraphs", (), None, "no subgraph"),
    "input of a graph": (GRAPH + ".inputs.0", 99, None, r"subgraph 0, inputs: tensor 99 is out of range, the subgraph has 5"),
    "input of a graph, omitted": (GRAPH + ".inputs.0", -1, None, "tensor -1 is out of range"),
    "output of a graph": (GRAPH + ".outputs.0", 5, None, "outputs: tensor 5 is out of range"),
    "operator code": (OP + ".opcode_index", 9, None, "operator code 9 is out of range, the file has 2"),
    "input of an operator": (OP + ".inputs.1", 5, None, r"CONV_2D operator 0 \(subgraph 0\), inputs: tensor 5 is out of range"),
    "input of an operator, below": (OP + ".inputs.1", -2, None, "tensor -2 is out of range"),
    "output of an operator": (OP + ".outputs.0", -1, None, "outputs: tensor -1 is out of range"),
    "intermediate": (OP + ".intermediates", (7,), None, "intermediates: tensor 7 is out of range"),
    "reading what comes later": (OP + ".inputs.0", 4, None, r"CONV_2D #0 'features' \(subgraph 0\) reads 'scores'"),
    "reading its own output": (OP + ".inputs.0", 3, None, "reads 'features', which is no input"),
    "writing a constant": (OP + ".outputs.0", 1, None, "writes 'filter', which already has a value"),
    "writing an input": (OP + ".outputs.0", 0, None, "writes 'image', which already has a value"),
    "writing twice": (GRAPH + ".operators.1.outputs.0", 3, None, "writes 'features', which already has a value"),
    "output that nobody computes": (GRAPH + ".operators", (), None, "output 'scores' .* is computed by no operator"),
    "custom without name": ("operator_codes.0.builtin_code", "CUSTOM", None, "custom operator without a name"),
    "negative dimension": (GRAPH + ".tensors.0.shape.1", -5, None, r"\[1, -5, 6, 3\] has a negative dimension"),
    "huge dimensions": (GRAPH + ".tensors.0.shape", (2**31 - 1,) * 4, None, "larger than any memory"),
    "many dimensions": (GRAPH + ".tensors.0.shape", (1,) * 40, None, "has 40 dimensions"),
    "shape signature, rank": (GRAPH + ".tensors.0.shape_signature", (-1,), None, "contradicts its shape"),
    "shape signature, size": (GRAPH + ".tensors.0.shape_signature", (1, 5, 7, 3), None, "contradicts its shape"),
    "buffer": (WEIGHTS + ".buffer", 9, None, r"tensor 1 'filter' \(subgraph 0\): buffer 9 is out of range, the file has"),
    "buffer too short": (WEIGHTS + ".shape", (4, 3, 3, 4), None, r"has 432 bytes, float32\[4, 3, 3, 4\] needs 576"),
    "data past the end": ("buffers.1", record("Buffer", offset=64, size=10**9), None, "its data end at byte 1000000064"),
    "constant variable": (WEIGHTS + ".is_variable", True, None, "is a variable, which is zero at first"),
    "constant resource": (WEIGHTS + ".type", "RESOURCE", None, "is a handle, which can hold no data"),
    "external and internal": (WEIGHTS + ".external_buffer", 3, None, "only one of both"),
    "external, unknown": (GRAPH + ".tensors.0.external_buffer", 3, None, "external buffer 3 is not described"),
    "metadata": ("metadata.0.buffer", 9, None, "metadata 'min_runtime_version': buffer 9 is out of range"),
    "signature, graph": ("signature_defs.0.subgraph_index", 2, None, "signature 0 'serving_default': subgraph 2 is out of range"),
    "signature, input": ("signature_defs.0.inputs.0.tensor_index", 9, None, "inputs: tensor 9 is out of range"),
    "signature, output": ("signature_defs.0.outputs.0.tensor_index", 9, None, "outputs: tensor 9 is out of range"),
    "signature, no key": ("signature_defs.0.signature_key", "", None, "has no key"),
    "signature, same key": ("signature_defs", lambda s: s + s, None, "the key of another"),
    "signature, same name": ("signature_defs.0.inputs", lambda s: s + s, None, "two inputs have the same name"),
    "scale zero": (SCALES + ".scale", np.array([1, 0, 1, 1], np.float32), quantized, "scales reach from 0.0 to 1.0.*must be positive"),
    "scale negative": (SCALES + ".scale", np.array([1, -1, 1, 1], np.float32), quantized, "scales reach from -1.0"),
    "scale infinite": (SCALES + ".scale", np.array([1, np.inf, 1, 1], np.float32), quantized, "to inf.*finite"),
    "scale not a number": (SCALES + ".scale", np.array([1, np.nan, 1, 1], np.float32), quantized, "scales reach from nan"),
    "scale, how many": (SCALES + ".scale", np.ones(3, np.float32), quantized, "has 3 scales and 4 zero points"),
    "scale, along what": (SCALES + ".quantized_dimension", 1, quantized, r"has 4 scales along axis 1 of \[4, 3, 3, 3\]"),
    "axis": (SCALES + ".quantized_dimension", 4, quantized, "4 scales along axis 4"),
    "axis, negative": (SCALES + ".quantized_dimension", -1, quantized, "4 scales along axis -1"),
    "zero point": (SCALES + ".zero_point", np.array([0, 128, 0, 0]), quantized, "reach from 0 to 128; int8 holds -128 to 127"),
    "zero points, how many": (SCALES + ".zero_point", np.zeros(2, np.int64), quantized, "has 4 scales and 2 zero points"),
    "block scales": (GRAPH + ".tensors.0.quantization.details.scales", 7, blockwise, "scales: tensor 7 is out of range"),
    "block zero points": (GRAPH + ".tensors.0.quantization.details.zero_points", 7, blockwise, "zero points: tensor 7 is out of range"),
    "block size": (GRAPH + ".tensors.0.quantization.details.block_size", -1, blockwise, "blocks of -1"),
    "block axis": (GRAPH + ".tensors.0.quantization.quantized_dimension", 2, blockwise, "along the axes"),
    "subgraph": (OP + ".builtin_options.body_subgraph_index", 3, loop, "WHILE operator 0 .*: subgraph 3 is out of range, the file has 3"),
    "subgraph, negative": (OP + ".builtin_options.cond_subgraph_index", -1, loop, "subgraph -1 is out of range"),
    "a graph that calls itself": (OP + ".builtin_options.body_subgraph_index", 0, loop, r"in a circle \(0 -> 0\)"),
    "sparse, order": (LEVEL + ".traversal_order", (0, 0), sparse, r"traversal order \[0, 0\] must order its 2 dimensions"),
    "sparse, order too long": (LEVEL + ".traversal_order", (0, 1, 2), sparse, "traversal order"),
    "sparse, blocks": (LEVEL + ".block_map", (5,), sparse, "traversal order"),
    "sparse, levels": (LEVEL + ".dim_metadata", lambda d: d[:1], sparse, "describes 1 dimensions|needs"),
    "sparse, dense size": (LEVEL + ".dim_metadata.0.dense_size", 3, sparse, "has 3 entries, the shape .* needs 2"),
    "sparse, no indices": (LEVEL + ".dim_metadata.1.array_indices", None, sparse, "has no segments or no indices"),
    "sparse, index": (LEVEL + ".dim_metadata.1.array_indices.values", np.array([1, 3], np.int32), sparse, r"\(1 to 3\) must lie in 0 to 2"),
    "sparse, index below": (LEVEL + ".dim_metadata.1.array_indices.values", np.array([-1, 2], np.int32), sparse, r"\(-1 to 2\)"),
    "sparse, segments": (
        LEVEL + ".dim_metadata.1.array_segments.values",
        np.array([0, 3, 2], np.int32),
        sparse,
        "must split its 2 indices",
    ),
    "sparse, segments short": (LEVEL + ".dim_metadata.1.array_segments.values", np.array([0, 2], np.int32), sparse, "into 2 parts"),
    "sparse, huge": (GRAPH + ".tensors.0.shape", (2, 2**30), sparse, "would exceed 2 GB"),
    "sparse, too few values": ("buffers.1.data", bytes(4), sparse, "its buffer has 4 bytes"),
    "strings, count": ("buffers.1.data", lambda b: struct.pack("<i", 9) + bytes(b)[4:], lambda: strings(b"a", b"b"), "holds 9 strings"),
    "strings, negative": ("buffers.1.data", lambda b: struct.pack("<i", -1) + bytes(b)[4:], lambda: strings(b"a"), "holds -1 strings"),
    "strings, fewer": ("buffers.1.data", struct.pack("<3i", 1, 12, 12), lambda: strings(b"a", b"b"), r"holds 1 strings, \[2\] needs 2"),
    "strings, offsets": (
        "buffers.1.data",
        struct.pack("<4i", 2, 16, 99, 16),
        lambda: strings(b"a", b"b"),
        "string 0 lies at bytes 16 to 99",
    ),
    "strings, falling": ("buffers.1.data", struct.pack("<4iq", 2, 20, 16, 20, 0), lambda: strings(b"a", b"b"), "string 0 lies"),
    "strings, inside the table": ("buffers.1.data", struct.pack("<4i", 2, 0, 16, 16), lambda: strings(b"a", b"b"), "string 0 lies"),
    "strings, no count": ("buffers.1.data", b"abc", lambda: strings(b"a"), "strings need at least 4"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_wrong_value_is_refused(fault):
    path, value, model, message = FAULTS[fault]
    content = file_with(path, value, model() if model else None)
    with pytest.raises(FileError, match=message):
        codec.read(content)


def test_the_files_that_are_damaged_are_sound_otherwise():
    for model in (convolution, quantized, loop, sparse, blockwise, lambda: strings(b"a", b"")):
        assert codec.read(file_with("description", "sound", model())).description == "sound"


def test_a_longer_buffer_than_needed_is_accepted():
    content = file_with("buffers.1.data", lambda data: bytes(data) + bytes(16))
    assert codec.read(content).graph.tensors[1].data.nbytes == 432


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        (OP + ".builtin_options.padding", "Padding"),
        (WEIGHTS + ".type", "TensorType"),
        ("operator_codes.0.builtin_code", "BuiltinOperator"),
    ],
)
def test_an_enum_beyond_its_end_is_refused(path, kind, monkeypatch):
    scalar, members = tables.ENUMS[kind]
    monkeypatch.setitem(tables.ENUMS, kind, (scalar, (*members, "NEWER")))
    tables.enum_values.cache_clear()
    content = file_with(path, "NEWER")
    monkeypatch.undo()
    tables.enum_values.cache_clear()
    with pytest.raises(FileError, match=f"is {len(members)}, but {kind} ends at {len(members) - 1}"):
        codec.read(content)


def test_an_unknown_options_table_is_refused(monkeypatch):
    members = tables.UNIONS["BuiltinOptions"]
    monkeypatch.setitem(tables.UNIONS, "BuiltinOptions", (*members, "NewerOptions"))
    monkeypatch.setitem(tables.TABLES, "NewerOptions", "")
    content = file_with(OP + ".builtin_options", record("NewerOptions"))
    monkeypatch.undo()
    with pytest.raises(FileError, match=f"the type of Operator.builtin_options is {len(members) + 1}"):
        codec.read(content)


def test_fields_of_a_newer_schema_are_ignored(monkeypatch):
    monkeypatch.setitem(tables.TABLES, "SubGraph", tables.TABLES["SubGraph"] + " newer:int")
    for cached in (tables.fields, tables.record_class):
        cached.cache_clear()
    content = file_with("subgraphs.0.newer", 7)
    monkeypatch.undo()
    for cached in (tables.fields, tables.record_class):
        cached.cache_clear()
    assert codec.read(content).graph.operators


def test_every_truncation_is_refused():
    content = convolution().to_bytes()
    for length in range(len(content) - 1):  # the last byte ends a string, and is not counted in it
        with pytest.raises(FileError):
            codec.read(content[:length])


@pytest.mark.parametrize("content", [b"", b"\0" * 7, b"\0" * 8, b"PK\x03\x04" + bytes(60), b"\x1c\0\0\0TFL2" + bytes(60)])
def test_other_files_are_refused(content):
    with pytest.raises(FileError, match=r"header|identifier"):
        codec.read(content)


def flatbuffer(*words):
    """A file of 32-bit words after the identifier."""
    return struct.pack("<I", words[0]) + IDENTIFIER + struct.pack(f"<{len(words) - 1}i", *words[1:])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (flatbuffer(0xFFFFFFF0, 0), "Model should be at byte 4294967280, outside the file"),
        (flatbuffer(8, 100, 0), "the layout of Model should be at byte -92"),
        (flatbuffer(8, -100, 0), "the layout of Model should be at byte 108"),
        (flatbuffer(8, 0, 0), "which cannot be"),
        (flatbuffer(12, 0x00040003, 4), "which cannot be"),
        (flatbuffer(12, 0x7FFF0004, 4), "which cannot be"),
        (flatbuffer(16, 0x00080006, 0x00000007, 8, 3), "Model.version lies at byte 7 of a table of 8"),
        (flatbuffer(16, 0x00080006, 0x00000002, 8, 3), "Model.version lies at byte 2"),
    ],
)
def test_layouts_that_cannot_be(content, message):
    with pytest.raises(FileError, match=message):
        codec.read(content)


def test_tables_that_share_and_overlap_do_not_multiply():
    """A vector of subgraphs that are all the same one, which holds a vector of operators that are all the same one, and so on."""
    count = 20_000
    # Layouts first (a table with one field, in slot `slot`), then each table and vector, so that all offsets lead forward.
    words = {"model": 0, "graphs": 0, "graph": 0, "operators": 0}
    content = bytearray(8) + struct.pack("<2H3H", 10, 8, 0, 0, 4) + bytes(2) + struct.pack("<2H4H", 12, 8, 0, 0, 0, 4)
    content[4:8] = IDENTIFIER
    model_layout, graph_layout = 8, 20

    def here():
        return len(content)

    words["model"] = here()
    content += struct.pack("<iI", here() - model_layout, 4)
    words["graphs"] = here()
    content += struct.pack("<I", count)
    graph_at = here() + 4 * count
    content += b"".join(struct.pack("<I", graph_at - (here() + 4 * i)) for i in range(count))
    content += struct.pack("<iI", graph_at - graph_layout, 4)
    operators_at = here()
    operator_at = operators_at + 4 + 4 * count
    content += struct.pack("<I", count) + b"".join(struct.pack("<I", operator_at - (operators_at + 4 + 4 * i)) for i in range(count))
    content += struct.pack("<i", operator_at - graph_layout) + bytes(8)
    content[0:4] = struct.pack("<I", words["model"])
    with pytest.raises(FileError, match="overlap"):
        codec.read(content)


def test_a_deep_chain_of_calls_is_refused():
    graphs = [Builder(Graph("g0"))]
    graphs[0].outputs(graphs[0].RELU(graphs[0].input("x", (2,))))
    for i in range(1, 100):
        build = Builder(Graph(f"g{i}"))
        out = Tensor("y", (2,), np.dtype(np.float32))
        build.outputs(build.STABLEHLO_COMPOSITE(build.input("x", (2,)), subgraphs=[graphs[-1].graph], out=out))
        graphs.append(build)
    with pytest.raises(FileError, match="100 deep"):
        Model([b.graph for b in reversed(graphs)]).verify()


def replace_weights(model, **values):
    vars(model.graph.tensors[1]).update(values)


def write_to_variable_input(model):
    model.graph.inputs[0].is_variable = True
    model.graph.operators[1].outputs[0] = model.graph.inputs[0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: replace_weights(m, data=None, external=External(1, "weights.bin", 0, 432)), "'weights.bin' is not loaded"),
        (lambda m: m.graphs.clear(), "holds no graph"),
        (lambda m: m.graphs.append(m.graph), "lists a graph twice"),
        (lambda m: m.graph.tensors.append(m.graph.tensors[0]), "lists a tensor twice"),
        (lambda m: m.graph.tensors.pop(0), "is not a tensor of the graph"),
        (lambda m: m.graph.operators[0].subgraphs.append(Graph("lost")), "calls the graph 'lost', which is not in Model.graphs"),
        (lambda m: setattr(m.signatures[0], "graph", Graph("lost")), "enters the graph 'lost'"),
        (lambda m: write_to_variable_input(m), "RELU #1 'image' .* writes 'image', which already has a value"),
        (lambda m: replace_weights(m, data=np.zeros((4, 3, 3, 3))), "is float32, its data are float64"),
        (lambda m: replace_weights(m, data=np.zeros(108, np.float32)), r"\[4, 3, 3, 3\], its data \[108\]"),
    ],
)
def test_edits_that_leave_a_model_unsound(change, message):
    model = convolution()
    change(model)
    with pytest.raises(FileError, match=message):
        model.to_bytes()


def test_positions_of_subgraphs_are_checked():
    model = loop()
    model.graph.operators[0].subgraphs.pop()
    with pytest.raises(FileError, match=r"body_subgraph_index is 1, a position in Operator\.subgraphs, which has 1"):
        model.to_bytes()


def test_a_graph_verifies_itself():
    model = convolution()
    model.graph.verify()
    model.graph.operators.reverse()
    with pytest.raises(FileError, match="RELU #0 'scores'"):
        model.graph.verify()


def test_the_file_is_named(tmp_path):
    (tmp_path / "broken.tflite").write_bytes(b"nothing of the kind")
    with pytest.raises(FileError, match=r"broken\.tflite: bytes 4 to 7"):
        codec.read_file(tmp_path / "broken.tflite")
    (tmp_path / "empty.tflite").touch()
    with pytest.raises(FileError, match="0 bytes"):
        codec.read_file(tmp_path / "empty.tflite")


def test_every_options_table_has_its_own_record():
    for union in ("BuiltinOptions", "BuiltinOptions2"):
        for table in tables.UNIONS[union]:
            assert [f.name for f in fields(tables.options_class(table))] == [f.name for f in tables.fields(table) if not f.deprecated]
