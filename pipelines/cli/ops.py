"""Ops on a terminal: status, watch for cron, alerts, freeing a lock."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer

from pipelines.cli.app import OPERATION, app, needs, say, show
from pipelines.config import deployment_paths
from pipelines.errors import ConfigError, DenguardError

alerts_app = typer.Typer(help="Which alerts are open and were sent, and whether the channels work.")
app.add_typer(alerts_app, name="alerts", invoke_without_command=True, rich_help_panel=OPERATION)


@app.command(rich_help_panel=OPERATION)
def status(
    run_id: Annotated[str | None, typer.Argument(help="the newest one if left out")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
) -> None:
    """State of run, forecast, champion and services. Exit code 1: something needs a person."""
    from pipelines.local import supervisor
    from pipelines.local.layout import Layout
    from pipelines.local.services import load_state
    from pipelines.ops import show as shown
    from pipelines.ops.growth import growth
    from pipelines.ops.status import gather

    paths = deployment_paths()
    state = load_state(Layout(paths))
    running = {name: state.alive(name) for name in state.processes}
    found = gather(paths, run_id, datetime.now(UTC), running)
    if as_json:
        show({**found.to_json(), "disk": asdict(growth(paths))})
    else:
        shown.show(found, paths)
        say("")
        supervisor.status(paths)
    raise typer.Exit(1 if found.needs_a_person else 0)


@app.command(rich_help_panel=OPERATION)
def watch(
    max_age_days: Annotated[
        float, typer.Option(min=0.01, metavar="DAYS", help="a cycle and its grace")
    ] = 8,
    max_origin_age_weeks: Annotated[
        int | None,
        typer.Option(min=0, metavar="WEEKS", help="also late if the newest known week is older"),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(
            "--now", metavar="TIME", help="check, and send alerts, as if it were then (ISO)"
        ),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="say nothing when all is well")] = False,
    every: Annotated[
        float | None,
        typer.Option(min=10, metavar="SECONDS", help="go on until told to stop, a round each time"),
    ] = None,
    metrics_port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="with --every: figures for Prometheus, and /healthz"),
    ] = None,
    metrics_host: Annotated[
        str, typer.Option(help="address that the figures are served on")
    ] = "127.0.0.1",
) -> None:
    """Exit 0 if the newest forecast is on time, 1 if it is late; sends alerts on what
    changed. For cron, or with --every as a service."""
    if every is not None:
        if at is not None or quiet:
            raise ConfigError("--every goes with neither --now nor --quiet", fix="leave them out")
        with needs("serving"):
            from pipelines.ops.monitor.rounds import Rounds
            from pipelines.ops.monitor.service import serve_rounds
        from pipelines.ops.monitor.settings import watch_settings

        rounds = Rounds(watch_settings(), every, max_age_days, max_origin_age_weeks)
        serve_rounds(rounds, say, metrics_host, metrics_port)
        return
    if metrics_port is not None:
        raise ConfigError("--metrics-port needs --every", fix="give both, or neither")
    from pipelines.ops.alerts import send_alerts
    from pipelines.ops.held import waiting_words
    from pipelines.ops.watch import check_lateness

    now = _moment(at)
    verdict = check_lateness(deployment_paths(), now, max_age_days, max_origin_age_weeks)
    send_alerts(deployment_paths(), verdict, now)
    failed = verdict.failed
    if verdict.late or failed or not quiet:
        say(verdict.line())
        if held := waiting_words(deployment_paths()):
            say(f"{held}.")
    if failed is not None and failed.failure is not None and not verdict.late:
        failure = failed.failure
        say(
            f"but run {failed.run_id} failed at step {failure.step}: "
            f"{failure.cause.rstrip('.')}. What to do: {failure.fix.rstrip('.')}."
        )
    raise typer.Exit(1 if verdict.late else 0)


@alerts_app.callback()
def alerts(context: typer.Context) -> None:
    """What is open, what waits for a channel, and what went out last."""
    if context.invoked_subcommand:
        return
    from pipelines.ops.alerts import load, newest_sent
    from pipelines.ops.settings import alert_settings
    from pipelines.ops.status import open_alerts
    from pipelines.ops.watch import check_lateness

    sent = load(deployment_paths())
    late_now = check_lateness(deployment_paths(), datetime.now(UTC)).late
    say("\n".join(open_alerts(sent, late_now)) or "none open")
    for waiting in sent.pending:
        say(
            f"waits for {', '.join(waiting['channels'])}: {waiting['alert']['kind']} of "
            f"{waiting['alert']['at']}"
        )
    for line in newest_sent(deployment_paths()):
        say(
            f"{line['at']}  {line['channel']:<8} {line['kind']:<18} "
            f"{'sent' if line['sent'] else line['error']}"
        )
    say(f"channels: {', '.join(alert_settings().channels) or 'none configured, see docs/watch.md'}")


@alerts_app.command("test")
def alerts_test() -> None:
    """Send a test through every channel; exit code 1 if one does not work."""
    from pipelines.ops.alerts import send_test

    outcomes = send_test(deployment_paths())
    if not outcomes:
        raise ConfigError(
            "no channel is configured, so nobody would get an alert",
            fix="set DENGUARD_ALERT_WEBHOOK_URL, or the e-mail variables; docs/watch.md names them",
        )
    for channel, error in outcomes.items():
        say(f"{channel}: {error or 'sent'}")
    raise typer.Exit(1 if any(outcomes.values()) else 0)


@app.command("release-run", rich_help_panel=OPERATION)
def release_run(
    run_id: Annotated[str, typer.Argument(help="the run that holds the lock")],
) -> None:
    """Free the lock of a run that is surely over, when Airflow could not do it."""
    from pipelines.run.lock import holder, release

    if release(deployment_paths(), run_id):
        say(f"the lock of run {run_id} is free")
        return
    owner = holder(deployment_paths())
    if owner is None:
        say("nobody holds the lock; nothing to do")
        return
    raise DenguardError(
        f"run {run_id} does not hold the lock; {owner.words()} does",
        fix="name that run if it is surely over",
    )


def _moment(text: str | None) -> datetime:
    """A time from --now, UTC if it names no zone. Raises ConfigError."""
    if text is None:
        return datetime.now(UTC)
    try:
        found = datetime.fromisoformat(text)
    except ValueError as err:
        raise ConfigError(
            f"{text!r} is not a time", fix="write it as 2026-11-23T07:00:00+00:00"
        ) from err
    return found if found.tzinfo else found.replace(tzinfo=UTC)
