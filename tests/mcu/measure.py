"""What models take on microcontrollers: `python -m tests.mcu.measure [--lower]` measures; --lower writes what has improved to figures.json.

Each figure is of one run on random inputs, compared with the Interpreter's answer: instructions, bytes of the arena, and bytes of flash
beside the weights and biases of the file. They hold for one compiler, which the file names.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np

from tachylite import Interpreter
from tachylite.emit.targets import MACHINES
from tachylite.emit.unit import print_model
from tachylite.model import codec
from tachylite.model.graph import Model

from . import lab

FIGURES = Path(__file__).with_name("figures.json")
SHARED = lab.COUNTER.parents[1] / "models" / "tflite"
DIGITS = Path(__file__).parents[2] / "examples" / "digits" / "digits_int8.tflite"

MODELS = {
    "ic": SHARED / "pretrainedResnet_quant.tflite",
    "kws": SHARED / "kws_ref_model.tflite",
    "vww": SHARED / "vww_96_int8.tflite",
    "ad": SHARED / "ad01_int8.tflite",
    "lstm": SHARED / "trained_lstm_int8.tflite",
    "wakeword": SHARED / "str_ww_ref_model.tflite",
    "digits": DIGITS,
}
"""MLPerf Tiny's four, two streaming ones, and the example."""


@cache
def compiler() -> str:
    """Name and version of what builds the images."""
    if gcc := os.environ.get("ARM_GCC"):
        return "gcc " + subprocess.run([gcc, "-dumpfullversion"], capture_output=True, text=True, check=True).stdout.strip()
    return "zig " + subprocess.run([sys.executable, "-m", "ziglang", "version"], capture_output=True, text=True, check=True).stdout.strip()


def weights(model: Model) -> int:
    """Bytes of the constants of layers in the file."""
    layers = {"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "UNIDIRECTIONAL_SEQUENCE_LSTM"}
    found = {
        id(t): t.data.nbytes for op in model.operators() if op.op in layers for t in op.inputs[1:] if t is not None and t.data is not None
    }
    return sum(found.values())


def measure(name: str, target: str, folder: Path, plugin: Path | None) -> dict[str, int]:
    """The figures of a model. Raises AssertionError where its answer is not the Interpreter's."""
    model = codec.read_file(MODELS[name])
    unit = print_model(model, name, MACHINES[target].target)
    interpreter = Interpreter(model_content=model)
    interpreter.allocate_tensors()
    random = np.random.default_rng(0)
    inputs = [random.integers(-128, 128, d["shape"]).astype(d["dtype"]) for d in interpreter.get_input_details()]
    for detail, value in zip(interpreter.get_input_details(), inputs, strict=True):
        interpreter.set_tensor(detail["index"], value)
    interpreter.invoke()
    outputs = [interpreter.get_tensor(d["index"]) for d in interpreter.get_output_details()]
    result = lab.measure(folder, target, unit, [(unit.functions[0], inputs, outputs)], plugin)
    assert result.status == 0, f"{name} on {target} does not give the Interpreter's answer"
    known = weights(model) + sum(array.nbytes for array in (*inputs, *outputs))
    figures = {"arena": unit.arena_size, "flash": result.flash - known}
    return figures | ({"start": result.counts[0], "instructions": result.counts[1]} if result.counts else {})


def table() -> dict[str, dict[str, dict[str, int]]]:
    """The figures so far of this compiler, by target and model."""
    return json.loads(FIGURES.read_text(encoding="utf-8")).get(compiler(), {}) if FIGURES.exists() else {}


def lower(fresh: dict[str, dict[str, dict[str, int]]]) -> None:
    """Write figures that are lower than they were, or new."""
    every = json.loads(FIGURES.read_text(encoding="utf-8")) if FIGURES.exists() else {}
    known = every.setdefault(compiler(), {})
    for target, models in fresh.items():
        for name, figures in models.items():
            old = known.setdefault(target, {}).setdefault(name, {})
            old.update({what: min(value, old.get(what, value)) for what, value in figures.items()})
    FIGURES.write_text(json.dumps(every, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def all_figures(folder: Path) -> Iterator[tuple[str, str, dict[str, int]]]:
    """Target, model and figures of everything."""
    plugin = lab.counter(folder)
    for target in lab.BOARDS:
        for name, path in MODELS.items():
            if path.exists():
                yield target, name, measure(name, target, folder / f"{name}-{target}", plugin)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lower", action="store_true", help="write what has improved")
    arguments = parser.parse_args()
    fresh: dict[str, dict[str, dict[str, int]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for target, name, figures in all_figures(Path(folder)):
            print(target, name, *(f"{what} {value:,}" for what, value in figures.items()), flush=True)
            fresh.setdefault(target, {})[name] = figures
            if arguments.lower:
                lower({target: {name: figures}})


if __name__ == "__main__":
    main()
