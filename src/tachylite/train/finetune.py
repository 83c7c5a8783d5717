"""`tachylite.finetune`: a compressed model's weights trained further, with what compression made of them kept."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tachylite.compress.calibrate import Calibration, open_model, watch
from tachylite.compress.cluster import cluster
from tachylite.compress.prune import Pattern
from tachylite.compress.recipe import Recipe
from tachylite.compress.sparse import densified, sparsify
from tachylite.model.graph import Model, Tensor
from tachylite.runtime import checkpoint as checkpoints
from tachylite.runtime.interpreter import Interpreter

from .fakequant import Rounded, final, rounded
from .loop import Arrays, Progress, Rate, cosine, fit
from .optimizer import Optimizer, optimizer_of
from .pruning import Pruning
from .signatures import Plan, build, names_of, prepared
from .teacher import Teacher
from .trainable import Patterns, trained
from .variables import Variables
from .weight import Steps, Weight

CALIBRATED = 512
"""Samples whose activations tell the ranges, at most."""

FEW = 256
"""A weight of no more distinct values was clustered, and stays so."""


def finetune(
    model: Any,
    data: Arrays,
    *,
    recipe: Recipe | None = None,
    sparsity: float | None = None,
    pattern: Pattern = "unstructured",
    clusters: int | None = None,
    teacher: Any = None,
    distill: float = 1.0,
    trainable: Patterns = "*",
    optimizer: "str | Optimizer" = "adam",
    rate: Rate | None = None,
    epochs: int = 10,
    batch: int = 32,
    augment: Callable[[int, Arrays], Arrays] | None = None,
    validation: Arrays | None = None,
    patience: int | None = None,
    seed: int = 0,
    checkpoint: "str | os.PathLike[str] | None" = None,
    threads: int = 1,
    progress: Progress | None = None,
) -> Model:
    """Train a compressed model as what it will be, and give that.

    model: a path, bytes or a Model of floats: as it was converted, or with weights that `prune` made zero or `cluster` made equal, or
    without the channels that `prune_channels` removed. Zeros stay zero, and equal weights stay equal: their common value is trained.
    data: arrays by the names of the inputs; classes as `target`, which may be left out.
    recipe: quantize by it in the end, and train with every number rounded as it will then be; without one, the result is a float model.
    sparsity: make so many weights zero, by `pattern`, a few more at a time until two thirds of the steps (Zhu and Gupta, 2017).
    clusters: let the weights of each layer share so many values, which are trained.
    teacher: the float model whose answers are learned: a path, bytes or a Model; `model` itself, if not given. distill: which part of what
    is learned are the teacher's answers; the rest are the classes in `data`, if there are any.
    trainable, optimizer, batch: as in make_trainable. rate: see `fit`; without it, one that falls along a cosine.
    epochs, validation, patience, seed, checkpoint, threads, progress: as in `fit`.
    augment: is given a step's number and its inputs by name, and gives those to train on.
    Raises TachyliteError where the model has no float weights, or data do not fit; UnsupportedError where the recipe cannot be trained.
    """
    source = prepared(densified(open_model(model)).copy())
    knows = Teacher.of(open_model(model) if teacher is None else open_model(teacher), distill, threads)
    if clusters is not None:
        source = cluster(source, clusters, seed=seed)
    lessons, judged = (None if arrays is None else knows.targets(arrays, names_of(source)[0].values()) for arrays in (data, validation))
    assert lessons is not None
    statistics = _calibration(source, lessons) if recipe is not None else None
    shown = rounded(source, recipe, statistics) if recipe is not None and statistics is not None else Rounded(source.copy(), {})
    plan = Plan(shown.model.graph, names_of(shown.model), knows.loss, optimizer_of(optimizer), batch)
    variables = Variables()
    weights = {t: _weight(t, variables, shown.steps, sparsity is not None) for t in trained(shown.model.graph, trainable)}
    made = build(shown.model, variables, weights, plan)
    pruning = Pruning.of(source, {t.name: w for t, w in weights.items()}, sparsity, pattern)
    tuning = _Tuning(knows, pruning, augment, epochs * -(-len(lessons["target"]) // batch))
    training = fit(
        made,
        lessons,
        epochs=epochs,
        rate=cosine(plan.optimizer.rate) if rate is None else rate,
        validation=judged,
        seed=seed,
        checkpoint=checkpoint,
        patience=patience,
        threads=threads,
        progress=progress,
        each_batch=tuning.before,
    )
    learned = checkpoints.variables(training.interpreter)
    result = _with(source, {t.name: w.final(learned) for t, w in weights.items()})
    if recipe is not None and statistics is not None:
        result = final(result, recipe, statistics)
    if any(not np.all(t.data) for t in source.graph.tensors if t.data is not None and t.dtype == np.float32) or sparsity is not None:
        sparsify(result)
    result.verify()
    return result


@dataclass
class _Tuning:
    """What happens before each step."""

    teacher: Teacher
    pruning: Pruning | None
    augment: Callable[[int, Arrays], Arrays] | None
    steps: int

    def before(self, step: int, feed: dict[str, Any], interpreter: Interpreter) -> None:
        """Prune where it is time, and change the batch."""
        if self.pruning is not None:
            self.pruning.before(step, self.steps, interpreter)
        if self.augment is not None:
            inputs = {name: value for name, value in feed.items() if name not in ("target", "learning_rate")}
            changed = dict(self.augment(step, inputs))
            feed.update(changed)
            feed["target"] = self.teacher.target(changed, feed["target"])


def _calibration(source: Model, lessons: Arrays) -> Calibration:
    """The ranges of activations, from the first samples."""
    result = Calibration("min_max")
    watch(source, {tensor.name: lessons[name][:CALIBRATED].astype(tensor.dtype) for tensor, name in names_of(source)[0].items()}, result)
    return result


def _weight(tensor: Tensor, variables: Variables, steps: dict[str, Steps], is_pruned: bool) -> Weight:
    """The variables of a constant: it keeps its zeros, where it has several, and its shared values, where it has few."""
    value = tensor.dense()
    assert value is not None
    zeros = value == 0
    has_mask = value.ndim > 1 and (is_pruned or int(zeros.sum()) > 1)
    kept = value if not has_mask or zeros.all() else value[~zeros]
    distinct = np.unique(kept)
    is_clustered = value.ndim > 1 and len(distinct) <= FEW and len(distinct) * 4 <= value.size and len(distinct) > 1
    places = np.searchsorted(distinct, value).clip(0, len(distinct) - 1).astype(np.int32) if is_clustered else None
    initial = distinct.astype(np.float32) if is_clustered else value
    name = variables.add(tensor.name, initial.shape, tensor.dtype, initial)
    mask = variables.add(f"{tensor.name}/mask", value.shape, tensor.dtype, (~zeros).astype(np.float32)) if has_mask else None
    return Weight(name, mask, places, steps.get(tensor.name))


def _with(source: Model, values: dict[str, np.ndarray]) -> Model:
    """A copy of the model with other constants."""
    result = source.copy()
    for graph in result.graphs:
        for tensor in graph.tensors:
            if tensor.is_constant and tensor.name in values:
                tensor.data = np.ascontiguousarray(values[tensor.name], np.float32)
                tensor.data.flags.writeable = False
    return result
