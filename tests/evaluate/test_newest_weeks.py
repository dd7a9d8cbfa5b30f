"""The two questions to the newest weeks, on real refits of the linear head over made towns."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from support.towns import towns

from pipelines.config import Profile, load_profile
from pipelines.evaluate.backtest import backtest_year
from pipelines.evaluate.decision import Candidate, Champion, Decision
from pipelines.evaluate.gate import decide
from pipelines.evaluate.new_weeks import NewWeeks
from pipelines.evaluate.refits import Models
from pipelines.fusion.examples import Examples
from pipelines.training.recipe import train_recipe
from pipelines.weeks import CDC

AS_OF = CDC.week_no("2017-w40")
Rows = dict[int, Examples]


@pytest.fixture(scope="module")
def profile() -> Profile:
    return load_profile(
        "sample",
        **{"evaluate.horizons_weeks": (4,), "evaluate.municipalities": None, "gate.refit_years": 1},
    )


@pytest.fixture(scope="module")
def rows() -> Rows:
    own = towns(4, 3, until="2017-w40")
    return {4: own.take(own.unit_id < "54000")}  # six towns


@pytest.fixture(scope="module")
def backtests(rows: Rows, profile: Profile) -> pd.DataFrame:
    return pd.concat(
        [
            backtest_year(rows, profile, ["linear"], y, ("prevalence",))
            for y in (2013, 2014, 2015, 2016)
        ]
    )


@pytest.fixture(scope="module")
def refitted(rows: Rows, profile: Profile) -> tuple[Models, Models]:
    """The refits of last week and of this one."""
    return _refit(rows, profile, AS_OF - 1), _refit(rows, profile, AS_OF)


def _refit(rows: Rows, profile: Profile, week: int) -> Models:
    return train_recipe(rows, "linear", profile, {4: week}).models


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Refits of the tests that change no row."""
    return tmp_path_factory.mktemp("kept")


def _decide(
    profile: Profile,
    backtests: pd.DataFrame,
    rows: Mapping[int, Examples],
    models: tuple[Models, Models],
    kept: Path,
    forecasts: tuple[Path, ...] = (),
) -> Decision:
    recipe = profile.recipe_id("linear")
    new = Candidate("linear", "b2ndb2ndb2ndb2nd", recipe, "2017-w40")
    old = Champion("linear", "b1stb1stb1stb1st", recipe, "2017-w39", "1")
    new_weeks = NewWeeks(
        profile, "2017-w40", lambda: rows, lambda _: models[1], lambda: models[0], forecasts, kept
    )
    found = decide(backtests, [new], old, profile, new_weeks=new_weeks)
    json.dumps(found.to_json(), allow_nan=False)
    return found


def _publish(folder: Path, rows: Examples, models: Models, week: int, **changed: Any) -> Path:
    own = rows.take(rows.origin_week_no == week)
    probabilities = models[4].probability(own)
    table = pd.DataFrame(
        {
            "municipality_code": own.unit_id,
            "horizon_weeks": 4,
            "origin_week": CDC.week_label(week),
            "target_week": CDC.week_label(week + 4),
            "probability": probabilities,
            "outbreak_expected": probabilities > 0.5,
            "threshold_cases": own.threshold_cases.astype(float),
            "head": "linear",
        }
    )
    out = folder / f"{CDC.week_label(week)}-0123456789abcdef"
    out.mkdir(parents=True)
    table.assign(**changed).to_parquet(out / "forecast.parquet")
    return out


def test_an_honest_refit_is_promoted_and_the_reasons_say_what_the_newest_weeks_said(
    rows: Rows, backtests: pd.DataFrame, refitted: Any, kept: Path, profile: Profile
) -> None:
    found = _decide(profile, backtests, rows, refitted, kept)
    assert found.decision == "promote", found.reasons
    recent, refit, tie = found.reasons[-3:]
    assert (
        "refitted on today's history, is not worse than the backtest of the champion's recipe (12 "
        "weeks; nothing was published of them)" in recent
    )
    assert refit.startswith("This refit moves the pool's probabilities of this week by 0.0")
    assert "fresher data win a tie" in tie


def test_a_refit_that_moves_too_far_waits_for_a_person_and_names_what_moved_and_the_command(
    rows: Rows, backtests: pd.DataFrame, refitted: Any, kept: Path, profile: Profile
) -> None:
    model = refitted[1][4]
    calibration = replace(model.calibration, every=replace(model.calibration.every, intercept=-1.5))
    found = _decide(
        profile, backtests, rows, (refitted[0], {4: replace(model, calibration=calibration)}), kept
    )
    assert (found.decision, found.waits_for_person) == ("keep", True)
    reason = found.reasons[-1]
    assert "4 weeks ahead the pool's probabilities by 0." in reason
    assert "`denguard promote b2ndb2ndb2ndb2nd --by NAME --reason TEXT` lets it serve" in reason
    other_week = found.new_weeks["refit"]["horizons"]["4"]
    assert other_week["pool"] > other_week["pool_limit"]
    assert f"unit {other_week['where']} by" in reason


def test_counts_that_jumped_move_both_models_alike_and_nothing_waits(
    rows: Rows, backtests: pd.DataFrame, refitted: Any, kept: Path, profile: Profile
) -> None:
    own = rows[4]
    covariates = own.covariates.copy()
    this_week = own.origin_week_no == AS_OF
    counts = [i for i, name in enumerate(own.covariate_names) if name.startswith("log1p_cases")]
    covariates[np.ix_(this_week, counts)] += np.log(10).astype(np.float32)
    jumped = {4: replace(own, covariates=covariates)}
    before, after = (refitted[0][4].probability(r[4].take(this_week)) for r in (rows, jumped))
    assert np.abs(after - before).max() > 0.3  # the forecast itself jumps
    assert _decide(profile, backtests, jumped, refitted, kept).decision == "promote"


