"""SatelliteBench's scenes for a study: which file is which municipality's and day's, and what week
sees it.

The paper takes the scene of the week's Sunday as it is, blank ones too. Of monthly composites,
which have no Sundays, the newest that is dated not after the Sunday and at most a month before. The
safe protocol takes what was there at the end of the week: a weekly scene by its Saturday, a monthly
composite by its month's last day; blank, saturated and stale scenes are missing images.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipelines.arrays import Int64s, Texts
from pipelines.config import ScenePolicy
from pipelines.contracts import Issue, Level, SceneQuality
from pipelines.data.drop_info import DropInfo
from pipelines.data.drops import IMAGES, SCENE_NAME, shown
from pipelines.data.filecache import FileCache
from pipelines.data.raw import issue
from pipelines.data.scene_choice import choose_scenes
from pipelines.data.scenes import (
    SceneError,
    SceneStats,
    content_hash,
    quality,
    read_scene,
    scene_stats,
)
from pipelines.data.sources.dane import DaneCodes
from pipelines.paper.datasets.files import how_to_get, some
from pipelines.paper.datasets.images import same_bytes
from pipelines.paper.study import Protocol
from pipelines.run.progress import Progress
from pipelines.weeks import CDC

PAPER_MAX_AGE_DAYS = 31  # of a monthly composite, in the paper's protocol
_KIND = "paper-scene-v1"
_SAVE_EVERY = 200  # scenes of a few megabytes each
Files = Mapping[tuple[str, date], Path]


@dataclass(frozen=True)
class Scenes:
    """Scenes that can be read.

    Attributes:
        table: unit_id, scene_date, path, quality, available_date, first_seen_available_date, in
            order of unit and date.
        issues: what is wrong with other files.
    """

    table: pd.DataFrame
    issues: tuple[Issue, ...]


def folders_of(files: Sequence[Path], archive: str) -> tuple[Path, ...]:
    """Archive folders such as "81_municipalities_v2.0" that hold scenes, the newest name last."""
    found = {
        up
        for path in files
        if SCENE_NAME.fullmatch(path.name)
        for up in path.parents
        if re.match(rf"{archive}(_|$)", up.name)
    }
    return tuple(sorted(found))


def scene_paths(files: Sequence[Path], below: Path) -> dict[tuple[str, str], list[Path]]:
    """(unit_id, day as written) -> scene files `images/<code>/image_<day>` below a folder."""
    found: dict[tuple[str, str], list[Path]] = defaultdict(list)
    codes = DaneCodes()
    for path in files:
        named = SCENE_NAME.fullmatch(path.name)
        at_home = path.parent.parent.name.lower() == IMAGES and path.is_relative_to(below)
        if named and at_home and (unit := codes.normalise(path.parent.name)):
            found[unit, named[1]].append(path)
    return found


def read_scenes(
    data: Path, found: Mapping[tuple[str, str], Sequence[Path]], dataset: str, cache: Path | None
) -> Scenes:
    """Every scene decoded once and judged; unreadable ones become issues.

    Raises:
        DropError: two files of one municipality and day differ.
    """
    memory, policy = FileCache(cache) if cache else None, ScenePolicy()
    progress = Progress("scenes checked", len(found))
    rows, broken = [], defaultdict(list)
    for at, ((unit, day), paths) in enumerate(sorted(found.items()), start=1):
        same_bytes(paths)
        facts = _facts(paths[0], policy, memory) if _day(day) else {"problem": "bad-scene-date"}
        if facts["problem"]:
            broken[str(facts["problem"])].append(paths[0].relative_to(data).as_posix())
        else:
            rows.append(
                {
                    "unit_id": unit,
                    "scene_date": _day(day),
                    "path": paths[0].relative_to(data).as_posix(),
                    **facts,
                }
            )
        progress.advance()
        if memory and (at % _SAVE_EVERY == 0 or at == len(found)):
            memory.save()
    issues = [
        issue(
            Level.ERROR,
            code,
            f"{len(names)} scene files cannot be used ({code}): {some(names)}",
            shown(str(data)),
            f"delete them and {how_to_get(dataset, data)}",
            rows=len(names),
        )
        for code, names in sorted(broken.items())
    ]
    return Scenes(_judged(rows, policy), tuple(issues))


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _facts(path: Path, policy: ScenePolicy, memory: FileCache | None) -> dict[str, Any]:
    known = memory.get(path, _KIND) if memory else None
    if known is None:
        known = _looked_at(path, policy)
        if memory:
            memory.put(path, _KIND, known)
    return known


def _looked_at(path: Path, policy: ScenePolicy) -> dict[str, Any]:
    try:
        rgb = read_scene(path, policy)
    except SceneError as err:
        return {"problem": err.code}
    stats = scene_stats(rgb)
    return {
        "problem": "",
        "content": content_hash(rgb),
        "dark_share": stats.dark_share,
        "saturated_share": stats.saturated_share,
        "std_grey": stats.std_grey,
    }


def _judged(rows: Sequence[Mapping[str, Any]], policy: ScenePolicy) -> pd.DataFrame:
    names = ["unit_id", "scene_date", "path", "content", *SceneStats.__dataclass_fields__]
    table = pd.DataFrame(rows, columns=names)
    stats = [SceneStats(*map(float, row)) for row in table[names[4:]].itertuples(index=False)]
    table["quality"] = [str(quality(s, policy)) for s in stats]
    days = table.groupby("unit_id")["scene_date"].transform(lambda d: [_period(d)] * len(d))
    table["available_date"] = [
        _available(day, period) for day, period in zip(table["scene_date"], days, strict=True)
    ]
    same = table.groupby(["unit_id", "content"])["available_date"]
    table["first_seen_available_date"] = same.transform("min")
    return table


def _period(days: pd.Series) -> str:
    """ "week" if all of a municipality's scenes are dated on Sundays, and not all on a month's
    first.
    """
    sundays = all(day.weekday() == 6 for day in days)
    return "week" if sundays and not all(day.day == 1 for day in days) else "month"


def _available(day: date, period: str) -> date:
    return DropInfo.model_validate({"received_date": day, "scene_period": period}).scene_available(
        day
    )


def weekly_images(
    scenes: Scenes,
    unit_ids: Sequence[str],
    weeks: Int64s,
    sundays: Sequence[date],
    protocol: Protocol,
) -> Texts:
    """(U, W) path of the scene that each municipality and week sees, None where none."""
    if protocol == "safe":
        chosen = choose_scenes(scenes.table, unit_ids, weeks, ScenePolicy().max_age_weeks, CDC)
        return chosen.column("path")
    out = np.full((len(unit_ids), len(weeks)), None, dtype=object)
    for u, unit in enumerate(unit_ids):
        of_unit = scenes.table[scenes.table["unit_id"] == unit]
        days, paths = of_unit["scene_date"].to_list(), of_unit["path"].to_list()
        weekly = _period(of_unit["scene_date"]) == "week"
        reach = timedelta(days=0 if weekly else PAPER_MAX_AGE_DAYS)
        for w, sunday in enumerate(sundays):
            fit = [p for d, p in zip(days, paths, strict=True) if sunday - reach <= d <= sunday]
            out[u, w] = fit[-1] if fit else None  # days ascend
    return out


def without_scenes(
    scenes: Scenes, unit_ids: Sequence[str], data: Path, dataset: str
) -> list[Issue]:
    """An issue that names the municipalities without a scene; critical if none has any."""
    lacking = sorted(set(unit_ids) - set(scenes.table["unit_id"]))
    level = Level.CRITICAL if len(lacking) == len(unit_ids) else Level.WARNING
    return (
        [
            issue(
                level,
                "scenes-not-here",
                f"{len(lacking)} of {len(unit_ids)} municipalities have no scene below the data "
                f"folder: {', '.join(lacking)}",
                shown(str(data)),
                how_to_get(dataset, data),
                rows=len(lacking),
            )
        ]
        if lacking
        else []
    )


def counted(scenes: Scenes, images: Texts) -> str:
    """One sentence: weeks with a scene, and how many of those see a blank one."""
    blank = set(scenes.table.loc[scenes.table["quality"] == SceneQuality.BLANK, "path"])
    seen = [path for path in images.ravel() if path is not None]
    n_blank = sum(path in blank for path in seen)
    return f"{len(seen):,} of {images.size:,} weeks see a scene, {n_blank:,} of them a blank one."
