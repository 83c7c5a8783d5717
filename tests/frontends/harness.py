"""Running converted models, here and in LiteRT, next to what the source framework answered."""

from collections.abc import Sequence

import numpy as np
from ai_edge_litert.interpreter import Interpreter as Peer

from tachylite import Interpreter, Model, OpResolverType

RUNTIMES = {
    "native": Interpreter,
    "reference": lambda **source: Interpreter(experimental_op_resolver_type=OpResolverType.BUILTIN_REF, **source),
    "LiteRT": Peer,
}


def outputs(make_interpreter, content: bytes, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    """What an interpreter answers to these inputs, in order; it is resized to them."""
    interpreter = make_interpreter(model_content=content)
    details = interpreter.get_input_details()
    for detail, x in zip(details, inputs, strict=True):
        interpreter.resize_tensor_input(detail["index"], x.shape, strict=True)
    interpreter.allocate_tensors()
    for detail, x in zip(details, inputs, strict=True):
        interpreter.set_tensor(detail["index"], x)
    interpreter.invoke()
    return [interpreter.get_tensor(detail["index"]) for detail in interpreter.get_output_details()]


def assert_answers(model: Model, inputs: Sequence[np.ndarray], expected: Sequence[np.ndarray], tolerance: float = 1e-4) -> None:
    """Everywhere within `tolerance` of each output's range. A model whose batch is fixed gets the first member of it."""
    first = model.graph.inputs[0]
    if (first.shape_signature or first.shape)[0] == 1:
        inputs, expected = [x[:1] for x in inputs], [y[:1] for y in expected]
    content = model.to_bytes()
    for name, make_interpreter in RUNTIMES.items():
        found = outputs(make_interpreter, content, inputs)
        assert len(found) == len(expected)
        for y, right in zip(found, expected, strict=True):
            assert y.shape == right.shape, name
            assert np.abs(y.astype(float) - right).max() <= tolerance * (np.ptp(right.astype(float)) or 1), name


def pairs(arrays) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The inputs and the outputs of an .npz."""
    return [v for n, v in arrays.items() if n.startswith("in_")], [v for n, v in arrays.items() if n.startswith("out_")]
