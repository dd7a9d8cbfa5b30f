"""SatelliteBench, 81 municipalities: the larger archive of the same publication.

Files: metadata.csv and `81_municipalities_<version>/images/<code>/image_<Sunday>.tiff`. The folders
name the municipalities: no list of the 81 codes was published beside them. What a row is:
satellite_rows.py.
"""

from __future__ import annotations

from pathlib import Path

from pipelines.contracts import Issue, Level
from pipelines.data.drops import shown
from pipelines.data.raw import issue
from pipelines.errors import DropError
from pipelines.paper.datasets.files import files_below, how_to_get
from pipelines.paper.datasets.satellite_rows import study_of
from pipelines.paper.datasets.satellite_scenes import Scenes, folders_of, read_scenes, scene_paths
from pipelines.paper.datasets.satellite_table import read_municipalities
from pipelines.paper.datasets.satellitebench import blind_texts
from pipelines.paper.study import Protocol, Study

NAME = "satellitebench81"
ARCHIVE = "81_municipalities"
PUBLISHED = 81


def read(data: Path, protocol: Protocol, cache: Path | None = None) -> Study:
    """156 rows a municipality by a protocol; see the package for arguments and errors."""
    files = files_below(data, NAME)
    found = _scenes(data, files)
    units = sorted({unit for unit, _ in found})
    places = read_municipalities(data, files, units, NAME)
    scenes = read_scenes(data, found, NAME, cache)
    issues = (*scenes.issues, *_fewer(data, len(units)))
    return study_of(NAME, data, protocol, places, Scenes(scenes.table, issues))


def texts_without_labels(data: Path, _protocol: Protocol) -> dict[str, str | None]:
    """sample_id -> prompt from a table in which every count of cases is another one."""
    files = files_below(data, NAME)
    units = sorted({unit for unit, _ in _scenes(data, files)})
    return blind_texts(read_municipalities(data, files, units, NAME))


def _scenes(data: Path, files: tuple[Path, ...]) -> dict[tuple[str, str], list[Path]]:
    """Scenes of the newest version of the archive. Raises DropError if it is not there."""
    archives = folders_of(files, ARCHIVE)
    if not archives:
        raise DropError(
            f"no folder {ARCHIVE}_* with scenes is in the data folder or below; its folders name "
            "the municipalities",
            where=shown(str(data)),
            fix=how_to_get(NAME, data),
        )
    return scene_paths(files, archives[-1])


def _fewer(data: Path, n: int) -> tuple[Issue, ...]:
    return (
        (
            issue(
                Level.WARNING,
                "fewer-municipalities",
                f"scenes of {n} of {PUBLISHED} municipalities are there; the study has these alone",
                shown(str(data)),
                how_to_get(NAME, data),
                rows=n,
            ),
        )
        if n != PUBLISHED
        else ()
    )
