"""ONNX's own tests of the operators that issue 4 names, through our converter and interpreter.

They give every operand as an input of the model. Models hold those that tell a result's form (axes, sizes, scales) and the weights of
recurrent layers as constants, and the converter wants them so: PARAMETERS says which of an operator's operands these are.
"""

import contextlib
import io
import warnings
from functools import cache

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

import tachylite

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

#: Names of tests that fail, or what they begin with and contain, by the reason. A test of these that passes fails `test_the_list_is_true`.
EXPECTED_FAILURES = {
    "floats of 16 bits are computed as float32, so that nothing is rounded to them": ["test_cast_FLOAT_to_BFLOAT16"],
    "TFLite has no such floats of 8 or 4 bits": [
        *(f"test_cast_{pair}" for kind in ("FLOAT8E4M3FNUZ", "FLOAT8E5M2FNUZ", "FLOAT4E2M1") for pair in
          (f"FLOAT_to_{kind}", f"FLOAT16_to_{kind}", f"{kind}_to_FLOAT", f"{kind}_to_FLOAT16")),
    ],
}


def operator_of(case):
    return case.model.graph.node[0].op_type


@cache
def cases():
    """ONNX's tests by name, but those of what it defines operators by."""
    from onnx.backend.test.case.node import collect_testcases

    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        found = collect_testcases(None)
    return {c.name: c for c in found if operator_of(c) in OPERATORS and "_expanded" not in c.name}
