"""Runs a Program in numpy: every call is an operator's reference."""

from tachylite.model.errors import TachyliteError
from tachylite.ops.control import NEVER_ENDS, same_bytes
from tachylite.program.program import DelegateCall, Jump, JumpIfFalse, Move

from .executor import Executor


class NumpyExecutor(Executor):
    """The reference: slow, exact, and the same on every machine."""

    tier = "numpy"

    def _execute(self) -> None:
        code, position = self.entry.code, 0
        while position < len(code):
            instruction = code[position]
            if isinstance(instruction, Jump):
                position = instruction.target
            elif isinstance(instruction, JumpIfFalse):
                position = position + 1 if self._load(instruction.condition).all() else instruction.target
            else:
                with self._timed(position):
                    if isinstance(instruction, Move):
                        self._move(instruction)
                    elif isinstance(instruction, DelegateCall):
                        self._delegate_call(instruction)
                    else:
                        self._host_call(instruction)
                position += 1

    def _move(self, move: Move) -> None:
        arrays = [self._load(source) for source, _ in move.pairs]
        if len(arrays) > 1:
            arrays = [array.copy() for array in arrays]
        if move.must_change and all(same_bytes(a, self._load(target)) for a, (_, target) in zip(arrays, move.pairs, strict=True)):
            raise TachyliteError(NEVER_ENDS)
        for (_, target), array in zip(move.pairs, arrays, strict=True):
            self._store(target, array)
