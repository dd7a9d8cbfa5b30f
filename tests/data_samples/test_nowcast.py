"""Newest weeks that are nowcast: shares, intervals, what a dataset keeps, and what is said."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from support.filling import made, thinned

from pipelines.config import Profile, load_profile
from pipelines.data.availability import build_matrices
from pipelines.data.covariates import covariates
from pipelines.data.maturing import matured
from pipelines.data.nowcast import Missing, still_missing
from pipelines.data.rows import sample_rows
from pipelines.data.samples import build_dataset
from pipelines.data.tables import Tables
from pipelines.errors import ConfigError
from pipelines.weeks import CDC

SHARES = (0.55, 0.85)
FIXED = {"method": "fixed", "shares": SHARES}
LEARNED = {"method": "learned", "weeks": 2}


def profile_with(maturity: dict[str, Any]) -> Profile:
    raw = load_profile("ci").model_dump(mode="json")
    raw["place"] = {"codes": {"kind": "text"}}
    raw["data"] = {"source": "files", "maturity": maturity}
    raw |= {"embed": None, "train": {"candidates": ["linear"]}}
    raw["labels"] = {"rule": {"kind": "quantile", "q": 0.5, "reference": ["2015-w01", "2015-w52"]}}
    raw["evaluate"] = {"horizons_weeks": [1, 4], "test_years": [2016]}
    return Profile.model_validate(raw)


@pytest.fixture(scope="module")
def final() -> Tables:
    return made()


@pytest.fixture(scope="module")
def filling(final: Tables) -> Tables:
    return thinned(final, SHARES)


def nowcast_of(tables: Tables, maturity: dict[str, Any], weeks: int = 100) -> Any:
    profile, newest = profile_with(maturity), int(tables.cases["week_no"].max())
    units = tuple(sorted(tables.units["unit_id"]))
    origins = np.arange(newest - weeks, newest + 1)
    return matured(tables, units, profile.data, CDC, origins, profile.data.maturity)


def test_shares_are_learned_from_the_vintages(filling: Tables) -> None:
    table = nowcast_of(filling, LEARNED).nowcast
    for age, share in enumerate(SHARES):
        own = table[table["age_weeks"] == age]
        assert len(own) == 12 and own["share"].mean() == pytest.approx(share, abs=0.02)


def test_a_unit_that_reports_late_has_a_share_of_its_own_and_a_small_one_borrows(
    final: Tables,
) -> None:
    slow = thinned(final, (0.2, 0.85), seed=4).cases.query("unit_id == 'U00'")
    rest = thinned(final, SHARES).cases.query("unit_id != 'U00'")
    tables = replace(final, cases=pd.concat([slow, rest], ignore_index=True))
    shares = (
        nowcast_of(tables, LEARNED).nowcast.query("age_weeks == 0").set_index("unit_id")["share"]
    )
    assert shares["U00"] == pytest.approx(0.2, abs=0.06)
    assert shares.drop("U00").mean() == pytest.approx(0.55, abs=0.03)


def test_the_missing_part_lies_between_what_reports_and_what_the_level_say() -> None:
    one = np.ones((1, 1))
    found = still_missing(
        10 * one, 0.5 * one, 4 * one, np.array([2.0]), np.zeros(1), np.zeros(1, int)
    )
    assert 0.5 * 4 < found.mean[0, 0] < 10 / 0.5 - 10
    without = still_missing(
        10 * one, 0.5 * one, np.nan * one, np.array([2.0]), np.zeros(1), np.zeros(1, int)
    )
    assert without.mean[0, 0] == pytest.approx(10, rel=0.01)


def test_nothing_is_missing_where_all_is_known() -> None:
    one = np.ones((1, 1))
    found = still_missing(3 * one, one, 9 * one, np.array([2.0]), np.zeros(1), np.zeros(1, int))
    assert found.mean[0, 0] == 0 and [float(end[0, 0]) for end in found.interval()] == [0, 0]


def test_the_interval_is_the_one_whose_probability_is_nearest_to_four_fifths() -> None:
    """Poisson with mean 1, nearly: P(0..2) = 0.92, P(0..1) = 0.74, P(1..2) = 0.55."""
    low, high = Missing(np.array([1.0]), np.array([1e6])).interval()
    assert (low[0], high[0]) == (0, 1)


def test_the_interval_holds_the_final_count_four_times_of_five(final: Tables) -> None:
    """Over many tables, because one has twelve units; a binomial error of 2.9 points is left."""
    inside = []
    for seed in range(8):
        world = made(seed=seed, weeks=110)
        table = nowcast_of(thinned(world, SHARES, seed), LEARNED, weeks=3).nowcast
        truth = world.cases.set_index(["unit_id", "week_no"])["cases"]
        at = pd.MultiIndex.from_frame(table[["unit_id", "week_no"]])
        count = truth.reindex(at).to_numpy()
        inside.append((table["low"].to_numpy() <= count) & (count <= table["high"].to_numpy()))
    assert 0.75 <= np.concatenate(inside).mean() <= 0.85


def test_a_nowcast_is_nearer_to_the_final_count_than_the_report(
    final: Tables, filling: Tables
) -> None:
    matrices, truth = (
        nowcast_of(filling, LEARNED).matrices,
        final.cases.set_index(["unit_id", "week_no"])["cases"],
    )
    origins = np.arange(int(final.cases["week_no"].max()) - 60, int(final.cases["week_no"].max()))
    raw = build_matrices(filling, matrices.unit_ids, 0, CDC, as_known=True)
    final_lags = build_matrices(final, matrices.unit_ids, 0, CDC).lagged_cases(origins, 1, 4)
    assert truth.notna().all()
    off = [
        np.abs(np.log1p(m.lagged_cases(origins, 1, 4)) - np.log1p(final_lags)).mean()
        for m in (matrices, raw)
    ]
    assert off[0] < 0.6 * off[1]


def test_covariates_of_the_newest_origin_read_the_nowcast(filling: Tables) -> None:
    found = nowcast_of(filling, FIXED)
    newest = np.array([int(filling.cases["week_no"].max())])
    lag = covariates(found.matrices, filling.units, newest, 1)["log1p_cases_lag00"][:, 0]
    expected = found.nowcast.query("age_weeks == 0")["nowcast"].to_numpy()
    np.testing.assert_allclose(np.expm1(lag), expected)


def test_a_single_drop_is_nowcast_at_its_newest_weeks_only(final: Tables) -> None:
    found, today = nowcast_of(final, FIXED).matrices, nowcast_of(final, {"method": "none"}).matrices
    newest = int(final.cases["week_no"].max())
    origins = np.arange(newest - 5, newest + 1)
    same = found.lagged_cases(origins, 4, 4) == today.lagged_cases(origins, 4, 4)
    assert same[:, :4].all()
    assert not same[:, 5, :2].any() and same[:, 5, 2:].all()
    assert not same[:, 4, 0].any() and same[:, 4, 1:].all()


def test_newest_weeks_are_no_outcomes_yet(filling: Tables) -> None:
    newest = int(filling.cases["week_no"].max())
    profile = profile_with(LEARNED)
    rows = sample_rows(filling, profile, ("U00", "U01"), newest)
    known = rows.dropna(subset="cases")["target_week_no"]
    assert known.max() == newest - 2 and profile.data.outcome_delay_weeks == 2


def test_a_dataset_keeps_the_nowcast_beside_the_raw_counts(filling: Tables, tmp_path: Path) -> None:
    folder = build_dataset(filling, profile_with(LEARNED), None, [], tmp_path)
    table = pd.read_parquet(folder / "nowcast.parquet")
    assert set(table["age_weeks"]) == {0, 1} and (table["low"] >= table["reported"]).all()
    kept = Tables.load(folder / "tables").cases
    assert len(kept) == len(filling.cases) and kept["cases"].sum() == filling.cases["cases"].sum()
    about = json.loads((folder / "dataset.json").read_text())["maturity"]
    assert about["done"] == "learned" and "past weeks" in about["why"]
    assert build_dataset(filling, profile_with(LEARNED), None, [], tmp_path) == folder


def test_a_dataset_without_a_nowcast_has_neither(final: Tables, tmp_path: Path) -> None:
    folder = build_dataset(final, profile_with({"method": "none"}), None, [], tmp_path)
    assert not (folder / "nowcast.parquet").exists()
    assert "maturity" not in json.loads((folder / "dataset.json").read_text())


@pytest.mark.parametrize(("otherwise", "newest"), [("drop", -2), ("none", 0)])
def test_too_few_past_weeks_are_said_and_the_declared_thing_is_done(
    final: Tables, tmp_path: Path, otherwise: str, newest: int
) -> None:
    """One drop with all of history: nobody has seen a week fill."""
    settings = {**LEARNED, "until_learned": otherwise}
    folder = build_dataset(final, profile_with(settings), None, [], tmp_path)
    about = json.loads((folder / "dataset.json").read_text())
    assert about["maturity"]["done"] == otherwise
    assert "0 past weeks have been seen filling, fewer than the 26" in about["maturity"]["why"]
    last = int(final.cases["week_no"].max())
    assert about["as_of_week"] == CDC.week_label(last + newest)


def test_an_origin_of_the_past_with_too_few_weeks_does_the_same(filling: Tables) -> None:
    first = int(filling.cases["week_no"].min())
    origins = np.arange(first + 10, int(filling.cases["week_no"].max()) + 1)
    units = tuple(sorted(filling.units["unit_id"]))
    data = profile_with(LEARNED).data
    lag = matured(filling, units, data, CDC, origins, data.maturity).matrices.lagged_cases(
        origins, 3, 4
    )
    assert np.isnan(lag[:, 5, :2]).all() and np.isfinite(lag[:, 5, 2]).all()
    assert np.isfinite(lag[:, 60]).all()


def test_days_of_report_are_learned_from_as_vintages_are(final: Tables) -> None:
    """The same thinning told by a line list: week 0 55 %, week 1 85 %, week 2 all."""
    noise, rows = np.random.default_rng(8), []
    for unit, week, cases in final.cases[["unit_id", "week_no", "cases"]].itertuples(index=False):
        for delay, n in enumerate(noise.multinomial(int(cases), (0.55, 0.3, 0.15))):
            rows.append((unit, week, delay, float(n)))
    delays = pd.DataFrame(rows, columns=["unit_id", "week_no", "delay_weeks", "cases"])
    tables = replace(final, delays=delays.assign(received_date=final.cases["received_date"].max()))
    table = nowcast_of(tables, LEARNED).nowcast
    assert table.groupby("age_weeks")["share"].mean().tolist() == pytest.approx(SHARES, abs=0.02)
    newest = int(final.cases["week_no"].max())
    in_time = delays[(delays["week_no"] == newest) & (delays["delay_weeks"] == 0)]
    first_week = in_time.set_index("unit_id")["cases"]
    got = table.query("age_weeks == 0").set_index("unit_id")["reported"]
    pd.testing.assert_series_equal(got.sort_index(), first_week.sort_index(), check_names=False)


def test_the_recipe_changes_with_the_maturity() -> None:
    ids = {
        profile_with(m).recipe_id("linear")
        for m in ({"method": "none"}, FIXED, LEARNED, {**LEARNED, "weeks": 3})
    }
    assert len(ids) == 4


@pytest.mark.parametrize(
    "wrong",
    [
        "{method: fixed}",
        "{method: fixed, shares: [1.2]}",
        "{method: fixed, shares: [0.5], weeks: 1}",
        "{method: learned}",
        "{method: learned, weeks: 14}",
        "{method: drop, weeks: 2, shares: [0.5]}",
    ],
)
def test_a_maturity_that_makes_no_sense_is_refused(wrong: str, tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(f"profile: own\ndata:\n  source: sample\n  maturity: {wrong}\n")
    with pytest.raises(ConfigError, match="maturity"):
        load_profile(str(path))
