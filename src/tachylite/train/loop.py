"""Training a trainable model on arrays: batches, epochs, rates, checkpoints; the same for the same seed, also across an interruption."""

import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tachylite.compress.calibrate import open_model
from tachylite.model.errors import TachyliteError
from tachylite.model.graph import Model, Shape
from tachylite.runtime import checkpoint as checkpoints
from tachylite.runtime.interpreter import Interpreter

from .diagnose import first_not_finite
from .freeze import freeze
from .optimizer import OPTIMIZERS
from .signatures import LARGEST, settings_of
from .variables import STEP

Rate = float | Callable[[int, int], float]
"""A learning rate, or one for each step: a function of its number, from 0 on, and of how many there are."""

Arrays = Mapping[str, np.ndarray]

TARGETS = ("target", "labels", "label", "y")
"""What an array of targets may be called."""


def cosine(rate: float, warm_up: int = 0) -> Callable[[int, int], float]:
    """A rate that rises for some steps and then falls to nothing along half a wave (Loshchilov and Hutter, 2017)."""

    def at(step: int, steps: int) -> float:
        if step < warm_up:
            return rate * (step + 1) / warm_up
        return rate * (1 + math.cos(math.pi * (step - warm_up) / max(1, steps - warm_up))) / 2

    return at


@dataclass
class Training:
    """What `fit` did.

    losses: of each step; steps: how many there have been, those before a checkpoint too; validations: (step, loss, accuracy) after each
    epoch, accuracy None where there are no classes.
    """

    model: Model
    interpreter: Interpreter
    losses: list[float] = field(default_factory=list)
    steps: int = 0
    validations: list[tuple[int, float, float | None]] = field(default_factory=list)

    def freeze(self) -> Model:
        """A plain model of what was learned."""
        return freeze(self.model, self.interpreter)


Progress = Callable[[int, int, float], None]
"""Is told how many steps are done, of how many, and the last loss."""

BeforeStep = Callable[[int, dict[str, Any], Interpreter], None]


