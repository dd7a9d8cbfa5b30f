"""A ministry with files of its own: makes drops of them and has them validated."""

from __future__ import annotations

from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from pipelines.code_changes import CodeChange, CodeChanges
from pipelines.codes import TextCodes, UnitCodes
from pipelines.config import DataConfig
from pipelines.contracts import Issue
from pipelines.data.drop_info import DropInfo
from pipelines.data.drops import list_drops, make_drop
from pipelines.data.sources import Context, source_of
from pipelines.data.tables import Tables, latest_cases
from pipelines.data.validate import validate_all
from pipelines.data.validation_result import ValidationResult
from pipelines.weeks import CDC, Calendar


class Ministry:
    """Makes drops of files and validates them."""

    def __init__(
        self,
        home: Path,
        *inputs: dict[str, Any],
        calendar: Calendar = CDC,
        codes: UnitCodes | None = None,
        **data: Any,
    ) -> None:
        self.home, self.drops = home, home / "data" / "drops"
        # Tables of four rows and round numbers are not meant to be believable.
        data.setdefault("plausibility", {"without": ["*"]})
        self.context = Context(DataConfig(inputs=inputs, **data), calendar, codes or TextCodes())

    def given(self, **files: str | bytes) -> list[Path]:
        """Files on a desk, `cases_csv` being cases.csv."""
        paths = [self.home / name.replace("_", ".") for name in files]
        for path, content in zip(paths, files.values(), strict=True):
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        return paths

    def drop(
        self, files: list[Path], day: str = "2018-12-04", until: str | None = None, edition: int = 1
    ) -> Path:
        info = DropInfo(received_date=date.fromisoformat(day), scene_period="week", edition=edition)
        bring = partial(source_of(self.context.config).bring, files, context=self.context)
        return make_drop(bring, None, self.drops, info, until)

    def bring(self, day: str, edition: int = 1, **files: str | bytes) -> Path:
        """A drop of these files."""
        return self.drop(self.given(**files), day, edition=edition)

    def validate(
        self, previous: Tables | None = None, only: set[str] | None = None, out: Path | None = None
    ) -> ValidationResult:
        return validate_all(
            self.drops, self.context, previous, out, self.home / "cache.json", only=only
        )

    def raw(self) -> Any:
        return source_of(self.context.config).read_raw(list_drops(self.drops)[-1], self.context)


def the(issues: tuple[Issue, ...], code: str) -> Issue:
    found = [i for i in issues if i.code == code]
    assert len(found) == 1, [(i.code, i.message) for i in issues]
    return found[0]


def changes(*pairs: tuple[str, ...]) -> CodeChanges:
    declared = [
        CodeChange(**dict(zip(("old", "new", "since"), pair, strict=False))) for pair in pairs
    ]
    return CodeChanges(TextCodes(), declared)


CASES: dict[str, Any] = {"file": "cases.csv"}
RAIN = {"table": "climate", "adapter": "series", "file": "rain.csv", "latency_days": 5}
PEOPLE = {"table": "units", "file": "people.csv"}
TABLE = "unit,year,week,cases\n" + "".join(
    f"{u},2018,{w},{w % 5}\n" for u in "AB" for w in range(1, 41)
)


def table(units: str, first: int = 1, last: int = 40, skip: tuple[str, ...] = ()) -> str:
    """Long counts of 2018; the count is the week's number."""
    rows = [f"{u},2018,{w},{w}" for u in units for w in range(first, last + 1)]
    return "\n".join(["unit,year,week,cases", *(r for r in rows if r not in skip)]) + "\n"


def count(tables, unit: str, week: int, known_on: date | None = None) -> float | None:
    """The newest vintage, None where unknown."""
    cases = latest_cases(tables, known_on).set_index(["unit_id", "week_no"])["cases"]
    value = cases[unit, CDC.number(2018, week)]
    return None if pd.isna(value) else float(value)
