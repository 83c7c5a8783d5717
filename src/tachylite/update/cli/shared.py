"""What the commands of both sides share."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from tachylite.model.errors import TachyliteError

console = Console()

Channel = Annotated[str, typer.Option(help="The channel.")]
Json = Annotated[bool, typer.Option("--json", help="As JSON, for scripts.")]
Name = Annotated[str, typer.Argument(metavar="NAME")]


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
