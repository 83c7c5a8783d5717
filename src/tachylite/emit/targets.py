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


MACHINES = {machine.name: machine for machine in (Machine("any", "baseline", 16),)}
"""By name; `any` is what every C compiler takes."""


def machine(name: str) -> Machine:
    """Raises TachyliteError where there is no such machine."""
    if name not in MACHINES:
        raise TachyliteError(f"there is no target {name!r}; choose one of {', '.join(MACHINES)}")
    return MACHINES[name]
