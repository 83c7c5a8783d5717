"""Program files (.tlp): a Program for one tier with its constants, which the C runtime runs without Python.

native/include/tl_file.h describes the format, native/tlp.c reads it; the records here are those there.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tachylite.model.dtypes import DTYPES, TYPE_NAMES
from tachylite.model.errors import TachyliteError
from tachylite.model.graph import Model, Signature, Tensor
from tachylite.ops.kernel import by_symbol

from .bare import check_native, is_state, label, signatures
from .delegate import Delegate
from .lower import lower
from .partition import Delegates
from .program import Call, DelegateCall, Entry, Instruction, Jump, JumpIfFalse, Kind, Move, Program, Value
from .subgraph import Partition
from .target import TIERS, Target

VERSION, OLDEST_VERSION = 2, 1
"""Of files that call delegates, and of those that do not."""

#: Of values, in the file and in memory.
ALIGNMENT = 64

#: Of the tables.
TABLE_ALIGNMENT = 8

#: The header's checksum is of everything behind it.
CHECKED_FROM = 12

CALL, MOVE, JUMP, JUMP_IF_FALSE, HOST, DELEGATE = range(6)
"""Kinds of instructions (tl_kind); a file has no HOST."""

CONSTANT, MEMORY, VARIABLE = range(3)
"""Kinds of values."""

TABLE = np.dtype([("offset", "<u8"), ("count", "<u8")])
SPAN = np.dtype([("begin", "<u4"), ("count", "<u4")])
RECORDS = {
    "values": np.dtype([("kind", "<u4"), ("reserved", "<u4"), ("offset", "<u8"), ("bytes", "<u8")]),
    "tensors": np.dtype(
        [("name", "<u4"), ("value", "<u4"), ("type", "<u4"), ("shape", SPAN), ("scale", "<f4"), ("zero_point", "<i4")],
    ),
    "entries": np.dtype([("name", "<u4"), ("code", SPAN), ("inputs", SPAN), ("outputs", SPAN)]),
    "kernels": np.dtype([("name", "<u4"), ("layout", "<u4")]),
    "code": np.dtype(
        [
            ("kind", "<u4"),
            ("kernel", "<u4"),
            ("params", "<u4"),
            ("number", "<i4"),
            ("grain", "<i4"),
            ("operands", SPAN),
            ("label", "<u4"),
        ]
    ),
    "operands": np.dtype("<i4"),
    "shapes": np.dtype("<i4"),
    "params": np.dtype("u1"),
    "strings": np.dtype("u1"),
}
"""The tables in the order of the header, and their records."""

HEADER = np.dtype(
    [
        ("magic", "S4"),
        ("version", "<u4"),
        ("checksum", "<u4"),
        ("workers", "<u4"),
        ("size", "<u8"),
        ("memory", "<u8"),
        ("tier", "S16"),
        ("initialize", SPAN),
        ("reset", SPAN),
        *((name, TABLE) for name in RECORDS),
    ]
)


@dataclass(frozen=True)
class ProgramFile:
    """The bytes of a .tlp, in pieces, and what can be told of it: bytes of the arena and of all memory, calls of kernels and delegates."""

    target: Target
    pieces: list[bytes]
    arena_size: int
    memory_size: int
    calls: int
    partitions: list[Partition]

    @property
    def size(self) -> int:
        return sum(map(len, self.pieces))

    def __bytes__(self) -> bytes:
        return b"".join(self.pieces)


def compile_model(model: Model, target: Target, delegates: Sequence[Delegate] = ()) -> ProgramFile:
    """Lower a model for the tier `target.isa`, with the shapes of the file, and encode it.

    delegates: take what they support; the file holds their blobs, and what the CPU does where a delegate is not there or fails.
    Raises OpError, UnsupportedError that lists everything which needs Python, and TachyliteError where there is no such tier, or a delegate
    fails or makes no blobs.
    """
    if target.isa not in TIERS:
        raise TachyliteError(f"there is no target {target.isa!r}; choose one of {', '.join(TIERS)}")
    program = lower(model, target=target, delegates=Delegates(delegates, _refused, spare=True))
    check_native(program, "a program file")
    return Encoder(program).file(signatures(model))


def _refused(delegate: Delegate, problem: Exception) -> None:
    raise TachyliteError(f"delegate {delegate.name!r} failed: {str(problem) or type(problem).__name__}; leave it out") from problem


def _blob(partition: Partition) -> np.ndarray:
    """What a delegate compiled, as bytes. Raises TachyliteError."""
    blob = getattr(partition.compiled, "blob", None)
    if not isinstance(blob, bytes):
        raise TachyliteError(
            f"delegate {partition.delegate.name!r} runs in Python alone, so that a program file cannot hold its part; use a C library's"
        )
    return np.frombuffer(blob, np.uint8)


# The encoding.


class Encoder:
    """Collects the tables of one program."""

    def __init__(self, program: Program):
        self._program = program
        self._tables: dict[str, list[Any]] = {name: [] for name in RECORDS}
        self._memory = _padded(program.arena_size, ALIGNMENT)
        self._numbers: dict[int, int] = {}  # of values: the program's, the file's
        self._constants: dict[bytes, int] = {}  # content, number in the file
        self._packed: dict[Any, int] = {}  # key, number in the file
        self._strings: dict[str, int] = {}
        self._params: dict[bytes, int] = {}
        self._kernels: dict[str, int] = {}
        self._layouts = by_symbol()

    def file(self, signatures: Sequence[Signature]) -> ProgramFile:
        """The whole file."""
        program = self._program
        # Variable tensors come last, because a reset sets them alone: resource variables and initializers stay, as in TensorFlow Lite.
        moves = sorted(program.reset, key=lambda move: is_state(program, move))
        initialize = self._code(moves)
        kept = sum(not is_state(program, move) for move in moves)
        self._tables["entries"] = [self._entry(program.entries[s.key], s) for s in signatures]
        header = np.zeros((), HEADER)
        header["magic"], header["tier"] = b"TLP\n", program.target.isa.encode()
        header["workers"], header["memory"] = program.target.workers, self._memory
        header["initialize"], header["reset"] = initialize, (initialize[0] + kept, initialize[1] - kept)
        calls = sum(isinstance(i, Call) for entry in program.entries.values() for i in entry.code)
        partitions = [i.partition for entry in program.entries.values() for i in entry.code if isinstance(i, DelegateCall)]
        header["version"] = VERSION if partitions else OLDEST_VERSION
        return ProgramFile(program.target, self._assemble(header), program.arena_size, self._memory, calls, partitions)

    def _assemble(self, header: np.ndarray) -> list[bytes]:
        """The pieces of the file: header, tables, constants."""
        position = HEADER.itemsize
        for name, rows in self._tables.items():
            header[name] = position, len(rows)
            position += _padded(len(rows) * RECORDS[name].itemsize, TABLE_ALIGNMENT)
        start = _padded(position, ALIGNMENT)
        constants, offset = [], start
        for content, number in self._constants.items():
            self._tables["values"][number] = (CONSTANT, 0, offset, len(content))
            constants += [content, bytes(-len(content) % ALIGNMENT)]
            offset += _padded(len(content), ALIGNMENT)
        header["size"] = offset
        tables = b"".join(_table(name, rows) for name, rows in self._tables.items())
        tables += bytes(start - position)
        checksum = zlib.crc32(header.tobytes()[CHECKED_FROM:])
        for piece in (tables, *constants):
            checksum = zlib.crc32(piece, checksum)
        header["checksum"] = checksum
        return [header.tobytes(), tables, *constants]

    # Entries.

    def _entry(self, entry: Entry, signature: Signature) -> tuple[Any, ...]:
        graph = signature.graph
        code = self._code(entry.code)
        inputs = self._tensors(graph.inputs, entry.inputs, signature.inputs)
        outputs = self._tensors(graph.outputs, entry.outputs, signature.outputs)
        return self._string(signature.key), code, inputs, outputs

    def _tensors(self, tensors: Sequence[Tensor], values: Sequence[int], names: dict[str, Tensor]) -> tuple[int, int]:
        """In the graph's order; a tensor that the signature names twice stands there twice, one that it leaves out keeps its own name."""
        rows = [
            self._tensor(name, tensor, number)
            for tensor, number in zip(tensors, values, strict=True)
            for name in [n for n, t in names.items() if t is tensor] or [tensor.name]
        ]
        return self._append("tensors", rows)

    def _tensor(self, name: str, tensor: Tensor, number: int) -> tuple[Any, ...]:
        value = self._program.values[number]
        kind = list(DTYPES).index(TYPE_NAMES[value.dtype])
        shape = self._append("shapes", value.shape or ())
        scale, zero_point = (tensor.scale, tensor.zero_point) if tensor.is_quantized else (0, 0)
        return self._string(name), self._value(number), kind, shape, scale, zero_point

    # Code.

    def _code(self, instructions: Sequence[Instruction]) -> tuple[int, int]:
        return self._append("code", [self._instruction(i) for i in instructions])

    def _instruction(self, instruction: Instruction) -> tuple[Any, ...]:
        match instruction:
            case Call():
                kernel, params = self._kernel(instruction.kernel), self._block(instruction.params)
                operands = self._operands((*instruction.inputs, *instruction.outputs, *instruction.scratch))
                name = self._string(label(instruction.op, instruction.place))
                return CALL, kernel, params, instruction.work, instruction.grain, operands, name
            case DelegateCall():
                partition = instruction.partition
                values = [self._value(number) for number in (*instruction.inputs, *instruction.outputs)]
                operands = self._append("operands", [self._constant(_blob(partition)), *values])
                name = self._string(partition.delegate.name)
                return DELEGATE, name, 0, instruction.target, len(instruction.inputs), operands, name
            case Move():
                operands = self._operands([value for pair in instruction.pairs for value in pair])
                return MOVE, 0, 0, instruction.must_change, 0, operands, self._string(self._variable(instruction))
            case Jump():
                return JUMP, 0, 0, instruction.target, 0, (0, 0), self._string("")
            case JumpIfFalse():
                return JUMP_IF_FALSE, 0, 0, instruction.target, 0, self._operands([instruction.condition]), self._string("")
        raise TypeError(f"{instruction!r} is not native; check_native should have refused it")

    def _variable(self, move: Move) -> str:
        """The first variable that a Move reads, which is what can be wrong with it."""
        keys = [self._program.values[source].key for source, _ in move.pairs if self._program.values[source].kind is Kind.PERSISTENT]
        return str(keys[0]) if keys else ""

    def _operands(self, values: Sequence[int | None]) -> tuple[int, int]:
        return self._append("operands", [-1 if number is None else self._value(number) for number in values])

    # Values.

    def _value(self, number: int) -> int:
        """The file's number of a value that it needs."""
        if number not in self._numbers:
            value = self._program.values[number]
            if value.kind is Kind.PACKED:
                self._numbers[number] = self._packed_constant(value)
            elif value.kind is Kind.CONST:
                assert value.data is not None
                self._numbers[number] = self._constant(value.data)
            else:
                kind = VARIABLE if value.kind is Kind.PERSISTENT else MEMORY
                self._numbers[number] = self._new_value(kind, self._place(value), value.nbytes)
        return self._numbers[number]

    def _place(self, value: Value) -> int:
        """Where a value lies in memory: as planned, or behind what is there so far."""
        if value.kind is Kind.ARENA:
            return value.offset
        offset = self._memory
        self._memory += _padded(value.nbytes, ALIGNMENT)
        return offset

    def _packed_constant(self, value: Value) -> int:
        if value.key not in self._packed:
            assert value.pack is not None
            self._packed[value.key] = self._constant(value.pack())
        return self._packed[value.key]

    def _constant(self, data: np.ndarray) -> int:
        content = np.ascontiguousarray(data).tobytes()
        if content not in self._constants:
            self._constants[content] = self._new_value(CONSTANT, 0, len(content))
        return self._constants[content]

    def _new_value(self, kind: int, offset: int, size: int) -> int:
        return self._append("values", [(kind, 0, offset, size)])[0]

    # Tables.

    def _append(self, table: str, rows: Sequence[Any]) -> tuple[int, int]:
        """The span that the rows now have in a table."""
        begin = len(self._tables[table])
        self._tables[table] += rows
        return begin, len(rows)

    def _string(self, text: str) -> int:
        if text not in self._strings:
            self._strings[text] = self._append("strings", text.encode().replace(b"\0", b"") + b"\0")[0]
        return self._strings[text]

    def _block(self, params: bytes) -> int:
        if params not in self._params:
            self._params[params] = self._append("params", params + bytes(-len(params) % TABLE_ALIGNMENT))[0]
        return self._params[params]

    def _kernel(self, symbol: str) -> int:
        if symbol not in self._kernels:
            row = self._string(symbol), self._layouts[symbol].layout
            self._kernels[symbol] = self._append("kernels", [row])[0]
        return self._kernels[symbol]


def _padded(size: int, alignment: int) -> int:
    return -(-size // alignment) * alignment


def _table(name: str, rows: list[Any]) -> bytes:
    content = np.array(rows, RECORDS[name]).tobytes()
    return content + bytes(-len(content) % TABLE_ALIGNMENT)
