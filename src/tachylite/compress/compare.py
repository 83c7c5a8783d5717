"""`tachylite.compare`: what quantizing a model has cost, tensor by tensor."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from math import inf, isfinite, log10, sqrt
from typing import Any, NamedTuple

import numpy as np

from tachylite.data import arrays
from tachylite.data.samples import samples_of
from tachylite.model import codec
from tachylite.model.dtypes import TYPE_NAMES, is_quantizable, limits
from tachylite.model.errors import TachyliteError
from tachylite.model.graph import Graph, Model, Operator, Tensor
from tachylite.ops.scales import real_values
from tachylite.runtime.loaded import LoadedModel, load

from .calibrate import Progress, instrument, is_real, open_model, tensor_keys
from .shards import are_shards, on_shards


@dataclass
class Agreement:
    """How close two versions of one tensor are, over all values seen."""

    signal: float = 0.0
    noise: float = 0.0
    power: float = 0.0
    product: float = 0.0
    max_error: float = 0.0
    values: int = 0
    saturated: int = 0

    def add(self, real: np.ndarray, found: np.ndarray, saturated: int = 0) -> None:
        """Take values into account; both of one shape."""
        a, b = real.ravel().astype(np.float64), found.ravel().astype(np.float64)
        error = a - b
        self.signal += float(a @ a)
        self.noise += float(error @ error)
        self.power += float(b @ b)
        self.product += float(a @ b)
        self.max_error = max(self.max_error, float(np.abs(error).max(initial=0)))
        self.values += a.size
        self.saturated += saturated

    def merge(self, other: "Agreement") -> None:
        """Take into account what another one saw."""
        for name in ("signal", "noise", "power", "product", "values", "saturated"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.max_error = max(self.max_error, other.max_error)

    @property
    def sqnr(self) -> float:
        """Signal to quantization noise, dB."""
        return decibels(self.signal, self.noise)

    @property
    def cosine(self) -> float:
        """Of the angle between both; 1 where both are zero."""
        lengths = sqrt(self.signal * self.power)
        return self.product / lengths if lengths else float(self.signal == self.power)

    @property
    def saturation(self) -> float:
        """The part of the stored integers that are the least or the greatest of their type."""
        return self.saturated / self.values if self.values else 0.0


def decibels(signal: float, noise: float) -> float:
    """10 log10 of the ratio; infinite where there is no noise."""
    return inf if noise <= 0 else -inf if signal <= 0 else 10 * log10(signal / noise)


@dataclass
class Row:
    """One tensor of the float model and its twin. operator, index: what makes it, in the float model (None: an input)."""

    name: str
    operator: str
    graph: int
    index: int | None
    dtype: str
    agreement: Agreement
    lost: float = 0.0
    """dB below the worst of the operator's inputs: what this operator cost."""

    def as_data(self) -> dict[str, Any]:
        """For JSON, where infinity is None."""
        a = self.agreement
        numbers = {"sqnr": a.sqnr, "lost": self.lost, "cosine": a.cosine, "max_error": a.max_error, "saturation": a.saturation}
        plain = {"name": self.name, "operator": self.operator, "graph": self.graph, "index": self.index, "dtype": self.dtype}
        return plain | {name: value if isfinite(value) else None for name, value in numbers.items()}


@dataclass
class Comparison:
    """rows: every tensor with a twin, in the order of computation. outputs: all outputs taken together. samples: how many were run."""

    model: Model
    rows: list[Row]
    outputs: Agreement = field(default_factory=Agreement)
    samples: int = 0

    def worst(self) -> list[Row]:
        """The rows by what their operators cost, the worst first."""
        return sorted(self.rows, key=lambda row: (-row.lost, row.agreement.sqnr))

    def as_data(self) -> dict[str, Any]:
        """For JSON, with the main graph's operators as nodes."""
        sqnr = self.outputs.sqnr
        return {
            "sqnr": sqnr if isfinite(sqnr) else None,
            "cosine": self.outputs.cosine,
            "max_error": self.outputs.max_error,
            "samples": self.samples,
            "tensors": [row.as_data() for row in self.rows],
            "graph": list(_nodes(self.model.graph)),
        }


