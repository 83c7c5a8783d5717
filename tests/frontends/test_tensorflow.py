"""TensorFlow's graphs and SavedModels that `tools/make_tf_fixtures.py` made, with TensorFlow's answers; and what is wrong with files."""

import contextlib
import shutil
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter as Peer

import tachylite
from tachylite.model.errors import FileError, TachyliteError, UnsupportedError
from tests.frontends.wire import field

FIXTURES = Path(__file__).parent / "data"
GRAPHS = np.load(FIXTURES / "tf_graphs.npz")
CASES = sorted({key.partition("/")[0] for key in GRAPHS.files})


def numbered(case, kind):
    count = sum(key.startswith(f"{case}/{kind}_") for key in GRAPHS.files)
    return [GRAPHS[f"{case}/{kind}_{i}"] for i in range(count)]


def answers(interpreter, inputs, expected):
    """Outputs by name, once the inputs have their shapes."""
    details = {d["name"]: d for d in interpreter.get_input_details()}
    for name, x in inputs.items():
        if tuple(details[name]["shape"]) != x.shape:
            interpreter.resize_tensor_input(details[name]["index"], x.shape)
    interpreter.allocate_tensors()
    for name, x in inputs.items():
        interpreter.set_tensor(details[name]["index"], x)
    interpreter.invoke()
    return [interpreter.get_tensor(interpreter.get_output_details()[i]["index"]) for i in range(len(expected))]


@pytest.mark.parametrize("case", CASES)
def test_graph_gives_the_answers_of_tensorflow(case):
    inputs = {f"in_{i}": x for i, x in enumerate(numbered(case, "in"))}
    expected = numbered(case, "out")
    content = tachylite.convert(GRAPHS[f"{case}/graph"].tobytes()).to_bytes()
    for interpreter in (tachylite.Interpreter(model_content=content), Peer(model_content=content)):
        for found, golden in zip(answers(interpreter, inputs, expected), expected, strict=True):
            assert found.dtype == golden.dtype
            np.testing.assert_allclose(found, golden, rtol=1e-4, atol=1e-5)


# Graphs made by hand.


def node(name, op, inputs=(), **attributes):
    """A NodeDef; attributes are AttrValues."""
    parts = [field(1, name), field(2, op), *(field(3, text) for text in inputs)]
    parts += [field(5, field(1, key) + field(2, value)) for key, value in attributes.items()]
    return field(1, b"".join(parts))


FLOAT = field(6, 1)
PLACEHOLDER = node("x", "Placeholder", dtype=FLOAT, shape=field(7, field(2, field(1, 2))))


def test_everything_unsupported_is_listed_at_once():
    graph = PLACEHOLDER + node("a", "Betainc", ["x"]) + node("b", "Digamma", ["x"]) + node("c", "Add", ["a", "b"])
    with pytest.raises(UnsupportedError, match=r"(?s)2 of the graph's nodes.*'a' \(Betainc\).*'b' \(Digamma\)"):
        tachylite.convert(graph)


@pytest.mark.parametrize(
    ("graph", "reason"),
    [
        (PLACEHOLDER + node("y", "Relu", ["z"]) + node("w", "Add", ["x", "y"]), "there is no node 'z'"),
        (PLACEHOLDER + node("y", "Add", ["x", "w"]) + node("w", "Add", ["x", "y"]) + node("v", "Relu", ["w"]), "depends on its own output"),
        (PLACEHOLDER + node("y", "Relu", ["x:5"]), "has 1 outputs, another reads number 5"),
        (PLACEHOLDER + node("y", "Cast", ["x"]), "lacks the attribute 'DstT'"),
        (PLACEHOLDER + node("y", "PartitionedCall", ["x"], f=field(10, field(1, "lost"))), "function 'lost' is called but not in the file"),
        (PLACEHOLDER, "nothing is computed from a placeholder"),
        (PLACEHOLDER + node("y", "Softmax", ["x", "x"]), "does not fit"),
    ],
)
def test_damaged_graph_is_told(graph, reason):
    with pytest.raises(FileError, match=reason):
        tachylite.convert(graph)


def test_truncated_graph_is_told():
    graph = GRAPHS["conv_2d/graph"].tobytes()
    for size in range(1, len(graph), 97):
        with pytest.raises(TachyliteError):
            tachylite.convert(graph[:size])


def test_damaged_bytes_never_crash():
    """Whatever byte is flipped: a model, or an error of our own."""
    graph, random = bytearray(GRAPHS["running_sums/graph"].tobytes()), np.random.default_rng(0)
    for position in random.integers(0, len(graph), 150):
        damaged = bytearray(graph)
        damaged[position] ^= 1 << random.integers(0, 8)
        with contextlib.suppress(TachyliteError):
            tachylite.convert(bytes(damaged))


