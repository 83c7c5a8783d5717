"""The binding of the native library: its functions and structures, and the tier that this machine runs."""

import ctypes
import os
from ctypes import Structure, c_char_p, c_int32, c_int64, c_void_p
from functools import cache
from pathlib import Path

from tachylite.model.errors import TachyliteError
from tachylite.ops.custom import SourceKernel
from tachylite.ops.kernel import custom

LIBRARY = Path(__file__).parents[1] / "lib" / "libtachylite.so"

CALL, MOVE, JUMP, JUMP_IF_FALSE, HOST = range(5)
"""Kinds of instructions (tl_kind)."""

OK, STOP_HOST, ENDLESS, UNINITIALIZED = 0, 100, 101, 102
"""How a run stopped; other codes are a kernel's own."""


class Instruction(Structure):
    """tl_instruction."""

    _fields_ = [
        ("kind", c_int32),
        ("target", c_int32),
        ("work", c_int32),
        ("grain", c_int32),
        ("kernel", c_void_p),
        ("params", c_void_p),
        ("args", c_void_p),
        ("scratch", c_void_p),
        ("must_change", c_int32),
        ("reserved", c_int32),
    ]


class Part(Structure):
    """tl_part."""

    _fields_ = [("target", c_void_p), ("source", c_void_p), ("bytes", c_int64), ("source_flag", c_void_p), ("target_flag", c_void_p)]


class Timing(Structure):
    """tl_timing."""

    _fields_ = [("calls", c_int64), ("nanoseconds", c_int64)]


class Frame(Structure):
    """tl_frame."""

    _fields_ = [("code", c_void_p), ("pool", c_void_p), ("timings", c_void_p), ("count", c_int32), ("position", c_int32)]


@cache
def library() -> ctypes.CDLL:
    """The native library. Raises TachyliteError where it was not built or cannot be loaded."""
    try:
        loaded = ctypes.CDLL(str(LIBRARY))
    except OSError as problem:
        raise TachyliteError(
            f"the native library cannot be loaded ({problem}); install Tachylite again, or run the reference kernels with "
            "experimental_op_resolver_type=OpResolverType.BUILTIN_REF"
        ) from problem
    # Their argument is byref(Frame): without argtypes, which would be looked at in every call, a call takes half the time.
    loaded.tl_start.restype = loaded.tl_resume.restype = c_int32
    loaded.tl_pool_create.argtypes, loaded.tl_pool_create.restype = [c_int32], c_void_p
    for use in (loaded.tl_pool_destroy, loaded.tl_pool_enter, loaded.tl_pool_leave):
        use.argtypes, use.restype = [c_void_p], None
    loaded.tl_pool_run.argtypes, loaded.tl_pool_run.restype = [c_void_p, c_void_p, c_void_p, c_void_p, c_int32, c_int32], c_int32
    loaded.tl_tiers.argtypes, loaded.tl_tiers.restype = [], c_char_p
    loaded.tl_find.argtypes, loaded.tl_find.restype = [c_char_p, c_char_p], c_void_p
    return loaded


@cache
def tiers() -> tuple[str, ...]:
    """The tiers that this machine can run, best first."""
    return tuple(library().tl_tiers().decode().split())


def tier() -> str:
    """The tier in use: the best, or the one that TACHYLITE_ISA names. Raises TachyliteError where that cannot run here."""
    wanted = os.environ.get("TACHYLITE_ISA") or tiers()[0]
    if wanted not in tiers():
        raise TachyliteError(f"TACHYLITE_ISA is {wanted!r}, this machine runs {', '.join(tiers())}; choose one of these")
    return wanted


def find(tier_name: str, kernel: str) -> int:
    """The address of a kernel; a custom one is compiled. Raises TachyliteError where there is none."""
    if isinstance(own := custom(kernel), SourceKernel):
        from .compiled import compiled  # which few models need

        return compiled(own, kernel, tier_name)
    return _find(tier_name, kernel)


@cache
def _find(tier_name: str, kernel: str) -> int:
    address = library().tl_find(tier_name.encode(), kernel.encode())
    if not address:
        raise TachyliteError(f"the native library has no kernel {kernel}; it is older than this code: build it again with `make native`")
    return int(address)


class Pool:
    """Threads that share the work of one call at a time. Within `with pool` no other thread runs anything in it."""

    def __init__(self, workers: int):
        self._library = library()
        self.handle = self._library.tl_pool_create(workers)
        if not self.handle:
            raise TachyliteError(f"{workers} threads cannot be started; use a smaller num_threads")

    def __enter__(self) -> None:
        self._library.tl_pool_enter(self.handle)

    def __exit__(self, *problem: object) -> None:
        self.leave()

    def leave(self) -> None:
        """Let the next thread in."""
        self._library.tl_pool_leave(self.handle)

    def __del__(self) -> None:
        if getattr(self, "handle", None):
            self._library.tl_pool_destroy(self.handle)
