"""Fine-tuning of compressed models: what compression made stays, answers come back, and the result is one of compress/'s own."""

from pathlib import Path

import numpy as np
import pytest

import tachylite
from tachylite import Builder, Model
from tachylite.compress.sparse import densified
from tachylite.compress.weights import contents
from tachylite.model.errors import TachyliteError, UnsupportedError
from tachylite.train.fakequant import rounded
from tachylite.train.pruning import Pruning

from .test_cli import invoke
from .test_training import DIGITS, HELD_OUT, NAME, TRAINING

NET = DIGITS / "digits.tflite"
SCANS = {NAME: TRAINING[NAME][:512]}


def answers(model: Model) -> np.ndarray:
    return tachylite.load(model)(HELD_OUT[NAME]).argmax(axis=1)


def agreement(model: Model) -> float:
    return float(np.mean(answers(model) == answers(tachylite.load(NET).model)))


def weights(model: Model) -> dict[str, np.ndarray]:
    found = {each.name for each in contents(densified(model))}
    return {t.name: t.data for t in densified(model).graph.tensors if t.name in found and t.data is not None}


def test_four_bits_learn_to_answer_like_the_float_model() -> None:
    before = tachylite.quantize(NET, "static_wi4_ai8", SCANS)
    after = tachylite.finetune(NET, SCANS, recipe="static_wi4_ai8", epochs=4, rate=0.001)
    assert agreement(after) >= max(0.98, agreement(before))
    assert [op.op for op in after.operators()] == [op.op for op in before.operators()]
    assert {t.dtype.name for t in after.graph.tensors if t.is_constant} == {t.dtype.name for t in before.graph.tensors if t.is_constant}


def test_the_float_graph_rounds_as_the_quantized_one_will() -> None:
    """With weights that are on their grid, what is trained and what comes out answer alike."""
    source = tachylite.load(NET).model
    statistics = tachylite.calibrate(source, SCANS)
    shown = rounded(source, "static_wi8_ai8", statistics)
    twin = tachylite.quantize(source, "static_wi8_ai8", statistics, rounding="nearest", correct_bias=False)
    fake, real = (tachylite.load(m)(HELD_OUT[NAME]) for m in (shown.model, twin))
    assert np.abs(fake - real).max() < 0.06
    assert np.abs(fake - tachylite.load(NET)(HELD_OUT[NAME])).max() > 0
    assert sum(op.op == "FAKE_QUANT" for op in shown.model.operators()) >= 5


def test_pruned_weights_stay_zero_and_others_make_up_for_them() -> None:
    pruned = tachylite.prune(NET, 0.7)
    tuned = tachylite.finetune(pruned, SCANS, teacher=NET, epochs=4, rate=0.002)
    for name, value in weights(pruned).items():
        np.testing.assert_array_equal(weights(tuned)[name] == 0, value == 0)
    assert agreement(tuned) > agreement(pruned)
    assert agreement(tuned) >= 0.95


def test_gradual_pruning_ends_at_the_sparsity_that_was_asked_for() -> None:
    tuned = tachylite.finetune(NET, SCANS, sparsity=0.75, epochs=4, rate=0.002)
    found = weights(tuned).values()
    assert sum(int((v == 0).sum()) for v in found) / sum(v.size for v in found) == pytest.approx(0.75, abs=0.001)
    assert len(tuned.to_bytes()) < 0.5 * NET.stat().st_size
    assert agreement(tuned) >= 0.95


def test_two_of_four_are_pruned_at_once() -> None:
    tuned = tachylite.finetune(NET, SCANS, sparsity=0.5, pattern="2:4", epochs=2, rate=0.002)
    value = next(v for v in weights(tuned).values() if v.shape[-1] == 32)
    assert ((value.reshape(-1, 4) == 0).sum(axis=1) >= 2).all()


def test_pruning_rises_fast_and_then_slowly() -> None:
    pruning = Pruning(tachylite.load(NET).model, {}, 0.9, "unstructured")
    levels = [pruning.at(step, 300) for step in (0, 50, 100, 150, 200, 300)]
    assert levels[0] == 0
    assert levels[-1] == levels[-2] == 0.9
    steps = np.diff(levels[:-1])
    assert (np.diff(steps) < 0).all()


def test_clusters_are_trained_and_stay_shared() -> None:
    clustered = tachylite.cluster(NET, 6)
    tuned = tachylite.finetune(clustered, SCANS, teacher=NET, epochs=4, rate=0.002)
    for name, value in weights(clustered).items():
        now, places = weights(tuned)[name], np.unique(value, return_inverse=True)[1].reshape(value.shape)
        assert len(np.unique(now)) <= 6
        assert all(len(np.unique(now[places == i])) == 1 for i in range(places.max() + 1))
    assert agreement(tuned) > agreement(clustered)


