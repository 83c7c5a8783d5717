"""Reading Keras's files: old formats, options of `convert`, and files that are not what they should be."""

import io
import json
import sys
import types
import zipfile

import h5py
import numpy as np
import pytest

import tachylite
from tachylite import TachyliteError
from tachylite.model.errors import FileError, UnsupportedError
from tachylite.model.extras import MissingExtraError

from .harness import assert_answers, outputs
from .test_keras_layers import members

RANDOM = np.random.default_rng(3)


def rewritten(case: str, edit) -> bytes:
    """A fixture whose files went through `edit(files)`."""
    with zipfile.ZipFile(io.BytesIO(members()[f"{case}.keras"])) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    edit(files)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


def with_config(case: str, edit) -> bytes:
    """A fixture whose list of layers went through `edit(layers)`."""

    def change(files):
        config = json.loads(files["config.json"])
        edit(config["config"]["layers"])
        files["config.json"] = json.dumps(config)

    return rewritten(case, change)


# Files of Keras 2.


def old_file(config: dict, weights: dict, version: str = "2.4.0") -> bytes:
    """An .h5 as Keras 2 writes it. weights: lists of (name, array) by layer."""
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        file.attrs["keras_version"], file.attrs["backend"] = version, "tensorflow"
        file.attrs["model_config"] = json.dumps(config).encode()
        group = file.create_group("model_weights")
        for layer, named in weights.items():
            inner = group.create_group(layer)
            inner.attrs["weight_names"] = [f"{layer}/{name}:0".encode() for name, _ in named]
            for name, value in named:
                inner[f"{layer}/{name}:0"] = value
    return stream.getvalue()


def layer(class_name: str, name: str, *calls, **config) -> dict:
    return {"class_name": class_name, "name": name, "config": {"name": name, "trainable": True, **config}, "inbound_nodes": list(calls)}


def functional(layers: list, outputs: list) -> dict:
    inputs = [[part["name"], 0, 0] for part in layers if part["class_name"] == "InputLayer"]
    return {"class_name": "Functional", "config": {"name": "m", "layers": layers, "input_layers": inputs, "output_layers": outputs}}


def placeholder(*shape: int | None) -> dict:
    return layer("InputLayer", "x", batch_input_shape=[None, *shape], dtype="float32")


def normal(*shape: int) -> np.ndarray:
    return RANDOM.normal(size=shape).astype(np.float32)


def answers(content: bytes, *inputs: np.ndarray) -> list[np.ndarray]:
    return outputs(tachylite.Interpreter, tachylite.convert(content).to_bytes(), inputs)


def test_operators_of_python_and_tensorflow_in_keras_2():
    x = normal(2, 3, 4)
    calls = [
        layer("TFOpLambda", "mul", ["x", 0, 0, {"y": 2.0, "name": None}], function="math.multiply"),
        layer("TFOpLambda", "add", ["_CONSTANT_VALUE", -1, 1.5, {"y": ["mul", 0, 0], "name": None}], function="__operators__.add"),
        layer("TFOpLambda", "mean", ["add", 0, 0, {"axis": [-1], "keepdims": True}], function="math.reduce_mean"),
        layer("SlicingOpLambda", "cut", ["add", 0, 0, {"slice_spec": [{"start": None, "stop": None, "step": None}, 1]}],
              function="__operators__.getitem"),
        layer("TFOpLambda", "both", [["cut", 0, 0, {"axis": -1}], ["cut", 0, 0, {"axis": -1}]], function="concat"),
        layer("TensorFlowOpLayer", "half", [["mean", 0, 0, {}]], node_def='{"name": "half", "op": "Mul"}', constants={"1": 0.5}),
    ]  # fmt: skip
    found = answers(old_file(functional([placeholder(3, 4), *calls], [["both", 0, 0], ["half", 0, 0]]), {}), x)
    y = x * 2 + 1.5
    np.testing.assert_allclose(found[0], np.concatenate([y[:, 1], y[:, 1]], axis=-1), rtol=1e-6)
    np.testing.assert_allclose(found[1], y.mean(-1, keepdims=True) / 2, rtol=1e-5)


