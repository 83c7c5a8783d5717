"""The command `tachylite`. Commands read like sentences; results go to standard output, errors to standard error with exit status 1."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tachylite.model.errors import TachyliteError

app = typer.Typer(
    name="tachylite", help="Run and inspect .tflite models.", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
)
console = Console()

ModelPath = Annotated[Path, typer.Argument(metavar="MODEL", help="A .tflite file.")]


def main() -> None:
    """Entry point of the command."""
    app()


@contextmanager
def explained() -> Iterator[None]:
    """Errors that a user can mend, as one line instead of a traceback."""
    try:
        yield
    except (TachyliteError, OSError) as problem:
        Console(stderr=True).print(f"[bold red]error[/]: {escape(str(problem))}", soft_wrap=True, highlight=False)
        raise typer.Exit(1) from problem


def size_text(size: int | None) -> str:
    """Bytes for people."""
    if size is None:
        return "unknown"
    return f"{size:,} B" if size < 10_000 else f"{size / 1000:,.1f} kB" if size < 10_000_000 else f"{size / 1e6:,.1f} MB"


@app.command()
def run(
    model: ModelPath,
    image: Annotated[Path | None, typer.Option(help="A picture for the model's picture input.")] = None,
    audio: Annotated[Path | None, typer.Option(help="A WAV file for the model's sound input.")] = None,
    inputs: Annotated[
        list[str] | None,
        typer.Option("--input", metavar="[NAME=]FILE", help="An input from .npy, .npz or raw elements; in order, or by name."),
    ] = None,
    labels: Annotated[Path | None, typer.Option(help="Class names, one a line; else those in the model's metadata.")] = None,
    draw: Annotated[Path | None, typer.Option(help="Save the picture with what was found drawn on it.")] = None,
    output: Annotated[Path | None, typer.Option(help="Save the raw outputs as .npz.")] = None,
    top: Annotated[int, typer.Option(min=1, help="How many classes to show.")] = 5,
    threshold: Annotated[float, typer.Option(help="The least score of a detection.")] = 0.3,
    mean: Annotated[list[float] | None, typer.Option(help="Inputs take (x - mean) / std; once, or once per channel.")] = None,
    std: Annotated[list[float] | None, typer.Option(help="See --mean.")] = None,
    threads: Annotated[int, typer.Option(min=1, help="Worker threads.")] = 1,
) -> None:
    """Run a model once on a picture, a sound or arrays, and show what it answers.

    Inputs are brought to the size, type and scale that the model asks for. Inputs that are not given are zero.
    """
    from tachylite.data import answers, arrays, drawing, feed
    from tachylite.runtime.loaded import load

    with explained():
        if draw and not image:
            raise TachyliteError("--draw draws on the picture of --image, which was not given")
        loaded = load(model, threads)
        sources = feed.Sources(image, audio, tuple(inputs or ()), tuple(mean or ()) or None, tuple(std or ()) or None)
        results = loaded.run(feed.feed(loaded.model, sources))
        answer = answers.interpret(loaded.model.graph, results, feed.labels(loaded.model, labels), threshold, top)
        show_answer(answer)
        if output:
            arrays.write(output, {t.name: value for t, value in results.items()})
        if draw and image:
            drawing.save(image, answer, draw)


def show_answer(answer: Any) -> None:
    """What a model said, as a table."""
    from tachylite.data import answers

    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]
    match answer:
        case answers.Ranking():
            columns, rows = ("class", "score"), [(label, f"{score:.4f}") for label, score in answer.classes]
        case answers.Detections():
            columns = ("object", "score", "top", "left", "bottom", "right")
            rows = [(b.label, f"{b.score:.4f}", *(f"{edge:.3f}" for edge in b.box)) for b in answer.boxes]
        case answers.KeyPoints():
            columns = ("point", "x", "y", "score")
            rows = [(str(i), f"{x:.3f}", f"{y:.3f}", f"{score:.3f}") for i, (y, x, score) in enumerate(answer.points)]
        case answers.Mask():
            columns, rows = ("class", "share"), [(label, f"{share:.1%}") for label, share in answer.shares]
        case answers.Numbers():
            columns = ("output", "shape", "least", "mean", "greatest")
            rows = [(name, str(list(value.shape)), *spread(value)) for name, value in answer.outputs.items()]
    table = Table(*columns, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(escape(cell) for cell in row))
    console.print(table)
    if not rows:
        console.print("nothing found", highlight=False)


def spread(value: Any) -> tuple[str, str, str]:
    """Least, mean and greatest of an array; the first strings of one that holds text."""
    if not value.size or value.dtype.kind not in "fiub":
        return str(value.ravel()[:3].tolist()), "", ""
    return f"{value.min():.6g}", f"{value.mean():.6g}", f"{value.max():.6g}"


@app.command()
def inspect(
    model: ModelPath,
    as_json: Annotated[bool, typer.Option("--json", help="Everything, as JSON.")] = False,
) -> None:
    """Show a model's inputs, outputs, operators with shapes and sizes, weights by type, and the memory that it needs."""
    from tachylite.model import codec
    from tachylite.program.summary import summarize

    with explained():
        summary = {"file": str(model), "bytes": model.stat().st_size, **summarize(codec.read_file(model))}
        if as_json:
            print(json.dumps(summary, indent=2))
        else:
            show_summary(summary)


