"""A status on a terminal: 100 columns, colours if there is a terminal, plain lines if not."""

from __future__ import annotations

import io
from datetime import datetime

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pipelines.config import DeploymentPaths
from pipelines.evaluate.decision_log import Since, line_and_why
from pipelines.ops.growth import growth
from pipelines.ops.parts import StepView, counted
from pipelines.ops.runs import RunState, RunView
from pipelines.ops.status import Status
from pipelines.ops.watch import again
from pipelines.run.progress import clock_time, spell
from pipelines.steps.failure import as_fields
from pipelines.steps.history import State

_WIDTH = 100
_MOVED = {"promote": "promoted", "rollback": "put back", "undo": "put back"}
_STEP_STYLES: dict[State, str] = {
    "done": "green",
    "earlier": "dim",
    "running": "yellow",
    "failed": "red",
    "not yet": "dim",
}
_RUN_STYLES: dict[RunState, str] = {
    "finished": "green",
    "running": "yellow",
    "failed": "red",
    "silent": "red",
    "stopped": "yellow",
}


def show(status: Status, paths: DeploymentPaths, console: Console | None = None) -> None:
    """Print a status."""
    out = console or Console(highlight=False)
    if not out.is_terminal:  # rich pads its lines; a pipe gets them without
        page = Console(highlight=False, width=_WIDTH, file=io.StringIO())
        _show(status, paths, page)
        out.file.write("".join(f"{line.rstrip()}\n" for line in page.file.getvalue().splitlines()))  # type: ignore[attr-defined]
        return
    _show(status, paths, out)


def _show(status: Status, paths: DeploymentPaths, out: Console) -> None:
    if status.run is None:
        out.print("no run yet; start one with: denguard run --run-id NAME")
    else:
        _show_run(status, status.run, out)
        out.print()
        _show_rest(status, status.run, paths, out)


def _show_run(status: Status, run: RunView, out: Console) -> None:
    week = f" · origin week {run.origin_week}" if run.origin_week else ""
    out.print(f"[bold]run {escape(run.run_id)}[/]: [{_RUN_STYLES[run.state]}]{run.word}[/]{week}")
    if run.owner is not None and run.state == "running":
        out.print(f"  {escape(run.owner.words(status.zone))}")
    if status.quiet:
        out.print(
            "  [red]no sign of life for "
            f"{spell((status.now - run.last_sign).total_seconds())}[/]; look at its log"
        )
    if status.holder is not None and status.holder.run_id != run.run_id:
        out.print(
            f"  [yellow]another run is at work:[/] {escape(status.holder.words(status.zone))}"
        )
    table = Table.grid(padding=(0, 2))
    for column in ("state", "step", "what"):
        table.add_column(column, overflow="fold")
    for step in run.steps:
        table.add_row(
            f"  [{_STEP_STYLES[step.state]}]{step.word}[/]",
            step.name,
            escape(_what(step, status.now)),
        )
    out.print(table)
    if run.failure is not None:
        again = ", and Airflow may try again by itself" if run.state == "running" else ""
        out.print(f"\n[red]why it failed[/]{again}")
        fields = Table.grid(padding=(0, 2))
        fields.add_column(no_wrap=True)
        fields.add_column(overflow="fold")
        for name, text in as_fields(run.failure).items():
            fields.add_row(f"  {name}", escape(text))
        out.print(fields)


def _what(step: StepView, now: datetime) -> str:
    parts = (
        f"{step.counted[0]} of {step.counted[1]} {'shards' if step.name == 'embed' else 'years'}"
        if step.counted
        else ""
    )
    if step.progress is not None:
        progress = counted(step.progress, now)
        return f"{parts}; {progress}" if parts else progress
    earlier = "before an earlier step was run again: " if step.state == "earlier" else ""
    return earlier + (step.summary or parts)


def _show_rest(status: Status, run: RunView, paths: DeploymentPaths, out: Console) -> None:
    rows: list[tuple[str, str]] = []
    if run.decision is not None:
        decided = escape(line_and_why(run.decision))
        rows.append(("decision", f"{run.decision['decision']}: {decided}"))
    rows.append(("champion", _champion(status)))
    if status.promotion is not None:
        rows.append(("promotion", escape(_promotion(status.promotion))))
    rows += _forecast_rows(status, paths)
    rows.append(("on time", _on_time(status, run)))
    if status.held:
        rows.append(("held", f"[yellow]{escape(status.held)}[/]"))
    if status.adopted:
        rows.append(("encoders", escape(status.adopted)))
    if run.report:
        rows.append(("report", escape(str(paths.home / run.report))))
    rows.append(("alerts", _alerts(status)))
    rows.append(("disk", growth(paths).line()))
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(f"[bold]{name}[/]", value)
    out.print(table)


def _forecast_rows(status: Status, paths: DeploymentPaths) -> list[tuple[str, str]]:
    """The newest forecast of a run, and the champion's in its place."""
    rows, made, fallback = [], status.verdict.success, status.verdict.fallback
    if made is not None:
        age = spell(max((status.now - made.when).total_seconds(), 0))
        text = (
            f"origin week {made.origin_week}, version {made.forecast_version}, finished {age} "
            f"ago by run {escape(made.run_id)}{again(made)}"
        )
        rows.append(("forecast", text))
    if fallback is not None:
        text = (
            f"[red]forecast {escape(fallback['data_state'])}[/], version "
            f"{fallback['forecast_version']}: the data end with {fallback['data_until']}; "
            f"{escape(fallback['why'])}. Read {escape(str(paths.home / fallback['page']))}"
        )
        rows.append(("instead", text))
    return rows


def _on_time(status: Status, run: RunView) -> str:
    late = status.verdict.late
    if late and status.verdict.success is None and run.state == "running":
        return "the first forecast is being made"
    return f"[red]NO[/]: {escape('; '.join(status.verdict.why))}" if late else "yes"


def _alerts(status: Status) -> str:
    waiting = f"; {status.waiting} wait for a channel that was down" if status.waiting else ""
    if not status.open_alerts:
        return f"none open{waiting}"
    return f"[red]{escape('; '.join(status.open_alerts))}[/]{waiting}"


def _promotion(since: Since) -> str:
    if not since.why:
        return "in the newest decision"
    ago = (
        f"{since.weeks} {'week' if since.weeks == 1 else 'weeks'} ago"
        if since.weeks
        else "this week"
    )
    return (
        f"{ago}; {'WAITS FOR A PERSON' if since.waits else 'the champion stays'} since: {since.why}"
    )


def _champion(status: Status) -> str:
    found = status.champion
    if found is None:
        return "none, as far as the audit of promotions knows"
    week = f" of origin week {found['origin_week']}" if found["origin_week"] else ""
    at = datetime.fromisoformat(found["since"])
    since = clock_time(at, status.zone) if at < status.now else found["since"]
    learnt = "".join(f"; trained on {escape(drop)}" for drop in found["learnt_from_withdrawn"])
    return (
        f"version {found['version']}{week} (bundle {found['bundle_id']}), "
        f"{_MOVED.get(found['action'], found['action'])} by {escape(str(found['by']))}, "
        f"{since}{learnt}"
    )
