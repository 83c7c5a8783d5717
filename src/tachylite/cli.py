"""The command `tachylite`. Commands read like sentences; results go to standard output, errors to standard error with exit status 1."""

import gzip
import json
import runpy
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn
from rich.table import Table

from tachylite.model.errors import TachyliteError
from tachylite.update import cli as updates

app = typer.Typer(
    name="tachylite",
    help="Convert, run and inspect .tflite models.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(updates.publish)
app.add_typer(updates.update)
console = Console()

ModelPath = Annotated[Path, typer.Argument(metavar="MODEL", help="A .tflite file.")]
OutputPath = Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The .tflite file to write.")]
Operators = Annotated[list[str] | None, typer.Option("--operator", help="Only operators of this kind, such as CONV_2D.")]
Names = Annotated[list[str] | None, typer.Option("--name", help="Only operators whose output is named so; * and ? make patterns.")]
DelegateNames = Annotated[
    list[str] | None,
    typer.Option("--delegate", metavar="NAME[,OPTION=VALUE...]", help="Let it take what it supports: a name, module:Class, or a library."),
]
Strict = Annotated[bool, typer.Option("--strict", help="Fail where a delegate does, instead of running its part on the CPU.")]
Skip = Annotated[list[str] | None, typer.Option(help="Not operators whose output is named so.")]


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
    delegates: DelegateNames = None,
    strict: Strict = False,
) -> None:
    """Run a model once on a picture, a sound or arrays, and show what it answers.

    Inputs are brought to the size, type and scale that the model asks for. Inputs that are not given are zero.
    """
    from tachylite.data import answers, arrays, drawing, feed
    from tachylite.runtime.delegate import from_text
    from tachylite.runtime.loaded import load

    with explained():
        if draw and not image:
            raise TachyliteError("--draw draws on the picture of --image, which was not given")
        loaded = load(model, threads, [from_text(text) for text in delegates or ()], strict)
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


FAR = 0.05
"""A difference, as a part of an output's range, that rounding to integers does not explain."""


