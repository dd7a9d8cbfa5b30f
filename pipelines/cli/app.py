"""What every command shares: the typer app, common options, and how a command speaks.

Belongs here: nothing that only one command needs.
"""

from __future__ import annotations

import json
from collections.abc import Callable
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
