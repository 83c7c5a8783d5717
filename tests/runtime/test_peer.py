"""Everything public in LiteRT's interpreter module exists here, with its parameters, and describes models alike."""

import inspect
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import interpreter as litert

import tachylite.interpreter as ours
from tachylite import Builder, Model, Quantization, Tensor
from tachylite.model.graph import Signature

NAMES = ["Delegate", "Interpreter", "InterpreterWithCustomOps", "OpResolverType", "SignatureRunner", "load_delegate"]

OURS_ALONE = {("Interpreter", "__init__"): ("profile", "strict")}
"""Parameters that theirs lacks, by class and method. They are keyword-only, so that calls of theirs mean the same here."""


def test_what_is_ours_alone_is_keyword_only() -> None:
    for (cls, method), names in OURS_ALONE.items():
        parameters = inspect.signature(getattr(getattr(ours, cls), method)).parameters
        assert {parameters[name].kind for name in names} == {inspect.Parameter.KEYWORD_ONLY}


def test_no_public_name_is_missing() -> None:
    theirs = [n for n, v in vars(litert).items() if getattr(v, "__module__", "") == litert.__name__ and not n.startswith("_")]
    assert sorted(theirs) == sorted(NAMES)
    assert sorted(ours.__all__) == sorted(NAMES)


def methods(cls: type) -> dict[str, Any]:
    keep = (
        "_get_ops_details",
        "_get_op_details",
        "_get_tensor_details",
        "_native_handle",
        "_get_full_signature_list",
        "__init__",
        "__call__",
    )
    return {n: m for n, m in vars(cls).items() if (not n.startswith("_") or n in keep) and callable(m)}


@pytest.mark.parametrize("name", ["Delegate", "Interpreter", "InterpreterWithCustomOps", "SignatureRunner"])
def test_methods_take_the_same_parameters(name: str) -> None:
    for method, theirs in methods(getattr(litert, name)).items():
        mine = getattr(getattr(ours, name), method)
        parameters = [(p.name, p.default, p.kind) for p in inspect.signature(theirs).parameters.values()]
        ours_alone = OURS_ALONE.get((name, method), ())
        found = [(p.name, p.default, p.kind) for p in inspect.signature(mine).parameters.values() if p.name not in ours_alone]
        assert [(n, getattr(d, "name", d), k) for n, d, k in found] == [(n, getattr(d, "name", d), k) for n, d, k in parameters], method


def test_load_delegate_takes_the_same_parameters() -> None:
    parameters = inspect.signature(litert.load_delegate).parameters
    assert [(p.name, p.default) for p in inspect.signature(ours.load_delegate).parameters.values()] == [
        (p.name, p.default) for p in parameters.values()
    ]
    with pytest.raises(ValueError, match="libnothing"):
        ours.load_delegate("libnothing.so", {"a": 1})


def test_resolver_types_are_the_same() -> None:
    assert {m.name: m.value for m in ours.OpResolverType} == {m.name: m.value for m in litert.OpResolverType}


def quantized_model() -> Model:
    """A per-channel convolution, with a signature and an unknown batch size."""
    rng = np.random.default_rng(3)
    build = Builder()
    x = build.input("x", (1, 5, 5, 2), np.int8, Quantization.per_tensor(0.5, 3))
    x.shape_signature = (-1, 5, 5, 2)
    scales = np.array([0.1, 0.2, 0.3], np.float32)
    w = build.constant(rng.integers(-9, 9, (3, 1, 1, 2)).astype(np.int8), "w", Quantization(scales, np.zeros(3, np.int64)))
    b = build.constant(rng.integers(-9, 9, 3).astype(np.int32), "b", Quantization(scales / 2, np.zeros(3, np.int64)))
    y = build.CONV_2D(x, w, b, stride_w=1, stride_h=1, name="y", quantization=Quantization.per_tensor(0.25, -7))
    y.shape_signature = (-1, 5, 5, 3)
    graph = build.outputs(y)
    return Model([graph], [Signature("run", graph, {"image": x}, {"answer": y})])


def both(model: Model) -> list[Any]:
    content = model.to_bytes()
    resolver = litert.OpResolverType.BUILTIN_REF
    return [ours.Interpreter(model_content=content), litert.Interpreter(model_content=content, experimental_op_resolver_type=resolver)]


def plain(value: Any) -> Any:
    """Details with arrays as (dtype, list), so that they compare."""
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, list):
        return [plain(v) for v in value]
    return (value.dtype, value.tolist()) if isinstance(value, np.ndarray) else value


def test_details_hold_what_the_peer_s_hold() -> None:
    mine, theirs = both(quantized_model())
    for interpreter in (mine, theirs):
        interpreter.resize_tensor_input(0, [2, 5, 5, 2])
        interpreter.allocate_tensors()
    for method in ("get_input_details", "get_output_details", "get_tensor_details", "get_signature_list", "num_subgraphs"):
        expected = plain(getattr(theirs, method)())
        if method == "get_tensor_details":
            expected = expected[: len(mine.get_tensor_details())]  # LiteRT appends its kernels' temporaries
        assert plain(getattr(mine, method)()) == expected
    assert plain(mine._get_ops_details()) == plain(theirs._get_ops_details())
    runners = [i.get_signature_runner("run") for i in (mine, theirs)]
    assert plain(runners[0].get_input_details()) == plain(runners[1].get_input_details())
    assert plain(runners[0].get_output_details()) == plain(runners[1].get_output_details())


def test_signature_runners_agree() -> None:
    x = np.random.default_rng(5).integers(-128, 127, (3, 5, 5, 2)).astype(np.int8)
    mine, theirs = (i.get_signature_runner()(image=x) for i in both(quantized_model()))
    assert mine.keys() == theirs.keys()
    np.testing.assert_array_equal(mine["answer"], theirs["answer"])


def test_a_recurrent_state_survives_and_resets_alike() -> None:
    build = Builder()
    rng = np.random.default_rng(1)
    x = build.input("x", (1, 3))
    weights = [build.constant(rng.normal(size=s).astype(np.float32)) for s in ((4, 3), (4, 4), (4,))]
    state = build.variable("state", (1, 4))
    y = build.RNN(x, *weights, state, fused_activation_function="TANH", out=Tensor("y", (1, 4), np.dtype(np.float32)))
    results = []
    for interpreter in both(Model.of(build.outputs(y))):
        interpreter.allocate_tensors()
        found = []
        for step in range(4):
            if step == 2:
                interpreter.reset_all_variables()
            interpreter.set_tensor(interpreter.get_input_details()[0]["index"], np.ones((1, 3), np.float32))
            interpreter.invoke()
            found.append(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]))
        results.append(found)
    np.testing.assert_allclose(results[0], results[1], rtol=1e-5)
    np.testing.assert_array_equal(results[0][0], results[0][2])
    assert not np.array_equal(results[0][0], results[0][1])
