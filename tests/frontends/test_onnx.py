"""ONNX models made here, next to what ONNX's own evaluator answers; and what is wrong with files."""

import contextlib
from collections import Counter
from itertools import product

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

import tachylite
from tachylite.model.errors import FileError, TachyliteError, UnsupportedError
from tests.frontends.harness import RUNTIMES, assert_answers, outputs

rng = np.random.default_rng(5)
node = helper.make_node


def floats(*shape):
    return rng.standard_normal(shape).astype(np.float32)


def value(name, shape, dtype=np.float32):
    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), shape)


def graph(nodes, inputs, results, constants=None, name="graph"):
    """inputs: shapes (or values to take them from) by name; results: names."""
    infos = [value(n, *((x.shape, x.dtype) if isinstance(x, np.ndarray) else (x,))) for n, x in inputs.items()]
    initializers = [numpy_helper.from_array(np.asarray(x), n) for n, x in (constants or {}).items()]
    return helper.make_graph(nodes, name, infos, [helper.make_empty_tensor_value_info(n) for n in results], initializers)


def model(*arguments, version=20, functions=(), **keywords):
    sets = [
        helper.make_opsetid("", version),
        *{helper.make_opsetid(f.domain, 1).domain: helper.make_opsetid(f.domain, 1) for f in functions}.values(),
    ]
    return helper.make_model(graph(*arguments, **keywords), opset_imports=sets, functions=functions)


def expected(source, *inputs):
    return ReferenceEvaluator(source).run(None, dict(zip([x.name for x in source.graph.input], inputs, strict=True)))


def ops(converted):
    return Counter(op.op for op in converted.operators())


# Pictures.