@app.command()
def convert(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="SOURCE",
            help="A trained model: .keras, .h5, a SavedModel's folder, .pb, .onnx, .pt2, or what jax.export wrote.",
        ),
    ],
    output: OutputPath,
    input_shapes: Annotated[
        list[str] | None, typer.Option("--input-shape", metavar="[NAME=]N,N,...", help="An input's shape where the source leaves it open.")
    ] = None,
    signatures: Annotated[list[str] | None, typer.Option("--signature", help="Convert this signature; all by default.")] = None,
    layout: Annotated[str | None, typer.Option(help="nhwc: take pictures with channels last, whatever the source takes.")] = None,
    optimize: Annotated[bool, typer.Option(help="Fold constants, fuse operators, remove what does nothing.")] = True,
    check: Annotated[
        bool,
        typer.Option("--check", help="Run random inputs through source and result, where the source can run, and through each step."),
    ] = False,
    custom_ops: Annotated[list[str] | None, typer.Option("--custom-op", help="Let operators of this name become custom ones.")] = None,
) -> None:
    """Convert a trained model to .tflite, and show what became of its operators."""
    from tachylite import passes
    from tachylite.bench.engine import distance, random_answers
    from tachylite.frontends import source as frontends

    with explained():
        with Progress(console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(f"reading {source.name}", total=3)
            shapes = dict(input_shape(text) for text in input_shapes or ())
            model = frontends.convert(
                source,
                signatures=tuple(signatures or ()),
                input_shapes=shapes.get("", shapes) or None,
                layout=layout,
                optimize=False,
                custom_ops=tuple(custom_ops or ()),
            )
            before = Counter(op.op for op in model.operators())
            bar.update(task, advance=1, description="optimizing" if optimize else "writing")
            if optimize:
                passes.optimize(model, evaluate=random_answers if check else None)
            bar.update(task, advance=1, description="checking" if check else "writing")
            runner = frontends.runner(source) if check and not layout else None
            beside = None if runner is None else distance(model, runner)
            if beside is not None and beside > FAR:
                raise TachyliteError(
                    f"on random inputs the result is {beside:.1%} of the range away from {source.name}; nothing was written"
                )
            model.save(output)
        show_conversion(before, Counter(op.op for op in model.operators()))
        checked = ", every step of it checked on random inputs" if check and optimize else ""
        checked += f", within {beside:.1e} of the range of what {source.name} answers" if beside is not None else ""
        console.print(f"{output}  {size_text(output.stat().st_size)}{checked}", highlight=False, soft_wrap=True)


def input_shape(text: str) -> tuple[str, tuple[int, ...]]:
    """`name=1,28,28` as name and shape; without a name it is "". Raises TachyliteError."""
    name, _, sizes = text.rpartition("=")
    try:
        return name, tuple(int(size) for size in sizes.split(","))
    except ValueError:
        raise TachyliteError(f"--input-shape {text!r}: give whole numbers with commas between them, such as image=1,224,224,3") from None


def show_conversion(before: "Counter[str]", after: "Counter[str]", *titles: str) -> None:
    """How often each operator occurs, as the source has it and in the file."""
    table = Table("operator", box=None, pad_edge=False)
    for title in titles or ("in the source", "in the file"):
        table.add_column(title, justify="right")
    for name in sorted(before | after):
        table.add_row(name, str(before[name] or ""), str(after[name] or ""))
    table.add_row("[bold]all[/]", str(before.total()), str(after.total()))
    console.print(table)


@app.command()
def quantize(
    model: ModelPath,
    output: OutputPath,
    recipe: Annotated[str, typer.Option(help="A scheme, such as static_wi8_ai8, or a .json file of rules.")] = "dynamic_wi8_afp32",
    calibration: Annotated[
        Path | None, typer.Option(metavar="DATA", help="Samples: .npz, .npy, a folder of pictures; or .json statistics of an earlier run.")
    ] = None,
    method: Annotated[str, typer.Option(help="min_max, moving_average, percentile:99.9, entropy or mse.")] = "min_max",
    rounding: Annotated[str, typer.Option(help="Of weights: nearest, balanced, or learned from the samples.")] = "balanced",
    correct_bias: Annotated[bool, typer.Option(help="Let biases make up for the errors of weights, where there are samples.")] = True,
    equalize: Annotated[bool, typer.Option("--equalize", help="Scale the channels between layers alike first.")] = False,
    inputs: Annotated[str, typer.Option(help="The type of the inputs: float32, int8, uint8, int16.")] = "float32",
    outputs: Annotated[str, typer.Option(help="The type of the outputs.")] = "float32",
    statistics: Annotated[Path | None, typer.Option(metavar="FILE", help="Save what calibration found as JSON.")] = None,
    report: Annotated[bool, typer.Option("--report", help="Show operators, and with --data how close the outputs are.")] = False,
    data: Annotated[Path | None, typer.Option(metavar="DATA", help="Samples to compare both models on, for --report.")] = None,
) -> None:
    """Make a model smaller and faster by storing and computing with integers."""
    from tachylite.compress.calibrate import Calibration, calibrate
    from tachylite.compress.compare import compare as compared
    from tachylite.compress.quantize import quantize as quantized
    from tachylite.compress.recipe import read_rules
    from tachylite.model import codec

    with explained():
        source, rules = codec.read_file(model), read_rules(recipe)
        ranges: Any = calibration
        from_samples = rounding == "learned" or equalize
        if calibration is not None and calibration.suffix == ".json":
            ranges = Calibration.load(calibration)
        elif calibration is not None and (statistics or not from_samples):
            with counting("calibrating") as progress:
                ranges = calibrate(source, calibration, method=method, progress=progress)
            if statistics:
                ranges.save(statistics)
        with counting("quantizing") as progress:
            result = quantized(
                source,
                rules,
                calibration if from_samples else ranges,
                method=method,
                rounding=rounding,
                correct_bias=correct_bias,
                equalize=equalize,
                inputs=inputs,
                outputs=outputs,
                progress=progress,
            )
        result.save(output)
        if report:
            show_conversion(Counter(op.op for op in source.operators()), Counter(op.op for op in result.operators()), "before", "after")
        show_sizes(model, output)
        if report and data is not None:
            show_agreement(compared(source, result, data))


@app.command()
def prune(
    model: ModelPath,
    output: OutputPath,
    sparsity: Annotated[float | None, typer.Option(help="The part of the weights that becomes zero.")] = None,
    pattern: Annotated[str, typer.Option(help="unstructured, 2:4, or blocks of outputs x inputs such as 4x1.")] = "unstructured",
    method: Annotated[str, typer.Option(help="What goes: magnitude, lamp (relative to the layer), or surgery (by samples).")] = "magnitude",
    calibration: Annotated[
        Path | None, typer.Option(metavar="SAMPLES", help="For surgery, or to fit layers without channels again.")
    ] = None,
    channels: Annotated[float | None, typer.Option(metavar="RATIO", help="Remove this part of the layers' channels instead.")] = None,
    macs: Annotated[float | None, typer.Option(metavar="PART", help="Remove channels; this part of the multiplications stays.")] = None,
    norm: Annotated[str, typer.Option(help="What makes a channel small: l1 or l2 of its weights.")] = "l1",
    multiple: Annotated[int, typer.Option(min=1, help="Layers keep a multiple of as many channels.")] = 8,
    scope: Annotated[
        str | None, typer.Option(help="Compare weights of all layers (global) or of each (layer). [default: global; layer for channels]")
    ] = None,
    operators: Operators = None,
    names: Names = None,
    skip: Skip = None,
    report: Annotated[bool, typer.Option("--report", help="Show operators, zeros and multiplications, before and after.")] = False,
) -> None:
    """Make small weights zero, or with --channels or --macs remove whole channels."""
    from tachylite.compress import channels as structured
    from tachylite.compress.prune import prune as pruned
    from tachylite.model import codec

    with explained():
        source = codec.read_file(model)
        which: dict[str, Any] = {"operators": operators or "*", "names": names or "*", "skip": skip or ()}
        if channels is None and macs is None:
            which |= {"method": method, "pattern": pattern, "calibration": calibration}
            result = pruned(source, sparsity, scope=scope or "global", **which)
        elif sparsity is not None:
            raise TachyliteError("--sparsity makes weights zero, --channels and --macs remove channels; run one after the other")
        else:
            options: dict[str, Any] = {"norm": norm, "scope": scope or "layer", "multiple": multiple, "calibration": calibration, **which}
            result = structured.prune_channels(source, channels, macs=macs, **options)
        result.save(output)
        if report:
            show_weights(source, result)
            if channels is not None or macs is not None:
                for line in structured.Removable(source).blocked:
                    console.print(f"channels stay where {escape(line)} reads or makes them", highlight=False)
        show_sizes(model, output)


@app.command()
def cluster(
    model: ModelPath,
    output: OutputPath,
    clusters: Annotated[int, typer.Option(help="How many values the weights of a layer may take.")] = 16,
    init: Annotated[str, typer.Option(help="Where k-means begins: kmeans++, linear or density.")] = "kmeans++",
    scope: Annotated[str, typer.Option(help="Who shares values: a layer, or a channel of it.")] = "layer",
    operators: Operators = None,
    names: Names = None,
    skip: Skip = None,
    calibration: Annotated[Path | None, typer.Option(metavar="SAMPLES", help="Samples, by which layers change least.")] = None,
    seed: Annotated[int, typer.Option(help="Of the draws of kmeans++.")] = 0,
    report: Annotated[bool, typer.Option("--report", help="Show operators and how many values there are, before and after.")] = False,
) -> None:
    """Let weights share few values, so that the file shrinks when it is packed."""
    from tachylite.compress.cluster import cluster as clustered
    from tachylite.model import codec

    with explained():
        source = codec.read_file(model)
        which: dict[str, Any] = {"operators": operators or "*", "names": names or "*", "skip": skip or ()}
        result = clustered(source, clusters, init=init, scope=scope, calibration=calibration, seed=seed, **which)
        result.save(output)
        if report:
            show_weights(source, result)
        show_sizes(model, output)
        packed = [len(gzip.compress(path.read_bytes(), mtime=0)) for path in (model, output)]
        console.print(f"packed with gzip  {size_text(packed[1])}, {packed[1] / packed[0]:.1%} of {size_text(packed[0])}", highlight=False)


def show_sizes(before: Path, after: Path) -> None:
    """The size of a file, and of the one that it was made of."""
    sizes = before.stat().st_size, after.stat().st_size
    console.print(f"{after}  {size_text(sizes[1])}, {sizes[1] / sizes[0]:.1%} of {size_text(sizes[0])}", highlight=False)


def show_weights(before: Any, after: Any) -> None:
    """Operators of two models, then what is in each constant of weights of the second, then what there is in all."""
    from tachylite.compress.channels import macs
    from tachylite.compress.weights import contents

    show_conversion(Counter(op.op for op in before.operators()), Counter(op.op for op in after.operators()), "before", "after")
    table = Table("weights", box=None, pad_edge=False)
    for title in ("elements", "zeros", "values"):
        table.add_column(title, justify="right")
    for each in contents(after):
        table.add_row(each.name, f"{each.size:,}", f"{each.zeros / max(1, each.size):.1%}", f"{each.distinct:,}")
    console.print(table)
    for what, counts in (
        ("weights", [sum(c.size for c in contents(m)) for m in (before, after)]),
        ("zeros", [sum(c.zeros for c in contents(m)) for m in (before, after)]),
        ("multiplications", [macs(m) for m in (before, after)]),
    ):
        console.print(f"{what}: {counts[0]:,} before, {counts[1]:,} after", highlight=False)


@contextmanager
def counting(what: str) -> Iterator[Any]:
    """A bar whose end is not known: the function to call with the number of samples done."""
    columns = TextColumn("{task.description}"), SpinnerColumn(), TextColumn("{task.completed}")
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda count: bar.update(task, completed=count)


@app.command()
def make_trainable(
    model: ModelPath,
    output: OutputPath,
    loss: Annotated[
        str, typer.Option(help="sparse_crossentropy, crossentropy, binary_crossentropy, mse, mae or huber.")
    ] = "sparse_crossentropy",
    optimizer: Annotated[str, typer.Option(help="sgd, momentum, rmsprop, adam or adamw.")] = "adam",
    trainable: Annotated[
        list[str] | None, typer.Option(metavar="PATTERN", help="Constants that are trained; * and ? make patterns.")
    ] = None,
    batch: Annotated[int, typer.Option(min=1, help="Samples of a step.")] = 32,
    classes: Annotated[int | None, typer.Option(help="Put a new last layer of so many classes in place of the old one.")] = None,
    smoothing: Annotated[float, typer.Option(help="Part of the probability that all classes share.")] = 0.0,
    clip_norm: Annotated[float | None, typer.Option(help="Greatest norm of all gradients together.")] = None,
    clip_value: Annotated[float | None, typer.Option(help="Greatest element of a gradient.")] = None,
    initialize: Annotated[int | None, typer.Option(metavar="SEED", help="Begin with random weights.")] = None,
    segments: Annotated[int, typer.Option(min=1, help="Compute parts again to save memory.")] = 1,
) -> None:
    """Give a model signatures that train, judge, save and restore it, on the device too."""
    from tachylite.train.head import add_head
    from tachylite.train.signatures import make_trainable, settings_of

    with explained():
        source = add_head(model, classes) if classes is not None else model
        result = make_trainable(
            source,
            loss=loss,
            optimizer=optimizer,
            trainable=trainable or "*",
            batch=batch,
            smoothing=smoothing,
            clip_norm=clip_norm,
            clip_value=clip_value,
            initialize=initialize,
            segments=segments,
        )
        result.save(output)
        console.print(f"trains {len(settings_of(result)['trained'])} tensors by {optimizer}, batches of {batch}", highlight=False)
        for signature in result.signatures:
            operators = len(signature.graph.operators)
            console.print(f"  {signature.key:8} {operators:5} operators", highlight=False)
        show_sizes(model, output)


@app.command()
def train(
    model: ModelPath,
    data: Annotated[Path, typer.Argument(metavar="DATA", help="Samples: .npz with arrays named like the inputs, and `target`.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write what was learned as a plain model.")] = None,
    checkpoint: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Save here after each epoch; go on from it where it exists.")
    ] = None,
    epochs: Annotated[int, typer.Option(min=1, help="How often all samples are gone through.")] = 10,
    rate: Annotated[float | None, typer.Option(help="The learning rate; else one that suits the optimizer.")] = None,
    schedule: Annotated[str, typer.Option(help="How the rate goes on: constant, or cosine.")] = "constant",
    validation: Annotated[Path | None, typer.Option(metavar="DATA", help="Samples that are judged after each epoch.")] = None,
    patience: Annotated[int | None, typer.Option(help="Stop after so many epochs that did not help the validation.")] = None,
    mean: Annotated[float, typer.Option(help="Inputs become (x - mean) / std.")] = 0.0,
    std: Annotated[float, typer.Option(help="See --mean.")] = 1.0,
    seed: Annotated[int, typer.Option(help="Of the samples' order.")] = 0,
    threads: Annotated[int, typer.Option(min=1, help="Worker threads.")] = 1,
    page: Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write one page with the loss curve.")] = None,
) -> None:
    """Train a model that `tachylite make-trainable` wrote, and show the loss curve."""
    from tachylite.model import codec
    from tachylite.train import curve
    from tachylite.train.loop import cosine, fit
    from tachylite.train.optimizer import OPTIMIZERS
    from tachylite.train.signatures import settings_of

    with explained():
        source = codec.read_file(model)
        settings = settings_of(source)
        if schedule not in ("constant", "cosine"):
            raise TachyliteError(f"there is no schedule {schedule!r}; choose constant or cosine")
        start = OPTIMIZERS[settings["optimizer"]["name"]].rate if rate is None else rate
        with training_bar() as progress:
            training = fit(
                source,
                training_data(data, mean, std),
                epochs=epochs,
                rate=cosine(start) if schedule == "cosine" else start,
                validation=training_data(validation, mean, std) if validation else None,
                seed=seed,
                checkpoint=checkpoint,
                patience=patience,
                threads=threads,
                progress=progress,
            )
        for line in curve.text(training.losses):
            console.print(line, highlight=False)
        if training.validations:
            step, loss, right = training.validations[-1]
            accuracy = "" if right is None else f", {right:.2%} right"
            console.print(f"validation after step {step}: loss {loss:.4f}{accuracy}", highlight=False)
        if page:
            first = training.steps - len(training.losses)
            content = {
                "model": model.name,
                "settings": settings,
                "first": first,
                "losses": training.losses,
                "validations": training.validations,
            }
            curve.write(content, page)
        if output:
            training.freeze().save(output)
            show_sizes(model, output)


