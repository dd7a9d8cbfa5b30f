"""Files checked as a run would check them, before anything is stored."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from pipelines.config import DeploymentPaths, Profile
from pipelines.contracts import Level
from pipelines.data.drop_info import DropInfo
from pipelines.data.drops import make_drop, read_drop
from pipelines.data.intake import accepted_drops, accepted_tables
from pipelines.data.plausible.answers import read_answers
from pipelines.data.raw import issue
from pipelines.data.receipts import receipt_issues
from pipelines.data.scenes import SCENE_COLUMNS
from pipelines.data.sources import context_of, source_of
from pipelines.data.tables import newest_week_no
from pipelines.data.validate import validate_drops
from pipelines.data.validation_result import ValidationResult
from pipelines.errors import DropError
from pipelines.run.withdrawn import withdrawn
from pipelines.storage import sha256_file

_SHOWN = 30


@dataclass(frozen=True)
class TrialReport:
    """What a run would say of the files.

    Attributes:
        found: counts of what would be used: units, weeks, cases, first and newest week.
        stops: whether a run would stop there.
    """

    result: ValidationResult
    found: dict[str, Any]
    stops: bool

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        issues = [asdict(one) for one in self.result.issues]
        refused = self.result.quarantine.to_dict("records")
        return {"stops": self.stops, "found": self.found, "issues": issues, "refused": refused}

    def as_text(self) -> str:
        """For people: the worst first, then what would be used."""
        lines = [
            f"{one.level.value}: {one.message}\n    where: "
            f"{one.place or '-'}{' ' + one.period if one.period else ''}\n    what to do: "
            f"{one.fix}"
            for one in self.result.issues[:_SHOWN]
        ]
        more = len(self.result.issues) - _SHOWN
        lines += [f"... and {more} more; --json lists all"] if more > 0 else []
        seen = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in self.found.items())
        return "\n".join(
            [
                *lines,
                f"would be used: {seen or 'nothing'}",
                "a run would stop here" if self.stops else "a run would go on",
            ]
        )


def try_files(
    files: Sequence[Path], profile: Profile, paths: DeploymentPaths, received: date
) -> TrialReport:
    """Check files against the accepted version, if there is one; nothing of it is kept.

    Args:
        received: day of receipt; weeks that end later cannot be complete.
    """
    context = context_of(profile)
    accepted = accepted_drops(paths).keys() - withdrawn(paths, "drop").keys()
    with tempfile.TemporaryDirectory(prefix="denguard-validate-") as work:
        drops, raws, broken = Path(work) / "drops", [], []
        info = DropInfo(received_date=received)
        bring = partial(source_of(context.config).bring, list(files), context=context)
        try:
            drop = read_drop(make_drop(bring, None, drops, info))
            raws = [source_of(context.config).read_raw(drop, context)]
            broken = receipt_issues(raws, accepted, profile.place.today(), context)
        except DropError as err:
            broken = [issue(Level.CRITICAL, "invalid-drop", err.what, err.where, err.fix)]
        scenes = pd.DataFrame(columns=list(SCENE_COLUMNS))
        before = accepted_tables(paths)
        names = _as_given(drops, files)
        answers = read_answers(paths)
        found = validate_drops(raws, scenes, context, before, None, broken, answers)
        result = _named(found, names)
    stops = any(one.level is Level.CRITICAL for one in result.issues)
    return TrialReport(result, _found(result, profile), stops)


def _as_given(drops: Path, files: Sequence[Path]) -> dict[str, str]:
    """Name in the drop that never was -> the file as it was given, where it came in unchanged."""
    given = {sha256_file(path): str(path) for path in files if path.is_file()}
    held = [path for path in drops.glob("*/*") if path.is_file()]
    return {f"{p.parent.name}/{p.name}": given[s] for p in held if (s := sha256_file(p)) in given}


def _named(result: ValidationResult, names: Mapping[str, str]) -> ValidationResult:
    """Findings by the names that a person gave."""

    def given(text: str) -> str:
        for held, name in names.items():
            text = text.replace(held, name)
        return text

    issues = tuple(
        replace(i, place=given(i.place), message=given(i.message)) for i in result.issues
    )
    quarantine = result.quarantine.assign(
        file=result.quarantine["file"].map(lambda f: names.get(f, f))
    )
    return replace(result, issues=issues, quarantine=quarantine)


def _found(result: ValidationResult, profile: Profile) -> dict[str, Any]:
    tables, label = result.tables, profile.calendar.week_label
    known = tables.cases.dropna(subset=["cases"])
    if known.empty:
        return {}
    newest = newest_week_no(tables)
    return {
        "units": int(known["unit_id"].nunique()),
        "weeks": int(known["week_no"].nunique()),
        "cases": float(known["cases"].sum()),
        "first_week": label(known["week_no"].min()),
        "newest_week": label(known["week_no"].max()),
        "newest_week_of_half_the_units": None if newest is None else label(newest),
        "levels": dict(Counter(one.level.value for one in result.issues)),
    }