def test_input_shapes_are_the_callers():
    model = tachylite.convert(GRAPHS["dense/graph"].tobytes(), input_shapes={"in_0": (5, 6)})
    assert model.graph.inputs[0].shape == (5, 6)
    assert model.graph.inputs[0].shape_signature is None
    with pytest.raises(TachyliteError, match=r"has the shape \[-1, 6\] in the source"):
        tachylite.convert(GRAPHS["dense/graph"].tobytes(), input_shapes={"in_0": (5, 7)})


# SavedModels.


@pytest.fixture
def saved(tmp_path):
    return Path(shutil.copytree(FIXTURES / "saved_model", tmp_path / "saved_model"))


def test_signatures_keep_their_names(saved):
    model = tachylite.convert(saved)
    assert [s.key for s in model.signatures] == ["serving_default", "again", "lookup", "step"]
    first, again, lookup, step = model.signatures
    assert (list(first.inputs), list(first.outputs)) == (["x"], ["y"])
    assert (list(lookup.inputs), list(lookup.outputs)) == (["words"], ["numbers"])
    assert again.graph is first.graph
    assert step.graph is not first.graph
    assert first.inputs["x"].shape_signature == (-1, 3)
    assert [s.key for s in tachylite.convert(saved, signatures=["step"]).signatures] == ["step"]
    with pytest.raises(
        TachyliteError, match=r"has the signatures \['again', 'lookup', 'serving_default', 'step'\], asked for are \['other'\]"
    ):
        tachylite.convert(saved, signatures=["other"])


@pytest.mark.parametrize("make", [tachylite.Interpreter, Peer])
def test_saved_model_runs(saved, make):
    x = np.array([[1, -2, 3], [0, 1, 2]], np.float32)
    content = tachylite.convert(saved).to_bytes()
    dense = make(model_content=content).get_signature_runner("serving_default")
    np.testing.assert_allclose(dense(x=x)["y"], np.maximum(x @ np.load(FIXTURES / "saved_model" / "kernel.npy"), 0), rtol=1e-5)


@pytest.mark.parametrize("make", [tachylite.Interpreter, Peer])
def test_a_variable_that_is_assigned_keeps_its_value(saved, make):
    step = make(model_content=tachylite.convert(saved).to_bytes()).get_signature_runner("step")
    x = np.array([1, 2, 3], np.float32)
    assert [float(step(x=x)["count"]) for _ in range(3)] == [6, 12, 18]


@pytest.mark.parametrize("make", [tachylite.Interpreter, Peer])
def test_a_table_is_filled(saved, make):
    lookup = make(model_content=tachylite.convert(saved).to_bytes()).get_signature_runner("lookup")
    assert lookup(words=np.array([b"dog", b"cow", b"cat"], object))["numbers"].tolist() == [5, -1, 3]


def test_saved_model_of_tensorflow_1():
    folder = FIXTURES / "old_saved_model"
    golden = np.load(folder / "golden.npz")
    run = tachylite.Interpreter(model_content=tachylite.convert(folder).to_bytes()).get_signature_runner("serving_default")
    np.testing.assert_allclose(run(x=golden["x"])["y"], golden["y"], rtol=1e-5)


def test_a_wrong_checksum_is_told(saved):
    data = saved / "variables" / "variables.data-00000-of-00001"
    content = bytearray(data.read_bytes())
    content[5] ^= 1
    data.write_bytes(content)
    with pytest.raises(FileError, match=r"variable '.*kernel.*' has a wrong checksum; the file is corrupted"):
        tachylite.convert(saved)


def test_truncated_variables_are_told(saved):
    data = saved / "variables" / "variables.data-00000-of-00001"
    data.write_bytes(data.read_bytes()[:10])
    with pytest.raises(FileError, match="the file has 10; it is truncated"):
        tachylite.convert(saved)


def test_truncated_index_is_told(saved):
    index = saved / "variables" / "variables.index"
    index.write_bytes(index.read_bytes()[:-20])
    with pytest.raises(FileError, match=r"variables\.index: does not end as an index"):
        tachylite.convert(saved)


def test_missing_variables_are_told(saved):
    shutil.rmtree(saved / "variables")
    with pytest.raises(FileError, match="has no value in the file"):
        tachylite.convert(saved)


def test_truncated_saved_model_is_told(saved):
    file = saved / "saved_model.pb"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(FileError, match=r"saved_model\.pb: .*truncated or corrupted"):
        tachylite.convert(saved)


def test_a_folder_of_something_else_is_told(tmp_path):
    with pytest.raises(TachyliteError, match=r"a directory without saved_model\.pb"):
        tachylite.convert(tmp_path)
