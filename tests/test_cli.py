"""The command line, from the outside."""

import json
import wave
from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from tachylite import Builder, Model, Quantization, Tensor
from tachylite.cli import app, size_text
from tachylite.model import codec, flexbuffer

DIGITS = Path(__file__).parents[1] / "examples" / "digits" / "digits.keras"


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments], env={"COLUMNS": "200"})


@pytest.fixture
def brightness(tmp_path: Path) -> Path:
    """Two classes, dark and bright, from the mean of a uint8 picture [1, 4, 4, 3]."""
    build = Builder()
    q = Quantization.per_tensor(1 / 256)
    x = build.input("picture", (1, 4, 4, 3), np.uint8, q)
    mean = build.MEAN(x, build.constant(np.array([1, 2, 3], np.int32)), name="mean", quantization=q)
    flat = build.RESHAPE(mean, build.constant(np.array([1, 1], np.int32)))
    flat.quantization = q
    dark = build.constant(np.full((1, 1), 128, np.uint8), quantization=q)
    both = build.CONCATENATION(dark, flat, axis=1, quantization=q)
    path = tmp_path / "brightness.tflite"
    Model.of(build.outputs(both)).save(path)
    return path


def picture(path: Path, value: int) -> Path:
    Image.new("RGB", (9, 7), (value,) * 3).save(path)
    return path


def test_run_ranks_classes(brightness: Path, tmp_path: Path) -> None:
    labels = tmp_path / "labels.txt"
    labels.write_text("dark\nbright\n")
    for value, first in ((250, "bright"), (5, "dark")):
        result = invoke("run", brightness, "--image", picture(tmp_path / "p.png", value), "--labels", labels)
        assert result.exit_code == 0, result.output
        assert result.output.splitlines()[1].split()[0] == first


def test_run_takes_arrays_and_saves_outputs(brightness: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.full((1, 4, 4, 3), 64, np.uint8))
    for argument in (f"picture={tmp_path / 'x.npy'}", tmp_path / "x.npy"):
        assert invoke("run", brightness, "--input", argument, "--output", tmp_path / "out.npz").exit_code == 0
        (value,) = np.load(tmp_path / "out.npz").values()
        np.testing.assert_array_equal(value, [[128, 64]])


def test_run_on_a_sound(tmp_path: Path) -> None:
    build = Builder()
    x = build.input("sound", (1, 100))
    path = tmp_path / "energy.tflite"
    Model.of(build.outputs(build.SUM(build.SQUARE(x), build.constant(np.array([1], np.int32))))).save(path)
    with wave.open(str(tmp_path / "s.wav"), "wb") as file:
        file.setparams((1, 2, 16000, 0, "NONE", ""))
        file.writeframes(np.full(50, 16384, "<i2").tobytes())
    result = invoke("run", path, "--audio", tmp_path / "s.wav")
    assert result.exit_code == 0
    assert "12.5" in result.output


def test_detections_are_listed_and_drawn(tmp_path: Path) -> None:
    """One box in the middle of the picture, found by the detector's own post-processing."""
    build = Builder()
    build.input("picture", (1, 8, 8, 3))
    options = {"max_detections": 2, "max_classes_per_detection": 1, "num_classes": 2, "nms_score_threshold": 0.1, "nms_iou_threshold": 0.5}
    scales = {f"{axis}_scale": 1.0 for axis in "xyhw"}
    boxes, scores = build.constant(np.zeros((1, 1, 4), np.float32)), build.constant(np.array([[[0, 0, 0.9]]], np.float32))
    anchors = build.constant(np.array([[0.5, 0.5, 0.5, 0.5]], np.float32))
    out = [Tensor(f"out{i}", shape, np.dtype(np.float32)) for i, shape in enumerate([(1, 2, 4), (1, 2), (1, 2), (1,)])]
    build.TFLite_Detection_PostProcess(boxes, scores, anchors, out=out, custom_options=flexbuffer.write(options | scales))
    path = tmp_path / "detector.tflite"
    Model.of(build.outputs(*out)).save(path)
    drawn = tmp_path / "drawn.png"
    result = invoke("run", path, "--image", picture(tmp_path / "p.png", 0), "--draw", drawn)
    assert result.exit_code == 0, result.output
    assert [line.split() for line in result.output.splitlines()[1:2]] == [["class", "1", "0.9000", "0.250", "0.250", "0.750", "0.750"]]
    assert np.asarray(Image.open(drawn)).any()
    assert not np.asarray(Image.open(tmp_path / "p.png")).any()