def training_data(path: Path, mean: float, std: float) -> dict[str, Any]:
    """The arrays of an .npz file; inputs as (x - mean) / std. Raises TachyliteError, OSError."""
    from tachylite.data import arrays
    from tachylite.train.loop import TARGETS

    found = arrays.read(path)
    if not isinstance(found, dict):
        raise TachyliteError(f"{path} holds one array; training needs inputs and targets by name, in an .npz file")
    return {name: array if name in TARGETS else (array - mean) / std for name, array in found.items()}


@contextmanager
def training_bar() -> Iterator[Any]:
    """A bar of steps with the last loss: the function to call with the steps done, those there are, and the loss."""
    columns = TextColumn("training"), BarColumn(), TextColumn("{task.completed}/{task.total}  loss {task.fields[loss]:.4f}")
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None, loss=float("nan"))
        yield lambda done, of, loss: bar.update(task, completed=done, total=of, loss=loss)


@app.command()
def finetune(
    model: ModelPath,
    data: Annotated[Path, typer.Argument(metavar="DATA", help="Samples: .npz with arrays named like the inputs, and perhaps `target`.")],
    output: OutputPath,
    recipe: Annotated[str | None, typer.Option(help="Quantize in the end: a scheme or a .json file of rules.")] = None,
    sparsity: Annotated[float | None, typer.Option(help="Make so many weights zero, a few more at a time.")] = None,
    pattern: Annotated[str, typer.Option(help="Which: unstructured, 2:4, or blocks such as 4x1.")] = "unstructured",
    clusters: Annotated[int | None, typer.Option(help="Let the weights of a layer share so many values.")] = None,
    teacher: Annotated[Path | None, typer.Option(metavar="MODEL", help="The float model whose answers are learned; else MODEL.")] = None,
    distill: Annotated[float, typer.Option(help="The part of what is learned that these are; the rest are the data's classes.")] = 1.0,
    epochs: Annotated[int, typer.Option(min=1, help="How often all samples are gone through.")] = 10,
    rate: Annotated[float | None, typer.Option(help="Where the learning rate begins, before it falls along a cosine.")] = None,
    batch: Annotated[int, typer.Option(min=1, help="Samples of a step.")] = 32,
    checkpoint: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Save here after each epoch; go on from it where it exists.")
    ] = None,
    mean: Annotated[float, typer.Option(help="Inputs become (x - mean) / std.")] = 0.0,
    std: Annotated[float, typer.Option(help="See --mean.")] = 1.0,
    seed: Annotated[int, typer.Option(help="Of the samples' order, and of clustering.")] = 0,
    threads: Annotated[int, typer.Option(min=1, help="Worker threads.")] = 1,
) -> None:
    """Train a pruned, clustered or soon to be quantized model as what it will be, to answer like the float model."""
    from tachylite.compress.recipe import read_rules
    from tachylite.train.finetune import finetune
    from tachylite.train.loop import cosine

    with explained():
        with training_bar() as progress:
            result = finetune(
                model,
                training_data(data, mean, std),
                recipe=None if recipe is None else read_rules(recipe),
                sparsity=sparsity,
                pattern=pattern,
                clusters=clusters,
                teacher=teacher,
                distill=distill,
                epochs=epochs,
                rate=None if rate is None else cosine(rate),
                batch=batch,
                checkpoint=checkpoint,
                seed=seed,
                threads=threads,
                progress=progress,
            )
        result.save(output)
        show_sizes(model, output)


