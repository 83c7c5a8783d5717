"""Cases of the simple recurrent family. Every case runs twice, so that the second run starts from the state that the first one left."""

from collections.abc import Iterator

import numpy as np

from ..harness import Case, Operand, case, constant, variable

rng = np.random.default_rng(0)


def floats(*shape: int) -> np.ndarray:
    return rng.normal(size=shape).astype(np.float32)


def weights(kind: str, *shape: int) -> Operand:
    """A matrix of the kind f32, or s8 for a hybrid operator."""
    return constant(floats(*shape) / 4) if kind == "f32" else constant(rng.integers(-127, 128, shape), 0.003, dtype=np.int8)


def cell(kind: str, batch: int, inputs: int, units: int) -> list[Operand]:
    return [weights(kind, units, inputs), weights(kind, units, units), constant(floats(units)), variable((batch, units))]


#: Name, kind of weights, whether inputs are quantized asymmetrically, tolerance: a rounding that falls the other way is one step of 127.
KINDS = (("f32", "f32", False, 1e-5), ("s8", "s8", False, 2e-3), ("s8-asymmetric", "s8", True, 2e-3))


def cases() -> Iterator[Case]:
    for name, kind, asymmetric, atol in KINDS:
        shared = {"asymmetric_quantize_inputs": asymmetric, "fused_activation_function": "TANH", "atol": atol, "runs": 2}
        yield case(name, "RNN", floats(3, 5), *cell(kind, 3, 5, 18), **shared)
        for time_major, shape in ((True, (4, 3, 5)), (False, (3, 4, 5))):
            layout = "time-major" if time_major else "batch-major"
            shared["time_major"] = time_major
            yield case(f"{name}-{layout}", "UNIDIRECTIONAL_SEQUENCE_RNN", floats(*shape), *cell(kind, 3, 5, 18), **shared)
            both = (floats(*shape), *cell(kind, 3, 5, 18), *cell(kind, 3, 5, 7))
            yield case(f"{name}-{layout}-apart", "BIDIRECTIONAL_SEQUENCE_RNN", *both, None, None, None, merge_outputs=False, **shared)
            if name != "s8" or not time_major:  # where LiteRT crashes: it counts on from a null pointer to zero points
                yield case(f"{name}-{layout}-merged", "BIDIRECTIONAL_SEQUENCE_RNN", *both, None, None, None, merge_outputs=True, **shared)
    x, cells = floats(4, 3, 5), (*cell("f32", 3, 5, 6), *cell("f32", 3, 5, 7))
    stacked = {"fused_activation_function": "RELU6", "atol": 1e-5, "runs": 2, "time_major": True}
    yield case(
        "aux-weights", "BIDIRECTIONAL_SEQUENCE_RNN", x, *cells, floats(4, 3, 5), weights("f32", 6, 5), weights("f32", 7, 5), **stacked
    )
    yield case("aux-instead", "BIDIRECTIONAL_SEQUENCE_RNN", x, *cells, floats(4, 3, 5), None, None, **stacked)
