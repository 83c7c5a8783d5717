"""Measure quantized models beside those that TensorFlow makes, and write the table in docs/compression.md.

    python tools/compare_quantization.py --tensorflow PYTHON [--only NAME] [--work FOLDER]

PYTHON is the interpreter of an environment with TensorFlow 2.21 and nothing of this project: `pip install tensorflow-cpu==2.21.*`. The
models lie in ../shared/models. Both quantize from the same 100 samples, and run on other ones; the signal-to-noise ratio (SQNR)
is that of all outputs of the float model that was the source. Models of either run in Tachylite, whose integers are those of LiteRT's
reference kernels; that they are, for our files, is checked on the first samples. What TensorFlow makes is kept in FOLDER.
"""

import argparse
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ai_edge_litert import interpreter as litert  # type: ignore[import-untyped]

import tachylite
from tachylite import Model
from tachylite.compress.compare import decibels
from tachylite.data import pictures
from tachylite.model.files import write_atomically
from tachylite.runtime.loaded import load

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared" / "models"
PAGE = ROOT / "docs" / "compression.md"
MARKS = "<!-- measured -->\n", "<!-- /measured -->"
SAMPLES, TRIALS, LITERT_TRIALS = 100, 100, 3
SCHEMES = {"int8": "static_wi8_ai8", "int16x8": "static_wi8_ai16", "dynamic": "dynamic_wi8_afp32"}


@dataclass(frozen=True)
class Source:
    """A trained model, and the samples that it is quantized from."""

    name: str
    path: Path
    shape: tuple[int, ...]
    kind: str = "uniform"
    greatest: float = 1.0