@pytest.fixture
def conv_net():
    """Every way of padding, groups, dilation, a batch norm, pools, a transposed convolution, a resize, a skip; the batch is open."""
    constants = {
        "w1": floats(8, 3, 3, 3),
        "b1": floats(8),
        "w2": floats(8, 1, 3, 3),
        "w3": floats(12, 4, 3, 3),
        "w4": floats(12, 8, 2, 2),
        "scale": floats(8),
        "shift": floats(8),
        "mean": floats(8),
        "variance": np.abs(floats(8)) + 1,
        "half": np.float32([1, 1, 2, 2]),
    }
    nodes = [
        node("Conv", ["x", "w1", "b1"], ["c1"], pads=[1, 1, 1, 1], strides=[2, 2]),
        node("BatchNormalization", ["c1", "scale", "shift", "mean", "variance"], ["n1"]),
        node("Relu", ["n1"], ["r1"]),
        node("Conv", ["r1", "w2"], ["c2"], pads=[1, 0, 0, 1], group=8),
        node("Conv", ["r1", "w3"], ["c3"], pads=[2, 2, 2, 2], dilations=[2, 2], group=2),
        node("MaxPool", ["c3"], ["p3"], kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1),
        node("ConvTranspose", ["p3", "w4"], ["t3"], strides=[2, 2]),
        node("AveragePool", ["t3"], ["a3"], kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        node("Resize", ["a3", "", "half"], ["u3"], mode="linear", coordinate_transformation_mode="half_pixel"),
        node("Add", ["r1", "a3"], ["s3"]),
        node("GlobalAveragePool", ["s3"], ["g3"]),
        node("Sigmoid", ["u3"], ["y"]),
    ]
    return model(nodes, {"x": ("batch", 3, 16, 16)}, ["c2", "g3", "y"], constants)


def test_conv_net_gives_the_answers_of_onnx(conv_net):
    x = floats(2, 3, 16, 16)
    converted = tachylite.convert(conv_net)
    assert converted.graph.inputs[0].shape_signature == (-1, 3, 16, 16)
    assert_answers(converted, [x], expected(conv_net, x), 1e-5)


def test_transposes_stay_at_the_borders(conv_net):
    """One at the input and one at each output but for the pooled one; with channels last at both, none."""
    assert ops(tachylite.convert(conv_net))["TRANSPOSE"] <= 3
    turned = tachylite.convert(conv_net, layout="nhwc")
    assert ops(turned)["TRANSPOSE"] == 0
    assert turned.graph.inputs[0].shape_signature == (-1, 16, 16, 3)
    x = floats(2, 3, 16, 16)
    last = [np.moveaxis(y, 1, -1) for y in expected(conv_net, x)]
    assert_answers(turned, [np.moveaxis(x, 1, -1)], last, 1e-5)


def test_input_shapes_are_the_callers(conv_net):
    converted = tachylite.convert(conv_net, input_shapes=[4, 3, 16, 16])
    assert converted.graph.inputs[0].shape == (4, 3, 16, 16)
    assert converted.graph.inputs[0].shape_signature is None


def windows(x, stride, dilation, before, after, fill):
    """What a window of 3 sees in each place of x [n, c, *size]: [n, c, *places, *window]."""
    rank = x.ndim - 2
    padded = np.pad(x, [(0, 0), (0, 0), *[(before, after)] * rank], constant_values=fill)
    seen = np.lib.stride_tricks.sliding_window_view(padded, [2 * dilation + 1] * rank, tuple(range(2, 2 + rank)))
    return seen[(..., *[slice(None, None, stride)] * rank, *[slice(None, None, dilation)] * rank)]


@pytest.mark.parametrize("is_known", [True, False])
@pytest.mark.parametrize(("stride", "dilation", "before", "after"), [(1, 1, 1, 1), (2, 1, 1, 0), (1, 2, 2, 0), (3, 2, 0, 1)])
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_windows(rank, stride, dilation, before, after, is_known):
    """Convolutions and pools in all ranks, whether or not sizes are known while converting."""
    shared = {"strides": [stride] * rank, "dilations": [dilation] * rank, "pads": [before] * rank + [after] * rank}
    size, kernel = (9, 10, 8)[:rank], floats(6, 4, *[3] * rank)
    nodes = [
        node("Conv", ["x", "w"], ["c"], **shared),
        node("MaxPool", ["x"], ["m"], kernel_shape=[3] * rank, **shared),
        node("AveragePool", ["x"], ["a"], kernel_shape=[3] * rank, count_include_pad=1, **shared),
    ]
    source = model(nodes, {"x": ("n", 4, *(size if is_known else "abc"[:rank]))}, ["c", "m", "a"], {"w": kernel})
    x = floats(2, 4, *size)
    axes = tuple(range(-rank, 0))
    zeros, least = (windows(x, stride, dilation, before, after, fill) for fill in (0, -np.inf))
    convolved = np.moveaxis(np.tensordot(zeros, kernel, ([1, *axes], [1, *range(2, 2 + rank)])), -1, 1)
    assert_answers(tachylite.convert(source), [x], [convolved, least.max(axes), zeros.mean(axes)], 1e-5)


@pytest.mark.parametrize(("before", "after", "counts", "stride"), [*product((0, 1), (0, 1), (0, 1), (1, 2, 3))])
def test_pools_that_see_the_last_elements_too(before, after, counts, stride):
    """ceil_mode, with the padding counted or not: by the definition, place by place."""
    options = {"kernel_shape": [3, 1], "strides": [stride, 1], "pads": [before, 0, after, 0], "ceil_mode": 1}
    source = model([node("AveragePool", ["x"], ["y"], count_include_pad=counts, **options)], {"x": (1, 1, 8, 1)}, ["y"])
    x = floats(1, 1, 8, 1)
    right, place = [], -before
    while place < 8 and place < 8 + after - 3 + stride:
        seen = [i for i in range(place, place + 3) if 0 <= i < 8]
        counted = [i for i in range(place, place + 3) if -before <= i < 8 + after]
        right.append(x[0, 0, seen, 0].sum() / len(counted if counts else seen))
        place += stride
    assert_answers(tachylite.convert(source), [x], [np.array(right, np.float32).reshape(1, 1, -1, 1)], 1e-5)


@pytest.mark.parametrize("mode", ["nearest", "linear", "cubic"])
@pytest.mark.parametrize("coordinates", ["half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric"])
def test_resize(mode, coordinates):
    options = {"mode": mode, "coordinate_transformation_mode": coordinates, "nearest_mode": "floor"}
    source = model([node("Resize", ["x", "", "", "sizes"], ["y"], **options)], {"x": (1, 2, 5, 7)}, ["y"], {"sizes": [1, 2, 8, 10]})
    x = floats(1, 2, 5, 7)
    assert_answers(tachylite.convert(source), [x], expected(source, x), 1e-5)


# Quantized models.


def quantized(name, scale, zero, dtype):
    """Constants and nodes that make `name/q` of a float, and `name/d` of that again."""
    constants = {f"{name}/s": np.float32(scale), f"{name}/z": dtype(zero)}
    pair = [
        node("QuantizeLinear", [name, f"{name}/s", f"{name}/z"], [f"{name}/q"]),
        node("DequantizeLinear", [f"{name}/q", f"{name}/s", f"{name}/z"], [f"{name}/d"]),
    ]
    return constants, pair


def weights(name, shape, axis=0):
    """int8 weights with a scale for each channel."""
    scales = np.linspace(0.01, 0.03, shape[axis], dtype=np.float32)
    constants = {f"{name}/q": rng.integers(-127, 128, shape, np.int8), f"{name}/s": scales, f"{name}/z": np.zeros(shape[axis], np.int8)}
    return constants, [node("DequantizeLinear", [f"{name}/q", f"{name}/s", f"{name}/z"], [name], axis=axis)]


def qdq_net(dtype):
    """A convolution, a depthwise one, a pool, a sum and a matrix, each between tensors of bytes."""
    middle = 0 if dtype == np.int8 else 128
    parts = [
        quantized("x", 0.03, middle, dtype),
        weights("w1", (8, 3, 3, 3)),
        ({"b1": floats(8)}, [node("Conv", ["x/d", "w1", "b1"], ["c1"], pads=[1, 1, 1, 1]), node("Relu", ["c1"], ["r1"])]),
        quantized("r1", 0.02, middle - 128, dtype),
        weights("w2", (8, 1, 3, 3)),
        ({}, [node("Conv", ["r1/d", "w2"], ["c2"], pads=[1, 1, 1, 1], group=8)]),
        quantized("c2", 0.05, middle + 3, dtype),
        ({}, [node("Add", ["r1/d", "c2/d"], ["s2"])]),
        quantized("s2", 0.06, middle - 5, dtype),
        ({}, [node("MaxPool", ["s2/d"], ["p2"], kernel_shape=[2, 2], strides=[2, 2])]),
        quantized("p2", 0.06, middle - 5, dtype),
        ({}, [node("GlobalAveragePool", ["p2/d"], ["g2"]), node("Flatten", ["g2"], ["f2"])]),
        quantized("f2", 0.03, middle, dtype),
        weights("w3", (10, 8)),
        ({"b3": floats(10)}, [node("Gemm", ["f2/d", "w3", "b3"], ["z"], transB=1)]),
        quantized("z", 0.04, middle, dtype),
    ]
    constants = {name: x for found, _ in parts for name, x in found.items()}
    return model([n for _, nodes in parts for n in nodes], {"x": ("n", 3, 8, 8)}, ["z/d"], constants)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8])
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_qdq_net_is_computed_on_integers(dtype, runtime):
    """Weights of int8 make int8 of everything; what is rounded between differs by a step or two."""
    source, x = qdq_net(dtype), floats(2, 3, 8, 8)
    converted = tachylite.convert(source)
    found = [op for op in converted.operators() if op.op not in ("QUANTIZE", "DEQUANTIZE")]
    assert {op.inputs[0].dtype for op in found} == {np.dtype(np.int8)}
    assert {"CONV_2D", "DEPTHWISE_CONV_2D", "ADD", "MAX_POOL_2D", "MEAN", "FULLY_CONNECTED"} <= {op.op for op in found}
    assert ops(converted)["DEQUANTIZE"] == 1
    (y,), (right,) = outputs(RUNTIMES[runtime], converted.to_bytes(), [x]), expected(source, x)
    assert np.abs(y - right).max() <= 2.01 * 0.04
    assert np.abs(y - right).mean() <= 0.5 * 0.04


