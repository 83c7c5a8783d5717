"""Runs a Program in the native library: from one host call to the next without Python."""

import ctypes
from typing import Any

import numpy as np

from tachylite.model.errors import TachyliteError
from tachylite.ops.control import NEVER_ENDS
from tachylite.program.program import Call, HostCall, Jump, JumpIfFalse, Kind, Move, Program

from . import native
from .executor import Executor, located
from .state import State, Variable


class NativeExecutor(Executor):
    """Addresses are resolved once; a run is one native call, unless the Program holds host calls."""

    def __init__(self, program: Program, state: State):
        super().__init__(program, state)
        self._keep: list[Any] = []
        self._pool = state.pool(program.target.workers)
        self._variables = self._find_variables()
        self._run = native.library().tl_run
        self._code = self._encode()

    def _find_variables(self) -> dict[int, Variable]:
        return {
            number: self._state.variable(value.key, value.shape or (), value.dtype)
            for number, value in enumerate(self.program.values)
            if value.kind is Kind.PERSISTENT
        }

    def _execute(self) -> None:
        if any(self._state.variables.get(self.program.values[n].key) is not v for n, v in self._variables.items()):
            self._variables = self._find_variables()  # another program gave a variable another shape
            self._code = self._encode()
        position, count = 0, len(self.entry.code)
        while position < count:
            stopped = self._run(self._code, count, position, self._pool)
            position, status = stopped >> 8, stopped & 0xFF
            if status != native.OK:
                self._stopped(position, status)
                position += 1

    def _stopped(self, position: int, status: int) -> None:
        """Do what the native code left to the host. Raises OpError where a call failed."""
        instruction = self.entry.code[position]
        if isinstance(instruction, HostCall):
            self._host_call(instruction)
        elif isinstance(instruction, Move):
            self._host_move(instruction, status)
        elif isinstance(instruction, JumpIfFalse):
            raise TachyliteError("a condition lies in the host's memory; it must be a bool that the program computes")
        elif isinstance(instruction, Call):
            self._host_call(instruction)  # its reference says best what is wrong
            with located(instruction.op, instruction.place):
                raise TachyliteError(f"kernel {instruction.kernel} failed with code {status}, which its reference does not explain")

    def _host_move(self, move: Move, status: int) -> None:
        """A Move of the host's objects, or one that failed."""
        if status == native.ENDLESS:
            raise TachyliteError(NEVER_ENDS)
        for (_, target), array in zip(move.pairs, [self._load(source).copy() for source, _ in move.pairs], strict=True):
            self._store(target, array)

    # Encoding.

    def _encode(self) -> Any:
        self._keep = []
        code = (native.Instruction * len(self.entry.code))()
        for encoded, instruction in zip(code, self.entry.code, strict=True):
            self._encode_one(encoded, instruction)
        return code

    def _encode_one(self, encoded: native.Instruction, instruction: Any) -> None:
        encoded.kind = native.HOST
        if isinstance(instruction, Call):
            values = (*instruction.inputs, *instruction.outputs, *instruction.scratch)
            encoded.kind, encoded.work, encoded.grain = native.CALL, instruction.work, instruction.grain
            encoded.kernel = native.find(native.tier(), instruction.kernel)
            encoded.params = self._pin(ctypes.create_string_buffer(instruction.params, len(instruction.params)))
            encoded.args = self._pin((ctypes.c_void_p * len(values))(*(None if v is None else self._address(v) for v in values)))
        elif isinstance(instruction, Move) and not any(self._is_host(v) for pair in instruction.pairs for v in pair):
            pairs = [pair for pair in instruction.pairs if self._address(pair[0]) != self._address(pair[1])]
            encoded.kind, encoded.work, encoded.must_change = native.MOVE, len(pairs), instruction.must_change
            parts = (native.Part * len(pairs))(*(self._part(*pair) for pair in pairs))
            encoded.params = self._pin(parts)
            encoded.scratch = self._pin(ctypes.create_string_buffer(sum(part.bytes for part in parts) or 1))
        elif isinstance(instruction, Jump):
            encoded.kind, encoded.target = native.JUMP, instruction.target
        elif isinstance(instruction, JumpIfFalse) and not self._is_host(instruction.condition):
            encoded.kind, encoded.target = native.JUMP_IF_FALSE, instruction.target
            encoded.args = self._pin((ctypes.c_void_p * 1)(self._address(instruction.condition)))

    def _part(self, source: int, target: int) -> native.Part:
        size = self._memory(target).nbytes
        flags = [v.written.ctypes.data if (v := self._variables.get(number)) else None for number in (source, target)]
        return native.Part(self._address(target), self._address(source), size, *flags)

    def _pin(self, structure: Any) -> int:
        """The address of a structure that lives as long as the code."""
        self._keep.append(structure)
        return ctypes.addressof(structure)

    def _memory(self, number: int) -> np.ndarray:
        variable = self._variables.get(number)
        return variable.array if variable else self._slots[number]

    def _address(self, number: int) -> int:
        return self._memory(number).ctypes.data

    def _is_host(self, number: int) -> bool:
        value = self.program.values[number]
        return value.kind is Kind.HOST or value.dtype.hasobject
