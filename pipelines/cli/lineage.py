"""Where an answer comes from, and what rests on a drop."""

from __future__ import annotations

import shutil
import sys
from typing import Annotated

import typer

from pipelines.cli.app import LOOK_UP, app, say, show
from pipelines.config import deployment_paths


@app.command(rich_help_panel=LOOK_UP)
def trace(
    what: Annotated[
        list[str],
        typer.Argument(
            help="a prediction's trace id; a forecast version or week, or a row of it such as "
            "2018-w48/05001/4; a bundle id, champion or `version 3`; a drop's date; a dataset or "
            "feature version; a run id"
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="nodes, edges and broken links")] = False,
    up: Annotated[bool, typer.Option("--up", help="only what it rests on")] = False,
    down: Annotated[bool, typer.Option("--down", help="only what rests on it")] = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="recompute hashes of drops and folders; slow")
    ] = False,
) -> None:
    """Follow an answer back to the data, or data on to every answer; exit 1 if a link is broken."""
    from pipelines import lineage
    from pipelines.lineage import render

    direction: lineage.Direction = "both" if up == down else "up" if up else "down"
    found = lineage.trace(" ".join(what), deployment_paths(), direction, verify)
    if as_json:
        show(found.to_json())
    else:
        width = min(shutil.get_terminal_size((render.WIDTH, 24)).columns, render.WIDTH)
        for line in render.lines(found, width if sys.stdout.isatty() else render.WIDTH):
            say(line)
    if found.broken:
        raise typer.Exit(1)
