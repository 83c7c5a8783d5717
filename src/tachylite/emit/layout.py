"""Where a Program's values lie in C: constants in arrays of their own, everything else in one arena."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tachylite.program.bare import is_state
from tachylite.program.program import Kind, Move, Program


class Layout:
    """Offsets in the arena, and names of the constants.

    The arena holds what the memory plan put there, then the variables, then a flag for each that must be written before it is read, then
    room for Moves whose parts get in each other's way.
    """

    def __init__(self, program: Program, name: str):
        self.program = program
        self.name = name
        self.alignment = program.target.alignment
        self.constants: dict[str, np.ndarray] = {}
        self._by_content: dict[tuple[Any, ...], str] = {}
        self._names: dict[int, str] = {}  # of constants, by value number
        self._packed: dict[Any, str] = {}
        self._offsets: dict[int, int] = {}
        self._flags: dict[int, int] = {}
        self._size = program.arena_size
        self._lay_out_variables()
        self._room = self._size
        self._room_size = 0

    @property
    def arena_size(self) -> int:
        """Bytes of the arena; as far as code has been emitted, since Moves may ask for room."""
        return max(self._padded(self._room + self._room_size), self.alignment)

    @property
    def constant_size(self) -> int:
        """Bytes of the constants that were asked for."""
        return sum(array.nbytes for array in self.constants.values())

    def address(self, number: int | None) -> str:
        """A value's address as a C expression, where `a` is the arena's."""
        if number is None:
            return "0"
        if self.is_constant(number):
            return f"(void *){self._constant(number)}"
        return self.place(self.offset(number))

    def place(self, offset: int) -> str:
        """An address in the arena."""
        return f"a + {offset}" if offset else "a"

    def is_constant(self, number: int) -> bool:
        return self.program.values[number].kind in (Kind.CONST, Kind.PACKED)

    def offset(self, number: int) -> int:
        """Where a value that is no constant lies in the arena, in bytes."""
        value = self.program.values[number]
        return self._offsets[number] if value.kind is Kind.PERSISTENT else value.offset

    def flag(self, number: int) -> int | None:
        """Where the flag of a variable lies that has no initial value."""
        return self._flags.get(number)

    def flags(self) -> Sequence[int]:
        return list(self._flags.values())

    def room(self, size: int) -> int:
        """The offset of room for a Move."""
        self._room_size = max(self._room_size, size)
        return self._room

    def data(self, number: int) -> np.ndarray:
        """A constant's elements."""
        value = self.program.values[number]
        data = value.pack() if value.kind is Kind.PACKED and value.pack else value.data
        assert data is not None, f"{value.name!r} is read, so that lowering has kept it"
        return np.asarray(data)

    def reset_moves(self, state_only: bool = False) -> list[Move]:
        """What sets variables; state_only: what a reset concerns."""
        return [move for move in self.program.reset if not state_only or is_state(self.program, move)]

    def _lay_out_variables(self) -> None:
        initialized = {target for move in self.program.reset for _, target in move.pairs}
        variables = [n for n, value in enumerate(self.program.values) if value.kind is Kind.PERSISTENT]
        for number in variables:
            self._offsets[number] = self._size = self._padded(self._size)
            self._size += self.program.values[number].nbytes
        for number in variables:
            if number not in initialized:
                self._flags[number] = self._size
                self._size += 1
        self._size = self._padded(self._size)

    def _padded(self, size: int) -> int:
        return -(-size // self.alignment) * self.alignment

    def _constant(self, number: int) -> str:
        if number not in self._names:
            value = self.program.values[number]
            if value.kind is not Kind.PACKED:
                self._names[number] = self._add(self.data(number))
            else:
                if value.key not in self._packed:
                    self._packed[value.key] = self._add(self.data(number))
                self._names[number] = self._packed[value.key]
        return self._names[number]

    def _add(self, data: np.ndarray) -> str:
        """The name of an array that holds this; arrays of one type and content are one."""
        content = data.dtype.str, data.tobytes()
        if content not in self._by_content:
            name = self._by_content[content] = f"{self.name}_c{len(self.constants)}"
            self.constants[name] = data
        return self._by_content[content]