def test_convert_checks_against_the_source_where_that_can_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ends = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, (2, 3)) for name in ("x", "y")]
    graph = onnx.helper.make_graph([onnx.helper.make_node("Exp", ["x"], ["y"])], "graph", ends[:1], ends[1:])
    source, out = tmp_path / "exp.onnx", tmp_path / "exp.tflite"
    source.write_bytes(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 20)]).SerializeToString())
    result = invoke("convert", source, "-o", out, "--check")
    assert result.exit_code == 0, result.output
    assert "of the range of what exp.onnx answers" in result.stdout
    out.unlink()
    monkeypatch.setattr("tachylite.frontends.source.runner", lambda path: lambda inputs: [np.log(inputs[0] + 1)])
    result = invoke("convert", source, "-o", out, "--check")
    assert result.exit_code == 1
    assert "away from exp.onnx; nothing was written" in result.output
    assert not out.exists()


def test_convert(tmp_path: Path) -> None:
    out = tmp_path / "digits.tflite"
    result = invoke("convert", DIGITS, "-o", out, "--check", "--input-shape", "scan=2,8,8,1")
    assert result.exit_code == 0, result.output
    assert "checked on random inputs" in result.stdout
    [row] = [line.split() for line in result.stdout.splitlines() if line.startswith("all")]
    assert int(row[1]) > int(row[2]) == 7
    assert codec.read_file(out).graph.inputs[0].shape == (2, 8, 8, 1)
    plain = invoke("convert", DIGITS, "-o", out, "--no-optimize")
    assert "MUL" in plain.stdout
    assert len(codec.read_file(out).graph.operators) == int(row[1])


def test_inspect(brightness: Path) -> None:
    result = invoke("inspect", brightness)
    assert result.exit_code == 0
    for text in ("MEAN", "CONCATENATION", "uint8[1, 4, 4, 3]", "scale 0.00390625", "arena"):
        assert text in result.output
    summary = json.loads(invoke("inspect", brightness, "--json").output)
    assert summary["bytes"] == brightness.stat().st_size
    assert [op["op"] for op in summary["graphs"][0]["operators"]] == ["MEAN", "RESHAPE", "CONCATENATION"]
    assert summary["arena_bytes"] > 0


def test_a_delegate(brightness: Path, tmp_path: Path) -> None:
    echo = "tests.delegates.echo:Echo,only=MEAN+RESHAPE"
    result = invoke("inspect", brightness, "--delegate", echo)
    assert result.exit_code == 0, result.output
    assert "delegates do 96.1% of the operations" in result.stdout
    assert "cpu     echo: is not among those" in result.stdout
    data = json.loads(invoke("inspect", brightness, "--json", "--delegate", echo).stdout)["partitioning"]
    assert [o["where"] for o in data["operators"]] == ["echo", "echo", "cpu"]
    assert data["partitions"][0] | {"number": 0, "bytes_in": 48, "bytes_out": 1} == data["partitions"][0]
    image = picture(tmp_path / "p.png", 250)
    alone, beside = (invoke("run", brightness, "--image", image, *options) for options in ((), ("--delegate", echo, "--strict")))
    assert beside.exit_code == 0, beside.output
    assert beside.stdout == alone.stdout
    for name, message in (("nobody", "there is no delegate 'nobody'"), (f"{echo},fast", "'fast' is no option")):
        result = invoke("run", brightness, "--delegate", name)
        assert result.exit_code == 1
        assert message in result.output


