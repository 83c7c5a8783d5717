"""Fuzz file -> load -> run: every case of the op suite as a small model, mutated in bytes or structure, is read, planned and run.

    python tools/fuzz_models.py [--count 100000] [--seed 1] [--state FILE] [--keep FOLDER]

Whatever a file holds must end in an answer or in a TachyliteError. Counted as found are crashes (the process dies), hangs (10 seconds of
processor time, and what large tensors need beside) and faults (another exception). As long as the op suite's cases stay as they are,
mutation n of a seed is the same in every run: with --state a run goes on where it was stopped, and `--only N` repeats one. Files with
findings are kept in --keep.
"""

import argparse
import contextlib
import importlib
import json
import os
import pkgutil
import random
import resource
import selectors
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from functools import cache
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

import tachylite
from tachylite.model.flatbuffer import Writer
from tachylite.model.reader import IDENTIFIER
from tachylite.model.writer import ModelWriter

ROOT = Path(__file__).resolve().parents[1]

#: Seconds of processor time that a mutation may take, and of silence after which a worker waits for something that never comes.
PATIENCE, SILENCE = 10, 300

#: Files of a few bytes may ask for gigabytes; that takes its time, and is no hang.
ELEMENTS_PER_SECOND = 1 << 24

#: Mutations that one worker process makes, and bytes that it may allocate.
BATCH, MEMORY = 20_000, 1 << 30

#: Elements of an input that is not worth filling.
LARGE = 1 << 20

#: Values that lie at the edges of what fields can hold.
EDGES = (0, 1, 2, -1, 127, 128, 255, 256, 2**15, 2**16, 2**31 - 1, -(2**31), 2**32 - 1)


@cache
def seeds() -> list[Any]:
    """The records of the op suite's models, as a file holds them."""
    sys.path.insert(0, str(ROOT))
    families = importlib.import_module("tests.ops.cases")
    records = []
    for module in pkgutil.iter_modules(families.__path__):
        for case in importlib.import_module(f"{families.__name__}.{module.name}").cases():
            model = tachylite.Model.of(case.graph)
            records.append(ModelWriter(model, lambda op: op.version).record)
    return records


# Mutations.


def mutant(seed: int, number: int) -> bytes:
    """The file of one mutation."""
    rng = random.Random(f"{seed} {number}")
    record = rng.choice(seeds())
    if rng.random() < 0.5:
        for _ in range(rng.choice((1, 1, 1, 2, 4))):
            record = changed(record, rng, rng.choice(list(places(record))))
        with contextlib.suppress(Exception):  # what cannot be written at all is no file
            return bytes(Writer().root(record, IDENTIFIER))
        record = rng.choice(seeds())
    content = bytearray(Writer().root(record, IDENTIFIER))
    for _ in range(rng.choice((1, 1, 2, 4, 8))):
        change_bytes(content, rng)
    return bytes(content)