def fit(
    model: Any,
    data: Arrays,
    *,
    epochs: int = 10,
    rate: Rate | None = None,
    validation: Arrays | None = None,
    seed: int = 0,
    checkpoint: "str | os.PathLike[str] | None" = None,
    save_every: int | None = None,
    patience: int | None = None,
    threads: int = 1,
    progress: Progress | None = None,
    each_batch: BeforeStep | None = None,
) -> Training:
    """Train a model that `make_trainable` made.

    model: a path, bytes or a Model. data: arrays by the names of the inputs, and `target`; one input may have any name.
    rate: see Rate; without it, one that suits the optimizer. validation: data that are judged after each epoch.
    checkpoint: a file to save to every `save_every` steps (an epoch's, if not given) and at the end; where it exists already, training goes
    on from it, and ends as if it had never stopped. patience: stop after so many epochs without a smaller validation loss.
    each_batch: is given a step's number, its batch by name and the interpreter before it runs, and may change the batch.
    Raises TachyliteError where data do not fit, and where a loss is not finite: with the step and the layer; the variables are then those
    before it.
    """
    source = open_model(model)
    settings = settings_of(source)
    batch, wanted = settings["batch"], _rate_of(rate, settings)
    interpreter = Interpreter(model_content=source, num_threads=threads)
    arrays = _fitted(interpreter, data)
    judged = None if validation is None else _fitted(interpreter, validation)
    count = len(arrays["target"])
    if count < 1:
        raise TachyliteError("there are no samples to train on; give some")
    per_epoch = -(-count // batch)
    training, steps, done = Training(source, interpreter), epochs * per_epoch, 0
    if checkpoint is not None and Path(checkpoint).exists():
        interpreter.load_checkpoint(checkpoint)
        done = training.steps = int(checkpoints.variables(interpreter)[STEP][0])
    run = interpreter.get_signature_runner("train")
    for step in range(done, steps):
        chosen = _batch(seed, step, count, batch)
        feed = {name: array[chosen] for name, array in arrays.items()}
        feed["learning_rate"] = np.float32(wanted(step, steps))
        if each_batch is not None:
            each_batch(step, feed, interpreter)
        loss = _step(training, run, feed, step)
        training.losses.append(loss)
        training.steps = step + 1
        if progress is not None:
            progress(step + 1, steps, loss)
        if checkpoint is not None and (step + 1) % (save_every or per_epoch) == 0:
            interpreter.save_checkpoint(checkpoint)
        if judged is not None and (step + 1) % per_epoch == 0:
            training.validations.append((step + 1, *evaluate(interpreter, judged, batch)))
            if _is_over(training, patience):
                break
    if checkpoint is not None:
        interpreter.save_checkpoint(checkpoint)
    return training


def _step(training: Training, run: Callable[..., dict[str, np.ndarray]], feed: dict[str, Any], step: int) -> float:
    result = run(**feed)
    if not (abs(result["loss"]) < LARGEST and result["gradient_norm"] ** 2 < LARGEST):  # which NaN is not, either
        cause = first_not_finite(training.model, checkpoints.variables(training.interpreter), feed)
        raise TachyliteError(
            f"step {step + 1}: the loss is {float(result['loss'])}, the gradients' norm {float(result['gradient_norm'])}; {cause}. "
            "The variables are as before this step; lower the rate, clip the gradients, or correct the data"
        )
    return float(result["loss"])


def _is_over(training: Training, patience: int | None) -> bool:
    losses = [loss for _, loss, _ in training.validations]
    return patience is not None and len(losses) - 1 - int(np.argmin(losses)) >= patience


def _rate_of(rate: Rate | None, settings: Mapping[str, Any]) -> Callable[[int, int], float]:
    if rate is None:
        rate = OPTIMIZERS[settings["optimizer"]["name"]].rate
    fixed = rate
    return fixed if callable(fixed) else lambda step, steps: fixed


def _batch(seed: int, step: int, count: int, batch: int) -> np.ndarray:
    """The samples of a step: each once in an epoch, in an order of its own; the last batch is filled up from the beginning."""
    per_epoch = -(-count // batch)
    epoch, number = divmod(step, per_epoch)
    order = np.random.default_rng([seed, epoch]).permutation(count)
    return np.resize(order, per_epoch * batch)[number * batch : (number + 1) * batch]


def _fitted(interpreter: Interpreter, data: Arrays) -> dict[str, np.ndarray]:
    """The arrays by the names that `train` has for them, in their types. Raises TachyliteError."""
    needed = {name: t for name, t in interpreter._signature("train").inputs.items() if name != "learning_rate"}
    given = {("target" if name in TARGETS and "target" not in data else name): np.asarray(value) for name, value in data.items()}
    inputs, others = [name for name in needed if name != "target"], [name for name in given if name != "target"]
    if len(inputs) == len(others) == 1:
        given = {inputs[0]: given[others[0]], **{name: given[name] for name in given if name == "target"}}
    given = {name: with_ones(array, needed[name].shape) if name in needed else array for name, array in given.items()}
    problems = [f"{name!r} is missing" for name in needed if name not in given]
    problems += [f"{name!r} is none of {list(needed)}" for name in given if name not in needed]
    problems += [
        f"{name!r} has samples of shape {list(given[name].shape[1:])}, needed is {list(t.shape[1:])}"
        for name, t in needed.items()
        if name in given and given[name].shape[1:] != t.shape[1:]
    ]
    if len({len(array) for array in given.values() if array.ndim}) > 1:
        problems.append(f"there are {', '.join(f'{len(a)} of {n!r}' for n, a in given.items())}")
    if problems:
        raise TachyliteError(f"the data do not fit the model: {'; '.join(problems)}; correct the names or shapes of the arrays")
    return {name: given[name].astype(t.dtype, copy=False) for name, t in needed.items()}


def with_ones(samples: np.ndarray, wanted: Shape) -> np.ndarray:
    """Samples whose shape differs from the wanted one by dimensions of 1 alone, a picture's one channel, in that shape."""
    alike = [d for d in samples.shape[1:] if d != 1] == [d for d in wanted[1:] if d != 1]
    return samples.reshape((len(samples), *wanted[1:])) if samples.ndim and alike else samples


def evaluate(interpreter: Interpreter, data: Arrays, batch: int) -> tuple[float, float | None]:
    """The mean loss, and where targets are classes, the part of them that the first output gives the greatest number to."""
    arrays, run = _fitted(interpreter, data), interpreter.get_signature_runner("evaluate")
    count, total, right = len(arrays["target"]), 0.0, 0.0
    if not count:
        raise TachyliteError("there are no samples to judge; give some")
    for start in range(0, count, batch):
        chosen, fresh = np.minimum(np.arange(start, start + batch), count - 1), min(batch, count - start)
        feed = {name: array[chosen] for name, array in arrays.items()}
        results = run(**feed)
        total += float(results.pop("loss")) * batch
        if fresh < batch:  # the last sample fills up the batch; what its copies add is taken off
            copies = {name: array[np.full(batch, count - 1)] for name, array in arrays.items()}
            total -= float(run(**copies)["loss"]) * (batch - fresh)
        if feed["target"].dtype.kind == "i":
            answers = next(iter(results.values())).argmax(axis=-1)
            right += float((answers == feed["target"]).reshape(batch, -1).mean(axis=1)[:fresh].sum())
    return total / count, right / count if arrays["target"].dtype.kind == "i" else None
