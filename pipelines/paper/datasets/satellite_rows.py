"""SatelliteBench as a study: one row a municipality and week, 156 weeks from 2016-w01 to 2018-w52.

Weeks are CDC weeks. A scene's Sunday is the first day of its week: 2016-01-03 opens 2016-w01, and
2018-12-23 opens 2018-w52. No year from 2016 to 2018 has a week 53, so that real weeks and the
position of a column give the same pairs here; both protocols use real weeks.

Label: cases of the week above the municipality's own median, which the paper takes over the same
156 weeks (the test weeks among them), the safe protocol over 2016-2017 (rule median_2016_2017). The
safe protocol is a nowcast: scene and text of week t, cases known to t-1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from pipelines.arrays import Bools, Float64s, Int64s, Texts
from pipelines.contracts import Issue, Level
from pipelines.data.availability import Matrices, build_matrices
from pipelines.data.covariates import season_covariates
from pipelines.data.labels import compute_thresholds, label_of
from pipelines.data.raw import issue
from pipelines.errors import DropError
from pipelines.label_config import LabelConfig, QuantileRule
from pipelines.paper.datasets.files import some
from pipelines.paper.datasets.satellite_scenes import (
    Scenes,
    counted,
    weekly_images,
    without_scenes,
)
from pipelines.paper.datasets.satellite_table import SHARES, Municipalities
from pipelines.paper.datasets.values import spelled
from pipelines.paper.study import Protocol, Study
from pipelines.weeks import CDC

CLASSES = ("no_outbreak", "outbreak")
FIRST_WEEK, LAST_WEEK = "2016-w01", "2018-w52"
CROP_PX = 224  # central square that the paper's code cuts from every scene
LAGS = 4  # newest known weeks of cases among the covariates


def weeks() -> Int64s:
    """(156,) ordinals of the study's weeks."""
    return np.arange(CDC.week_no(FIRST_WEEK), CDC.week_no(LAST_WEEK) + 1, dtype=np.int64)


def sunday_of(week: int) -> date:
    """First day of a week."""
    return CDC.week_start(week)


@dataclass(frozen=True)
class _Cells:
    """(U, W) values before they become rows, U municipalities and W weeks."""

    unit_ids: tuple[str, ...]
    label: Float64s  # NaN where cases are not known
    persistence: Float64s
    covariates: dict[str, Float64s]


def study_of(
    name: str, data: Path, protocol: Protocol, places: Municipalities, scenes: Scenes
) -> Study:
    """Rows of the municipalities by a protocol. Raises DropError if no week has a label."""
    all_weeks = weeks()
    cells, issues = _cells(places, all_weeks, protocol)
    sundays = [sunday_of(int(week)) for week in all_weeks]
    images = weekly_images(scenes, cells.unit_ids, all_weeks, sundays, protocol)
    texts = texts_of(places, cells.unit_ids, sundays)
    ids = sample_ids(cells.unit_ids)
    rows = pd.DataFrame(
        {
            "sample_id": ids.ravel(),
            "group_id": np.repeat(np.array(cells.unit_ids, dtype=object), len(all_weeks)),
            "week_no": np.tile(all_weeks, len(cells.unit_ids)),
            "label": cells.label.ravel(),
            "image": images.ravel(),
            "text": [texts[i] for i in ids.ravel()],
        }
    )
    issues += without_scenes(scenes, cells.unit_ids, data, name)
    known = rows["label"].notna().to_numpy()
    if not known.any():
        raise DropError("no week has known cases", where=name, fix="give the whole metadata.csv")
    return Study(
        name=name,
        protocol=protocol,
        data=data,
        rows=rows.loc[known].astype({"label": np.int64}).reset_index(drop=True),
        classes=CLASSES,
        needs_image=protocol == "paper",
        crop_px=CROP_PX if protocol == "paper" else None,
        persistence=cells.persistence.ravel()[known],
        covariates=pd.DataFrame({k: v.ravel()[known] for k, v in cells.covariates.items()}),
        issues=(*places.issues, *scenes.issues, *issues, *_unknown_cases(known)),
        notes=(*_notes(protocol), counted(scenes, images)),
    )


def sample_ids(unit_ids: Sequence[str]) -> Texts:
    """(U, W) sample ids such as "05001-2018-w48"."""
    labels = [CDC.week_label(week) for week in weeks()]
    ids = [[f"{unit}-{label}" for label in labels] for unit in unit_ids]
    return np.array(ids, dtype=object).reshape(len(unit_ids), len(labels))


