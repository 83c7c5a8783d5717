"""A fleet that follows a staged rollout: who takes a release when, and what all of it asks of the servers.

simulate_fleet.py [--devices 100000] simulates days on which every device looks once. Decisions are those of `rollout.py`: a device's place
in the queue for each release, compared for all devices at once, and checked against `choose` on a sample each day. What a look costs is
measured with a real device, a real repository and real HTTP, byte by byte on the wire (without TLS), in both directions.
"""

import argparse
import socket
import socketserver
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from make_update_pairs import make  # noqa: E402

from tachylite.update import Publisher, Store, rollout  # noqa: E402
from tachylite.update.manifest import Listing  # noqa: E402
from tachylite.update.serve import server  # noqa: E402

DAYS: list[tuple[str, dict[str, dict[str, float | bool]]]] = [
    ("release 2 at 1 %", {"2": {"rollout": 1}}),
    ("nothing", {}),
    ("release 2 at 10 %", {"2": {"rollout": 10}}),
    ("release 2 at 50 %", {"2": {"rollout": 50}}),
    ("release 2 at 100 %", {"2": {"rollout": 100}}),
    ("release 3 at 10 %", {"3": {"rollout": 10}}),
    ("release 3 halted, then at 100 %", {"3": {"halted": True, "rollout": 100}}),
    ("nothing", {}),
    ("release 3 withdrawn", {"3": {"withdrawn": True}}),
]
"""What the publisher does on each day."""


class Fleet:
    """Devices by number; `versions` holds what each runs."""

    def __init__(self, count: int, seed: int = 0):
        random = np.random.default_rng(seed)
        self.ids = [random.bytes(16).hex() for _ in range(count)]
        self.versions = np.full(count, 1)
        self.sample = random.choice(count, min(count, 1000), replace=False)
        self._places: dict[str, np.ndarray] = {}

    def places(self, version: str) -> np.ndarray:
        """The place of each device in the queue for a release."""
        if version not in self._places:
            self._places[version] = np.array([rollout.position(device, "net", version) for device in self.ids])
        return self._places[version]

    def look(self, releases: list[Listing]) -> np.ndarray:
        """Every device looks once; which of them took another version."""
        before = self.versions.copy()
        best = np.zeros_like(before)
        for release in releases:
            if not (release.halted or release.withdrawn):
                best = np.where(self.places(release.version) < release.rollout, np.maximum(best, release.sequence), best)
        withdrawn = [release.sequence for release in releases if release.withdrawn]
        self.versions = np.where(np.isin(before, withdrawn), best, np.maximum(before, best))
        for i in self.sample:
            chosen = rollout.choose(self.ids[i], "net", releases, str(before[i]))
            assert self.versions[i] == (before[i] if chosen is None else chosen.sequence)
        return self.versions != before


@dataclass
class Cost:
    """Of one look: requests, bytes that the device sends, bytes that it gets."""

    requests: int = 0
    up: int = 0
    down: int = 0

    def times(self, count: int) -> "Cost":
        """That of so many looks."""
        return Cost(self.requests * count, self.up * count, self.down * count)

    def plus(self, other: "Cost") -> "Cost":
        """Both together."""
        return Cost(self.requests + other.requests, self.up + other.up, self.down + other.down)


class Wire:
    """Counts what goes through to a server, in both directions."""

    def __init__(self, port: int):
        self.up = self.down = 0
        wire = self

        class Relay(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                with socket.create_connection(("127.0.0.1", port)) as upstream:
                    back = threading.Thread(target=wire.pump, args=[upstream, self.request, "down"], daemon=True)
                    back.start()
                    wire.pump(self.request, upstream, "up")
                    upstream.shutdown(socket.SHUT_WR)
                    back.join()

        self.server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Relay)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def pump(self, source: socket.socket, sink: socket.socket, way: str) -> None:
        """Pass on what comes, and count it."""
        try:
            while data := source.recv(1 << 16):
                setattr(self, way, getattr(self, way) + len(data))
                sink.sendall(data)
        except OSError:
            pass  # one side has hung up


