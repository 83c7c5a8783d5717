"""Custom operators with kernels in C: from a source file, from a package, from a shared library."""

import ctypes
import importlib.util
import re
import shutil
import subprocess
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tachylite
import tachylite.runtime.custom
from tachylite import Builder, Interpreter, Model, OpDef, Spec, TachyliteError
from tachylite.model.graph import Operator
from tachylite.ops import kernel as kernels
from tachylite.ops import registry
from tachylite.ops.kernel import Params
from tachylite.program import tlp
from tachylite.program.target import Target
from tachylite.runtime import native
from tests.delegates.echo import Echo
from tests.program.c_program import Program, ProgramError
from tests.program.graphs import run

EXAMPLE = Path(__file__).parents[2] / "examples" / "custom_op"
X = np.random.default_rng(0).normal(size=(3, 700)).astype(np.float32)


class OwnShrinkParams(Params):
    _fields_ = [("threshold", ctypes.c_float)]  # noqa: RUF012


SOURCE = """
#include "tl_own_shrink.h"
int32_t tl_own_shrink_f32(const tl_own_shrink_params *p, void *const *t, tl_range r) {
    const float *x = t[0];
    for (int32_t i = r.begin; i < r.end; ++i) ((float *)t[1])[i] = __builtin_fabsf(x[i]) > p->threshold ? x[i] : 0;
    return TL_OK;
}
"""


@pytest.fixture(autouse=True)
def clean() -> Iterator[None]:
    """What is registered here is forgotten."""
    yield
    for name in ("OwnShrink", "AcmeClip", "AcmeTwice"):
        registry._registry.pop((name, True), None)
    kernels._custom.clear()


def shrink(op: Operator, x: np.ndarray) -> np.ndarray:
    return np.where(np.abs(x) > np.float32(0.5), x, np.float32(0))


def define(source: Path, text: str = SOURCE) -> None:
    """OwnShrink, whose kernel is in this file."""
    source.write_text(text)
    own = tachylite.kernel_from_source(source, "own_shrink", "f32", params=OwnShrinkParams)

    def lower(low: Any, op: Operator) -> None:
        low.call(own, "f32", op, OwnShrinkParams(threshold=0.5), work=low.size(op.outputs[0]), grain=100)

    tachylite.register(
        OpDef("OwnShrink", infer=lambda op, x: Spec(x.shape, x.dtype), reference=shrink, lower=lower, in_place=True, is_custom=True)
    )


def model(name: str = "OwnShrink", **options: Any) -> Model:
    build = Builder()
    return Model.of(build.outputs(build.ABS(getattr(build, name)(build.input("x", X.shape), **options), name="y")))


def kernels_of(model: Model) -> list[str]:
    interpreter = Interpreter(model_content=model, profile=True)
    interpreter.allocate_tensors()
    interpreter.invoke()
    return [row.kernel for row in interpreter.profile()]


@pytest.mark.parametrize("tier", native.tiers())
def test_a_kernel_in_c(tier: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TACHYLITE_ISA", tier)
    define(tmp_path / "shrink.c")
    for threads in (1, 3):
        np.testing.assert_array_equal(run(model(), X, num_threads=threads)[0], np.abs(shrink(None, X)))  # type: ignore[arg-type]
    assert kernels_of(model()) == ["own_shrink_f32", "abs_f32"]


def test_a_changed_source_counts(tmp_path: Path) -> None:
    define(tmp_path / "shrink.c")
    run(model(), X)
    define(tmp_path / "shrink.c", SOURCE.replace("x[i] : 0", "1 : 0"))
    np.testing.assert_array_equal(run(model(), X)[0], np.abs(X) > 0.5)


def test_zig_serves_where_there_is_no_compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ziglang")
    monkeypatch.setattr(shutil, "which", lambda name: None)
    define(tmp_path / "shrink.c", SOURCE + "/* zig */")
    np.testing.assert_array_equal(run(model(), X)[0], np.abs(shrink(None, X)))  # type: ignore[arg-type]
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    define(tmp_path / "shrink.c", SOURCE + "/* none */")
    with pytest.raises(TachyliteError, match=r"no C compiler; install gcc or clang, or tachylite\[compile\]"):
        run(model(), X)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (SOURCE.replace("p->threshold", "p->limit"), "kernel own_shrink cannot be compiled:\n.*limit"),
        (SOURCE.replace("tl_own_shrink_f32", "tl_other_f32"), "defines no function tl_own_shrink_f32"),
    ],
)
def test_what_is_wrong_in_a_source_is_said(text: str, message: str, tmp_path: Path) -> None:
    define(tmp_path / "shrink.c", text)
    with pytest.raises(TachyliteError, match=re.compile(message, re.DOTALL)):
        run(model(), X)
    with pytest.raises(ValueError, match="the native library has kernels abs_f32"):
        tachylite.kernel_from_source(tmp_path / "shrink.c", "abs", "f32")
    with pytest.raises(FileNotFoundError):
        tachylite.kernel_from_source(tmp_path / "missing.c", "missing", "f32")