def test_weights_with_a_zero_point_are_computed_on_uint8():
    constants = {
        "xs": np.float32(0.02),
        "xz": np.uint8(120),
        "w": rng.integers(0, 256, (4, 3, 3, 3), np.uint8),
        "ws": np.float32(0.01),
        "wz": np.uint8(100),
        "ys": np.float32(0.1),
        "yz": np.uint8(128),
        "b": rng.integers(-500, 500, 4, np.int32),
    }
    source = model(
        [node("QLinearConv", ["x", "xs", "xz", "w", "ws", "wz", "ys", "yz", "b"], ["y"])],
        {"x": rng.integers(0, 256, (1, 3, 6, 6), np.uint8)},
        ["y"],
        constants,
    )
    converted = tachylite.convert(source)
    assert ops(converted) == {"TRANSPOSE": 2, "CONV_2D": 1}
    assert converted.graph.inputs[0].zero_point == 120
    x = rng.integers(0, 256, (1, 3, 6, 6), np.uint8)
    for make in RUNTIMES.values():
        (y,) = outputs(make, converted.to_bytes(), [x])
        assert y.dtype == np.uint8
        assert np.abs(y.astype(int) - expected(source, x)[0]).max() <= 1


def dynamic(op, x, y, scale, **options):
    """A product of x, quantized while the model runs, with weights of int8, as onnxruntime writes it."""
    q, s, z, total = (f"{y}/{n}" for n in "qszt")
    return [
        node("DynamicQuantizeLinear", [x], [q, s, z]),
        node(op, [q, f"{y}/w", z], [total], **options),
        node("Cast", [total], [f"{total}/real"], to=TensorProto.FLOAT),
        node("Mul", [s, scale], [f"{s}/w"]),
        node("Mul", [f"{total}/real", f"{s}/w"], [y]),
    ]


