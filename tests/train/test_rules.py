"""Every gradient rule on the op suite's cases: it agrees with central differences in float64, and what it emits LiteRT runs as well."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from ai_edge_litert import interpreter as litert

from tachylite import Interpreter, Model
from tachylite.model.graph import Graph, Tensor
from tachylite.ops import registry
from tachylite.ops.builder import Builder
from tachylite.passes.dead import remove_dead
from tachylite.train.gradient import gradients

from ..ops.harness import Case
from ..ops.test_ops import CASES
from .exact import central_difference, clone, doubles, evaluate, wide

RULES = [definition.name for definition in registry.definitions() if definition.gradient is not None and not definition.context]


def _moving(case: Case) -> list[Tensor]:
    """The floats that can be trained: run-time inputs and constants, but for bounds and amounts that options should have been."""
    return [t for op in case.graph.operators for t in op.inputs if t is not None and t.dtype == np.float32 and not t.is_variable and t.size]


def _is_float(case: Case) -> bool:
    """Whether the case is of float32 alone, and of one operator that has a gradient."""
    tensors = [t for op in case.graph.operators for t in (*op.inputs, *op.outputs) if t is not None]
    narrow = any(t.is_quantized or t.dtype.name in ("float16", "bfloat16") or t.dtype.kind == "V" for t in tensors)
    names = [op.op for op in case.graph.operators]
    return names == [case.op] and case.op in RULES and not narrow and case.graph.outputs[0].dtype == np.float32 and bool(_moving(case))


#: Their numbers lie where the function jumps or has no value.
NOT_SMOOTH = {
    "FLOOR_DIV-f32-0",
    "FLOOR_DIV-f32-far",
    "FLOOR_MOD-f32-0",
    "FLOOR_MOD-f32-far",
    "LOG-f32-edges",
    "SQRT-f32-edges",
    "RSQRT-f32-edges",
}
#: Their shapes are not known before the run, and there is nothing to differentiate.
DYNAMIC = ("run-time", "run_time", "dynamic")
#: Their gradient is not that of what they compute, but of what they stand for.
STRAIGHT_THROUGH = {"FAKE_QUANT"}
FLOAT_CASES = [c for c in CASES if _is_float(c) and str(c) not in NOT_SMOOTH and not c.name.endswith(DYNAMIC)]


def _values(case: Case) -> dict[Tensor, np.ndarray]:
    """The case's own numbers, each moved a little, so that none is a tie or an end of a range."""
    rng = np.random.default_rng(len(str(case)))
    values = dict(zip(case.graph.inputs, case.inputs, strict=True))
    values |= {t: value for t in _moving(case) if (value := t.dense()) is not None}
    finite = {t: np.where(np.isfinite(v), np.clip(v, -30, 30), 0.37) for t, v in values.items() if t.dtype == np.float32}
    moved = {t: v + rng.uniform(0.002, 0.1, v.shape) for t, v in finite.items()}
    states = {t: np.zeros(t.shape) for op in case.graph.operators for t in op.inputs if t is not None and t.is_variable}
    return {**values, **states, **moved}


def _settled(case: Case, values: dict[Tensor, np.ndarray]) -> Graph:
    """The case's graph, to be appended to; positions and amounts are constants, as in a trained model."""
    graph = clone(case.graph)
    for tensor in case.graph.inputs:
        if tensor.dtype.kind != "f":
            graph.replace(tensor, replace(tensor, data=values[tensor]))
            graph.inputs.remove(tensor)
    return graph


def _seeded(graph: Graph) -> tuple[dict[Tensor, Tensor], dict[Tensor, np.ndarray]]:
    """A gradient to begin with for each float output, and its value."""
    build, rng = Builder(graph), np.random.default_rng(1)
    seeds = {y: build.constant(rng.uniform(0.5, 1.5, y.shape).astype(np.float32)) for y in graph.outputs if y.dtype == np.float32}
    return seeds, {y: wide(seed.data) for y, seed in seeds.items() if seed.data is not None}


