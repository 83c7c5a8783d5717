"""Kernels that measure what a machine can do at best, so that a profile can say how near an operator comes. No operator calls them."""

from ctypes import c_float

from .kernel import Params, kernel


class PeakParams(Params):
    """x becomes x * scale + offset, again and again; with 1 and 0 it never overflows."""

    _fields_ = (("scale", c_float), ("offset", c_float))


PEAK = kernel("peak", PeakParams, "f32", "s8")
"""Tensors: the operations of one work item, int64, and 64 bytes of room."""
