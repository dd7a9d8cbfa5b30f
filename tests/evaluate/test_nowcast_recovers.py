"""What the nowcast gives back of the Brier score that half-reported weeks cost, on the real tables.

The newest week of every origin is thinned by units to 55 %, the one before to 85 %, and then final;
the vintages are kept. Nothing of 2019 is read. The slow tests say the figures: `-m slow -o
log_cli=true`.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.adapter_kit import package_table, read_file
from support.filling import thinned
from support.municipal import municipal_tables

from pipelines.config import Maturity, Profile, load_profile
from pipelines.data.availability import build_matrices
from pipelines.data.labels import compute_thresholds
from pipelines.data.maturing import matured, nowcasts
from pipelines.data.sources.sample import package_table as sample_table
from pipelines.data.splits import fold_cut, test_year_targets
from pipelines.data.tables import Tables
from pipelines.data_config import DataConfig
from pipelines.evaluate.in_memory import tabular_examples
from pipelines.fusion.examples import Examples
from pipelines.inference.predict import predict_proba
from pipelines.training.recipe import train_recipes
from pipelines.weeks import CDC

say = logging.getLogger("nowcast").warning
HORIZONS = (1, 4)
SHARES = (0.55, 0.85)
YEARS = (2015, 2016, 2017, 2018)
LAST = CDC.week_no("2018-w52")
LEARNED = {"method": "learned", "weeks": 2}
Rows = Mapping[int, Examples]


def profile_with(
    maturity: Mapping[str, object],
    delay: int = 0,
    horizons: Sequence[int] = HORIZONS,
    first: str = "2009-w01",
) -> Profile:
    raw = load_profile("sample").model_dump(mode="json")
    raw["data"] |= {"maturity": maturity, "reporting_delay_weeks": delay}
    raw |= {"embed": None, "train": {"candidates": ["linear"]}}
    raw["data"]["first_week"] = first
    raw["evaluate"] |= {"horizons_weeks": horizons, "primary_horizon_weeks": horizons[-1]}
    return Profile.model_validate(raw)


def pool_of(table: Path) -> Tables:
    """The units that the sample's rule gives a threshold, as a drop of today has them."""
    tables = municipal_tables(table, date(2019, 1, 2))
    found = compute_thresholds(tables, load_profile("sample").labels, CDC)
    pool = found.loc[found["in_pool"], "unit_id"].unique()
    parts = {n: getattr(tables, n) for n in ("cases", "climate", "units")}
    return replace(
        tables, **{n: t[t["unit_id"].isin(pool)].reset_index(drop=True) for n, t in parts.items()}
    )


def rows_of(tables: Tables, profile: Profile) -> Rows:
    return tabular_examples(tables, profile, LAST, profile.evaluate.horizons_weeks)[0]


def score(train: Rows, judged: Rows, profile: Profile, years: Sequence[int]) -> dict[int, float]:
    """Brier of the pool by horizon; the last two weeks of 2018 are left out: they were filling."""
    ahead = profile.evaluate.horizons_weeks
    squares: dict[int, list[np.ndarray]] = {h: [] for h in ahead}
    for year in years:
        targets = test_year_targets(year, CDC)
        cuts = {h: fold_cut(targets[0], h, profile.data.outcome_delay_weeks) for h in ahead}
        models = train_recipes(train, ("linear",), profile, cuts)["linear"].models
        for h in ahead:
            rows = judged[h]
            week = rows.target_week_no
            kept = (week >= targets[0]) & (week <= min(targets[-1], LAST - 2))
            rows = rows.take(kept & np.isfinite(rows.label))
            squares[h].append((predict_proba(models[h], rows) - rows.label) ** 2)
    return {h: float(np.concatenate(found).mean()) for h, found in squares.items()}


