"""Target: what a Program is lowered for."""

import os
from dataclasses import dataclass

#: Bytes that no machine has.
ENDLESS = 1 << 48


@dataclass(frozen=True)
class Target:
    """The machine and the freedoms that lowering may count on.

    isa: `reference` means numpy, without packing or fusion; workers: threads; cache_bytes: of one core's second-level cache;
    exact: no kernel that changes rounding; preserve_all: every value keeps memory of its own, so that it can be read after the run;
    alignment: of values in the arena, in bytes; memory_bytes: what all values may take; io_in_arena: inputs and outputs share the arena
    with what lives between them, so that an input is lost once it was used for the last time, and outputs once inputs are written again.
    """

    isa: str = "reference"
    workers: int = 1
    cache_bytes: int = 1 << 20
    exact: bool = False
    preserve_all: bool = False
    alignment: int = 64
    memory_bytes: int = ENDLESS
    io_in_arena: bool = False


REFERENCE = Target()


def installed_memory() -> int:
    """Bytes of this machine's memory, ENDLESS where the system does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return ENDLESS


TIERS = ("baseline", "avx2", "avx512", "avx512vnni")
"""Sets of instructions that the native library has kernels for, each with all of those before it."""
