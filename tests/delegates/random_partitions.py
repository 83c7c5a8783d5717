"""Random partitionings: the echo delegate claims operators at random, and the answers must be those of the CPU alone."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tachylite import Delegate, Interpreter, Model
from tachylite.bench.engine import random_inputs

from .echo import Echo

SHARED = Path(__file__).parents[3] / "shared" / "models" / "tflite"


@dataclass(frozen=True)
class Outcome:
    """partitions: how many there were; integers: whether all were equal; error: of floats, as a part of the output's range."""

    partitions: int
    integers: bool
    error: float


def answers(model: Model, fused: bool, *delegates: Delegate) -> tuple[Interpreter, list[np.ndarray]]:
    """What an interpreter answers to random inputs, always the same. fused: operators may be computed as one."""
    interpreter = Interpreter(model_content=model, experimental_delegates=delegates, experimental_preserve_all_tensors=not fused)
    interpreter.allocate_tensors()
    details = interpreter.get_input_details()
    for detail, value in zip(details, random_inputs(details), strict=True):
        interpreter.set_tensor(detail["index"], value)
    interpreter.invoke()
    return interpreter, [interpreter.get_tensor(d["index"]) for d in interpreter.get_output_details()]


def claiming(seed: int, fused: bool) -> Echo:
    """A delegate that takes operators at random, a part of them that is random as well."""
    rng = np.random.default_rng(seed)
    part = rng.uniform(0.2, 0.95)
    return Echo(claims=lambda op: bool(rng.random() < part) or "the coin says no", fused=fused)


def try_one(model: Model, seed: int, fused: bool = True) -> Outcome:
    """Run a model on the CPU alone, and in the partitions of this seed.

    Where a partition cuts through operators that would be computed as one, those round otherwise; without `fused` none ever are.
    """
    _, expected = answers(model, fused)
    interpreter, found = answers(model, fused, claiming(seed, fused))
    error, equal = 0.0, True
    for a, b in zip(found, expected, strict=True):
        if b.dtype.kind == "f":
            span = float(np.ptp(b)) if b.size else 0.0
            error = max(error, float(np.abs(a - b).max(initial=0)) / (span or 1.0))
        else:
            equal &= np.array_equal(a, b)
    return Outcome(len(interpreter.partition_report().partitions), equal, error)