def compare(model: Any, quantized: Any, data: Any, *, progress: Progress | None = None) -> Comparison:
    """Run a float model and its quantized twin on the same samples and compare the tensors that have the same names.

    model, quantized: paths, bytes or Models. data: see data.samples.samples_of; or a Dask or Ray collection of such (see shards.py), whose
    shards are run where they lie. Raises TachyliteError where the data hold no samples, or the inputs and outputs of the two do not
    correspond.
    """
    model, quantized = open_model(model), open_model(quantized)
    if are_shards(data):
        found = _merged(on_shards(partial(_measure, codec.write(model), codec.write(quantized)), data))
    else:
        found = _measure(model, quantized, data, progress)
    if not found.samples:
        raise TachyliteError("the data hold no samples, so that there is nothing to compare; give some")
    keys = tensor_keys(model)
    twins = twins_of(model, quantized)
    return Comparison(model, _rows(model, twins, {t: found.tensors[keys[t]] for t in twins}), found.outputs, found.samples)


class Measured(NamedTuple):
    """Agreements of all tensors by their keys, of the outputs together, and the number of samples."""

    tensors: dict[str, Agreement]
    outputs: Agreement
    samples: int


def _measure(model: Any, quantized: Any, data: Any, progress: Progress | None = None) -> Measured:
    model, quantized = open_model(model), open_model(quantized)
    twins, keys = twins_of(model, quantized), tensor_keys(model)
    agreements = {keys[tensor]: Agreement() for tensor in twins}

    def meet(tensor: Tensor, real: np.ndarray, found: np.ndarray) -> None:
        agreements[keys[tensor]].add(real, real_of(found, twins[tensor]), saturated_of(found))

    outputs, samples = Agreement(), 0
    for real, found in run_both(model, quantized, twins, data, meet):
        outputs.add(_joined(real), _joined(found))
        samples += 1
        if progress:
            progress(samples)
    return Measured(agreements, outputs, samples)


def _merged(parts: Sequence[Measured]) -> Measured:
    first, *others = parts
    for part in others:
        first.outputs.merge(part.outputs)
        for key, agreement in part.tensors.items():
            first.tensors[key].merge(agreement)
    return first._replace(samples=sum(part.samples for part in parts))


Results = dict[Tensor, np.ndarray]


def run_both(
    model: Model, quantized: Model, twins: Mapping[Tensor, Tensor], data: Any, meet: Callable[[Tensor, np.ndarray, np.ndarray], None]
) -> Iterator[tuple[Results, Results]]:
    """Run both on each sample; yields the outputs of both, after `meet` was told of each tensor's value and that of its twin."""
    values: dict[Tensor, list[np.ndarray]] = defaultdict(list)

    def remember(tensor: Tensor, maker: Operator | None, value: np.ndarray) -> None:
        values[tensor].append(value.copy())

    def recall(twin: Tensor, maker: Operator | None, value: np.ndarray) -> None:
        for tensor in originals[twin]:
            if values[tensor]:
                meet(tensor, values[tensor].pop(0), value)

    originals: dict[Tensor, list[Tensor]] = defaultdict(list)
    for tensor, twin in twins.items():
        originals[twin].append(tensor)
    first = load(instrument(model, remember, lambda t: t in twins))
    second = load(instrument(quantized, recall, lambda t: t in originals))
    for sample in samples_of(data, model):
        yield first.run(sample), second.run(sample_for(quantized, sample))
        values.clear()


def sample_for(model: Model, sample: Mapping[Tensor, np.ndarray]) -> dict[Tensor, np.ndarray]:
    """A sample of another model of the same inputs, in the types of this one."""
    return {t: arrays.fit(value, t) for t, value in zip(model.graph.inputs, sample.values(), strict=True)}


def joined(model: LoadedModel, sample: Mapping[Tensor, np.ndarray]) -> np.ndarray:
    """All outputs in a row, as real numbers."""
    return _joined(model.run(sample))