def test_zeros_and_clusters_are_kept_under_a_recipe() -> None:
    pruned = tachylite.prune(NET, 0.5)
    tuned = tachylite.finetune(pruned, SCANS, clusters=16, recipe="static_wi8_ai8", epochs=1, rate=0.0005)
    for name, value in weights(pruned).items():
        now = next(t for t in densified(tuned).graph.tensors if t.name == name)
        assert now.data is not None
        assert (now.data[value == 0] == 0).all()
    assert agreement(tuned) >= 0.9


def test_the_same_seed_gives_the_same_file_also_after_an_interruption(tmp_path: Path) -> None:
    options = {"sparsity": 0.5, "epochs": 2, "recipe": "dynamic_wi8_afp32", "seed": 3, "rate": 0.001}
    part = {NAME: SCANS[NAME][:128]}
    whole = tachylite.finetune(NET, part, **options).to_bytes()

    def stop(step: int, steps: int, loss: float) -> None:
        if step == 6:
            raise KeyboardInterrupt

    path = tmp_path / "c.safetensors"
    with pytest.raises(KeyboardInterrupt):
        tachylite.finetune(NET, part, checkpoint=path, progress=stop, **options)
    assert tachylite.finetune(NET, part, checkpoint=path, **options).to_bytes() == whole
    assert tachylite.finetune(NET, part, **{**options, "seed": 4}).to_bytes() != whole


def test_classes_are_learned_beside_the_teachers_answers() -> None:
    wrong = {NAME: SCANS[NAME], "target": np.full(512, 3)}
    tuned = tachylite.finetune(NET, wrong, distill=0.0, epochs=3, rate=0.01)
    assert np.mean(answers(tuned) == 3) > 0.9
    with pytest.raises(TachyliteError, match=r"distill is 0\.5, but the data have no target"):
        tachylite.finetune(NET, SCANS, distill=0.5)


def test_batches_are_augmented() -> None:
    seen = []

    def shift(step: int, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        seen.append((step, inputs[NAME].shape))
        return {NAME: np.roll(inputs[NAME], 1, axis=2)}

    tachylite.finetune(NET, {NAME: SCANS[NAME][:64]}, epochs=1, augment=shift)
    assert seen == [(0, (32, 8, 8, 1)), (1, (32, 8, 8, 1))]


def test_what_is_no_classifier_learns_the_teachers_numbers() -> None:
    build, rng = Builder(), np.random.default_rng(0)
    x = build.input("x", (1, 4))
    x.shape_signature = (-1, 4)
    h = build.FULLY_CONNECTED(
        x, build.constant(rng.normal(size=(8, 4)).astype(np.float32), "w"), build.constant(np.zeros(8, np.float32), "b")
    )
    model = Model(
        [build.outputs(build.FULLY_CONNECTED(h, build.constant(rng.normal(size=(2, 8)).astype(np.float32), "v"), None, name="y"))]
    )
    data = {"x": rng.normal(size=(256, 4)).astype(np.float32)}
    clustered = tachylite.cluster(model, 3)
    tuned = tachylite.finetune(clustered, data, teacher=model, epochs=20, rate=0.01)
    errors = [np.square(tachylite.load(m)(data["x"]) - tachylite.load(model)(data["x"])).mean() for m in (clustered, tuned)]
    assert errors[1] < 0.7 * errors[0]


def test_what_cannot_be_trained_is_refused() -> None:
    with pytest.raises(UnsupportedError, match=r"an offset \(uint8\)"):
        tachylite.finetune(NET, SCANS, recipe="static_wu8_au8")
    with pytest.raises(TachyliteError, match=r"sparsity is 1\.5"):
        tachylite.finetune(NET, SCANS, sparsity=1.5)
    with pytest.raises(TachyliteError, match=r"the data have arrays for \['a', 'b'\], the model's inputs are"):
        tachylite.finetune(NET, {"a": SCANS[NAME], "b": SCANS[NAME]})


def test_command(tmp_path: Path) -> None:
    path = tmp_path / "small.tflite"
    options = ["--std", 16, "--epochs", 1, "--recipe", "static_wi8_ai8", "--sparsity", 0.5]
    result = invoke("finetune", NET, DIGITS / "training.npz", "-o", path, *options)
    assert result.exit_code == 0, result.output
    assert agreement(tachylite.load(path).model) >= 0.95
