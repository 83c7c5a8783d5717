"""The echo delegate: it claims what a test says, and gives what the CPU gives for a sub-Graph that went through a file."""

from collections.abc import Callable
from typing import Any

import numpy as np

from tachylite import Delegate, Graph, Interpreter, Model, Operator


class Echo(Delegate):
    """claims: of an operator, True or a reason. What it compiled is in `compiled`; calls are counted in `calls`."""

    name = "echo"
    least_work = 0

    def __init__(self, options: dict[str, Any] | None = None, claims: Callable[[Operator], bool | str] = lambda op: True):
        super().__init__(options)
        self._claims = claims
        self.compiled: list[Graph] = []
        self.calls = 0

    def supports(self, op: Operator) -> bool | str:
        return self._claims(op)

    def compile(self, graph: Graph) -> Callable[..., list[np.ndarray]]:
        self.compiled.append(graph)
        interpreter = Interpreter(model_content=Model.of(graph).to_bytes())
        interpreter.allocate_tensors()
        inputs, outputs = ([d["index"] for d in get()] for get in (interpreter.get_input_details, interpreter.get_output_details))

        def run(*arrays: np.ndarray) -> list[np.ndarray]:
            self.calls += 1
            for index, array in zip(inputs, arrays, strict=True):
                interpreter.set_tensor(index, array)
            interpreter.invoke()
            return [interpreter.get_tensor(index) for index in outputs]

        return run
