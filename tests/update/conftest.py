"""A publisher, a server on loopback and a device, each in a folder of the test."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tachylite.update import Publisher
from tachylite.update.serve import server

from .world import World


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with its keys, made once."""
    folder = tmp_path_factory.mktemp("template") / "publisher"
    Publisher(folder).init(["stable", "beta"])
    return folder


@pytest.fixture
def world(tmp_path: Path, template: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A publisher whose files a server shows, and devices. Nothing waits for the disk."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    made = World(tmp_path, template)
    with server(made.public) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        made.url = f"http://127.0.0.1:{running.server_port}"
        yield made
        running.shutdown()
        thread.join()
