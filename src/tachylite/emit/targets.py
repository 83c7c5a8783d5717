"""The machines that C is printed for."""

from dataclasses import dataclass

from tachylite.model.errors import TachyliteError
from tachylite.program.target import Target


@dataclass(frozen=True)
class Machine:
    """isa: the kernels; alignment: of the arena and the constants, in bytes; triple, cpu: what zig calls it; flags: of GCC and Clang."""

    name: str
    isa: str
    alignment: int
    triple: str = ""
    cpu: str = ""
    flags: tuple[str, ...] = ()

    @property
    def target(self) -> Target:
        """What a Program is lowered for."""
        return Target(self.isa, alignment=self.alignment, io_in_arena=True)


def _fpu(cpu: str, fpu: str) -> tuple[str, ...]:
    return f"-mcpu={cpu}", "-mthumb", "-mfloat-abi=hard", f"-mfpu={fpu}"


_MACHINES = (
    Machine("any", "baseline", 16),
    Machine("cortex-m0", "small", 8, "thumb-freestanding-eabi", "cortex_m0plus", ("-mcpu=cortex-m0plus", "-mthumb")),
    Machine("cortex-m3", "small", 8, "thumb-freestanding-eabi", "cortex_m3", ("-mcpu=cortex-m3", "-mthumb")),
    Machine("cortex-m4", "dsp", 8, "thumb-freestanding-eabihf", "cortex_m4+vfp4d16sp", _fpu("cortex-m4", "fpv4-sp-d16")),
    Machine("cortex-m7", "dsp", 8, "thumb-freestanding-eabihf", "cortex_m7+fp_armv8d16sp", _fpu("cortex-m7", "fpv5-sp-d16")),
    Machine("cortex-m55", "dsp", 8, "thumb-freestanding-eabihf", "cortex_m55+mve_fp+fp_armv8d16", _fpu("cortex-m55", "auto")),
)

MACHINES = {machine.name: machine for machine in _MACHINES}
"""By name; `any` is what every C compiler takes."""


def machine(name: str) -> Machine:
    """Raises TachyliteError where there is no such machine."""
    if name not in MACHINES:
        raise TachyliteError(f"there is no target {name!r}; choose one of {', '.join(MACHINES)}")
    return MACHINES[name]
