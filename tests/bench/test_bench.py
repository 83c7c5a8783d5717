"""`tachylite bench`: the structure of what it says. No test here depends on how long anything takes."""

import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from tachylite import Builder, Model, TachyliteError
from tachylite.bench import engine, html, load, measure, peak, report
from tachylite.cli import app
from tachylite.model.graph import Signature


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A product, its square root, and a branch; with a signature, and a batch size that the file leaves open."""
    build = Builder()
    x = build.input("x", (1, 8))
    x.shape_signature = (-1, 8)
    product = build.FULLY_CONNECTED(x, build.constant(np.ones((4, 8), np.float32)), None, name="</script>")
    root = build.SQRT(product, name="root")
    y = build.ADD(root, product, name="y")
    model = Model.of(build.outputs(y))
    model.signatures.append(Signature("serve", model.graph, {"x": x}, {"y": y}))
    file = tmp_path_factory.mktemp("bench") / "small.tflite"
    model.save(file)
    return file


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["bench", *(str(a) for a in arguments)], env={"COLUMNS": "200"})


def data_of(path: Path, *arguments: object) -> dict[str, Any]:
    result = run(path, "--json", "--runs", 5, *arguments)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_all_is_in_the_report(path: Path) -> None:
    data = data_of(path)
    assert [row["op"] for row in data["operators"]] == ["FULLY_CONNECTED", "SQRT", "ADD"]
    assert sum(row["share"] for row in data["operators"]) == pytest.approx(1)
    assert data["latency"]["runs"] == len(data["latency"]["seconds"]) == 5
    assert data["latency"]["least"] <= data["latency"]["p50"] <= data["latency"]["p90"] <= data["latency"]["p99"]
    assert data["load"]["seconds"] == pytest.approx(sum(data["load"][step] for step in ("construct", "allocate", "first_run")))
    assert data["arena_bytes"] > 0
    product, root, _ = data["operators"]
    assert product["flops"] == 2 * 8 * 4
    assert 0 < product["of_peak"] < 1
    assert root["flops"] is root["of_peak"] is None
    assert [node["sources"] for node in data["graph"]] == [[-1], [0], [0, 1]]
    assert data["comparison"] is None


def test_engines_run_in_turn_and_agree(path: Path) -> None:
    comparison = data_of(path, "--vs", "litert", "--signature", "serve", "--threads", 2)["comparison"]
    assert comparison["engine"] == "litert"
    assert comparison["ratio"] > 0
    assert [output["output"] for output in comparison["agreement"]] == ["y"]
    assert comparison["agreement"][0]["difference"] < 1e-5


def test_tables(path: Path) -> None:
    result = run(path, "--runs", 3, "--rows", 2, "--vs", "litert")
    assert result.exit_code == 0, result.output
    for text in ("small.tflite", "p50", "p90", "p99", "FULLY_CONNECTED", "peak", "arena", "litert", "and 1 others"):
        assert text in result.stdout


def test_the_turns_alternate() -> None:
    order: list[str] = []

    class Fake:
        def __init__(self, name: str):
            self.run = lambda: order.append(name)

    turns = measure.measure_turns([Fake("a"), Fake("b")], 1.0, 1)  # type: ignore[list-item]
    assert order == ["a", "b"]
    assert [[len(block) for block in blocks] for blocks in turns] == [[1], [1]]


def test_outputs_that_differ_are_told() -> None:
    ours = {"y": np.array([1.0, 2.0]), "label": np.array([b"a", b"b"], object)}
    theirs = {"y": np.array([1.5, 4.0]), "label": np.array([b"a", b"c"], object)}
    assert measure.agreements(ours, theirs) == [measure.Agreement("y", 2.0, 2.5), measure.Agreement("label", 1.0, 0.0)]
    assert measure.agreements({"a": np.ones(2)}, {"b": np.ones(3)}) == [measure.Agreement("a", float("inf"), 0.0)]
    assert report.finite(float("inf")) is None


def test_a_peak_is_that_of_the_tier() -> None:
    assert peak.peak("f32", 1) > 0
    assert peak.peak("s8", 1) > 0


def test_an_engine_that_is_missing_is_named(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(path, "--vs", "torch")
    assert result.exit_code == 1
    assert "litert" in result.output
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    with pytest.raises(TachyliteError, match=r"pip install 'tachylite\[litert\]'"):
        engine.interpreter_class("litert")


def test_a_model_that_cannot_be_loaded_is_explained(tmp_path: Path) -> None:
    broken = tmp_path / "broken.tflite"
    broken.write_bytes(b"nonsense, which is no model")
    result = run(broken)
    assert result.exit_code == 1
    assert "Traceback" not in result.output
    with pytest.raises(TachyliteError, match="broken"):
        load.measure_load("tachylite", broken, 1, None)


def test_load_in_this_process(path: Path) -> None:
    measured = load.load("tachylite", path, 1, "serve")
    assert measured.seconds == measured.construct + measured.allocate + measured.first_run
    assert load.peak_bytes() > 1 << 20


class Page(HTMLParser):
    """What a page refers to, and its script."""

    def __init__(self) -> None:
        super().__init__()
        self.references: list[str] = []
        self.script = ""
        self._tag = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._tag = tag
        self.references += [value for name, value in attrs if name in ("src", "href") and value]

    def handle_data(self, data: str) -> None:
        if self._tag == "script":
            self.script += data


@pytest.fixture(scope="module")
def page(path: Path) -> tuple[Page, str]:
    file = path.with_suffix(".html")
    result = run(path, "--runs", 4, "--html", file, "--vs", "litert")
    assert result.exit_code == 0, result.output
    parsed, text = Page(), file.read_text(encoding="utf-8")
    parsed.feed(text)
    return parsed, text


def test_the_page_needs_nothing_else(page: tuple[Page, str]) -> None:
    parsed, text = page
    assert parsed.references == []
    assert not re.search(r"@import|url\(|fetch\(|import ", text)
    assert set(re.findall(r"https?://[^\"'\s]+", text)) <= {"http://www.w3.org/2000/svg"}
    assert text.count("</script>") == 1  # a tensor's name cannot end the script


def test_the_page_holds_the_report(page: tuple[Page, str]) -> None:
    line = next(line for line in page[0].script.splitlines() if line.startswith("const data = "))
    data = json.loads(line.removeprefix("const data = ").removesuffix(";"))
    assert [row["op"] for row in data["operators"]] == ["FULLY_CONNECTED", "SQRT", "ADD"]
    assert data["operators"][0]["output"] == "</script>"
    assert data["comparison"]["engine"] == "litert"


def test_a_delegate_is_in_the_report(path: Path) -> None:
    echo = "tests.delegates.echo:Echo,only=FULLY_CONNECTED"
    data = data_of(path, "--delegate", echo)
    assert [(row["op"], row["kernel"], row["tier"]) for row in data["operators"][:1]] == [("DELEGATE", "1 operator", "echo")]
    assert data["operators"][0]["of_peak"] is None
    assert [o["where"] for o in data["partitioning"]["operators"]] == ["echo", "cpu", "cpu"]
    assert data["partitioning"]["partitions"][0]["bytes_in"] == 32
    shown = run(path, "--runs", 3, "--delegate", echo).stdout
    assert "delegates do 88.9% of the operations" in shown
    assert data_of(path)["partitioning"] is None


def test_a_page_of_many_runs_stays_small() -> None:
    latency = {"seconds": list(range(3 * html.MOST_RUNS, 0, -1))}
    thinned = html._thin(latency)["seconds"]
    assert len(thinned) == html.MOST_RUNS
    assert thinned == sorted(thinned)


def test_measuring_loads_in_a_process_of_its_own(path: Path) -> None:
    command = [sys.executable, "-m", "tachylite.bench.load", json.dumps(["tachylite", str(path), 1])]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert json.loads(shown).keys() == {"construct", "allocate", "first_run", "peak_bytes"}