def test_program(tmp_path: Path) -> None:
    build = Builder()
    x = build.input("x", (2, 3))
    model, out = tmp_path / "model.tflite", tmp_path / "model.tlp"
    Model.of(build.outputs(build.ADD(x, x))).save(model)
    result = invoke("program", model, "-o", out, "--target", "baseline", "--threads", 2)
    assert result.exit_code == 0, result.output
    for text in ("model.tlp", size_text(out.stat().st_size), "for baseline, 2 threads", "arena     0 B", "calls     1"):
        assert text in result.output
    build.RANDOM_UNIFORM(build.constant(np.array([2], np.int32)))
    Model.of(build.outputs(build.graph.operators[-1].outputs[0])).save(model)
    before = out.read_bytes()
    for arguments, message in (((), "RANDOM_UNIFORM #1"), (("--target", "sse"), "there is no target 'sse'")):
        result = invoke("program", model, "-o", out, *arguments)
        assert result.exit_code == 1
        assert message in result.output
    assert out.read_bytes() == before


def test_compile(tmp_path: Path) -> None:
    build = Builder()
    x = build.input("x", (2, 3))
    model, out = tmp_path / "model.tflite", tmp_path / "c"
    Model.of(build.outputs(build.ADD(x, x))).save(model)
    result = invoke("compile", model, "-o", out, "--name", "sum")
    assert result.exit_code == 0, result.output
    assert "sum" in result.output
    assert (out / "sum.c").exists()
    result = invoke("compile", model, "-o", tmp_path / "other", "--arena-limit", 8)
    assert result.exit_code == 1
    assert "model takes 64 bytes of RAM, the limit is 8; most at ADD #0" in result.output
    assert not (tmp_path / "other").exists()


def test_ops() -> None:
    result = invoke("ops", "leaky")
    assert result.exit_code == 0
    assert "LEAKY_RELU" in result.output
    assert "1 operators" in result.output
    assert json.loads(invoke("ops", "leaky", "--json").output)[0]["name"] == "LEAKY_RELU"


def test_mistakes_are_explained_in_a_line(brightness: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.tflite"
    broken.write_bytes(brightness.read_bytes()[:100])
    text = tmp_path / "notes.txt"
    text.write_text("no picture")
    for arguments, message in (
        (("run", tmp_path / "missing.tflite"), "No such file"),
        (("run", broken), "damaged"),
        (("inspect", text), "not"),
        (("convert", text, "-o", tmp_path / "a.tflite"), "none of the formats that can be converted"),
        (("convert", DIGITS, "-o", tmp_path / "a.tflite", "--input-shape", "1,x"), "give whole numbers"),
        (("convert", DIGITS, "-o", tmp_path / "a.tflite", "--input-shape", "scam=1,8,8,1"), "input_shapes names ['scam']"),
        (("run", brightness, "--image", text), "notes.txt"),
        (("run", brightness, "--audio", text), "no input takes a sound"),
        (("run", brightness, "--draw", tmp_path / "a.png"), "--image"),
        (("run", brightness, "--input", "a.npy", "--input", "b.npy"), "2 inputs are given, the model has 1"),
        (("run", brightness, "--image", picture(tmp_path / "p.png", 1), "--draw", tmp_path / "a.xyz"), ".png"),
    ):
        result = invoke(*arguments)
        assert result.exit_code == 1, arguments
        assert message in result.output
        assert "Traceback" not in result.output


def test_the_module_is_the_command() -> None:
    import subprocess
    import sys

    shown = subprocess.run([sys.executable, "-m", "tachylite", "--help"], capture_output=True, text=True, check=True).stdout
    assert all(command in shown for command in ("run", "inspect", "program", "ops"))