@app.command()
def compare(
    model: Annotated[Path, typer.Argument(metavar="FLOAT", help="The float .tflite file.")],
    quantized: Annotated[Path, typer.Argument(metavar="QUANTIZED", help="The .tflite file that was made of it.")],
    data: Annotated[Path, typer.Option(metavar="DATA", help="Samples: .npz, .npy, or a folder of pictures.")],
    rows: Annotated[int, typer.Option(min=1, help="How many tensors to show, the worst first.")] = 15,
    target_sqnr: Annotated[float | None, typer.Option(metavar="DB", help="Suggest a recipe whose outputs reach this SQNR.")] = None,
    target_accuracy: Annotated[float | None, typer.Option(help="Suggest a recipe that reaches this with --labels or --metric.")] = None,
    labels: Annotated[Path | None, typer.Option(metavar="FILE", help="The samples' classes, .npy; accuracy is how many are met.")] = None,
    metric: Annotated[
        str | None, typer.Option(metavar="FILE.py:NAME", help="A function from the outputs of all samples, as dicts, to a number.")
    ] = None,
    recipe: Annotated[str, typer.Option(help="What the suggestion begins with: a scheme or a .json file of rules.")] = "static_wi8_ai8",
    suggestion: Annotated[Path | None, typer.Option("--save", metavar="FILE", help="Write the suggested rules as JSON.")] = None,
    page: Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write one page with tensors and graph.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Everything, as JSON.")] = False,
) -> None:
    """Show what quantizing a model cost, tensor by tensor, and which operators had better stay float."""
    from tachylite.compress import compare as comparing
    from tachylite.compress import page as pages

    with explained():
        with counting("comparing") as progress:
            comparison = comparing.compare(model, quantized, data, progress=progress)
        sizes = [path.stat().st_size for path in (model, quantized)]
        content = {"model": model.name, "quantized": quantized.name, "bytes": sizes, **comparison.as_data()}
        if target_sqnr is not None or target_accuracy is not None:
            content["suggestion"] = suggested(model, recipe, data, target_sqnr, target_accuracy, metric_of(labels, metric))
            if suggestion:
                suggestion.write_text(json.dumps(content["suggestion"]["rules"], indent=1) + "\n", encoding="utf-8")
        if page:
            pages.write(content, page)
        if as_json:
            print(json.dumps(content, indent=2))
            return
        show_comparison_of(comparison, rows)
        if "suggestion" in content:
            show_suggestion(content["suggestion"])


