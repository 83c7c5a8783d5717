"""Delegates at run time: how they are found, what runs them, and what takes over where one fails."""

import re
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tachylite.model.errors import TachyliteError
from tachylite.model.graph import Operator
from tachylite.ops.inference import as_list
from tachylite.program.delegate import Compiled, Delegate
from tachylite.program.partition import Delegates
from tachylite.program.program import DelegateCall
from tachylite.program.subgraph import Partition

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

LIBRARIES = {".so", ".dylib", ".dll"}
"""How the names of shared libraries end."""

ENTRY_POINTS = "tachylite.delegates"
"""The group of entry points that packages offer their delegates in: a name, and a subclass of Delegate."""


class DelegateWarning(UserWarning):
    """A delegate failed, and the CPU does its work from now on."""


class DelegateError(TachyliteError):
    """A delegate failed, and strict was asked for."""


def load_delegate(library: str, options: dict[str, Any] | None = None) -> Delegate:
    """A delegate: the name of an installed one, `module:Class` of any, or the path of a shared library (tachylite_delegate.h).

    Raises TachyliteError, a ValueError, where that fails, which callers may catch to stay on the CPU.
    """
    if library in installed():
        return _construct(installed()[library], options)
    if re.fullmatch(r"[\w.]+:[\w.]+", library):
        from importlib.metadata import EntryPoint

        return _construct(EntryPoint(library, library, ENTRY_POINTS), options)
    if Path(library).suffix in LIBRARIES or ".so." in library:
        from .library import LibraryDelegate

        return LibraryDelegate(library, options)
    known = ", ".join(sorted(installed())) or "none"
    raise TachyliteError(
        f"there is no delegate {library!r}; installed are: {known}. Give one of these, module:Class, or the path of a shared library"
    )


def from_text(text: str) -> Delegate:
    """A delegate as a command line names it: `library` or `library,option=value,option=value`. Raises TachyliteError."""
    library, *pairs = text.split(",")
    for pair in pairs:
        if "=" not in pair:
            raise TachyliteError(f"delegate {text!r}: {pair!r} is no option; write NAME,OPTION=VALUE,OPTION=VALUE")
    return load_delegate(library, dict(pair.split("=", 1) for pair in pairs))


def installed() -> "dict[str, EntryPoint]":
    """The delegates of all installed packages, by name."""
    from importlib.metadata import entry_points  # which takes longer to import than all of this room

    return {point.name: point for point in entry_points(group=ENTRY_POINTS)}


def _construct(point: "EntryPoint", options: Mapping[str, Any] | None) -> Delegate:
    try:
        delegate = point.load()(dict(options or {}))
    except (TachyliteError, MemoryError):
        raise
    except Exception as problem:  # others' code
        raise TachyliteError(f"delegate {point.name!r} ({point.value}) cannot be loaded: {_said(problem)}") from problem
    if not isinstance(delegate, Delegate):
        raise TachyliteError(f"delegate {point.name!r}: {point.value} gives {delegate!r}; it must be a subclass of tachylite.Delegate")
    return delegate


class LoadedDelegate(Delegate):
    """What tf.lite calls a Delegate: `LoadedDelegate(library, options)` wraps what `load_delegate(library, options)` gives."""

    def __init__(self, library: str, options: dict[str, Any] | None = None):
        self._loaded = load_delegate(library, options)
        self.name, self.least_work, self.options = self._loaded.name, self._loaded.least_work, self._loaded.options
        self.supports, self.compile = self._loaded.supports, self._loaded.compile  # type: ignore[method-assign]

    def supports(self, op: Operator) -> bool | str:
        raise NotImplementedError

    def compile(self, graph: Any) -> Compiled:
        raise NotImplementedError


class Crew:
    """The delegates of one session, and what became of them. strict: raise DelegateError instead of falling back to the CPU."""

    def __init__(self, delegates: Sequence[Delegate] = (), strict: bool = False):
        for delegate in delegates:
            if not isinstance(delegate, Delegate):
                raise TachyliteError(f"{delegate!r} is not a delegate; give what load_delegate(name_or_library, options) returns")
        self.strict = strict
        self.delegates = Delegates(tuple(delegates), self._refused)
        #: Why a delegate is no longer asked to run anything.
        self.failed: dict[Delegate, str] = {}

    def _refused(self, delegate: Delegate, problem: Exception) -> None:
        """A delegate failed while the model was planned for."""
        self._report(f"delegate {delegate.name!r} failed while it prepared the model: {_said(problem)}", problem)

    def _report(self, what: str, problem: Exception) -> None:
        if self.strict:
            raise DelegateError(f"{what}; without strict, the CPU would take over") from problem
        warnings.warn(f"{what}; the CPU does its work", DelegateWarning, stacklevel=2)

    def run(self, call: DelegateCall, arrays: Sequence[np.ndarray]) -> list[np.ndarray] | None:
        """A partition's outputs; None where the CPU is to compute them, because the delegate fails now or did so before."""
        partition = call.partition
        if partition.delegate in self.failed:
            return None
        try:
            assert partition.compiled is not None
            results = as_list(partition.compiled(*arrays))
            _check(partition, results)
        except Exception as problem:  # others' code: whatever it raises, the CPU can do the work
            self._report(f"delegate {partition.delegate.name!r} failed in a run, at {_place(partition)}: {_said(problem)}", problem)
            self.failed[partition.delegate] = _said(problem)
            return None
        return results


def _said(problem: Exception) -> str:
    return str(problem) or type(problem).__name__


def _place(partition: Partition) -> str:
    first = partition.graph.operators[0]
    return f"the {len(partition.positions)} operators from {first.op} #{partition.positions[0]} on"


def _check(partition: Partition, results: Sequence[np.ndarray]) -> None:
    """Raises TachyliteError where a delegate's results are not of the shapes and types of the outputs."""
    found = [(r.shape, r.dtype) for r in results]
    needed = [(t.shape, t.dtype) for t in partition.graph.outputs]
    if found != needed:
        texts = [", ".join(f"{dtype}{list(shape)}" for shape, dtype in specs) or "nothing" for specs in (found, needed)]
        raise TachyliteError(f"it gave {texts[0]} where {texts[1]} was planned")
