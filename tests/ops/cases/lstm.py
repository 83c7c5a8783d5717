"""Cases of the LSTM family. Every case runs twice, so that the second run starts from the state that the first one left."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from tachylite.model.graph import Tensor
from tachylite.ops.builder import Builder

from ..harness import Case, Operand, case, constant, out, quantized, scale_of, variable

rng = np.random.default_rng(0)
BATCH, TIMES, INPUTS, CELLS = 2, 3, 9, 19

#: Two runs of `int16`.
EXPECTED_INT16 = ((-2638, 10857, 9298, 15877), (-2546, 13484, 9092, 19070))

#: The inputs that a bare cell leaves out; names of what a cell may have beyond it: coupled, peephole, projection, bias, norm, diagonal.
Extras = frozenset[str]
BARE: Extras = frozenset()
EVERYTHING = frozenset({"coupled", "peephole", "projection", "bias", "norm"})


def floats(*shape: int) -> np.ndarray:
    return rng.normal(size=shape).astype(np.float32)


def integers(dtype: Any, limit: int, scale: float, *shape: int) -> Operand:
    return constant(rng.integers(-limit, limit + 1, shape), scale, dtype=dtype)


def matrix(kind: str, *shape: int) -> Operand:
    """Weights of the kind f32, hybrid (int8), u8 (int8 under an old name) or s8 (integer)."""
    if kind == "f32":
        return constant(floats(*shape))
    if kind == "u8":
        return constant(rng.integers(-127, 128, shape).astype(np.int8).view(np.uint8), 0.01)
    return integers(np.int8, 127, 0.01, *shape)


def gates(has: Extras, make: Any) -> list[Operand | None]:
    """One operand per gate; a coupled cell has none for its input gate."""
    return [None if "coupled" in has else make(), make(), make(), make()]


def cell(kind: str, has: Extras, outputs: int) -> list[Operand | None]:
    def recurrent() -> Operand:
        return constant(floats(CELLS)) if "diagonal" in has else matrix(kind, CELLS, outputs)

    def peephole() -> Operand:
        return integers(np.int16, 32767, 2e-5, CELLS) if kind == "s8" else matrix(kind, CELLS)

    def bias(n: int = CELLS) -> Operand:
        return integers(np.int32, 8000, 5e-5, n) if kind == "s8" else constant(floats(n))

    peepholes = [*gates(has, peephole)[:2], peephole()] if "peephole" in has else [None] * 3
    projection = matrix(kind, outputs, CELLS) if "projection" in has else None
    return [
        *gates(has, lambda: matrix(kind, CELLS, INPUTS)),
        *gates(has, recurrent),
        *peepholes,
        *gates(has, bias),
        projection,
        bias(outputs) if "bias" in has else None,
    ]


def norms(kind: str, has: Extras) -> list[Operand | None]:
    if "norm" not in has:
        return [None] * 4
    return gates(has, lambda: integers(np.int16, 32767, 3e-5, CELLS) if kind == "s8" else constant(floats(CELLS)))


def single(name: str, op: str, kind: str, has: Extras = BARE, time_major: bool = True, **options: Any) -> Case:
    """A case of LSTM or UNIDIRECTIONAL_SEQUENCE_LSTM in float."""
    outputs = 4 if "projection" in has else CELLS
    if op != "LSTM":
        options["time_major"] = time_major
    x = floats(*shape_of(op, time_major))
    states = variable((BATCH, outputs)), variable((BATCH, CELLS))
    atol = 1e-5 if kind == "f32" else 2e-3
    operands = (x, *cell(kind, has, outputs), *states, *norms(kind, has))
    return case(name, op, *operands, fused_activation_function="TANH", atol=atol, runs=2, **options)


def sharing(name: str) -> Case:
    """Two layers that have one gate's weights in common, and nothing else."""
    build, gate = Builder(), matrix("f32", CELLS, INPUTS)
    x = build.input("x", (TIMES, BATCH, INPUTS))
    shared = build.constant(gate.value)
    results = []
    for layer in "ab":
        operands: list[Any] = [t and build.constant(t.value) for t in cell("f32", BARE, CELLS)]
        operands[3] = shared
        states = [build.variable(f"{state}_{layer}", (BATCH, CELLS)) for state in "hc"]
        options = {"fused_activation_function": "TANH", "time_major": True}
        results.append(build.UNIDIRECTIONAL_SEQUENCE_LSTM(x, *operands, *states, *[None] * 4, **options))
    return Case(name, "UNIDIRECTIONAL_SEQUENCE_LSTM", build.outputs(*results), [floats(TIMES, BATCH, INPUTS)], atol=1e-5)


