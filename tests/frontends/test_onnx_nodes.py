"""ONNX's own tests of the operators that issue 4 names, through our converter and interpreter.

They give every operand as an input of the model. Models hold those that tell a result's form (axes, sizes, scales) and the weights of
recurrent layers as constants, and the converter wants them so: PARAMETERS says which of an operator's operands these are.
"""

import contextlib
import io
import warnings

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

import tachylite
from tachylite.model.errors import TachyliteError

OPERATORS = """
Abs Add And ArgMax ArgMin AveragePool BatchNormalization Cast Ceil Clip Concat Conv ConvTranspose Cos CumSum DepthToSpace
DequantizeLinear QuantizeLinear Div Einsum Elu Equal Erf Exp Expand Flatten Floor Gather GatherElements GatherND Gelu Gemm
GlobalAveragePool Greater GRU HardSigmoid HardSwish Identity If InstanceNormalization LayerNormalization LeakyRelu Less Log LogSoftmax
Loop LSTM MatMul Max MaxPool Mean Min Mod Mul Neg NonMaxSuppression Not OneHot Or Pad Pow PRelu Range Reciprocal ReduceL1 ReduceL2
ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare Relu Reshape Resize ScatterND Shape
Sigmoid Sign Sin Slice Softmax Softplus SpaceToDepth Split Sqrt Squeeze Sub Sum Tanh Tile TopK Transpose Unsqueeze Where Xor
""".split()

PARAMETERS = {
    "CumSum": [1],
    "DequantizeLinear": [1, 2],
    "Expand": [1],
    "GRU": [1, 2, 3],
    "LSTM": [1, 2, 3, 7],
    "Loop": [0],
    "NonMaxSuppression": [2, 3, 4],
    "OneHot": [1],
    "Pad": [1, 3],
    "QuantizeLinear": [1, 2],
    "Range": [0, 1, 2],
    "Reshape": [1],
    "Resize": [1, 2, 3],
    "Slice": [1, 2, 3, 4],
    "Split": [1],
    "Squeeze": [1],
    "Tile": [1],
    "TopK": [1],
    "Unsqueeze": [1],
    **{name: [1] for name in OPERATORS if name.startswith("Reduce")},
}


def casts(*kinds):
    """The tests that cast float32 and float16 into these types and back."""
    return [f"test_cast_{pair}" for k in kinds for pair in (f"FLOAT_to_{k}", f"FLOAT16_to_{k}", f"{k}_to_FLOAT", f"{k}_to_FLOAT16")]


NO_SUCH_FLOATS = "TFLite has no floats of 4 bits, and of 8 bits E4M3FN and E5M2 alone"
SATURATION = "TFLite's CAST to floats of 8 bits does not saturate"
NO_TENSORS = "sequences and optionals are no inputs, outputs or branches of a TFLite graph"

#: Why tests fail that do. One that passes must go from here.
EXPECTED_FAILURES = {
    **dict.fromkeys(["test_cast_FLOAT_to_BFLOAT16"], "floats of 16 bits are computed as float32, so that nothing is rounded to them"),
    **dict.fromkeys(casts("FLOAT8E4M3FNUZ", "FLOAT8E5M2FNUZ", "FLOAT4E2M1"), NO_SUCH_FLOATS),
    **dict.fromkeys(
        [f"test_cast_no_saturate_{f}_to_FLOAT8{k}FNUZ" for f in ("FLOAT", "FLOAT16") for k in ("E4M3", "E5M2")], NO_SUCH_FLOATS
    ),
    **dict.fromkeys([name.replace("cast_", "cast_e8m0_") for name in casts("FLOAT8E8M0")], NO_SUCH_FLOATS),
    **dict.fromkeys(["test_dequantizelinear_float4e2m1", "test_quantizelinear_float4e2m1"], NO_SUCH_FLOATS),
    **dict.fromkeys([f"test_cast_{f}_to_FLOAT8{k}" for f in ("FLOAT", "FLOAT16") for k in ("E4M3FN", "E5M2")], SATURATION),
    **dict.fromkeys(["test_quantizelinear_e4m3fn", "test_quantizelinear_e5m2"], "QUANTIZE rounds to integers"),
    **dict.fromkeys([*casts("UINT2"), "test_cast_UINT2_to_UINT8"], "TFLite has no integers of 2 bits without a sign"),
    **dict.fromkeys(["test_dequantizelinear_uint2", "test_quantizelinear_uint2"], "TFLite has no integers of 2 bits without a sign"),
    **dict.fromkeys(["test_identity_sequence", "test_identity_opt", "test_if_seq", "test_if_opt"], NO_TENSORS),
    **dict.fromkeys(["test_loop13_seq", "test_loop16_seq_none"], NO_TENSORS),
    **dict.fromkeys([f"test_maxpool_with_argmax_2d_precomputed_{k}" for k in ("pads", "strides")], "TFLite's pools give no positions"),
    **dict.fromkeys(["test_not_2d", "test_not_3d", "test_not_4d"], "models of operator set 1; 7 is the oldest"),
}


