"""Session: a model with its state, and the Programs that it has been lowered to so far."""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from threading import RLock
from typing import Any

import numpy as np

from tachylite.model.dtypes import STRING
from tachylite.model.graph import Graph, Model, Tensor
from tachylite.ops.registry import Spec
from tachylite.program.lower import lower
from tachylite.program.target import REFERENCE, Target

from .delegate import Crew
from .executor import Executor, MakeExecutor
from .numpy_executor import NumpyExecutor
from .profile import Stopwatch
from .state import State

#: Programs kept per session; each holds its own memory.
CACHE_SIZE = 16


class Session:
    """Runs any graph of a model at any input shapes; variables are shared by all of them."""

    def __init__(self, model: Model, target: Target = REFERENCE, profile: bool = False, crew: Crew | None = None):
        self.model = model
        self.target = target
        self._executor, turn = executor_for(target)
        self.state = State(self.call, turn, crew or Crew(), Stopwatch() if profile else None)
        self._cache: OrderedDict[Any, Executor] = OrderedDict()

    def prepare(self, graph: Graph, specs: Sequence[Spec]) -> Executor:
        """The executor for these input shapes, from the cache or newly lowered. Raises OpError, UnsupportedError."""
        key = (id(graph), *((s.shape, s.dtype, None if s.value is None else str(s.value.flat[0])) for s in specs))
        executor = self._cache.get(key)
        if executor is None:
            program = lower(self.model, {graph.name or "main": (graph, specs)}, self.target, self.state.crew.delegates)
            executor = self._executor(program, self.state)
            self._cache[key] = executor
            if len(self._cache) > CACHE_SIZE:
                self._cache.popitem(last=False)
        self._cache.move_to_end(key)
        return executor

    def executors(self) -> Iterator[Executor]:
        """Everything that runs in this session, and what follows its barriers."""
        for executor in self._cache.values():
            yield from executor.parts()

    def call(self, graph: Graph, arguments: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Run a graph once on these inputs, in the middle of a run; the results are copies."""
        with nullcontext() if self.state.stopwatch is None else self.state.stopwatch.graph():
            return self._call(graph, arguments)

    def _call(self, graph: Graph, arguments: Sequence[np.ndarray]) -> list[np.ndarray]:
        executor = self.prepare(graph, [_spec(t, a) for t, a in zip(graph.inputs, arguments, strict=True)])
        for number, array in zip(executor.entry.inputs, arguments, strict=True):
            executor.write(number, array)
        executor.run()
        return [output.copy() for output in executor.outputs()]

    def reset(self) -> None:
        """Set the variable tensors (recurrent state) back as they began; resource variables keep their values, as in TensorFlow Lite."""
        with self.state.turn:
            for key, variable in self.state.variables.items():
                if isinstance(key, Tensor):
                    variable.array[...] = key.initial


def executor_for(target: Target) -> tuple[MakeExecutor, AbstractContextManager[Any]]:
    """The kind of executor that runs Programs of a target, and what its runs take turns at."""
    if target.isa == REFERENCE.isa:
        return NumpyExecutor, RLock()
    from .native import Pool
    from .native_executor import NativeExecutor

    return NativeExecutor, Pool(target.workers)


def _spec(tensor: Tensor, array: np.ndarray) -> Spec:
    """Which resource a handle names is part of the spec; other arguments are known by shape alone."""
    is_handle = array.dtype == object and tensor.dtype != STRING
    return Spec(array.shape, tensor.dtype, array if is_handle else None)
