"""Scripts for tf.lite with another import."""

import csv
import io

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter as Peer

from tachylite import Builder, compat
from tachylite.compat import experimental
from tachylite.model import codec
from tachylite.model.errors import TachyliteError, UnsupportedError
from tachylite.model.graph import Model, Signature
from tests.frontends.test_tensorflow import FLOAT, PLACEHOLDER, node
from tests.frontends.wire import field

RANDOM = np.random.default_rng(7)


def net() -> Model:
    """A small convolutional net with a signature."""
    build = Builder()
    x = build.input("image", (1, 8, 8, 3))
    filters = RANDOM.normal(size=(16, 3, 3, 3)).astype(np.float32)
    y = build.CONV_2D(
        x, filters, np.ones(16, np.float32), padding="SAME", stride_w=1, stride_h=1, fused_activation_function="RELU", name="a"
    )
    weights = RANDOM.normal(size=(10, 1024)).astype(np.float32)
    z = build.FULLY_CONNECTED(build.RESHAPE(y, np.array([1, 1024], np.int32)), weights, None, name="b")
    model = Model.of(build.outputs(z))
    model.signatures = [Signature("serve", model.graph, {"picture": x}, {"scores": z})]
    return model


def converter(model=None) -> compat.TFLiteConverter:
    """A converter of a net that is there already."""
    return compat.TFLiteConverter._of(lambda **options: model or net())


def samples(count=5):
    return [RANDOM.normal(size=(1, 8, 8, 3)).astype(np.float32) for _ in range(count)]


def dtypes(content):
    peer = Peer(model_content=content)
    peer.allocate_tensors()
    ends = peer.get_input_details()[0]["dtype"], peer.get_output_details()[0]["dtype"]
    return ends, {d["dtype"] for d in peer.get_tensor_details()}


def test_without_optimizations_nothing_is_quantized():
    assert dtypes(converter().convert()) == ((np.float32, np.float32), {np.float32, np.int32})


@pytest.mark.parametrize("optimization", [o for o in compat.Optimize if o is not compat.Optimize.EXPERIMENTAL_SPARSITY])
def test_optimizations_alone_quantize_the_weights(optimization):
    subject = converter()
    subject.optimizations = [optimization]
    ends, kinds = dtypes(subject.convert())
    assert ends == (np.float32, np.float32)
    assert np.int8 in kinds
    assert len(subject.convert()) < 0.4 * len(net().to_bytes())


def test_supported_types_make_weights_of_16_bits():
    subject = converter()
    subject.optimizations = [compat.Optimize.DEFAULT]
    subject.target_spec.supported_types = [np.float16]
    assert np.float16 in dtypes(subject.convert())[1]


@pytest.mark.parametrize("wrap", [lambda f: f, compat.RepresentativeDataset])
@pytest.mark.parametrize("form", [lambda x: [x], lambda x: {"picture": x}, lambda x: ("serve", {"picture": x})])
def test_representative_dataset_makes_integers_of_it(wrap, form):
    subject = converter()
    subject.optimizations = [compat.Optimize.DEFAULT]
    subject.representative_dataset = wrap(lambda: (form(x) for x in samples()))
    subject.target_spec.supported_ops = [compat.OpsSet.TFLITE_BUILTINS_INT8]
    subject.inference_input_type, subject.inference_output_type = np.uint8, np.int8
    ends, kinds = dtypes(subject.convert())
    assert ends == (np.uint8, np.int8)
    assert np.float32 not in kinds


def test_16_bits_activations():
    subject = converter()
    subject.optimizations = {compat.Optimize.DEFAULT}
    subject.representative_dataset = lambda: ([x] for x in samples())
    subject.target_spec.supported_ops = [compat.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8]
    subject.inference_input_type = subject.inference_output_type = np.int16
    assert dtypes(subject.convert())[0] == (np.int16, np.int16)


