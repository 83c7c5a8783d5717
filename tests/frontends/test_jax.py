"""Functions that JAX exported, as `tools/make_jax_fixtures.py` read and answered them; and, where jax is installed, live ones."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import tachylite
from tachylite import passes
from tachylite.frontends.options import Options
from tachylite.frontends.stablehlo.node import op
from tachylite.frontends.traced.model import convert_program
from tachylite.frontends.traced.program import Body, Node, Program, Ref, Value
from tachylite.model.errors import FileError, TachyliteError, UnsupportedError

from .harness import assert_answers
from .plain import unpacked

FIXTURES = np.load(Path(__file__).parent / "data" / "jax.npz")
CASES = sorted({key.partition("/")[0] for key in FIXTURES.files})


def numbered(case, kind):
    count = sum(key.startswith(f"{case}/{kind}_") for key in FIXTURES.files)
    return [FIXTURES[f"{case}/{kind}_{i}"] for i in range(count)]


def converted(case, optimize=True, **options):
    model = convert_program(unpacked(FIXTURES, case), op, Options(**options), "JAX")
    return passes.optimize(model) if optimize else model


@pytest.mark.parametrize("optimize", [False, True], ids=["plain", "optimized"])
@pytest.mark.parametrize("case", CASES)
def test_function_gives_the_answers_of_jax(case, optimize):
    assert_answers(converted(case, optimize), numbered(case, "in"), numbered(case, "out"))


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        ("perceptron", "FULLY_CONNECTED FULLY_CONNECTED SOFTMAX"),
        ("convolutional", "CONV_2D DEPTHWISE_CONV_2D MAX_POOL_2D AVERAGE_POOL_2D MEAN FULLY_CONNECTED"),
    ],
)
def test_graph_is_as_one_would_draw_it(case, expected):
    assert [o.op for o in converted(case).graph.operators] == expected.split()


@pytest.mark.parametrize("case", ["attention", "exact_gelu"])
def test_what_functions_are_made_of_is_recognized(case):
    names = [o.op for o in converted(case).graph.operators]
    assert {"GELU", "SOFTMAX"} <= set(names)
    assert {"TANH", "EXP", "DIV"}.isdisjoint(names)


def test_unknown_sizes_become_a_signature_and_are_the_callers():
    assert converted("perceptron").graph.inputs[0].shape_signature == (-1, 5)
    model = converted("perceptron", input_shapes={"x": (3, 5)})
    assert model.graph.inputs[0].shape == (3, 5)
    assert model.graph.outputs[0].shape == (3, 3)
    assert model.graph.outputs[0].shape_signature is None
    with pytest.raises(TachyliteError, match=r"has the shape \[-1, 5\] in the source"):
        converted("perceptron", input_shapes={"x": (3, 6)})


def test_names_lead_back_to_the_source():
    sources = [o.source for o in converted("perceptron").graph.operators]
    assert all(part in source for part, source in zip(("Perceptron/Dense_1", "Perceptron/Dense_0", "Perceptron/exp"), sources, strict=True))


X, Y, Z = (Value(name, (2,), "float32") for name in "xyz")


def program(*nodes):
    return Program(Body([X], nodes, [Ref("z")]), ["x"], ["z"])


def test_everything_unsupported_is_listed_at_once():
    nodes = Node("fft", [Ref("x")], [Y], source="net.py:3", name="a/fft"), Node("real", [Ref("x")], [Z], name="b/real")
    with pytest.raises(UnsupportedError, match=r"(?s)2 of the program's operations.*'a/fft' \(fft, net.py:3\).*'b/real' \(real\)"):
        convert_program(program(*nodes), op, Options(), "JAX")


@pytest.mark.parametrize(
    ("node", "error", "reason"),
    [
        (Node("negate", [Ref("w")], [Z], name="n"), FileError, "nothing gives the value 'w'"),
        (Node("func.call", [Ref("x")], [Z], {"callee": "lost"}, name="n"), FileError, "the function 'lost' is called but not in"),
        (Node("reverse", [Ref("x")], [Z], {"axes": [0]}, name="n"), UnsupportedError, "called in a form that is not known"),
        (Node("custom_call", [Ref("x")], [Z], {"call_target_name": "lapack"}, name="n"), UnsupportedError, "calls 'lapack'"),
    ],
)
def test_what_is_wrong_is_told(node, error, reason):
    with pytest.raises(error, match=reason):
        convert_program(program(node), op, Options(), "JAX")


def test_a_reduction_by_something_else_is_refused():
    source = unpacked(FIXTURES, "reductions")
    first = next(node for node in source.main.nodes if node.op == "reduce")
    inner = replace(first.bodies[0], nodes=[replace(first.bodies[0].nodes[0], op="power")])
    nodes = [replace(first, bodies=[inner]) if node is first else node for node in source.main.nodes]
    with pytest.raises(UnsupportedError, match="its body is none of add, maximum"):
        convert_program(replace(source, main=replace(source.main, nodes=nodes)), op, Options(), "JAX")


def test_a_live_function_and_its_serialized_form():
    jax = pytest.importorskip("jax")
    from jax import export

    def f(x):
        return {"y": jax.nn.relu(x @ np.ones((3, 2), np.float32))}

    exported = export.export(jax.jit(f))(jax.ShapeDtypeStruct(export.symbolic_shape("b, 3"), np.float32))
    live, file = tachylite.convert(exported), tachylite.convert(bytes(exported.serialize()))
    assert live == file
    assert (list(live.signatures[0].inputs), list(live.signatures[0].outputs)) == (["x"], ["y"])
    x = np.array([[1, 2, 3], [-1, -2, -3]], np.float32)
    assert_answers(live, [x], [np.asarray(f(x)["y"])])
    with pytest.raises(FileError, match="no function that jax"):
        tachylite.convert(bytes(exported.serialize())[:-300])
