"""`tachylite publish …`."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from .shared import Channel, Json, Name, explained, say

publish = typer.Typer(name="publish", help="Publish models for devices, signed, as files for any web server.", no_args_is_help=True)

Repository = Annotated[Path, typer.Option("--repository", "-r", metavar="DIR", help="The publisher's folder.")]
Keys = Annotated[list[Path] | None, typer.Option("--keys", metavar="DIR", help="Another folder with keys, such as that of the root keys.")]
Version = Annotated[str, typer.Argument(metavar="VERSION")]

HERE = Path()


def publisher(folder: Path, keys: list[Path] | None = None) -> Any:
    """The publisher of a folder."""
    from tachylite.update.publisher import Publisher

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
    seal_key: Annotated[Path | None, typer.Option(metavar="FILE", help="Encrypt the model with the 32 bytes in this file.")] = None,
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
            seal_key=None if seal_key is None else seal_key.read_bytes(),
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


@publish.command()
def rollout(
    name: Name,
    version: Version,
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
    name: Name,
    version: Version,
    resume: Annotated[bool, typer.Option("--resume", help="Let it spread again.")] = False,
    channel: Channel = "stable",
    repository: Repository = HERE,
    keys: Keys = None,
) -> None:
    """Keep a release from spreading; devices that have it keep it."""
    with explained():
        publisher(repository, keys).change(name, version, channel, halted=not resume)


@publish.command()
def withdraw(name: Name, version: Version, channel: Channel = "stable", repository: Repository = HERE, keys: Keys = None) -> None:
    """Roll a release back: devices that have it return to the one before."""
    with explained():
        publisher(repository, keys).change(name, version, channel, withdrawn=True)


@publish.command()
def channel(name: Name, repository: Repository = HERE, keys: Keys = None) -> None:
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
    from tachylite.update.serve import server

    with explained(), server(repository / "public", port) as running:
        say(f"http://127.0.0.1:{running.server_port}")
        try:
            running.serve_forever()
        except KeyboardInterrupt:
            say("stopped")
