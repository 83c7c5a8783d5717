"""Emitted C on Cortex-M boards under QEMU: the Interpreter's answers to the last bit, and figures that may only fall."""

import shutil
from pathlib import Path

import pytest

from . import lab, measure

pytest.importorskip("ziglang")
pytestmark = pytest.mark.skipif(not shutil.which("qemu-system-arm"), reason="needs qemu-system-arm")

CASES = [(target, "digits") for target in lab.BOARDS] + [("cortex-m4", name) for name in measure.MODELS if name != "digits"]


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Path | None:
    return lab.counter(tmp_path_factory.mktemp("plugin"))


@pytest.mark.parametrize(("target", "name"), CASES)
def test_model(target: str, name: str, plugin: Path | None, tmp_path: Path) -> None:
    if not measure.MODELS[name].exists():
        pytest.skip("the model is not there")
    figures = measure.measure(name, target, tmp_path, plugin)
    known = measure.table().get(target, {}).get(name, {})
    grown = {what: (value, known[what]) for what, value in figures.items() if value > known.get(what, value)}
    assert not grown, f"more than before: {grown}; where that is meant to be, lower the figures by hand"
    assert figures.get("start", 0) <= 1000


def test_a_wrong_answer_is_noticed(tmp_path: Path) -> None:
    main = "int main(void) { return 3; }\n"
    model = measure.codec.read_file(measure.DIGITS)
    unit = measure.print_model(model, "digits", measure.MACHINES["cortex-m3"].target)
    image = lab.build(tmp_path, "cortex-m3", [unit], main)
    assert lab.run(image, "cortex-m3")[0] == 3
