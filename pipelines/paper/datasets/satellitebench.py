"""SatelliteBench, ten municipalities: outbreak weeks from satellite scenes and a prompt.

PhysioNet multimodal-satellite-data 1.0.0, DOI 10.13026/xr5s-xe24 (open access). Files: metadata.csv
(1,121 municipalities) and `10_municipalities/images/<code>/image_<Sunday>.tiff` (12 bands of 8
bits, 156 Sundays). Any other folder `images/<code>` with scenes of these municipalities serves as
well, such as monthly composites. What a row is: satellite_rows.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from pipelines.data.sources.satellitebench_columns import TEN_MUNICIPALITIES
from pipelines.paper.datasets.files import files_below
from pipelines.paper.datasets.satellite_rows import study_of, sunday_of, texts_of, weeks
from pipelines.paper.datasets.satellite_scenes import folders_of, read_scenes, scene_paths
from pipelines.paper.datasets.satellite_table import Municipalities, read_municipalities
from pipelines.paper.study import Protocol, Study

NAME = "satellitebench"
ARCHIVE = "10_municipalities"


def read(data: Path, protocol: Protocol, cache: Path | None = None) -> Study:
    """1,560 rows by a protocol; see the package for arguments and errors."""
    files = files_below(data, NAME)
    places = read_municipalities(data, files, TEN_MUNICIPALITIES, NAME)
    scenes = read_scenes(data, _scenes(data, files), NAME, cache)
    return study_of(NAME, data, protocol, places, scenes)


def _scenes(data: Path, files: tuple[Path, ...]) -> dict[tuple[str, str], list[Path]]:
    """Scenes of the ten: of their own archive, else of any folder but the 81's, else of
    that one."""
    own, larger = folders_of(files, ARCHIVE), folders_of(files, "81_municipalities")
    rest = [path for path in files if not any(path.is_relative_to(up) for up in larger)]
    found = _of_the_ten(scene_paths(files, own[-1]) if own else scene_paths(rest, data))
    return found if found or not larger else _of_the_ten(scene_paths(files, larger[-1]))


def _of_the_ten(found: Mapping[tuple[str, str], list[Path]]) -> dict[tuple[str, str], list[Path]]:
    return {key: paths for key, paths in found.items() if key[0] in TEN_MUNICIPALITIES}


def texts_without_labels(data: Path, _protocol: Protocol) -> dict[str, str | None]:
    """sample_id -> prompt from a table in which every count of cases is another one."""
    places = read_municipalities(data, files_below(data, NAME), TEN_MUNICIPALITIES, NAME)
    return blind_texts(places)


def blind_texts(places: Municipalities) -> dict[str, str | None]:
    """Prompts of all municipalities and weeks from other counts of cases."""
    cases = places.tables.cases
    cases = cases.assign(cases=cases["cases"].fillna(0.0) * 3.0 + 1.0)
    blind = replace(places, tables=replace(places.tables, cases=cases))
    return dict(texts_of(blind, blind.unit_ids, [sunday_of(int(week)) for week in weeks()]))
