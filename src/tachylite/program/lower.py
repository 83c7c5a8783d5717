"""Lowering: a graph of operators with known input shapes becomes a Program.

Operators are walked once, in order. Whatever is certain before the run (constants, shapes, which variable a handle names) is computed now
and becomes a constant. An operator with a `lower` of its own emits its code through the methods of `Lowering`; the others become host
calls. Operators that may become one (see `fuse`) wait for the last of them. The first operator whose output shapes only the run can tell
ends the code with a Barrier.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from math import prod
from typing import Any

import numpy as np

from tachylite.model.dtypes import RESOURCE, STRING, VARIANT
from tachylite.model.errors import OpError, UnsupportedError
from tachylite.model.graph import Graph, Model, Operator, Tensor
from tachylite.ops import inference, registry
from tachylite.ops.kernel import Kernel, NoParams, Params
from tachylite.ops.registry import Spec

from . import fuse, memory
from .partition import NOBODY, Delegates, Placement, plan
from .program import Barrier, Call, DelegateCall, Entry, HostCall, Jump, JumpIfFalse, Kind, Move, Program, Value
from .subgraph import Part, Partition
from .target import REFERENCE, Target

#: Inlining stops here: a few nested calls, each made twice, could otherwise expand without end.
MAX_INSTRUCTIONS = 50_000

#: Elements of an operand of a native call, and its work items.
MOST_ELEMENTS = 2**31 - 1


@dataclass
class Scope:
    """One instance of a graph: its tensors' value numbers and specs. Inlining a graph twice makes two."""

    graph: Graph
    number: int
    values: dict[Tensor, int] = field(default_factory=dict)
    specs: dict[Tensor, Spec] = field(default_factory=dict)
    is_entry: bool = False
    groups: "dict[int, fuse.Group]" = field(default_factory=dict)  #: of operators that may become one, by their positions
    waiting: dict[int, Operator] = field(default_factory=dict)  #: operators of groups that have not reached their last one


def lower(
    model: Model,
    entries: "Mapping[str, tuple[Graph, Sequence[Spec]]] | None" = None,
    target: Target = REFERENCE,
    delegates: Delegates = NOBODY,
) -> Program:
    """The Program of a model for known shapes.

    entries: name to (graph, specs of its inputs); if not given, one for each signature, or `main`, with the shapes of the file.
    delegates: take what they support of every graph that is lowered.
    Raises OpError where an operator cannot take its inputs, UnsupportedError where operators are unknown (all of them named).
    """
    check_known(model)
    program = Program(target)
    with inference.remembering():
        lowering = Lowering(model, program, delegates)
        for name, (graph, specs) in (entries or default_entries(model)).items():
            lowering.entry(name, graph, specs)
    memory.plan(program)
    forget_unread(program)
    return program


def forget_unread(program: Program) -> None:
    """Let go of constants that no code reads, such as those that kernels read packed. What follows a barrier is lowered later, and may."""
    if program.target.preserve_all or any(entry.barrier for entry in program.entries.values()):
        return
    read = {v for entry in program.entries.values() for v in entry.outputs}
    read |= {v for entry in program.entries.values() for instruction in entry.code for v in memory.reads(instruction)}
    read |= {source for move in program.reset for source, _ in move.pairs}
    for number, value in enumerate(program.values):
        if value.kind is Kind.CONST and number not in read:
            value.data = None


def default_entries(model: Model) -> dict[str, tuple[Graph, list[Spec]]]:
    """An entry for each signature, or `main` where there is none, with the shapes of the file."""
    graphs = {s.key: s.graph for s in model.signatures} or {"main": model.graph}
    return {name: (graph, [Spec(t.shape, t.dtype) for t in graph.inputs]) for name, graph in graphs.items()}


def check_known(model: Model) -> None:
    """Raises UnsupportedError that lists every operator of the model that has no definition."""
    unknown: dict[str, int] = {}
    for op in model.operators():
        if registry.find(op) is None:
            label = f"custom operator {op.op!r}" if op.is_custom else op.op
            unknown[label] = unknown.get(label, 0) + 1
    if unknown:
        listing = ", ".join(f"{label} ({count}x)" for label, count in unknown.items())
        raise UnsupportedError(f"no definition for {listing}; define them with tachylite.register(OpDef(name, ...))")