def test_a_recipe_that_todays_history_makes_worse_than_what_was_published_is_kept_out(
    rows: Rows, backtests: pd.DataFrame, refitted: Any, profile: Profile, tmp_path: Path
) -> None:
    weeks = range(AS_OF - 55, AS_OF - 3)
    published = tuple(_publish(tmp_path / "published", rows[4], refitted[1], w) for w in weeks)
    assert (
        _decide(profile, backtests, rows, refitted, tmp_path / "kept", published).decision
        == "promote"
    )
    own, rng = rows[4], np.random.default_rng(1)
    old = (own.target_week_no < AS_OF - 55) & (rng.random(len(own)) < 0.35)
    spoiled = {4: replace(own, label=np.where(old, 1 - own.label, own.label).astype(np.float32))}
    found = _decide(profile, backtests, spoiled, refitted, tmp_path / "kept", published)
    assert (found.decision, found.waits_for_person) == ("keep", False)
    assert "is worse than what was published then (52 weeks)" in found.reasons[-1]
    assert found.new_weeks["recent"]["horizons"]["4"]["weeks_published"] == 52


@pytest.mark.parametrize("changed", [{"head": "early"}, {"threshold_cases": 1e6}])
def test_rows_of_another_kind_of_model_or_another_threshold_do_not_count_as_published(
    changed: Any,
    rows: Rows,
    backtests: pd.DataFrame,
    refitted: Any,
    kept: Path,
    profile: Profile,
    tmp_path: Path,
) -> None:
    published = _publish(tmp_path, rows[4], refitted[1], AS_OF - 10, **changed)
    found = _decide(profile, backtests, rows, refitted, kept, (published,))
    assert found.new_weeks["recent"]["horizons"]["4"]["weeks_published"] == 0


def test_of_two_forecasts_of_one_week_the_later_one_counts_and_a_damaged_one_is_passed_over(
    rows: Rows, backtests: pd.DataFrame, refitted: Any, kept: Path, profile: Profile, tmp_path: Path
) -> None:
    first, second, damaged = (
        _publish(tmp_path / n, rows[4], refitted[1], AS_OF - 10 + 3 * (n == "c"), **c)
        for n, c in (("a", {"probability": 1.0}), ("b", {}), ("c", {}))
    )
    (damaged / "forecast.parquet").write_bytes(b"PAR1 and no more")
    published = _decide(
        profile, backtests, rows, refitted, kept, (first, second, damaged)
    ).new_weeks["recent"]
    assert published["horizons"]["4"]["weeks_published"] == 1
    other = _decide(profile, backtests, rows, refitted, kept, (second, first)).new_weeks["recent"]
    assert (
        other["horizons"]["4"]["published_then"]["brier"]
        > published["horizons"]["4"]["published_then"]["brier"]
    )


def test_refits_are_trained_once_and_again_only_after_a_revised_count(
    rows: Rows, backtests: pd.DataFrame, refitted: Any, profile: Profile, tmp_path: Path
) -> None:
    _decide(profile, backtests, rows, refitted, tmp_path)
    files = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.safetensors")}
    assert len(files) >= 8
    _decide(profile, backtests, rows, refitted, tmp_path)
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.safetensors")} == files
    own = rows[4]
    hit = (own.target_week_no == AS_OF - 20) & (own.unit_id == "05001")
    revised = {4: replace(own, label=np.where(hit, 1 - own.label, own.label).astype(np.float32))}
    _decide(profile, backtests, revised, refitted, tmp_path)
    again = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.safetensors")}
    assert len(again) == len(files)  # what is no longer today's is forgotten
    assert 1 <= len(set(again) - set(files)) <= 2


@pytest.mark.parametrize("whose", ["nobody's", "another refit's"])
def test_a_damaged_kept_refit_is_trained_again(
    whose: str, rows: Rows, backtests: pd.DataFrame, refitted: Any, kept: Path, profile: Profile
) -> None:
    honest = _decide(profile, backtests, rows, refitted, kept).to_json()
    weights, *_, other = sorted(kept.rglob("*.safetensors"))
    before = weights.read_bytes()
    weights.write_bytes(b"damaged" if whose == "nobody's" else other.read_bytes())
    assert weights.read_bytes() != before
    assert _decide(profile, backtests, rows, refitted, kept).to_json() == honest
    assert weights.read_bytes() == before


def test_where_nothing_says_how_far_honest_refits_move_the_champion_stays(
    backtests: pd.DataFrame, rows: Rows, refitted: Any, profile: Profile, tmp_path: Path
) -> None:
    week = rows[4].origin_week_no
    gap = {4: rows[4].take((week == AS_OF) | (week < AS_OF - 120))}
    found = _decide(profile, backtests, gap, refitted, tmp_path)
    assert (found.decision, found.waits_for_person) == ("keep", False)
    assert "nothing says how far an honest refit moves" in found.reasons[-1]


def test_rows_or_models_that_cannot_be_read_keep_the_champion(
    backtests: pd.DataFrame, rows: Rows, refitted: Any, kept: Path, profile: Profile
) -> None:
    no_week = {4: rows[4].take(rows[4].origin_week_no < AS_OF)}
    found = _decide(profile, backtests, no_week, refitted, kept)
    assert (found.decision, found.waits_for_person) == ("keep", False)
    assert "this week has no row 4 weeks ahead" in found.reasons[-1]
    nan = {4: replace(refitted[1][4], forecaster=replace(refitted[1][4].forecaster, bias=np.nan))}
    found = _decide(profile, backtests, rows, (refitted[0], nan), kept)
    assert (found.decision, found.waits_for_person) == ("keep", False)
    assert "is not a number" in found.reasons[-1]