def metric_of(labels: Path | None, function: str | None) -> Any:
    """The metric that was asked for, None where none was. Raises TachyliteError, OSError."""
    from tachylite.compress.suggest import top_1
    from tachylite.data import arrays

    if function is None:
        return None if labels is None else top_1(arrays.read_one(labels).ravel())
    path, _, name = function.rpartition(":")
    if not path or not Path(path).is_file():
        raise TachyliteError(f"--metric {function!r}: give a Python file and the name of a function in it, such as metrics.py:accuracy")
    found = runpy.run_path(path).get(name)
    if not callable(found):
        raise TachyliteError(f"{path} defines no function {name!r}")
    return found


def suggested(model: Path, recipe: str, data: Path, sqnr: float | None, accuracy: float | None, metric: Any) -> dict[str, Any]:
    """The recipe that reaches the target with the fewest float operators."""
    from tachylite.compress.recipe import read_rules
    from tachylite.compress.suggest import suggest

    with counting("trying recipes") as progress:
        found = suggest(model, read_rules(recipe), data, target_sqnr=sqnr, target_accuracy=accuracy, metric=metric, progress=progress)
    return {"rules": [vars(rule) for rule in found.rules], "kept": list(found.kept), "reached": found.reached}


def show_comparison_of(comparison: Any, count: int) -> None:
    """The outputs, and the tensors whose operators cost most."""
    show_agreement(comparison)
    table = Table("tensor", "operator", "type", box=None, pad_edge=False)
    for column in ("SQNR", "cost", "cosine", "greatest error", "saturated"):
        table.add_column(column, justify="right")
    worst = comparison.worst()
    for row in worst[:count]:
        a = row.agreement
        numbers = (f"{a.sqnr:.1f} dB", f"{row.lost:.1f} dB", f"{a.cosine:.5f}", f"{a.max_error:.3g}", f"{a.saturation:.1%}")
        table.add_row(escape(row.name), row.operator, row.dtype, *numbers)
    console.print(table)
    if len(worst) > count:
        console.print(f"and {len(worst) - count} others; --rows shows more", highlight=False)