def test_products_with_dynamic_ranges_are_hybrid():
    constants = {
        "c/w": rng.integers(-127, 128, (4, 1, 3, 3), np.int8),
        "y/w": rng.integers(-127, 128, (16, 5), np.int8),
        "scale": np.float32(0.01),
    }
    nodes = [
        *dynamic("ConvInteger", "x", "c", "scale", group=4),
        node("Flatten", ["c"], ["f"]),
        *dynamic("MatMulInteger", "f", "y", "scale"),
    ]
    source, x = model(nodes, {"x": (2, 4, 4, 4)}, ["y"], constants), floats(2, 4, 4, 4)
    converted = tachylite.convert(source)
    products = {op.op: [t.dtype.name for t in op.inputs[:2]] for op in converted.operators() if op.op != "TRANSPOSE"}
    assert products["DEPTHWISE_CONV_2D"] == products["FULLY_CONNECTED"] == ["float32", "int8"]
    assert set(products) == {"DEPTHWISE_CONV_2D", "FULLY_CONNECTED"}
    assert_answers(converted, [x], expected(source, x), 0.02)


# Control flow.


def test_if():
    then = graph([node("Mul", ["x", "two"], ["a"])], {}, ["a"], {"two": np.float32(2)})
    otherwise = graph([node("Neg", ["x"], ["b"])], {}, ["b"])
    nodes = [
        node("ReduceSum", ["x"], ["s"], keepdims=0),
        node("Greater", ["s", "zero"], ["c"]),
        node("If", ["c"], ["y"], then_branch=then, else_branch=otherwise),
    ]
    source = model(nodes, {"x": (4,)}, ["y"], {"zero": np.float32(0)})
    converted = tachylite.convert(source)
    assert ops(converted)["IF"] == 1
    for x in (np.float32([1, 2, 3, 4]), np.float32([-1, -2, 3, -4])):
        assert_answers(converted, [x], expected(source, x), 1e-6)


@pytest.mark.parametrize("limit", [20, 1000])
def test_loop(limit):
    """Adds x as long as the sum is below the limit, at most six times, and collects what it has."""
    body = graph(
        [
            node("Add", ["before", "x"], ["after"]),
            node("ReduceSum", ["after"], ["total"], keepdims=0),
            node("Less", ["total", "limit"], ["more"]),
            node("Identity", ["after"], ["kept"]),
        ],
        {"i": np.array(0), "go_on": np.array(True), "before": (2, 2)},
        ["more", "after", "kept"],
    )
    constants = {"count": np.int64(6), "limit": np.float32(limit)}
    source = model(
        [node("Loop", ["count", "", "start"], ["last", "all"], body=body)], {"start": (2, 2), "x": (1, 2)}, ["last", "all"], constants
    )
    converted = tachylite.convert(source)
    assert ops(converted)["WHILE"] == 1
    start, x = np.float32([[1, 2], [0, 1]]), np.float32([[1, 2]])
    sums = [start + x * i for i in range(1, 7)]
    steps = next((i for i, y in enumerate(sums, 1) if y.sum() >= limit), 6)
    for make in RUNTIMES.values():
        last, collected = outputs(make, converted.to_bytes(), [start, x])
        np.testing.assert_array_equal(last, sums[steps - 1])
        np.testing.assert_array_equal(collected, sums[:steps])


