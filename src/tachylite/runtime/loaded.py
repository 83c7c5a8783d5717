"""The short way to a model: `model = tachylite.load(path)`, then `model(x)`."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tachylite.model.errors import TachyliteError
from tachylite.model.graph import Graph, Model, Tensor
from tachylite.program.delegate import Delegate

from .interpreter import Interpreter
from .partition_report import PartitionReport
from .signature import SignatureRunner


class LoadedModel:
    """A model that can be called. `signatures` maps each signature's key to its SignatureRunner; `model` is the editable Model."""

    def __init__(self, source: Any, num_threads: int | None = None, delegates: Sequence[Delegate] = (), strict: bool = False):
        where = "model_path" if isinstance(source, str | os.PathLike) else "model_content"
        self._interpreter = Interpreter(**{where: source}, experimental_delegates=delegates, num_threads=num_threads, strict=strict)
        self.model: Model = self._interpreter._model
        self.signatures: dict[str, SignatureRunner] = {s.key: self._interpreter.get_signature_runner(s.key) for s in self.model.signatures}

    def __call__(self, *inputs: Any, **named: Any) -> Any:
        """Run the main graph on arrays in order or by tensor name; inputs of other shapes resize the model.

        Returns the output array, or a dict by tensor name where there are several. Raises TachyliteError (a ValueError).
        """
        graph = self.model.graph
        results = self.run(_assign(graph, inputs, named))
        outputs = {t.name: results[t] for t in graph.outputs}
        return next(iter(outputs.values())) if len(graph.outputs) == 1 else outputs

    def partition_report(self) -> PartitionReport:
        """Where the operators of the runs so far ran; see Interpreter."""
        return self._interpreter.partition_report()

    def run(self, inputs: Mapping[Tensor, Any]) -> dict[Tensor, np.ndarray]:
        """Run the main graph on arrays by tensor; the outputs by tensor. Raises TachyliteError (a ValueError)."""
        return self._interpreter._run_graph(self.model.graph, inputs)

    def __repr__(self) -> str:
        graph = self.model.graph
        lines = [f"{self.model.description or 'TFLite model'}: {len(graph.operators)} operators, {len(self.model.graphs)} graphs"]
        lines += [f"  in   {_describe(t)}" for t in graph.inputs]
        lines += [f"  out  {_describe(t)}" for t in graph.outputs]
        lines += [
            f"  signature {key}({', '.join(s._signature.inputs)}) -> {', '.join(s._signature.outputs)}"
            for key, s in self.signatures.items()
        ]
        return "\n".join(lines)


def load(source: Any, num_threads: int | None = None, delegates: Sequence[Delegate] = (), strict: bool = False) -> LoadedModel:
    """Load a `.tflite` from a path, bytes or a Model; delegates and strict are as Interpreter takes them.

    Raises TachyliteError where it is damaged, OSError where it cannot be read.
    """
    return LoadedModel(source, num_threads, delegates, strict)


def _assign(graph: Graph, inputs: tuple[Any, ...], named: dict[str, Any]) -> dict[Tensor, np.ndarray]:
    by_name = {t.name: t for t in graph.inputs}
    given = dict(zip(by_name, inputs, strict=False))
    if len(inputs) > len(by_name) or given.keys() & named.keys() or given.keys() | named.keys() != by_name.keys():
        got = f"{len(inputs)} in order and {list(named)} by name"
        raise TachyliteError(f"the model takes {', '.join(_describe(t) for t in graph.inputs)}; got {got}")
    return {by_name[name]: value for name, value in (given | named).items()}


def _describe(tensor: Tensor) -> str:
    shape = list(tensor.shape_signature or tensor.shape)
    scale = f", scale {tensor.scale:g}, zero point {tensor.zero_point}" if tensor.is_quantized else ""
    return f"{tensor.name!r} {tensor.dtype}{shape}{scale}"
