"""What this machine can do at best."""

import ctypes
from functools import cache
from time import perf_counter

from tachylite.ops.peak import PEAK, PeakParams
from tachylite.runtime import native

#: Work items of one measurement, which takes some milliseconds, and measurements, of which the fastest counts.
ITEMS, TRIES = 400, 8


@cache
def peak(variant: str, threads: int) -> float:
    """Operations in a second that `threads` cores do in registers: multiply-adds of `f32`, or products of `s8` that are summed up."""
    library, pool = native.library(), native.Pool(threads)
    kernel = native.find(native.tier(), PEAK.symbol(variant))
    operations, room = ctypes.c_int64(), ctypes.create_string_buffer(64)
    tensors = (ctypes.c_void_p * 2)(ctypes.addressof(operations), ctypes.addressof(room))
    params = PeakParams(scale=1.0, offset=0.0)
    best = float("inf")
    for _ in range(TRIES):
        start = perf_counter()
        library.tl_pool_run(pool.handle, kernel, ctypes.byref(params), tensors, ITEMS, 1)
        best = min(best, perf_counter() - start)
    return operations.value * ITEMS / best
