"""The real municipal table as clean tables, with a made-up scene table, and noise for a future."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.drops import table_drop
from support.municipal import municipal_tables

from pipelines.config import Profile, load_profile
from pipelines.data.drop_info import DropInfo
from pipelines.data.months import month_end
from pipelines.data.sources.sample import UNTIL_WEEK, package_table
from pipelines.data.sources.satellitebench_columns import (
    TEN_MUNICIPALITIES,
)
from pipelines.data.sources.synthetic_scenes import render_scene, write_tiff
from pipelines.data.tables import Tables
from pipelines.weeks import CDC

RECEIVED = date(2019, 1, 2)
Noise = Callable[[Tables, int, int, int], Tables]
AnyCase = Callable[..., Tables]


def _scenes() -> pd.DataFrame:
    """Ten municipalities, one scene a month, every fifth blank, every seventh a repeat."""
    rows = []
    for unit in TEN_MUNICIPALITIES:
        first_seen: dict[str, date] = {}
        for i, when in enumerate(range(2013 * 12, 2018 * 12 + 12)):
            content = f"{unit}-{i - 1 if i % 7 == 6 else i}"
            day = month_end(when)
            rows.append(
                scene_row(
                    unit,
                    date(when // 12, when % 12 + 1, 1),
                    "blank" if i % 5 == 4 else "ok",
                    day,
                    first_seen.setdefault(content, day),
                    content,
                )
            )
    return pd.DataFrame(rows)


def scene_row(
    unit: str, day: date, quality: str, available: date, first_seen: date, content: str
) -> dict[str, object]:
    return {
        "unit_id": unit,
        "scene_date": day,
        "uri": f"drops/x/images/{unit}/image_{day}.tiff",
        "sha256": f"file-{content}-{day}",
        "content_sha256": content,
        "quality": quality,
        "dark_share": 0.0,
        "saturated_share": 0.0,
        "std_grey": 20.0,
        "available_date": available,
        "first_seen_available_date": first_seen,
        "synthetic": True,
    }


@pytest.fixture
def scenes_of() -> Callable[..., pd.DataFrame]:
    """(day, quality, available, first seen, content), ... of one municipality -> scene table."""
    return lambda unit, *rows: pd.DataFrame([scene_row(unit, *row) for row in rows])


@pytest.fixture(scope="session")
def real_tables() -> Tables:
    """The real table to 2018-w52 (all 1,121 municipalities), with the made-up scene table."""
    return replace(municipal_tables(package_table(), RECEIVED), scenes=_scenes())


@pytest.fixture(scope="session")
def ten_tables(real_tables: Tables) -> Tables:
    """The same for the ten municipalities alone: quick to build rows from."""
    return of_units(real_tables, TEN_MUNICIPALITIES)


def of_units(tables: Tables, units: tuple[str, ...]) -> Tables:
    parts = {name: getattr(tables, name) for name in ("cases", "climate", "units", "scenes")}
    return Tables(
        **{n: t[t["unit_id"].isin(units)].reset_index(drop=True) for n, t in parts.items()}
    )


@pytest.fixture(scope="session")
def profile() -> Profile:
    return load_profile("sample")


@pytest.fixture(scope="session")
def with_unknown_as_noise() -> Noise:
    """Tables in which everything that an origin does not know is noise.

    Written from architecture.md's text and dates, not from pipelines.data.availability: arguments
    are tables, origin week, horizon and reporting delay.
    """

    def noisy(tables: Tables, origin: int, horizon: int, delay: int) -> Tables:
        noise = np.random.default_rng(origin * 100 + horizon)
        end = CDC.week_end(origin)
        newest_known_end = end - timedelta(weeks=max(delay, 1 if horizon == 0 else 0))
        ends = tables.cases["week_no"].map(
            {w: CDC.week_end(w) for w in tables.cases["week_no"].unique()}
        )
        cases, climate, scenes = tables.cases.copy(), tables.climate.copy(), tables.scenes.copy()
        hidden = (ends > newest_known_end).to_numpy()
        cases.loc[hidden, "cases"] = noise.integers(0, 5000, hidden.sum()).astype(float)
        later = (climate["available_date"] > end).to_numpy()
        for name in ("temp_mean_c", "rainfall_mm"):
            climate.loc[later, name] = noise.uniform(0, 900, later.sum())
        unseen = (scenes["available_date"] > end).to_numpy()
        for name in ("uri", "sha256", "content_sha256"):
            scenes.loc[unseen, name] = [f"noise-{n}" for n in noise.integers(0, 1e9, unseen.sum())]
        scenes.loc[unseen, "quality"] = noise.choice(["ok", "blank", "saturated"], unseen.sum())
        units = tables.units.copy()
        for name in units.columns:
            if name.startswith("population_") and int(name[-4:]) > end.year:
                units[name] = noise.uniform(1, 1e7, len(units))
        return replace(tables, cases=cases, climate=climate, scenes=scenes, units=units)

    return noisy


@pytest.fixture
def make_next_drop(tmp_path: Path) -> Callable[[Path], Path]:
    """The drop after the sample drop: 2018-w52, one revised past count, one new weekly scene."""

    def make(drops_dir: Path) -> Path:
        with package_table().open(encoding="utf-8", newline="") as handle:
            header, *rows = csv.reader(handle)
        column = header.index(UNTIL_WEEK.replace("-", "/"))
        medellin = next(row for row in rows if row[0] == "5001")
        medellin[column] = str(int(float(medellin[column])) + 7)
        table = tmp_path / "next" / "metadata.csv"
        table.parent.mkdir()
        with table.open("w", encoding="utf-8", newline="") as handle:
            csv.writer(handle, lineterminator="\n").writerows([header, *rows])
        scene = tmp_path / "next" / "images" / "05001" / "image_2018-12-16.tiff"
        scene.parent.mkdir(parents=True)
        write_tiff(scene, render_scene("05001", 2018 * 12 + 11, {}))
        info = DropInfo(received_date=RECEIVED, scene_period="week", synthetic_scenes=True)
        return table_drop(table, tmp_path / "next" / "images", drops_dir, info, until="2018-w52")

    return make
