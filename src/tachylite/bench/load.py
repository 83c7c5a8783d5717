"""How long a model takes to load and how much memory it needs, in a process of its own: `python -m tachylite.bench.load JSON`."""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter

from tachylite.model.errors import TachyliteError

from .engine import Engine, interpreter_class


@dataclass(frozen=True)
class Load:
    """Seconds that each step took, the import of the engine apart, and by how many bytes the process grew."""

    construct: float
    allocate: float
    first_run: float
    peak_bytes: int

    @property
    def seconds(self) -> float:
        return self.construct + self.allocate + self.first_run


def measure_load(engine: str, model: Path, threads: int, signature: str | None, delegates: Sequence[str] = ()) -> Load:
    """Load a model in a fresh process. Raises TachyliteError with what that process says."""
    command = [sys.executable, "-m", __name__, json.dumps([engine, str(model), threads, signature, delegates])]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        raise TachyliteError(f"{engine} cannot load {model}: {last}")
    return Load(**json.loads(done.stdout.splitlines()[-1]))


def peak_bytes() -> int:
    """The most memory that this process has had at once."""
    status = Path("/proc/self/status")
    if status.exists():  # what getrusage says on Linux may be the parent's, from before it started us
        return next(int(line.split()[1]) * 1024 for line in status.read_text(encoding="ascii").splitlines() if line.startswith("VmHWM"))
    import resource  # which only Unix has

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def load(engine: str, model: Path, threads: int, signature: str | None = None, delegates: Sequence[str] = ()) -> Load:
    """Load a model here, and run it once."""
    interpreter_class(engine)
    before, start = peak_bytes(), perf_counter()
    loaded = Engine(engine, model, threads, signature, delegates)
    constructed = perf_counter()
    loaded.allocate()
    allocated = perf_counter()
    loaded.run()
    return Load(constructed - start, allocated - constructed, perf_counter() - allocated, max(0, peak_bytes() - before))


if __name__ == "__main__":
    name, path, *rest = json.loads(sys.argv[1])
    print(json.dumps(asdict(load(name, Path(path), *rest))))
