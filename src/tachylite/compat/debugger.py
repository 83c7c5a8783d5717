"""`tf.lite.experimental.QuantizationDebugger`: what quantizing did to each tensor, as statistics.

tf.lite runs a model with operators that compare; here both models run side by side, so that no such operators are needed.
"""

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, Any

import numpy as np

from tachylite.compress.calibrate import open_model
from tachylite.compress.compare import real_of, run_both, twins_of
from tachylite.compress.recipe import Rule
from tachylite.model.errors import TachyliteError
from tachylite.model.graph import Model, Tensor

from . import quantizing
from .converter import TFLiteConverter

_METRICS: dict[str, Callable[[np.ndarray], float]] = {
    "num_elements": lambda errors: errors.size,
    "stddev": lambda errors: float(np.std(errors)),
    "mean_error": lambda errors: float(np.average(errors)),
    "max_abs_error": lambda errors: float(np.max(np.abs(errors), initial=0)),
    "mean_squared_error": lambda errors: float(np.average(np.square(errors))),
}


@dataclass
class QuantizationDebugOptions:
    """Metrics beyond those always taken, and what stays float.

    layer_debug_metrics: of the differences of a tensor (quantized - float). layer_direct_compare_metrics: of float values, stored steps,
    scale and zero point. model_debug_metrics: of the outputs of the float and of the quantized model. denylisted_ops: names of operators,
    denylisted_nodes: names of their outputs, that stay float. fully_quantize: whether operators that stay float are an error.
    """

    layer_debug_metrics: Mapping[str, Callable[[np.ndarray], float]] | None = None
    model_debug_metrics: Mapping[str, Callable[[Sequence[np.ndarray], Sequence[np.ndarray]], float]] | None = None
    layer_direct_compare_metrics: Mapping[str, Callable[[np.ndarray, np.ndarray, float, int], float]] | None = None
    denylisted_ops: list[str] | None = None
    denylisted_nodes: list[str] | None = None
    fully_quantize: bool = False

    def rules(self) -> list[Rule]:
        """What stays float, as rules of a recipe."""
        operators = [Rule("float", operator=name) for name in self.denylisted_ops or ()]
        return operators + [Rule("float", name=_literal(name)) for name in self.denylisted_nodes or ()]


def _literal(name: str) -> str:
    """A pattern that means this name alone."""
    return "".join(f"[{c}]" if c in "*?[" else c for c in name)


@dataclass
class _Tally:
    """Metrics of one tensor over all samples: their means."""

    values: dict[str, list[float]] = field(default_factory=dict)

    def add(self, metrics: Mapping[str, float]) -> None:
        for name, value in metrics.items():
            self.values.setdefault(name, []).append(value)

    def means(self) -> dict[str, float]:
        return {name: float(np.mean(values)) for name, values in self.values.items()}


class QuantizationDebugger:
    """`run` fills `layer_statistics`, means by tensor name and metric, and `model_statistics`; `layer_statistics_dump` writes a CSV file.

    Give either a converter that quantizes, or a quantized and a float model (quant_debug_model_..., float_model_...); debug_dataset: a
    function that yields samples. Raises TachyliteError where something of it is missing.
    """

    def __init__(
        self,
        quant_debug_model_path: str | None = None,
        quant_debug_model_content: bytes | None = None,
        float_model_path: str | None = None,
        float_model_content: bytes | None = None,
        debug_dataset: Callable[[], Iterable[Sequence[np.ndarray]]] | None = None,
        debug_options: QuantizationDebugOptions | None = None,
        converter: TFLiteConverter | None = None,
    ):
        self._data_gen = debug_dataset
        self._options = debug_options or QuantizationDebugOptions()
        self.converter = converter
        self.layer_statistics: dict[str, dict[str, float]] = {}
        self.model_statistics: dict[str, float] = {}
        self._given = quant_debug_model_content or quant_debug_model_path
        self._float = None if converter else _model(float_model_content or float_model_path, "float")
        self._make()

    @property
    def options(self) -> QuantizationDebugOptions:
        """Setting new ones quantizes again."""
        return self._options

    @options.setter
    def options(self, options: QuantizationDebugOptions) -> None:
        self._options = options
        self._make()

    def _make(self) -> None:
        if self.converter is None:
            self._quantized = _model(self._given, "quantized")
            return
        self._float = self.converter.float_model()
        self._quantized = quantizing.finish(self.converter, self._float, self._options.rules())
        if self._options.fully_quantize:
            quantizing.refuse_floats(self._quantized)

    def get_nondebug_quantized_model(self) -> bytes:
        """The quantized model."""
        return self._quantized.to_bytes()

    #: Without operators that compare, both are the same.
    get_debug_quantized_model = get_nondebug_quantized_model

    def run(self) -> None:
        """Run both models on the dataset. Raises TachyliteError where there is none."""
        if self._data_gen is None:
            raise TachyliteError("there is no debug_dataset to run; give a function that yields samples")
        assert self._float is not None
        twins = twins_of(self._float, self._quantized)
        tallies: dict[Tensor, _Tally] = {tensor: _Tally() for tensor, twin in twins.items() if twin.is_quantized}
        whole = _Tally()

        def meet(tensor: Tensor, real: np.ndarray, found: np.ndarray) -> None:
            if tensor in tallies:
                tallies[tensor].add(self._metrics(real, found, twins[tensor]))

        for real, found in run_both(self._float, self._quantized, twins, self._data_gen(), meet):
            outputs = [list(real.values()), [real_of(value, tensor) for tensor, value in found.items()]]
            whole.add({name: metric(*outputs) for name, metric in (self._options.model_debug_metrics or {}).items()})
        self._tensors = {tensor.name: twins[tensor] for tensor in tallies}
        self.layer_statistics = {tensor.name: tally.means() for tensor, tally in tallies.items() if tally.values}
        self.model_statistics = whole.means()

    def _metrics(self, real: np.ndarray, found: np.ndarray, twin: Tensor) -> dict[str, float]:
        errors = real_of(found, twin) - real
        metrics = {name: metric(errors) for name, metric in (_METRICS | dict(self._options.layer_debug_metrics or {})).items()}
        direct = self._options.layer_direct_compare_metrics or {}
        return metrics | {name: metric(real, found, float(twin.scale), twin.zero_point) for name, metric in direct.items()}

    def layer_statistics_dump(self, file: IO[str]) -> None:
        """A row for each tensor: its operator, its number, the metrics, scale, zero point and name."""
        makers = {t: op.op for op in self._quantized.operators() for t in op.outputs}
        numbers = {t: number for graph in self._quantized.graphs for number, t in enumerate(graph.tensors)}
        metrics = list(dict.fromkeys(name for row in self.layer_statistics.values() for name in row))
        writer = csv.DictWriter(file, ["op_name", "tensor_idx", *metrics, "scale", "zero_point", "tensor_name"])
        writer.writeheader()
        for name, row in self.layer_statistics.items():
            twin = self._tensors[name]
            place = {"op_name": makers.get(twin, "INPUT"), "tensor_idx": numbers[twin], "tensor_name": name}
            writer.writerow({**place, **row, "scale": twin.scale, "zero_point": twin.zero_point})


def _model(source: Any, which: str) -> Model:
    if source is None:
        raise TachyliteError(f"there is no {which} model; give a converter, or its path or content")
    return open_model(source)
