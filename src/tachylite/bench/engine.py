"""A model, ready to run in one of the engines that speak tf.lite's interface."""

import importlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tachylite.model.errors import TachyliteError
from tachylite.model.graph import Model
from tachylite.runtime.delegate import from_text
from tachylite.runtime.interpreter import Interpreter, OpResolverType

MODULES = {"tachylite": "tachylite", "litert": "ai_edge_litert.interpreter"}
"""Where each engine's Interpreter is."""


def interpreter_class(engine: str) -> Any:
    """The Interpreter of an engine. Raises TachyliteError where that is unknown or not installed."""
    if engine not in MODULES:
        raise TachyliteError(f"there is no engine {engine!r} to compare with; choose one of {', '.join(list(MODULES)[1:])}")
    try:
        return importlib.import_module(MODULES[engine]).Interpreter
    except ImportError as problem:
        raise TachyliteError(f"{engine} cannot be loaded ({problem}); install it with: pip install 'tachylite[{engine}]'") from problem


class Engine:
    """`run()` runs the main graph, or a signature, on random inputs that are the same for every engine; `outputs()` are what came out.

    delegates: of Tachylite, as a command line names them; options: other arguments of the engine's Interpreter.
    """

    def __init__(self, engine: str, model: Path, threads: int, signature: str | None = None, delegates: Sequence[str] = (), **options: Any):
        if delegates:
            options["experimental_delegates"] = [from_text(text) for text in delegates]
        self.interpreter = interpreter_class(engine)(model_path=str(model), num_threads=threads, **options)
        self._signature = signature
        self._answers: dict[str, np.ndarray] = {}
        self.run: Callable[[], Any] = self.interpreter.invoke

    def allocate(self) -> None:
        """Plan, and set the inputs."""
        if self._signature is not None:
            runner = self.interpreter.get_signature_runner(self._signature)
            inputs = {name: random_input(detail, i) for i, (name, detail) in enumerate(sorted(runner.get_input_details().items()))}
            self.run = lambda: self._answers.update(runner(**inputs))
            return
        for detail in self.interpreter.get_input_details():
            self.interpreter.resize_tensor_input(detail["index"], concrete(detail))
        self.interpreter.allocate_tensors()
        for i, detail in enumerate(self.interpreter.get_input_details()):
            self.interpreter.set_tensor(detail["index"], random_input(detail, i))

    def outputs(self) -> dict[str, np.ndarray]:
        """The outputs of the last run by name."""
        if self._signature is not None:
            return self._answers
        return {d["name"]: self.interpreter.get_tensor(d["index"]) for d in self.interpreter.get_output_details()}


def concrete(detail: dict[str, Any]) -> list[int]:
    """The shape of an input in which what the file leaves open is 1."""
    return [1 if signature < 0 else int(d) for signature, d in zip(detail["shape_signature"], detail["shape"], strict=True)]


def random_answers(model: Model) -> list[np.ndarray]:
    """What the reference kernels answer to random inputs, always the same; dimensions that are open are 1."""
    interpreter = Interpreter(model_content=model.to_bytes(), experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
    interpreter.allocate_tensors()
    details = interpreter.get_input_details()
    for detail, value in zip(details, random_inputs(details), strict=True):
        interpreter.set_tensor(detail["index"], value)
    interpreter.invoke()
    return [interpreter.get_tensor(detail["index"]) for detail in interpreter.get_output_details()]


def random_inputs(details: Sequence[dict[str, Any]]) -> list[np.ndarray]:
    """An array for each input, always the same."""
    return [random_input(detail, i) for i, detail in enumerate(details)]


def distance(model: Model, source: Callable[[list[np.ndarray]], list[np.ndarray]]) -> float:
    """How far the model's answers to random inputs are from those of its source, as a part of the range of an output, the worst."""
    interpreter = Interpreter(model_content=model.to_bytes())
    expected = source(random_inputs(interpreter.get_input_details()))
    found = random_answers(model)
    spans = [float(np.ptp(right)) or 1.0 for right in (np.asarray(y, np.float64) for y in expected)]
    errors = [float(np.abs(np.asarray(y, np.float64) - right).max(initial=0)) for y, right in zip(found, expected, strict=True)]
    return max((error / span for error, span in zip(errors, spans, strict=True)), default=0.0)


def random_input(detail: dict[str, Any], seed: int) -> np.ndarray:
    """Floats in [0, 1), 8-bit integers of any value, other integers below 100 (they may be positions in a table), empty strings."""
    rng, shape, dtype = np.random.default_rng(seed), concrete(detail), np.dtype(detail["dtype"])
    if dtype.kind == "S":
        return np.full(shape, b"", object)
    if dtype.kind in "fc":
        return rng.random(shape, dtype=np.float32).astype(dtype)
    if dtype.kind == "b":
        return rng.random(shape) > 0.5
    low, high = (np.iinfo(dtype).min, np.iinfo(dtype).max + 1) if dtype.itemsize == 1 else (0, 100)
    return rng.integers(low, high, shape).astype(dtype)
