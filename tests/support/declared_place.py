"""An invented place whose humidity foretells its cases, from its files to the rows of a model.

Twelve units, five years. `humidity_pct` is a column of the table of cases, `altitude_m` one that
does not change, `ocean_index` a monthly file without units, `sparse_index` is told by three units
of twelve, and `empty_index` by none. Cases follow the humidity of four weeks before and nothing
else.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.config import DeploymentPaths, Profile
from pipelines.data.drop_info import DropInfo
from pipelines.data.drops import make_drop
from pipelines.data.samples import build_dataset
from pipelines.data.sources import context_of, source_of
from pipelines.data.validate import validate_all
from pipelines.data.validation_result import ValidationResult
from pipelines.features.build import build_features
from pipelines.weeks import CDC

UNITS = tuple(f"U{n:02d}" for n in range(12))
FIRST, LAST = CDC.week_no("2014-w01"), CDC.week_no("2018-w48")
RECEIVED = date(2018, 12, 4)
CASES = {
    "file": "cases.csv",
    "columns": {
        "unit": "unit",
        "year": "year",
        "week": "week",
        "cases": "cases",
        "altitude_m": "altitude",
        "humidity_pct": "rh",
        "sparse_index": "sparse",
        "empty_index": "empty",
    },
    "series": ["humidity_pct", "sparse_index", "empty_index"],
}
OCEAN = {
    "file": "ocean.csv",
    "table": "climate",
    "adapter": "series",
    "columns": {"year": "year", "month": "month", "ocean_index": "oni"},
    "options": {"every_unit": True},
    "latency_days": 10,
}


def profile_of(*inputs: Mapping[str, Any], **changes: Any) -> Profile:
    """A profile without encoders."""
    raw: dict[str, Any] = {
        "profile": "humid",
        "data": {"inputs": [dict(one) for one in inputs]},
        "labels": {"rule": {"kind": "rolling_quantile", "q": 0.75, "years": 2, "min_years": 1}},
        "train": {"candidates": ["linear", "boosting"]},
        "evaluate": {"horizons_weeks": [4], "primary_horizon_weeks": 4},
    }
    return Profile.model_validate({**raw, **changes})


def cases_csv() -> str:
    """unit, year, week, cases, altitude, rh, sparse, empty."""
    lines = ["unit,year,week,cases,altitude,rh,sparse,empty"]
    for n, unit in enumerate(UNITS):
        rng = np.random.default_rng(n)
        humid = rng.normal(size=LAST - FIRST + 5)
        noise = 0.2 * rng.normal(size=len(humid))
        for at, week in enumerate(range(FIRST, LAST + 1)):
            year, number = CDC.epi_year(week), CDC.week_of_year(week)
            count = round(20 * np.exp(0.7 * humid[at] + noise[at]))
            sparse = f"{humid[at + 4]:.4f}" if n < 3 else ""
            lines.append(
                f"{unit},{year},{number},{count},{1000 - 90 * n},"
                f"{60 + 10 * humid[at + 4]:.4f},{sparse},"
            )
    return "\n".join(lines) + "\n"


def ocean_csv() -> str:
    """year, month, oni: the month's own number, so that a value tells when it is from."""
    months = [f"{y},{m},{(y - 2014) * 12 + m}" for y in range(2014, 2019) for m in range(1, 12)]
    return "year,month,oni\n" + "\n".join(months) + "\n"


class Place:
    """Its drops, and what becomes of them."""

    def __init__(self, home: Path, profile: Profile) -> None:
        self.home, self.profile = home, profile
        self.paths = DeploymentPaths(home=home)

    def drop(self, received: date = RECEIVED, images: Path | None = None, **files: str) -> None:
        """A drop of files, `cases_csv` being cases.csv, and of a folder of monthly scenes."""
        desk = self.home / "desk"
        desk.mkdir(parents=True, exist_ok=True)
        given = [desk / name.replace("_csv", ".csv") for name in files]
        for path, text in zip(given, files.values(), strict=True):
            path.write_text(text, encoding="utf-8")
        context = context_of(self.profile)
        bring = partial(source_of(context.config).bring, given, context=context)
        info = DropInfo(received_date=received, scene_period="month")
        make_drop(bring, images, self.paths.drops, info)

    def validated(self) -> ValidationResult:
        cache = self.home / "cache.json"
        return validate_all(self.paths.drops, context_of(self.profile), None, None, cache)

    def dataset(self) -> Path:
        tables = self.validated().tables
        return build_dataset(tables, self.profile, None, [], self.paths.artifacts / "datasets")

    def features(self) -> Path:
        return build_features(self.dataset(), self.profile, self.paths)