def places(record: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Paths to everything within a record: field names and positions. Elements of long vectors are left to changes of bytes."""
    if path:
        yield path
    if is_dataclass(record):
        for field in fields(record):
            yield from places(getattr(record, field.name), (*path, field.name))
    elif isinstance(record, tuple):
        for i, item in enumerate(record[:16]):
            yield from places(item, (*path, i))


def changed(record: Any, rng: random.Random, path: tuple[Any, ...]) -> Any:
    """A copy of a record with another value at a path."""
    if not path:
        return other(record, rng)
    step, *rest = path
    if isinstance(step, str):
        return replace(record, **{step: changed(getattr(record, step), rng, tuple(rest))})
    return (*record[:step], changed(record[step], rng, tuple(rest)), *record[step + 1 :])


def other(value: Any, rng: random.Random) -> Any:
    """Another value of a like kind: a neighbour, an edge, something missing, twice or out of order."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return rng.choice((value + 1, value - 1, value * 2, rng.randrange(8), rng.randrange(256), *EDGES))
    if isinstance(value, float):
        return rng.choice((-value, value * 1e-6, value * 1e6, 0.0, 1e38, float("inf"), float("nan")))
    if isinstance(value, tuple) and value:
        i, j = rng.randrange(len(value)), rng.randrange(len(value))
        swapped = list(value)
        swapped[i], swapped[j] = swapped[j], swapped[i]
        return rng.choice((value[:i] + value[i + 1 :], (*value, value[i]), value[:i], tuple(swapped), ()))
    if isinstance(value, str | bytes):
        return value[: len(value) // 2]
    return None


def change_bytes(content: bytearray, rng: random.Random) -> None:
    """One change in place: a bit, a byte, a word, a piece moved or cut off."""
    at = rng.randrange(len(content))
    kind = rng.randrange(8)
    if kind < 2:
        content[at] ^= 1 << rng.randrange(8)
    elif kind < 4:
        content[at] = rng.randrange(256)
    elif kind < 6:
        at -= at % 4
        word = rng.choice((rng.randrange(64), rng.randrange(2**32), *EDGES)) % 2**32
        content[at : at + 4] = word.to_bytes(4, "little")
    elif kind == 6:
        width, source = rng.randrange(1, 33), rng.randrange(len(content))
        content[at : at + width] = content[source : source + width]
    elif rng.random() < 0.2:
        del content[max(at, 8) :]


# Running, in a worker process.


def attempt(content: bytes, rng: np.random.Generator) -> str:
    """`ran`, `refused`, or `fault: …`."""
    try:
        interpreter = tachylite.Interpreter(model_content=content)
        interpreter.allocate_tensors()
        be_patient(sum(prod(map(int, detail["shape"])) for detail in interpreter.get_tensor_details()))
        for detail in interpreter.get_input_details():
            if np.prod(detail["shape"], dtype=np.int64) < LARGE:  # larger ones stay zero
                interpreter.set_tensor(detail["index"], any_value(detail, rng))
        for _ in range(2):
            interpreter.invoke()
        for detail in interpreter.get_output_details():
            interpreter.get_tensor(detail["index"])
    except (tachylite.TachyliteError, MemoryError):  # what memory there is, this program has decided
        return "refused"
    except Exception as problem:  # the point is to find these
        return f"fault: {type(problem).__name__}: {problem}"[:300]
    return "ran"


def be_patient(elements: int) -> None:
    """Begin to wait for a run over so many elements; the alarm's signal ends the process."""
    signal.setitimer(signal.ITIMER_PROF, PATIENCE + elements / ELEMENTS_PER_SECOND)


def any_value(detail: dict[str, Any], rng: np.random.Generator) -> np.ndarray:
    """Some input; integers are small, because many of them are positions and sizes."""
    shape, dtype = tuple(detail["shape"]), np.dtype(detail["dtype"])
    if dtype.kind in "SV":
        return np.full(shape, b"text", object)
    if dtype.kind in "fc":
        return rng.standard_normal(shape, np.float32).astype(dtype)
    return rng.integers(0, 4, shape).astype(dtype)


def work(seed: int, first: int, last: int) -> None:
    """Try mutations and write one line each: before, so that whoever reads knows what killed us, and after."""
    seeds()
    used = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for number in range(first, last):
        print(number, end=" ", flush=True)
        be_patient(0)
        print(attempt(mutant(seed, number), np.random.default_rng(number)).replace("\n", " "), flush=True)


# The parent.


class Fuzz:
    """Runs workers one after another, and notes what they find."""

    def __init__(self, seed: int, state: Path | None, keep: Path | None):
        self.seed, self.state, self.keep = seed, state, keep
        self.next, self.outcomes = 0, Counter[str]()
        self.findings: dict[int, str] = {}
        if state and state.exists():
            saved = json.loads(state.read_text(encoding="utf-8"))
            if saved["seed"] != seed:
                sys.exit(f"{state} belongs to seed {saved['seed']}; give that one, or another file")
            self.next, self.outcomes = saved["next"], Counter(saved["outcomes"])
            self.findings = {int(number): text for number, text in saved["findings"].items()}

    def save(self) -> None:
        if self.state:
            saved = {"seed": self.seed, "next": self.next, "outcomes": self.outcomes, "findings": self.findings}
            self.state.write_text(json.dumps(saved, indent=1) + "\n", encoding="utf-8")

    def note(self, number: int, outcome: str) -> None:
        kind = outcome.partition(":")[0]
        self.outcomes[kind] += 1
        self.next = number + 1
        if kind not in ("ran", "refused"):
            self.findings[number] = outcome
            print(f"  {number}: {outcome}", flush=True)
            if self.keep:
                self.keep.mkdir(parents=True, exist_ok=True)
                (self.keep / f"{self.seed}_{number}.tflite").write_bytes(mutant(self.seed, number))

    def run(self, count: int) -> None:
        """Go on until `count` mutations are done."""
        while self.next < count:
            self._batch(min(count, self.next + BATCH))
            self.save()

    def _batch(self, last: int) -> None:
        command = [sys.executable, __file__, "--seed", str(self.seed), "--worker", str(self.next), str(last)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as worker:
            assert worker.stdout is not None
            text = ""
            while arrived := read_soon(worker.stdout, SILENCE):
                *lines, text = (text + arrived.decode()).split("\n")
                for line in lines:
                    number, _, outcome = line.partition(" ")
                    self.note(int(number), outcome)
            if arrived is None:
                worker.kill()
        if worker.returncode:
            if not text:
                sys.exit(f"the worker ended with {worker.returncode} before mutation {self.next}")
            hangs = arrived is None or worker.returncode == -signal.SIGPROF
            self.note(int(text), "hang" if hangs else f"crash: exit status {worker.returncode}")


def read_soon(stream: Any, seconds: float) -> bytes | None:
    """What arrives, nothing at the end of the stream, None where nothing arrives in time."""
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        return os.read(stream.fileno(), 1 << 16) if selector.select(seconds) else None


def main() -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--state", type=Path)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--only", type=int, metavar="N")
    parser.add_argument("--worker", type=int, nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        work(arguments.seed, *arguments.worker)
        return 0
    if arguments.only is not None:
        print(attempt(mutant(arguments.seed, arguments.only), np.random.default_rng(arguments.only)))
        return 0
    fuzz, start = Fuzz(arguments.seed, arguments.state, arguments.keep), time.monotonic()
    with contextlib.suppress(KeyboardInterrupt):
        fuzz.run(arguments.count)
    fuzz.save()
    print(f"seed {arguments.seed}: {fuzz.next:,} mutations, {dict(fuzz.outcomes)}, {time.monotonic() - start:.0f} s")
    return bool(fuzz.findings)


if __name__ == "__main__":
    sys.exit(main())