class Lowering:
    """What an operator's `lower` sees. Value numbers are ints; a Spec tells what is known of one."""

    def __init__(self, model: Model, program: Program, delegates: Delegates = NOBODY):
        self.model = model
        self.program = program
        self.delegates = delegates
        self.code: list[Any] = []
        self.scope: Scope
        self._persistent: dict[Any, int] = {}
        self._place = (0, 0)
        #: Within what the CPU does in place of a delegate, whose values are not the entry's outputs, but are moved there.
        self._is_spare = False

    # Walking a graph.

    def entry(self, name: str, graph: Graph, specs: Sequence[Spec], start: int = 0, bound: dict[Tensor, Spec] | None = None) -> Entry:
        """Lower `graph` as a way into the program. A continuation starts at operator `start` with the tensors `bound` as inputs."""
        self.code = []
        self.scope = scope = Scope(graph, self._number(graph), is_entry=True)
        given = dict(zip(graph.inputs, specs, strict=True)) if bound is None else bound
        inputs = [self._input(tensor, spec) for tensor, spec in given.items()]
        barrier = self._walk(scope, start)
        outputs = [] if barrier else self._outputs(graph.outputs)
        entry = Entry(self.code, inputs, outputs, scope.values, barrier)
        self.program.entries[name] = entry
        return entry

    def _input(self, tensor: Tensor, spec: Spec) -> int:
        if spec.value is not None:
            return self._define(tensor, spec)
        kind = Kind.HOST if _is_host(spec.dtype) else Kind.INPUT
        return self._bind(tensor, self._new(kind, spec, tensor.name), spec)

    def _walk(self, scope: Scope, start: int = 0) -> Barrier | None:
        operators = [registry.complete(op) for op in scope.graph.operators[start:]]
        if fuse.may_fuse(self.program.target):
            scope.groups = fuse.find(operators, scope.graph.outputs, start)
        for step in self._steps(scope, operators, start):
            if isinstance(step, Partition):
                self._delegate(step, [operators[position - start] for position in step.positions])
                continue
            op = operators[step - start]
            with self._at(op, step):
                if not self.emit(op):
                    return self._barrier(scope, step + 1)
                if len(self.code) > MAX_INSTRUCTIONS:
                    raise op.error(f"the graph expands to more than {MAX_INSTRUCTIONS} instructions; flatten its nested calls")
        return None

    def _steps(self, scope: Scope, operators: Sequence[Operator], start: int) -> "list[int | Partition]":
        """The order in which operators run, or partitions of them: those that wait for shapes, and all that follow, last."""
        if not self.delegates.given:
            return list(range(start, start + len(operators)))
        count = self._infer_ahead(operators)
        kept = {t for op in operators[count:] for t in op.inputs if t is not None} | set(scope.graph.outputs)
        found = plan(Part(operators[:count], start, self.known, kept), self.delegates)
        self.program.placements += [replace(p, graph=scope.number) for p in found.placements]
        for index, op in enumerate(operators[count:], start + count):
            why = (
                "only the run can tell the shapes of its outputs"
                if index == start + count
                else "waits for shapes that only the run can tell"
            )
            self.program.placements.append(Placement(scope.number, index, op, None, why))
        units = [set(step.positions) for step in found.steps if isinstance(step, Partition)]
        cut = {i for i, group in scope.groups.items() for unit in units if 0 < len(unit & set(group.positions)) < len(group.positions)}
        scope.groups = {i: group for i, group in scope.groups.items() if i not in cut}
        return [*found.steps, *range(start + count, start + len(operators))]

    def _infer_ahead(self, operators: Sequence[Operator]) -> int:
        """Learn the specs of all tensors that can be known before the run; how many operators that takes one to.

        An operator that cannot take its inputs ends it as well: the walk will come to it, and say so.
        """
        for count, op in enumerate(operators):
            try:
                results = inference.infer(op, [self.spec(t) for t in op.inputs])
            except OpError:
                return count
            if results is None or len(results) != len(op.outputs):
                return count
            self.scope.specs.update(zip(op.outputs, results, strict=True))
        return len(operators)

    def _delegate(self, partition: Partition, operators: Sequence[Operator]) -> None:
        """Emit a delegate's call and, where it is asked for, what the CPU does in its place."""
        inputs = tuple(self.value(tensor) for tensor in partition.inputs)
        outputs = tuple(self.define(tensor) for tensor in partition.outputs)
        position = len(self.code)
        self.code.append(None)
        if self.delegates.spare:
            self._is_spare = True
            for index, op in zip(partition.positions, operators, strict=True):
                with self._at(op, index):
                    self.emit(op)
            self._is_spare = False
            self.move([(self.value(tensor), number) for tensor, number in zip(partition.outputs, outputs, strict=True)])
            self.scope.values.update(zip(partition.outputs, outputs, strict=True))
        self.code[position] = DelegateCall(partition, inputs, outputs, len(self.code))

    @contextmanager
    def _at(self, op: Operator, index: int) -> Iterator[None]:
        """Within, all is done for this operator of the current scope; whatever is raised becomes an OpError with its place."""
        outer, self._place = self._place, (index, self.scope.number)
        place = self._place
        try:
            yield
        except OpError as problem:
            raise problem.at(*place) from None
        except (ArithmeticError, AssertionError, AttributeError, LookupError, MemoryError, TypeError, ValueError) as problem:
            reason = str(problem) or type(problem).__name__
            raise op.error(f"cannot be planned for its operands: {reason}").at(*place) from problem
        self._place = outer

    def emit(self, op: Operator) -> bool:
        """Emit one operator of the current scope. False where its output shapes only the run can tell."""
        results = inference.infer(op, [self.spec(t) for t in op.inputs])
        if results and all(r.value is not None for r in results):
            for tensor, spec in zip(op.outputs, results, strict=True):
                self._define(tensor, spec)
            return True
        if results is None:
            self._lower_waiting()
            self._host_call(op, [self._new(Kind.HOST, Spec((), t.dtype), t.name, unknown=True) for t in op.outputs], [])
            return False
        if len(results) != len(op.outputs):
            raise op.error(f"has {len(op.outputs)} outputs, it needs {len(results)}; the file is damaged")
        for tensor, spec in zip(op.outputs, results, strict=True):
            self.scope.specs[tensor] = spec
        group = self.scope.groups.get(self._place[0])
        if group is None:
            self._lower(op)
        else:
            self._lower_grouped(op, group)
        return True

    def _lower_grouped(self, op: Operator, group: fuse.Group) -> None:
        """Let an operator wait for the last one of its group; then lower what they become together, or each of them."""
        waiting = self.scope.waiting
        waiting[self._place[0]] = op
        if self._place[0] != group.positions[-1]:
            return
        fused = group.rewrite(self.known) if waiting.keys() >= set(group.positions) else None
        if fused is None:
            self._lower_waiting()
            return
        for position in group.positions:
            del waiting[position]
        self._lower(fused)

    def _lower_waiting(self) -> None:
        while self.scope.waiting:
            index = next(iter(self.scope.waiting))
            op = self.scope.waiting.pop(index)
            with self._at(op, index):
                self._lower(op)

    def _lower(self, op: Operator) -> None:
        definition = registry.get(op)
        if not any(self.size(tensor) for tensor in op.outputs) and not definition.context and not definition.updated(op):
            for tensor in op.outputs:
                self.define(tensor)  # Of nothing, nothing is to be computed.
        elif definition.lower is None or (self.program.target.isa == "reference" and not definition.context):
            self.host(op)
        else:
            definition.lower(self, op)

    def _barrier(self, scope: Scope, start: int) -> Barrier:
        graph, model, target, delegates = scope.graph, self.model, self.program.target, self.delegates
        needed = {t for op in graph.operators[start:] for t in op.inputs if t is not None} | set(graph.outputs)
        tensors = [
            t for t, v in scope.values.items() if t in needed and not t.is_constant and self.program.values[v].kind is not Kind.PERSISTENT
        ]
        known = {t: scope.specs[t] for t in tensors if t in scope.specs}

        def resume(specs: Sequence[Spec]) -> Program:
            bound = {t: known[t] if t in known and known[t].value is not None else spec for t, spec in zip(tensors, specs, strict=True)}
            program = Program(target)
            with inference.remembering():
                Lowering(model, program, delegates).entry("rest", graph, (), start, bound)
            memory.plan(program)
            return program

        return Barrier(tuple(scope.values[t] for t in tensors), resume)

    def _outputs(self, tensors: Sequence[Tensor]) -> list[int]:
        """Value numbers of the graph's outputs; one that is anything but the sole owner of an output gets a Move into its own."""
        outputs: list[int] = []
        moves = []
        for tensor in tensors:
            number = self.value(tensor)
            value = self.program.values[number]
            owned = value.kind is Kind.OUTPUT or (value.kind is Kind.HOST and value.data is None and tensor not in self.scope.graph.inputs)
            if not owned or number in outputs:
                spec = self.scope.specs.get(tensor) or Spec(value.shape or (), value.dtype)
                copy = self._new(Kind.OUTPUT, spec, tensor.name)
                moves.append((number, copy))
                number = copy
                if not owned and tensor not in self.scope.graph.inputs:
                    self.scope.values[tensor] = copy
            outputs.append(number)
        if moves:
            self.code.append(Move(tuple(moves)))
        return outputs

    # What operators ask and emit.

    def spec(self, tensor: Tensor | None) -> Spec | None:
        """What is known of a tensor of the current scope."""
        if tensor is None:
            return None
        if tensor not in self.scope.specs:
            self.scope.specs[tensor] = inference.constant_spec(tensor) if tensor.is_constant else Spec(tensor.shape, tensor.dtype)
        return self.scope.specs[tensor]

    def known(self, tensor: Tensor) -> Spec:
        """The same of a tensor that is there."""
        spec = self.spec(tensor)
        assert spec is not None
        return spec

    def size(self, tensor: Tensor) -> int:
        """The number of elements of a tensor of the current scope."""
        return prod(self.scope.specs[tensor].shape)

    def value(self, tensor: Tensor) -> int:
        """The value that holds a tensor of the current scope."""
        if tensor not in self.scope.values:
            spec = self.known(tensor)
            if tensor.is_variable:
                self._bind(tensor, self.persistent(tensor, spec, np.full(spec.shape, tensor.initial, spec.dtype), tensor.name), spec)
            else:
                self._define(tensor, spec)
        return self.scope.values[tensor]

    def host(self, op: Operator) -> None:
        """Emit a call of the operator's reference."""
        definition = registry.get(op)
        outputs = [self.define(tensor) for tensor in op.outputs]
        state = [tensor for i in definition.updated(op) if i < len(op.inputs) and (tensor := op.inputs[i]) is not None]
        for tensor in state:
            if self.program.values[self.value(tensor)].kind is Kind.CONST:
                raise op.error(f"keeps state in {tensor!r}, which is a constant; it must be a variable tensor")
        self._host_call(op, outputs, [self.value(tensor) for tensor in state])

    def _host_call(self, op: Operator, outputs: list[int], state: list[int]) -> None:
        for tensor, number in zip(op.outputs, outputs, strict=True):
            self.scope.values[tensor] = number
        inputs = tuple(None if t is None else self.value(t) for t in op.inputs)
        self.code.append(HostCall(op, self._place, inputs, (*outputs, *state), registry.get(op).in_place))

    def call(
        self,
        kernel: Kernel,
        variant: str,
        op: Operator,
        params: Params | None = None,
        *,
        work: int,
        inputs: Sequence[int | None] | None = None,
        outputs: Sequence[int] | None = None,
        scratch: Sequence[int] = (),
        grain: int = 1,
        lead: int | None = None,
    ) -> None:
        """Emit a native call: on the operator's own tensors, or on other values where an operator takes several calls.

        A variant that the kernel lacks is left to the host, where the operator is one call on its own tensors.
        work: the number of work items; grain: the least number of them that is worth a thread's while; scratch: see `scratch`;
        lead: see Call.
        """
        if variant not in kernel.variants and inputs is None and outputs is None:
            self.host(op)
            return
        if inputs is None:
            inputs = [None if t is None else self.value(t) for t in op.inputs]
        if outputs is None:
            outputs = [self.define(t) for t in op.outputs]
        self._check_countable(op, work, (*inputs, *outputs))
        block = bytes(params if params is not None else NoParams())
        in_place = registry.get(op).in_place
        self.code.append(
            Call(
                kernel.symbol(variant),
                op,
                self._place,
                tuple(inputs),
                tuple(outputs),
                tuple(scratch),
                block,
                work,
                min(grain, MOST_ELEMENTS // 2),
                in_place,
                lead,
            )
        )

    def _check_countable(self, op: Operator, work: int, operands: Sequence[int | None]) -> None:
        """Kernels count in 32 bits. Raises OpError where that is not enough."""
        shapes = [self.program.values[v].shape or () for v in operands if v is not None]
        most = max([work, *map(prod, shapes)])
        if most > MOST_ELEMENTS:
            raise op.error(f"takes {most:,} elements at once, kernels count to {MOST_ELEMENTS:,}; use smaller shapes")

    def scratch(self, size: int, per_worker: bool = False) -> int:
        """Memory that lives for one call: `size` bytes, or as many for each worker, one after another."""
        total = size * (self.program.target.workers if per_worker else 1)
        return self.temporary(Spec((total,), np.dtype(np.uint8)))

    def packed(self, tensors: Tensor | Sequence[Tensor], layout: str, pack: Callable[..., np.ndarray]) -> int:
        """A constant, or several in one, in a kernel's own layout, whose name stands for everything that `pack` depends on beside them."""
        parts = (tensors,) if isinstance(tensors, Tensor) else tuple(tensors)
        specs = [self.known(tensor) for tensor in parts]
        first, arrays = specs[0], [spec.value for spec in specs]
        assert all(array is not None for array in arrays), f"{parts} are not all constant"
        value = Value(Kind.PACKED, first.dtype, first.shape, parts[0].name, key=(*parts, layout), pack=partial(pack, *arrays))
        self.program.values.append(value)
        return len(self.program.values) - 1

    def define(self, tensor: Tensor) -> int:
        """The value that an operator of the current scope writes `tensor` to."""
        spec = self.scope.specs[tensor]
        return self._define(tensor, spec._replace(value=None))

    def temporary(self, spec: Spec, name: str = "") -> int:
        """A fresh value of this shape and type; a constant where the value itself is known."""
        if spec.value is not None:
            return self._new(Kind.HOST if _is_host(spec.dtype) else Kind.CONST, spec, name, data=np.asarray(spec.value, order="C"))
        return self._new(Kind.HOST if _is_host(spec.dtype) else Kind.ARENA, spec, name)

    def persistent(self, key: Any, spec: Spec, initial: np.ndarray | None = None, name: str = "") -> int:
        """The value that all programs of an executor share under `key`; one without an initial value must be written before it is read."""
        instance = key, spec.shape, spec.dtype
        if instance not in self._persistent:
            number = self._persistent[instance] = self._new(Kind.PERSISTENT, spec._replace(value=None), name, key=key)
            if initial is not None:
                self.program.reset.append(Move(((self.temporary(spec._replace(value=initial)), number),)))
        return self._persistent[instance]

    def bind(self, tensor: Tensor, number: int) -> None:
        """Let an existing value be `tensor`."""
        self.scope.values[tensor] = number

    def move(self, pairs: Sequence[tuple[int, int]], must_change: bool = False) -> None:
        """Emit a parallel assignment of (source, target) values; see Move."""
        changing = tuple((a, b) for a, b in pairs if a != b)
        if changing or must_change:
            self.code.append(Move(changing, must_change))

    def inline(self, graph: Graph, arguments: Sequence[int], specs: Sequence[Spec]) -> list[int]:
        """Emit a graph's code on these values, whose specs are given; returns the values of its outputs."""
        outer, place = self.scope, self._place
        self.scope = scope = Scope(graph, self._number(graph))
        for tensor, number, spec in zip(graph.inputs, arguments, specs, strict=True):
            self._bind(tensor, number, spec)
        barrier = self._walk(scope)
        assert barrier is None, "a graph is inlined only where inference says that all its shapes are known"
        outputs = [self.value(tensor) for tensor in graph.outputs]
        self.scope, self._place = outer, place
        return outputs

    def here(self) -> int:
        """The position of the next instruction."""
        return len(self.code)

    def jump(self, target: int | None = None) -> Callable[[], None]:
        """Emit a jump; without a target, calling the result makes it jump to the then next instruction."""
        return self._patchable(lambda to: Jump(to), target)

    def jump_if_false(self, condition: int, target: int | None = None) -> Callable[[], None]:
        """Emit a jump taken where the bool in `condition` is false; the result is as `jump`'s."""
        return self._patchable(lambda to: JumpIfFalse(condition, to), target)

    def _patchable(self, make: Callable[[int], Any], target: int | None) -> Callable[[], None]:
        position = len(self.code)
        self.code.append(make(position if target is None else target))

        def land() -> None:
            self.code[position] = make(len(self.code))

        return land

    # Values.

    def _define(self, tensor: Tensor, spec: Spec) -> int:
        is_output = self.scope.is_entry and not self._is_spare and tensor in self.scope.graph.outputs
        if spec.value is None and is_output and not _is_host(spec.dtype):
            return self._bind(tensor, self._new(Kind.OUTPUT, spec, tensor.name), spec)
        return self._bind(tensor, self.temporary(spec, tensor.name), spec)

    def _bind(self, tensor: Tensor, number: int, spec: Spec) -> int:
        self.scope.values[tensor] = number
        self.scope.specs[tensor] = spec
        return number

    def _new(self, kind: Kind, spec: Spec, name: str, data: np.ndarray | None = None, key: Any = None, unknown: bool = False) -> int:
        self.program.values.append(Value(kind, spec.dtype, None if unknown else spec.shape, name, data, key))
        return len(self.program.values) - 1

    def _number(self, graph: Graph) -> int:
        return next((i for i, g in enumerate(self.model.graphs) if g is graph), 0)


def _is_host(dtype: np.dtype) -> bool:
    return dtype in (STRING, RESOURCE, VARIANT)
