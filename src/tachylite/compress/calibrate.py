"""Calibration: what range each tensor has while the model runs on samples.

The model runs as always, with an observer behind each operator; what it remembers does not grow with the number of samples.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from tachylite.data.samples import Sample, samples_of
from tachylite.model import codec
from tachylite.model.errors import FileError, TachyliteError, UnsupportedError
from tachylite.model.files import write_atomically
from tachylite.model.graph import Model, Operator, Tensor
from tachylite.ops import registry
from tachylite.ops.registry import Fused, OpDef, Spec
from tachylite.runtime.loaded import load

from .grid import OPEN, Range, bounds_of
from .layer import source_of
from .shards import are_shards, on_shards
from .statistics import Statistics, empty, estimator

FLOAT = np.dtype(np.float32)

Progress = Callable[[int], None]
"""Is told how many samples have been run so far."""


Told = Mapping[Tensor, Callable[[np.ndarray], None]]


@dataclass
class Calibration:
    """Statistics of a model's tensors by their keys (see `tensor_keys`). `save` and `load` keep them as JSON, which may be edited.

    method: what makes ranges of them: one of statistics.METHODS.
    """

    method: str = "min_max"
    tensors: dict[str, Statistics] = field(default_factory=dict)

    def __post_init__(self) -> None:
        estimator(self.method)

    @property
    def samples(self) -> int:
        """How many samples went in; a value that is computed in a loop has been seen more often."""
        return min((s.samples for s in self.tensors.values()), default=0)

    def range_of(self, key: str, bits: int) -> Range | None:
        """The range of a tensor, None where it never had a value."""
        statistics = self.tensors.get(key)
        return estimator(self.method)(statistics, bits) if statistics is not None and statistics.samples else None

    def at(self, key: str, channels: int = 0) -> Statistics:
        """The statistics to add to, with the means of as many channels."""
        if key not in self.tensors:
            self.tensors[key] = empty(self.method, channels)
        return self.tensors[key]

    def merge(self, other: "Calibration") -> None:
        """Take into account what other samples gave, with the same method."""
        for key, statistics in other.tensors.items():
            if key in self.tensors:
                self.tensors[key].merge(statistics)
            else:
                self.tensors[key] = statistics

    def save(self, path: "str | PathLike[str]") -> None:
        """Write as JSON, whole or not at all."""
        write_atomically(path, [json.dumps(self.as_data(), indent=1).encode()])

    def as_data(self) -> dict[str, Any]:
        """For JSON."""
        return {"method": self.method, "tensors": {key: s.as_data() for key, s in self.tensors.items()}}

    @classmethod
    def load(cls, path: "str | PathLike[str]") -> "Calibration":
        """Read what `save` wrote. Raises FileError, OSError."""
        try:
            data = json.loads(Path(path).read_text(encoding="utf-8"))
            return cls(data["method"], {key: Statistics.of_data(s) for key, s in data["tensors"].items()})
        except (ValueError, KeyError, TypeError, AttributeError) as problem:
            raise FileError(f"{path} holds no calibration ({problem}); write one with Calibration.save") from problem


def calibrate(
    model: Any,
    data: Any,
    *,
    method: str = "min_max",
    into: Calibration | None = None,
    signature: str | None = None,
    progress: Progress | None = None,
) -> Calibration:
    """Run a model on samples and remember what its tensors held.

    model: a path, bytes or a Model. data: see `samples.samples_of`; or a Dask or Ray collection of such (see shards.py), whose shards are
    run where they lie. into: statistics to add to, of an earlier run, whose method stays.
    signature: the key of the one to run, by default the main graph. progress: called after each sample. Raises TachyliteError where there
    are no samples, UnsupportedError that names every operator whose results are not finite.
    """
    result, source = into if into is not None else Calibration(method), open_model(model)
    if are_shards(data):
        return _calibrate_shards(source, data, result, signature, progress)
    watch(source, data, result, signature=signature, progress=progress)
    return result


def _calibrate_shards(model: Model, data: Any, into: Calibration, signature: str | None, progress: Progress | None) -> Calibration:
    found = on_shards(partial(calibrate, codec.write(model), method=into.method, signature=signature), data)
    for done, shard in enumerate(found, 1):
        into.merge(shard)
        if progress:
            progress(sum(s.samples for s in found[:done]))
    return into


def watch(
    model: Model,
    data: Any,
    into: Calibration,
    *,
    also: Told | None = None,
    signature: str | None = None,
    progress: Progress | None = None,
) -> None:
    """Run a model on samples and add what its tensors held to `into`. also: what else is to be told the values of some tensors.

    Raises what `calibrate` raises.
    """
    keys, told, channels, cells = tensor_keys(model), also or {}, channels_of(model), cells_of(model)
    bounds = {tensor: bounds_of(op) for op in model.operators() for tensor in op.outputs}
    bad: dict[Tensor, Operator | None] = {}
    count = 0

    def observe(tensor: Tensor, maker: Operator | None, values: np.ndarray) -> None:
        if not into.at(keys[tensor], channels.get(tensor, 0)).add(values, count, bounds.get(tensor, OPEN)):
            bad.setdefault(tensor, maker)
            return
        for cell, states in cells.get(tensor, ()):
            into.at(keys[cell]).add(states(values), count)
        if tensor in told:
            told[tensor](values)

    called = model if signature is None else _called(model, signature)
    runner, done = load(instrument(called, observe)), 0
    for count, batch in in_batches(samples_of(data, called), batch_size(called) if into.method == "min_max" else 1):
        runner.run(batch)
        done += count
        if progress:
            progress(done)
    if not done:
        raise TachyliteError("the calibration data hold no samples; give some like those that the model will meet, a hundred say")
    if bad:
        raise UnsupportedError("\n".join(["activations are not finite, so that no scale fits them:", *_not_finite(bad)]))


def _called(model: Model, key: str) -> Model:
    """The model with a signature's graph as the main one."""
    found = next((s.graph for s in model.signatures if s.key == key), None)
    if found is None:
        raise TachyliteError(f"there is no signature {key!r}; the model has {sorted(s.key for s in model.signatures)}")
    return replace(model, graphs=[found, *(g for g in model.graphs if g is not found)])


