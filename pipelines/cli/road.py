"""Walking the road by hand: a whole run, one step, the full lambda sweep."""

from __future__ import annotations

from typing import Annotated

import typer

from pipelines.cli.app import AsOf, ProfileName, RunId, app, show


@app.command()
def run(
    run_id: RunId,
    profile: ProfileName = "sample",
    as_of: AsOf = None,
    horizon: Annotated[list[int] | None, typer.Option(help="weeks ahead; may be repeated")] = None,
    force: Annotated[bool, typer.Option(help="train and judge even if nothing is new")] = False,
) -> None:
    """Walk the whole road without Airflow: from the newest drop to the report."""
    from pipelines import steps

    conf = {"profile": profile, "as_of": as_of, "horizons": horizon or None, "force": force}
    steps.start(run_id, conf)
    steps.walk(run_id)


@app.command()
def step(
    name: Annotated[str, typer.Argument(help="start, or a step of the road")],
    run_id: RunId,
    profile: ProfileName = "sample",
    as_of: AsOf = None,
) -> None:
    """Run one step of a run; `start` first."""
    from pipelines import steps

    if name == "start":
        show(steps.start(run_id, {"profile": profile, "as_of": as_of}))
        return
    show(steps.by_name(name)(run_id))


@app.command()
def sweep(
    run_id: RunId,
    step_size: Annotated[float, typer.Option(help="spacing of lambda over -1..1")] = 0.1,
) -> None:
    """The full lambda sweep on a finished run's features, on validation seasons only."""
    from pipelines import steps

    show(steps.sweep(run_id, step_size))