def test_nested_models_of_keras_2_find_their_weights_by_name():
    kernel, bias, gamma, beta, mean, variance = normal(4, 4), normal(4), normal(4), normal(4), normal(4), np.abs(normal(4)) + 1
    inner = functional(
        [
            layer("InputLayer", "inside", batch_input_shape=[None, 4]),
            layer("BatchNormalization", "norm", [["inside", 0, 0, {}]], axis=[1], epsilon=0.001),
            layer("Dense", "dense", [["norm", 0, 0, {}]], units=4, activation="linear", use_bias=True),
        ],
        [["dense", 0, 0]],
    )
    twice = {**inner, "name": "inner", "inbound_nodes": [[["x", 0, 0, {}]], [["inner", 1, 0, {}]]]}
    twice["config"] = {**inner["config"], "name": "inner"}
    trained = [("norm/gamma", gamma), ("norm/beta", beta), ("dense/kernel", kernel), ("dense/bias", bias)]
    moving = [("norm/moving_mean", mean), ("norm/moving_variance", variance)]
    x = normal(2, 4)
    (y,) = answers(old_file(functional([placeholder(4), twice], [["inner", 2, 0]]), {"inner": trained + moving}), x)

    def once(v):
        return ((v - mean) / np.sqrt(variance + 0.001) * gamma + beta) @ kernel + bias

    np.testing.assert_allclose(y, once(once(x)), rtol=1e-4, atol=1e-4)


def test_sequential_of_keras_2_and_its_hard_sigmoid():
    kernel, bias = normal(4, 3), normal(3)
    dense = {"class_name": "Dense", "config": {"name": "d", "units": 3, "activation": "hard_sigmoid", "batch_input_shape": [None, 4]}}
    x = normal(2, 4) * 3
    content = {"kernel": kernel, "bias": bias}.items()
    for config in ([dense], {"name": "s", "layers": [dense]}):
        (y,) = answers(old_file({"class_name": "Sequential", "config": config}, {"d": list(content)}), x)
        np.testing.assert_allclose(y, np.clip((x @ kernel + bias) / 5 + 0.5, 0, 1), rtol=1e-5, atol=1e-6)


def test_recurrent_layers_of_keras_2_take_their_states_in_the_list_of_inputs():
    kernel, recurrent, bias = normal(4, 3), normal(3, 3), normal(3)
    parts = [
        placeholder(5, 4),
        layer("InputLayer", "h", batch_input_shape=[None, 3]),
        layer("SimpleRNN", "rnn", [["x", 0, 0, {}], ["h", 0, 0, {}]], units=3, activation="tanh", use_bias=True),
    ]
    weights = [("simple_rnn_cell/kernel", kernel), ("simple_rnn_cell/recurrent_kernel", recurrent), ("simple_rnn_cell/bias", bias)]
    x, h = normal(2, 5, 4), normal(2, 3)
    (y,) = answers(old_file(functional(parts, [["rnn", 0, 0]]), {"rnn": weights}), x, h)
    for t in range(5):
        h = np.tanh(x[:, t] @ kernel + h @ recurrent + bias)
    np.testing.assert_allclose(y, h, rtol=1e-5, atol=1e-5)


def test_both_directions_of_keras_2_have_weights_of_their_own():
    cells = [(normal(4, 3), normal(3, 3), normal(3)) for _ in range(2)]
    inner = {"class_name": "SimpleRNN", "config": {"name": "rnn", "units": 3, "activation": "tanh", "return_sequences": True}}
    parts = [placeholder(5, 4), layer("Bidirectional", "both", [["x", 0, 0, {}]], layer=inner, merge_mode="concat")]
    names = "kernel", "recurrent_kernel", "bias"
    weights = [
        (f"{way}_rnn/{n}", w) for way, cell in zip(("forward", "backward"), cells, strict=True) for n, w in zip(names, cell, strict=True)
    ]
    x = normal(2, 5, 4)
    (y,) = answers(old_file(functional(parts, [["both", 0, 0]]), {"both": weights}), x)
    for order, cell, found in ((range(5), cells[0], y[..., :3]), (range(4, -1, -1), cells[1], y[..., 3:])):
        h = np.zeros((2, 3))
        for t in order:
            h = np.tanh(x[:, t] @ cell[0] + h @ cell[1] + cell[2])
            np.testing.assert_allclose(found[:, t], h, rtol=1e-5, atol=1e-5)


