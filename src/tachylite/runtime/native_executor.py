"""Runs a Program in the native library: from one host call to the next without Python."""

import ctypes
from functools import partial
from typing import Any

import numpy as np

from tachylite.model.errors import TachyliteError
from tachylite.ops.control import NEVER_ENDS
from tachylite.program.program import Call, DelegateCall, HostCall, Jump, JumpIfFalse, Kind, Move, Program

from . import native
from .executor import Executor, located
from .state import State, Variable


class NativeExecutor(Executor):
    """Addresses are resolved once; a run is one native call, unless the Program holds host calls."""

    def __init__(self, program: Program, state: State):
        super().__init__(program, state)
        self.tier = program.target.isa
        self._keep: list[Any] = []
        self._variables = self._find_variables()
        self._library = native.library()
        assert isinstance(state.turn, native.Pool)
        self._pool = state.turn
        timings = None if self.timings is None else self.timings.ctypes.data
        self._frame = native.Frame(None, self._pool.handle, timings, len(self.entry.code), 0)
        self._argument = ctypes.byref(self._frame)
        self._encode()
        if not self._variables and self.entry.barrier is None:
            self.start = partial(self._library.tl_start, self._argument)  # nothing is to be done before or after

    def _find_variables(self) -> dict[int, Variable]:
        return {
            number: self._state.variable(value.key, value.shape or (), value.dtype)
            for number, value in enumerate(self.program.values)
            if value.kind is Kind.PERSISTENT
        }

    def _execute(self) -> None:
        self._follow_variables()
        if status := self._library.tl_start(self._argument):
            self.finish(status)

    def _follow_variables(self) -> None:
        """Encode again where another program gave a variable another shape, and with it other memory."""
        if any(self._state.variables.get(self.program.values[n].key) is not v for n, v in self._variables.items()):
            self._variables = self._find_variables()
            self._encode()

    def finish(self, status: int) -> None:
        """Do what the native code left to the host, and run on. A start that stopped before the end has kept its turn."""
        try:
            while status:
                position = self._frame.position
                with self._timed(position):
                    self._stopped(position, status)
                self._frame.position = position + 1
                status = self._library.tl_resume(self._argument)
        finally:
            self._pool.leave()

    def _stopped(self, position: int, status: int) -> None:
        """Do what the native code left to the host. Raises OpError where a call failed."""
        instruction = self.entry.code[position]
        if isinstance(instruction, HostCall):
            self._host_call(instruction)
        elif isinstance(instruction, DelegateCall):
            self._delegate_call(instruction)
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

    def _encode(self) -> None:
        self._keep = []
        code = (native.Instruction * len(self.entry.code))()
        for encoded, instruction in zip(code, self.entry.code, strict=True):
            self._encode_one(encoded, instruction)
        self._frame.code = self._pin(code)
        # Whoever holds the frame may be running it in another thread, while a resize drops this executor.
        self._frame.memory = self._keep, self._slots, self._variables, self.timings

    def _encode_one(self, encoded: native.Instruction, instruction: Any) -> None:
        encoded.kind = native.HOST
        if isinstance(instruction, Call):
            values = (*instruction.inputs, *instruction.outputs, *instruction.scratch)
            encoded.kind, encoded.work, encoded.grain = native.CALL, instruction.work, instruction.grain
            encoded.kernel = native.find(self.tier, instruction.kernel)
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
