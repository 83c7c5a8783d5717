"""Trainable models: what they learn, as LiteRT does; optimizers and losses by their formulas; checkpoints; what stops a training."""

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import interpreter as litert

import tachylite
from tachylite import Builder, Interpreter, Model
from tachylite.model import codec, tables
from tachylite.model.errors import FileError, TachyliteError
from tachylite.runtime import checkpoint as checkpoints
from tachylite.train.loop import cosine, evaluate
from tachylite.train.loss import LOSSES
from tachylite.train.optimizer import OPTIMIZERS, AdamW, Momentum
from tachylite.train.signatures import settings_of

DIGITS = Path(__file__).parents[2] / "examples" / "digits"


def digits(name: str) -> dict[str, np.ndarray]:
    with np.load(DIGITS / f"{name}.npz") as file:
        return {"scan": file["scans"][..., None].astype(np.float32) / 16, "target": file["labels"].astype(np.int32)}


TRAINING, HELD_OUT = digits("training"), digits("held_out")
NAME = "scan"


@cache
def net(**options: object) -> Model:
    return tachylite.make_trainable(DIGITS / "digits.tflite", **{"initialize": 1, **options})


def line(**options: object) -> Model:
    """y = W x + b, of three numbers two."""
    build = Builder()
    x = build.input("x", (1, 3))
    x.shape_signature = (-1, 3)
    weights = build.constant(np.array([[0.5, -0.25, 1], [0.75, 0.5, -1]], np.float32), "w")
    y = build.FULLY_CONNECTED(x, weights, build.constant(np.array([0.1, -0.2], np.float32), "b"), name="y")
    return tachylite.make_trainable(Model([build.outputs(y)]), **{"loss": "mse", "batch": 4, **options})


SAMPLES = {
    "x": np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32),
    "target": np.random.default_rng(1).normal(size=(4, 2)).astype(np.float32),
}


def test_digits_are_learned_from_scratch() -> None:
    training = tachylite.fit(net(), TRAINING, epochs=8, rate=cosine(4e-3), validation=HELD_OUT)
    assert training.losses[0] > 2.2
    _, loss, accuracy = training.validations[-1]
    assert accuracy is not None
    assert accuracy >= 0.97
    plain = training.freeze()
    assert {op.op for op in plain.operators()} == {op.op for op in codec.read_file(DIGITS / "digits.tflite").operators()}
    answers = tachylite.load(plain)(HELD_OUT[NAME]).argmax(axis=1)
    assert np.mean(answers == HELD_OUT["target"]) == pytest.approx(accuracy)
    assert loss == pytest.approx(evaluate(training.interpreter, HELD_OUT, 32)[0])


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_litert_trains_along_the_same_curve(optimizer: str) -> None:
    content = net(optimizer=optimizer, clip_norm=2.0, smoothing=0.1).to_bytes()
    ours, theirs = (engine(model_content=content) for engine in (Interpreter, litert.Interpreter))
    curves: list[list[float]] = [[], []]
    rng = np.random.default_rng(0)
    for _ in range(100):
        chosen = rng.integers(0, len(TRAINING["target"]), 32)
        feed = {name: array[chosen] for name, array in TRAINING.items()}
        for curve, engine in zip(curves, (ours, theirs), strict=True):
            curve.append(float(engine.get_signature_runner("train")(**feed, learning_rate=np.float32(OPTIMIZERS[optimizer].rate))["loss"]))
    np.testing.assert_allclose(*curves, rtol=1e-3)
    assert curves[0][-1] < curves[0][0]
    fresh = litert.Interpreter(model_content=content)
    assert fresh.get_signature_runner("restore")(**ours.get_signature_runner("save")())["step"] == [100]
    scans = HELD_OUT[NAME][:32]
    (answer,) = fresh.get_signature_runner("evaluate")(**{NAME: scans, "target": HELD_OUT["target"][:32]}).keys() - {"loss"}
    found = ours.get_signature_runner("infer")(**{NAME: scans})[answer]
    np.testing.assert_allclose(
        fresh.get_signature_runner("evaluate")(**{NAME: scans, "target": HELD_OUT["target"][:32]})[answer], found, atol=1e-5
    )


def test_trainable_model_is_of_builtin_operators() -> None:
    model = codec.read(net().to_bytes())
    assert not any(op.is_custom for op in model.operators())
    assert {op.op for op in model.operators()} <= set(tables.enum_values("BuiltinOperator")) - {"CUSTOM"}
    assert [s.key for s in model.signatures] == ["train", "infer", "evaluate", "save", "restore"]


