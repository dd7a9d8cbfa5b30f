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
from pipelines.onboard.sights import Sight, as_drop_error
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


def read_with_remedies(sight: Sight, calendar: Calendar, ask: Ask) -> Reading:
    """A file's reading, after what stopped it was found or asked.

    Raises:
        Unreadable: the file cannot be used, or counts in another calendar.
    """
    for _ in range(8):
        reading = adapter_of(sight.config).read(sight.input(calendar))
        found = next((i for i in reading.issues if i.level is Level.CRITICAL), None)
        if found is None:
            return reading
        remedy = _REMEDIES.get(found.code)
        if remedy is None or not remedy(sight, found, ask):
            break
    assert found is not None
    raise Unreadable(found)


def _order_of_days(sight: Sight, found: Issue, ask: Ask) -> bool:
    if "dates" in sight.settings:
        return False
    shown = re.search(r"shows that it is (dmy|mdy)", found.message)
    if shown:
        sight.settings["dates"] = shown[1]
        sight.seen.append(
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
    sight.settings["dates"] = answered(question, ask(question))
    return True


def _kelvin(sight: Sight, found: Issue, ask: Ask) -> bool:
    del ask
    sight.settings.setdefault("transform", {})["temp_mean_c"] = "kelvin_to_celsius"
    sight.seen.append(f"{found.message}: they are converted")
    return True


def _by_day(sight: Sight, found: Issue, ask: Ask) -> bool:
    """Counts by day are counted by week, as records that stand for several cases."""
    del ask
    plain = {our: found[0] for our, found in guesses(sight.header).items() if len(found) == 1}
    columns = {**plain, **sight.config.columns}
    if sight.settings.get("adapter", "long") != "long" or sight.config.table != "cases":
        return False
    day = columns.get("date", columns.get("start"))
    if day is None or not {"unit", "cases"} <= columns.keys():
        return False
    sight.settings["adapter"] = "line_list"
    sight.settings["columns"] = {"unit": columns["unit"], "onset": day, "cases": columns["cases"]}
    sight.seen.append(f"{found.message.partition(';')[0]}: days are added up to weeks")
    return True


def _elements(sight: Sight, found: Issue, ask: Ask) -> bool:
    if sight.settings.get("adapter") != "dhis2" or sight.config.columns:
        return False
    listed = found.message.partition(": ")[2]
    choices = tuple(part.split(" ")[0] for part in listed.split(", "))
    question = Question(
        "--cases", "Which data element counts cases?", choices, None, listed, sight.name
    )
    sight.settings["columns"] = {"cases": answered(question, ask(question))}
    return True


def _counted_twice(sight: Sight, found: Issue, ask: Ask) -> bool:
    column = _KEPT.search(found.fix)
    if column is None:
        return False
    values = found.message.partition(f"records of {column[1]} ")[2].partition(": ")[0].split(", ")
    choices = tuple(f"{column[1]}={value}" for value in values)
    question = Question(
        "--keep", "Which of these records are counted?", choices, None, found.message, sight.name
    )
    said = answered(question, ask(question)).partition("=")[2]
    sight.settings.setdefault("keep", {})[column[1]] = [said]
    return True


def _option(sight: Sight, found: Issue, ask: Ask) -> bool:
    key = _OPTION.search(found.fix)
    if key is None or key[1] in sight.settings.get("options", {}):
        return False
    said = ask(
        Question(
            f"--option {key[1]}=", f"What is the {key[1]}?", (), None, found.message, sight.name
        )
    )
    sight.settings.setdefault("options", {})[key[1]] = (
        int(said) if said.isdigit() and key[1] == "year" else said
    )
    return True


_REMEDIES: dict[str, Callable[[Sight, Issue, Ask], bool]] = {
    "date-order": _order_of_days,
    "kelvin": _kelvin,
    "daily-dates": _by_day,
    "unclear-columns": _elements,
    "counted-twice": _counted_twice,
    "missing-year": _option,
    "missing-column": _option,
}


def numbering_of(
    sights: Sequence[Sight], answers: Answers, ask: Ask
) -> tuple[Numbering, list[Reading]]:
    """How the place numbers its weeks, and every file read by it.

    Raises:
        DropError: no calendar fits a file; ConfigError: several do and nobody says which.
    """
    if answers.numbering or answers.starts:
        said = Numbering(answers.numbering or "iso", answers.starts, "as said")
        readings = _read_all(sights, said.calendar, ask)
        if isinstance(readings, Unreadable):
            raise as_drop_error(readings)
        return said, readings
    tried = {
        name: _read_all(sights, calendar, ask) for name, calendar in (("cdc", CDC), ("iso", ISO))
    }
    fit = {name: found for name, found in tried.items() if isinstance(found, list)}
    if len(fit) == 1:
        (name,) = fit
        other = tried["iso" if name == "cdc" else "cdc"]
        return Numbering(name, None, _reason(other)), fit[name]
    if fit:
        return _both(sights, fit, ask)
    for day in (d for d in WEEKDAYS if d not in ("sunday", "monday")):
        found = _read_all(sights, Calendar(day), ask)
        if isinstance(found, list):
            return Numbering("iso", day, f"weeks begin on {day.capitalize()}"), found
    raise as_drop_error(tried["cdc"])  # type: ignore[arg-type]


def _read_all(sights: Sequence[Sight], calendar: Calendar, ask: Ask) -> list[Reading] | Unreadable:
    """Every file in this calendar; or why one of them does not fit it."""
    out = []
    for sight in sights:
        try:
            out.append(read_with_remedies(sight, calendar, ask))
        except Unreadable as err:
            if err.issue.code in _OTHER_CALENDAR:
                return err
            raise as_drop_error(err) from err
    return out


def _reason(other: list[Reading] | Unreadable) -> str:
    return _DECLARED.split(other.issue.message)[0] if isinstance(other, Unreadable) else ""


def _both(
    sights: Sequence[Sight], fit: dict[str, list[Reading]], ask: Ask
) -> tuple[Numbering, list[Reading]]:
    """Both numberings fit: only the place can say, unless its records have days of their own."""
    persons = all("onset" in s.config.columns for s in sights if s.config.table == "cases")
    why = (
        "days are counted in either calendar; it decides how weeks are named"
        if persons
        else _why_both(sights, fit["cdc"])
    )
    question = Question(
        "--numbering",
        "Are weeks numbered as the CDC does (Sunday to Saturday) or by ISO 8601 (Monday to "
        "Sunday)?",
        ("cdc", "iso"),
        "cdc" if persons else None,
        why,
    )
    said = answered(question, ask(question))
    return Numbering(said, None, f"as chosen; {why}"), fit[said]


def _why_both(sights: Sequence[Sight], readings: Sequence[Reading]) -> str:
    for sight, reading in zip(sights, readings, strict=True):
        weeks = reading.cells.loc[reading.cells["kind"] == "week", "when"].unique()
        if sight.config.table != "cases" or not len(weeks):
            continue
        if any(name in " ".join(sight.seen) for name in ("date =", "end =", "start =")):
            return "the dates may be first days of CDC weeks or last days of ISO weeks"
        year = np.array([CDC.epi_year(w) for w in weeks], dtype=np.int64)
        week = np.array([CDC.week_of_year(w) for w in weeks], dtype=np.int64)
        return of_weeks(year, week).reason
    return "no week tells"