BATCH_ELEMENTS = 1 << 18
"""Elements of the inputs, at most, that are run at once: small samples cost more to begin with than to compute."""


def batch_size(model: Model) -> int:
    """How many samples to run at once: one, unless the model leaves the first dimension of all inputs open, outside of control flow."""
    inputs, outputs = model.graph.inputs, model.graph.outputs
    if any((t.shape_signature or t.shape)[:1] != (-1,) for t in (*inputs, *outputs)) or any(op.subgraphs for op in model.operators()):
        return 1
    return max(1, min(16, BATCH_ELEMENTS // max(1, sum(t.size for t in inputs))))


def in_batches(samples: Iterable[Sample], size: int) -> Iterator[tuple[int, Sample]]:
    """Samples of one shape after another, joined along their first axes; with how many they are."""
    waiting: list[Sample] = []
    for sample in samples:
        if waiting and (len(waiting) == size or any(waiting[0][t].shape != value.shape for t, value in sample.items())):
            yield len(waiting), _joined(waiting)
            waiting = []
        waiting.append(sample)
    if waiting:
        yield len(waiting), _joined(waiting)


def _joined(samples: Sequence[Sample]) -> Sample:
    return {t: np.concatenate([sample[t] for sample in samples]) for t in samples[0]} if len(samples) > 1 else samples[0]


def channels_of(model: Model) -> dict[Tensor, int]:
    """The inputs that constant weights meet, and how many channels each has: their means tell what errors of the weights add up to."""
    result = {}
    for op in model.operators():
        definition = registry.find(op)
        integer = definition.integer if definition is not None else None
        source = None if integer is None else source_of(op, integer)
        if source is not None and source.shape and source.shape[-1] > 0:
            result[source] = source.shape[-1]
    return result


def cells_of(model: Model) -> dict[Tensor, list[tuple[Tensor, Callable[[np.ndarray], np.ndarray]]]]:
    """By the inputs of recurrent operators, the cell states that they lead to: the variable, and what gives all of its values."""
    result: dict[Tensor, list[tuple[Tensor, Callable[[np.ndarray], np.ndarray]]]] = defaultdict(list)
    for op in model.operators():
        definition = registry.find(op)
        memory = definition.integer.memory if definition is not None and definition.integer is not None else None
        source, cell = (op.inputs[0], op.inputs[memory.cell]) if memory else (None, None)
        if memory and source is not None and cell is not None and is_real(source) and is_real(cell):
            result[source].append((cell, partial(memory.values, op)))
    return result


def _not_finite(bad: Mapping[Tensor, Operator | None]) -> list[str]:
    """The first operators that gave such values: those whose own inputs are in order."""
    first = {t: op for t, op in bad.items() if op is None or not any(i in bad for i in op.inputs if i is not None)}
    return [
        f"input {t.name!r} holds NaN or infinity; mend the calibration data" if op is None
        else f"{op.op} {t.name!r} gives NaN or infinity; mend the calibration data, or the model"
        for t, op in first.items()
    ]  # fmt: skip


def open_model(source: Any) -> Model:
    """A Model from a path, bytes or a Model. Raises FileError, OSError."""
    if isinstance(source, Model):
        return source
    return codec.read_file(source) if isinstance(source, str | PathLike) else codec.read(source)


def tensor_keys(model: Model) -> dict[Tensor, str]:
    """A name for every tensor that tells it from all others: its own, behind the number of its graph and before that of its twin."""
    keys: dict[Tensor, str] = {}
    for number, graph in enumerate(model.graphs):
        seen: dict[str, int] = {}
        for tensor in graph.tensors:
            twin = seen[tensor.name] = seen.get(tensor.name, -1) + 1
            keys[tensor] = (f"{number}:" if number else "") + tensor.name + (f"#{twin}" if twin else "")
    return keys


Observer = Callable[[Tensor, Operator | None, np.ndarray], None]
"""Is told a tensor's value and what computed it (None: an input of the graph). The array is only lent."""


def is_real(tensor: Tensor) -> bool:
    """Whether a tensor is float32."""
    return tensor.dtype == FLOAT


AT_ONCE = 8
"""Values that an observer is told of in one call: each call stops the native code, and each value waits in memory until it comes."""


def instrument(model: Model, observe: Observer, is_watched: Callable[[Tensor], bool] = is_real) -> Model:
    """The model with observers of every value that is watched. It shares tensors with `model`, and computes the same."""
    copies = {id(graph): replace(graph, operators=[]) for graph in model.graphs}
    for graph in model.graphs:
        waiting: list[tuple[Tensor, Operator | None]] = [(t, None) for t in graph.inputs if is_watched(t)]
        operators = copies[id(graph)].operators
        for op in graph.operators:
            operators.append(replace(op, subgraphs=[copies[id(g)] for g in op.subgraphs]) if op.subgraphs else op)
            waiting += [(t, op) for t in op.outputs if is_watched(t)]
            if len(waiting) >= AT_ONCE:
                operators.append(_observer(waiting, observe))
                waiting = []
        operators += [_observer(waiting, observe)] if waiting else []
    signatures = [replace(s, graph=copies[id(s.graph)]) for s in model.signatures]
    return replace(model, graphs=list(copies.values()), signatures=signatures)


def _observer(watched: Sequence[tuple[Tensor, Operator | None]], observe: Observer) -> Operator:
    def reference(op: Operator, context: Any, *values: np.ndarray) -> list[np.ndarray]:
        for (tensor, maker), value in zip(watched, values, strict=True):
            observe(tensor, maker, value)
        return []

    definition = OpDef("OBSERVE", _infer_nothing, reference, context=True)
    return Fused("OBSERVE", [tensor for tensor, _ in watched], [], definition=definition)


def _infer_nothing(op: Operator, *specs: Spec) -> list[Spec]:
    return []
