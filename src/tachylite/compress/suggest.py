"""Which operators had better stay float: the fewest with which a quantized model is good enough."""

import glob
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from tachylite.data.samples import Sample, samples_of
from tachylite.model.errors import TachyliteError
from tachylite.model.graph import Model, Operator, Tensor
from tachylite.runtime.loaded import LoadedModel, load

from .assign import assign
from .calibrate import Calibration, Progress, calibrate, open_model
from .compare import Agreement, Metric, joined, real_of, sample_for
from .quantize import quantize
from .recipe import Recipe, Rule, rules_of

PROBES = 8
"""Samples on which each operator is tried by itself."""


@dataclass(frozen=True)
class Suggestion:
    """rules: the recipe. kept: the names of the operators' outputs that it leaves in float. reached: what it measured."""

    rules: tuple[Rule, ...]
    kept: tuple[str, ...]
    reached: float


def suggest(
    model: Any,
    recipe: Recipe,
    data: Any,
    *,
    calibration: Any = None,
    target_sqnr: float | None = None,
    target_accuracy: float | None = None,
    metric: Metric | None = None,
    progress: Progress | None = None,
) -> Suggestion:
    """The recipe that reaches a target on `data` with the fewest float operators.

    Each operator is quantized by itself; those that disturb the outputs most are the first to stay float. target_sqnr: dB of the outputs.
    target_accuracy: what `metric` has to give. calibration: as for quantize; `data` itself by default. progress: told the number of models
    that were tried. Raises TachyliteError where no recipe reaches the target.
    """
    model, rules = open_model(model), rules_of(recipe)
    if (target_sqnr is None) == (target_accuracy is None) or (target_accuracy is not None and metric is None):
        raise TachyliteError("give either target_sqnr, or target_accuracy and the metric that measures it")
    samples = list(samples_of(data, model))
    if not samples:
        raise TachyliteError("the data hold no samples, so that nothing can be measured; give some")
    if calibration is None:
        calibration = [{t.name: value for t, value in sample.items()} for sample in samples]
    ranges = calibration if isinstance(calibration, Calibration) else calibrate(model, calibration)
    search = _Search(model, rules, ranges, samples, progress)
    if target_sqnr is not None:
        return search.fewest(target_sqnr, search.sqnr)
    assert metric is not None
    assert target_accuracy is not None
    return search.fewest(target_accuracy, partial(search.accuracy, metric))


def only(name: str) -> str:
    """The pattern that means this name alone."""
    return glob.escape(name)


class _Search:
    """Tries recipes on one model and its samples."""

    def __init__(self, model: Model, rules: tuple[Rule, ...], ranges: Calibration, samples: Sequence[Sample], progress: Progress | None):
        self._model, self._rules, self._ranges, self._samples = model, rules, ranges, samples
        self._progress, self._tries = progress, 0
        real = load(model)
        self._real = [joined(real, sample) for sample in samples]
        self._works = assign(model, rules)

    def fewest(self, target: float, quality: Callable[[LoadedModel], float]) -> Suggestion:
        """The suggestion with the fewest float operators whose quality reaches the target."""
        names = [op.outputs[0].name for op in self._by_noise()]
        low, high = 0, len(names)
        reached = self._try(names[:high], quality)
        if reached < target:
            raise TachyliteError(f"the float model itself reaches {reached:g}, not {target:g}; lower the target")
        while low < high:
            middle = (low + high) // 2
            found = self._try(names[:middle], quality)
            if found >= target:
                high, reached = middle, found
            else:
                low = middle + 1
        return Suggestion(self._recipe(names[:high]), tuple(names[:high]), reached)

    def _recipe(self, kept: Sequence[str]) -> tuple[Rule, ...]:
        return (*self._rules, *(Rule("float", name=only(name)) for name in kept))

    def _try(self, kept: Sequence[str], quality: Callable[[LoadedModel], float]) -> float:
        return quality(self._quantized(self._recipe(kept)))

    def _quantized(self, rules: Sequence[Rule]) -> LoadedModel:
        self._tries += 1
        if self._progress:
            self._progress(self._tries)
        return load(quantize(self._model, rules, self._ranges))

    def _by_noise(self) -> list[Operator]:
        """Operators by the noise that each brings to the outputs when it alone is quantized, the loudest first."""
        return sorted(self._works, key=self._noise, reverse=True)

    def _noise(self, op: Operator) -> float:
        rule = self._works[op].rule
        alone = Rule(rule.scheme, name=only(op.outputs[0].name), block_size=rule.block_size, per_channel=rule.per_channel)
        return self._agreement(self._quantized([alone]), PROBES).noise

    def _agreement(self, quantized: LoadedModel, count: int | None = None) -> Agreement:
        result = Agreement()
        for sample, real in zip(self._samples[:count], self._real, strict=False):
            result.add(real, joined(quantized, sample_for(quantized.model, sample)))
        return result

    def sqnr(self, quantized: LoadedModel) -> float:
        """Of the outputs, dB."""
        return self._agreement(quantized).sqnr

    def accuracy(self, metric: Metric, quantized: LoadedModel) -> float:
        """What the metric says."""
        return float(metric([_named(quantized, sample) for sample in self._samples]))


def _named(model: LoadedModel, sample: Mapping[Tensor, np.ndarray]) -> dict[str, np.ndarray]:
    return {t.name: real_of(value, t) for t, value in model.run(sample_for(model.model, sample)).items()}


def top_1(labels: np.ndarray) -> Metric:
    """The metric of classifiers: the part of the samples whose greatest first output is at the label."""

    def accuracy(outputs: list[dict[str, np.ndarray]]) -> float:
        if len(labels) != len(outputs):
            raise TachyliteError(f"there are {len(labels)} labels for {len(outputs)} samples; give one for each")
        return float(np.mean([int(next(iter(o.values())).argmax()) == int(label) for o, label in zip(outputs, labels, strict=True)]))

    return accuracy