def _expected(name: str, w: np.ndarray, g: np.ndarray, memory: dict[str, np.ndarray], rate: float, t: int) -> np.ndarray:
    """The formulas of the papers, in float64."""
    if name == "sgd":
        return w - rate * g
    if name == "momentum":
        memory["v"] = 0.9 * memory.get("v", 0) + g
        return w - rate * memory["v"]
    if name == "rmsprop":
        memory["s"] = 0.9 * memory.get("s", 0) + 0.1 * g**2
        return w - rate * g / (np.sqrt(memory["s"]) + 1e-7)
    memory["m"] = 0.9 * memory.get("m", 0) + 0.1 * g
    memory["s"] = 0.999 * memory.get("s", 0) + 0.001 * g**2
    step = rate * (memory["m"] / (1 - 0.9**t)) / (np.sqrt(memory["s"] / (1 - 0.999**t)) + 1e-7)
    return w - step - (rate * 0.01 * w if name == "adamw" else 0)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizer_follows_its_formula(name: str) -> None:
    interpreter = Interpreter(model_content=line(optimizer=name))
    x, target = (SAMPLES[n].astype(np.float64) for n in ("x", "target"))
    values = checkpoints.variables(interpreter)
    weights, bias = values["w"].astype(np.float64), values["b"].astype(np.float64)
    memories: tuple[dict[str, np.ndarray], dict[str, np.ndarray]] = {}, {}
    for t in range(1, 6):
        away = 2 * (x @ weights.T + bias - target) / target.size
        interpreter.get_signature_runner("train")(**SAMPLES, learning_rate=np.float32(0.05))
        weights = _expected(name, weights, away.T @ x, memories[0], 0.05, t)
        bias = _expected(name, bias, away.sum(axis=0), memories[1], 0.05, t)
        values = checkpoints.variables(interpreter)
        np.testing.assert_allclose(values["w"], weights, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(values["b"], bias, rtol=1e-4, atol=1e-5)
    assert values["step"] == [5]


def test_settings_of_an_optimizer() -> None:
    assert settings_of(line(optimizer=Momentum(0.5, nesterov=True)))["optimizer"] == {"name": "momentum", "momentum": 0.5, "nesterov": True}
    interpreter = Interpreter(model_content=line(optimizer=AdamW(decay=0.5), clip_value=1e-9))
    interpreter.get_signature_runner("train")(**SAMPLES, learning_rate=np.float32(0))
    np.testing.assert_array_equal(checkpoints.variables(interpreter)["w"], line_weights())


def line_weights() -> np.ndarray:
    return np.array([[0.5, -0.25, 1], [0.75, 0.5, -1]], np.float32)


def _softmax(z: np.ndarray) -> np.ndarray:
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def _loss(name: str, y: np.ndarray, target: np.ndarray, smoothing: float) -> float:
    away = np.abs(y - target) if target.shape == y.shape else None
    if "sparse" in name:
        target = np.eye(y.shape[-1])[target]
    if name.endswith("crossentropy") and name != "binary_crossentropy":
        shares = target * (1 - smoothing) + smoothing / y.shape[-1]
        return float(-(shares * np.log(_softmax(y))).sum(axis=-1).mean())
    if name == "binary_crossentropy":
        shares, p = target * (1 - smoothing) + smoothing / 2, 1 / (1 + np.exp(-y))
        return float(-(shares * np.log(p) + (1 - shares) * np.log(1 - p)).mean())
    assert away is not None
    return float({"mse": away**2, "mae": away, "huber": np.where(away <= 1, away**2 / 2, away - 0.5)}[name].mean())


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("name", LOSSES)
def test_loss_follows_its_formula(name: str, smoothing: float) -> None:
    rng, x = np.random.default_rng(2), 3 * SAMPLES["x"]
    target = {"sparse_crossentropy": np.array([0, 1, 1, 0], np.int32), "crossentropy": _softmax(rng.normal(size=(4, 2)))}.get(name)
    target = rng.uniform(0, 1, (4, 2)) if target is None else target
    interpreter = Interpreter(model_content=line(loss=name, smoothing=smoothing))
    found = interpreter.get_signature_runner("evaluate")(x=x, target=target.astype(np.int32 if "sparse" in name else np.float32))
    y = x.astype(np.float64) @ line_weights().T + [0.1, -0.2]
    np.testing.assert_allclose(found["y"], y, rtol=1e-5)
    assert found["loss"] == pytest.approx(_loss(name, y, target, smoothing), rel=1e-5)


@pytest.mark.parametrize("name", ["sparse_crossentropy", "binary_crossentropy"])
def test_loss_of_far_logits_stays_finite_and_has_a_slope(name: str) -> None:
    """Where a probability would be 0, and its logarithm infinite."""
    target = np.array([1, 0, 0, 0], np.int32) if "sparse" in name else np.ones((4, 2), np.float32)
    interpreter = Interpreter(model_content=line(loss=name))
    result = interpreter.get_signature_runner("train")(x=np.full((4, 3), -1e4, np.float32), target=target, learning_rate=np.float32(0))
    assert 1e3 < result["loss"] < 1e5
    assert 1e3 < result["gradient_norm"] < 1e5


def test_gradients_are_clipped() -> None:
    def moved(**options: float) -> np.ndarray:
        interpreter = Interpreter(model_content=line(optimizer="sgd", **options))
        interpreter.get_signature_runner("train")(**SAMPLES, learning_rate=np.float32(1))
        values = checkpoints.variables(interpreter)
        return np.concatenate([(values["w"] - line_weights()).ravel(), values["b"] - np.array([0.1, -0.2], np.float32)])

    free = moved()
    np.testing.assert_allclose(moved(clip_norm=0.01), free * 0.01 / np.linalg.norm(free), rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(moved(clip_value=0.05), np.clip(free, -0.05, 0.05), rtol=1e-3, atol=1e-6)


def test_only_what_matches_is_trained() -> None:
    interpreter = Interpreter(model_content=line(trainable="b"))
    assert set(checkpoints.variables(interpreter)) == {"b", "b/mean", "b/square", "step"}
    with pytest.raises(TachyliteError, match=r"nothing is trained by \['head\*'\]; the model has 'w', 'b'"):
        line(trainable="head*")


@pytest.mark.parametrize(("what", "match"), [({"loss": "hinge"}, "no loss 'hinge'"), ({"optimizer": "lion"}, "no optimizer 'lion'")])
def test_unknown_names_are_refused(what: dict, match: str) -> None:
    with pytest.raises(TachyliteError, match=match):
        line(**what)


def test_batch_that_is_written_into_a_reshape_is_opened() -> None:
    build = Builder()
    x = build.input("x", (1, 2, 3))
    flat = build.RESHAPE(x, np.array([1, 6], np.int32))
    graph = build.outputs(build.FULLY_CONNECTED(flat, build.constant(np.ones((2, 6), np.float32), "w"), None, name="y"))
    interpreter = Interpreter(model_content=tachylite.make_trainable(Model([graph]), loss="mse", batch=5))
    feed = {"x": np.ones((5, 2, 3), np.float32), "target": np.zeros((5, 2), np.float32)}
    assert interpreter.get_signature_runner("evaluate")(**feed)["loss"] == 36


# Heads.


def test_head_is_trained_on_frozen_features() -> None:
    model = tachylite.add_head(DIGITS / "digits.tflite", 2)
    names = [t.name for t in model.graph.tensors]
    assert {"head/weights", "head/bias"} <= set(names)
    odd = {NAME: TRAINING[NAME], "target": TRAINING["target"] % 2}
    training = tachylite.fit(tachylite.make_trainable(model, trainable="head/*"), odd, epochs=3, rate=0.01)
    _, accuracy = evaluate(training.interpreter, {NAME: HELD_OUT[NAME], "target": HELD_OUT["target"] % 2}, 32)
    assert accuracy is not None
    assert accuracy > 0.9


def test_head_reads_the_features_that_are_named() -> None:
    model = codec.read_file(DIGITS / "digits.tflite")
    pixels = next(op.outputs[0] for op in model.graph.operators if op.op == "MAX_POOL_2D")
    result = tachylite.add_head(model, 3, features=pixels.name)
    assert result.graph.outputs[0].shape == (1, 3)
    assert [op.op for op in result.graph.operators][-3:] == ["MEAN", "FULLY_CONNECTED", "SOFTMAX"]
    with pytest.raises(TachyliteError, match="there is no tensor 'nowhere'"):
        tachylite.add_head(model, 3, features="nowhere")


# Checkpoints.


def test_training_goes_on_from_a_checkpoint_as_if_it_had_not_stopped(tmp_path: Path) -> None:
    path, part = tmp_path / "run.safetensors", {name: array[:200] for name, array in TRAINING.items()}
    whole = tachylite.fit(net(), part, epochs=3, rate=0.002)
    interrupted = _stop_after(10)
    with pytest.raises(KeyboardInterrupt):
        tachylite.fit(net(), part, epochs=3, rate=0.002, checkpoint=path, save_every=4, progress=interrupted)
    resumed = tachylite.fit(net(), part, epochs=3, rate=0.002, checkpoint=path, save_every=4)
    assert resumed.losses == whole.losses[8:]
    for name, value in checkpoints.variables(whole.interpreter).items():
        np.testing.assert_array_equal(value, checkpoints.variables(resumed.interpreter)[name])


def _stop_after(count: int):
    def progress(step: int, steps: int, loss: float) -> None:
        if step == count:
            raise KeyboardInterrupt

    return progress


def test_checkpoint_of_another_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "c.safetensors"
    Interpreter(model_content=line()).save_checkpoint(path)
    other = Interpreter(model_content=line(optimizer="momentum"))
    with pytest.raises(TachyliteError, match=r"another model: 'w/velocity' is missing; .*'b/mean' is none of the model's"):
        other.load_checkpoint(path)
    values = checkpoints.read(path)
    with pytest.raises(TachyliteError, match=r"'b' is float32\[3\], the model's is float32\[2\]"):
        checkpoints.restore(Interpreter(model_content=line()), {**values, "b": np.zeros(3, np.float32)})
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(FileError, match="damaged"):
        Interpreter(model_content=line()).load_checkpoint(path)
    with pytest.raises(TachyliteError, match="no signature 'save'"):
        Interpreter(model_path=DIGITS / "digits.tflite").save_checkpoint(path)


def test_killed_while_saving_leaves_the_last_checkpoint(tmp_path: Path) -> None:
    """The process dies between writing the new file and giving it the name."""
    path, model = tmp_path / "c.safetensors", tmp_path / "m.tflite"
    line().save(model)
    Interpreter(model_path=model).save_checkpoint(path)
    before = path.read_bytes()
    script = (
        "import os, sys, signal\nfrom tachylite import Interpreter\ni = Interpreter(model_path=sys.argv[1])\n"
        "os.fsync = lambda file: os.kill(os.getpid(), signal.SIGKILL)\ni.save_checkpoint(sys.argv[2])\n"
    )
    code = subprocess.run([sys.executable, "-c", script, str(model), str(path)], env={**os.environ}, check=False).returncode
    assert code < 0
    assert path.read_bytes() == before
    Interpreter(model_path=model).load_checkpoint(path)


# What stops a training.


def test_loss_that_is_not_finite_stops_with_the_step_and_the_layer() -> None:
    part = {name: array[:64].copy() for name, array in TRAINING.items()}
    part[NAME][40] = np.inf
    model = net()
    with pytest.raises(TachyliteError, match=r"step [12]: the loss is nan.*it comes from input '\w*scan"):
        tachylite.fit(model, part, epochs=1, rate=0.01)
    interpreter = Interpreter(model_content=model)
    before = checkpoints.variables(interpreter)
    interpreter.get_signature_runner("train")(**{NAME: part[NAME][32:], "target": part["target"][32:]}, learning_rate=np.float32(1))
    after = checkpoints.variables(interpreter)
    assert all(np.array_equal(after[name], value) for name, value in before.items() if name != "step")


def test_the_first_operator_to_overflow_is_named() -> None:
    build = Builder()
    x = build.input("x", (1, 2))
    h = build.EXP(build.FULLY_CONNECTED(x, build.constant(np.full((2, 2), 60, np.float32), "steep"), None, name="h"), name="blown")
    y = build.FULLY_CONNECTED(h, build.constant(np.ones((1, 2), np.float32), "last"), None, name="y")
    model = tachylite.make_trainable(Model([build.outputs(y)]), loss="mse", batch=1)
    with pytest.raises(TachyliteError, match=r"step 1: .*it comes from EXP 'blown'"):
        tachylite.fit(model, {"x": np.ones((1, 2), np.float32), "target": np.zeros((1, 1), np.float32)}, epochs=1)


def test_patience_ends_a_training_that_no_longer_helps() -> None:
    part = {name: array[:64] for name, array in TRAINING.items()}
    training = tachylite.fit(net(), part, epochs=9, rate=0.0, validation=part, patience=2)
    assert len(training.validations) == 3


def test_data_that_do_not_fit_are_refused_all_at_once() -> None:
    with pytest.raises(TachyliteError, match=r"'target' is missing; .*samples of shape \[7, 8, 1\], needed is \[8, 8, 1\]"):
        tachylite.fit(net(), {NAME: np.zeros((5, 7, 8, 1))})
    with pytest.raises(TachyliteError, match=r"there are 5 of .*, 4 of 'target'"):
        tachylite.fit(net(), {NAME: np.zeros((5, 8, 8, 1)), "labels": np.zeros(4)})
    with pytest.raises(TachyliteError, match="cannot be trained; make it trainable first"):
        tachylite.fit(DIGITS / "digits.tflite", TRAINING)


def test_settings_are_kept_in_the_file() -> None:
    settings = json.loads(codec.read(net(batch=7).to_bytes()).metadata["tachylite_training"])
    assert (settings["batch"], settings["loss"]) == (7, "sparse_crossentropy")
