"""Instructions as C statements."""

from collections.abc import Iterator, Sequence

import numpy as np

from tachylite.ops.kernel import by_symbol
from tachylite.program.bare import label
from tachylite.program.program import Call, Instruction, Jump, JumpIfFalse, Move

from .layout import Layout
from .literals import comment, fields


class Printer:
    """Prints the code of one Program, and collects the parameter blocks and kernels that it uses."""

    def __init__(self, layout: Layout):
        self._layout = layout
        self._kernels = by_symbol()
        self.blocks: dict[tuple[str, str], str] = {}  #: type and initializer to name
        self.symbols: set[str] = set()

    def statements(self, code: Sequence[Instruction]) -> Iterator[str]:
        """The body of a function that runs the code, and returns a status where it stops before its end."""
        targets = {i.target for i in code if isinstance(i, Jump | JumpIfFalse)}
        for position, instruction in enumerate(code):
            if position in targets:
                yield f"l{position}:;"
            yield from self._instruction(instruction)
        if len(code) in targets:
            yield f"l{len(code)}:;"

    def moves(self, moves: Sequence[Move]) -> Iterator[str]:
        """Assignments of initial values."""
        for move in moves:
            yield from self._move(move)

    def _instruction(self, instruction: Instruction) -> Iterator[str]:
        match instruction:
            case Call():
                yield from self._call(instruction)
            case Move():
                yield from self._move(instruction)
            case Jump():
                yield f"goto l{instruction.target};"
            case JumpIfFalse():
                yield f"if (!*(const uint8_t *)({self._layout.address(instruction.condition)})) goto l{instruction.target};"
            case _:
                raise TypeError(f"{instruction!r} is not native; check_native should have refused it")

    def _call(self, call: Call) -> Iterator[str]:
        kernel = self._kernels[call.kernel]
        self.symbols.add(call.kernel)
        initializer = kernel.c_params, fields(kernel.params.from_buffer_copy(call.params))
        block = self.blocks.setdefault(initializer, f"{self._layout.name}_p{len(self.blocks)}")
        operands = ", ".join(map(self._layout.address, (*call.inputs, *call.outputs, *call.scratch)))
        yield f"{{ /* {comment(label(call.op, call.place))} */"
        yield f"    void *const t[] = {{{operands}}};"
        yield f"    const int32_t status = tl_{call.kernel}(&{block}, t, (tl_range){{0, {call.work}, 0}});"
        yield "    if (status) return status;"
        yield "}"

    # Moves.

    def _move(self, move: Move) -> Iterator[str]:
        layout = self._layout
        pairs = [pair for pair in move.pairs if not self._is_one(*pair)]
        for source, _ in pairs:
            if (flag := layout.flag(source)) is not None:
                yield f"if (!a[{flag}]) return TL_UNINITIALIZED;"
        if move.must_change:
            differs = [f"__builtin_memcmp({layout.address(b)}, {layout.address(a)}, {self._size(b)})" for a, b in pairs]
            yield f"if (!({' || '.join(differs) or '0'})) return TL_ENDLESS;"
        yield from self._copies(pairs)
        for _, target in pairs:
            if (flag := layout.flag(target)) is not None:
                yield f"a[{flag}] = 1;"

    def _copies(self, pairs: list[tuple[int, int]]) -> Iterator[str]:
        """One after another, as long as one overwrites no other's source; the rest by way of room beside them."""
        waiting = [pair for pair in pairs if self._size(pair[1])]
        while waiting:
            free = next((p for p in waiting if not any(self._overlap(p[1], q[0]) for q in waiting if q is not p)), None)
            if free is None:
                yield from self._detour(waiting)
                return
            waiting.remove(free)
            yield self._copy(*free)

    def _detour(self, pairs: Sequence[tuple[int, int]]) -> Iterator[str]:
        layout = self._layout
        offset = room = layout.room(sum(self._size(target) for _, target in pairs))
        for source, target in pairs:
            yield f"tl_copy({layout.place(offset)}, {layout.address(source)}, {self._size(target)});"
            offset += self._size(target)
        for _, target in pairs:
            yield f"tl_copy({layout.address(target)}, {layout.place(room)}, {self._size(target)});"
            room += self._size(target)

    def _copy(self, source: int, target: int) -> str:
        layout, size = self._layout, self._size(target)
        if layout.is_constant(source):
            content = np.frombuffer(layout.data(source).tobytes(), np.uint8)
            if (content == content[0]).all():
                return f"tl_fill({layout.address(target)}, {content[0]}, {size});"
        function = "tl_move" if self._overlap(source, target) else "tl_copy"
        return f"{function}({layout.address(target)}, {layout.address(source)}, {size});"

    def _size(self, number: int) -> int:
        return self._layout.program.values[number].nbytes

    def _is_one(self, a: int, b: int) -> bool:
        """Whether both values are the same memory."""
        layout = self._layout
        return not layout.is_constant(a) and not layout.is_constant(b) and layout.offset(a) == layout.offset(b)

    def _overlap(self, a: int, b: int) -> bool:
        layout = self._layout
        if layout.is_constant(a) or layout.is_constant(b):
            return False
        first, second = layout.offset(a), layout.offset(b)
        return first < second + self._size(b) and second < first + self._size(a)