def show_agreement(comparison: Any) -> None:
    """How close the outputs are."""
    a = comparison.outputs
    found = f"SQNR [bold]{a.sqnr:.2f} dB[/], cosine {a.cosine:.5f}, greatest error {a.max_error:.3g}"
    console.print(f"outputs of {comparison.samples} samples: {found}", highlight=False)


def show_suggestion(suggestion: dict[str, Any]) -> None:
    """The operators to leave in float."""
    kept = ", ".join(suggestion["kept"]) or "none"
    console.print(f"float operators that reach {suggestion['reached']:.4g}: [bold]{escape(kept)}[/]", highlight=False)


@app.command()
def inspect(
    model: ModelPath,
    delegates: DelegateNames = None,
    as_json: Annotated[bool, typer.Option("--json", help="Everything, as JSON.")] = False,
) -> None:
    """Show a model's inputs, outputs, operators with shapes and sizes, weights by type, and the memory that it needs.

    With --delegate: where each operator would run, why not on the delegate, and how many bytes cross.
    """
    from tachylite.model import codec
    from tachylite.program.summary import summarize

    with explained():
        summary = {"file": str(model), "bytes": model.stat().st_size, **summarize(codec.read_file(model))}
        if delegates:
            summary["partitioning"] = partitioning(model, delegates)
        if as_json:
            print(json.dumps(summary, indent=2))
        else:
            show_summary(summary)


