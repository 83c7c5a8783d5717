"""`tachylite publish` and `tachylite update`, from the outside."""

import json
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import numpy as np
from typer.testing import CliRunner, Result

from tachylite.cli import app

from .world import World, net


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments], env={"COLUMNS": "200"})


def succeed(*arguments: object) -> str:
    result = invoke(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_from_publisher_to_device(world: World, tmp_path: Path) -> None:
    publisher, device = ("-r", tmp_path / "publisher"), ("-s", tmp_path / "device")
    np.savez(tmp_path / "golden.npz", x=np.ones((1, 4), np.float32))
    named = ("--name", "net", "--version")
    golden = ("--golden", tmp_path / "golden.npz")
    added = succeed("publish", "add", net(tmp_path / "1.tflite", 1), *named, "1", *golden, *publisher)
    assert "stable/net@1.tflite" in added
    assert "released stable/net 1 to 100 %" in succeed("publish", "release", *publisher)
    succeed("update", "setup", world.url, world.root, *device)
    found = invoke("update", "check", *device)
    assert (found.exit_code, "net nothing -> 1" in found.stdout) == (10, True)
    [offer] = json.loads(invoke("update", "check", "--json", *device).stdout)
    assert (offer["name"], offer["version"], offer["current"]) == ("net", "1", None)
    assert "net 1 is active" in succeed("update", "apply", *device)
    assert succeed("update", "check", *device) == ""
    succeed("publish", "add", net(tmp_path / "2.tflite", 2), *named, "2", "--notes", "better", *publisher)
    assert "staged stable/net 2" in succeed("publish", "status", *publisher)
    succeed("publish", "release", "--rollout", "0", *publisher)
    assert succeed("update", "check", *device) == ""
    succeed("publish", "rollout", "net", "2", "100", *publisher)
    succeed("publish", "halt", "net", "2", *publisher)
    assert succeed("update", "check", *device) == ""
    succeed("publish", "halt", "net", "2", "--resume", *publisher)
    assert "better" in invoke("update", "check", *device).stdout
    [applied] = json.loads(succeed("update", "apply", "net", "--json", *device))["applied"]
    assert (applied["from"], applied["version"]) == ("1", "2")
    assert "net 2, on trial, before it 1" in succeed("update", "status", *device)
    succeed("update", "confirm", "net", *device)
    assert json.loads(succeed("update", "status", "--json", *device))["models"]["net"]["confirmed"]
    succeed("publish", "withdraw", "net", "2", *publisher)
    assert "net 1 is active" in succeed("update", "apply", *device)
    assert "released stable/net 2  100 %, withdrawn" in succeed("publish", "status", *publisher)
    assert "new key of timestamp" in succeed("publish", "rotate-keys", "timestamp", *publisher)
    assert "timestamp" in succeed("publish", "renew", *publisher)
    succeed("publish", "channel", "nightly", *publisher)
    assert "nightly" in json.loads(succeed("publish", "status", "--json", *publisher))["released"]
    succeed("update", "pin", "net", *device)


def test_init_and_mistakes(tmp_path: Path) -> None:
    shown = succeed("publish", "init", "-r", tmp_path, "--root-keys", "1", "--threshold", "1")
    assert (tmp_path / "public" / "metadata" / "1.root.json").exists()
    assert "root-*.pem" in shown
    for arguments, message in (
        (("publish", "init", "-r", tmp_path), "holds a repository already"),
        (("publish", "release", "-r", tmp_path), "nothing to release"),
        (("publish", "add", tmp_path / "no.tflite", "--name", "a", "--version", "1", "-r", tmp_path), "No such file"),
        (("update", "status", "-s", tmp_path / "device"), "is no store yet"),
    ):
        result = invoke(*arguments)
        assert (result.exit_code, message in result.output) == (1, True), result.output


def test_exit_statuses_tell_what_went_wrong(world: World, tmp_path: Path) -> None:
    device = ("-s", tmp_path / "device")
    world.release(1)
    succeed("update", "setup", world.url, world.root, *device)
    timestamp = world.public / "metadata" / "timestamp.json"
    content = timestamp.read_bytes()
    timestamp.write_bytes(content.replace(b'"version":', b'"version":1'))
    assert invoke("update", "check", *device).exit_code == 4
    timestamp.write_bytes(content)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        succeed("update", "setup", f"http://127.0.0.1:{unused.getsockname()[1]}", world.root, *device)
        assert invoke("update", "apply", *device).exit_code == 3
    succeed("update", "setup", world.url, world.root, *device)
    succeed("update", "apply", *device)
    assert invoke("update", "rollback", "net", *device).exit_code == 1


def test_apply_goes_on_after_a_model_that_fails(world: World, tmp_path: Path) -> None:
    world.add(1, "a", runtime="99.0")
    world.release(1, "b")
    succeed("update", "setup", world.url, world.root, "-s", tmp_path / "device")
    result = invoke("update", "apply", "--json", "-s", tmp_path / "device")
    assert result.exit_code == 5
    report = json.loads(result.stdout)
    assert [m["name"] for m in report["applied"]] == ["b"]
    assert "needs Tachylite 99.0" in report["failed"][0]["error"]


def test_serve(world: World) -> None:
    command = [sys.executable, "-m", "tachylite", "publish", "serve", "-r", str(world.folder / "publisher"), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        request = urllib.request.Request(f"{url}/metadata/1.root.json", headers={"Range": "bytes=10-"})
        with urllib.request.urlopen(request) as answer:
            assert answer.status == 206
            assert answer.read() == world.root.read_bytes()[10:]
        process.terminate()


def test_help_loads_none_of_the_libraries() -> None:
    code = (
        "import sys\nfrom tachylite.cli import app\napp(['update', '--help'], standalone_mode=False)\nprint(*sys.modules, file=sys.stderr)"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stderr.split()
    assert not {"tuf", "securesystemslib", "cryptography", "urllib3", "zstandard", "numpy"} & set(loaded)