def shape_of(op: str, time_major: bool) -> tuple[int, ...]:
    return (BATCH, INPUTS) if op == "LSTM" else (TIMES, BATCH, INPUTS) if time_major else (BATCH, TIMES, INPUTS)


def integer(name: str, op: str, has: Extras = BARE, time_major: bool = True, narrow: bool = False, **options: Any) -> Case:
    """A case in integers; `narrow` chooses the form with int8 parts, whose 12 intermediate tensors give their scales."""
    outputs = 4 if "projection" in has else CELLS
    shape = shape_of(op, time_major)
    if op != "LSTM":
        options["time_major"] = time_major
    x = quantized(rng.integers(-128, 128, shape), 0.02, -7)
    states = variable((BATCH, outputs), np.int8, 0.008, -5), variable((BATCH, CELLS), np.int16, 2.0 ** (-15 if narrow else -11))
    operands = [x, *cell("s8", has, outputs), *states, *norms("s8", has)]
    if narrow:
        # LiteRT reads the scale of this part from beyond its table; without recurrent weights the part is nothing.
        operands[8] = constant(np.zeros((CELLS, outputs)), 0.01, dtype=np.int8)
        scales = [(0.02 + 0.002 * i, i - 6) for i in range(12)]
    else:
        scales = [(2.0**-12 * (i + 1), 0) for i in range(4)] + [(0.009, 4)]
    intermediates = [Tensor(f"part_{i}", (), np.dtype(np.int16), scale_of(*scale)) for i, scale in enumerate(scales)]
    result = out(np.int8, 0.008, -5, (*shape[:-1], outputs))
    options |= {"intermediates": intermediates, "out": result, "fused_activation_function": "TANH"}
    return case(name, op, *operands, runs=2, **options)


def basic() -> Iterator[Case]:
    """The basic kernel, which gives its two intermediate results away."""
    shared = {"kernel_type": "BASIC", "fused_activation_function": "TANH", "runs": 2}
    weights, bias = constant(floats(4 * CELLS, INPUTS + CELLS)), constant(floats(4 * CELLS))
    state = variable((BATCH, CELLS))
    yield case("basic-f32", "LSTM", floats(BATCH, INPUTS), state, weights, bias, state, atol=1e-5, **shared)
    yield case(
        "basic-f32-unrolled", "LSTM", floats(BATCH, INPUTS), floats(BATCH, CELLS), weights, bias, floats(BATCH, CELLS), atol=1e-5, **shared
    )
    activation, level = (1 / 128, 128), (2.0**-12, 0)
    sizes = (
        (CELLS, np.uint8, activation),
        (CELLS, np.int16, (2.0**-11, 0)),
        (INPUTS + CELLS, np.uint8, activation),
        (4 * CELLS, np.int16, level),
    )
    results = [Tensor(f"output_{i}", (BATCH, n), np.dtype(d), scale_of(*s)) for i, (n, d, s) in enumerate(sizes)]
    yield case(
        "basic-u8",
        "LSTM",
        quantized(rng.integers(0, 256, (BATCH, INPUTS)), *activation, dtype=np.uint8),
        variable((BATCH, CELLS), np.uint8, *activation),
        constant(rng.integers(0, 256, (4 * CELLS, INPUTS + CELLS)), 0.02, 117, dtype=np.uint8),
        integers(np.int32, 9000, 0.02 / 128, 4 * CELLS),
        variable((BATCH, CELLS), np.int16, 2.0**-11),
        out=results,
        **shared,
    )


