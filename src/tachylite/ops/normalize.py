"""Normalizations by local norms: L2_NORMALIZATION over the last axis, LOCAL_RESPONSE_NORMALIZATION over neighbouring channels."""

from ctypes import c_float, c_int32
from math import prod
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from tachylite.model.graph import Operator

from . import gemmlowp, reduce_gradient
from .arguments import SUFFIXES, check_dimensions, check_type, version_by_type
from .fixedpoint import rescale, saturate
from .integer import UNIT
from .kernel import Params, kernel
from .permute import last_stays
from .registry import OpDef, Spec, register
from .scales import centred, require_output_quantization


def infer_l2_normalization(op: Operator, x: Spec) -> Spec:
    """Same shape and type: float32, uint8 or int8, the latter with the scale 1/128 and 0 in the middle."""
    check_dimensions(op, x)
    check_type(op, x)
    if op.options.fused_activation_function != "NONE":
        raise op.error(
            f"has the fused activation {op.options.fused_activation_function}, none is defined; put it in an operator of its own"
        )
    if x.dtype != np.float32:
        require_output_quantization(op, 1 / 128, 128 if x.dtype == np.uint8 else 0)
    return Spec(x.shape, x.dtype)


def l2_normalization(op: Operator, x: np.ndarray) -> np.ndarray:
    """x divided by its Euclidean norm over the last axis. x: [..., n], float32, int8 or uint8; the same comes out."""
    if x.dtype.kind == "f":
        return x / np.maximum(np.sqrt((x * x).sum(axis=-1, keepdims=True)), np.float32(1e-6))
    steps = centred(x, op.inputs[0])
    mantissa, shift = gemmlowp.inverse_sqrt((steps * steps).sum(axis=-1, keepdims=True))
    if x.dtype == np.uint8:
        # The 128 output steps to a unit go into the number here, into the multiplier below; the roundings differ.
        return saturate(rescale(steps * 128, (mantissa, shift)) + 128, x.dtype)
    return saturate(rescale(steps, (mantissa, shift + 7)), x.dtype)


class NormalizeParams(Params):
    """Channels of a row or pixel; the zero point of quantized ones; the options of LOCAL_RESPONSE_NORMALIZATION."""

    _fields_ = (
        ("channels", c_int32),
        ("zero_point", c_int32),
        ("radius", c_int32),
        ("bias", c_float),
        ("alpha", c_float),
        ("beta", c_float),
    )


L2_NORMALIZATION = kernel("l2_normalization", NormalizeParams, "f32", "s8", "u8")
LOCAL_RESPONSE = kernel("local_response", NormalizeParams, "f32")

_GRAIN = 2**14


def lower_l2_normalization(low: Any, op: Operator) -> None:
    """One call; a work item is one row."""
    x = low.spec(op.inputs[0])
    channels = x.shape[-1]
    if x.dtype != np.float32 and channels * 255**2 >= 2**31:  # the kernel sums in 32 bits
        low.host(op)
        return
    params = NormalizeParams(channels=channels, zero_point=0 if x.dtype == np.float32 else op.inputs[0].zero_point)
    work = prod(x.shape[:-1]) if channels else 0
    low.call(L2_NORMALIZATION, SUFFIXES[x.dtype], op, params, work=work, grain=1 + _GRAIN // (channels + 1))


register(
    OpDef(
        "L2_NORMALIZATION",
        options="L2NormOptions",
        infer=infer_l2_normalization,
        reference=l2_normalization,
        variants=("f32", "s8", "u8"),
        version=version_by_type(s8=2),
        lower=lower_l2_normalization,
        gradient=reduce_gradient.l2_normalization,
        integer=UNIT,
        permute=last_stays,
    )
)


def infer_local_response_normalization(op: Operator, x: Spec) -> Spec:
    """Same shape, [batch, height, width, channels] of float32."""
    if x.rank != 4 or x.dtype != np.float32:
        raise op.error(f"takes four dimensions of float32, not {x.dtype}{list(x.shape)}; RESHAPE or CAST the input")
    if op.options.radius < 0:
        raise op.error(f"radius is {op.options.radius}, it must not be negative; 0 stands for the channel alone")
    return Spec(x.shape, x.dtype)


def local_response_normalization(op: Operator, x: np.ndarray) -> np.ndarray:
    """x * (bias + alpha * the sum of squares of the channels within the radius) ** -beta. x: [n, h, w, c], float32."""
    options = op.options
    radius = min(options.radius, x.shape[-1])  # There is nothing beyond the last channel.
    squares = np.pad(x * x * np.float32(options.alpha), [(0, 0)] * 3 + [(radius, radius)])
    sums = sliding_window_view(squares, 2 * radius + 1, axis=-1).sum(axis=-1)
    return x * (np.float32(options.bias) + sums) ** np.float32(-options.beta)


def lower_local_response_normalization(low: Any, op: Operator) -> None:
    """One call; a work item is one pixel."""
    options, (*sizes, channels) = op.options, low.spec(op.inputs[0]).shape
    radius = min(options.radius, channels)
    params = NormalizeParams(channels=channels, radius=radius, bias=options.bias, alpha=options.alpha, beta=options.beta)
    scratch = [low.scratch(4 * (channels + 2 * radius), per_worker=True)]
    grain = 1 + _GRAIN // (8 * (channels + 1))
    low.call(LOCAL_RESPONSE, "f32", op, params, work=prod(sizes) if channels else 0, scratch=scratch, grain=grain)


register(
    OpDef(
        "LOCAL_RESPONSE_NORMALIZATION",
        options="LocalResponseNormalizationOptions",
        infer=infer_local_response_normalization,
        reference=local_response_normalization,
        lower=lower_local_response_normalization,
        gradient=reduce_gradient.local_response_normalization,
        permute=last_stays,
    )
)