def recovered(
    final: Tables,
    seed: int,
    years: Sequence[int],
    horizons: Sequence[int] = HORIZONS,
    first: str = "2009-w01",
) -> dict[str, dict[int, float]]:
    """Brier by what was known, and the share of the loss that the nowcast gives back."""
    filling = thinned(final, SHARES, seed)
    plain, learned = (profile_with(m, 0, horizons, first) for m in ({"method": "none"}, LEARNED))
    whole, raw, nowcast = rows_of(final, plain), rows_of(filling, plain), rows_of(filling, learned)
    found = {
        "all reports are in": score(whole, whole, plain, years),
        "read as reported": score(whole, raw, plain, years),
        "nowcast": score(nowcast, nowcast, learned, years),
    }
    best, lost, got = found.values()
    found["given back"] = {h: (lost[h] - got[h]) / (lost[h] - best[h]) for h in horizons}
    return found


def table_of(found: Mapping[str, Mapping[int, float]]) -> str:
    return "\n".join(
        f"  {name:24s}" + "  ".join(f"{h} wk {v:.4f}" for h, v in by.items())
        for name, by in found.items()
    )


def coverage(tables: Tables, final: Tables, origins: Sequence[int]) -> pd.DataFrame:
    """One row a nowcast of these newest origins, with the count that came of it."""
    truth = final.cases.set_index(["unit_id", "week_no"])["cases"]
    units, maturity = tuple(sorted(final.units["unit_id"])), Maturity.model_validate(LEARNED)
    every = nowcasts(tables, units, DataConfig(), CDC, np.array(list(origins)), maturity)
    table = every.dropna(subset="nowcast")
    count = truth.reindex(pd.MultiIndex.from_frame(table[["unit_id", "week_no"]])).to_numpy()
    table = table.assign(inside=(table["low"] <= count) & (count <= table["high"]))
    return table[np.isfinite(count)]


@pytest.fixture(scope="module")
def final() -> Tables:
    """The years from 2013 on: enough for one test year."""
    tables = pool_of(sample_table())
    recent = tables.cases["week_no"] >= CDC.week_no("2013-w01")
    return replace(tables, cases=tables.cases[recent].reset_index(drop=True))


def test_half_of_what_one_year_lost_comes_back_one_week_ahead(final: Tables) -> None:
    """The short version: one year, of which the long one has four."""
    found = recovered(final, 10, (2018,), (1,), "2014-w01")
    assert found["given back"][1] > 0.5


def test_the_interval_covers_what_it_says_on_the_pool(final: Tables) -> None:
    table = coverage(thinned(final, SHARES), final, (LAST - 60, LAST - 30, LAST - 2))
    assert len(table) == 3 * 2 * 139
    assert 0.75 <= table["inside"].mean() <= 0.88  # 834 nowcasts: a standard error of 1.3 points


@pytest.fixture(scope="module")
def real(real_data: Path) -> Tables:
    return pool_of(real_data / "satellitebench" / "metadata.csv")


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("seed", [10, 11, 12])
def test_the_real_table_gives_back_half_at_one_and_four_weeks(real: Tables, seed: int) -> None:
    found = recovered(real, seed, YEARS)
    say(f"seed {seed}, {len(real.units)} units\n{table_of(found)}")
    assert min(found["given back"].values()) >= 0.5


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_units_whose_departments_are_told_get_more_back(real: Tables) -> None:
    with_parents = replace(real, units=real.units.assign(parent=real.units["unit_id"].str[:2]))
    found = recovered(with_parents, 10, YEARS)
    say(f"with departments told\n{table_of(found)}")
    assert min(found["given back"].values()) > 0.55


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_weeks_that_are_wholly_absent_are_a_loss_that_nothing_gives_back(real: Tables) -> None:
    absent, plain = profile_with({"method": "none"}, delay=2), profile_with({"method": "none"})
    scores = {}
    for name, profile in (("all reports are in", plain), ("newest two weeks absent", absent)):
        rows = rows_of(real, profile)
        scores[name] = score(rows, rows, profile, YEARS)
    say(table_of(scores))
    whole, without = scores.values()
    assert all(without[h] > whole[h] + 0.01 for h in HORIZONS)


