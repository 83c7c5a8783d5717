"""Whether this device can run a version: what its operators need, and whether it gives the answers that its publisher got."""

import io
import re
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

import tachylite
from tachylite.model.dtypes import TYPE_NAMES
from tachylite.model.errors import FileError, TachyliteError
from tachylite.model.graph import Model, Operator, Tensor
from tachylite.ops import registry
from tachylite.runtime.loaded import LoadedModel, load

from .errors import UnfitError
from .manifest import Manifest, Requirement

SAMPLES = 3
"""Golden inputs that are drawn; several, so that a model with state shows that it keeps it."""


# Operators.


def requirements(model: Model) -> tuple[Requirement, ...]:
    """The operators of a model, each once."""
    found: dict[tuple[str, int, bool], set[str]] = {}
    for op in model.operators():
        first = next((TYPE_NAMES[t.dtype].lower() for t in op.inputs if t is not None), None)
        found.setdefault((op.op, op.version, op.is_custom), set()).update([first] if first else [])
    return tuple(Requirement(op, version, tuple(sorted(types)), custom) for (op, version, custom), types in sorted(found.items()))


def interface(model: Model) -> dict[str, list[str]]:
    """Inputs and outputs of a model's main graph, as `name: dtype[shape]`."""
    sides = {"inputs": model.graph.inputs, "outputs": model.graph.outputs}
    return {side: [f"{t.name}: {t.dtype}{list(t.shape_signature or t.shape)}" for t in tensors] for side, tensors in sides.items()}


def check_requirements(manifest: Manifest, tiers: tuple[str, ...] = ()) -> None:
    """Before anything is downloaded; tiers: whose program files are wanted. Raises UnfitError that lists everything which is missing."""
    problems = [f"it has no program file for {tier}" for tier in tiers if tier not in manifest.programs]
    if _numbers(manifest.runtime) > _numbers(tachylite.__version__):
        problems.append(f"it needs Tachylite {manifest.runtime}, this is {tachylite.__version__}")
    problems += [f"it needs the {'custom ' * r.is_custom}operator {r.op}" for r in manifest.requires if not _is_known(r)]
    if problems:
        remedy = "Update Tachylite, register the operators, or ask its publisher"
        raise UnfitError(f"{manifest.name} {manifest.version} cannot run here: {'; '.join(problems)}. {remedy}")


def _is_known(requirement: Requirement) -> bool:
    return registry.find(Operator(requirement.op, [], [], is_custom=requirement.is_custom)) is not None


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", version)))


# Golden inputs and outputs.


def record(source: Any, inputs: Sequence[Mapping[str, np.ndarray]] | None = None, seed: int = 0) -> tuple[bytes, bytes]:
    """Golden inputs and outputs of a model's main graph, as the bytes of two .npz files.

    source: what `tachylite.load` takes; inputs: samples by tensor name, drawn at random where there are none. Raises TachyliteError where
    the model does not run on them, or answers differently when it is asked again.
    """
    model = load(source)
    samples = inputs or [_draw(model.model.graph.inputs, np.random.default_rng(seed + i)) for i in range(SAMPLES)]
    try:
        answers = _answers(model, samples)
    except TachyliteError as problem:
        raise TachyliteError(f"the model does not run on random inputs: {problem}; give some for its self-test (--golden)") from problem
    again = _answers(load(source), samples)
    for first, second in zip(answers, again, strict=True):
        if any(not np.array_equal(a, b, equal_nan=a.dtype.kind == "f") for a, b in zip(first, second, strict=True)):
            raise TachyliteError("the model answers differently each time, so that no self-test is possible; leave it out (--no-self-test)")
    return _write(samples), _write([dict(zip(map(str, range(len(values))), values, strict=True)) for values in answers])