def int16() -> Case:
    """LiteRT has no int16 cell; the expected numbers are TensorFlow Lite Micro's."""
    own = np.random.default_rng(16)

    def weights(n: int) -> Operand:
        return constant(own.integers(-127, 128, (2, n)), 0.01, dtype=np.int8)

    x = quantized(own.integers(-32768, 32768, (1, 2, 3)), 1e-4, dtype=np.int16)
    biases = [constant(own.integers(-900000, 900000, 2), 1e-6, dtype=np.int64) for _ in range(4)]
    states = variable((1, 2), np.int16, 3e-5), variable((1, 2), np.int16, 2.0**-12)
    operands = (
        x,
        *(weights(3) for _ in range(4)),
        *(weights(2) for _ in range(4)),
        *[None] * 3,
        *biases,
        *[None] * 2,
        *states,
        *[None] * 4,
    )
    expected = [np.array(y, np.int16).reshape(1, 2, 2) for y in EXPECTED_INT16]
    options = {"fused_activation_function": "TANH", "cell_clip": 0.8, "out": out(np.int16, 3e-5, 0, (1, 2, 2))}
    return case("s16", "UNIDIRECTIONAL_SEQUENCE_LSTM", *operands, expected=expected, runs=2, **options)


def bidirectional(name: str, kind: str, has: Extras = BARE, time_major: bool = True, aux: str = "", **options: Any) -> Case:
    """aux: "weights" for an auxiliary input with weights of its own, "instead" for one that the backward cell reads."""
    outputs = 4 if "projection" in has else CELLS
    shape = shape_of("", time_major)
    states = [variable((BATCH, n)) for n in (outputs, CELLS)] * 2
    aux_weights = [w for _ in range(2) for w in gates(has, lambda: matrix(kind, CELLS, INPUTS))] if aux == "weights" else [None] * 8
    operands = (
        floats(*shape),
        *cell(kind, has, outputs),
        *cell(kind, has, outputs),
        *states,
        floats(*shape) if aux else None,
        *aux_weights,
    )
    atol = 1e-5 if kind == "f32" else 2e-3
    options |= {"time_major": time_major, "fused_activation_function": "TANH"}
    return case(name, "BIDIRECTIONAL_SEQUENCE_LSTM", *operands, atol=atol, runs=2, **options)


def cases() -> Iterator[Case]:
    clipped = {"cell_clip": 0.7, "proj_clip": 0.4}
    for op in ("LSTM", "UNIDIRECTIONAL_SEQUENCE_LSTM"):
        for kind in ("f32", "hybrid", "u8"):
            yield single(kind, op, kind)
            yield single(f"{kind}-everything", op, kind, EVERYTHING, **clipped)
        yield single("hybrid-asymmetric", op, "hybrid", EVERYTHING - {"norm"}, asymmetric_quantize_inputs=True)
        for extra in (BARE, *(frozenset({e}) for e in ("coupled", "peephole", "projection", "norm")), EVERYTHING):
            yield integer("-".join(["s8", *sorted(extra)]), op, extra, **(clipped if "projection" in extra else {}))
    yield integer("s8-narrow", "LSTM", EVERYTHING - {"peephole"}, narrow=True, **clipped)
    sequence = "UNIDIRECTIONAL_SEQUENCE_LSTM"
    yield single("f32-batch-major", sequence, "f32", EVERYTHING, time_major=False)
    yield single("hybrid-batch-major", sequence, "hybrid", EVERYTHING, time_major=False)
    yield integer("s8-batch-major", sequence, EVERYTHING, time_major=False)
    yield single("f32-diagonal", sequence, "f32", frozenset({"diagonal"}))
    yield single("hybrid-diagonal", sequence, "hybrid", frozenset({"diagonal", "norm"}))
    yield sharing("f32-sharing-a-gate")
    yield int16()
    yield from basic()
    for kind in ("f32", "hybrid"):
        yield bidirectional(f"{kind}-merged", kind, merge_outputs=True)
        yield bidirectional(f"{kind}-apart", kind, EVERYTHING, merge_outputs=False, **clipped)
        yield bidirectional(f"{kind}-batch-major", kind, time_major=False)
        yield bidirectional(f"{kind}-aux-weights", kind, frozenset({"coupled"}), aux="weights", merge_outputs=True)
        yield bidirectional(f"{kind}-aux-instead", kind, aux="instead")
    yield bidirectional("hybrid-asymmetric", "hybrid", asymmetric_quantize_inputs=True)
