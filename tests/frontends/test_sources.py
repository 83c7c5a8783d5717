"""Trained models of other frameworks, against the answers that TensorFlow itself gave for them."""

from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter as Peer

import tachylite

SOURCES = Path(__file__).parents[3] / "shared" / "models" / "sources"
FILES = sorted(p for p in SOURCES.rglob("*") if p.suffix in (".keras", ".h5") or p.name in ("frozen.pb", "saved_model.pb"))


def golden_of(path):
    """Inputs and outputs by name; those of a folder lie beside it, those of several files of one net are called `model`."""
    place = path.parent if path.name == "saved_model.pb" else path
    found = [p for p in (place.with_suffix(".golden.npz"), place.with_name("model.golden.npz")) if p.exists()]
    return dict(np.load(found[0]))


def outputs(interpreter, inputs):
    """What an interpreter answers to these inputs, in order."""
    interpreter.allocate_tensors()
    for detail, x in zip(interpreter.get_input_details(), inputs, strict=True):
        interpreter.set_tensor(detail["index"], x)
    interpreter.invoke()
    return [interpreter.get_tensor(detail["index"]) for detail in interpreter.get_output_details()]


def assert_near(found, expected, tolerance):
    assert len(found) == len(expected)
    for y, golden in zip(found, expected, strict=True):
        assert y.shape == golden.shape
        assert np.abs(y - golden).max() <= tolerance * np.ptp(golden)


def tolerance_for(path):
    """How far an answer may be off, as a part of the range of all.

    basic_pitch takes the logarithm of what eight filters leave of noise. TensorFlow's own sums are four times less exact there than ours,
    and `basic_pitch.tflite` differs from its answers as much as what we convert.
    """
    return 1.5e-4 if "basic_pitch" in path.parts else 1e-4


@pytest.mark.skipif(not FILES, reason="the shared models are not here")
@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCES)))
def test_file_gives_the_answers_of_tensorflow(path):
    golden = golden_of(path)
    inputs = [value for name, value in golden.items() if name.startswith("in_")]
    expected = [value for name, value in golden.items() if name.startswith("out_")]
    content = tachylite.convert(path).to_bytes()
    reference = tachylite.OpResolverType.BUILTIN_REF
    for interpreter in (
        tachylite.Interpreter(model_content=content),
        tachylite.Interpreter(model_content=content, experimental_op_resolver_type=reference),
        Peer(model_content=content),
    ):
        assert_near(outputs(interpreter, inputs), expected, tolerance_for(path))
