"""Values that are held: which, why, and a person's word about them."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.cli.app import PIPELINE, ProfileName, app, say, show, table
from pipelines.config import deployment_paths, load_profile
from pipelines.errors import ConfigError
from pipelines.words import counted

if TYPE_CHECKING:
    from pipelines.data.plausible.listed import CauseRecord

_NEXT_RUN = "The next run judges by it: start one in Airflow or with `denguard run`."
_SHOWN = 12  # weeks of a unit's own past, beside a doubted value


@app.command(rich_help_panel=PIPELINE)
def confirm(
    causes: Annotated[
        list[str] | None, typer.Argument(metavar="[CAUSE]...", help="none = list what waits")
    ] = None,
    by: Annotated[str, typer.Option(help="your name")] = "",
    reason: Annotated[str, typer.Option(help="why, such as whom you asked")] = "",
    reject: Annotated[
        bool, typer.Option("--reject", help="the values are wrong: they stay set aside")
    ] = False,
    unit: Annotated[
        list[str] | None, typer.Option(help="only this unit of the cause; may be repeated")
    ] = None,
    cells: Annotated[bool, typer.Option("--show", help="list the values of the causes")] = False,
    every: Annotated[bool, typer.Option("--all", help="list what is answered as well")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
    profile: ProfileName = "sample",
) -> None:
    """Say that held values are true, or wrong; without a cause, list what waits for an answer."""
    if not causes:
        _list(every, as_json)
    elif cells:
        _show(causes, profile)
    else:
        _answer(causes, by, reason, reject, unit or [])


def _list(every: bool, as_json: bool) -> None:
    from pipelines.data.plausible.answers import read_answers
    from pipelines.data.plausible.listed import known_causes, unapplied_answers, waits_for_a_person

    answers = read_answers(deployment_paths())
    found = [
        one for one in known_causes(deployment_paths()) if every or waits_for_a_person(one, answers)
    ]
    if as_json:
        show([asdict(one) for one in found])
        return
    if not found:
        say("Nothing waits for an answer.")
        if unapplied_answers(deployment_paths()):
            say(_NEXT_RUN)
        return
    head = ("cause", "drop", "until answered", "units", "values", "time", "what was found")
    table(head, [_row(one) for one in found], below=1)
    say("denguard confirm CAUSE --show                    lists its values")
    say("denguard confirm CAUSE --by NAME --reason TEXT   they are true: they count")
    say("  the same with --reject                         they are wrong: set aside")


def _row(one: CauseRecord) -> tuple[str, ...]:
    state = one.answer or {"stop": "stopped", "hold": "held"}.get(one.outcome, "counts")
    if not one.answer and one.direction == "high" and one.outcome == "hold":
        state = "published both ways"
    return (
        one.cause_id,
        one.drop,
        state,
        str(one.units),
        str(one.cells),
        one.span,
        f"{one.rule}: {one.message}",
    )


def _show(causes: list[str], profile: str) -> None:
    """The doubted values, each beside the unit's own newest accepted counts."""
    from pipelines.data.intake import accepted_tables
    from pipelines.data.plausible.answers import read_answers
    from pipelines.data.plausible.causes import doubts_of, when_label
    from pipelines.data.tables import latest_cases

    calendar = load_profile(profile).calendar
    accepted = accepted_tables(deployment_paths())
    past = latest_cases(accepted).dropna(subset=["cases"]) if accepted else None
    rows, answers = [], read_answers(deployment_paths())
    for cause in causes:
        doubts = doubts_of(deployment_paths(), cause)
        if doubts.empty:
            raise ConfigError(
                f"the newest validation found no cause {cause!r}",
                fix="`denguard confirm` lists them",
            )
        for one in doubts.to_dict("records"):
            own = (
                []
                if past is None
                else past.loc[past["unit_id"] == one["unit_id"], "cases"].tail(_SHOWN).tolist()
            )
            value = "none" if one["number"] != one["number"] else f"{one['number']:g}"
            when = when_label(str(one["kind"]), int(one["when"]), calendar)
            what = str(one["clean"]) or str(one["kind"])
            verdict = answers[cause].of(str(one["unit_id"])) if cause in answers else None
            answer = verdict or str(one["answer"]) or "waits"
            rows.append(
                (
                    cause,
                    str(one["unit_id"]),
                    what,
                    when,
                    value,
                    answer,
                    " ".join(f"{n:g}" for n in own),
                )
            )
    table(
        ("cause", "unit", "what", "time", "value", "answer", "newest accepted counts"),
        rows,
        below=1,
    )


def _answer(causes: list[str], by: str, reason: str, reject: bool, units: list[str]) -> None:
    from pipelines.data.plausible.answers import read_answers
    from pipelines.data.plausible.causes import answer_causes

    before = read_answers(deployment_paths())
    verdict = "rejected" if reject else "confirmed"
    recorded = answer_causes(
        deployment_paths(), causes, "rejected" if reject else "confirmed", by, reason, units
    )
    about = f" for {', '.join(units)}" if units else ""
    say(
        f"{counted(len(recorded), 'cause')} {verdict}{about}: "
        f"{', '.join(one.cause_id for one in recorded)}."
    )
    for one in (before[name] for name in causes if name in before):
        was = one.verdict or "answered for some units"
        say(f"Before, {one.cause_id} was {was} by {one.by} on {one.at[:10]}: {one.reason}")
    say(_NEXT_RUN)
