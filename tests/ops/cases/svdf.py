"""Cases of SVDF. Every case runs three times, so that its memory fills."""

from collections.abc import Iterator

import numpy as np

from ..harness import Case, case, constant, out, quantized, variable

rng = np.random.default_rng(0)
BATCH, INPUTS, UNITS, MEMORY = 3, 9, 10, 5

#: Three runs of `int8_state`.
EXPECTED_INT8 = ((66, -39, 69), (78, -28, -128), (127, -38, 95))


def floats(*shape: int) -> np.ndarray:
    return rng.normal(size=shape).astype(np.float32)


def cases() -> Iterator[Case]:
    for rank in (1, 2):
        filters = rank * UNITS
        shared = {"rank": rank, "fused_activation_function": "RELU", "runs": 3}
        x, bias, state = floats(BATCH, INPUTS), constant(floats(UNITS)), variable((BATCH, filters * MEMORY))
        yield case(
            f"f32-rank{rank}", "SVDF", x, constant(floats(filters, INPUTS)), constant(floats(filters, MEMORY)), bias, state, **shared
        )
        features = constant(rng.integers(-127, 128, (filters, INPUTS)), 0.01, dtype=np.int8)
        times = constant(rng.integers(-127, 128, (filters, MEMORY)), 0.012, dtype=np.int8)
        for asymmetric in (False, True):
            name = f"s8-hybrid-rank{rank}" + "-asymmetric" * asymmetric
            yield case(name, "SVDF", x, features, times, None, state, atol=2e-3, asymmetric_quantize_inputs=asymmetric, **shared)
        yield case(
            f"s8-rank{rank}",
            "SVDF",
            quantized(rng.integers(-128, 128, (BATCH, INPUTS)), 0.03, 7),
            features,
            constant(rng.integers(-32767, 32768, (filters, MEMORY)), 3e-5, dtype=np.int16),
            constant(rng.integers(-20000, 20000, UNITS), 4e-8, dtype=np.int32),
            variable((BATCH, filters * MEMORY), np.int16, 0.0013),
            out=out(np.int8, 0.02, -5, (BATCH, UNITS)),
            **shared,
        )
    yield int8_state()


def int8_state() -> Case:
    """LiteRT knows int16 states alone; the expected numbers are TensorFlow Lite Micro's."""
    own = np.random.default_rng(8)
    operands = (
        quantized(own.integers(-128, 128, (1, 4)), 0.03, 7),
        constant(own.integers(-127, 128, (6, 4)), 0.01, dtype=np.int8),
        constant(own.integers(-127, 128, (6, 3)), 0.012, dtype=np.int8),
        constant(own.integers(-2000, 2000, 3), 0.00048, dtype=np.int32),
        variable((1, 18), np.int8, 0.04, -9),
    )
    expected = [np.array([y], np.int8) for y in EXPECTED_INT8]
    options = {"rank": 2, "fused_activation_function": "RELU", "out": out(np.int8, 0.02, -5, (1, 3))}
    return case("s8-state", "SVDF", *operands, expected=expected, runs=3, **options)