def test_calibrates_each_signature_on_its_own_samples():
    values = {"small": 1, "large": 100}
    model = Model([one_product() for _ in values])
    ends = [({"in": graph.inputs[0]}, {"out": graph.outputs[0]}) for graph in model.graphs]
    model.signatures = [Signature(key, graph, *names) for key, graph, names in zip(values, model.graphs, ends, strict=True)]
    subject = converter(model)
    subject.optimizations = [compat.Optimize.DEFAULT]
    subject.representative_dataset = lambda: ((key, {"in": np.full((1, 4), value, np.float32)}) for key, value in values.items())
    runner = compat.Interpreter(model_content=subject.convert()).get_signature_runner("large")
    np.testing.assert_allclose(runner(**{"in": np.full((1, 4), 90, np.float32)})["out"], 90, atol=1)


def one_product():
    build = Builder()
    return build.outputs(build.FULLY_CONNECTED(build.input("x", (1, 4)), np.eye(4, dtype=np.float32), None, name="y"))


def test_what_cannot_be_is_said():
    subject = converter()
    subject.inference_input_type = np.int8
    with pytest.raises(TachyliteError, match="activations stay float32; set optimizations"):
        subject.convert()
    subject.optimizations = [compat.Optimize.DEFAULT]
    subject.representative_dataset = lambda: iter(())
    with pytest.raises(TachyliteError, match="yields no samples"):
        subject.convert()
    subject.representative_dataset = lambda: [("other", {"picture": samples(1)[0]})]
    with pytest.raises(TachyliteError, match=r"samples for 'other'; the model's signatures are \['serve'\]"):
        subject.convert()
    subject.representative_dataset = samples()
    with pytest.raises(TachyliteError, match="give a function that yields samples"):
        subject.convert()
    with pytest.raises(TachyliteError, match="give one"):
        compat.TFLiteConverter.from_concrete_functions([None, None])


def test_operators_without_integers_are_refused_where_only_integers_will_do():
    build = Builder()
    y = build.FULLY_CONNECTED(build.input("x", (1, 4)), np.eye(4, dtype=np.float32), None)
    model = Model.of(build.outputs(build.CEIL(y, name="up")))
    subject = converter(model)
    subject.optimizations = [compat.Optimize.DEFAULT]
    subject.representative_dataset = lambda: [[np.ones((1, 4), np.float32)]]
    subject.target_spec.supported_ops = [compat.OpsSet.TFLITE_BUILTINS_INT8]
    with pytest.raises(UnsupportedError, match=r"add OpsSet.TFLITE_BUILTINS.*\nCEIL 'up'"):
        subject.convert()
    subject.target_spec.supported_ops = [compat.OpsSet.TFLITE_BUILTINS, compat.OpsSet.TFLITE_BUILTINS_INT8]
    assert np.float32 in dtypes(subject.convert())[1]


# Frozen graphs.

SHAPE = field(1, field(7, field(2, field(1, 2))))
CHAIN = PLACEHOLDER + node("a", "Neg", ["x"], T=FLOAT) + node("b", "Abs", ["a"], T=FLOAT) + node("c", "Sign", ["b"], T=FLOAT)


def test_frozen_graph_between_the_named_tensors():
    content = compat.TFLiteConverter.from_frozen_graph(CHAIN, ["x"], ["b"]).convert()
    details = compat.Interpreter(model_content=content).get_output_details()
    assert [d["name"] for d in details] == ["b"]
    for inputs, outputs, problem in ([["y"], ["b"], "inputs= names .'y'."], [["x"], ["d"], "outputs= names .'d'."]):
        with pytest.raises(TachyliteError, match=problem):
            compat.TFLiteConverter.from_frozen_graph(CHAIN, inputs, outputs).convert()


