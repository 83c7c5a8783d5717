"""Measuring: runs of one engine, or of two in turn, and what each operator takes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from tachylite.model.graph import Model
from tachylite.runtime import native
from tachylite.runtime.partition_report import PartitionReport
from tachylite.runtime.profile import ProfileRow

from .engine import Engine
from .load import Load, measure_load
from .peak import peak

Progress = Callable[[str, float], None]
"""Told what is being done, and how much of it is (0 to 1)."""

#: Seconds that one engine runs before it is the other's turn.
TURN = 0.05


@dataclass(frozen=True)
class Latency:
    """Seconds that each run took, in order."""

    seconds: np.ndarray

    def percentile(self, p: float) -> float:
        """Seconds within which p % of the runs ended."""
        return float(np.percentile(self.seconds, p))

    @property
    def median(self) -> float:
        return self.percentile(50)


@dataclass(frozen=True)
class Agreement:
    """The largest difference of two engines' values of one output (infinite where their shapes differ), and the range of these values."""

    output: str
    difference: float
    span: float


@dataclass(frozen=True)
class Comparison:
    """Another engine in the same session; ratio: its time / ours, the median over the turns."""

    engine: str
    latency: Latency
    load: Load
    ratio: float
    agreement: list[Agreement]


@dataclass(frozen=True)
class Result:
    """All that `tachylite bench` shows.

    peaks: operations in a second by the kind of arithmetic, `f32` and `s8`; partitioning: where there were delegates.
    """

    path: Path
    model: Model
    signature: str | None
    threads: int
    tier: str
    latency: Latency
    load: Load
    arena_bytes: int
    rows: list[ProfileRow]
    peaks: dict[str, float]
    comparison: Comparison | None
    partitioning: PartitionReport | None


def bench(
    path: Path,
    threads: int = 1,
    *,
    seconds: float = 3.0,
    runs: int | None = None,
    signature: str | None = None,
    versus: str | None = None,
    delegates: Sequence[str] = (),
    strict: bool = False,
    progress: Progress = lambda what, done: None,
) -> Result:
    """Measure a model. runs: how often each engine runs, instead of for `seconds`; delegates: of ours, see runtime.delegate.from_text.

    Raises TachyliteError, OSError.
    """
    ours_alone: dict[str, Any] = {"delegates": delegates, "strict": strict} if delegates else {}
    engines = [ready("tachylite", path, threads, signature, **ours_alone)]
    engines += [ready(versus, path, threads, signature)] if versus else []
    progress("loading", 0.0)
    loads = [measure_load("tachylite", path, threads, signature, delegates)]
    loads += [measure_load(versus, path, threads, signature)] if versus else []
    turns = measure_turns(engines, seconds, runs, lambda done: progress("running", done))
    latencies = [Latency(np.concatenate(blocks)) for blocks in turns]
    ours = engines[0].interpreter
    profiled = ready("tachylite", path, threads, signature, profile=True, **ours_alone)
    rows, arena = profile_rows(profiled, runs, seconds / 2, progress)
    comparison = None
    if versus:
        ratio = float(np.median([theirs.mean() / mine.mean() for mine, theirs in zip(*turns, strict=True)]))
        comparison = Comparison(versus, latencies[1], loads[1], ratio, agreements(engines[0].outputs(), engines[1].outputs()))
    progress("done", 1.0)
    partitioning = ours.partition_report() if delegates else None
    peaks = {variant: peak(variant, threads) for variant in ("f32", "s8")}
    return Result(
        path, ours._model, signature, threads, native.tier(), latencies[0], loads[0], arena, rows, peaks, comparison, partitioning
    )


def ready(name: str, path: Path, threads: int, signature: str | None, **options: Any) -> Engine:
    """An engine that has run once."""
    engine = Engine(name, path, threads, signature, **options)
    engine.allocate()
    engine.run()
    return engine


def measure_turns(
    engines: list[Engine], seconds: float, runs: int | None, progress: Callable[[float], None] = lambda done: None
) -> list[list[np.ndarray]]:
    """Of each engine the seconds of every run, turn by turn: A B, B A, A B, so that a machine whose speed drifts slows both alike."""
    turns: list[list[np.ndarray]] = [[] for _ in engines]
    left = [runs or 0] * len(engines)
    start = perf_counter()
    order = list(range(len(engines)))
    while True:
        for i in order:
            block = timed_runs(engines[i].run, TURN, left[i] if runs else None)
            left[i] -= len(block)
            turns[i].append(block)
        order.reverse()
        elapsed = perf_counter() - start
        done = 1 - max(left) / runs if runs else elapsed / (seconds * len(engines))
        progress(min(done, 1.0))
        if done >= 1:
            return turns


def timed_runs(run: Callable[[], Any], seconds: float, most: int | None) -> np.ndarray:
    """Seconds of each of the runs that fit into this time, one at least."""
    times: list[float] = []
    begin = now = perf_counter()
    while not times or (now - begin < seconds and (most is None or len(times) < most)):
        before = now
        run()
        now = perf_counter()
        times.append(now - before)
    return np.array(times)


def profile_rows(engine: Engine, runs: int | None, seconds: float, progress: Progress) -> tuple[list[ProfileRow], int]:
    """What each operator takes, measured apart from the latency, which measuring would lengthen; and the bytes of the arena."""
    engine.interpreter.reset_profile()
    measure_turns([engine], seconds, runs, lambda done: progress("profiling", done))
    arena = max(executor.program.arena_size for executor in engine.interpreter._session.executors())
    return engine.interpreter.profile(), arena


def agreements(ours: dict[str, np.ndarray], theirs: dict[str, np.ndarray]) -> list[Agreement]:
    """How far the outputs of the same names, or at the same places, are apart."""
    pairs = [(name, ours[name], theirs[name]) for name in ours if name in theirs]
    if len(pairs) < len(ours):
        pairs = [(name, a, b) for (name, a), b in zip(ours.items(), theirs.values(), strict=False)]
    return [agreement(name, a, b) for name, a, b in pairs]


def agreement(name: str, ours: np.ndarray, theirs: np.ndarray) -> Agreement:
    """One output; of text, the number of elements that differ."""
    if ours.shape != theirs.shape:
        return Agreement(name, float("inf"), 0.0)
    if ours.dtype.kind not in "fciub":
        return Agreement(name, float((ours != theirs).sum()), 0.0)
    wide = np.complex128 if ours.dtype.kind == "c" else np.float64
    difference = np.abs(ours.astype(wide) - theirs.astype(wide))
    return Agreement(name, float(difference.max(initial=0)), float(np.ptp(theirs.astype(wide).real)) if theirs.size else 0.0)