def test_scan():
    body = graph([node("Add", ["total", "x"], ["next"]), node("Identity", ["next"], ["y"])], {"total": (2,), "x": (2,)}, ["next", "y"])
    source = model(
        [node("Scan", ["first", "xs"], ["last", "sums"], body=body, num_scan_inputs=1)], {"first": (2,), "xs": (5, 2)}, ["last", "sums"]
    )
    inputs = [floats(2), floats(5, 2)]
    assert_answers(tachylite.convert(source), inputs, expected(source, *inputs), 1e-6)


@pytest.mark.parametrize(("op", "gates", "batch"), [("LSTM", 4, 2), ("LSTM", 4, "n"), ("GRU", 3, "n"), ("RNN", 1, "n")])
def test_recurrent(op, gates, batch):
    """An LSTM of a known batch is one fused operator, anything else one WHILE."""
    constants = {"w": floats(1, gates * 5, 3), "r": floats(1, gates * 5, 5), "b": floats(1, 2 * gates * 5)}
    source = model([node(op, ["x", "w", "r", "b"], ["y", "last"], hidden_size=5)], {"x": (4, batch, 3)}, ["y", "last"], constants)
    converted = tachylite.convert(source)
    assert ops(converted)["UNIDIRECTIONAL_SEQUENCE_LSTM" if batch == 2 else "WHILE"] == 1
    x = floats(4, 2, 3)
    right = expected(source, x)
    for make in RUNTIMES.values():
        for y, wanted in zip(outputs(make, converted.to_bytes(), [x]), right, strict=True):
            np.testing.assert_allclose(y, wanted, atol=1e-5)


# The rest.


def test_gelu_is_found():
    nodes = [
        node("Div", ["x", "root"], ["a"]),
        node("Erf", ["a"], ["b"]),
        node("Add", ["b", "one"], ["c"]),
        node("Mul", ["x", "c"], ["d"]),
        node("Mul", ["d", "half"], ["y"]),
    ]
    source = model(nodes, {"x": (3, 4)}, ["y"], {"root": np.float32(np.sqrt(2)), "one": np.float32(1), "half": np.float32(0.5)})
    assert ops(tachylite.convert(source)) == {"GELU": 1}


def test_a_function_of_the_model():
    body = [node("Mul", ["x", "x"], ["s"]), helper.make_node("LeakyRelu", ["s"], ["y"])]
    body[1].attribute.add(name="alpha", ref_attr_name="slope", type=onnx.AttributeProto.FLOAT)
    function = helper.make_function("own", "Odd", ["x"], ["y"], body, [helper.make_opsetid("", 20)], ["slope"])
    source = model([node("Odd", ["x"], ["y"], domain="own", slope=0.5)], {"x": (3,)}, ["y"], functions=[function])
    x = floats(3)
    assert_answers(tachylite.convert(source), [x], [x * x], 1e-6)


def test_an_operator_that_onnx_defines_by_others():
    source = model([node("MeanVarianceNormalization", ["x"], ["y"])], {"x": (2, 3, 4, 5)}, ["y"])
    x = floats(2, 3, 4, 5)
    assert_answers(tachylite.convert(source), [x], expected(source, x), 1e-5)


def test_reshape_follows_the_batch():
    """Sizes that come from Shape, as PyTorch writes them."""
    nodes = [
        node("Shape", ["x"], ["s"]),
        node("Gather", ["s", "zero"], ["n"]),
        node("Unsqueeze", ["n", "axis"], ["u"]),
        node("Concat", ["u", "rest"], ["t"], axis=0),
        node("Reshape", ["x", "t"], ["y"]),
    ]
    source = model(nodes, {"x": ("n", 2, 6)}, ["y"], {"zero": np.int64(0), "axis": np.int64([0]), "rest": np.int64([3, 4])})
    converted = tachylite.convert(source)
    assert ops(converted) == {"RESHAPE": 1}
    assert converted.graph.outputs[0].shape_signature == (-1, 3, 4)
    assert_answers(converted, [x := floats(5, 2, 6)], [x.reshape(5, 3, 4)])


def test_everything_unsupported_is_listed_at_once():
    nodes = [
        node("Det", ["x"], ["a"], name="first"),
        node("Unknown", ["x"], ["b"], domain="some.where"),
        node("MaxPool", ["p"], ["c", "i"], kernel_shape=[2]),
    ]
    source = model(nodes, {"x": (2, 2), "p": (1, 1, 4)}, ["a", "b", "c", "i"])
    pattern = r"(?s)3 of the model's nodes.*'first' \(Det\).*'b' \(some\.where\.Unknown\).*'c' \(MaxPool\): the positions .* are read; take"
    with pytest.raises(UnsupportedError, match=pattern):
        tachylite.convert(source)


