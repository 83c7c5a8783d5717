"""How small deltas are, and what applying them takes: the bars of docs/updates.md, for the pairs of make_update_pairs.py.

measure_deltas.py MODEL... prints, for each pair, the size of the delta as a part of the new file, the time to apply it, and the most memory
that Python held meanwhile; --original starts from the files as they are instead of from how Tachylite writes them.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
import tracemalloc
from pathlib import Path

import zstandard
from make_update_pairs import classifier, make, weights

from tachylite.model import codec
from tachylite.update import delta, diff


def applied(folder: Path, old: Path, new: Path) -> tuple[float, int, int]:
    """Seconds (median of 7), bytes that Python held at most, and by how many bytes a process of its own grew at most."""
    path = folder / "delta"
    seconds = []
    for _ in range(7):
        begin = time.perf_counter()
        delta.apply(path, old, folder / "made", new.stat().st_size)
        seconds.append(time.perf_counter() - begin)
    assert (folder / "made").read_bytes() == new.read_bytes()
    tracemalloc.start()
    delta.apply(path, old, folder / "made", new.stat().st_size)
    held = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    grown = subprocess.run([sys.executable, __file__, "--apply", path, old, folder / "made"], capture_output=True, text=True, check=True)
    return statistics.median(seconds), held, int(grown.stdout)


def apply_alone(paths: list[Path]) -> None:
    """Apply one delta, and print by how many bytes the process grew at most (Linux)."""
    Path("/proc/self/clear_refs").write_text("5")  # the most so far is what there is now
    before = status("VmRSS")
    path, old, made = paths
    delta.apply(path, old, made, made.stat().st_size)
    print(status("VmHWM") - before)


def status(key: str) -> int:
    """Bytes that the kernel counts for this process."""
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(key)]
    return int(line.split()[1]) * 1024


def measure(source: Path, original: bool) -> None:
    """A line for each pair of a model."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        pairs = make(source, folder)
        old = source if original else folder / "old.tflite"
        layer = weights(classifier(codec.read_file(pairs["classifier"]))).data
        assert layer is not None
        packed = len(zstandard.ZstdCompressor(level=diff.LEVEL).compress(layer.tobytes()))
        bars = {"head": 0.02, "noise": 0.20}
        for name, new in pairs.items():
            content = new.read_bytes()
            made = diff.make(old.read_bytes(), content)
            (folder / "delta").write_bytes(made)
            seconds, held, grown = applied(folder, old, new)
            bar = bars.get(name, packed / len(content) + 0.01)
            size = f"{len(content):>9,} B  delta {len(made):>9,} B = {len(made) / len(content):6.2%} (bar {bar:.2%})"
            print(
                f"{source.stem:24} {name:10} {size}  "
                f"{seconds * 1e3:5.1f} ms  {held / 1e6:4.1f} MB by tracemalloc, {grown / 1e6:4.1f} MB by the process"
            )


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", type=Path, nargs="+")
    parser.add_argument("--original", action="store_true")
    parser.add_argument("--apply", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.apply:
        apply_alone(arguments.models)
        return
    for model in arguments.models:
        measure(model, arguments.original)


if __name__ == "__main__":
    main()
