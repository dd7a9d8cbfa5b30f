"""Runs by hand: the whole pipeline, one step, the full lambda sweep, the table of delays."""

from __future__ import annotations

from typing import Annotated

import typer

from pipelines.cli.app import PIPELINE, AsOf, ProfileName, RunId, app, say, show
from pipelines.config import deployment_paths


@app.command(rich_help_panel=PIPELINE)
def run(
    run_id: RunId,
    profile: ProfileName = "sample",
    as_of: AsOf = None,
    horizon: Annotated[
        list[int] | None, typer.Option(metavar="WEEKS", help="weeks ahead; may be repeated")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="train and judge even if nothing is new")
    ] = False,
    wait: Annotated[
        bool, typer.Option("--wait", help="if another run is at work, wait for its end")
    ] = False,
) -> None:
    """Run the whole pipeline without Airflow: from the newest drop to the report."""
    from pipelines import steps
    from pipelines.ops.alerts import send_alerts
    from pipelines.run.lock import hold
    from pipelines.run.params import require_typed_right

    conf = {"profile": profile, "as_of": as_of, "horizons": horizon or None, "force": force}
    require_typed_right(conf)  # a typing error at the terminal raises no alert
    try:
        with hold(deployment_paths(), run_id, wait):
            steps.start(run_id, conf)
            try:
                steps.run_pipeline(run_id)
            except Exception:  # whatever it is, there is a bulletin; the run stays red
                steps.fallback_for_run(run_id)
                raise
    finally:  # the lock is free again, so that a failure counts as one
        send_alerts(deployment_paths())
    say(f"Run {run_id} is finished. Its result: denguard status {run_id}")


@app.command(rich_help_panel=PIPELINE)
def step(
    name: Annotated[str, typer.Argument(help="start, or a step of the pipeline")],
    run_id: RunId,
    profile: ProfileName = "sample",
    as_of: AsOf = None,
) -> None:
    """Run one step of a run; `start` first."""
    from pipelines import steps
    from pipelines.run.lock import hold
    from pipelines.run.params import require_typed_right

    if name == "start":
        conf = {"profile": profile, "as_of": as_of}
        require_typed_right(conf)
        show({"run_id": run_id, **steps.start(run_id, conf).model_dump(mode="json")})
        return
    run_step = steps.by_name(name)
    with hold(deployment_paths(), run_id):  # for this step only: what comes next is not known here
        output = run_step(run_id)
    show(output.to_json())


@app.command("fallback-forecast", rich_help_panel=PIPELINE)
def fallback_forecast(
    run_id: Annotated[
        str,
        typer.Option(
            "--run-id",
            metavar="NAME",
            help="the run that did not make it; the newest one if left out",
        ),
    ] = "",
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="why, for readers of the forecast")
    ] = "",
    profile: Annotated[
        str | None,
        typer.Option(
            "--profile", metavar="NAME", envvar="DENGUARD_PROFILE", help="if no run says it"
        ),
    ] = None,
    at_deadline: Annotated[
        bool, typer.Option("--at-deadline", help="only once the deadline has passed; for cron")
    ] = False,
) -> None:
    """Forecast with the champion from the last accepted data, if this week has no forecast yet."""
    from pipelines import steps
    from pipelines.ops.alerts import send_alerts
    from pipelines.ops.runs import newest_run

    if at_deadline:
        made = steps.at_deadline(profile or "sample")
    else:
        made = steps.fallback(reason, run_id or newest_run(deployment_paths()) or "", profile)
    send_alerts(deployment_paths())
    say(f"made: {made.note}" if made.forecast else f"nothing was made: {made.note}")


@app.command(rich_help_panel=PIPELINE)
def sweep(
    run_id: RunId,
    step_size: Annotated[float, typer.Option(help="spacing of lambda over -1..1")] = 0.1,
) -> None:
    """The full lambda sweep on a finished run's features, on validation seasons only."""
    from pipelines import steps

    show(steps.sweep(run_id, step_size))


@app.command("delay-table", rich_help_panel=PIPELINE)
def delay_table(
    run_id: RunId,
    force: Annotated[bool, typer.Option("--force", help="make it even if there is one")] = False,
) -> None:
    """What weeks of reporting delay cost the linear model, on a run's data; minutes."""
    from pipelines.run import open_run
    from pipelines.steps.filling import delay_table as made

    show(made(open_run(run_id), force))