def operator_of(case):
    return case.model.graph.node[0].op_type


def cases():
    """ONNX's tests by name, without those that spell out what operators are defined by."""
    from onnx.backend.test.case.node import collect_testcases

    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        found = collect_testcases(None)
    return {c.name: c for c in found if operator_of(c) in OPERATORS and "_expanded" not in c.name}


CASES = cases()


def array(value):
    return np.asarray(numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else value)


def with_parameters(case, inputs):
    """The model with PARAMETERS as constants, and the inputs that are left."""
    model = onnx.ModelProto()
    model.CopyFrom(case.model)
    node, graph = model.graph.node[0], model.graph
    fixed = {node.input[i] for i in PARAMETERS.get(node.op_type, []) if i < len(node.input)}
    given = {x.name: value for x, value in zip(graph.input, inputs, strict=True)}
    for name in fixed & set(given):
        value = given.pop(name)
        tensor = value if isinstance(value, onnx.TensorProto) else numpy_helper.from_array(np.asarray(value))
        graph.initializer.add().CopyFrom(tensor)
        graph.initializer[-1].name = name
    return model, given


def answers(model, given):
    """What the converted model gives, in the order of the source's outputs."""
    interpreter = tachylite.Interpreter(model_content=model.to_bytes())
    (signature,) = model.signatures
    values = {}
    for name, value in given.items():
        detail = interpreter.get_input_details()[model.graph.inputs.index(signature.inputs[name])]
        x = array(value)
        x = x.view(detail["dtype"]) if x.dtype.name.startswith("float8") else x.astype(detail["dtype"], copy=False)
        interpreter.resize_tensor_input(detail["index"], x.shape)
        values[detail["index"]] = x
    interpreter.allocate_tensors()
    for index, x in values.items():
        interpreter.set_tensor(index, x)
    interpreter.invoke()
    details = interpreter.get_output_details()
    return [interpreter.get_tensor(details[model.graph.outputs.index(t)]["index"]) for t in signature.outputs.values()]


def check(case):
    """Shapes and values, types too where they are no floats. Floats of all widths are float32 here."""
    inputs, expected = case.data_sets[0]
    model, given = with_parameters(case, inputs)
    for found, wanted in zip(answers(tachylite.convert(model), given), map(array, expected), strict=True):
        assert found.shape == wanted.shape
        if wanted.dtype.kind in "fV":
            found = found.view(wanted.dtype) if wanted.dtype.name.startswith("float8") else found
            np.testing.assert_allclose(found.astype(float), wanted.astype(float), case.rtol, 1e-6)
        else:
            assert found.dtype == wanted.dtype
            np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("name", sorted(set(CASES) - set(EXPECTED_FAILURES)))
def test_node(name):
    check(CASES[name])


@pytest.mark.parametrize("name", sorted(set(EXPECTED_FAILURES) & set(CASES)))
def test_node_that_fails_still_does(name):
    with pytest.raises((AssertionError, TachyliteError)):
        check(CASES[name])


def test_most_nodes_pass():
    """At least 85 of 100; a release of ONNX other than the newest may lack some of the tests that are listed."""
    assert len(CASES) >= 500
    assert len(set(EXPECTED_FAILURES) & set(CASES)) <= 0.15 * len(CASES)