def partitioning(model: Path, delegates: list[str]) -> dict[str, Any]:
    """The partition report of a model with the shapes of its file."""
    from tachylite.runtime.delegate import from_text
    from tachylite.runtime.interpreter import Interpreter

    interpreter = Interpreter(str(model), experimental_delegates=[from_text(text) for text in delegates])
    interpreter.allocate_tensors()
    return interpreter.partition_report().as_data()


def show_partitioning(report: dict[str, Any], on_cpu_alone: bool = False) -> None:
    """Partitions, and where each operator runs, or those that the CPU runs."""
    console.print(f"delegates do [bold]{report['share']:.1%}[/] of the operations", highlight=False)
    partitions = Table("partition", "delegate", box=None, pad_edge=False)
    for column in ("operators", "operations", "in", "out"):
        partitions.add_column(column, justify="right")
    for p in report["partitions"]:
        sizes = size_text(p["bytes_in"]), size_text(p["bytes_out"])
        partitions.add_row(str(p["number"]), p["delegate"], str(p["operators"]), f"{p['operations']:,}", *sizes)
    operators = Table("#", "operator", "where", "why", box=None, pad_edge=False)
    for o in (o for o in report["operators"] if not on_cpu_alone or o["where"] == "cpu"):
        where = o["where"] if o["partition"] is None else f"{o['where']} {o['partition']}"
        operators.add_row(str(o["index"]), o["op"], where, escape(o["why"]))
    console.print(partitions, operators)


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
    if "partitioning" in summary:
        show_partitioning(summary["partitioning"])
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
def bench(
    model: ModelPath,
    threads: Annotated[int, typer.Option(min=1, help="Worker threads.")] = 1,
    seconds: Annotated[float, typer.Option(min=0.01, help="How long each engine runs.")] = 3.0,
    runs: Annotated[int | None, typer.Option(min=1, help="How often each engine runs, instead of for --seconds.")] = None,
    versus: Annotated[str | None, typer.Option("--vs", metavar="ENGINE", help="Run another engine in turn: litert.")] = None,
    signature: Annotated[str | None, typer.Option(help="Run this signature instead of the main graph.")] = None,
    rows: Annotated[int, typer.Option(min=1, help="How many operators to show, the slowest first.")] = 15,
    delegates: DelegateNames = None,
    strict: Strict = False,
    page: Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write one page with timeline, graph and operators.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Everything, as JSON.")] = False,
) -> None:
    """Measure a model: latency, load time, memory, and what each operator takes of the time and of the machine."""
    from tachylite.bench import html, measure, report

    with explained():
        with Progress(console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("loading", total=1.0)
            result = measure.bench(
                model,
                threads,
                seconds=seconds,
                runs=runs,
                signature=signature,
                versus=versus,
                delegates=tuple(delegates or ()),
                strict=strict,
                progress=lambda what, done: bar.update(task, description=what, completed=done),
            )
        data = report.as_data(result)
        if page:
            html.write(data, page)
        if as_json:
            print(json.dumps(data, indent=2))
        else:
            show_bench(data, rows)


def show_bench(data: dict[str, Any], rows: int) -> None:
    """A measurement as lines and a table."""
    threads = "1 thread" if data["threads"] == 1 else f"{data['threads']} threads"
    console.print(f"[bold]{escape(data['model'])}[/]  {size_text(data['bytes'])}, {threads}, {data['tier']}", highlight=False)
    comparison = data["comparison"]
    engines = {"tachylite": data} | ({comparison["engine"]: comparison} if comparison else {})
    columns = ("least", "p50", "p90", "p99"), ("construct", "allocate", "first_run")
    times = Table("latency", *columns[0], "runs", box=None, pad_edge=False)
    loads = Table("load", *(c.replace("_", " ") for c in columns[1]), "peak memory", box=None, pad_edge=False)
    for name, measured in engines.items():
        latency, load = measured["latency"], measured["load"]
        times.add_row(name, *(time_text(latency[c]) for c in columns[0]), str(latency["runs"]))
        loads.add_row(name, *(time_text(load[c]) for c in columns[1]), size_text(load["peak_bytes"]))
    console.print(times, loads)
    if comparison:
        show_comparison(comparison)
    peaks = ", ".join(f"{kind} {rate / 1e9:,.1f} Gop/s" for kind, rate in data["peaks"].items())
    console.print(f"arena {size_text(data['arena_bytes'])}; the machine's peak: {peaks}\n", highlight=False)
    show_operators(data["operators"], rows)
    if data["partitioning"]:
        show_partitioning(data["partitioning"], on_cpu_alone=True)


def show_comparison(comparison: dict[str, Any]) -> None:
    """Who is faster, and whether they agree."""
    console.print(f"tachylite runs at [bold]{comparison['ratio']:.2f}[/] times the speed of {comparison['engine']}", highlight=False)
    for output in comparison["agreement"]:
        difference = "differs in shape" if output["difference"] is None else f"differs by {output['difference']:.3g} at most"
        console.print(f"output {escape(output['output'])} {difference}, its range is {output['span'] or 0:.3g}", highlight=False)


def show_operators(operators: list[dict[str, Any]], count: int) -> None:
    """The slowest operators, and what is left of them."""
    table = Table(box=None, pad_edge=False, collapse_padding=True)
    for column in ("#", "operator", "time", "share", "MFLOP", "of peak", "bytes", "kernel", "tier"):
        table.add_column(column, justify="left" if column in ("operator", "kernel", "tier") else "right", no_wrap=column != "kernel")
    slowest = sorted(operators, key=lambda row: -row["seconds"])
    for row in slowest[:count]:
        table.add_row(
            "" if row["index"] is None else str(row["index"]),
            row["op"],
            time_text(row["seconds_per_call"]),
            f"{row['share']:.1%}",
            "" if row["flops"] is None else f"{row['flops'] / 1e6:.3g}",
            "" if row["of_peak"] is None else f"{row['of_peak']:.0%}",
            size_text(row["bytes"]),
            row["kernel"],
            row["tier"],
        )
    console.print(table)
    if rest := slowest[count:]:
        console.print(f"and {len(rest)} others, {sum(row['share'] for row in rest):.1%}; --rows shows more", highlight=False)


def time_text(seconds: float) -> str:
    """Seconds for people."""
    for factor, unit in ((1.0, "s"), (1e3, "ms"), (1e6, "µs")):
        if seconds * factor >= 1:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1e9:.0f} ns"


