"""Convolutions and products of matrices: each invocation sums one output. Weights are laid out so that neighbours read neighbours."""

import numpy as np

from tachylite.model.graph import Operator, Tensor
from tachylite.ops.transpose_conv import result_windows
from tachylite.ops.window import Window, sliding

from .kernels import Unsupported, activated, constant, kernel, required
from .shader import Map, affine, strides


def _bias(op: Operator, m: Map, position: int, output: str) -> str:
    bias = op.inputs[position] if len(op.inputs) > position else None
    return m.var("0.0" if bias is None else f"{m.operand(bias)}[{output}]")


def cell(window: Window, cell: str, output: str, name: str) -> str:
    """Lines that name the input which a cell of a window lies over, or go on with the next cell."""
    place = f"i32({output} * {window.stride}u + {cell} * {window.dilation}u) - {window.before}"
    return f"let {name} = {place};\nif ({name} < 0 || {name} >= {window.inputs}) {{ continue; }}"


def _dense(tensor: Tensor) -> np.ndarray:
    value = constant(tensor).dense()
    assert value is not None
    if value.dtype != np.float32:
        raise Unsupported(f"needs weights of float32, not {value.dtype}")
    return value


@kernel("CONV_2D")
def conv_2d(op: Operator, m: Map) -> None:
    x, filters = required(op.inputs[0]), _dense(required(op.inputs[1]))
    rows, columns = sliding(op, x.shape[1:3], filters.shape[1:3])
    outputs, depth = filters.shape[0], filters.shape[3]
    per_group = outputs * depth // x.shape[3]
    data, weights = m.operand(x), m.operand(np.ascontiguousarray(filters.transpose(1, 2, 3, 0)))
    n, oy, ox, o = m.coordinates()
    total = _bias(op, m, 2, o)
    _, line, pixel, _ = strides(x.shape)
    first = "0u" if depth == x.shape[3] else f"{o} / {per_group}u * {depth}u"
    m.add(f"""\
for (var ky = 0u; ky < {rows.size}u; ky++) {{
    {cell(rows, "ky", oy, "iy")}
    for (var kx = 0u; kx < {columns.size}u; kx++) {{
        {cell(columns, "kx", ox, "ix")}
        let a = {n} * {strides(x.shape)[0]}u + u32(iy) * {line}u + u32(ix) * {pixel}u + {first};
        let w = (ky * {columns.size}u + kx) * {depth * outputs}u + {o};
        for (var c = 0u; c < {depth}u; c++) {{ {total} += {data}[a + c] * {weights}[w + c * {outputs}u]; }}
    }}
}}""")
    m.value = activated(op, total)


@kernel("DEPTHWISE_CONV_2D")
def depthwise_conv_2d(op: Operator, m: Map) -> None:
    x, filters = required(op.inputs[0]), _dense(required(op.inputs[1]))
    rows, columns = sliding(op, x.shape[1:3], filters.shape[1:3])
    outputs = filters.shape[3]
    data, weights = m.operand(x), m.operand(np.ascontiguousarray(filters))
    n, oy, ox, o = m.coordinates()
    total = _bias(op, m, 2, o)
    image, line, pixel, _ = strides(x.shape)
    m.add(f"""\
for (var ky = 0u; ky < {rows.size}u; ky++) {{
    {cell(rows, "ky", oy, "iy")}
    for (var kx = 0u; kx < {columns.size}u; kx++) {{
        {cell(columns, "kx", ox, "ix")}
        let a = {n} * {image}u + u32(iy) * {line}u + u32(ix) * {pixel}u + {o} / {outputs // x.shape[3]}u;
        {total} += {data}[a] * {weights}[(ky * {columns.size}u + kx) * {outputs}u + {o}];
    }}
}}""")
    m.value = activated(op, total)


def _source(window: Window, cell: str, output: str, name: str) -> str:
    """Lines that name the input which reaches an output through a cell, or go on with the next cell."""
    return (
        f"let far_{name} = i32({output}) + {window.before} - i32({cell}) * {window.dilation};\n"
        f"if (far_{name} < 0 || far_{name} % {window.stride} != 0) {{ continue; }}\n"
        f"let {name} = far_{name} / {window.stride};\nif ({name} >= {window.outputs}) {{ continue; }}"
    )


@kernel("TRANSPOSE_CONV")
def transpose_conv(op: Operator, m: Map) -> None:
    x, filters = required(op.inputs[2]), _dense(required(op.inputs[1]))
    rows, columns = result_windows(op, m.shape, x.shape, filters.shape[1:3])
    outputs, _, _, depth = filters.shape
    data, weights = m.operand(x), m.operand(np.ascontiguousarray(filters.transpose(1, 2, 3, 0)))
    n, oy, ox, o = m.coordinates()
    total = _bias(op, m, 3, o)
    image, line, pixel, _ = strides(x.shape)
    m.add(f"""\
for (var ky = 0u; ky < {rows.size}u; ky++) {{
    {_source(rows, "ky", oy, "iy")}
    for (var kx = 0u; kx < {columns.size}u; kx++) {{
        {_source(columns, "kx", ox, "ix")}
        let a = {n} * {image}u + u32(iy) * {line}u + u32(ix) * {pixel}u;
        let w = (ky * {columns.size}u + kx) * {depth * outputs}u + {o};
        for (var c = 0u; c < {depth}u; c++) {{ {total} += {data}[a + c] * {weights}[w + c * {outputs}u]; }}
    }}
}}""")
    m.value = activated(op, total)


@kernel("FULLY_CONNECTED")
def fully_connected(op: Operator, m: Map) -> None:
    x, filters = required(op.inputs[0]), _dense(required(op.inputs[1]))
    outputs, depth = filters.shape
    data, weights = m.operand(x), m.operand(np.ascontiguousarray(filters.T))
    row, o = m.coordinates((m.count // outputs, outputs))
    total = _bias(op, m, 2, o)
    m.add(f"for (var c = 0u; c < {depth}u; c++) {{ {total} += {data}[{row} * {depth}u + c] * {weights}[c * {outputs}u + {o}]; }}")
    m.value = activated(op, total)


@kernel("BATCH_MATMUL")
def batch_matmul(op: Operator, m: Map) -> None:
    a, b = required(op.inputs[0]), required(op.inputs[1])
    if a.dtype != np.float32 or b.dtype != np.float32:
        raise Unsupported("multiplies matrices of float32")
    *batch, row, column = m.coordinates()
    depth = a.shape[-2] if op.options.adj_x else a.shape[-1]
    total = m.var("0.0")
    left = _element(a, batch, *(("k", row) if op.options.adj_x else (row, "k")))
    right = _element(b, batch, *((column, "k") if op.options.adj_y else ("k", column)))
    m.add(f"for (var k = 0u; k < {depth}u; k++) {{ {total} += {m.operand(a)}[{left}] * {m.operand(b)}[{right}]; }}")
    m.value = total


def _element(tensor: Tensor, batch: list[str], row: str, column: str) -> str:
    """The index of an element of a matrix in a batch, which broadcasts."""
    *outer, height, width = strides(tensor.shape)
    own = batch[len(batch) - len(outer) :]
    terms = [(c, step) for c, size, step in zip(own, tensor.shape, outer, strict=False) if size > 1]
    return affine(0, [*terms, (row, height), (column, width)])
