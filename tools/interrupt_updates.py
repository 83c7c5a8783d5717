"""Kill a device's process in the middle of updates, over and over, and look whether anything is lost.

interrupt_updates.py [--times 1000] [--seed 0]: one device lives through it all. A process of its own updates it, and gets SIGKILL at a
random moment; then the store has to open with the version it had or the one that it was getting, whole, and to know all that it knew of the
publisher's keys and versions. Whenever a version has arrived, the publisher releases the next.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tachylite.update import Publisher, Store, guard  # noqa: E402
from tests.update.world import World, answer  # noqa: E402


def update(folder: Path) -> None:
    """What `tachylite update apply` does, and the confirmation of the program that uses the model."""
    store = Store(folder)
    for offer in store.check():
        store.download(offer.name)
        store.activate(offer.name)
        store.confirm(offer.name)


def interrupted(folder: Path, seconds: float, boot: str) -> bool:
    """Run an update in a process of its own, and kill it after a while; whether it came to its end before.

    boot: what the machine's start is called, because a power cut makes for another.
    """
    child = os.fork()
    if child == 0:
        status = 1
        guard._boot = lambda: boot
        try:
            update(folder)
            status = 0
        finally:
            os._exit(status)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    return os.waitpid(child, 0)[1] == 0


def trusted(folder: Path) -> int:
    """The version of the timestamp that the device trusts."""
    state = json.loads((folder / "state.json").read_text(encoding="utf-8"))
    content = (folder / "trust" / str(state["trust"]) / "timestamp.json").read_text(encoding="utf-8")
    return int(json.loads(content)["signed"]["version"])


def live_through(world: World, times: int) -> Counter[str]:
    """Count what became of the updates. Raises AssertionError where something was lost."""
    newest = 1
    world.release(newest, width=20_000)
    folder = Path(world.folder / "device")
    world.device(limits=None)
    begin = time.perf_counter()
    update(folder)
    longest = 1.2 * (time.perf_counter() - begin)
    had, known, counts = 1, trusted(folder), Counter[str]()
    newest += 1
    world.release(newest, width=20_000)
    for i in range(times):
        ended = interrupted(folder, random.uniform(0, longest), f"start {i}")
        has = int(answer(Store(folder).open("net")))
        assert has in (had, newest), f"version {has} answers, {had} did and {newest} was on its way"
        assert trusted(folder) >= known
        counts[
            "ended before the kill" if ended else "killed, with the new version" if has == newest else "killed, with the old version"
        ] += 1
        had, known = has, trusted(folder)
        if has == newest:
            Store(folder).confirm("net")
            newest += 1
            world.release(newest, width=20_000)
    update(folder)
    assert answer(Store(folder).open("net")) == newest
    counts["versions"] = newest
    return counts


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    random.seed(arguments.seed)
    with tempfile.TemporaryDirectory() as temporary:
        template = Path(temporary) / "template"
        Publisher(template).init()
        world = World(Path(temporary), template)
        command = [sys.executable, "-m", "tachylite", "publish", "serve", "-r", str(world.folder / "publisher"), "--port", "0"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            world.url = server.stdout.readline().strip()
            try:
                counts = live_through(world, arguments.times)
            finally:
                server.terminate()
    print(f"{arguments.times} interruptions, nothing lost: {', '.join(f'{count} {what}' for what, count in counts.items())}")


if __name__ == "__main__":
    main()
