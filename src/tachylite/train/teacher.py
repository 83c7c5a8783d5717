"""Distillation: what a float model answers is what another is to learn (Hinton, Vinyals and Dean, 2015)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tachylite.model.errors import TachyliteError
from tachylite.model.graph import Model
from tachylite.runtime.loaded import LoadedModel, load

from .loop import TARGETS, Arrays, with_ones
from .signatures import names_of

AT_ONCE = 64
"""Samples that the teacher is asked about at once."""

_LOSSES = {"SOFTMAX": "crossentropy", "LOGISTIC": "binary_crossentropy"}


@dataclass(frozen=True)
class Teacher:
    """part: how much of what is learned are its answers; loss: what its first output is learned by."""

    model: LoadedModel
    names: Mapping[str, Any]
    part: float
    loss: str

    @classmethod
    def of(cls, model: Model, part: float, threads: int = 1) -> "Teacher":
        """The teacher that a model is. Raises TachyliteError."""
        if not 0 <= part <= 1:
            raise TachyliteError(f"distill is {part}; give the part of what is learned that the teacher's answers are, from 0 to 1")
        inputs, _ = names_of(model)
        maker = model.graph.producer(model.graph.outputs[0])
        loss = _LOSSES.get(maker.op if maker is not None else "", "mse")
        return cls(load(model, threads), {name: tensor for tensor, name in inputs.items()}, part, loss)

    def answers(self, inputs: Arrays) -> np.ndarray:
        """Its first output for all samples."""
        feed = {self.names[name]: np.asarray(array, self.names[name].dtype) for name, array in inputs.items()}
        count, output = len(next(iter(feed.values()))), self.model.model.graph.outputs[0]
        parts = [
            self.model.run({t: array[start : start + AT_ONCE] for t, array in feed.items()})[output] for start in range(0, count, AT_ONCE)
        ]
        return np.concatenate(parts)

    def targets(self, data: Arrays, inputs: Iterable[str]) -> dict[str, np.ndarray]:
        """The data's inputs by name, with what is to be learned as `target`. Raises TachyliteError where data do not fit."""
        names, others = list(inputs), {name: np.asarray(a) for name, a in data.items() if name not in TARGETS}
        if len(names) == len(others) == 1:
            others = {names[0]: next(iter(others.values()))}
        if sorted(others) != sorted(names):
            raise TachyliteError(f"the data have arrays for {sorted(others)}, the model's inputs are {sorted(names)}")
        others = {name: with_ones(array, self.names[name].shape) for name, array in others.items()}
        given = next((np.asarray(array) for name, array in data.items() if name in TARGETS), None)
        return {**others, "target": self.target(others, given)}

    def target(self, inputs: Arrays, given: np.ndarray | None) -> np.ndarray:
        """The teacher's answers to these inputs, mixed with what was given: classes, or what the output should be."""
        if given is None and self.part < 1:
            raise TachyliteError(f"distill is {self.part}, but the data have no target; give one, or learn the teacher's answers alone")
        if given is None or self.part == 1:
            return self.answers(inputs).astype(np.float32)
        answers = self.answers(inputs).astype(np.float32)
        known = given if given.shape == answers.shape else np.eye(answers.shape[-1], dtype=np.float32)[given.astype(np.int64)]
        return (self.part * answers + (1 - self.part) * known).astype(np.float32)
