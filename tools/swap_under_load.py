"""Threads call a model while versions change under them: calls, wrong answers, and the memory that is left.

swap_under_load.py MODEL [--threads 8] [--versions 50] publishes versions of a model whose first output tells the version, and activates one
after another while threads call all the time. A wrong answer is one of a version that was not active at any time during the call.
"""

import argparse
import gc
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tachylite.model import codec  # noqa: E402
from tachylite.ops.builder import Builder  # noqa: E402
from tachylite.runtime.loaded import LoadedModel  # noqa: E402
from tachylite.update import Live, Publisher, Store, publisher  # noqa: E402
from tachylite.update.serve import server  # noqa: E402

ALL = 10**6


def resident() -> int:
    """Bytes of this process in memory."""
    [line] = [line for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1]) * 1024


def numbered(source: Path, number: int, path: Path) -> Path:
    """The model with one more output, which is `number`."""
    model = codec.read_file(source)
    build = Builder(model.graph)
    told = build.ADD(build.constant(np.array([number], np.int32)), build.constant(np.array([0], np.int32)), name="version")
    model.graph.outputs.insert(0, told)
    model.signatures = []
    model.save(path)
    return path


def publish(source: Path, folder: Path, versions: int) -> Publisher:
    """All versions, in one release."""
    made = Publisher(folder / "publisher")
    made.init()
    for number in range(1, versions + 1):
        made.add(numbered(source, number, folder / "model.tflite"), "net", str(number), deltas=0)
    made.release()
    return made


class Load:
    """Threads that call a model."""

    def __init__(self, live: Live, threads: int):
        self.live = live
        self.calls = self.wrong = self.failed = 0
        self._inputs = [np.zeros(t.shape, t.dtype) for t in live.model.model.graph.inputs]
        self._stop = threading.Event()
        self.threads = [threading.Thread(target=self._run) for _ in range(threads)]

    def _run(self) -> None:
        while not self._stop.is_set():
            before = int(self.live.version)
            try:
                found = int(self.live(*self._inputs)["version"][0])
            except Exception as problem:
                print(problem, file=sys.stderr)
                self.failed += 1
                continue
            self.wrong += not before <= found <= int(self.live.version)
            self.calls += 1

    def stop(self) -> None:
        """Wait for the last calls."""
        self._stop.set()
        for thread in self.threads:
            thread.join()


def measure(source: Path, folder: Path, threads: int, versions: int) -> None:
    """Print what happened."""
    published = publish(source, folder, versions)
    with server(published.public) as web:
        threading.Thread(target=web.serve_forever, daemon=True).start()
        store = Store(folder / "device", f"http://127.0.0.1:{web.server_port}", published.public / "metadata" / "1.root.json")

        def activate(number: int) -> None:
            store.pin("net", str(number))
            store.check()
            store.download("net")
            store.activate("net")
            store.confirm("net")

        activate(1)
        live = store.open("net")
        load = Load(live, threads)
        for thread in load.threads:
            thread.start()
        time.sleep(1)
        one, most, begin = resident(), 0, time.perf_counter()
        for number in range(2, versions + 1):
            activate(number)
            most = max(most, resident())
        seconds = time.perf_counter() - begin
        load.stop()
        live._collect()
        kept = sum(isinstance(each, LoadedModel) for each in gc.get_objects())
        print(
            f"{source.stem}: {threads} threads, {versions} versions in {seconds:.1f} s; {load.calls:,} calls, {load.failed} failed, "
            f"{load.wrong} wrong; {kept} model in memory; resident {one / 1e6:.1f} MB with the first version, at most {most / 1e6:.1f} MB, "
            f"{resident() / 1e6:.1f} MB at the end"
        )
        web.shutdown()


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--versions", type=int, default=50)
    arguments = parser.parse_args()
    publisher.LISTED = ALL
    with tempfile.TemporaryDirectory() as temporary:
        measure(arguments.model, Path(temporary), arguments.threads, arguments.versions)


if __name__ == "__main__":
    main()
