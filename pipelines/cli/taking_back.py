"""Taking back what must not count: a drop, a forecast."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelines.cli.app import PIPELINE, SERVES, ProfileName, app, say, show
from pipelines.config import deployment_paths

if TYPE_CHECKING:
    from pipelines.ops.withdrawing import TakenBack

By = Annotated[str, typer.Option("--by", help="your name, for the record")]
Reason = Annotated[str, typer.Option(help="why, for the record")]
AsJson = Annotated[bool, typer.Option("--json", help="for programs")]
_SHOWN = 8


@app.command("withdraw-drop", rich_help_panel=PIPELINE)
def withdraw_drop(
    drop: Annotated[
        str, typer.Argument(metavar="DATE", help="the drop's folder, such as 2018-12-11")
    ],
    by: By,
    reason: Reason,
    profile: ProfileName = "sample",
    as_json: AsJson = False,
) -> None:
    """Take a drop back, accepted or not: no run reads it from now on. The folder stays as it is."""
    from pipelines.ops.withdrawing import withdraw_drop as take_back

    _show_taken_back(
        take_back(deployment_paths(), drop, by, reason, profile),
        "no run reads it from now on",
        as_json,
    )


@app.command("withdraw-forecast", rich_help_panel=SERVES)
def withdraw_forecast(
    version: Annotated[
        str,
        typer.Argument(
            help="forecast version, the unique start of one, a week with one forecast, or a run id"
        ),
    ],
    by: By,
    reason: Reason,
    as_json: AsJson = False,
) -> None:
    """Take a published forecast back: `latest` and the endpoint pass over it. Its files stay."""
    from pipelines.ops.withdrawing import withdraw_forecast as take_back

    effect = "`latest` and the endpoint pass over it; asked for by version it says so"
    _show_taken_back(take_back(deployment_paths(), version, by, reason), effect, as_json)


def _show_taken_back(done: TakenBack, effect: str, as_json: bool) -> None:
    record = done.record
    if as_json:
        found: dict[str, Any] = {
            **asdict(record),
            "earlier": done.earlier,
            "downstream": done.downstream,
            "to_do": done.to_do,
        }
        show(found)
        return
    before = " already" if done.earlier else ""
    say(f"{record.what} {record.name} is{before} {record.words()}; {effect}.")
    if record.what == "drop" and not done.downstream:
        say("Nothing was made from it.")
    for label, names in done.downstream.items():
        more = f" and {len(names) - _SHOWN} more (--json lists all)" if len(names) > _SHOWN else ""
        say(f"Made from it, {label}: {', '.join(names[-_SHOWN:])}{more}")
    for line in done.to_do:
        say(f"What to do: {line}.")