# What `convert` promises.


def test_names_lead_back_to_the_layers():
    model = tachylite.convert(members()["graphs/nested.keras"], optimize=False)
    names = [op.outputs[0].name for op in model.graph.operators]
    assert any(name.startswith("middle/inner/dense") for name in names)
    assert all(op.source in op.outputs[0].name for op in model.graph.operators)
    assert any(t.name.endswith("/kernel") for t in model.graph.tensors)


def test_signature_has_the_names_of_keras():
    signature = tachylite.convert(members()["graphs/named_structures.keras"]).signatures[0]
    assert (signature.key, set(signature.inputs), set(signature.outputs)) == ("serving_default", {"a", "b"}, {"y", "z"})


def test_unknown_dimensions_stay_open_or_are_fixed():
    content = members()["conv/conv2d_open.keras"]
    assert tachylite.convert(content).graph.inputs[0].shape_signature == (-1, -1, -1, 3)
    fixed = tachylite.convert(content, input_shapes={"x": (1, 9, None, 3)}).graph
    assert fixed.inputs[0].shape_signature == (1, 9, -1, 3)
    assert tachylite.convert(content, input_shapes=(2, 9, 8, 3)).graph.outputs[0].shape == (2, 4)


@pytest.mark.parametrize(
    ("shapes", "message"),
    [({"y": (1, 9, 9, 3)}, "names \\['y'\\]"), ((1, 9, 9, 4), "change unknown"), ((1, 9, 9), "change unknown")],
)
def test_shapes_that_do_not_fit_are_refused(shapes, message):
    with pytest.raises(TachyliteError, match=message):
        tachylite.convert(members()["conv/conv2d_open.keras"], input_shapes=shapes)


def test_a_fused_lstm_has_a_fixed_batch():
    graph = tachylite.convert(members()["recurrent/lstm_sequences.keras"]).graph
    assert [op.op for op in graph.operators] == ["UNIDIRECTIONAL_SEQUENCE_LSTM"]
    assert graph.inputs[0].shape_signature is None
    assert graph.inputs[0].shape == (1, 5, 4)


