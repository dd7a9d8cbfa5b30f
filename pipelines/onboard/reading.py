"""Reading each file as a run will; what stops the reading is found out, or asked."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import ValidationError

from pipelines.config import sentence
from pipelines.contracts import Issue, Level
from pipelines.data.adapters import Reading, adapter_of
from pipelines.data.adapters.content import Unreadable
from pipelines.data.adapters.names import guesses
from pipelines.data.week_test import of_weeks
from pipelines.errors import ConfigError
from pipelines.onboard.answers import Answers
from pipelines.onboard.asking import Ask, Question, answered
from pipelines.onboard.previews import InputPreview, as_drop_error
from pipelines.place_config import WeekConfig
from pipelines.weeks import CDC, ISO, WEEKDAYS, Calendar

_OTHER_CALENDAR = {"other-numbering", "other-week-days", "other-weeks"}
_KEPT = re.compile(r"keep: \{([^:]+): \[")
_DECLARED = re.compile(r"(?:, but|;) weeks of the declared")  # nothing is declared yet
_OPTION = re.compile(r"options: \{(\w+):")


@dataclass(frozen=True)
class Numbering:
    """`place.week`, and where it comes from.

    Attributes:
        by: a sentence.
    """

    numbering: str
    starts: str | None
    by: str

    @property
    def calendar(self) -> Calendar:
        try:
            return WeekConfig.model_validate(
                {"numbering": self.numbering, "starts": self.starts}
            ).calendar
        except ValidationError as err:
            raise ConfigError(
                f"there are no such weeks: {sentence(err)}",
                where="--numbering, --starts",
                fix=(
                    "say --numbering cdc or iso, and if need be --starts with a day such as "
                    "wednesday"
                ),
            ) from err


def read_with_remedies(preview: InputPreview, calendar: Calendar, ask: Ask) -> Reading:
    """A file's reading, after what stopped it was found or asked.

    Raises:
        Unreadable: the file cannot be used, or counts in another calendar.
    """
    for _ in range(8):
        reading = adapter_of(preview.config).read(preview.input(calendar))
        found = next((i for i in reading.issues if i.level is Level.CRITICAL), None)
        if found is None:
            return reading
        remedy = _REMEDIES.get(found.code)
        if remedy is None or not remedy(preview, found, ask):
            break
    assert found is not None
    raise Unreadable(found)


def _order_of_days(preview: InputPreview, found: Issue, ask: Ask) -> bool:
    if "dates" in preview.settings:
        return False
    shown = re.search(r"shows that it is (dmy|mdy)", found.message)
    if shown:
        preview.settings["dates"] = shown[1]
        preview.seen.append(
            f"{found.message.partition('; ')[2]}: dates are "
            f"{'day' if shown[1] == 'dmy' else 'month'} first"
        )
        return True
    question = Question(
        "--dates",
        "Are the dates day first or month first?",
        ("dmy", "mdy"),
        None,
        found.message,
        found.place,
    )
    preview.settings["dates"] = answered(question, ask(question))
    return True


def _kelvin(preview: InputPreview, found: Issue, ask: Ask) -> bool:
    del ask
    preview.settings.setdefault("transform", {})["temp_mean_c"] = "kelvin_to_celsius"
    preview.seen.append(f"{found.message}: they are converted")
    return True


def _by_day(preview: InputPreview, found: Issue, ask: Ask) -> bool:
    """Counts by day are counted by week, as records that stand for several cases."""
    del ask
    plain = {our: found[0] for our, found in guesses(preview.header).items() if len(found) == 1}
    columns = {**plain, **preview.config.columns}
    if preview.settings.get("adapter", "long") != "long" or preview.config.table != "cases":
        return False
    day = columns.get("date", columns.get("start"))
    if day is None or not {"unit", "cases"} <= columns.keys():
        return False
    preview.settings["adapter"] = "line_list"
    preview.settings["columns"] = {"unit": columns["unit"], "onset": day, "cases": columns["cases"]}
    preview.seen.append(f"{found.message.partition(';')[0]}: days are added up to weeks")
    return True


def _elements(preview: InputPreview, found: Issue, ask: Ask) -> bool:
    if preview.settings.get("adapter") != "dhis2" or preview.config.columns:
        return False
    listed = found.message.partition(": ")[2]
    choices = tuple(part.split(" ")[0] for part in listed.split(", "))
    question = Question(
        "--cases", "Which data element counts cases?", choices, None, listed, preview.name
    )
    preview.settings["columns"] = {"cases": answered(question, ask(question))}
    return True


def _counted_twice(preview: InputPreview, found: Issue, ask: Ask) -> bool:
    column = _KEPT.search(found.fix)
    if column is None:
        return False
    values = found.message.partition(f"records of {column[1]} ")[2].partition(": ")[0].split(", ")
    choices = tuple(f"{column[1]}={value}" for value in values)
    question = Question(
        "--keep", "Which of these records are counted?", choices, None, found.message, preview.name
    )
    reply = answered(question, ask(question)).partition("=")[2]
    preview.settings.setdefault("keep", {})[column[1]] = [reply]
    return True


def _option(preview: InputPreview, found: Issue, ask: Ask) -> bool:
    key = _OPTION.search(found.fix)
    if key is None or key[1] in preview.settings.get("options", {}):
        return False
    reply = ask(
        Question(
            f"--option {key[1]}=", f"What is the {key[1]}?", (), None, found.message, preview.name
        )
    )
    preview.settings.setdefault("options", {})[key[1]] = (
        int(reply) if reply.isdigit() and key[1] == "year" else reply
    )
    return True


_REMEDIES: dict[str, Callable[[InputPreview, Issue, Ask], bool]] = {
    "date-order": _order_of_days,
    "kelvin": _kelvin,
    "daily-dates": _by_day,
    "unclear-columns": _elements,
    "counted-twice": _counted_twice,
    "missing-year": _option,
    "missing-column": _option,
}


def numbering_of(
    previews: Sequence[InputPreview], answers: Answers, ask: Ask
) -> tuple[Numbering, list[Reading]]:
    """How the place numbers its weeks, and every file read by it.

    Raises:
        DropError: no calendar fits a file; ConfigError: several do and nobody says which.
    """
    if answers.numbering or answers.starts:
        given = Numbering(answers.numbering or "iso", answers.starts, "as said")
        readings = _read_all(previews, given.calendar, ask)
        if isinstance(readings, Unreadable):
            raise as_drop_error(readings)
        return given, readings
    tried = {
        name: _read_all(previews, calendar, ask) for name, calendar in (("cdc", CDC), ("iso", ISO))
    }
    fit = {name: found for name, found in tried.items() if isinstance(found, list)}
    if len(fit) == 1:
        (name,) = fit
        other = tried["iso" if name == "cdc" else "cdc"]
        return Numbering(name, None, _reason(other)), fit[name]
    if fit:
        return _both(previews, fit, ask)
    for day in (d for d in WEEKDAYS if d not in ("sunday", "monday")):
        found = _read_all(previews, Calendar(day), ask)
        if isinstance(found, list):
            return Numbering("iso", day, f"weeks begin on {day.capitalize()}"), found
    raise as_drop_error(tried["cdc"])  # type: ignore[arg-type]


def _read_all(
    previews: Sequence[InputPreview], calendar: Calendar, ask: Ask
) -> list[Reading] | Unreadable:
    """Every file in this calendar; or why one of them does not fit it."""
    out = []
    for preview in previews:
        try:
            out.append(read_with_remedies(preview, calendar, ask))
        except Unreadable as err:
            if err.issue.code in _OTHER_CALENDAR:
                return err
            raise as_drop_error(err) from err
    return out


def _reason(other: list[Reading] | Unreadable) -> str:
    return _DECLARED.split(other.issue.message)[0] if isinstance(other, Unreadable) else ""


def _both(
    previews: Sequence[InputPreview], fit: dict[str, list[Reading]], ask: Ask
) -> tuple[Numbering, list[Reading]]:
    """Both numberings fit: only the place can say, unless its records have days of their own."""
    persons = all("onset" in s.config.columns for s in previews if s.config.table == "cases")
    why = (
        "days are counted in either calendar; it decides how weeks are named"
        if persons
        else _why_both(previews, fit["cdc"])
    )
    question = Question(
        "--numbering",
        "Are weeks numbered as the CDC does (Sunday to Saturday) or by ISO 8601 (Monday to "
        "Sunday)?",
        ("cdc", "iso"),
        "cdc" if persons else None,
        why,
    )
    reply = answered(question, ask(question))
    return Numbering(reply, None, f"as chosen; {why}"), fit[reply]


def _why_both(previews: Sequence[InputPreview], readings: Sequence[Reading]) -> str:
    for preview, reading in zip(previews, readings, strict=True):
        weeks = reading.cells.loc[reading.cells["kind"] == "week", "when"].unique()
        if preview.config.table != "cases" or not len(weeks):
            continue
        if any(name in " ".join(preview.seen) for name in ("date =", "end =", "start =")):
            return "the dates may be first days of CDC weeks or last days of ISO weeks"
        year = np.array([CDC.epi_year(w) for w in weeks], dtype=np.int64)
        week = np.array([CDC.week_of_year(w) for w in weeks], dtype=np.int64)
        return of_weeks(year, week).reason
    return "no week tells"
