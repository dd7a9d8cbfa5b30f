"""How much work a first run of a profile on a drop is, counted without running it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from pipelines.candidate_config import forecaster_kind
from pipelines.config import Profile
from pipelines.data.drops import Drop, read_drop, scene_files
from pipelines.data.sources import context_of, source_of
from pipelines.data_config import TextWindow
from pipelines.errors import DropError
from pipelines.evaluation_config import TestYears
from pipelines.train_config import TrainConfig

_YEAR_WEEKS = 52
_SEEN_SHARE = 0.5  # of the rows, on average over inner seasons, lie before a season


@dataclass(frozen=True)
class Work:
    """What the steps go by.

    Attributes:
        units: with enough cases for a threshold.
        weeks: origins.
        horizons: weeks ahead, each a row of its own.
        scenes, prompts: inputs to embed, as if no vector were kept.
        scene_shards, prompt_shards: processes that embed them, one after the other.
        vector_rows: unit-weeks with a scene or a prompt.
        batches: head -> training steps of one candidate, choices included.
        test_years: that are replayed.
    """

    units: int
    weeks: int
    horizons: int
    scenes: int
    prompts: int
    scene_shards: int
    prompt_shards: int
    vector_rows: int
    batches: dict[str, int]
    test_years: int

    @property
    def rows(self) -> int:
        """Samples of all horizons."""
        return self.units * self.weeks * self.horizons


@dataclass(frozen=True)
class _Span:
    """Weeks by ordinal, and of which units."""

    units: int
    first: int
    last: int

    @property
    def unit_weeks(self) -> int:
        return self.units * max(0, self.last - self.first + 1)


def count_work(profile: Profile, drop: Path) -> Work:
    """Read a drop's table and look at the names of its scenes.

    Raises:
        DropError: it is no drop, or it has no weekly counts.
    """
    given = read_drop(drop)
    cells = source_of(profile.data).read_raw(given, context_of(profile)).cells
    table = _weekly(cells, drop, profile)
    scenes = [match for path, match in scene_files(given.path / "images") if match]
    pictured = _pictured(given, table) if profile.embed else _Span(0, 0, -1)
    told = _told(table, profile) if profile.embed else _Span(0, 0, -1)
    vector_rows = max(pictured.unit_weeks, told.unit_weeks)
    years = profile.evaluate.test_years
    return Work(
        units=table.units,
        weeks=table.last - table.first + 1,
        horizons=len(profile.evaluate.horizons_weeks),
        scenes=len(scenes) if profile.embed else 0,
        prompts=told.unit_weeks,
        scene_shards=_shards(len(scenes), profile),
        prompt_shards=_shards(told.unit_weeks, profile),
        vector_rows=vector_rows,
        batches=batches(profile.train, vector_rows, len(profile.evaluate.horizons_weeks)),
        test_years=_replayed(years, table) if isinstance(years, TestYears) else len(years),
    )


def _shards(inputs: int, profile: Profile) -> int:
    """As embed.plan.cut makes them; none without inputs."""
    if profile.embed is None or not inputs:
        return 0
    return min(profile.embed.max_shards, max(1, inputs // profile.embed.min_inputs_per_shard))


def batches(train: TrainConfig, vector_rows: int, horizons: int) -> dict[str, int]:
    """Head that reads vectors -> steps of one candidate: its choices on inner seasons at the
    primary horizon, then at every horizon one training a season and one on all rows."""
    an_epoch = -(-vector_rows // train.batch_rows)
    settings = sum(len(train.values_of(name)) for name in _tuned(train))
    tried = (settings + len(train.lambda_grid)) * train.tuned.seeds * train.inner_origins
    trained = horizons * (_SEEN_SHARE * train.inner_origins + 1)
    steps = round((tried * _SEEN_SHARE + trained / 2) * train.max_epochs * an_epoch)
    heads = (name for name in train.names if forecaster_kind(name).reads_vectors)
    return dict.fromkeys(heads, steps)


def _tuned(train: TrainConfig) -> Iterable[str]:
    names = ("learning_rate", "noise_sigma", "alignment_weight")
    return (name for name in names if getattr(train.tuned, name))


def _weekly(cells: pd.DataFrame, drop: Path, profile: Profile) -> _Span:
    counts = cells[(cells["kind"] == "week") & np.isfinite(cells["number"].astype(float))]
    if counts.empty:
        raise DropError(
            "the drop has no weekly counts", where=str(drop), fix="name a drop with a table"
        )
    first, last = int(counts["when"].min()), int(counts["when"].max())
    if profile.data.first_week is not None:
        first = max(first, profile.calendar.week_no(profile.data.first_week))
    return _Span(_pool(counts, last, profile), first, last)


def _pool(counts: pd.DataFrame, last: int, profile: Profile) -> int:
    """Units with as many cases in the label rule's reference as it asks for, and a threshold above
    none; an estimate, because it may refuse a unit for other reasons too."""
    labels, calendar = profile.labels, profile.calendar
    year = None if labels.rule.fixed else calendar.epi_year(last)
    weeks = {week for span in labels.rule.reference_weeks(calendar, year) for week in span}
    inside = counts[counts["when"].isin(weeks)]
    by_unit = inside["number"].astype(float).groupby(inside["unit_id"].astype(str))
    judged = by_unit.sum() >= labels.min_reference_cases
    if labels.rule.floor_cases is None:
        judged &= by_unit.quantile(getattr(labels.rule, "q", 0.5)) > 0
    return int(judged.sum())


def _told(table: _Span, profile: Profile) -> _Span:
    window: TextWindow = profile.data.text_window
    week_no = profile.calendar.week_no
    units = table.units if window.municipalities is None else len(window.municipalities)
    first = table.first if window.first_week is None else week_no(window.first_week)
    last = table.last if window.last_week is None else week_no(window.last_week)
    return _Span(units, max(table.first, first), min(table.last, last))


def _pictured(drop: Drop, table: _Span) -> _Span:
    """Units with scenes, over the weeks that these lie in."""
    found = {path for path, match in scene_files(drop.path / "images") if match}
    units = {path.parent.name for path in found}
    if not units:
        return _Span(0, 0, -1)
    periods = max(sum(path.parent.name == unit for path in found) for unit in units)
    weeks = round(periods * (_YEAR_WEEKS / 12 if drop.info.scene_period == "month" else 1))
    return _Span(len(units), max(table.first, table.last - weeks + 1), table.last)


def _replayed(years: TestYears, table: _Span) -> int:
    whole = (table.last - table.first + 1) // _YEAR_WEEKS - 2  # two years come before the first
    return max(0, min(years.last, whole - years.hold_back))
