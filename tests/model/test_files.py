"""Saving a model: at once or not at all."""

import os
import subprocess
import sys

import pytest

from tachylite.model import codec, files
from tests.model.models import assert_same, convolution


class FullDiskError(OSError):
    """What a write meets when there is no room."""


def names_in(folder):
    return [path.name for path in folder.iterdir()]


def pieces():
    """A file that ends too early."""
    yield b"the first half"
    raise FullDiskError("no space left on device")


def test_a_model_is_saved_and_read(tmp_path):
    path = tmp_path / "model.tflite"
    convolution().save(path)
    assert_same(codec.read_file(path), convolution())
    assert path.read_bytes() == convolution().to_bytes()
    assert names_in(tmp_path) == ["model.tflite"]


def test_a_file_is_replaced_whole(tmp_path):
    path = tmp_path / "model.tflite"
    convolution().save(path)
    mapped = codec.read_file(path)
    changed = codec.read_file(path)
    changed.description = "changed"
    changed.save(str(path))
    assert codec.read_file(path).description == "changed"
    assert_same(mapped, convolution())  # still mapped to the file that was


def test_a_failing_write_leaves_what_was(tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes(b"what was")
    with pytest.raises(FullDiskError):
        files.write_atomically(path, pieces())
    assert path.read_bytes() == b"what was"
    assert names_in(tmp_path) == ["model.tflite"]


def test_a_failing_write_leaves_nothing_new(tmp_path):
    with pytest.raises(FullDiskError):
        files.write_atomically(tmp_path / "model.tflite", pieces())
    assert names_in(tmp_path) == []


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_failures_at_the_end_leave_what_was(tmp_path, monkeypatch, step):
    def fail(*arguments):
        raise FullDiskError(step)

    path = tmp_path / "model.tflite"
    path.write_bytes(b"what was")
    monkeypatch.setattr(os, step, fail)
    monkeypatch.setattr(files.Path, "replace", fail) if step == "replace" else None
    with pytest.raises(FullDiskError):
        convolution().save(path)
    monkeypatch.undo()
    assert path.read_bytes() == b"what was"
    assert names_in(tmp_path) == ["model.tflite"]


def test_a_full_disk_leaves_what_was(tmp_path):
    """A limit on the size of files, in a process of its own, fails the write half way as a full disk does."""
    path = tmp_path / "model.tflite"
    path.write_bytes(b"what was")
    program = (
        "import resource, signal, sys\n"
        "from tests.model.models import convolution\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500))\n"
        "convolution().save(sys.argv[1])\n"
    )
    result = subprocess.run([sys.executable, "-B", "-c", program, path], capture_output=True, text=True, check=False)
    assert "File too large" in result.stderr
    assert path.read_bytes() == b"what was"
    assert names_in(tmp_path) == ["model.tflite"]


def test_permissions_and_links_are_kept(tmp_path):
    path, link = tmp_path / "model.tflite", tmp_path / "link.tflite"
    convolution().save(path)
    assert path.stat().st_mode & 0o777 == 0o666 & ~current_umask()
    path.chmod(0o640)
    link.symlink_to(path)
    convolution().save(link)
    assert link.is_symlink()
    assert path.stat().st_mode & 0o777 == 0o640


def current_umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_an_unsound_model_is_not_saved(tmp_path):
    model = convolution()
    model.graph.tensors.clear()
    with pytest.raises(ValueError, match="not a tensor of the graph"):
        model.save(tmp_path / "model.tflite")
    assert names_in(tmp_path) == []
