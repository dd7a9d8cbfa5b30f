"""Invented tables of a place, and onboarding them without a terminal."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path
from random import Random
from typing import Any

from pipelines.onboard.answers import Answers
from pipelines.onboard.asking import Ask, refuse, take_proposal
from pipelines.onboard.onboard import Onboarded, onboard
from pipelines.weeks import CDC, Calendar

RECEIVED = date(2026, 11, 16)
Row = tuple[str, int, int, int]  # unit, year, week, cases


class Heard:
    """What a person is told while files are looked at."""

    def __init__(self) -> None:
        self.text = ""

    def line(self, text: str) -> None:
        self.text += f"{text}\n"

    def table(self, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        for row in (head, *rows):
            self.line("\t".join(row))


def counts(
    first: str,
    last: str,
    units: Sequence[str] = ("A", "B", "C"),
    calendar: Calendar = CDC,
    level: float = 20.0,
) -> list[Row]:
    """Seasonal counts with an epidemic now and then, the same every time."""
    rng, out = Random(7), []  # noqa: S311  (invented data)
    weeks = range(calendar.week_no(first), calendar.week_no(last) + 1)
    for unit in units:
        drift = 0.0
        for at, week in enumerate(weeks):
            drift = 0.9 * drift + rng.gauss(0, 0.3)
            usual = level * math.exp(0.8 * math.sin(2 * math.pi * at / 52) + drift)
            label = calendar.week_label(week)
            out.append((unit, int(label[:4]), int(label[6:]), round(usual)))
    return out


def csv(
    path: Path, rows: Iterable[Sequence[Any]], head: str = "district,year,week,cases", end: str = ""
) -> Path:
    """A CSV in the separator of its header."""
    separator = ";" if ";" in head else ","
    lines = [head, *(separator.join(map(str, row)) for row in rows)]
    path.write_text("\n".join(lines) + "\n" + end, encoding="utf-8")
    return path


def onboarded(
    *paths: Path, ask: Ask = take_proposal, heard: Heard | None = None, **answers: Any
) -> Onboarded:
    """Files onboarded with these flags; whatever else is asked gets its proposal."""
    return onboard(paths, Answers(**{"received": RECEIVED, **answers}), ask, heard or Heard())


def note_of(made: Onboarded, topic: str) -> str:
    """What was found about a topic."""
    return "\n".join(made.findings.topics.get(topic, []))


IN_A_PIPE = refuse
