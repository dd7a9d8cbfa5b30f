"""Which scene a sample sees, and why it sees none.

Shape letters: U units, O origins.

The choice: the newest known scene (by scene_date) whose quality is ok and whose content is not
older than `max_age_weeks`; a blank or stale newest scene falls back to an older good one. Age is
`origin week - week in which the content first became available`, so a scene that repeats earlier
content is as old as its first appearance; where the newest day that a scene shows is told, and is
before that, age is counted from its week.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipelines.arrays import Float64s, Int64s, Texts
from pipelines.contracts import SceneQuality
from pipelines.data.availability import known_from_week_no
from pipelines.weeks import Calendar

NO_SCENE = -1


@dataclass(frozen=True)
class SceneChoice:
    """For each unit and origin the scene used.

    Attributes:
        scenes: the units' scenes in order of unit and scene_date.
        row: (U, O) row of `scenes`, NO_SCENE where the image modality is missing.
        quality: (U, O) SceneQuality: ok where a scene is used, else the newest known scene's
            (stale if that is a good one that is too old, none if there is none).
        age_weeks: (U, O) age of the content used, NaN where none is.
    """

    scenes: pd.DataFrame
    row: Int64s
    quality: Texts
    age_weeks: Float64s

    def column(self, name: str) -> Texts:
        """(U, O) a column of the scenes used, None where none is."""
        out = np.full(self.row.shape, None, dtype=object)
        used = self.row != NO_SCENE
        out[used] = self.scenes[name].to_numpy(dtype=object)[self.row[used]]
        return out


def choose_scenes(
    scenes: pd.DataFrame,
    unit_ids: Sequence[str],
    origins: Int64s,
    max_age_weeks: int,
    calendar: Calendar,
) -> SceneChoice:
    """The scene that each unit and origin sees; `origins` are consecutive week ordinals."""
    scenes = scenes[scenes["unit_id"].isin(unit_ids)]
    scenes = scenes.sort_values(["unit_id", "scene_date"], kind="stable").reset_index(drop=True)
    unit = pd.Index(unit_ids).get_indexer(pd.Index(scenes["unit_id"]))
    known = known_from_week_no(scenes["available_date"], calendar) - int(origins[0])
    first_seen = _content_week(scenes, calendar)
    expired = first_seen + max_age_weeks - int(origins[0]) + 1
    good = (scenes["quality"] == SceneQuality.OK).to_numpy()
    row = np.full((len(unit_ids), len(origins)), NO_SCENE, dtype=np.int64)
    newest = row.copy()
    for i in range(len(scenes)):  # in order of scene_date: the newest known one stays
        start = max(int(known[i]), 0)
        newest[unit[i], start:] = i
        if good[i]:
            row[unit[i], start : max(int(expired[i]), 0)] = i
    return SceneChoice(scenes, row, _quality(scenes, row, newest), _age(first_seen, row, origins))


def _content_week(scenes: pd.DataFrame, calendar: Calendar) -> Int64s:
    """(scenes,) the origin week from which the age of a scene's content counts."""
    week = known_from_week_no(scenes["first_seen_available_date"], calendar)
    if "observed_date" in scenes.columns:
        told = scenes["observed_date"].notna().to_numpy()
        observed = known_from_week_no(scenes.loc[told, "observed_date"], calendar)
        week[told] = np.minimum(week[told], observed)
    return week


def _quality(scenes: pd.DataFrame, row: Int64s, newest: Int64s) -> Texts:
    out = np.full(row.shape, str(SceneQuality.NONE), dtype=object)
    seen = newest != NO_SCENE
    out[seen] = scenes["quality"].to_numpy(dtype=object)[newest[seen]]
    out[out == str(SceneQuality.OK)] = str(SceneQuality.STALE)
    out[row != NO_SCENE] = str(SceneQuality.OK)
    return out


def _age(first_seen: Int64s, row: Int64s, origins: Int64s) -> Float64s:
    out = np.full(row.shape, np.nan)
    unit, at = np.nonzero(row != NO_SCENE)
    out[unit, at] = origins[at] - first_seen[row[unit, at]]
    return out