@pytest.mark.parametrize("case", [case for case in FLOAT_CASES if case.op not in STRAIGHT_THROUGH], ids=str)
def test_rule_agrees_with_central_differences(case: Case) -> None:
    with doubles():
        _compare(case)


def _compare(case: Case) -> None:
    values, wrt, forward = _values(case), list(dict.fromkeys(_moving(case))), clone(case.graph)
    graph = _settled(case, values)
    seeds, weights = _seeded(graph)
    found = gradients(graph, seeds, wrt)
    present = [g for g in found if g is not None]
    exact = dict(zip(present, evaluate(graph.operators, values, present), strict=True))
    rng = np.random.default_rng(2)
    for tensor, gradient in zip(wrt, found, strict=True):
        direction = rng.normal(size=tensor.shape)

        def loss(step: float, tensor: Tensor = tensor, direction: np.ndarray = direction) -> float:
            given = {**values, tensor: values[tensor] + step * direction}
            outputs = evaluate(forward.operators, given, list(weights))
            return float(sum((w * np.where(np.abs(y) < 1e30, y, 0)).sum() for w, y in zip(weights.values(), outputs, strict=True)))

        with np.errstate(all="ignore"):
            expected = central_difference(loss)
        assert gradient is None or gradient.shape == tensor.shape
        slope = 0.0 if gradient is None else float((exact[gradient] * direction).sum())
        size = 0.0 if gradient is None else float(np.abs(exact[gradient] * direction).sum())
        assert slope == pytest.approx(expected, rel=1e-6, abs=1e-6 * (1 + size)), f"{tensor.name} of {case}"


def _answers(interpreter: object, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    interpreter.allocate_tensors()  # type: ignore[attr-defined]
    for detail, value in zip(interpreter.get_input_details(), inputs, strict=True):  # type: ignore[attr-defined]
        interpreter.set_tensor(detail["index"], value)  # type: ignore[attr-defined]
    interpreter.invoke()  # type: ignore[attr-defined]
    return [interpreter.get_tensor(detail["index"]) for detail in interpreter.get_output_details()]  # type: ignore[attr-defined]


#: LiteRT crashes on filters that are no constant where there is no bias.
WITHOUT_BIAS = {"DEPTHWISE_CONV_2D-no_bias"}


@pytest.mark.parametrize("case", [c for c in FLOAT_CASES if str(c) not in WITHOUT_BIAS], ids=str)
def test_litert_computes_the_same_gradient(case: Case) -> None:
    values, wrt, graph = _values(case), list(dict.fromkeys(_moving(case))), _settled(case, _values(case))
    for tensor in wrt:  # what is trained is no constant
        if tensor.is_constant:
            fed = Tensor(tensor.name, tensor.shape, tensor.dtype)
            graph.replace(tensor, fed)
            graph.inputs.append(fed)
            values[fed] = values[tensor]
    wrt = [t for t in graph.inputs if t.dtype == np.float32]
    seeds, _ = _seeded(graph)
    graph.outputs = list(dict.fromkeys(g for g in gradients(graph, seeds, wrt) if g is not None and g not in graph.inputs))
    remove_dead(graph, {*graph.inputs, *graph.outputs})
    if not graph.outputs or any(0 in t.shape for t in (*graph.inputs, *graph.outputs)):
        pytest.skip("nothing is computed")
    content = Model.of(graph).to_bytes()
    inputs = [np.asarray(values[t]).astype(t.dtype) for t in graph.inputs]
    expected = _answers(litert.Interpreter(model_content=content), inputs)
    for a, e in zip(_answers(Interpreter(model_content=content), inputs), expected, strict=True):
        np.testing.assert_allclose(a, e, rtol=1e-3, atol=1e-4 * max(1, np.abs(e).max(initial=0)))


def test_every_rule_has_a_case() -> None:
    """Those of control flow have tests of their own."""
    assert set(RULES) - {case.op for case in FLOAT_CASES} == set()