def _joined(results: Results) -> np.ndarray:
    rows = [real_of(value, tensor).ravel() for tensor, value in results.items()]
    return np.concatenate(rows) if rows else np.zeros(0, np.float32)


def real_of(value: np.ndarray, tensor: Tensor) -> np.ndarray:
    """What the stored elements stand for."""
    return real_values(value, tensor) if tensor.is_quantized else value.astype(np.float32)


def saturated_of(value: np.ndarray) -> int:
    """How many integers lie at either end of their type."""
    if not is_quantizable(value.dtype):
        return 0
    low, high = limits(value.dtype)
    return int(np.count_nonzero((value == low) | (value == high)))


def _check_alike(model: Model, quantized: Model) -> None:
    for side in ("inputs", "outputs"):
        shapes = [[tuple(t.shape_signature or t.shape) for t in getattr(m.graph, side)] for m in (model, quantized)]
        if shapes[0] != shapes[1]:
            raise TachyliteError(f"the models' {side} are {shapes[0]} and {shapes[1]}; compare a model with one that was made of it")


def twins_of(model: Model, quantized: Model) -> dict[Tensor, Tensor]:
    """For each real value of the float model, the tensor of the quantized model that stands for it. Raises TachyliteError."""
    _check_alike(model, quantized)
    by_key = {key: t for t, key in tensor_keys(quantized).items() if not t.is_constant}
    kinds = [TYPE_NAMES[dtype].lower() for dtype in map(np.dtype, (np.int8, np.uint8, np.int16))]
    ends = {t for graph in model.graphs for t in (*graph.inputs, *graph.outputs)}
    result = {}
    for tensor, key in tensor_keys(model).items():
        if not is_real(tensor) or tensor.is_constant:
            continue
        # An input or output that stayed float has beside it what the operators work on.
        names = [key, *(f"{key}/{kind}" for kind in kinds)]
        found = [by_key[name] for name in (reversed(names) if tensor in ends else names) if name in by_key]
        if found and found[0].shape == tensor.shape:
            result[tensor] = found[0]
    return result


def _rows(model: Model, twins: Mapping[Tensor, Tensor], agreements: Mapping[Tensor, Agreement]) -> list[Row]:
    keys = tensor_keys(model)
    rows = []
    for number, graph in enumerate(model.graphs):
        for tensor, op, index in _values(graph):
            agreement = agreements.get(tensor)
            if agreement is None or not agreement.values:
                continue
            row = Row(keys[tensor], op.op if op else "input", number, index, TYPE_NAMES[twins[tensor].dtype].lower(), agreement)
            before = [agreements[t].sqnr for t in op.inputs if t is not None and t in agreements] if op else []
            row.lost = _loss(min(before, default=inf), agreement.sqnr)
            rows.append(row)
    return rows


#: Noise that far below the signal counts as none.
SILENCE = 100.0


def _loss(before: float, after: float) -> float:
    return max(min(before, SILENCE) - min(after, SILENCE), 0.0)


def _values(graph: Graph) -> Iterator[tuple[Tensor, Operator | None, int | None]]:
    for tensor in graph.inputs:
        yield tensor, None, None
    for index, op in enumerate(graph.operators):
        for tensor in op.outputs:
            yield tensor, op, index


def _nodes(graph: Graph) -> Iterator[dict[str, Any]]:
    """The operators: which others' outputs each takes (-1: an input of the graph), and the names of what it gives."""
    made: dict[Tensor, int] = dict.fromkeys(graph.inputs, -1)
    for index, op in enumerate(graph.operators):
        sources: Sequence[int] = sorted({made[t] for t in op.inputs if t is not None and t in made})
        yield {"index": index, "op": op.op, "sources": sources, "outputs": [t.name for t in op.outputs]}
        made.update(dict.fromkeys(op.outputs, index))


Metric = Callable[[list[dict[str, np.ndarray]]], float]
"""From the outputs of every sample, by name and as real numbers, to a number that is better the greater it is."""
