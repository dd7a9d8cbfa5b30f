"""What is known of scenes beside their pixels: how clear they are, and the newest day they show.

Whoever composes scenes of several days writes a table of them (`scenes.csv` of docs/scenes.md,
beside the folder of images). A drop takes the lines of its own scenes along, and a run reads them:
a scene of a week that was clear on its first day alone is as old as that day.
"""

from __future__ import annotations

import csv
import io
import logging
import math
import stat
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path

import pandas as pd

from pipelines.contracts import Issue, Level
from pipelines.data.drop_info import DropInfo
from pipelines.shown import shown

log = logging.getLogger(__name__)
FILE = "scene_observations.csv"
_TABLE = "scenes.csv"  # as the fetched folder has it
_MOST_BYTES = 50_000_000
_DATE = "observed_date"
_MALFORMED = (ValueError, KeyError, TypeError)


@dataclass(frozen=True)
class Observation:
    """Of one scene.

    Attributes:
        clear_share: of the unit's area, what the scene shows; cloud_share: of what the satellite
            saw of it, what was not clear; 0..1, NaN where not told.
        observed_date: the newest day that it shows; None if nobody told.
    """

    clear_share: float
    cloud_share: float
    observed_date: date | None


_UNTOLD = Observation(math.nan, math.nan, None)
COLUMNS = tuple(Observation.__dataclass_fields__)


def observations_of(images: Path, scenes: Collection[Path]) -> str:
    """The lines about these scenes in the table beside an images folder, as a drop keeps them; ""
    if there is none.

    Args:
        scenes: files, as seen from the images folder.
    """
    table = images.parent / _TABLE
    if not _is_small_file(table):
        return ""
    wanted = {f"{images.name}/{path.as_posix()}" for path in scenes}
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["scene", *COLUMNS])
    try:
        rows = [row for row in _rows(table) if row["scene"] in wanted]
        lines = [_line(row, images.name) for row in sorted(rows, key=lambda row: row["scene"])]
    except (*_MALFORMED, csv.Error) as err:
        log.info("%s is not taken along: %s", table, err)
        return ""
    writer.writerows(lines)
    return out.getvalue() if lines else ""


def _line(row: Mapping[str, str], folder: str) -> list[str]:
    age, last = int(row["age_days"]), date.fromisoformat(row["last_day"])
    scene = row["scene"].removeprefix(f"{folder}/")
    return [scene, row["clear_share"], row["cloud_share"], str(last - timedelta(days=age))]


def with_observations(
    scenes: pd.DataFrame, drops: Mapping[str, tuple[Path, DropInfo]]
) -> tuple[pd.DataFrame, list[Issue]]:
    """Scenes with the columns of Observation where any drop tells them, else as they are; and what
    of it cannot be used.

    Args:
        scenes: scenes.SCENE_COLUMNS.
        drops: name -> folder and facts.
    """
    known: dict[str, Observation] = {}
    issues: list[Issue] = []
    for name, (folder, info) in drops.items():
        if (folder / FILE).exists():
            own, bad = _read(folder / FILE, info)
            known |= {f"{name}/images/{scene}": one for scene, one in own.items()}
            issues += [_unusable(name, bad)] if bad else []
    if not known:
        return scenes, issues
    told = [known.get(str(file), _UNTOLD) for file in scenes["file"]]
    frame = pd.DataFrame([asdict(one) for one in told], columns=list(COLUMNS), index=scenes.index)
    return scenes.join(frame), issues


def _read(path: Path, info: DropInfo) -> tuple[dict[str, Observation], list[str]]:
    """Scene, as seen from the images folder -> what is known; and lines that cannot be used."""
    if not _is_small_file(path):
        return {}, [f"it has over {_MOST_BYTES:,} bytes"]
    found, bad = dict[str, Observation](), list[str]()
    try:
        for row in _rows(path):
            try:
                found[row["scene"]] = _observation(row, info)
            except _MALFORMED as err:
                bad.append(f"{row.get('scene')}: {err}")
    except (csv.Error, UnicodeDecodeError) as err:
        return {}, [str(err)]
    return found, bad


def _observation(row: Mapping[str, str], info: DropInfo) -> Observation:
    """A line's. Raises ValueError for a share or a day that cannot be."""
    observed = date.fromisoformat(row[_DATE])
    first = date.fromisoformat(Path(row["scene"]).stem.removeprefix("image_"))
    if not first <= observed <= info.scene_end(first):
        raise ValueError(f"{observed} is not in its period")
    return Observation(_share(row["clear_share"]), _share(row["cloud_share"]), observed)


def _share(text: str) -> float:
    share = float(text) if text else math.nan
    if share < 0 or share > 1:
        raise ValueError(f"{share} is no share")
    return share


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def _is_small_file(path: Path) -> bool:
    """Whether it is there, and a plain file that can be read at once."""
    if not path.exists() or path.is_symlink():
        return False
    facts = path.lstat()
    return stat.S_ISREG(facts.st_mode) and facts.st_size <= _MOST_BYTES


def _unusable(drop: str, bad: Sequence[str]) -> Issue:
    return Issue(
        Level.WARNING,
        "scene-observations",
        f"{len(bad)} lines about scenes cannot be used; their age is reckoned from the period: "
        f"{shown(bad[0])[:200]}",
        f"{drop}/{FILE}",
        "",
        "nothing to do; or make the drop again from the folder that was fetched",
        len(bad),
    )
