"""SignatureRunner: calls one signature of a model by the names of its inputs and outputs."""

from typing import TYPE_CHECKING, Any

import numpy as np

from tachylite.model.errors import TachyliteError

if TYPE_CHECKING:
    from .interpreter import Interpreter


class SignatureRunner:
    """`runner(x=array, …)` gives `{output name: array}`. Get one from `Interpreter.get_signature_runner`.

    Inputs of other shapes than the file's resize the model. Raises TachyliteError (a ValueError) for wrong names, types or shapes.
    """

    def __init__(self, interpreter: "Interpreter | None" = None, signature_key: str | None = None):
        if interpreter is None:
            raise TachyliteError("no interpreter provided; use Interpreter.get_signature_runner")
        if not signature_key:
            raise TachyliteError("no signature_key provided; use Interpreter.get_signature_runner")
        self._interpreter = interpreter
        self._signature = interpreter._signature(signature_key)

    def __call__(self, **kwargs: Any) -> dict[str, np.ndarray]:
        expected = self._signature.inputs
        if kwargs.keys() != expected.keys():
            needed = ", ".join(f"{name}: {t.dtype}{list(t.shape_signature or t.shape)}" for name, t in expected.items())
            raise TachyliteError(f"signature {self._signature.key!r} takes ({needed}), got ({', '.join(kwargs)})")
        results = self._interpreter._run_graph(self._signature.graph, {expected[name]: value for name, value in kwargs.items()})
        return {name: results[tensor] for name, tensor in self._signature.outputs.items()}

    def get_input_details(self) -> dict[str, Any]:
        """Details of each input by name, as Interpreter.get_input_details gives them."""
        return self._details(self._signature.inputs)

    def get_output_details(self) -> dict[str, Any]:
        """Details of each output by name, as Interpreter.get_output_details gives them."""
        return self._details(self._signature.outputs)

    def _details(self, tensors: dict[str, Any]) -> dict[str, Any]:
        return {name: self._interpreter._details(self._signature.graph, tensor) for name, tensor in tensors.items()}