def test_what_nothing_reads_is_not_asked_for():
    source = model([node("Det", ["x"], ["a"]), node("Relu", ["x"], ["y"])], {"x": (2, 2)}, ["y"])
    assert ops(tachylite.convert(source)) == {"RELU": 1}


# Files.


@pytest.fixture
def dense():
    return model(
        [node("Gemm", ["x", "w", "b"], ["y"]), node("Relu", ["y"], ["z"])], {"x": ("n", 6)}, ["z"], {"w": floats(6, 40), "b": floats(40)}
    )


@pytest.fixture
def apart(dense, tmp_path):
    """A model whose weights lie in a file of their own."""
    path = tmp_path / "model.onnx"
    copy = onnx.ModelProto()
    copy.CopyFrom(dense)
    onnx.save_model(copy, path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    return path


def test_external_data(dense, apart):
    x = floats(3, 6)
    assert_answers(tachylite.convert(apart), [x], expected(dense, x), 1e-5)
    with pytest.raises(FileError, match=r"lies in the file 'weights\.bin'; convert the model by its path"):
        tachylite.convert(apart.read_bytes())
    weights_ = apart.with_name("weights.bin")
    weights_.write_bytes(weights_.read_bytes()[:100])
    with pytest.raises(FileError, match=r"'weights\.bin', which has 100; it is truncated"):
        tachylite.convert(apart)
    weights_.unlink()
    with pytest.raises(OSError, match="weights"):
        tachylite.convert(apart)


def test_external_data_outside_of_the_folder_is_refused(apart):
    content = apart.read_bytes().replace(b"weights.bin", b"../../a.bin")
    apart.write_bytes(content)
    with pytest.raises(FileError, match="outside of the model's folder"):
        tachylite.convert(apart)


def test_truncated_model_is_told(dense):
    content = dense.SerializeToString()
    for size in range(3, len(content) - 1, 61):
        with pytest.raises(TachyliteError):
            tachylite.convert(content[:size])
    with pytest.raises(FileError, match=r"begins as an ONNX model and does not go on as one .* truncated or corrupted"):
        tachylite.convert(content[: len(content) // 2])


def test_damaged_bytes_never_crash(conv_net):
    """Whatever byte is flipped: a model, or an error of our own."""
    content, random = bytearray(conv_net.SerializeToString()), np.random.default_rng(0)
    names = [i for i in range(len(content)) if content[i : i + 4] in (b"Conv", b"Pool", b"pads", b"Resi")]
    for position in [*random.integers(0, len(content), 100), *names, *(n - 1 for n in names), *(n + 7 for n in names)]:
        damaged = bytearray(content)
        damaged[position] ^= 1 << random.integers(0, 8)
        with contextlib.suppress(TachyliteError):
            tachylite.convert(bytes(damaged))


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: model([node("Relu", ["lost"], ["y"])], {"x": (2,)}, ["y"]), "no node gives 'lost'"),
        (lambda: model([node("Flatten", ["x", "x", "x"], ["y"])], {"x": (2,)}, ["y"]), "does not fit"),
        (lambda: model([node("Cast", ["x"], ["y"])], {"x": (2,)}, ["y"]), "lacks the attribute 'to'"),
        (lambda: helper.make_model(helper.make_graph([], "empty", [], [])), "holds no graph with outputs"),
        (lambda: model([node("Relu", ["x"], ["y"])], {"x": (2,)}, ["y"], version=6), "operator set 6, needed 7 or later; convert it with"),
    ],
)
def test_what_is_wrong_is_told(make, reason):
    with pytest.raises((FileError, UnsupportedError), match=reason):
        tachylite.convert(make())


def test_sequences_are_no_inputs():
    source = model([node("SequenceLength", ["xs"], ["n"])], {}, ["n"])
    source.graph.input.append(helper.make_tensor_sequence_value_info("xs", TensorProto.FLOAT, None))
    with pytest.raises(UnsupportedError, match=r"the inputs \['xs'\] are sequences"):
        tachylite.convert(source)


def test_without_the_package_the_extra_is_named(dense, monkeypatch):
    content = dense.SerializeToString()
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    with pytest.raises(ImportError, match=r"install tachylite\[onnx\]"):
        tachylite.convert(content)
