"""Target: what a Program is lowered for."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Target:
    """The machine and the freedoms that lowering may count on.

    isa: `reference` means numpy, without packing or fusion; workers: threads; cache_bytes: of one core's second-level cache;
    exact: no kernel that changes rounding; preserve_all: every value keeps memory of its own, so that it can be read after the run;
    alignment: of values in the arena, in bytes.
    """

    isa: str = "reference"
    workers: int = 1
    cache_bytes: int = 1 << 20
    exact: bool = False
    preserve_all: bool = False
    alignment: int = 64


REFERENCE = Target()

TIERS = ("baseline", "avx2", "avx512", "avx512vnni")
"""Sets of instructions that the native library has kernels for, each with all of those before it."""
