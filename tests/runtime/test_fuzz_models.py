"""The fuzz of file -> load -> run finds nothing in its first mutations, and would say so if it did."""

import json
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

TOOL = Path(__file__).parents[2] / "tools" / "fuzz_models.py"


@pytest.fixture(scope="module")
def tool() -> dict[str, Any]:
    return runpy.run_path(str(TOOL))


def test_the_first_mutations_find_nothing(tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    for count in (150, 300):  # the second run goes on where the first stopped
        command = [sys.executable, str(TOOL), "--seed", "2", "--count", str(count), "--state", str(state)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    saved = json.loads(state.read_text(encoding="utf-8"))
    assert saved["next"] == sum(saved["outcomes"].values()) == 300
    assert set(saved["outcomes"]) == {"ran", "refused"}


def test_a_mutation_can_be_repeated(tool: dict[str, Any]) -> None:
    first = [tool["mutant"](5, number) for number in range(30)]
    assert first == [tool["mutant"](5, number) for number in range(30)]
    assert len(set(first)) == 30


def test_what_is_no_error_of_ours_is_a_fault(tool: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tachylite.Interpreter", lambda model_content: {}[model_content])
    assert tool["attempt"](b"file", np.random.default_rng(0)).startswith("fault: KeyError")


def test_a_worker_that_dies_is_a_crash(tool: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A worker that kills itself at its third mutation: that one is noted, and the next worker begins after it."""
    script = tmp_path / "worker.py"
    script.write_text(
        "import os, sys\n"
        "for n in range(int(sys.argv[4]), int(sys.argv[5])):\n"
        "    print(n, end=' ', flush=True)\n"
        "    if n == 2: os.abort()\n"
        "    print('ran', flush=True)\n",
        encoding="utf-8",
    )
    fuzz_class = tool["Fuzz"]
    monkeypatch.setitem(fuzz_class.run.__globals__, "__file__", str(script))
    fuzz = fuzz_class(1, None, None)
    fuzz.run(5)
    assert dict(fuzz.outcomes) == {"ran": 4, "crash": 1}
    assert list(fuzz.findings) == [2]
