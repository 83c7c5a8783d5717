"""Cases of the matmul family."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from tachylite.model.dtypes import INT2, INT4
from tachylite.model.graph import Blockwise, Quantization, Sparsity, Tensor

from ..harness import Case, Operand, case, constant, out, quantized

rng = np.random.default_rng(1)


def cases() -> Iterator[Case]:
    yield from fully_connected_float()
    yield from fully_connected_integer()
    yield from fully_connected_hybrid()
    yield from fully_connected_sparse()
    yield from batch_matmul()
    yield from tails()


def floats(*shape: int) -> np.ndarray:
    return rng.normal(size=shape).astype(np.float32)


def integers(dtype: Any, *shape: int, least: int | None = None) -> np.ndarray:
    low, high = {INT4: (-8, 7), INT2: (-2, 1)}.get(np.dtype(dtype)) or (np.iinfo(dtype).min, np.iinfo(dtype).max)
    return rng.integers(low if least is None else least, high, shape, endpoint=True).astype(dtype)


def weights(dtype: Any, outputs: int, inputs: int, per_channel: bool = False, zero_point: int = 0) -> Operand:
    scale = np.linspace(0.01, 0.03, outputs) if per_channel else 0.02
    # The specification keeps int8 weights above -128, and LiteRT's hybrid kernels for x86 rely on it.
    least = -127 if dtype == np.int8 else None
    return constant(integers(dtype, outputs, inputs, least=least), scale, zero_point, dtype=dtype)


def bias(dtype: Any, outputs: int, scale: Any = 0.001) -> Operand:
    return constant(rng.integers(-2000, 2000, outputs), scale, dtype=dtype)


def fully_connected_float() -> Iterator[Case]:
    x, w, b = floats(3, 7), constant(floats(5, 7)), constant(floats(5))
    yield case("f32", "FULLY_CONNECTED", x, w, b)
    yield case("f32-relu6-no-bias", "FULLY_CONNECTED", x, w, fused_activation_function="RELU6")
    yield case("f32-flattened", "FULLY_CONNECTED", floats(2, 3, 7), w, b)
    yield case("f32-keep-dims", "FULLY_CONNECTED", floats(2, 3, 7), w, b, keep_num_dims=True)
    yield case("f32-run-time-weights", "FULLY_CONNECTED", x, floats(5, 7), None)
    # LiteRT's reference kernels take no float16 weights; its default delegate does.
    half = w.value.astype(np.float16)
    yield case("f16-weights", "FULLY_CONNECTED", x, constant(half), b, expected=[x @ half.astype(np.float32).T + b.value])


def tails() -> Iterator[Case]:
    """Sizes that fill no tile of the native kernels."""
    for rows in (1, 7, 90):
        x, w = floats(rows, 53), floats(37, 53)
        yield case(f"f32-tails-{rows}", "FULLY_CONNECTED", x, constant(w), constant(floats(37)), rtol=1e-4, atol=1e-4)
        yield case(f"f32-tails-{rows}-run-time", "FULLY_CONNECTED", x, w, rtol=1e-4, atol=1e-4)
    for adj_x, adj_y in ((False, False), (False, True), (True, False)):
        x, y = (floats(3, 1, *((50, 90) if adj_x else (90, 50))), floats(2, *((37, 50) if adj_y else (50, 37))))
        name = f"f32-tails-{int(adj_x)}{int(adj_y)}"
        yield case(name, "BATCH_MATMUL", x, y, adj_x=adj_x, adj_y=adj_y, rtol=1e-4, atol=1e-4)
        yield case(f"{name}-constant", "BATCH_MATMUL", x, constant(y[:1]), adj_x=adj_x, adj_y=adj_y, rtol=1e-4, atol=1e-4)

    yield from integer_tails()


def integer_tails() -> Iterator[Case]:
    y8, y16 = {"scale": 0.1, "zero_point": -5}, {"scale": 400.0}
    for rows, outputs, depth in ((1, 37, 53), (7, 24, 53), (100, 37, 640), (1, 5, 2050), (3, 33, 1100)):
        x = {kind: quantized(integers(kind, rows, depth), 0.05, 3 if kind == np.int8 else 0, dtype=kind) for kind in (np.int8, np.int16)}
        name = f"tails-{rows}-{outputs}-{depth}"
        for kernel in (np.int8, INT4):
            w, b = weights(kernel, outputs, depth, per_channel=True), bias(np.int32, outputs, np.linspace(0.01, 0.03, outputs) * 0.05)
            yield case(f"{name}-s8-{np.dtype(kernel).name}", "FULLY_CONNECTED", x[np.int8], w, b, out=out(np.int8, **y8))
        w, wide = weights(np.int8, outputs, depth), bias(np.int64, outputs)
        yield case(f"{name}-s16-s8", "FULLY_CONNECTED", x[np.int16], w, wide, out=out(np.int16, **y16))
        w = weights(np.int16, outputs, depth)
        yield case(f"{name}-s16-s16", "FULLY_CONNECTED", x[np.int16], w, wide, out=out(np.int16, 60000.0), quantized_bias_type="INT64")
    x, w = quantized(integers(np.int8, 7, 53), 0.05, 3), quantized(integers(np.int8, 20, 53, least=-127), 0.02)
    yield case("s8-run-time", "FULLY_CONNECTED", x, w, bias(np.int32, 20), out=out(np.int8, **y8))
    w = Operand(w.value, w.quantization, constant=True)
    yield case("s8-bias-at-run-time", "FULLY_CONNECTED", x, w, quantized(np.arange(20), 0.001, dtype=np.int32), out=out(np.int8, **y8))
    for adj_x, adj_y in ((False, False), (False, True), (True, False), (True, True)):
        for kind, zero_points in ((np.int8, (3, -2)), (np.int16, (0, 0))):
            left = integers(kind, 3, 1, *((50, 101) if adj_x else (101, 50)))
            right = integers(kind, 2, *((37, 50) if adj_y else (50, 37)))
            name = f"tails-{np.dtype(kind).name}-{int(adj_x)}{int(adj_y)}"
            x, y = (quantized(v, 0.05, zero, dtype=kind) for v, zero in zip((left, right), zero_points, strict=True))
            options = {"adj_x": adj_x, "adj_y": adj_y}
            result = y8 if kind == np.int8 else {"scale": 60000.0}
            yield case(name, "BATCH_MATMUL", x, y, out=out(kind, **result), **options)
            fixed = Operand(right[:1], y.quantization, constant=True)
            yield case(f"{name}-constant", "BATCH_MATMUL", x, fixed, out=out(kind, **result), **options)
            fixed = Operand(right, y.quantization, constant=True)
            yield case(f"{name}-constants", "BATCH_MATMUL", x, fixed, out=out(kind, **result), **options)


def fully_connected_integer() -> Iterator[Case]:
    x = {
        np.int8: quantized(integers(np.int8, 4, 33), 0.05, 3),
        np.int16: quantized(integers(np.int16, 4, 33), 0.05, dtype=np.int16),
        np.uint8: quantized(integers(np.uint8, 4, 33), 0.05, 120, dtype=np.uint8),
    }
    for per_channel in (False, True):
        channels = "-per-channel" if per_channel else ""
        scales = np.linspace(0.01, 0.03, 6) * 0.05 if per_channel else 0.001
        for kernel in (np.int8, INT4, INT2):
            name = f"s8-{np.dtype(kernel).name}{channels}"
            w, b, y = weights(kernel, 6, 33, per_channel), bias(np.int32, 6, scales), out(np.int8, 0.1, -5, (4, 6))
            yield case(name, "FULLY_CONNECTED", x[np.int8], w, b, out=y, fused_activation_function="RELU")
        y = out(np.int16, 0.1, shape=(4, 6))
        wide = bias(np.int64, 6, scales)
        yield case(f"s16-s8{channels}", "FULLY_CONNECTED", x[np.int16], weights(np.int8, 6, 33, per_channel), wide, out=y)
        narrow = bias(np.int32, 6, scales)
        w = weights(np.int8, 6, 33, per_channel)
        yield case(f"s16-s8-i32{channels}", "FULLY_CONNECTED", x[np.int16], w, narrow, out=y, quantized_bias_type="INT32")
        y = out(np.int16, 300.0, shape=(4, 6))
        w = weights(np.int16, 6, 33, per_channel)
        yield case(f"s16-s16{channels}", "FULLY_CONNECTED", x[np.int16], w, wide, out=y, quantized_bias_type="INT64")
    y = out(np.int8, 0.1, -5, (4, 6))
    yield case("s8-zero-point", "FULLY_CONNECTED", x[np.int8], weights(np.int8, 6, 33, zero_point=7), bias(np.int32, 6), out=y)
    yield case("s8-no-inputs", "FULLY_CONNECTED", quantized(np.zeros((4, 0)), 0.05), weights(np.int8, 6, 0), out=y)
    w = weights(np.uint8, 6, 33, zero_point=130)
    yield case("u8", "FULLY_CONNECTED", x[np.uint8], w, bias(np.int32, 6), out=out(np.uint8, 0.1, 100, (4, 6)))
    yield case("u8-s16", "FULLY_CONNECTED", x[np.uint8], w, bias(np.int32, 6), out=out(np.int16, 0.01, shape=(4, 6)))
    for rows in (1, 4):
        operand = quantized(integers(np.uint8, rows, 32), 0.05, 128, dtype=np.uint8)
        w, y = weights(np.uint8, 8, 32, zero_point=128), [out(np.int16, 0.01, shape=(rows, 8)), workspace(rows, 32)]
        name = f"u8-shuffled-{rows}"
        yield case(name, "FULLY_CONNECTED", operand, w, bias(np.int32, 8), out=y, weights_format="SHUFFLED4x16INT8")


def workspace(*shape: int) -> Tensor:
    return Tensor("workspace", shape, np.dtype(np.uint8))


def fully_connected_hybrid() -> Iterator[Case]:
    x, b = floats(4, 32), constant(floats(6))
    for kernel in (np.int8, np.uint8, INT4, INT2):
        yield case(f"hybrid-{np.dtype(kernel).name}", "FULLY_CONNECTED", x, weights(kernel, 6, 32), b, out=out(np.float32, shape=(4, 6)))
    for name, options in (
        ("", {}),
        ("-asymmetric", {"asymmetric_quantize_inputs": True}),
        ("-tanh", {"fused_activation_function": "TANH"}),
    ):
        yield case(f"hybrid-per-channel{name}", "FULLY_CONNECTED", x, weights(np.int8, 6, 32, per_channel=True), b, **options)
    # Several tiles of the native kernel, with a part of one at every end.
    yield case("hybrid-tiles", "FULLY_CONNECTED", floats(11, 33), weights(np.int8, 37, 33, per_channel=True), constant(floats(37)))
    yield case("hybrid-zeros", "FULLY_CONNECTED", 0 * x, weights(np.int8, 6, 32), b)
    # A range of 255 makes steps of 1, so that every other element lies in the middle between two.
    middles = np.linspace(-100, 155, 511, dtype=np.float32)[None]
    yield case("hybrid-asymmetric-ties", "FULLY_CONNECTED", middles, weights(np.int8, 6, 511), b, asymmetric_quantize_inputs=True)
    yield lowest_weights()
    yield blockwise(x)


def lowest_weights() -> Case:
    """uint8 weights are the bytes of int8 ones, whatever their zero point; byte 128 is -128."""
    x = -np.abs(floats(4, 32))
    steps = np.rint(x.astype(np.float64) * 127 / np.abs(x).max(axis=1, keepdims=True))
    kernel = integers(np.uint8, 6, 32)
    kernel[:, ::5] = 128
    kernel_steps = np.where(kernel < 128, kernel.astype(np.float64), kernel - 256.0)
    # LiteRT's kernel for x86 multiplies |x| by the weight with the sign of x, and the byte -128 has no negative.
    expected = steps @ kernel_steps.T * np.abs(x).max(axis=1, keepdims=True) / 127 * 0.02
    operand = constant(kernel, 0.02, 130, dtype=np.uint8)
    return case(
        "hybrid-uint8-lowest", "FULLY_CONNECTED", x, operand, out=out(np.float32, shape=(4, 6)), expected=[expected.astype(np.float32)]
    )


def blockwise(x: np.ndarray) -> Case:
    steps, scales = integers(INT4, 6, 32), np.linspace(0.01, 0.03, 12, dtype=np.float16).reshape(6, 2)
    blocks = Blockwise(Tensor("scales", scales.shape, scales.dtype, data=scales), None, 16)
    kernel = Operand(steps, Quantization(np.zeros(0, np.float32), np.zeros(0, np.int64), details=blocks), constant=True)
    # LiteRT's reference kernel forgets the scales of the blocks and answers with the bias.
    expected = x @ (steps.astype(np.float32) * np.repeat(scales.astype(np.float32), 16, axis=1)).T
    result = case("blockwise", "FULLY_CONNECTED", x, kernel, out=out(np.float32, shape=(4, 6)), expected=[expected], atol=0.02)
    result.graph.tensors.append(blocks.scales)
    return result


def fully_connected_sparse() -> Iterator[Case]:
    """LiteRT stores blocks of a row: of 4 elements in float, of 16 in int8."""
    x, keep = floats(4, 32), rng.integers(0, 2, (6, 8)).repeat(4, axis=1)
    yield compressed(case("sparse-f32", "FULLY_CONNECTED", x, constant(floats(6, 32) * keep.astype(np.float32)), constant(floats(6))), 4)
    keep = rng.integers(0, 2, (6, 2)).repeat(16, axis=1)
    for per_channel in (False, True):
        kernel = weights(np.int8, 6, 32, per_channel)
        kernel = Operand((kernel.value * keep).astype(np.int8), kernel.quantization, constant=True)
        name = "-per-channel" if per_channel else ""
        q, b = quantized(integers(np.int8, 4, 32), 0.05, 3), bias(np.int32, 6, np.linspace(0.01, 0.03, 6) * 0.05 if per_channel else 0.001)
        yield compressed(case(f"sparse-s8{name}", "FULLY_CONNECTED", q, kernel, b, out=out(np.int8, 0.1, -5, (4, 6))), 16)
        yield compressed(case(f"sparse-hybrid{name}", "FULLY_CONNECTED", x, kernel, constant(floats(6))), 16)


def compressed(dense: Case, block: int) -> Case:
    """The case with its weights stored by rows of the blocks that are not zero."""
    kernel = dense.graph.operators[0].inputs[1]
    blocks = kernel.data.reshape(kernel.shape[0], -1, block)
    stored = blocks.any(axis=2)
    segments = np.append(0, np.cumsum(stored.sum(axis=1)))
    compression = segments.astype(np.int32), np.nonzero(stored)[1].astype(np.int32)
    kernel.sparsity = Sparsity((0, 1, 2), (1,), (kernel.shape[0], compression, block))
    kernel.data = blocks[stored].reshape(-1)
    return dense


def batch_matmul() -> Iterator[Case]:
    yield case("f32", "BATCH_MATMUL", floats(2, 3, 4), floats(2, 4, 5))
    yield case("f32-adjoint", "BATCH_MATMUL", floats(2, 4, 3), floats(2, 5, 4), adj_x=True, adj_y=True)
    yield case("f32-broadcast", "BATCH_MATMUL", floats(3, 1, 3, 4), constant(floats(2, 4, 5)))
    x, y = quantized(integers(np.int8, 2, 3, 9), 0.05, 3), quantized(integers(np.int8, 2, 9, 5), 0.02, -2)
    yield case("s8", "BATCH_MATMUL", x, y, out=out(np.int8, 0.1, -5, (2, 3, 5)))
    yield case("s8-i32", "BATCH_MATMUL", x, y, out=out(np.int32, shape=(2, 3, 5)))
    x, y = (quantized(integers(np.int16, 2, *shape), 0.01, dtype=np.int16) for shape in ((3, 9), (5, 9)))
    yield case("s16", "BATCH_MATMUL", x, y, adj_y=True, out=out(np.int16, 90.0, shape=(2, 3, 5)))
    y = quantized(integers(np.int8, 9, 5), 0.02)
    yield case("s16-s8", "BATCH_MATMUL", x, y, out=out(np.int16, 2.0, shape=(2, 3, 5)))
    for asymmetric in (False, True):
        name = "hybrid-asymmetric" if asymmetric else "hybrid"
        w = constant(integers(np.int8, 2, 9, 5), 0.02, dtype=np.int8)
        yield case(name, "BATCH_MATMUL", floats(2, 3, 9), w, asymmetric_quantize_inputs=asymmetric)
        one = constant(integers(np.int8, 37, 9, least=-127), np.linspace(0.01, 0.03, 37), dtype=np.int8)
        yield case(f"{name}-one-matrix", "BATCH_MATMUL", floats(2, 3, 9), one, adj_y=True, asymmetric_quantize_inputs=asymmetric)
    w = constant(integers(np.int8, 2, 5, 9, least=-127), 0.02, dtype=np.int8)
    yield case("hybrid-adjoint", "BATCH_MATMUL", floats(2, 9, 3), w, adj_x=True, adj_y=True)
