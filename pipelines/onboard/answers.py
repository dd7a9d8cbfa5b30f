"""What a person has said beforehand: the flags of `denguard onboard`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from pipelines.errors import ConfigError

NONE = "none"  # said of a question whose answer may be: leave nothing out, no such column


@dataclass(frozen=True)
class RuleAnswers:
    """What was said of the label rule; None = not said."""

    kind: str | None = None
    q: float | None = None
    reference: str | None = None
    years: int | None = None
    floor_cases: float | None = None
    centre: str | None = None
    k: float | None = None
    per_100k: float | None = None
    min_reference_cases: int | None = None


@dataclass(frozen=True)
class Answers:
    """Flags; a value that begins with `FILE=` is meant for that file alone.

    Attributes:
        columns: our name -> the columns said.
        keep, leave_out: COLUMN=VALUE, or "none".
    """

    name: str | None = None
    received: date | None = None
    columns: Mapping[str, Sequence[str]] = field(default_factory=dict)
    adapter: Sequence[str] = ()
    separator: Sequence[str] = ()
    decimal: Sequence[str] = ()
    sheet: Sequence[str] = ()
    dates: Sequence[str] = ()
    header_row: Sequence[str] = ()
    keep: Sequence[str] = ()
    leave_out: Sequence[str] = ()
    transform: Sequence[str] = ()
    option: Sequence[str] = ()
    missing: Sequence[str] = ()
    numbering: str | None = None
    starts: str | None = None
    rule: RuleAnswers = RuleAnswers()
    maturity: int | None = None
    test_years: int | None = None
    units_judged: Sequence[str] = ()
    language: str | None = None
    time_zone: str | None = None
    boundaries: Path | None = None
    boundaries_code: str | None = None
    schedule: str | None = None


def meant_for(values: Sequence[str], file: str, files: Sequence[str]) -> list[str]:
    """The values that were said for a file, or for all of them."""
    out = []
    for value in values:
        name, equals, rest = value.partition("=")
        if equals and name in files:
            out += [rest] if name == file else []
        else:
            out.append(value)
    return out


def pairs(values: Sequence[str], flag: str) -> dict[str, list[str]]:
    """COLUMN=VALUE, several a column. Raises ConfigError for one without "="."""
    found: dict[str, list[str]] = {}
    for value in values:
        if value == NONE:
            continue
        name, equals, rest = value.partition("=")
        if not equals or not name:
            raise ConfigError(
                f"{value!r} is no NAME=VALUE",
                where=flag,
                fix=f"write it as in `{flag} CLASSI_FIN=5`",
            )
        found.setdefault(name, []).append(rest)
    return found
