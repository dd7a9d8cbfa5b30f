"""What a run will take, before it is begun."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli.app import PIPELINE, app, say, show, table


@app.command(rich_help_panel=PIPELINE)
def plan(
    profile: Annotated[str, typer.Argument(help="profile name or YAML path")] = "sample",
    drop: Annotated[
        Path | None, typer.Argument(help="folder of a drop; the newest one if left out")
    ] = None,
    deadline: Annotated[
        str, typer.Option(metavar="TIME", help="what to shrink for it: 45m, 2h, 1h30m")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
) -> None:
    """Measure this machine for half a minute and say what a first run of a profile will take."""
    from pipelines.config import deployment_paths, load_profile
    from pipelines.ops.planning.plan import plan_run, seconds_of

    limit = seconds_of(deadline) if deadline else None
    made = plan_run(load_profile(profile), deployment_paths(), drop, limit)
    if as_json:
        show(made.to_json())
        return
    table(("step", "time", "memory", "disk", "of"), made.lines())
    say("\n".join(made.words()))