KERAS, TINY = SHARED / "sources" / "keras", SHARED / "sources" / "mlperf_tiny"
SOURCES = (
    Source("mobilenet_v2", KERAS / "mobilenet_v2" / "model.keras", (96, 96, 3)),
    Source("unet", KERAS / "unet" / "model.keras", (128, 128, 3)),
    Source("wavenet", KERAS / "wavenet" / "model.keras", (4000, 1)),
    Source("transformer", KERAS / "transformer" / "model.keras", (32,), "tokens", 200),
    Source("lstm", KERAS / "lstm" / "model.keras", (28, 28)),
    Source("gru", KERAS / "gru" / "model.keras", (49, 40)),
    Source("vww", TINY / "vww_96.h5", (96, 96, 3), "pictures"),
    Source("ic", TINY / "pretrainedResnet.h5", (32, 32, 3), "pictures", 255),
    Source("ad", TINY / "ad01.h5", (640,)),
    Source("kws", TINY / "kws_ref_saved_model", (49, 10, 1)),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tensorflow", metavar="PYTHON", type=Path, required=True)
    parser.add_argument("--only", metavar="NAME")
    parser.add_argument("--work", metavar="FOLDER", type=Path)
    arguments = parser.parse_args()
    work = arguments.work or Path(tempfile.mkdtemp())
    lines = []
    for source in SOURCES:
        if arguments.only in (None, source.name):
            for line in measure(source, work, arguments.tensorflow):
                print(line, flush=True)
                lines.append(line)
    write(lines)


def write(lines: list[str]) -> None:
    """Put lines into the table between the marks of the page, in place of those of the same model."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(MARKS[0])
    old, _, after = rest.partition(MARKS[1])
    known = {line_key(line): line for line in [*old.splitlines()[2:], *lines]}
    names = [source.name for source in SOURCES]
    head = "| model | | SQNR | TensorFlow | size | TensorFlow |\n|---|---|---:|---:|---:|---:|\n"
    table = "".join(f"{line}\n" for _, line in sorted(known.items(), key=lambda item: names.index(item[0][0])))
    write_atomically(PAGE, [f"{before}{MARKS[0]}{head}{table}{MARKS[1]}{after}".encode()])


def line_key(line: str) -> tuple[str, str]:
    """The model and the kind that a line is about."""
    _, name, kind, *_ = (cell.strip() for cell in line.split("|"))
    return name, kind


def samples_of(source: Source) -> np.ndarray:
    """Samples to quantize from and, behind them, those to measure on; always the same."""
    rng, count = np.random.default_rng(5), SAMPLES + TRIALS
    if source.kind == "tokens":
        return rng.integers(0, int(source.greatest), (count, *source.shape)).astype(np.int32)
    if source.kind == "pictures":
        return np.stack([crop(rng, source.shape[0]) for _ in range(count)]) * np.float32(source.greatest)
    return rng.random((count, *source.shape), np.float32)


def crop(rng: np.random.Generator, size: int) -> np.ndarray:
    """A square part of a photograph, float32 from 0 to 1."""
    found = [p for p in sorted((SHARED / "images").iterdir()) if p.suffix in (".bmp", ".jpg") and "mnist" not in p.name]
    picture = pictures.with_channels(pictures.read(found[rng.integers(len(found))]), 3)
    side = int(rng.integers(size, min(picture.shape[:2]) + 1))
    top, left = (int(rng.integers(0, n - side + 1)) for n in picture.shape[:2])
    return pictures.resize(picture[top : top + side, left : left + side], size, size) / 255


def measure(source: Source, work: Path, python: Path) -> Iterator[str]:
    """The lines of one model."""
    samples = samples_of(source)
    calibration, trials = samples[:SAMPLES], samples[SAMPLES:]
    folder = work / source.name
    if not folder.exists():
        np.savez(work / f"{source.name}.npz", calibration)
        command = [python, ROOT / "tools" / "quantize_with_tensorflow.py", source.path, work / f"{source.name}.npz", folder]
        subprocess.run(command, check=True, capture_output=True)
    model = tachylite.convert(source.path)
    whole, real = len(model.to_bytes()), answers(model, trials)
    for kind, scheme in SCHEMES.items():
        quantized = tachylite.quantize(model, scheme, calibration)
        content = quantized.to_bytes()
        found = answers(quantized, trials)
        difference = np.abs(found[:LITERT_TRIALS] - litert_answers(content, trials[:LITERT_TRIALS])).max()
        if difference > (1e-2 if kind == "dynamic" else 1e-6):
            raise SystemExit(f"{source.name} {kind}: LiteRT answers otherwise, by {difference:g}")
        theirs, size = tensorflow_answer(folder, kind, trials)
        yield f"| {source.name} | {kind} | {sqnr(real, found):.1f} dB | {theirs} | {len(content) / whole:.1%} | {size} |"


def tensorflow_answer(folder: Path, kind: str, trials: np.ndarray) -> tuple[str, str]:
    """SQNR and relative size of TensorFlow's model; what it said where it made none."""
    path, whole = folder / f"{kind}.tflite", folder / "float.tflite"
    if not path.exists():
        reason = (folder / f"{kind}.txt").read_text(encoding="utf-8")
        return "dies" if "died" in reason else "refuses", ""
    real, found = (answers(each, trials) for each in (whole, path))
    return f"{sqnr(real, found):.1f} dB", f"{path.stat().st_size / whole.stat().st_size:.1%}"


def sqnr(real: np.ndarray, found: np.ndarray) -> float:
    """Signal to quantization noise, dB."""
    real = real.astype(np.float64)
    return decibels(float(np.square(real).sum()), float(np.square(real - found).sum()))


def answers(model: Model | Path, samples: np.ndarray) -> np.ndarray:
    """The model's output for each sample, each from a state of zeros."""
    loaded = load(model)
    has_state = any(t.is_variable for graph in loaded.model.graphs for t in graph.tensors)
    return np.stack([(load(model) if has_state else loaded)(sample[None]) for sample in samples])


def litert_answers(content: bytes, samples: np.ndarray) -> np.ndarray:
    """The answers of LiteRT's reference kernels, from a state of zeros."""
    kind = litert.OpResolverType.BUILTIN_REF
    interpreter = litert.Interpreter(model_content=content, experimental_op_resolver_type=kind)
    interpreter.allocate_tensors()
    results = []
    for sample in samples:
        interpreter.reset_all_variables()
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], sample[None])
        interpreter.invoke()
        results.append(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]))
    return np.stack(results)


if __name__ == "__main__":
    main()