def test_a_stateful_layer_goes_on_where_it_stopped():
    def edit(layers):
        layers[0]["config"]["batch_shape"][0] = 2
        layers[1]["config"]["stateful"] = True

    def lengthen(layers):
        layers[0]["config"]["batch_shape"][1] = 10

    loaded = tachylite.load(tachylite.convert(with_config("recurrent/gru_sequences", edit)))
    whole = tachylite.load(tachylite.convert(members()["recurrent/gru_sequences.keras"]))
    x = normal(2, 10, 4)
    long = tachylite.load(
        tachylite.convert(with_config("recurrent/gru_sequences", lambda p: p[0]["config"]["batch_shape"].__setitem__(1, 10)))
    )
    first, second = loaded(x[:, :5]), loaded(x[:, 5:])
    np.testing.assert_allclose(np.concatenate([first, second], axis=1), long(x), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(first, whole(x[:, :5]), rtol=1e-5, atol=1e-6)


def test_layout_turns_the_pictures_of_a_model_with_channels_first():
    content = members()["conv/conv2d_channels_first.keras"]
    arrays = np.load(io.BytesIO(members()["conv/conv2d_channels_first.npz"]))
    model = tachylite.convert(content, layout="nhwc")
    assert [op.op for op in model.graph.operators] == ["CONV_2D"]
    assert_answers(model, [np.moveaxis(arrays["in_0"], 1, -1)], [np.moveaxis(arrays["out_0"], 1, -1)])
    with pytest.raises(TachyliteError, match="give 'nhwc'"):
        tachylite.convert(content, layout="nchw")


def test_a_live_model_is_saved_and_read(monkeypatch):
    class Live:
        def save(self, path):
            path.write_bytes(members()["core/dense.keras"])

    monkeypatch.setitem(sys.modules, "keras", types.SimpleNamespace(Model=Live))
    assert tachylite.convert(Live()).graph.operators[-1].op == "FULLY_CONNECTED"


# What is refused.


def test_all_unsupported_layers_are_listed():
    def edit(layers):
        layers[1]["class_name"] = "Lambda"
        layers[3].update(class_name="Dense", module="mine", registered_name="mine>Dense")

    with pytest.raises(UnsupportedError) as caught:
        tachylite.convert(with_config("core/dropouts", edit))
    message = str(caught.value)
    assert "2 of the model's layers" in message
    assert "(Lambda): holds Python code" in message
    assert "(Dense): is a class of your own" in message


def test_what_a_layer_cannot_do_is_listed_with_the_unknown_ones():
    def edit(layers):
        layers[1]["config"]["interpolation"] = "bicubic"

    with pytest.raises(UnsupportedError, match="interpolates 'bicubic'; take 'bilinear'"):
        tachylite.convert(with_config("reshaping/up_sampling2d", edit))


def test_weights_that_are_quantized_are_refused():
    def edit(layers):
        layers[1]["config"]["dtype"] = {"class_name": "QuantizedDTypePolicy", "config": {"mode": "int8"}}

    with pytest.raises(UnsupportedError, match=r"'dense' \(Dense\): is quantized \(int8\)"):
        tachylite.convert(with_config("core/dense", edit))


def test_signatures_that_are_not_there():
    with pytest.raises(TachyliteError, match="'serving_default' alone"):
        tachylite.convert(members()["core/dense.keras"], signatures=["train"])


def test_truncated_files_are_refused(tmp_path):
    content = members()["core/dense.keras"]
    for part in (content[:3], content[: len(content) // 2], content[:-10]):
        path = tmp_path / "model.keras"
        path.write_bytes(part)
        with pytest.raises(FileError, match=r"model\.keras: .*(truncated|damaged)"):
            tachylite.convert(path)
    old = old_file(functional([placeholder(4)], [["x", 0, 0]]), {})
    with pytest.raises(FileError, match="truncated or damaged"):
        tachylite.convert(old[: len(old) // 2])


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda files: files.pop("config.json"), "no config.json"),
        (lambda files: files.pop("model.weights.h5"), "no model.weights.h5"),
        (lambda files: files.update({"config.json": b"{"}), "is no JSON"),
        (lambda files: files.update({"config.json": b"[]"}), "describes no Keras model"),
        (lambda files: files.update({"metadata.json": b"{}"}), "no keras_version"),
        (lambda files: files.update({"model.weights.h5": b"\x89HDF\r\n\x1a\n" + bytes(90)}), "cannot be read"),
    ],
)
def test_archives_with_missing_or_damaged_parts_are_refused(edit, message):
    with pytest.raises(FileError, match=message):
        tachylite.convert(rewritten("core/dense", edit))


@pytest.mark.parametrize("key", ["inbound_nodes", "config"])
def test_configs_that_make_no_sense_are_refused(key):
    def edit(layers):
        layers[1][key] = [] if key == "inbound_nodes" else {"name": "dense", "activation": 3, "dtype": "float32"}

    with pytest.raises(TachyliteError, match=r"damaged|does not fit|cannot be converted"):
        tachylite.convert(with_config("core/dense", edit))


def test_weights_without_a_model_and_foreign_files_are_refused(tmp_path):
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        file["kernel"] = np.zeros(3)
    with pytest.raises(FileError, match="weights alone"):
        tachylite.convert(stream.getvalue())
    for content in (b"", b"GIF89a" + bytes(20)):
        with pytest.raises(FileError, match="none of the formats"):
            tachylite.convert(content)
    with pytest.raises(TachyliteError, match="a list is no model"):
        tachylite.convert([1])
    with pytest.raises(OSError, match="missing"):
        tachylite.convert(tmp_path / "missing.keras")


def test_a_missing_h5py_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(MissingExtraError, match=r"install tachylite\[keras\]"):
        tachylite.convert(members()["core/dense.keras"])
