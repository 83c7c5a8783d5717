"""The commands `tachylite publish …` and `tachylite update …`. Whatever takes time to import is imported by the command that needs it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

from tachylite.model.errors import TachyliteError

AVAILABLE = 10
"""Exit status of `update check` where there is an update."""

publish = typer.Typer(name="publish", help="Publish models for devices, signed, as files for any web server.", no_args_is_help=True)
update = typer.Typer(
    name="update",
    help="Keep the models of a device up to date. Exit status: 0 done, 1 a mistake, 3 no network, 4 refused (not what was signed, or too "
    "old), 5 the version cannot run here, 6 no space; check: 10 where there is an update.",
    no_args_is_help=True,
)
console = Console()

Repository = Annotated[Path, typer.Option("--repository", "-r", metavar="DIR", help="The publisher's folder.")]
Keys = Annotated[list[Path] | None, typer.Option("--keys", metavar="DIR", help="Another folder with keys, such as that of the root keys.")]
Channel = Annotated[str, typer.Option(help="The channel.")]
StorePath = Annotated[Path, typer.Option("--store", "-s", metavar="DIR", help="The device's folder.")]
Names = Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="Only these models.")]
Json = Annotated[bool, typer.Option("--json", help="As JSON, for scripts.")]

HERE = Path()


@contextmanager
def explained() -> Iterator[None]:
    """Errors that a user can mend, as one line and an exit status instead of a traceback."""
    try:
        yield
    except (TachyliteError, OSError) as problem:
        Console(stderr=True).print(f"[bold red]error[/]: {escape(str(problem))}", soft_wrap=True, highlight=False)
        raise typer.Exit(getattr(problem, "status", 1)) from problem


def say(text: str) -> None:
    """One line of a result."""
    console.print(escape(text), highlight=False, soft_wrap=True)


# The publisher.


def publisher(folder: Path, keys: list[Path] | None = None) -> Any:
    """The publisher of a folder."""
    from .publisher import Publisher

    return Publisher(folder, keys or ())


@publish.command()
def init(
    repository: Repository = HERE,
    channels: Annotated[list[str] | None, typer.Option("--channel", help="A channel; stable by default.")] = None,
    root_keys: Annotated[int, typer.Option(min=1, help="How many root keys to make.")] = 3,
    threshold: Annotated[int, typer.Option(min=1, help="How many of them have to sign together.")] = 2,
) -> None:
    """Make keys and an empty repository."""
    with explained():
        root = publisher(repository).init(channels or ["stable"], root_keys, threshold)
        say(f"{root}  give it to devices: all their trust comes from it")
        say(f"{repository / 'keys'}  move root-*.pem to places that no network reaches, and apart from each other")


@publish.command()
def add(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A .tflite file.")],
    name: Annotated[str, typer.Option(help="What devices call it.")],
    version: Annotated[str, typer.Option(help="Its version, which is new.")],
    channel: Channel = "stable",
    repository: Repository = HERE,
    notes: Annotated[str, typer.Option(help="What is new in it.")] = "",
    licence: Annotated[str, typer.Option(help="Its licence.")] = "",
    runtime: Annotated[str, typer.Option(help="The lowest version of Tachylite that is to run it.")] = "0",
    programs: Annotated[list[str] | None, typer.Option("--program", metavar="TIER", help="Add the program file (.tlp) for a tier.")] = None,
    golden: Annotated[Path | None, typer.Option(metavar="NPZ", help="Inputs of the self-test by name; random ones by default.")] = None,
    self_test: Annotated[bool, typer.Option(help="Let devices compare its answers with those it gives here.")] = True,
    tolerance: Annotated[float, typer.Option(help="How far float answers may be off, as a part of their range.")] = 1e-3,
    deltas: Annotated[int, typer.Option(min=0, help="From how many releases before devices get a delta.")] = 3,
    new_interface: Annotated[bool, typer.Option("--new-interface", help="Its inputs or outputs differ from those before.")] = False,
) -> None:
    """Prepare a release; `release` signs it."""
    import numpy as np

    with explained():
        samples = None
        if golden is not None:
            with np.load(golden, allow_pickle=False) as file:
                samples = [dict(file)]
        manifest = publisher(repository).add(
            model,
            name,
            version,
            channel,
            notes=notes,
            licence=licence,
            runtime=runtime,
            programs=programs or (),
            golden=samples,
            self_test=self_test,
            tolerance=tolerance,
            deltas=deltas,
            new_interface=new_interface,
        )
        say(f"{manifest.model.path}  {manifest.model.size:,} B, {len(manifest.requires)} kinds of operators")
        for file in [*manifest.programs.values(), *manifest.deltas.values()]:
            say(f"{file.path}  {file.size:,} B")


@publish.command()
def release(
    rollout: Annotated[float, typer.Option(help="The percentage of devices that may take it.")] = 100.0,
    repository: Repository = HERE,
    keys: Keys = None,
) -> None:
    """Sign what was added, and show it to devices."""
    with explained():
        for line in publisher(repository, keys).release(rollout):
            say(f"released {line} to {rollout:g} % of the devices")


NameArgument = Annotated[str, typer.Argument(metavar="NAME")]
VersionArgument = Annotated[str, typer.Argument(metavar="VERSION")]


@publish.command()
def rollout(
    name: NameArgument,
    version: VersionArgument,
    percentage: Annotated[float, typer.Argument(metavar="PERCENT")],
    channel: Channel = "stable",
    repository: Repository = HERE,
    keys: Keys = None,
) -> None:
    """Let a release reach another percentage of the devices; those that have it keep it."""
    with explained():
        publisher(repository, keys).change(name, version, channel, rollout=percentage)


@publish.command()
def halt(
    name: NameArgument,
    version: VersionArgument,
    resume: Annotated[bool, typer.Option("--resume", help="Let it spread again.")] = False,
    channel: Channel = "stable",
    repository: Repository = HERE,
    keys: Keys = None,
) -> None:
    """Keep a release from spreading; devices that have it keep it."""
    with explained():
        publisher(repository, keys).change(name, version, channel, halted=not resume)


@publish.command()
def withdraw(
    name: NameArgument, version: VersionArgument, channel: Channel = "stable", repository: Repository = HERE, keys: Keys = None
) -> None:
    """Roll a release back: devices that have it return to the one before."""
    with explained():
        publisher(repository, keys).change(name, version, channel, withdrawn=True)


@publish.command()
def channel(name: NameArgument, repository: Repository = HERE, keys: Keys = None) -> None:
    """Make another channel, with a key of its own."""
    with explained():
        publisher(repository, keys).add_channel(name)


@publish.command()
def renew(repository: Repository = HERE, keys: Keys = None) -> None:
    """Sign again what is soon out of date; run it daily."""
    with explained():
        say(f"signed {', '.join(publisher(repository, keys).renew())}")


@publish.command("rotate-keys")
def rotate_keys(
    role: Annotated[str, typer.Argument(metavar="ROLE", help="root, targets, snapshot, timestamp, or a channel.")],
    repository: Repository = HERE,
    keys: Keys = None,
) -> None:
    """Give a role new keys; the old ones are worth nothing from then on. Needs the root keys, for a channel that of targets."""
    with explained():
        for keyid in publisher(repository, keys).rotate_keys(role):
            say(f"new key of {role}: {keyid}")


@publish.command("status")
def publish_status(repository: Repository = HERE, as_json: Json = False) -> None:
    """Show releases, and when signatures end to hold."""
    with explained():
        status = publisher(repository).status()
        if as_json:
            print(json.dumps(status, indent=2))
            return
        for state in ("released", "staged"):
            for where, models in status[state].items():
                for name, listings in models.items():
                    for each in listings:
                        marks = "".join(f", {mark}" for mark in ("halted", "withdrawn") if each[mark])
                        say(f"{state} {where}/{name} {each['version']}  {each['rollout']:g} %{marks}")
        for role, when in status["expires"].items():
            say(f"{role} is signed until {when}")


@publish.command()
def serve(repository: Repository = HERE, port: Annotated[int, typer.Option(help="0 is any that is free.")] = 8080) -> None:
    """Serve the repository on this machine alone, to try it."""
    from .serve import server

    with explained(), server(repository / "public", port) as running:
        say(f"http://127.0.0.1:{running.server_port}")
        try:
            running.serve_forever()
        except KeyboardInterrupt:
            say("stopped")


# The device.


def store(folder: Path) -> Any:
    """The store of a folder."""
    from .store import Store

    return Store(folder)


@update.command()
def setup(
    url: Annotated[str, typer.Argument(metavar="URL", help="Where the repository is served.")],
    root: Annotated[Path, typer.Argument(metavar="ROOT", help="The root.json that came from its publisher.")],
    store_path: StorePath,
    channel: Channel = "stable",
    models: Annotated[list[str] | None, typer.Option("--model", help="A model that is wanted; all of the channel by default.")] = None,
    programs: Annotated[list[str] | None, typer.Option("--program", metavar="TIER", help="Get the program files for a tier too.")] = None,
) -> None:
    """Make a store."""
    from .store import Store

    with explained():
        Store(store_path, url, root, channel=channel, models=models, programs=programs)


@update.command()
def check(store_path: StorePath, as_json: Json = False) -> None:
    """Ask whether there are updates."""
    with explained():
        offers = store(store_path).check()
        if as_json:
            print(json.dumps([offer.as_data() for offer in offers], indent=2))
        for offer in offers if not as_json else ():
            found = offer.problem or f"{offer.size:,} B to download"
            say(f"{offer.name} {offer.current or 'nothing'} -> {offer.version}  {found}  {offer.manifest.notes}".rstrip())
        raise typer.Exit(AVAILABLE if any(not offer.problem for offer in offers) else 0)


@update.command()
def apply(store_path: StorePath, names: Names = None, as_json: Json = False) -> None:
    """Download, verify, test and activate what there is. Where one model fails, the others are still updated."""
    done: list[dict[str, Any]] = []
    failed: list[dict[str, Any]] = []
    status = 0
    with explained():
        here = store(store_path)
        for offer in [offer for offer in here.check() if not names or offer.name in names]:
            result = {"name": offer.name, "version": offer.version, "from": offer.current, "bytes": offer.size}
            try:
                with bar() as progress:
                    here.download(offer.name, progress)
                here.activate(offer.name)
                done.append(result)
            except (TachyliteError, OSError) as problem:
                failed.append({**result, "error": str(problem)})
                status = status or getattr(problem, "status", 1)
    if as_json:
        print(json.dumps({"applied": done, "failed": failed}, indent=2))
    else:
        show_applied(done, failed)
    raise typer.Exit(status)


def show_applied(done: list[dict[str, Any]], failed: list[dict[str, Any]]) -> None:
    """What is new, and what went wrong."""
    for each in done:
        say(f"{each['name']} {each['version']} is active")
    errors = Console(stderr=True)
    for each in failed:
        errors.print(f"[bold red]error[/]: {each['name']} {each['version']}: {escape(each['error'])}", soft_wrap=True, highlight=False)


@contextmanager
def bar() -> Iterator[Any]:
    """A bar of the bytes of each file, where somebody is looking."""
    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        tasks: dict[str, Any] = {}

        def progress(path: str, done: int, total: int) -> None:
            if path not in tasks:
                tasks[path] = shown.add_task(path, total=total)
            shown.update(tasks[path], completed=done)

        yield progress


@update.command()
def rollback(name: NameArgument, store_path: StorePath) -> None:
    """Go back to the version before, and do not take the one that is left again."""
    with explained():
        say(f"{name} {store(store_path).rollback(name)} is active")


@update.command()
def confirm(name: NameArgument, store_path: StorePath) -> None:
    """Say that the active version works."""
    with explained():
        store(store_path).confirm(name)


@update.command()
def pin(
    name: NameArgument,
    store_path: StorePath,
    version: Annotated[str | None, typer.Argument(metavar="[VERSION]", help="None follows the channel again.")] = None,
) -> None:
    """Stay with a version."""
    with explained():
        store(store_path).pin(name, version)


@update.command()
def status(store_path: StorePath, as_json: Json = False) -> None:
    """Show what is here."""
    with explained():
        found = store(store_path).status()
        if as_json:
            print(json.dumps(found, indent=2))
            return
        say(f"{found['url']} {found['channel']}  {found['bytes']:,} B here")
        for name, model in found["models"].items():
            trial = "" if model["confirmed"] else ", on trial"
            before = f", before it {', '.join(model['previous'])}" if model["previous"] else ""
            say(f"{name} {model['active']}{trial}{before}")
            for version, why in model["rejected"].items():
                say(f"{name} {version} is not taken: {why}")
