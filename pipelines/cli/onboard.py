"""From a place's own files to its profile and first drop."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelines.cli.app import PIPELINE, app, ask_aloud, say, show, table
from pipelines.config import deployment_paths
from pipelines.place_config import shipped_prompts
from pipelines.shown import shown_lines

if TYPE_CHECKING:
    from pipelines.onboard.answers import Answers
    from pipelines.onboard.asking import Question

Texts = Annotated[list[str] | None, typer.Option()]


class _Aloud:
    def line(self, text: str) -> None:
        say(text)

    def table(self, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        table(head, rows)


class _Silent:
    def line(self, text: str) -> None:
        """With --json everything comes at the end."""

    def table(self, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """With --json everything comes at the end."""


@contextmanager
def _rules_tried_quietly() -> Iterator[None]:
    """Rules are tried here, not run: what a run would log stays away, and only meanwhile."""
    library = logging.getLogger("pipelines")
    level = library.level
    library.setLevel(logging.WARNING)
    try:
        yield
    finally:
        library.setLevel(level)


def _at_terminal(question: Question) -> str:
    """Ask a person, on stderr, until the answer is one of the choices."""
    where = f" [{question.where}]" if question.where else ""
    typer.secho(shown_lines(f"\n{question.what}{where}"), bold=True, err=True)
    if question.why:
        ask_aloud(f"  {question.why}")
    if question.choices:
        ask_aloud(f"  one of: {', '.join(question.choices)}")
    while True:
        answer = str(
            typer.prompt(f"  {question.flag}", default=question.proposal, err=True)
        ).strip()
        if answer and (not question.choices or answer in question.choices):
            return answer
        typer.echo("  that is none of them", err=True)


@app.command(rich_help_panel=PIPELINE)
def onboard(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="cases, and if there are any climate and population")],
    name: Annotated[str | None, typer.Option(help="of the profile; default: the first file's")] = None,
    received: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="day of receipt; default: today")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="take every proposal")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="print the profile and write nothing")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="findings and profile, for programs")] = False,
    adapter: Annotated[list[str] | None, typer.Option(help="[FILE=]ADAPTER, see docs/formats.md")] = None,
    unit: Annotated[list[str] | None, typer.Option(help="[FILE=]COLUMN; several are joined with /")] = None,
    year: Annotated[list[str] | None, typer.Option(help="[FILE=]COLUMN")] = None,
    week: Annotated[list[str] | None, typer.Option(help="[FILE=]COLUMN")] = None,
    date: Annotated[list[str] | None, typer.Option(help="[FILE=]COLUMN: day of a week or of onset")] = None,
    cases: Annotated[list[str] | None, typer.Option(help="[FILE=]COLUMN, or a DHIS2 data element")] = None,
    column: Annotated[list[str] | None, typer.Option(help="OUR=COLUMN for any other, such as rainfall_mm=rain")] = None,
    numbering: Annotated[str | None, typer.Option(help="cdc or iso")] = None,
    starts: Annotated[str | None, typer.Option(help="first day of a week, such as wednesday")] = None,
    dates: Annotated[list[str] | None, typer.Option(help="[FILE=]dmy, mdy or ymd")] = None,
    separator: Annotated[list[str] | None, typer.Option(help="[FILE=]one of , ; | tab")] = None,
    decimal: Annotated[list[str] | None, typer.Option(help="[FILE=]point or comma, as . or ,")] = None,
    sheet: Annotated[list[str] | None, typer.Option(help="[FILE=]NAME of the workbook's sheet")] = None,
    header_row: Annotated[list[str] | None, typer.Option(help="[FILE=]row that names the columns")] = None,
    missing: Annotated[list[str] | None, typer.Option(help="[FILE=]TEXT that means: not known")] = None,
    transform: Annotated[list[str] | None, typer.Option(help="OUR=CONVERSION, such as rainfall_mm=m_to_mm")] = None,
    option: Annotated[list[str] | None, typer.Option(help="KEY=VALUE that one adapter asks for")] = None,
    leave_out: Annotated[list[str] | None, typer.Option(help="COLUMN=VALUE of records that do not count, or none")] = None,
    keep: Annotated[list[str] | None, typer.Option(help="COLUMN=VALUE of the only records that count")] = None,
    rule: Annotated[str | None, typer.Option(help="label rule: rolling_quantile, quantile, endemic_channel, incidence")] = None,
    quantile: Annotated[float | None, typer.Option(help="of the label rule")] = None,
    reference: Annotated[str | None, typer.Option(help="2019-w01..2020-w53, or 2017..2020")] = None,
    years: Annotated[int | None, typer.Option(help="before each origin's year, of the label rule")] = None,
    floor: Annotated[float | None, typer.Option(help="least threshold, cases a week")] = None,
    centre: Annotated[str | None, typer.Option(help="of the endemic channel: median, geometric_mean, mean_sd")] = None,
    k: Annotated[float | None, typer.Option(help="standard deviations of mean_sd")] = None,
    per_100k: Annotated[float | None, typer.Option(help="cases a week per 100,000 persons")] = None,
    min_reference_cases: Annotated[int | None, typer.Option(help="of a unit, to be learned from")] = None,
    maturity: Annotated[int | None, typer.Option(min=0, max=26, help="newest weeks that are still filling")] = None,
    test_years: Annotated[int | None, typer.Option(min=1, max=50, help="newest complete years to judge on")] = None,
    units_judged: Annotated[list[str] | None, typer.Option(help="units that are judged; default: all")] = None,
    language: Annotated[str | None, typer.Option(help=f"of the place; prompts ship in {', '.join(shipped_prompts())}")] = None,
    time_zone: Annotated[str | None, typer.Option(help="such as America/Lima: of schedules and dates; default: UTC")] = None,
    boundaries: Annotated[Path | None, typer.Option(metavar="GEOJSON", help="shapes of the units, for a map in the report")] = None,
    boundaries_code: Annotated[str | None, typer.Option(help="its property that holds the units' codes; default: the one that fits")] = None,
    schedule: Annotated[str | None, typer.Option(help="cron by the place's clock, of a further line of the deployment")] = None,
) -> None:  # fmt: skip
    """Look at a place's own files, ask what they cannot tell, write its profile and first drop."""
    answers = _answers(locals())
    from pipelines.onboard.asking import asker
    from pipelines.onboard.onboard import onboard as looked_at
    from pipelines.onboard.onboard import write

    with _rules_tried_quietly():
        made = looked_at(
            files, answers, asker(yes, _at_terminal), _Silent() if as_json else _Aloud()
        )
    line = f"--line {named} " if (named := os.environ.get("DENGUARD_LINE")) else ""
    command = f"denguard {line}run --profile {made.name} --run-id first"
    written, drop = (None, None) if dry_run else write(made, deployment_paths())
    if as_json:
        show(made.as_json(written, drop, command))
        return
    say("\n" + made.text)
    say(
        "nothing was written (--dry-run)"
        if written is None
        else f"profile: {written}\ndrop: {drop}"
    )
    judged = made.findings.test_year_choice
    early = judged is not None and judged.serves == "nothing"
    say(
        f"{'a run would end without a forecast, because nothing can be judged yet; when there is more' if early else 'now run'}: "
        f"{command}"
    )


