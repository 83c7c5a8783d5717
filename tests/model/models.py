"""Models of every kind that the schema can hold, for property tests; and one small model that LiteRT runs."""

import math

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tachylite import Builder
from tachylite.model import tables
from tachylite.model.dtypes import DTYPES, PACKED_BITS, is_quantizable, limits
from tachylite.model.graph import Blockwise, Graph, Model, Operator, Quantization, Signature, Sparsity, Tensor

BUILTINS = [name for name in tables.ENUMS["BuiltinOperator"][1] if name != "CUSTOM"]

HOLDING = [dtype for dtype in DTYPES.values() if not dtype.names]
"""The types of which a constant can be."""

names = st.text(max_size=8)
shapes = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)
float32s = st.floats(width=32, allow_nan=False, allow_infinity=False)
scales = st.floats(2.0**-20, 2.0**20, width=32)


def integers_of(type_name):
    bits = {"byte": 8, "ubyte": 8, "short": 16, "ushort": 16, "int": 32, "int32": 32, "uint": 32, "long": 64, "ulong": 64}[type_name]
    return st.integers(0, 2**bits - 1) if type_name.startswith("u") else st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def field_values(field):
    """Values of one field of an options table, but for subgraphs."""
    if field.kind == "enum":
        one = st.sampled_from(tables.ENUMS[field.type][1])
    elif field.type == "string":
        one = names
    elif field.type == "bool":
        one = st.booleans()
    elif field.type == "float":
        one = float32s
    else:
        one = integers_of(field.type)
    if not field.is_vector:
        return one
    return st.binary(max_size=5) if field.type == "ubyte" else st.lists(one, max_size=4).map(tuple)


@st.composite
def options(draw, callable_graphs):
    """Options of any table, and the graphs that they name."""
    union = draw(st.sampled_from(["BuiltinOptions", "BuiltinOptions2"]))
    table = draw(st.sampled_from(tables.UNIONS[union]))
    values, graphs = {}, []
    for field in tables.fields(table):
        if field.deprecated:
            continue
        if field.type != "subgraph":
            values[field.name] = draw(field_values(field))
        elif field.is_vector:
            values[field.name] = tuple(range(len(graphs), len(graphs) + len(callable_graphs)))
            graphs += callable_graphs
        elif callable_graphs:
            values[field.name] = len(graphs)
            graphs.append(draw(st.sampled_from(callable_graphs)))
        else:
            return None, []
    return tables.options_class(table)(**values), graphs


@st.composite
def constants(draw, dtype, shape):
    """Constant data of any type."""
    size = math.prod(shape)
    if dtype.hasobject:
        data = np.empty(size, object)
        data[:] = draw(st.lists(st.binary(max_size=6), min_size=size, max_size=size))
    elif dtype in PACKED_BITS:
        low, high = limits(dtype)
        data = np.array(draw(st.lists(st.integers(low, high), min_size=size, max_size=size)), np.int8).astype(dtype)
    else:
        data = np.frombuffer(draw(st.binary(min_size=size * dtype.itemsize, max_size=size * dtype.itemsize)), np.uint8)
        data = (data & 1 if dtype == np.bool_ else data).view(dtype) if size else np.empty(0, dtype)
    data = data.reshape(shape)
    data.flags.writeable = False
    return data


@st.composite
def quantizations(draw, tensor):
    """Per tensor, per channel, or known by its range alone."""
    low, high = limits(tensor.dtype)
    channels = [axis for axis, size in enumerate(tensor.shape) if size > 1]
    axis = draw(st.sampled_from(channels)) if channels and draw(st.booleans()) else 0
    count = tensor.shape[axis] if axis in channels else 1
    if draw(st.booleans()):
        ranges = np.array(draw(st.lists(float32s, min_size=2, max_size=2)), np.float32)
        return Quantization(np.zeros(0, np.float32), np.zeros(0, np.int64), 0, ranges[:1], ranges[1:])
    zero_points = draw(st.lists(st.integers(max(low, -(2**63)), min(high, 2**63 - 1)), min_size=count, max_size=count))
    scale = np.array(draw(st.lists(scales, min_size=count, max_size=count)), np.float32)
    zero_point = np.array(zero_points if draw(st.booleans()) else [], np.int64)
    return Quantization(scale, zero_point, axis, details=draw(st.none() | st.binary(max_size=9)))


@st.composite
def sparse(draw):
    """A sparse float matrix of 4 x 6, with or without blocks of 1 x 2, and each type of index."""
    index = draw(st.sampled_from([np.int32, np.uint16, np.uint8]))
    blocked = draw(st.booleans())
    columns = 3 if blocked else 6
    mask = draw(hnp.arrays(bool, (4, columns)))
    segments = np.concatenate([[0], np.cumsum(mask.sum(1))]).astype(index)
    indices = np.nonzero(mask)[1].astype(index)
    stored = draw(constants(np.dtype(np.int8), (len(indices) * (2 if blocked else 1),))).astype(np.float32)
    levels = (4, (segments, indices), 2) if blocked else (4, (segments, indices))
    sparsity = Sparsity((0, 1, 2) if blocked else (0, 1), (1,) if blocked else (), levels)
    return Tensor(draw(names), (4, 6), np.dtype(np.float32), data=stored, sparsity=sparsity)


