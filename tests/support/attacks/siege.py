"""A deployment under siege: a champion serves, every attack is a drop of its own, and one run meets
them all.

Each drop is a good one, received a day after the one before, that one attack has spoiled; so one
validation, of a few seconds, judges a hundred of them, and what is found names its drop by the
date.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pytest
from support.desk import table_rows, write_csv

from pipelines import steps
from pipelines.config import DeploymentPaths, load_profile
from pipelines.contracts import Issue, Level
from pipelines.data.drops import drop_hash, read_drop
from pipelines.data.intake import accept
from pipelines.data.sources import context_of
from pipelines.data.validate import validate_all
from pipelines.errors import StoreError, ValidationStopped
from pipelines.storage import manifest_of, sha256_file

Change = Callable[[Path], object]
FIRST = date(2018, 12, 4)
RUN = "siege"


@dataclass(frozen=True)
class Attack:
    """What is done to a good drop, and what must be said of it.

    Attributes:
        name: the attack in words; the test's id.
        change: spoils the drop's folder.
        level, code: of the issue expected; None where the input is harmless and must pass.
        words: all of them are in the issue's message, place or fix.
    """

    name: str
    change: Change
    level: Level | None
    code: str
    words: tuple[str, ...] = ()


def good_drop(folder: Path, received: date) -> Path:
    folder.mkdir(parents=True)
    write_csv(folder / "metadata.csv", table_rows())
    (folder / "drop.yaml").write_text(f"received_date: {received}\nscene_period: month\n")
    return folder


@dataclass(frozen=True)
class Siege:
    """What a run made of all attacks."""

    dates: dict[str, str]
    issues: tuple[Issue, ...]
    quarantine: pd.DataFrame
    revised: pd.DataFrame
    stopped_by: str
    before: dict[str, str]
    after: dict[str, str]

    def issues_of(self, attack: Attack) -> list[Issue]:
        return [i for i in self.issues if i.place.startswith(self.dates[attack.name])]

    def left_out(self, attack: Attack) -> list[str]:
        of = self.quarantine["file"].str.startswith(self.dates[attack.name])
        return list(self.quarantine.loc[of, "reason"])


def lay_siege(served: Path, home: Path, attacks: list[Attack]) -> Siege:
    """In a copy of a deployment of which a champion serves, accept a good drop, bring every attack
    and run the steps as far as they go."""
    paths = DeploymentPaths(home=home)
    shutil.copytree(served / "artifacts", paths.artifacts)
    first = good_drop(paths.drops / FIRST.isoformat(), FIRST)
    context = context_of(load_profile("ci"))
    tables = validate_all(paths.drops, context, None, None, home / "cache.json").tables
    tables.save(paths.artifacts / "datasets" / "d0" / "tables")
    accepted = {
        "received_date": first.name,
        "sha256": drop_hash(read_drop(first), home / "cache.json"),
        "synthetic_scenes": False,
    }
    accept(paths, "d0", "2018-w48", [accepted])
    dates = {a.name: (FIRST + timedelta(days=n)).isoformat() for n, a in enumerate(attacks, 1)}
    for attack in attacks:
        day = dates[attack.name]
        attack.change(good_drop(paths.drops / day, date.fromisoformat(day)))
    before = state_of(paths)
    stopped_by = _run()
    out = paths.artifacts / "runs" / RUN / "validation"
    issues = [
        Issue(**{**i, "level": Level(i["level"])})
        for i in json.loads((out / "issues.json").read_text())
    ]
    quarantine = pd.read_csv(out / "quarantine.csv", keep_default_na=False)
    return Siege(
        dates,
        tuple(issues),
        quarantine,
        pd.read_csv(out / "revised.csv"),
        stopped_by,
        before,
        state_of(paths),
    )


def _run() -> str:
    """Why the run stopped; empty where it did not."""
    steps.start(RUN, {"profile": "ci", "horizons": [4]})
    steps.ingest(RUN)
    try:
        steps.validate(RUN)
    except ValidationStopped as stopped:
        with pytest.raises(StoreError, match="earlier step"):
            steps.snapshot(RUN)
        return str(stopped)
    return ""


def state_of(paths: DeploymentPaths) -> dict[str, str]:
    """File -> hash of all that stands: the accepted pointer, datasets, versions and forecasts, the
    registry with its champion, and the drops.

    A run leaves its own folder, and on purpose what people are told and asked: `events` and the
    causes that wait in `held`. Those are records of what it did, and nothing that stood.
    """
    of_the_run = {"runs", "cache", "locks", "events", "held"}
    return {
        f"{folder.name}/{name}": sha256
        for folder in [paths.drops, *paths.artifacts.iterdir()]
        if folder.is_dir() and folder.name not in of_the_run
        for name, sha256 in manifest_of(folder).items()
    } | {f.name: sha256_file(f) for f in paths.artifacts.iterdir() if f.is_file()}
