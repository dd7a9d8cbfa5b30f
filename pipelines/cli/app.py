"""What every command shares: the typer app, common options, and how a command speaks.

Belongs here: nothing that only one command needs.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Any

import typer

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help="denguard: retrain, judge and serve a dengue early warning.")  # fmt: skip
RunId = Annotated[str, typer.Option("--run-id", help="names the run's folder under artifacts/runs")]
ProfileName = Annotated[str, typer.Option("--profile", help="profile name or YAML path")]
AsOf = Annotated[str | None, typer.Option("--as-of", help="origin week, such as 2018-w48")]

say: Callable[[str], None] = typer.echo


def show(value: Any) -> None:
    """Print a value as JSON."""
    say(json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, default=str))


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows: drawn for a person at a terminal, one tab-separated line each in a pipe."""
    if not sys.stdout.isatty():
        for row in (head, *rows):
            say("\t".join(" ".join(cell.split()) for cell in row))
        return
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    drawn = Table(*(escape(name) for name in head), box=box.SIMPLE_HEAD, pad_edge=False)
    for row in rows:
        drawn.add_row(*(escape(cell) for cell in row))
    Console(highlight=False).print(drawn)
