"""Three-dimensional convolutions, NDHWC: CONV_3D and CONV_3D_TRANSPOSE. Both know float32 alone."""

import numpy as np

from tachylite.model.graph import Operator

from . import conv_gradient
from .conv import correlate
from .convolution import check, convolve
from .derivatives import fused
from .registry import OpDef, Spec, register
from .transpose_conv import infer_transposed, result_windows, spread
from .window import sliding


def _infer_conv_3d(op: Operator, x: Spec, filters: Spec, bias: Spec | None = None) -> Spec:
    _check_float(op, x, filters)
    check(op, x, filters, bias, axis=4, rank=5)
    if x.shape[4] != filters.shape[3]:
        raise op.error(f"input has {x.shape[4]} channels and the filter {filters.shape[3]}, both must agree")
    windows = sliding(op, x.shape[1:4], filters.shape[:3])
    return Spec((x.shape[0], *(w.outputs for w in windows), filters.shape[4]), x.dtype)


def conv_3d(op: Operator, x: np.ndarray, filters: np.ndarray, bias: np.ndarray | None = None) -> np.ndarray:
    """x: [n, d, h, w, c]; filters: [kd, kh, kw, c, o]; bias: [o]. Returns [n, od, oh, ow, o]."""
    windows = sliding(op, x.shape[1:4], filters.shape[:3])
    return convolve(op, x, np.moveaxis(filters, -1, 0), bias, lambda x, f: correlate(x, f, windows))


def _infer_conv_3d_transpose(op: Operator, shape: Spec, filters: Spec, x: Spec, bias: Spec | None = None) -> Spec | None:
    _check_float(op, x, filters)
    return infer_transposed(op, shape, filters, x, bias, filters.shape[:3], axis=3)


def conv_3d_transpose(op: Operator, shape: np.ndarray, filters: np.ndarray, x: np.ndarray, bias: np.ndarray | None = None) -> np.ndarray:
    """shape: int32 [5], of the result; filters: [kd, kh, kw, o, c]; x: [n, d, h, w, c]; bias: [o]. Returns [n, od, oh, ow, o]."""
    windows = result_windows(op, shape.tolist(), x.shape, filters.shape[:3])
    return convolve(op, x, np.moveaxis(filters, -2, 0), bias, lambda x, f: spread(x, f, windows), data=2)


def _check_float(op: Operator, x: Spec, filters: Spec) -> None:
    if x.dtype != np.float32 or filters.dtype != np.float32:
        raise op.error(f"input is {x.dtype} and filter {filters.dtype}, both must be float32; insert DEQUANTIZE")


register(OpDef("CONV_3D", options="Conv3DOptions", infer=_infer_conv_3d, reference=conv_3d, gradient=fused(conv_gradient.conv_3d)))
register(
    OpDef(
        "CONV_3D_TRANSPOSE",
        options="Conv3DOptions",
        infer=_infer_conv_3d_transpose,
        reference=conv_3d_transpose,
        gradient=fused(conv_gradient.conv_3d_transpose),
    )
)