def texts_of(
    places: Municipalities, unit_ids: Sequence[str], sundays: Sequence[date]
) -> Mapping[str, str]:
    """sample_id -> prompt of city, date and four shares; nothing that follows from cases."""
    texts = {}
    for unit, ids in zip(unit_ids, sample_ids(unit_ids), strict=True):
        pairs = zip(SHARES.values(), places.shares.loc[unit].to_numpy(np.float64), strict=True)
        shares = ", ".join(f"{what} {spelled(share, ' %')}" for what, share in pairs)
        for i, day in zip(ids, sundays, strict=True):
            texts[i] = f"City: {places.names[unit]}. Date: {day}. Population: {shares}."
    return texts


def _cells(
    places: Municipalities, all_weeks: Int64s, protocol: Protocol
) -> tuple[_Cells, list[Issue]]:
    thresholds, issues = _thresholds(places, all_weeks, protocol)
    units = tuple(thresholds.index)
    matrices = build_matrices(places.tables, units, delay_weeks=0, calendar=CDC)
    threshold = thresholds.to_numpy(np.float64)[:, None]
    lags = matrices.lagged_cases(all_weeks, LAGS, horizon_weeks=0)
    columns = {
        f"log1p_cases_lag{k + 1}": np.log1p(lags[..., k]) - np.log1p(threshold) for k in range(LAGS)
    }
    season = season_covariates(all_weeks, CDC)
    columns |= {
        name: np.broadcast_to(season[name], lags.shape[:2])
        for name in ("season_sin1", "season_cos1")
    }
    label = label_of(_cases(matrices, all_weeks), np.broadcast_to(threshold, lags.shape[:2]))
    before = label_of(lags[..., 0], np.broadcast_to(threshold, lags.shape[:2]))
    return _Cells(units, label, before, columns), issues


def _cases(matrices: Matrices, all_weeks: Int64s) -> Float64s:
    """(U, W) cases of the target weeks themselves: for labels alone."""
    return matrices.cases_at(all_weeks)


def _thresholds(
    places: Municipalities, all_weeks: Int64s, protocol: Protocol
) -> tuple[pd.Series, list[Issue]]:
    """Median weekly cases by unit_id: over the study's own weeks, or by the fixed rule's pool."""
    if protocol == "paper":
        cases = places.tables.cases
        inside = cases[cases["week_no"].isin(all_weeks)]
        return inside.groupby("unit_id")["cases"].median().reindex(list(places.unit_ids)), []
    rule = LabelConfig(rule=QuantileRule(q=0.5, reference=("2016-w01", "2017-w52")))
    table = compute_thresholds(places.tables, rule, CDC)
    refused = table[~table["in_pool"]]
    if len(refused) == len(table):
        raise DropError(
            f"no municipality can be judged by rule {rule.rule_id}",
            where=some(refused["unit_id"].tolist()),
            fix="give the whole metadata.csv",
        )
    issues = (
        [
            issue(
                Level.WARNING,
                "refused-municipality",
                f"{len(refused)} municipalities cannot be judged by rule {rule.rule_id}: "
                f"{some(refused['unit_id'].tolist())} "
                f"({some(sorted(set(refused['refused_reason'])))})",
                "metadata.csv",
                "nothing to do: an outbreak has no meaning where the usual week has no case",
                rows=len(refused),
            )
        ]
        if len(refused)
        else []
    )
    pool = table[table["in_pool"]]
    return pool.set_index("unit_id")["threshold_cases"], issues


def _unknown_cases(known: Bools) -> list[Issue]:
    n = int((~known).sum())
    return (
        [
            issue(
                Level.WARNING,
                "unknown-cases",
                f"{n} weeks have no known cases and are left out",
                "metadata.csv",
                "give the whole table",
                rows=n,
            )
        ]
        if n
        else []
    )


def _notes(protocol: Protocol) -> tuple[str, ...]:
    blind = (
        "As in the paper, the heads read scene and prompt alone and no past case; the weekly road "
        "fuses on top of a linear head that knows them."
    )
    if protocol == "paper":
        return (
            "The label's median is taken over all 156 weeks, the test weeks among them; "
            "neighbouring weeks of a city lie on both sides of the random split, and the prompt "
            "names city and date.",
            blind,
        )
    return (
        "The label's median rests on two years (2016-2017) and never sees the test year; the "
        "split is forward in time, horizon 0 (cases known to the week before).",
        blind,
    )
