"""Cases of random numbers. With a seed, LiteRT's own streams are the answer."""

from collections.abc import Iterator

import numpy as np

from ..harness import Case, case, constant, out


def cases() -> Iterator[Case]:
    for op in ("RANDOM_UNIFORM", "RANDOM_STANDARD_NORMAL"):
        for seed, seed2 in ((1, 0), (0, -5), (2**40 + 3, 2**50 + 7)):
            yield case(f"{seed}-{seed2}", op, constant(np.array([3, 4], np.int32)), seed=seed, seed2=seed2, runs=3)
        yield case("dynamic", op, np.array([2, 2, 2], np.int32), seed=4, out=out(np.float32))
    yield case("odd", "RANDOM_UNIFORM", constant(np.array([7], np.int32)), seed=9, runs=2)
    logits = np.array([[0.1, 2.0, -np.inf, 1.0], [3.0, 3.0, 3.0, -5.0]], np.float32)
    for dtype in (np.int32, np.int64):
        yield case(np.dtype(dtype).name, "MULTINOMIAL", logits, constant(np.int32(9)), seed=3, seed2=4, runs=2, out=out(dtype))
    state = np.array([2**63 + 5, 2**64 - 2, 99], np.uint64)
    for algorithm in ("DEFAULT", "PHILOX", "THREEFRY"):
        for dtype in (np.int32, np.uint32, np.int64, np.uint64):
            for size in (2,) if algorithm == "THREEFRY" else (2, 3):
                outputs = [out(np.uint64, shape=(size,)), out(dtype, shape=(3, 5))]
                name = f"{algorithm.lower()}-{np.dtype(dtype).name}-{size}"
                yield case(name, "STABLEHLO_RNG_BIT_GENERATOR", state[:size], algorithm=algorithm, out=outputs)
