"""The registry: one OpDef per operator, and everything that is derived from it.

An operator's family file calls `register`. A family is imported when the first of its operators is asked for; `families.py`, generated from
what the files register, tells which that is. The files are found by listing this folder, so that a new one needs no entry anywhere.
"""

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from tachylite.model import codec, tables
from tachylite.model.errors import OpError, TachyliteError
from tachylite.model.graph import Graph, Operator, Shape, Tensor

from .channels import ChannelsOf
from .families import MODULES
from .integer import Integer
from .permute import Permute

if TYPE_CHECKING:
    from .calculus import Gradient


class Spec(NamedTuple):
    """What is known of a value before the graph runs: its shape and dtype, and the value itself where that is already certain."""

    shape: Shape
    dtype: np.dtype
    value: np.ndarray | None = None

    @property
    def rank(self) -> int:
        return len(self.shape)


Specs = Sequence[Spec | None]


class Context(Protocol):
    """What a run offers to operators that are more than functions of their inputs (see OpDef.context)."""

    #: Tables, streams and the like, by the operator's own key; lives as long as the executor's state.
    state: dict[Any, Any]

    def read(self, key: Any) -> np.ndarray:
        """A variable's value. Raises TachyliteError where nothing was assigned to it."""
        ...

    def assign(self, key: Any, value: np.ndarray) -> None:
        """Set a variable."""
        ...

    def call(self, graph: Graph, arguments: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Run another graph of the model on these inputs."""
        ...


@dataclass(frozen=True)
class OpDef:
    """One operator, whole.

    name: the schema's name, or a custom operator's code (`is_custom`).
    infer: `infer(op, *specs)` gives a Spec per output (or one Spec), or None where shapes depend on values that are not known
        before the run. An omitted input is None. It raises `op.error(...)` for what the operator cannot take: the one place of validation.
    reference: `reference(op, *arrays)` gives the outputs (an array or several) in numpy: the operator's definition. It never
        changes its inputs. With `context` it is `reference(op, context, *arrays)`.
    options: name of the options table in the schema; None where the operator has none.
    updates: positions of variable inputs whose new values the reference returns after the outputs, or a function of the operator
        that gives them (see `updated`).
    context: the operator needs a Context: it keeps state, calls graphs, or draws random numbers.
    lower: `lower(low, op)` emits the operator's code; None makes it a host operator, which runs its reference.
    variants: the types that it computes in, for checks, tables and tests, in one vocabulary: f16 and bf16 floats, s8 and u8 integers that
        may be quantized, i32 and u32 plain ones, c64, bool, str (all in `arguments.SUFFIXES`), resource, any; f32w8 has weights of 8 bits.
    version: the lowest schema version that can express this operator; default 1.
    gradient: the rule, or the composition, by which it is differentiated (see calculus.py); None where it cannot be.
    permute: `permute(op, axes)` tells how the operator follows a permutation of its inputs' axes (see permute.py).
    channels: `channels(op)` tells which entries of its tensors are removed together (see channels.py); None where none can be.
    integer: what it asks of its operands to compute with quantized integers (see integer.py); None where it cannot.
    in_place: the output may share the first input's memory.
    """

    name: str
    infer: Callable[..., Any]
    reference: Callable[..., Any]
    options: str | None = None
    variants: tuple[str, ...] = ("f32",)
    updates: tuple[int, ...] | Callable[[Operator], tuple[int, ...]] = ()
    context: bool = False
    lower: Callable[..., None] | None = None
    version: Callable[[Operator], int] = lambda op: 1
    gradient: "Gradient | None" = None
    permute: Permute | None = None
    channels: ChannelsOf | None = None
    integer: Integer | None = None
    in_place: bool = False
    is_custom: bool = False

    @property
    def code(self) -> int:
        """The schema's builtin code; that of CUSTOM for a custom operator."""
        return tables.enum_values("BuiltinOperator")["CUSTOM" if self.is_custom else self.name]

    def updated(self, op: Operator) -> tuple[int, ...]:
        """Positions of the inputs that `op` updates."""
        return self.updates(op) if callable(self.updates) else self.updates

    def make_options(self, **values: Any) -> Any:
        """Options with the schema's defaults for what is not named."""
        return tables.options_class(self.options)(**values) if self.options else None


_registry: dict[tuple[str, bool], OpDef] = {}


def register(definition: OpDef) -> OpDef:
    """Make an operator known everywhere. Registering a name again replaces it, so that a user can override."""
    _registry[definition.name, definition.is_custom] = definition
    return definition


def prepare(name: str) -> None:
    """Import the family that defines this operator, if one does."""
    if name in MODULES:
        importlib.import_module(f"{__package__}.{MODULES[name]}")


@cache
def load_families() -> None:
    """Import every module of this package, so that all of its operators are registered."""
    package = importlib.import_module(__package__)
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{__package__}.{module.name}")


class Fused(Operator):
    """What a Program computes in place of several operators of a graph: an operator that brings its definition, and enters no file."""

    def __init__(self, name: str, inputs: list[Tensor | None], options: Any, definition: OpDef):
        super().__init__(name, inputs, [], options)
        self.definition = definition


def find(op: Operator) -> OpDef | None:
    """The definition of an operator, None where there is none."""
    return op.definition if isinstance(op, Fused) else _find(op.op, op.is_custom)


def _find(name: str, is_custom: bool) -> OpDef | None:
    if (name, is_custom) not in _registry:
        prepare(name)
    if is_custom and (name, is_custom) not in _registry:
        _load_installed(name)
    return _registry.get((name, is_custom))


ENTRY_POINTS = "tachylite.ops"
"""The group of entry points that packages offer custom operators in: an operator's name, and an OpDef or a module that registers it."""


def _load_installed(name: str) -> None:
    """Register a custom operator that an installed package offers, if one does. Raises TachyliteError where that fails."""
    from importlib.metadata import entry_points  # which takes longer to import than all of this room

    for point in entry_points(group=ENTRY_POINTS, name=name):
        try:
            loaded = point.load()
        except Exception as problem:  # others' code
            raise TachyliteError(f"custom operator {name!r} ({point.value}) cannot be loaded: {problem}") from problem
        if isinstance(loaded, OpDef):
            register(loaded)


def get(op: Operator) -> OpDef:
    """The definition of an operator.

    Raises OpError where there is none.
    """
    definition = find(op)
    if definition is None:
        kind = "custom operator" if op.is_custom else "operator"
        raise op.error(f"no {kind} of this name is known; define it with tachylite.register(OpDef({op.op!r}, ...))")
    return definition


def by_name(name: str) -> OpDef:
    """The builtin, else the custom operator of this name. Raises KeyError."""
    definition = _find(name, False) or _find(name, True)
    if definition is None:
        raise KeyError(name)
    return definition


def definitions() -> Iterator[OpDef]:
    """Every registered operator, builtins in schema order, then custom ones by name."""
    load_families()
    yield from sorted(_registry.values(), key=lambda d: (d.is_custom, d.code, d.name))


def complete(op: Operator) -> Operator:
    """The operator with the schema's default options where its file left them out, or gave it those of another."""
    definition = find(op)
    if definition is None or definition.options is None or type(op.options).__name__ == definition.options:
        return op
    return replace(op, options=definition.make_options())


def infer(op: Operator, specs: Specs) -> list[Spec] | None:
    """Specs of the outputs, None where they are not known before the run. Raises OpError."""
    try:
        result = get(op).infer(op, *specs)
    except (ArithmeticError, TypeError, IndexError, AttributeError, ValueError) as problem:
        if isinstance(problem, OpError):
            raise
        found = ", ".join("none" if s is None else f"{s.dtype}{list(s.shape)}" for s in specs)
        raise op.error(f"does not fit its inputs ({found}): {problem}") from problem
    if result is None or isinstance(result, Spec):
        result = result and [result]
    return result


def version(op: Operator) -> int:
    """The lowest schema version that can express `op`; the one that its file gave where the operator is unknown. Raises OpError."""
    definition = find(op)
    if definition is None:
        return op.version
    try:
        return definition.version(complete(op))
    except (TypeError, IndexError, AttributeError) as problem:
        raise op.error(f"its version cannot be told, because it lacks operands or options of its own ({problem})") from problem


codec.version_rule = version


# Inference that several families share.


def same_shape(op: Operator, x: Spec, *rest: Spec | None) -> Spec:
    """One output shaped and typed like the first input."""
    return Spec(x.shape, x.dtype)


def output_dtype(op: Operator, default: np.dtype) -> np.dtype:
    """The dtype that the file gives the output; `default` while the operator has none, because a Builder is inferring it."""
    return op.outputs[0].dtype if op.outputs else default


def broadcast_shapes(op: Operator, *shapes: Shape) -> Shape:
    """Numpy's broadcasting. Raises OpError that shows the shapes."""
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        found = " and ".join(str(list(s)) for s in shapes)
        raise op.error(f"shapes {found} do not broadcast; each dimension must be equal or 1, counted from the last") from None


def normalize_axis(op: Operator, axis: int, rank: int) -> int:
    """An axis counted from the front. Raises OpError where it is out of range."""
    if not -rank <= axis < rank:
        raise op.error(f"axis {axis} is out of range for rank {rank}; it must lie in [{-rank}, {rank - 1}]")
    return axis % rank if rank else 0
