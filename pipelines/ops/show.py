"""A status on a terminal: 100 columns, colours if there is a terminal, plain lines if not.

Belongs here: layout. Does not belong here: reading anything (status.py).
"""

from __future__ import annotations

import io
from datetime import datetime, timedelta

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pipelines.config import Places
from pipelines.ops.runs import Box, RunView
from pipelines.ops.status import Status
from pipelines.progress import spell
from pipelines.steps.failure import lines as failure_lines

_WIDTH = 100
_MARKS = {"done": "[green]done[/]", "earlier": "[dim]done[/]", "running": "[yellow]running[/]", "failed": "[red]failed[/]", "not yet": "[dim]not yet[/]"}  # fmt: skip
_STATES = {
    "finished": "[green]finished[/]",
    "running": "[yellow]at work[/]",
    "failed": "[red]FAILED[/]",
    "silent": "[red]NO SIGN OF LIFE[/]: its process ended without a word",
    "stopped": "[yellow]not finished, and nobody walks it[/]",
}


def show(status: Status, where: Places, console: Console | None = None) -> None:
    """Print a status."""
    out = console or Console(highlight=False)
    if not out.is_terminal:  # rich pads its lines; a pipe gets them without
        page = Console(highlight=False, width=_WIDTH, file=io.StringIO())
        _show(status, where, page)
        out.file.write("".join(f"{line.rstrip()}\n" for line in page.file.getvalue().splitlines()))  # type: ignore[attr-defined]
        return
    _show(status, where, out)


def _show(status: Status, where: Places, out: Console) -> None:
    if status.run is None:
        out.print("no run yet; start one with: denguard run --run-id NAME")
    else:
        _show_run(status, status.run, out)
        out.print()
        _show_rest(status, status.run, where, out)


def _show_run(status: Status, run: RunView, out: Console) -> None:
    week = f" · origin week {run.origin_week}" if run.origin_week else ""
    out.print(f"[bold]run {escape(run.run_id)}[/]: {_STATES[run.state]}{week}")
    if run.lease is not None and run.state == "running":
        out.print(f"  {escape(run.lease.words())}")
    if status.quiet:
        out.print(f"  [red]nothing was heard of it for {spell((status.now - run.last_sign).total_seconds())}[/]; look at its log")  # fmt: skip
    if status.holder is not None and status.holder.run_id != run.run_id:
        out.print(f"  [yellow]another run is at work:[/] {escape(status.holder.words())}")
    table = Table.grid(padding=(0, 2))
    for column in ("state", "step", "what"):
        table.add_column(column, overflow="fold")
    for box in run.boxes:
        table.add_row(f"  {_MARKS[box.state]}", box.step, escape(_what(box, status.now)))
    out.print(table)
    if run.failure is not None:
        again = ", and Airflow may try again by itself" if run.state == "running" else ""
        out.print(f"\n[red]why it failed[/]{again}")
        for line in failure_lines(run.failure):
            out.print(f"  {escape(line)}", soft_wrap=not out.is_terminal)


def _what(box: Box, now: datetime) -> str:
    parts = f"{box.parts[0]} of {box.parts[1]} {'shards' if box.step == 'embed' else 'years'}" if box.parts else ""  # fmt: skip
    if box.progress is not None:
        p = box.progress
        heard = (now - datetime.fromisoformat(p["at"])).total_seconds()
        aged = f" ({spell(heard)} ago)" if heard > 60 else ""
        said = f"{p['label']}: {p['done']}/{p['total']}, {p['total'] - p['done']} left, ETA {spell(p['eta_s'])}{aged}"  # fmt: skip
        return f"{parts}; {said}" if parts else said
    earlier = "before a box in front of it was walked again: " if box.state == "earlier" else ""
    return earlier + (box.said or parts)


def _show_rest(status: Status, run: RunView, where: Places, out: Console) -> None:
    rows: list[tuple[str, str]] = []
    if run.decision is not None:
        rows.append(("decision", f"{run.decision['decision']}: {escape(run.decision['first_line'])}"))  # fmt: skip
    rows.append(("champion", _champion(status)))
    made = status.verdict.success
    if made is not None:
        age = spell(max((status.now - made.when).total_seconds(), 0))
        rows.append(("forecast", f"origin week {made.origin_week}, version {made.forecast_version}, finished {age} ago by run {escape(made.run_id)}"))  # fmt: skip
    late = status.verdict.late
    rows.append(("on time", f"[red]NO[/]: {escape('; '.join(status.verdict.why))}" if late else "yes"))  # fmt: skip
    if run.report:
        rows.append(("report", escape(str(where.home / run.report))))
    alerts = "; ".join(status.open_alerts) or "none open"
    waiting = f"; {status.waiting} wait for a channel that was down" if status.waiting else ""
    rows.append(("alerts", f"{'[red]' if status.open_alerts else ''}{escape(alerts)}{'[/]' if status.open_alerts else ''}{waiting}"))  # fmt: skip
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(f"[bold]{name}[/]", value)
    out.print(table)


def _champion(status: Status) -> str:
    found = status.champion
    if found is None:
        return "none, as far as the audit of promotions knows"
    week = f" of origin week {found['origin_week']}" if found["origin_week"] else ""
    age = status.now - datetime.fromisoformat(found["since"])
    since = f"{found['since'][:16].replace('T', ' ')} UTC" if age > timedelta(0) else found["since"]
    return f"version {found['version']}{week} (bundle {found['bundle_id']}), {found['action']} by {escape(str(found['by']))}, {since}"  # fmt: skip