class Scene:
    """A publisher and a device, whose looks are measured."""

    def __init__(self, folder: Path, model: Path):
        pairs = make(model, folder / "pairs")
        self.publisher = Publisher(folder / "publisher")
        self.root = self.publisher.init()
        for version, path in (("1", folder / "pairs" / "old.tflite"), ("2", pairs["noise"]), ("3", pairs["classifier"])):
            self.publisher.add(path, "net", version)
            self.publisher.release(100 if version == "1" else 0)
        self.folder = folder

    @contextmanager
    def measured(self) -> Iterator[Wire]:
        with server(self.publisher.public) as running:
            threading.Thread(target=running.serve_forever, daemon=True).start()
            wire = Wire(running.server_port)
            yield wire
            wire.server.shutdown()
            running.shutdown()

    def look(self, store: Store, wire: Wire) -> Cost:
        """One look, and the update if there is one."""
        before = store.fetcher.requests, wire.up, wire.down
        for offer in store.check():
            store.download(offer.name)
            store.activate(offer.name)
            store.confirm(offer.name)
        return Cost(store.fetcher.requests - before[0], wire.up - before[1], wire.down - before[2])


def costs(model: Path) -> dict[str, Cost]:
    """What looks cost: without news, with news that are not for this device, and with an update by delta or of the whole file."""
    with tempfile.TemporaryDirectory() as temporary:
        scene = Scene(Path(temporary), model)
        with scene.measured() as wire:
            url = f"http://127.0.0.1:{wire.server.server_address[1]}"
            store = Store(scene.folder / "device", url, scene.root)
            found = {"first installation": scene.look(store, wire)}
            scene.publisher.renew()
            found["nothing new"] = scene.look(store, wire)
            scene.publisher.change("net", "2", rollout=0.000001)
            found["news for others"] = scene.look(store, wire)
            scene.publisher.change("net", "2", rollout=100)
            found["update by delta"] = scene.look(store, wire)
        return found


def simulate(count: int, found: dict[str, Cost]) -> None:
    """Print what happens on each day."""
    fleet = Fleet(count)
    releases = [Listing(str(number), number, "", 100 if number == 1 else 0) for number in (1, 2, 3)]
    total = Cost()
    for day, (what, changes) in enumerate(DAYS, 1):
        releases = [replace(release, **changes.get(release.version, {})) for release in releases]  # type: ignore[arg-type]
        before = fleet.versions.copy()
        moved = int(fleet.look(releases).sum())
        quiet = found["news for others"] if changes else found["nothing new"]
        update = found["update by delta"]
        cost = quiet.times(count - moved).plus(update.times(moved))
        total = total.plus(cost)
        fell = int((fleet.versions < before).sum())
        shares = ", ".join(f"{number}: {np.mean(fleet.versions == number):7.3%}" for number in (1, 2, 3))
        print(
            f"day {day}: {what:32} {shares}; {moved:6} took another version, {fell:6} an older one; "
            f"per device {cost.requests / count:.2f} requests, {cost.up / count:,.0f} B up, {cost.down / count:,.0f} B down"
        )
    many = 100_000_000
    days = len(DAYS)
    print(
        f"on average per device and day: {total.requests / count / days:.2f} requests, {total.up / count / days:,.0f} B up, "
        f"{total.down / count / days:,.0f} B down"
    )
    for name, cost in found.items():
        rate = f"{cost.requests * many / 86400:,.0f} requests/s, {cost.down * many * 8 / 86400 / 1e9:.2f} Gbit/s"
        print(
            f"{name:20} {cost.requests:3} requests {cost.up:7,} B up {cost.down:9,} B down; {many:,} devices once a day: "
            f"{rate}, {cost.down * many / 1e12:.2f} TB/day"
        )


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--devices", type=int, default=100_000)
    parser.add_argument("--model", type=Path, default=ROOT.parent / "shared" / "models" / "tflite" / "mobilenet_v2_int8.tflite")
    arguments = parser.parse_args()
    simulate(arguments.devices, costs(arguments.model))


if __name__ == "__main__":
    main()