@app.command()
def program(
    model: ModelPath,
    output: Annotated[Path, typer.Option("--output", "-o", help="The .tlp file to write.")],
    target: Annotated[str | None, typer.Option(help="Instructions to use, like baseline or avx2; else the best of this machine.")] = None,
    threads: Annotated[int, typer.Option(min=1, help="The most worker threads that it may run on.")] = 1,
    delegates: DelegateNames = None,
) -> None:
    """Write a model as a program file, which the C runtime runs without Python.

    It holds what the model becomes for the input shapes in its file: code, constants and a memory plan. See native/include/tachylite.h.
    With --delegate, which must be a C library's: what that compiled too, and what the CPU does where the delegate is missing or fails.
    """
    from tachylite.model import codec
    from tachylite.model.files import write_atomically
    from tachylite.program.target import Target
    from tachylite.program.tlp import compile_model
    from tachylite.runtime import native
    from tachylite.runtime.delegate import from_text

    with explained():
        chosen = [from_text(text) for text in delegates or ()]
        compiled = compile_model(codec.read_file(model), Target(target or native.tier(), workers=threads), chosen)
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
    for p in compiled.partitions:
        console.print(f"delegate  {p.delegate.name} runs {len(p.positions)} operators in one call", highlight=False)


@app.command(name="compile")
def compile_to_c(
    models: Annotated[list[Path], typer.Argument(metavar="MODEL...", help=".tflite files; those of one image share their kernels.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="The folder to write to.")],
    target: Annotated[str, typer.Option(help="The machine; see docs/microcontrollers.md. `any` is every C compiler's.")] = "any",
    names: Annotated[
        list[str] | None, typer.Option("--name", help="What C names begin with, for each model; else the file's name.")
    ] = None,
    arena_limit: Annotated[int | None, typer.Option(metavar="BYTES", help="Fail if a model takes more RAM.")] = None,
    flash_limit: Annotated[int | None, typer.Option(metavar="BYTES", help="Fail if the constants take more flash.")] = None,
) -> None:
    """Print models as C for microcontrollers: no interpreter, no allocation, only the kernels that they call."""
    from tachylite.emit.compile import compile as compiled

    with explained():
        units = compiled(models, output, target=target, names=names or None, arena_limit=arena_limit, flash_limit=flash_limit)
        table = Table("model", "constants", "arena", "multiply-accumulates", box=None, pad_edge=False)
        for unit in units:
            table.add_row(unit.name, size_text(unit.constant_size), size_text(unit.arena_size), f"{sum(unit.macs.values()):,}")
        console.print(table)
        console.print(f"{output}  C for {target}; README.md in it says how to build it", highlight=False, soft_wrap=True)


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