_COLUMNS = ("unit", "year", "week", "date", "cases")  # options of their own, beside --column
_TAKEN_AS_GIVEN = (
    "name",
    "numbering",
    "starts",
    "maturity",
    "test_years",
    "language",
    "time_zone",
    "schedule",
    "boundaries",
    "boundaries_code",
)
_LISTS = (
    "adapter",
    "separator",
    "decimal",
    "sheet",
    "dates",
    "header_row",
    "keep",
    "leave_out",
    "transform",
    "option",
    "missing",
    "units_judged",
)


def _answers(flags: Mapping[str, Any]) -> Answers:
    """The command's options as answers to what a person would be asked."""
    from pipelines.onboard.answers import Answers, RuleAnswers, pairs

    columns = {our: flags[our] for our in _COLUMNS} | pairs(flags["column"] or (), "--column")
    options = {"kind": "rule", "q": "quantile", "floor_cases": "floor"}  # option of a field
    rule = {f.name: flags[options.get(f.name, f.name)] for f in fields(RuleAnswers)}
    lists: dict[str, Any] = {name: tuple(flags[name] or ()) for name in _LISTS}
    return Answers(
        received=flags["received"].date() if flags["received"] else None,
        columns={our: found for our, found in columns.items() if found},
        rule=RuleAnswers(**rule),
        **{name: flags[name] for name in _TAKEN_AS_GIVEN},
        **lists,
    )