def test_a_delegate_claims_it(tmp_path: Path) -> None:
    define(tmp_path / "shrink.c")
    echo = Echo(claims=lambda op: op.is_custom)
    np.testing.assert_array_equal(run(model(), X, experimental_delegates=[echo])[0], np.abs(shrink(None, X)))  # type: ignore[arg-type]
    assert [[op.op for op in graph.operators] for graph in echo.compiled] == [["OwnShrink"]]


def test_the_c_runtime_has_to_be_given_the_kernel(tmp_path: Path) -> None:
    define(tmp_path / "shrink.c")
    content = bytes(tlp.compile_model(model(), Target(native.tier())))
    with pytest.raises(ProgramError, match="this runtime lacks kernel own_shrink_f32"):
        Program(content)


def test_the_document_shows_the_file() -> None:
    text = (EXAMPLE.parents[1] / "docs" / "custom-ops.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"^```c\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert (EXAMPLE / "shrink.c").read_text(encoding="utf-8").endswith(shown)


# Packages.


def test_operators_of_installed_packages_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    offered = OpDef("AcmeTwice", infer=lambda op, x: Spec(x.shape, x.dtype), reference=lambda op, x: x + x, is_custom=True)
    monkeypatch.setattr(tachylite.runtime.custom, "offered", offered, raising=False)
    points = {
        "AcmeTwice": metadata.EntryPoint("AcmeTwice", "tachylite.runtime.custom:offered", "tachylite.ops"),
        "AcmeBroken": metadata.EntryPoint("AcmeBroken", "acme.is.not.here", "tachylite.ops"),
    }
    monkeypatch.setattr(metadata, "entry_points", lambda group, name: [points[name]] if group == "tachylite.ops" and name in points else [])
    np.testing.assert_array_equal(run(model("AcmeTwice"), X)[0], np.abs(X + X))
    unknown = model("AcmeTwice")
    for name, message in (("AcmeBroken", r"'AcmeBroken' \(acme.is.not.here\) cannot be loaded"), ("AcmeNowhere", "no definition for")):
        unknown.graph.operators[0].op = name
        with pytest.raises(TachyliteError, match=message):
            run(unknown, X)


# Shared libraries.


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> str:
    if not (shutil.which("make") and shutil.which("cc")):
        pytest.skip("building the example needs make and cc")
    folder = tmp_path_factory.mktemp("operators")
    subprocess.run(["make", "-s", "-C", EXAMPLE, f"BUILD={folder}"], check=True)
    return str(folder / "libclip.so")


def test_operators_of_a_shared_library(library: str) -> None:
    (definition,) = tachylite.load_operators(library)
    assert definition.name == "AcmeClip"
    bound = np.float32(0.75)
    for options, limit in ((b"", 1), (bound.tobytes(), bound)):
        clipped = model("AcmeClip", custom_options=options)
        expected = np.abs(X).clip(0, limit)
        np.testing.assert_array_equal(run(clipped, X)[0], expected)
        np.testing.assert_array_equal(run(clipped, X[:2], num_threads=2)[0], expected[:2])
        kind = tachylite.OpResolverType.BUILTIN_REF
        np.testing.assert_array_equal(run(clipped, X, experimental_op_resolver_type=kind)[0], expected)
        assert kernels_of(clipped) == ["acme_clip_f32", "abs_f32"]
        (found,) = Program(bytes(tlp.compile_model(clipped, Target(native.tier()))))(x=X).values()
        np.testing.assert_array_equal(found, expected)


def test_what_a_library_refuses(library: str, tmp_path: Path) -> None:
    tachylite.load_operators(library)
    build = Builder()
    with pytest.raises(TachyliteError, match="AcmeClip: takes one input, of float32"):
        build.AcmeClip(build.input("x", (2,), np.int8))
    for path in (str(tmp_path / "libmissing.so"), str(native.LIBRARY)):
        with pytest.raises(TachyliteError, match="cannot be loaded"):
            tachylite.load_operators(path)
