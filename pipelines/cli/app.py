"""What every command shares: the typer app, common options, and printing."""

from __future__ import annotations

import json
import logging
import os
import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from pipelines.errors import ConfigError, DenguardError
from pipelines.shown import shown_json, shown_lines

# The help's panels in the order in which a deployment's people meet them.
PIPELINE, OPERATION, SERVES = "The pipeline", "Operation", "Who serves, and why"
LOOK_UP, MACHINE = "Look things up and take them with you", "Services of this machine"
INSTALLATION = "The installation with Docker"
_PANELS = (PIPELINE, OPERATION, SERVES, LOOK_UP, MACHINE, INSTALLATION)


class _InPanels(TyperGroup):
    """Commands in the order of their panels, then as registered; a name may have two words."""

    def list_commands(self, ctx: Any) -> list[str]:
        return sorted(super().list_commands(ctx), key=self._panel)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if (name := " ".join(args[:2])) in self.commands:
            args = [name, *args[2:]]
        return super().resolve_command(ctx, args)

    def _panel(self, name: str) -> int:
        return _PANELS.index(self.commands[name].rich_help_panel)  # type: ignore[attr-defined]


app = typer.Typer(
    cls=_InPanels,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="denguard: retrain, judge and serve a dengue early warning.",
)
RunId = Annotated[
    str,
    typer.Option("--run-id", metavar="NAME", help="names the run's folder under artifacts/runs"),
]
ProfileName = Annotated[
    str,
    typer.Option(
        "--profile", metavar="NAME", envvar="DENGUARD_PROFILE", help="profile name or YAML path"
    ),
]
AsOf = Annotated[
    str | None, typer.Option("--as-of", metavar="WEEK", help="origin week, such as 2018-w48")
]


@contextmanager
def needs(extra: str) -> Iterator[None]:
    """Around a command's imports: a library that only an extra brings is asked for by its extra.

    Raises:
        ConfigError: a library is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as err:
        raise ConfigError(
            f"this command needs a library that is not installed: {err.name}",
            fix=f"install denguard[{extra}] with requirements.lock",
        ) from err


def say(text: str) -> None:
    """Print a text; what others wrote in it cannot steer the terminal."""
    typer.echo(shown_lines(text))


def ask_aloud(text: str) -> None:
    """Print a text for the person who is asked, on stderr, as say does."""
    typer.echo(shown_lines(text), err=True)


class PlainLog(logging.Formatter):
    """Lines of the log as say prints text."""

    def format(self, record: logging.LogRecord) -> str:
        """The record's line."""
        return shown_lines(super().format(record))


@app.callback()
def line(
    name: Annotated[
        str | None,
        typer.Option(
            "--line",
            metavar="NAME",
            envvar="DENGUARD_LINE",
            help="a further line of the deployment: a profile with a schedule of its own",
        ),
    ] = None,
) -> None:
    """denguard: retrain, judge and serve a dengue early warning."""
    if name:
        os.environ["DENGUARD_LINE"] = name


def show(value: Any) -> None:
    """Print a value as JSON."""
    typer.echo(
        shown_json(json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, default=str))
    )


def in_lines(err: DenguardError) -> str:
    """An error for stderr: what, where and what to do, each on its line, broken between words."""
    lines = (
        f"{type(err).__name__}: {err.what.rstrip('.')}.",
        err.where and f"Where: {err.where}",
        err.fix and f"What to do: {err.fix.rstrip('.')}.",
    )
    parts = [shown_lines(part) for part in lines]
    if not sys.stderr.isatty():
        return "\n".join(filter(None, parts))
    width = shutil.get_terminal_size().columns
    return "\n".join(
        textwrap.fill(
            part, width, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
        )
        for part in parts
        if part
    )


def table(head: Sequence[str], rows: Iterable[Sequence[str]], below: int = 0) -> None:
    """Print rows: drawn for a person at a terminal, one tab-separated line each in a pipe.

    Names, ids and hashes are there to be copied, so no cell is ever cut.

    Args:
        below: that many last columns are long; at a terminal each comes on a line of its own.
    """
    if not sys.stdout.isatty():
        for row in (head, *rows):
            say("\t".join(" ".join(cell.split()) for cell in row))
        return
    wide = len(head) - below
    width = shutil.get_terminal_size().columns
    cells = [[shown_lines(cell) for cell in row] for row in rows]  # before their room is measured
    room = [max(len(row[i]) for row in (head, *cells)) for i in range(wide)]
    typer.secho("  ".join(map(str.ljust, head[:wide], room)).rstrip(), bold=True)
    for row in cells:
        say("  ".join(map(str.ljust, row[:wide], room)).rstrip())
        for name, text in zip(head[wide:], row[wide:], strict=True):
            labelled = f"{name}: {' '.join(text.split())}" if text else ""
            for line in textwrap.wrap(
                labelled, width - 4, break_long_words=False, break_on_hyphens=False
            ):
                say(f"    {line}")
