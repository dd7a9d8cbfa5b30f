"""Checking files before anything is stored."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli.app import PIPELINE, ProfileName, app, say, show
from pipelines.config import deployment_paths, load_profile

_EXIT_REFUSED = 1


@app.command(rich_help_panel=PIPELINE)
def validate(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="the files of a drop")],
    profile: ProfileName = "sample",
    received: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="day of receipt; default: today")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="the whole report, for programs")] = False,
) -> None:
    """Check files as a run would, and store nothing. Exit 0: a run would go on; 1: it
    would stop."""
    from pipelines.data.trial import try_files

    chosen = load_profile(profile)
    day = received.date() if received else chosen.place.today()
    report = try_files(files, chosen, deployment_paths(), day)
    if as_json:
        show(report.as_json())
    else:
        say(report.as_text())
    if report.stops:
        raise typer.Exit(_EXIT_REFUSED)
