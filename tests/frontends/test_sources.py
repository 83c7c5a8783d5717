"""Trained models of other frameworks, against the answers that TensorFlow itself gave for them."""

from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter as Peer

import tachylite

SOURCES = Path(__file__).parents[3] / "shared" / "models" / "sources"
FILES = sorted(p for p in SOURCES.rglob("*") if p.suffix in (".keras", ".h5"))


def outputs(interpreter, inputs):
    """What an interpreter answers to these inputs, in order."""
    interpreter.allocate_tensors()
    for detail, x in zip(interpreter.get_input_details(), inputs, strict=True):
        interpreter.set_tensor(detail["index"], x)
    interpreter.invoke()
    return [interpreter.get_tensor(detail["index"]) for detail in interpreter.get_output_details()]


def assert_near(found, expected):
    assert len(found) == len(expected)
    for y, golden in zip(found, expected, strict=True):
        assert y.shape == golden.shape
        assert np.abs(y - golden).max() <= 1e-4 * np.ptp(golden)


@pytest.mark.skipif(not FILES, reason="the shared models are not here")
@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCES)))
def test_file_gives_the_answers_of_tensorflow(path):
    golden = dict(np.load(path.with_suffix(".golden.npz")))
    inputs = [value for name, value in golden.items() if name.startswith("in_")]
    expected = [value for name, value in golden.items() if name.startswith("out_")]
    content = tachylite.convert(path).to_bytes()
    reference = tachylite.OpResolverType.BUILTIN_REF
    for interpreter in (
        tachylite.Interpreter(model_content=content),
        tachylite.Interpreter(model_content=content, experimental_op_resolver_type=reference),
        Peer(model_content=content),
    ):
        assert_near(outputs(interpreter, inputs), expected)
