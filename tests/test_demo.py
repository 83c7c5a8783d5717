"""The digits demo: its nets are right, small, and answer as in LiteRT."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter as LiteRT

from tachylite import Interpreter

DIGITS = Path(__file__).parents[1] / "examples" / "digits"


def test_demo_shows_how_many_digits_both_nets_read_right():
    shown = subprocess.run([sys.executable, DIGITS / "demo.py"], capture_output=True, text=True, check=True, encoding="utf-8").stdout
    rates = [
        float(cell.rstrip(" %"))
        for line in shown.splitlines()
        if "digits" in line and "kB" in line
        for cell in line.split("│")
        if "%" in cell
    ]
    assert len(rates) == 2
    assert min(rates) >= 97


def test_nets_are_small():
    assert sum((DIGITS / name).stat().st_size for name in ("digits.keras", "digits.tflite", "digits_int8.tflite")) < 300_000


@pytest.mark.parametrize(("name", "rtol", "atol"), [("digits.tflite", 1e-4, 1e-6), ("digits_int8.tflite", 0, 1)])
def test_nets_answer_as_in_litert(name, rtol, atol):
    ink = np.load(DIGITS / "held_out.npz")["scans"][:20, ..., None] / np.float32(16)
    answers = []
    for engine in (Interpreter, LiteRT):
        interpreter = engine(model_path=str(DIGITS / name))
        source, result = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
        scale, zero_point = source["quantization"]
        stored = ink if scale == 0 else np.round(ink / scale + zero_point).clip(-128, 127).astype(np.int8)
        interpreter.resize_tensor_input(source["index"], stored.shape)
        interpreter.allocate_tensors()
        interpreter.set_tensor(source["index"], stored)
        interpreter.invoke()
        answers.append(interpreter.get_tensor(result["index"]).astype(np.float32))
    np.testing.assert_allclose(*answers, rtol=rtol, atol=atol)