def show_summary(summary: dict[str, Any]) -> None:
    """The summary as tables."""
    console.print(f"[bold]{escape(summary['file'])}[/]  {size_text(summary['bytes'])}  {escape(summary['description'])}", highlight=False)
    for graph in summary["graphs"]:
        show_graph(graph)
    for key, signature in summary["signatures"].items():
        console.print(
            f"signature [bold]{escape(key)}[/]({', '.join(signature['inputs'])}) -> {', '.join(signature['outputs'])}", highlight=False
        )
    weights = ", ".join(f"{dtype} {size_text(count)}" for dtype, count in summary["weights"].items())
    console.print(f"weights   {weights or 'none'}", highlight=False)
    console.print(f"arena     {size_text(summary['arena_bytes'])}  {escape(summary['problem'])}", highlight=False)
    if summary["files"]:
        console.print(f"files     {', '.join(summary['files'])}", highlight=False)


def show_graph(graph: dict[str, Any]) -> None:
    """One graph: its operators in order, then its inputs and outputs."""
    title = f"graph {graph['number']} {graph['name']}".strip()
    table = Table(title=escape(title), title_justify="left", box=None, pad_edge=False)
    for column in ("#", "operator", "inputs", "outputs", "weights"):
        table.add_column(column, no_wrap=column in ("#", "operator", "weights"), justify="right" if column == "weights" else "left")
    for number, op in enumerate(graph["operators"]):
        constants = sum(t.get("bytes", 0) for t in op["inputs"] if t)
        inputs = "  ".join(type_text(t) for t in op["inputs"] if t and "bytes" not in t)
        outputs = "  ".join(type_text(t) for t in op["outputs"])
        table.add_row(str(number), op["op"], escape(inputs), escape(outputs), size_text(constants) if constants else "")
    console.print(table)
    for side in ("inputs", "outputs"):
        for tensor in graph[side]:
            console.print(
                f"{side[:-1]:8}  [bold]{escape(tensor['name'])}[/] {escape(type_text(tensor))}{scale_text(tensor)}", highlight=False
            )


def type_text(tensor: dict[str, Any]) -> str:
    """`int8[1, 224, 224, 3]`."""
    return f"{tensor['dtype']}{tensor['shape']}"


def scale_text(tensor: dict[str, Any]) -> str:
    """Per-tensor quantization in words."""
    return f"  scale {tensor['scale']:g}, zero point {tensor['zero_point']}" if "scale" in tensor else ""


@app.command()
def program(
    model: ModelPath,
    output: Annotated[Path, typer.Option("--output", "-o", help="The .tlp file to write.")],
    target: Annotated[str | None, typer.Option(help="Instructions to use, like baseline or avx2; else the best of this machine.")] = None,
    threads: Annotated[int, typer.Option(min=1, help="The most worker threads that it may run on.")] = 1,
) -> None:
    """Write a model as a program file, which the C runtime runs without Python.

    It holds what the model becomes for the input shapes in its file: code, constants and a memory plan. See native/include/tachylite.h.
    """
    from tachylite.model import codec
    from tachylite.model.files import write_atomically
    from tachylite.program.target import Target
    from tachylite.program.tlp import compile_model
    from tachylite.runtime import native

    with explained():
        compiled = compile_model(codec.read_file(model), Target(target or native.tier(), workers=threads))
        write_atomically(output, compiled.pieces)
        show_program(output, compiled)


def show_program(path: Path, compiled: Any) -> None:
    """What was written, and what it needs where it runs."""
    target = compiled.target
    title = (
        f"[bold]{escape(str(path))}[/]  {size_text(compiled.size)}  for {target.isa}, {target.workers} thread{'s'[: target.workers > 1]}"
    )
    console.print(title, highlight=False)
    console.print(f"arena     {size_text(compiled.arena_size)}", highlight=False)
    console.print(f"memory    {size_text(compiled.memory_size)}  with inputs, outputs and variables", highlight=False)
    console.print(f"calls     {compiled.calls}", highlight=False)


@app.command()
def ops(
    pattern: Annotated[str, typer.Argument(help="Only operators whose name contains this.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="The table as JSON.")] = False,
) -> None:
    """List the operators that this build can run, with the types that each computes in."""
    from tachylite.ops import table

    rows = [row for row in table.rows() if pattern.lower() in row.name.lower()]
    if as_json:
        print(json.dumps([row._asdict() for row in rows], indent=2))
        return
    shown = Table("operator", "code", "types", "options", box=None, pad_edge=False)
    for row in rows:
        shown.add_row(row.name, "custom" if row.code is None else str(row.code), " ".join(row.types), " ".join(row.options))
    console.print(shown)
    console.print(f"{len(rows)} operators", highlight=False)
