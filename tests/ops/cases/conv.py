"""Cases of the convolution families: every combination of types on one geometry, every geometry in float32 and int8."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..harness import Case, Operand, case, constant, out, quantized

rng = np.random.default_rng(0)

_ZERO_POINTS = {np.int8: (-5, 3), np.uint8: (120, 130), np.int16: (0, 0)}


def _weights(shape: tuple[int, ...], kind: str, axis: int) -> Operand:
    """Filters: `f32`, `u8`, or `s8` and `s4` with one scale, or with one per channel where `kind` ends in `pc`."""
    if kind == "f32":
        return constant(rng.normal(size=shape).astype(np.float32))
    if kind == "u8":
        return constant(rng.integers(0, 256, shape), 0.02, 125, dtype=np.uint8)
    scales = rng.uniform(0.01, 0.03, shape[axis]) if kind.endswith("pc") else 0.02
    low, high = (-7, 8) if kind.startswith("s4") else (-127, 128)
    values = rng.integers(low, high, shape).astype(np.int8)
    return constant(values.astype("int4") if kind.startswith("s4") else values, scales, axis=axis)


def _layers(
    op: str, shape: tuple[int, ...], filters: tuple[int, ...], channels: int, axis: int
) -> Iterator[tuple[str, list[Any], dict[str, Any]]]:
    """Name, operands (input, filters, bias) and options of every combination of types."""
    x = rng.normal(size=shape).astype(np.float32)
    bias = constant(rng.normal(size=channels).astype(np.float32))
    kinds = ["f32", "s8", "s8_pc", "s4", "s4_pc"] if op == "CONV_2D" else ["f32", "s8_pc"]
    for kind in kinds:
        yield f"f32_{kind}", [x, _weights(filters, kind, axis), bias], {}
    integers = [(np.uint8, "u8"), (np.int8, "s8"), (np.int8, "s8_pc"), (np.int16, "s8"), (np.int16, "s8_pc")]
    for dtype, kind in integers + ([(np.int8, "s4_pc")] if op == "CONV_2D" else []):
        info = np.iinfo(dtype)
        x_zero, y_zero = _ZERO_POINTS[dtype]
        weights = _weights(filters, kind, axis)
        x_scale, y_scale = (0.05, 2e-1) if info.bits == 8 else (2e-4, 4e-3)
        bias_scale = x_scale * weights.quantization.scale
        bias = constant(rng.integers(-3000, 3000, channels), bias_scale, dtype=np.int64 if info.bits == 16 else np.int32)
        operands = [quantized(rng.integers(info.min, info.max + 1, shape), x_scale, x_zero, dtype=dtype), weights, bias]
        yield f"{np.dtype(dtype).name}_{kind}", operands, {"out": out(dtype, y_scale, y_zero)}
        if info.bits == 16 and op != "DEPTHWISE_CONV_2D":
            operands = [*operands[:2], constant(bias.value.astype(np.int32), bias_scale)]
            yield f"int16_{kind}_bias32", operands, {"out": out(dtype, y_scale), "quantized_bias_type": "INT32"}


def _float_layer(shape: tuple[int, ...], filters: tuple[int, ...], channels: int) -> list[Any]:
    normal = [rng.normal(size=s).astype(np.float32) for s in (shape, filters, (channels,))]
    return [normal[0], constant(normal[1]), constant(normal[2])]


def cases() -> Iterator[Case]:
    yield from _conv_2d()
    yield from _depthwise_conv_2d()
    yield from _transpose_conv()
    yield from _conv_3d()
    yield from _integer_tails()


_GEOMETRIES = {
    "valid": {"padding": "VALID"},
    "strides": {"stride_h": 2, "stride_w": 3},
    "strides_valid": {"stride_h": 3, "stride_w": 2, "padding": "VALID"},
    "dilation": {"dilation_h_factor": 2, "dilation_w_factor": 3},
    "relu": {"fused_activation_function": "RELU"},
    "relu_n1_to_1": {"fused_activation_function": "RELU_N1_TO_1"},
}


def _conv_2d() -> Iterator[Case]:
    for name, operands, options in _layers("CONV_2D", (2, 7, 6, 4), (6, 3, 2, 4), 6, 0):
        yield case(name, "CONV_2D", *operands, stride_h=1, stride_w=1, **options, rtol=1e-4, atol=1e-4)
        if not name.startswith("f32_s"):
            groups = [operands[0], _slice(operands[1], (..., slice(2))), operands[2]]
            yield case(f"{name}_groups", "CONV_2D", *groups, stride_h=2, stride_w=1, **_again(options), rtol=1e-4, atol=1e-5)
        if name == "int8_s8_pc":
            for geometry, more in _GEOMETRIES.items():
                yield case(f"{name}_{geometry}", "CONV_2D", *operands, **{"stride_h": 1, "stride_w": 1, **_again(options), **more})
    for geometry, more in _GEOMETRIES.items():
        layer = _float_layer((1, 9, 10, 3), (4, 3, 3, 3), 4)
        yield case(geometry, "CONV_2D", *layer, **{"stride_h": 1, "stride_w": 1, **more}, rtol=1e-4, atol=1e-5)
    yield case("pointwise", "CONV_2D", *_float_layer((3, 4, 5, 8), (7, 1, 1, 8), 7), stride_h=1, stride_w=1, rtol=1e-4, atol=1e-5)
    yield case("even_filter", "CONV_2D", *_float_layer((1, 5, 5, 1), (1, 4, 2, 1), 1), stride_h=2, stride_w=2, rtol=1e-4, atol=1e-5)
    yield case("filter_beyond_input", "CONV_2D", *_float_layer((1, 2, 3, 2), (3, 7, 5, 2), 3), stride_h=1, stride_w=1, rtol=1e-4, atol=1e-5)
    yield case("bands", "CONV_2D", *_float_layer((1, 64, 64, 32), (2, 3, 3, 32), 2), stride_h=1, stride_w=1, rtol=1e-3, atol=1e-4)
    for geometry, more in _GEOMETRIES.items():
        layer = _float_layer((2, 11, 13, 6), (37, 3, 3, 6), 37)
        yield case(f"tails_{geometry}", "CONV_2D", *layer, **{"stride_h": 1, "stride_w": 1, **more}, rtol=1e-4, atol=1e-4)
    for height, width, channels, outputs in ((12, 14, 24, 40), (9, 17, 37, 19), (33, 22, 16, 16), (6, 5, 64, 80)):
        for geometry in ("valid", "relu"):
            layer = _float_layer((2, height, width, channels), (outputs, 3, 3, channels), outputs)
            options = {"stride_h": 1, "stride_w": 1, **_GEOMETRIES[geometry]}
            yield case(f"winograd_{height}x{width}x{channels}_{geometry}", "CONV_2D", *layer, **options, rtol=1e-4, atol=3e-4)
    for outputs, size in ((1, 5), (3, 9)):
        for geometry, more in _GEOMETRIES.items():
            layer = _float_layer((2, 11, 23, 13), (outputs, size, size, 13), outputs)
            options = {"stride_h": 1, "stride_w": 1, **more}
            yield case(f"few_outputs_{size}x{size}_{geometry}", "CONV_2D", *layer, **options, rtol=1e-4, atol=1e-4)
    x, filters, bias = _float_layer((1, 6, 7, 6), (40, 3, 2, 3), 40)
    yield case("tails_groups", "CONV_2D", x, filters, bias, stride_h=1, stride_w=1, rtol=1e-4, atol=1e-4)
    yield case("filters_at_run_time", "CONV_2D", x, filters.value, bias.value, stride_h=1, stride_w=1, rtol=1e-4, atol=1e-4)
    x, filters, bias = _float_layer((1, 2, 2, 3), (4, 1, 1, 3), 4)
    # LiteRT reads float16 filters as if they were float32.
    half = filters.value.astype(np.float16)
    expected = [x @ half[:, 0, 0].T.astype(np.float32) + bias.value]
    yield case("half_filter", "CONV_2D", x, constant(half), bias, stride_h=1, stride_w=1, expected=expected)


def _integer_tails() -> Iterator[Case]:
    """Sizes that fill no tile of the native kernels, several blocks of pixels, sums beyond 32 bits."""
    unit = {"stride_h": 1, "stride_w": 1}
    for op, shape, size, outputs, more in (
        ("CONV_2D", (2, 13, 11, 5), (3, 3), 23, {}),
        ("CONV_2D", (2, 13, 11, 5), (3, 3), 23, {"stride_h": 2, "stride_w": 2}),
        ("CONV_2D", (1, 13, 11, 7), (2, 3), 40, {"dilation_h_factor": 2, "dilation_w_factor": 2}),
        ("CONV_2D", (1, 5, 230, 3), (3, 5), 8, {"padding": "VALID"}),
        ("CONV_2D", (3, 9, 11, 37), (1, 1), 24, {}),
        ("CONV_2D", (1, 9, 11, 37), (1, 1), 9, {"stride_h": 2, "stride_w": 3}),
        ("CONV_2D", (1, 2, 3, 2100), (1, 1), 33, {}),
        ("CONV_2D", (1, 3, 7, 700), (3, 3), 17, {}),
        ("TRANSPOSE_CONV", (1, 8, 9, 19), (4, 3), 21, {"stride_h": 2, "stride_w": 2}),
        ("TRANSPOSE_CONV", (1, 8, 9, 19), (2, 1), 5, {"stride_h": 3, "stride_w": 3}),
    ):
        for name, operands, options in _layers(op, shape, (outputs, *size, shape[-1]), outputs, 0):
            if name.startswith("f32") or (name.endswith("_s8") and "int16" not in name):
                continue
            choices = {**unit, **options, **more}
            label = f"{name}_tails_" + "_".join(map(str, [*shape, *size, outputs, *more.values()]))
            if op == "TRANSPOSE_CONV":
                result = [shape[0], *(n * choices[s] for n, s in zip(shape[1:3], ("stride_h", "stride_w"), strict=True)), outputs]
                operands = [constant(result, dtype=np.int32), operands[1], operands[0], operands[2]]
            yield case(label, op, *operands, **choices)
    # Scales of channels whose filters are nearly 0: their multipliers are below 2**-29.
    x, filters, bias = next(
        operands for name, operands, _ in _layers("CONV_2D", (1, 4, 5, 8), (20, 1, 1, 8), 20, 0) if name == "int8_s8_pc"
    )
    scales = np.where(np.arange(20) % 3, filters.quantization.scale, np.float32(2.0**-31))
    few = [x, constant(filters.value, scales), constant(bias.value, scales * 0.05)]
    yield case("int8_vanishing_scales", "CONV_2D", *few, **unit, out=out(np.int8, 0.2, 3))
    # Channels without filters, whose biases are what a quantizer makes of them: beyond the sums that are quick to round.
    dead = np.arange(20) % 3 == 1
    filters_of_few = np.where(dead[:, None, None, None], 0, filters.value).astype(np.int8)
    huge = np.where(dead, rng.integers(2**29, 2**30, 20) * rng.choice([-1, 1], 20), bias.value).astype(np.int32)
    few = [x, constant(filters_of_few, filters.quantization.scale), constant(huge, filters.quantization.scale * 0.05)]
    for scale in (0.2, 3e6):
        yield case(f"int8_empty_filters_{scale}", "CONV_2D", *few, **unit, out=out(np.int8, scale, 3))
    for name, (x, filters, bias), options in _layers("CONV_2D", (1, 6, 5, 12), (10, 3, 3, 4), 10, 0):
        if name in ("uint8_u8", "int8_s8", "int16_s8"):
            grouped = [x, Operand(filters.value[:9], filters.quantization, True), Operand(bias.value[:9], bias.quantization, True)]
            yield case(f"{name}_three_groups", "CONV_2D", *grouped, **unit, **options)
        if name in ("uint8_u8", "int8_s8", "int16_s8_bias32"):
            x = _slice(x, np.s_[..., :4])
            at_run_time = [x, Operand(filters.value, filters.quantization), bias]
            yield case(f"{name}_filters_at_run_time", "CONV_2D", *at_run_time, **unit, **_again(options))


def _slice(operand: Operand, index: Any) -> Operand:
    return Operand(np.ascontiguousarray(operand.value[index]), operand.quantization, operand.constant)


def _again(options: dict[str, Any]) -> dict[str, Any]:
    """The same options with an output tensor of their own."""
    if "out" not in options:
        return options
    old = options["out"]
    return {**options, "out": out(old.dtype, old.scale, old.zero_point)}


def _depthwise_conv_2d() -> Iterator[Case]:
    op = "DEPTHWISE_CONV_2D"
    for name, operands, options in _layers(op, (2, 7, 6, 4), (1, 3, 2, 8), 8, 3):
        yield case(name, op, *operands, stride_h=1, stride_w=1, depth_multiplier=2, **options, rtol=1e-4, atol=1e-4)
        if name == "int8_s8_pc":
            for geometry, more in _GEOMETRIES.items():
                choices = {"stride_h": 1, "stride_w": 1, "depth_multiplier": 2, **_again(options), **more}
                yield case(f"{name}_{geometry}", op, *operands, **choices)
    for geometry, more in _GEOMETRIES.items():
        layer = _float_layer((1, 9, 10, 5), (1, 3, 3, 5), 5)
        yield case(geometry, op, *layer, **{"stride_h": 1, "stride_w": 1, "depth_multiplier": 1, **more})
    for size in (3, 5):
        for geometry, more in _GEOMETRIES.items():
            layer = _float_layer((2, 11, 14, 37), (1, size, size, 37), 37)
            options = {"stride_h": 1, "stride_w": 1, "depth_multiplier": 1, **more}
            yield case(f"tails_{size}x{size}_{geometry}", op, *layer, **options, rtol=1e-4, atol=1e-4)
    even = _float_layer((1, 11, 15, 16), (1, 3, 3, 16), 16)
    yield case("stride_2", op, *even, stride_h=2, stride_w=2, depth_multiplier=1, rtol=1e-4, atol=1e-4)
    yield case("no_bias", op, *_float_layer((1, 4, 4, 2), (1, 3, 3, 2), 2)[:2], stride_h=1, stride_w=1, depth_multiplier=1)
    yield from _depthwise_shapes()


def _depthwise_shapes() -> Iterator[Case]:
    """Integer filters of all sizes: even and odd, single rows and columns; channels that fill panels and that do not."""
    op = "DEPTHWISE_CONV_2D"
    shapes = [(1, 1, 3), (1, 4, 8), (3, 1, 16), (4, 1, 20), (2, 2, 5), (3, 3, 8), (3, 3, 24), (5, 5, 37), (4, 6, 1), (3, 3, 100)]
    for height, width, channels in shapes:
        for name, operands, options in _layers(op, (2, 9, 11, channels), (1, height, width, channels), channels, 3):
            if name.startswith("f32"):
                continue
            for geometry, more in {"same": {}, **(_GEOMETRIES if name == "int8_s8_pc" else {})}.items():
                choices = {"stride_h": 1, "stride_w": 1, "depth_multiplier": 1, **_again(options), **more}
                yield case(f"{name}_{height}x{width}x{channels}_{geometry}", op, *operands, **choices)
    for name, operands, options in _layers(op, (1, 6, 70, 1), (1, 3, 3, 40), 40, 3):
        if not name.startswith("f32"):
            yield case(f"{name}_one_channel", op, *operands, stride_h=1, stride_w=1, depth_multiplier=40, **options)
    x, weights, bias = _integer_layer((1, 5, 6, 16), (1, 3, 3, 16), 16)
    options: dict[str, Any] = {"stride_h": 1, "stride_w": 1, "depth_multiplier": 1}
    yield case("integer_no_bias", op, x, weights, **options, out=out(np.int8, 0.2, 3))
    yield case(
        "integer_filters_at_run_time", op, x, Operand(weights.value, weights.quantization), bias, **options, out=out(np.int8, 0.2, 3)
    )
    large = constant(rng.integers(-(2**30), 2**30, 16), bias.quantization.scale, dtype=np.int32)
    yield case("integer_large_bias", op, x, weights, large, **options, out=out(np.int8, 200.0, 3))
    # Multipliers around 1/2, 1 and 2.
    steep = constant(weights.value, weights.quantization.scale * np.tile([1, 1 / 8], 8), axis=3)
    yield case("integer_steep_channels", op, x, steep, bias, **options, out=out(np.int8, 1e-3, 3))
    yield case("integer_scaled_up", op, x, weights, bias, **options, out=out(np.int8, 1e-4, 3))
    yield case("integer_scaled_down", op, x, weights, bias, **options, out=out(np.int8, 1e6, 3))
    # LiteRT knows no depthwise convolution with 4-bit filters. These results are whole steps, which need no rounding.
    nibbles = rng.integers(-2, 2, (1, 1, 2, 16)) * 4
    centred = x.value.astype(np.int32) + 5
    steps = (centred[:, :, :-1] * nibbles[0, 0, 0] + centred[:, :, 1:] * nibbles[0, 0, 1]) // 4 + 3
    expected, options["padding"] = [np.clip(steps, -128, 127).astype(np.int8)], "VALID"
    yield case("int4", op, x, constant(nibbles.astype("int4"), 0.5), None, **options, out=out(np.int8, 0.1, 3), expected=expected)


def _integer_layer(shape: tuple[int, ...], filters: tuple[int, ...], channels: int) -> list[Operand]:
    weights = _weights(filters, "s8_pc", 3)
    x = quantized(rng.integers(-128, 128, shape), 0.05, -5)
    return [x, weights, constant(rng.integers(-3000, 3000, channels), 0.05 * weights.quantization.scale, dtype=np.int32)]


def _transpose_conv() -> Iterator[Case]:
    op = "TRANSPOSE_CONV"
    shape = constant([2, 8, 7, 6], dtype=np.int32)
    strides = {"stride_h": 2, "stride_w": 3}
    for name, (x, filters, bias), options in _layers(op, (2, 4, 3, 4), (6, 3, 2, 4), 6, 0):
        yield case(name, op, shape, filters, x, bias, **strides, **options, rtol=1e-4, atol=1e-4)
        yield case(f"{name}_no_bias", op, shape, filters, x, **strides, **_again(options), rtol=1e-4, atol=1e-4)
    x, filters, bias = _float_layer((1, 3, 4, 2), (3, 3, 5, 2), 3)
    valid = constant([1, 7, 11, 3], dtype=np.int32)
    options = {"stride_h": 2, "stride_w": 2, "padding": "VALID", "fused_activation_function": "RELU6"}
    yield case("valid", op, valid, filters, x, bias, **options, rtol=1e-4, atol=1e-5)
    same = constant([1, 3, 4, 3], dtype=np.int32)
    yield case("stride_1", op, same, filters, x, bias, stride_h=1, stride_w=1, rtol=1e-4, atol=1e-5)
    tails = constant([2, 21, 17, 19], dtype=np.int32)
    layer = _float_layer((2, 11, 9, 5), (19, 4, 3, 5), 19)
    yield case("tails", op, tails, layer[1], layer[0], layer[2], stride_h=2, stride_w=2, rtol=1e-4, atol=1e-4)
    gaps = constant([1, 9, 12, 3], dtype=np.int32)
    yield case("strides_beyond_filter", op, gaps, _slice(filters, np.s_[:, :1, :2]), x, bias, stride_h=3, stride_w=3, rtol=1e-4, atol=1e-5)
    yield case("shape_at_run_time", op, same.value, filters, x, None, stride_h=1, stride_w=1, out=out(np.float32), rtol=1e-4, atol=1e-5)


_GEOMETRIES_3D = {
    "same": {},
    "valid": {"padding": "VALID"},
    "strides": {"stride_d": 2, "stride_h": 1, "stride_w": 3},
    "dilation": {"dilation_d_factor": 2, "dilation_h_factor": 1, "dilation_w_factor": 2, "padding": "VALID"},
    "relu6": {"fused_activation_function": "RELU6"},
}


def _conv_3d() -> Iterator[Case]:
    for geometry, more in _GEOMETRIES_3D.items():
        options = {"stride_d": 1, "stride_h": 1, "stride_w": 1, **more}
        x, filters, bias = _float_layer((2, 5, 6, 7, 3), (2, 3, 3, 3, 4), 4)
        forward = case(geometry, "CONV_3D", x, filters, bias, **options, rtol=1e-4, atol=1e-5)
        yield forward
        y = rng.normal(size=forward.graph.outputs[0].shape).astype(np.float32)
        shape, bias = constant(x.shape, dtype=np.int32), constant(rng.normal(size=3).astype(np.float32))
        yield case(geometry, "CONV_3D_TRANSPOSE", shape, filters, y, bias, **options, rtol=1e-4, atol=1e-5)
    yield case("no_bias", "CONV_3D", *_float_layer((1, 2, 3, 4, 2), (1, 2, 2, 2, 3), 3)[:2], stride_d=1, stride_h=1, stride_w=1)
