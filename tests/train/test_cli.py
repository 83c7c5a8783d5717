"""Training from the command line."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

import tachylite
from tachylite.cli import app
from tachylite.train import curve

DIGITS = Path(__file__).parents[2] / "examples" / "digits"


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments], env={"COLUMNS": "200"})


@pytest.fixture
def trainable(tmp_path: Path) -> Path:
    path = tmp_path / "trainable.tflite"
    result = invoke("make-trainable", DIGITS / "digits.tflite", "-o", path, "--initialize", 1, "--batch", 64)
    assert result.exit_code == 0, result.output
    assert "trains 8 tensors by adam, batches of 64" in result.output
    return path


def test_digits_are_trained_judged_and_written(trainable: Path, tmp_path: Path) -> None:
    plain, page, checkpoint = (tmp_path / name for name in ("plain.tflite", "page.html", "c.safetensors"))
    data, held_out = DIGITS / "training.npz", DIGITS / "held_out.npz"
    options = ["--std", 16, "--epochs", 3, "--rate", 0.004, "--schedule", "cosine", "--validation", held_out, "--checkpoint", checkpoint]
    result = invoke("train", trainable, data, *options, "--html", page, "-o", plain)
    assert result.exit_code == 0, result.output
    right = float(re.search(r"([\d.]+)% right", result.output)[1])
    assert right > 80
    assert "█" in result.output
    with np.load(held_out) as file:
        answers = tachylite.load(plain)(file["scans"][..., None].astype(np.float32) / 16).argmax(axis=1)
        assert 100 * np.mean(answers == file["labels"]) == pytest.approx(right, abs=0.01)
    content = json.loads(re.search(r"const data = (.*);\n", page.read_text(encoding="utf-8"))[1])
    assert len(content["losses"]) == 3 * 23
    assert len(content["validations"]) == 3
    again = invoke("train", trainable, data, *options)
    assert again.exit_code == 0, again.output
    assert "█" not in again.output  # nothing was left to do


def test_new_head_is_put_on(tmp_path: Path) -> None:
    path = tmp_path / "two.tflite"
    result = invoke("make-trainable", DIGITS / "digits.tflite", "-o", path, "--classes", 2, "--trainable", "head/*")
    assert result.exit_code == 0, result.output
    assert "trains 2 tensors" in result.output


@pytest.mark.parametrize(
    ("options", "match"),
    [(["--schedule", "steps"], "no schedule 'steps'"), (["--validation", "nowhere.npz"], "nowhere.npz")],
)
def test_mistakes_are_explained(trainable: Path, options: list[str], match: str) -> None:
    result = invoke("train", trainable, DIGITS / "training.npz", *options)
    assert result.exit_code == 1
    assert match in result.output


def test_text_curve_falls_from_the_greatest_to_the_least() -> None:
    lines = curve.text([3.0, 2.0, 1.0, 0.0], width=4, height=3)
    assert lines[0] == "        3 █   "
    assert lines[-1] == "        0 ███▁"
    assert curve.text([]) == []