def test_custom_operators_pass_where_they_are_allowed():
    graph = PLACEHOLDER + node("y", "Frobnicate", ["x"], T=FLOAT, strength=field(3, 3), _output_shapes=SHAPE)
    subject = compat.TFLiteConverter.from_frozen_graph(graph, ["x"], ["y"])
    with pytest.raises(UnsupportedError, match="Frobnicate"):
        subject.convert()
    subject.allow_custom_ops = True
    (op,) = codec.read(subject.convert()).graph.operators
    assert (op.op, op.is_custom, op.outputs[0].shape) == ("Frobnicate", True, (2,))


# Analyzer and debugger.


def test_analyzer_prints_operators_and_tensors(capsys):
    experimental.Analyzer.analyze(model_content=net().to_bytes())
    printed = capsys.readouterr().out
    assert "Op#0 CONV_2D(T#0, " in printed
    assert "T#0(image) shape:[1, 8, 8, 3], type:FLOAT32" in printed
    with pytest.raises(TachyliteError, match="give model_path or model_content"):
        experimental.Analyzer.analyze()


def quantizing() -> compat.TFLiteConverter:
    model = net()
    subject = converter(model)
    subject.optimizations = [compat.Optimize.DEFAULT]
    subject.representative_dataset = lambda: ([x] for x in samples())
    return subject


def test_debugger_tells_what_each_tensor_lost():
    options = experimental.QuantizationDebugOptions(
        layer_debug_metrics={"l1": lambda errors: float(np.abs(errors).mean())},
        layer_direct_compare_metrics={"steps": lambda real, steps, scale, zero: float(np.abs(steps - zero - real / scale).max())},
        model_debug_metrics={"worst": lambda real, found: float(np.abs(real[0] - found[0]).max())},
    )
    debugger = experimental.QuantizationDebugger(
        converter=quantizing(), debug_dataset=lambda: ([x / 4] for x in samples()), debug_options=options
    )
    debugger.run()
    row = debugger.layer_statistics["a"]
    assert 0 < row["l1"] <= row["max_abs_error"]
    assert debugger.model_statistics["worst"] > 0
    text = io.StringIO()
    debugger.layer_statistics_dump(text)
    rows = {row["tensor_name"]: row for row in csv.DictReader(io.StringIO(text.getvalue()))}
    assert rows["a"]["op_name"] == "CONV_2D"
    assert float(rows["a"]["num_elements"]) == 1024
    # Within the range of calibration the input loses half a step at most.
    assert 0 < float(rows["image"]["steps"]) < 0.51


def test_debugger_leaves_operators_in_float():
    debugger = experimental.QuantizationDebugger(converter=quantizing(), debug_dataset=lambda: ([x] for x in samples()))
    everything = debugger.get_nondebug_quantized_model()
    debugger.options = experimental.QuantizationDebugOptions(denylisted_ops=["CONV_2D"])
    assert len(debugger.get_nondebug_quantized_model()) > len(everything)
    debugger.options = experimental.QuantizationDebugOptions(denylisted_nodes=["b"])
    debugger.run()
    assert "b" not in debugger.layer_statistics
    with pytest.raises(TachyliteError, match="there is no float model"):
        experimental.QuantizationDebugger(quant_debug_model_content=everything)


class Function:
    """Like a tf.function of which a frozen graph can be made."""

    __name__ = "f"

    def __init__(self, graph):
        self.graph = graph

    def __call__(self, x):
        return x

    def get_concrete_function(self, *arguments):
        return self.graph


def test_authoring_tells_what_cannot_be_converted(capsys):
    graph = PLACEHOLDER + node("y", "Frobnicate", ["x"], T=FLOAT)
    with pytest.raises(RuntimeError, match="call the function first"):
        experimental.authoring.compatible(Function(graph)).get_compatibility_log()
    function = experimental.authoring.compatible(Function(graph))
    assert function(3) == 3
    assert "COMPATIBILITY WARNING" in capsys.readouterr().out
    (line,) = function.get_compatibility_log()
    assert "Frobnicate" in line
    strict = experimental.authoring.compatible(raise_exception=True)(Function(graph))
    with pytest.raises(experimental.authoring.CompatibilityError, match="Frobnicate"):
        strict(3)
