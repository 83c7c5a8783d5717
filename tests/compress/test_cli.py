"""`tachylite quantize`, `prune`, `cluster` and `compare`, from the outside."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from tachylite.cli import app
from tachylite.model import codec

from .harness import floats, names, ours
from .nets import picture_net

PICTURES = floats(12, 8, 8, 3)


def invoke(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments], env={"COLUMNS": "200"})


@pytest.fixture
def net(tmp_path):
    picture_net().save(tmp_path / "net.tflite")
    np.savez(tmp_path / "x.npz", picture=PICTURES)
    return tmp_path / "net.tflite"


def test_quantize_reports_sizes_operators_and_agreement(net):
    x, out, statistics = net.with_name("x.npz"), net.with_name("out.tflite"), net.with_name("s.json")
    recipe = ("--recipe", "static_wi8_ai8", "--inputs", "uint8")
    result = invoke("quantize", net, "-o", out, *recipe, "--calibration", x, "--report", "--data", x, "--statistics", statistics)
    assert result.exit_code == 0, result.output
    assert codec.read_file(out).graph.inputs[0].dtype == np.uint8
    assert ["CONV_2D", "1", "1"] in [line.split() for line in result.output.splitlines()]
    assert f"{out.stat().st_size:,} B" in result.output
    assert "12 samples: SQNR" in result.output
    again = net.with_name("again.tflite")
    assert invoke("quantize", net, "-o", again, *recipe, "--calibration", statistics).exit_code == 0
    assert again.read_bytes() == out.read_bytes()
    assert invoke("quantize", net, "-o", again, *recipe, "--calibration", x, "--rounding", "learned").exit_code == 0
    assert again.read_bytes() != out.read_bytes()


def test_quantize_writes_nothing_where_it_fails(net):
    out = net.with_name("out.tflite")
    result = invoke("quantize", net, "-o", out, "--recipe", "static_wi8_ai8")
    assert result.exit_code == 1
    assert "give some as calibration" in result.stderr
    rules = net.with_name("rules.json")
    rules.write_text(json.dumps([{"scheme": "dynamic_wi8_afp32", "name": "sum"}, {"scheme": "dynamic_wi4_afp32", "name": "gate"}]))
    result = invoke("quantize", net, "-o", out, "--recipe", rules)
    assert "ADD #2 'sum'" in result.stderr
    assert "LOGISTIC #3 'gate'" in result.stderr
    assert not out.exists()


def test_compare_ranks_suggests_and_draws(net):
    x, out, page, rules = (net.with_name(name) for name in ("x.npz", "out.tflite", "page.html", "rules.json"))
    invoke("quantize", net, "-o", out, "--recipe", "static_wi8_ai8", "--calibration", x)
    result = invoke("compare", net, out, "--data", x, "--rows", 3, "--target-sqnr", 60, "--html", page, "--save", rules)
    assert result.exit_code == 0, result.output
    assert "and 7 others" in result.output
    assert "float operators that reach" in result.output
    assert page.read_text().startswith("<!DOCTYPE html>")
    better = net.with_name("better.tflite")
    assert invoke("quantize", net, "-o", better, "--recipe", rules, "--calibration", x).exit_code == 0
    data = json.loads(invoke("compare", net, better, "--data", x, "--json").output)
    assert data["sqnr"] is None or data["sqnr"] >= 60


def test_compare_takes_labels_and_metrics(net):
    x, out, labels, script = (net.with_name(name) for name in ("x.npz", "out.tflite", "labels.npy", "metrics.py"))
    invoke("quantize", net, "-o", out)
    np.save(labels, [ours(picture_net(), p[None])[0].argmax() for p in PICTURES])
    script.write_text("def loudest(outputs):\n    return min(o['probabilities'].max() for o in outputs)\n")
    for measure in (("--labels", labels), ("--metric", f"{script}:loudest")):
        result = invoke("compare", net, out, "--data", x, "--target-accuracy", 0.1, *measure)
        assert result.exit_code == 0, result.output
        assert "float operators that reach" in result.output
    missing = invoke("compare", net, out, "--data", x, "--target-accuracy", 1, "--metric", f"{script}:quiet")
    assert "defines no function 'quiet'" in missing.stderr
    assert names(codec.read_file(out)).count("DEQUANTIZE") == 0


def test_prune_and_cluster_report_what_is_left(net):
    pruned, small = net.with_name("pruned.tflite"), net.with_name("small.tflite")
    result = invoke("prune", net, "-o", pruned, "--sparsity", 0.5, "--skip", "logits", "--report")
    assert result.exit_code == 0, result.output
    assert "zeros: 0 before, 144 after" in result.output
    result = invoke("cluster", pruned, "-o", small, "--clusters", 4, "--report")
    assert result.exit_code == 0, result.output
    assert "zeros: 144 before, 144 after" in result.output
    assert "packed with gzip" in result.output
    assert ["160", "0.0%", "4"] in [line.split()[1:] for line in result.output.splitlines()]


def test_prune_takes_samples(net):
    out = net.with_name("out.tflite")
    result = invoke("prune", net, "-o", out, "--sparsity", 0.5, "--method", "surgery", "--calibration", net.with_name("x.npz"))
    assert result.exit_code == 0, result.output
    assert out.exists()


def test_prune_removes_channels(net):
    out = net.with_name("out.tflite")
    result = invoke("prune", net, "-o", out, "--macs", 0.6, "--multiple", 1, "--report")
    assert result.exit_code == 0, result.output
    counts = next(line.replace(",", "").split() for line in result.output.splitlines() if line.startswith("multiplications"))
    assert int(counts[3]) <= 0.6 * int(counts[1])
    refused = invoke("prune", net, "-o", net.with_name("no.tflite"), "--macs", 0.6, "--sparsity", 0.5)
    assert "run one after the other" in refused.stderr
    assert not net.with_name("no.tflite").exists()
