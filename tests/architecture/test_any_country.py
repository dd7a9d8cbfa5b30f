"""No country and no past is built in: what one place is, its profile declares.

Only the SatelliteBench source, the paper's study, and what reads the first version may name either.
"""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# Files that may, and why.
OF_ONE_COUNTRY = {
    "pipelines/paper": "the paper's study",
    "pipelines/fetch/datasets.py": "what SatelliteBench's publisher says of it",
    "pipelines/data/sources/satellitebench.py": "the SatelliteBench source",
    "pipelines/data/sources/satellitebench_columns.py": "the SatelliteBench source",
    "pipelines/data/sources/dane.py": "the SatelliteBench source's codes",
    "pipelines/data/sources/sample.py": "the sample drop",
    "pipelines/data/sources/synthetic_scenes.py": "the sample drop's scenes",
    "pipelines/profile_v1.py": "reads profiles of the first version",
}
MAY_NAME_IT = {
    "pipelines/contracts.py": "registers the SatelliteBench source's codes",
    "pipelines/data/label_formulas.py": "cites where a formula comes from",
    "pipelines/fusion/bundle.py": "reads bundles of the first version",
    "pipelines/fusion/bundle_meta.py": "the place of a bundle of the first version",
    "pipelines/fusion/format1.py": "reads bundles of the first version",
}
# Whole years or weeks that are no bound of data, labels or judging.
BOUNDS = {
    "pipelines/weeks.py": "first and last year of a calendar, and the day that ordinals count from",
    "pipelines/data/drop_info.py": "first and last day that a drop can be received",
    "pipelines/label_config.py": "reads recipes of the first version",
    "pipelines/data/adapters/months_of_series.py": "the day that NumPy counts from",
    "pipelines/data/known_series.py": "the month that NumPy counts from",
    "serving/examples.py": "the examples of a request",
    "dags/_weekly.py": "Airflow's start_date",
    "dags/arrivals.py": "Airflow's start_date",
    "dags/deadline.py": "Airflow's start_date",
    "dags/reembed.py": "Airflow's start_date",
    "dags/reproduce.py": "Airflow's start_date",
}
_NAMES = re.compile(
    r"colombia|\bDANE\b|\bdane\b|five[- ]digit|divipola|\{1,5\}|zfill\(5\)", re.IGNORECASE
)
_WEEK = re.compile(r"""^[rbf]?['"](19|20)\d\d-w\d\d['"]$""")
FILES = sorted(
    path.relative_to(ROOT).as_posix()
    for folder in ("pipelines", "serving", "dags")
    for path in (ROOT / folder).rglob("*.py")
    if not any(path.relative_to(ROOT).as_posix().startswith(known) for known in OF_ONE_COUNTRY)
)


def test_no_file_names_a_country_or_a_code_of_one() -> None:
    found = {f: _NAMES.findall((ROOT / f).read_text(encoding="utf-8")) for f in FILES}
    assert {f: names for f, names in found.items() if names and f not in MAY_NAME_IT} == {}


def test_no_file_bounds_anything_by_a_calendar_year() -> None:
    found = {f: sorted(set(_years(ROOT / f))) for f in FILES if f not in BOUNDS}
    assert {f: years for f, years in found.items() if years} == {}


@pytest.mark.parametrize("name", ["docker-compose.yml", "dvc.yaml"])
def test_neither_the_compose_file_nor_the_recipe_by_hand_names_a_country(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    commands = text if name.startswith("docker") else "\n".join(re.findall(r"cmd:.*", text))
    assert not _NAMES.search(commands)
    assert not re.search(r"\b20[0-4]\d-w\d\d", commands)


def test_every_exception_is_still_one() -> None:
    for path in {**OF_ONE_COUNTRY, **MAY_NAME_IT, **BOUNDS}:
        assert (ROOT / path).exists(), f"{path} is gone; take it off the list"


def _years(path: Path) -> Iterator[str]:
    """Numbers and whole-string weeks of the code that are a year of our time; comments do not
    count.
    """
    with path.open("rb") as handle:
        tokens = list(tokenize.tokenize(io.BytesIO(handle.read()).readline))
    for token in tokens:
        if token.type == tokenize.NUMBER and re.fullmatch(
            r"19[5-9]\d|20[0-4]\d|2[12]99", token.string
        ):
            yield token.string
        if token.type == tokenize.STRING and _WEEK.match(token.string):
            yield token.string
