"""The op suite: every case of every family, on every executor, against LiteRT's reference kernels."""

import importlib
import pkgutil
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import pytest
from ai_edge_litert import interpreter as litert

from tachylite import Interpreter, Model, OpResolverType
from tachylite.model.dtypes import BFLOAT16
from tachylite.ops import registry
from tachylite.runtime import native

from . import cases as families
from .harness import Case

CASES: list[Case] = [
    case
    for module in pkgutil.iter_modules(families.__path__)
    for case in importlib.import_module(f"{families.__name__}.{module.name}").cases()
]

REFERENCE = OpResolverType.BUILTIN_REF
EXECUTORS: dict[str, Callable[..., Interpreter]] = {"reference": partial(Interpreter, experimental_op_resolver_type=REFERENCE)}
for tier in native.tiers():
    EXECUTORS |= {tier: Interpreter, f"{tier}-3threads": partial(Interpreter, num_threads=3)}


def outputs(interpreter: object, case: Case) -> list[np.ndarray]:
    """The answers of one engine, run after run."""
    interpreter.allocate_tensors()  # type: ignore[attr-defined]
    results = []
    for _ in range(case.runs):
        for detail, value in zip(interpreter.get_input_details(), case.inputs, strict=True):  # type: ignore[attr-defined]
            interpreter.set_tensor(detail["index"], visible(value))  # type: ignore[attr-defined]
        interpreter.invoke()  # type: ignore[attr-defined]
        results += [_get(interpreter, detail) for detail in interpreter.get_output_details()]  # type: ignore[attr-defined]
    return results


def visible(value: np.ndarray) -> np.ndarray:
    """As an interpreter takes it: 4-bit types as whole bytes."""
    names = {"int4": np.int8, "int2": np.int8, "uint4": np.uint8}
    return value.astype(names[value.dtype.name]) if value.dtype.name in names else value


def _get(interpreter: object, detail: dict) -> np.ndarray:
    if 0 in detail["shape"]:  # LiteRT cannot hand out an empty tensor
        return np.zeros(detail["shape"], detail["dtype"])
    return interpreter.get_tensor(detail["index"])  # type: ignore[attr-defined]


def oracle(case: Case) -> Sequence[np.ndarray]:
    if case.expected is not None:
        return case.expected
    types = litert.OpResolverType
    resolver = types.BUILTIN_REF if case.reference_kernel else types.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    return outputs(litert.Interpreter(model_content=Model.of(case.graph).to_bytes(), experimental_op_resolver_type=resolver), case)


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_case(case: Case, executor: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TACHYLITE_ISA", executor.partition("-")[0] if executor != "reference" else "")
    actual = outputs(EXECUTORS[executor](model_content=Model.of(case.graph).to_bytes()), case)
    expected = oracle(case)
    assert len(actual) == len(expected)
    for a, e in zip(actual, expected, strict=True):
        assert a.shape == e.shape
        if a.dtype.kind in "fc" or a.dtype == BFLOAT16:
            np.testing.assert_allclose(a.astype(np.complex64), e.astype(np.complex64), case.rtol, case.atol)
        else:
            np.testing.assert_array_equal(a, e)


def test_names_are_unique() -> None:
    names = [str(case) for case in CASES]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("name", [definition.name for definition in registry.definitions()])
def test_every_operator_has_a_case(name: str) -> None:
    tested = {op.op for case in CASES for op in Model.of(case.graph).operators()}
    assert name in tested, f"add a case for {name} to tests/ops/cases"