@pytest.mark.slow
def test_the_real_tables_intervals_cover(real: Tables) -> None:
    table = coverage(thinned(real, SHARES), real, range(CDC.week_no("2011-w01"), LAST - 2, 3))
    large = table[table["nowcast"] >= 5]
    say(
        f"{len(table)} nowcasts, inside the 80 % interval {table['inside'].mean():.3f}; of 5 "
        f"cases or more {large['inside'].mean():.3f}"
    )
    say(
        f"by age {table.groupby('age_weeks')['inside'].mean().round(3).to_dict()}, of 5 cases or "
        f"more {large.groupby('age_weeks')['inside'].mean().round(3).to_dict()}"
    )
    for age, own in table.groupby("age_weeks"):
        assert 0.75 <= own["inside"].mean() <= 0.855, age
    assert 0.75 <= large["inside"].mean() <= 0.85


@pytest.mark.slow
def test_taiwans_days_of_notification_are_nowcast() -> None:
    """Counties and weeks mostly have no case, where an interval of whole numbers holds nearly
    always.
    """
    list_ = read_file(
        package_table("dengue_taiwan.csv"),
        adapter="line_list",
        columns={"unit": "County_living", "onset": "Date_Onset", "reported": "Date_Notification"},
        leave_out={"Imported": ("Y",)},
        missing=("", "None"),
    )
    weekly = list_.cells[list_.cells["kind"] == "week"]
    day, units = date(2026, 11, 16), sorted(weekly["unit_id"].unique())
    cases = pd.DataFrame(
        {
            "unit_id": weekly["unit_id"],
            "week_no": weekly["when"].astype("int64"),
            "cases": weekly["number"].astype(float),
            "received_date": day,
        }
    )
    assert list_.delays is not None
    tables = replace(
        Tables.empty(),
        cases=cases.reset_index(drop=True),
        units=pd.DataFrame({"unit_id": units, "name": units}),
        delays=list_.delays.assign(received_date=day),
    )
    newest = int(cases["week_no"].max())
    table = coverage(tables, tables, range(CDC.week_no("2001-w01"), newest, 5))
    large = table[table["nowcast"] >= 5]
    shares = table[table["week_no"] > newest - 110].groupby("age_weeks")["share"].mean()
    say(
        f"Taiwan: {len(table)} nowcasts, shares {shares.round(3).to_dict()}; inside "
        f"{table['inside'].mean():.3f}; of 5 cases or more ({len(large)}) "
        f"{large.groupby('age_weeks')['inside'].mean().round(3).to_dict()}"
    )
    assert shares[0] < 0.75 and shares[1] > 0.97
    assert 0.70 <= large["inside"].mean() <= 0.90
    matrices = build_matrices(tables, tuple(units), 0, CDC, as_known=True)
    weeks = np.arange(CDC.week_no("2014-w01"), CDC.week_no("2016-w01"))
    early, all_ = matrices.known_cases(weeks, weeks, 1), matrices.cases_at(weeks)
    after = matured(
        tables, tuple(units), DataConfig(), CDC, weeks, Maturity.model_validate(LEARNED)
    ).matrices.known_cases(weeks, weeks, 1)
    total = all_.sum(axis=0)
    some = total >= 20
    off = [
        float(np.abs(np.log1p(x.sum(axis=0)[some]) - np.log1p(total[some])).mean())
        for x in (early, after)
    ]
    say(
        f"Taiwan 2014-2015: reported by the week's end {early.sum() / all_.sum():.2f} of the "
        f"cases; mean error of the country's weekly total, in logs: as reported {off[0]:.3f}, "
        f"nowcast {off[1]:.3f}"
    )
    assert off[1] < 0.7 * off[0]
