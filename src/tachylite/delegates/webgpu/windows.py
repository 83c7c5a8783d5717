"""Pooling, reductions, softmax, and interpolation: what looks at many elements of one operand."""

from math import prod

import numpy as np

from tachylite.model.graph import Operator
from tachylite.ops.resize import float_taps
from tachylite.ops.window import sliding

from .kernels import Unsupported, activated, constant, kernel, required
from .products import cell
from .shader import Map, affine, literal, strides

LEAST = literal(-np.inf)


@kernel("AVERAGE_POOL_2D", "MAX_POOL_2D")
def pool(op: Operator, m: Map) -> None:
    x = required(op.inputs[0])
    rows, columns = sliding(op, x.shape[1:3], (op.options.filter_height, op.options.filter_width))
    n, oy, ox, c = m.coordinates()
    image, line, pixel, _ = strides(x.shape)
    is_mean = op.op == "AVERAGE_POOL_2D"
    total, count = m.var("0.0" if is_mean else LEAST), m.var("0.0")
    value = f"{m.operand(x)}[{n} * {image}u + u32(iy) * {line}u + u32(ix) * {pixel}u + {c}]"
    m.add(f"""\
for (var ky = 0u; ky < {rows.size}u; ky++) {{
    {cell(rows, "ky", oy, "iy")}
    for (var kx = 0u; kx < {columns.size}u; kx++) {{
        {cell(columns, "kx", ox, "ix")}
        {total} = {f"{total} + {value}" if is_mean else f"max({total}, {value})"};
        {count} += 1.0;
    }}
}}""")
    m.value = activated(op, f"({total} / {count})" if is_mean else total)


REDUCTIONS = {
    "MEAN": ("0.0", "{total} + {x}"),
    "SUM": ("0.0", "{total} + {x}"),
    "REDUCE_MAX": (LEAST, "max({total}, {x})"),
    "REDUCE_MIN": (literal(np.inf), "min({total}, {x})"),
    "REDUCE_PROD": ("1.0", "{total} * {x}"),
}


@kernel(*REDUCTIONS)
def reduce(op: Operator, m: Map) -> None:
    x = required(op.inputs[0])
    if not x.shape:
        raise Unsupported("has nothing to reduce in a scalar")
    axes = {int(a) % len(x.shape) for a in np.asarray(constant(op.inputs[1]).dense()).ravel()}
    start, step = REDUCTIONS[op.op]
    kept = tuple(1 if axis in axes else size for axis, size in enumerate(x.shape))
    base = m.let(affine(0, list(zip(m.coordinates(kept), strides(x.shape), strict=True))))
    total = m.var(start)
    terms = [(f"r{axis}", strides(x.shape)[axis]) for axis in sorted(axes)]
    for axis in sorted(axes):
        m.add(f"for (var r{axis} = 0u; r{axis} < {x.shape[axis]}u; r{axis}++) {{")
    m.add(f"{total} = {step.format(total=total, x=f'{m.operand(x)}[{base} + {affine(0, terms)}]')};" + "}" * len(axes))
    m.value = f"{total} / {literal(prod(x.shape[a] for a in axes))}" if op.op == "MEAN" else total


@kernel("SOFTMAX", "LOG_SOFTMAX")
def softmax(op: Operator, m: Map) -> None:
    x = required(op.inputs[0])
    depth, data = x.shape[-1], m.operand(x)
    beta = literal(op.options.beta if op.op == "SOFTMAX" else 1.0)
    row, most, total = m.let(f"i / {depth}u * {depth}u"), m.var(LEAST), m.var("0.0")
    m.add(f"""\
for (var k = 0u; k < {depth}u; k++) {{ {most} = max({most}, {data}[{row} + k]); }}
for (var k = 0u; k < {depth}u; k++) {{ {total} += exp(({data}[{row} + k] - {most}) * {beta}); }}""")
    distance = f"({data}[i] - {most}) * {beta}"
    m.value = f"exp({distance}) / {total}" if op.op == "SOFTMAX" else f"{distance} - log({total})"


@kernel("RESIZE_BILINEAR")
def resize_bilinear(op: Operator, m: Map) -> None:
    x = required(op.inputs[0])
    constant(op.inputs[1])
    n, oy, ox, c = m.coordinates()
    image, line, pixel, _ = strides(x.shape)
    places, weights = [], []
    for axis, output in ((1, oy), (2, ox)):
        taps = float_taps(op, x.shape[axis], m.shape[axis])
        table = m.operand(np.stack([taps.low, taps.high]).astype(np.uint32))
        shares = m.operand(np.stack([taps.low_weight, taps.high_weight]).astype(np.float32))
        size = m.shape[axis]
        places.append([m.let(f"{table}[{output} + {side * size}u]") for side in range(2)])
        weights.append([m.let(f"{shares}[{output} + {side * size}u]") for side in range(2)])
    start = f"{n} * {image}u + {c}"
    terms = [
        f"{m.operand(x)}[{start} + {places[0][a]} * {line}u + {places[1][b]} * {pixel}u] * {weights[0][a]} * {weights[1][b]}"
        for a in range(2)
        for b in range(2)
    ]
    m.value = " + ".join(terms)


@kernel("L2_NORMALIZATION")
def l2_normalization(op: Operator, m: Map) -> None:
    x = required(op.inputs[0])
    if op.options.fused_activation_function != "NONE":
        raise Unsupported("has no fused activation there")
    depth, data = x.shape[-1], m.operand(x)
    row, total = m.let(f"i / {depth}u * {depth}u"), m.var("0.0")
    m.add(f"for (var k = 0u; k < {depth}u; k++) {{ let v = {data}[{row} + k]; {total} += v * v; }}")
    m.value = f"{data}[i] / sqrt(max({total}, 1e-6))"