@st.composite
def tensors(draw, kind):
    """An input, constant, variable or intermediate result of any type."""
    if kind == "constant" and draw(st.integers(0, 5)) == 0:
        return draw(sparse())
    dtype = draw(st.sampled_from(HOLDING if kind == "constant" else list(DTYPES.values())))
    tensor = Tensor(draw(names), draw(shapes), dtype, is_variable=kind == "variable", has_rank=draw(st.booleans()))
    if kind == "constant":
        tensor.data = draw(constants(dtype, tensor.shape))
    elif tensor.shape and draw(st.booleans()):
        tensor.shape_signature = tuple(draw(st.sampled_from([size, -1])) for size in tensor.shape)
    if is_quantizable(dtype) and draw(st.booleans()):
        tensor.quantization = draw(quantizations(tensor))
    if dtype == DTYPES["VARIANT"]:
        tensor.variant_tensors = (((2, 3), DTYPES["INT8"], True),)
    return tensor


@st.composite
def graphs(draw, callable_graphs):
    """A graph whose operators have any name, options and operands."""
    graph = Graph(draw(names), debug_index=draw(st.integers(-1, 3)))
    ready = []
    for kind in draw(st.lists(st.sampled_from(["input", "constant", "variable"]), max_size=5)):
        tensor = draw(tensors(kind))
        graph.tensors.append(tensor)
        ready.append(tensor)
        if kind == "input":
            graph.inputs.append(tensor)
        blocks = [t for t in ready if t.dtype == np.float32 and t.data is not None]
        if tensor.dtype == np.int8 and tensor.shape and blocks:
            axes = draw(st.sampled_from([(), (len(tensor.shape) - 1,)]))
            tensor.quantization = Quantization(np.zeros(0, np.float32), np.zeros(0, np.int64), details=Blockwise(blocks[0], None, 2, axes))
    for _ in range(draw(st.integers(0, 3))):
        is_custom = draw(st.booleans())
        name = draw(st.text(min_size=1, max_size=5) if is_custom else st.sampled_from(BUILTINS))
        inputs = draw(st.lists(st.none() | st.sampled_from(ready), max_size=3)) if ready else []
        op = Operator(name, inputs, [], is_custom=is_custom)
        op.options, op.subgraphs = draw(options(callable_graphs)) if draw(st.booleans()) else (None, [])
        op.custom_options = draw(st.binary(max_size=6))
        op.mutating_variable_inputs = tuple(draw(st.booleans()) for _ in op.inputs)
        op.debug_index = draw(st.integers(-1, 3))
        for _ in range(draw(st.integers(0, 2))):
            op.outputs.append(draw(tensors("result")))
        op.intermediates = [draw(tensors("result"))] if draw(st.booleans()) else []
        graph.append(op)
        ready += op.outputs
    graph.outputs = draw(st.lists(st.sampled_from(ready), max_size=3)) if ready else []
    return graph


@st.composite
def models(draw):
    """A model whose later graphs may be called by earlier ones."""
    parts: list[Graph] = []
    for _ in range(draw(st.integers(1, 3))):
        parts.insert(0, draw(graphs(list(parts))))
    model = Model(parts, description=draw(names))
    for key in draw(st.lists(st.text(min_size=1, max_size=4), max_size=2, unique=True)):
        graph = draw(st.sampled_from(parts))
        named = {name: draw(st.sampled_from(graph.tensors)) for name in draw(st.sets(names, max_size=3))} if graph.tensors else {}
        model.signatures.append(Signature(key, graph, named, dict(reversed(named.items()))))
    model.metadata = draw(st.dictionaries(names, st.binary(max_size=20), max_size=2))
    model.files = draw(st.dictionaries(st.from_regex(r"[a-z]{1,8}\.txt", fullmatch=True), st.binary(max_size=20), max_size=2))
    return model


def convolution(dtype=np.float32) -> Model:
    """A convolution with weights, bias and an activation: float32 or int8."""
    rng = np.random.default_rng(0)
    build = Builder()
    quantized = dtype == np.int8
    activation = Quantization.per_tensor(0.05, 3) if quantized else None
    weights = Quantization(rng.uniform(0.01, 0.1, 4).astype(np.float32), np.zeros(4, np.int64)) if quantized else None
    x = build.input("image", (1, 5, 6, 3), dtype, activation)
    w = build.constant((rng.standard_normal((4, 3, 3, 3)) * (40 if quantized else 1)).astype(dtype), "filter", weights)
    bias = Quantization(weights.scale * np.float32(0.05), np.zeros(4, np.int64)) if weights else None
    b = build.constant(np.arange(4).astype(np.int32 if quantized else np.float32), "bias", bias)
    y = build.CONV_2D(x, w, b, padding="SAME", stride_w=1, stride_h=1, quantization=activation, name="features")
    graph = build.outputs(build.RELU(y, quantization=activation, name="scores"))
    signature = Signature("serving_default", graph, {"image": x}, {"scores": graph.outputs[0]})
    return Model([graph], [signature], {"min_runtime_version": b"1.5.0".ljust(16, b"\0")}, "a test")


def assert_same(a, b) -> None:
    """Equality as `Model.__eq__` finds it, which must not be the only thing that says so."""
    assert a == b
    assert [len(g.tensors) for g in a.graphs] == [len(g.tensors) for g in b.graphs]
    for x, y in zip((t for g in a.graphs for t in g.tensors), (t for g in b.graphs for t in g.tensors), strict=True):
        assert (x.name, x.shape, x.dtype, x.is_variable, x.shape_signature) == (y.name, y.shape, y.dtype, y.is_variable, y.shape_signature)
        assert (x.data is None) == (y.data is None)
        assert x.data is None or x.data.tobytes() == y.data.tobytes() or x.data.tolist() == y.data.tolist()
    for p, q in zip(a.operators(), b.operators(), strict=True):
        assert (p.op, p.options, p.custom_options) == (q.op, q.options, q.custom_options)
        assert (len(p.inputs), len(p.subgraphs)) == (len(q.inputs), len(q.subgraphs))