def self_test(model: LoadedModel, inputs: bytes, outputs: bytes, manifest: Manifest) -> None:
    """Run a model on its golden inputs. Raises UnfitError where it fails or answers differently, FileError where they cannot be read."""
    samples, expected = _read(inputs), _read(outputs)
    title = f"{manifest.name} {manifest.version}: self-test"
    try:
        answers = _answers(model, samples)
    except TachyliteError as problem:
        raise UnfitError(f"{title} does not run: {problem}. The active model stays") from problem
    names = [t.name for t in model.model.graph.outputs]
    if len(samples) != len(expected) or any(len(sample) != len(names) for sample in expected):
        raise UnfitError(f"{title} has other outputs than the model; its publisher has to release it again. The active model stays")
    for number, (found, needed) in enumerate(zip(answers, expected, strict=True)):
        for name, value, (_, golden) in zip(names, found, sorted(needed.items(), key=lambda item: int(item[0])), strict=True):
            if found_wrong := _difference(value, golden, manifest.tolerance):
                raise UnfitError(f"{title}: output {name!r} of sample {number} {found_wrong}. The active model stays")


def _answers(model: LoadedModel, samples: Iterable[Mapping[str, np.ndarray]]) -> list[list[np.ndarray]]:
    graph = model.model.graph
    by_name = {t.name: t for t in graph.inputs}
    results = []
    for sample in samples:
        if sample.keys() != by_name.keys():
            raise TachyliteError(f"the inputs are named {', '.join(by_name)}, the sample has {', '.join(sample)}")
        found = model.run({by_name[name]: value for name, value in sample.items()})
        results.append([found[t] for t in graph.outputs])
    return results


def _draw(inputs: Sequence[Tensor], random: np.random.Generator) -> dict[str, np.ndarray]:
    """Values over the range that a tensor's type or scale gives it."""
    values = {}
    for tensor in inputs:
        if tensor.dtype.kind in "iu" and tensor.is_quantized:
            limits = np.iinfo(tensor.dtype)
            values[tensor.name] = random.integers(limits.min, limits.max, tensor.shape, tensor.dtype, endpoint=True)
        elif tensor.dtype.kind in "iub":
            values[tensor.name] = random.integers(0, 2, tensor.shape).astype(tensor.dtype)
        elif tensor.dtype.hasobject:
            values[tensor.name] = np.full(tensor.shape, b"text", object)
        else:
            values[tensor.name] = random.standard_normal(tensor.shape).astype(tensor.dtype)
    return values


def _write(samples: Sequence[Mapping[str, np.ndarray]]) -> bytes:
    arrays = {f"{i}.{name}": value for i, sample in enumerate(samples) for name, value in sample.items()}
    file = io.BytesIO()
    plain: Any = {name: value.astype(np.bytes_) if value.dtype.hasobject else value for name, value in arrays.items()}
    np.savez_compressed(file, **plain)
    return file.getvalue()


def _read(content: bytes) -> list[dict[str, np.ndarray]]:
    samples: dict[int, dict[str, np.ndarray]] = {}
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            for key in file.files:
                number, _, name = key.partition(".")
                samples.setdefault(int(number), {})[name] = file[key]
    except (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile) as problem:
        raise FileError(f"the golden inputs and outputs cannot be read ({problem}); publish the release again") from problem
    return [samples[i] for i in sorted(samples)]


def _difference(found: np.ndarray, expected: np.ndarray, tolerance: float) -> str:
    """What is wrong with an output, "" where nothing is: integers are equal, floats are within `tolerance` of the range."""
    if found.dtype.hasobject:
        found = found.astype(np.bytes_)
    if found.shape != expected.shape:
        return f"has shape {list(found.shape)}, expected {list(expected.shape)}"
    if expected.dtype.kind not in "fc":
        wrong = int(np.count_nonzero(found != expected))
        return f"differs in {wrong} of {expected.size} elements" if wrong else ""
    finite = np.isfinite(expected)
    if not np.array_equal(found[~finite], expected[~finite], equal_nan=True) or not np.isfinite(found[finite]).all():
        return "is infinite or not a number where it should not be, or the other way round"
    span = float(np.ptp(np.abs(expected[finite]))) if finite.any() else 0.0
    worst = float(np.abs(found[finite] - expected[finite]).max(initial=0.0))
    allowed = tolerance * max(span, 1e-6)
    return f"is off by {worst:.3g}, allowed are {allowed:.3g}" if worst > allowed else ""
