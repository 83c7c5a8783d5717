"""`tachylite update …`."""

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

from .shared import Channel, Json, Name, explained, say

AVAILABLE = 10
"""Exit status of `update check` where there is an update."""

update = typer.Typer(
    name="update",
    help="Keep the models of a device up to date. Exit status: 0 done, 1 a mistake, 3 no network, 4 refused (not what was signed, or too "
    "old), 5 the version cannot run here, 6 no space; check: 10 where there is an update.",
    no_args_is_help=True,
)

StorePath = Annotated[Path, typer.Option("--store", "-s", metavar="DIR", help="The device's folder.")]
Names = Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="Only these models.")]
KeyFile = Annotated[Path | None, typer.Option("--seal-key", metavar="FILE", help="The key of sealed models: 32 bytes.")]


def store(folder: Path, key: Path | None = None) -> Any:
    """The store of a folder."""
    from tachylite.update.store import Store

    return Store(folder, key=None if key is None else lambda _: key.read_bytes())


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
    from tachylite.update.store import Store

    with explained():
        Store(store_path, url, root, channel=channel, models=models, programs=programs)


@update.command()
def check(store_path: StorePath, seal_key: KeyFile = None, as_json: Json = False) -> None:
    """Ask whether there are updates."""
    with explained():
        offers = store(store_path, seal_key).check()
        if as_json:
            print(json.dumps([offer.as_data() for offer in offers], indent=2))
        for offer in offers if not as_json else ():
            found = offer.problem or f"{offer.size:,} B to download"
            say(f"{offer.name} {offer.current or 'nothing'} -> {offer.version}  {found}  {offer.manifest.notes}".rstrip())
        raise typer.Exit(AVAILABLE if any(not offer.problem for offer in offers) else 0)


@update.command()
def apply(store_path: StorePath, names: Names = None, seal_key: KeyFile = None, as_json: Json = False) -> None:
    """Download, verify, test and activate what there is. Where one model fails, the others are still updated."""
    done: list[dict[str, Any]] = []
    failed: list[dict[str, Any]] = []
    status = 0
    with explained():
        here = store(store_path, seal_key)
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
def rollback(name: Name, store_path: StorePath) -> None:
    """Go back to the version before, and do not take the one that is left again."""
    with explained():
        say(f"{name} {store(store_path).rollback(name)} is active")


@update.command()
def confirm(name: Name, store_path: StorePath) -> None:
    """Say that the active version works."""
    with explained():
        store(store_path).confirm(name)


@update.command()
def pin(
    name: Name,
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
