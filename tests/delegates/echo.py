"""The echo delegate: it claims what a test says, and gives what the CPU gives for a sub-Graph that went through a file."""

from collections.abc import Callable
from typing import Any

import numpy as np

from tachylite.model.graph import Graph, Model, Operator
from tachylite.program.delegate import Delegate
from tachylite.runtime.interpreter import Interpreter


class Echo(Delegate):
    """claims: of an operator, True or a reason; fused: its operators may be computed as one. Option `only`: names that + separates.

    What it compiled is in `compiled`; calls are counted in `calls`.
    """

    name = "echo"
    least_work = 0

    def __init__(
        self, options: dict[str, Any] | None = None, claims: Callable[[Operator], bool | str] = lambda op: True, fused: bool = True
    ):
        super().__init__(options)
        only = self.options.get("only", "").split("+")
        self._claims, self._fused = claims, fused
        if only != [""]:
            self._claims = lambda op: op.op in only or "is not among those"
        self.compiled: list[Graph] = []
        self.calls = 0

    def supports(self, op: Operator) -> bool | str:
        return self._claims(op)

    def compile(self, graph: Graph) -> Callable[..., list[np.ndarray]]:
        self.compiled.append(graph)
        interpreter = Interpreter(model_content=Model.of(graph).to_bytes(), experimental_preserve_all_tensors=not self._fused)
        interpreter.allocate_tensors()
        inputs, outputs = ([d["index"] for d in get()] for get in (interpreter.get_input_details, interpreter.get_output_details))

        def run(*arrays: np.ndarray) -> list[np.ndarray]:
            self.calls += 1
            for index, array in zip(inputs, arrays, strict=True):
                interpreter.set_tensor(index, array)
            interpreter.invoke()
            return [interpreter.get_tensor(index) for index in outputs]

        return run
