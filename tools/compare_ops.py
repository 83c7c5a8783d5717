"""Find out which operators of a model give another result than LiteRT's, and what the model makes of a difference in the last bit.

    python tools/compare_ops.py MODEL [--seed NUMBER] [--cut NUMBER]

Random inputs run through LiteRT's reference kernels. For each operator, the table shows how far our reference's result is from LiteRT's:
given LiteRT's own inputs (alone), and in a run of the whole model (in the run). It is the greatest difference, as a part of the greatest
magnitude. Operators that are equal alone and in the run are left out.

With --cut, the model is cut before the operator of that number. The last lines show how far its outputs are from those of LiteRT's
reference kernels: LiteRT's own with inputs that are moved by one unit in the last place, those of its default kernels, and Tachylite's. A
distance that is not greater than the first says nothing about the operators.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert import interpreter as litert  # type: ignore[import-untyped]

from tachylite import Interpreter, OpResolverType
from tachylite.model import codec
from tachylite.model.graph import Operator, Tensor
from tachylite.ops import registry
from tachylite.ops.inference import as_list

SEEDS = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cut", type=int)
    arguments = parser.parse_args()
    content = Path(arguments.model).read_bytes()
    show_operators(content, np.random.default_rng(arguments.seed))
    if arguments.cut is not None:
        show_sensitivity(content, arguments.cut, np.random.default_rng(arguments.seed))


def reference(content: bytes) -> Any:
    types = litert.OpResolverType
    return litert.Interpreter(
        model_content=content, experimental_op_resolver_type=types.BUILTIN_REF, experimental_preserve_all_tensors=True
    )


def ours(content: bytes) -> Interpreter:
    return Interpreter(
        model_content=content, experimental_op_resolver_type=OpResolverType.BUILTIN_REF, experimental_preserve_all_tensors=True
    )


def random_inputs(interpreter: Any, rng: np.random.Generator) -> list[np.ndarray]:
    """Floats from a normal distribution, integers that may serve as tokens."""
    values = []
    for detail in interpreter.get_input_details():
        is_float = np.dtype(detail["dtype"]).kind == "f"
        value = rng.normal(size=detail["shape"]) if is_float else rng.integers(0, 100, detail["shape"])
        values.append(value.astype(detail["dtype"]))
    return values


def run(interpreter: Any, values: list[np.ndarray]) -> list[np.ndarray]:
    interpreter.allocate_tensors()
    for detail, value in zip(interpreter.get_input_details(), values, strict=True):
        interpreter.set_tensor(detail["index"], value)
    interpreter.invoke()
    return [interpreter.get_tensor(detail["index"]) for detail in interpreter.get_output_details()]


def distance(a: np.ndarray, b: np.ndarray) -> float:
    """The greatest difference, as a part of the greatest magnitude of b."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    return float(np.abs(a - b).max(initial=0) / max(np.abs(b).max(initial=0), np.finfo(np.float32).tiny))


# Operator by operator


def show_operators(content: bytes, rng: np.random.Generator) -> None:
    theirs, mine, model = reference(content), ours(content), codec.read(content)
    values = random_inputs(theirs, rng)
    run(theirs, values)
    run(mine, values)
    numbers = {id(tensor): number for number, tensor in enumerate(model.graph.tensors)}
    print("    alone  in the run")
    for position, op in enumerate(model.graph.operators):
        results = alone(op, [None if t is None else stored(t, numbers, theirs) for t in op.inputs])
        for result, tensor in zip(results, op.outputs, strict=False):
            expected = theirs.get_tensor(numbers[id(tensor)])
            apart = distance(result, expected), distance(mine.get_tensor(numbers[id(tensor)]), expected)
            if any(apart):
                print(f"{apart[0]:9.1e}   {apart[1]:9.1e}  {op.op} #{position} {tensor.name}")


def stored(tensor: Tensor, numbers: dict[int, int], interpreter: Any) -> np.ndarray:
    constant = tensor.dense()
    return interpreter.get_tensor(numbers[id(tensor)]) if constant is None else constant


def alone(op: Operator, arrays: list[np.ndarray | None]) -> list[np.ndarray]:
    """The results of the operator's reference; none where they depend on more than the inputs."""
    definition = registry.get(op)
    return [] if definition.context or definition.updates else as_list(definition.reference(op, *arrays))


# The last bit


def cut(content: bytes, position: int) -> tuple[bytes, list[int]]:
    """The model without the operators before a position, and the numbers of the tensors that are its inputs now."""
    model = codec.read(content)
    graph = model.graph
    before, graph.operators = graph.operators[:position], graph.operators[position:]
    known = {id(tensor) for tensor in [*graph.inputs, *(t for op in before for t in op.outputs)]}
    needed = {id(tensor) for op in graph.operators for tensor in op.inputs}
    numbers = [number for number, tensor in enumerate(graph.tensors) if id(tensor) in known & needed]
    graph.inputs = [graph.tensors[number] for number in numbers]
    model.signatures.clear()
    return model.to_bytes(), numbers


def moved(values: list[np.ndarray], rng: np.random.Generator) -> list[np.ndarray]:
    """The floats' neighbours above or below, at random."""
    return [np.nextafter(v, v + rng.choice(np.array([-1, 1], np.float32), v.shape)) if v.dtype == np.float32 else v for v in values]


def show_sensitivity(content: bytes, position: int, rng: np.random.Generator) -> None:
    rest, numbers = cut(content, position)
    whole = reference(content)
    default = litert.Interpreter(model_content=rest)
    apart: dict[str, list[float]] = {"LiteRT, moved": [], "LiteRT, default": [], "Tachylite": []}
    for _ in range(SEEDS):
        run(whole, random_inputs(whole, rng))
        values = [whole.get_tensor(number) for number in numbers]
        expected = run(reference(rest), values)
        others = run(reference(rest), moved(values, rng)), run(default, values), run(ours(rest), values)
        for distances, other in zip(apart.values(), others, strict=True):
            distances.append(max(map(distance, other, expected)))
    print(f"outputs after operator #{position}, beside those of LiteRT's reference kernels:")
    for name, distances in apart.items():
        print(f"{name:16} median {np.median(distances):.1e}  most {max(distances):.1e}")


if __name__ == "__main__":
    main()
