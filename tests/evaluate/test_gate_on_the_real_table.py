"""The newest weeks on the real municipal table: honest weekly refits, and refits on spoiled rows.

Real refits of the linear head on the pool of the `sample` profile, every week known up to its
origin only. Weeks of 2019 are not scored here. Minutes each, so slow-marked;
test_gate_newest_properties.py has the fast form.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from support.municipal import municipal_tables

from pipelines.config import Profile, load_profile
from pipelines.data.sources.sample import package_table
from pipelines.evaluate.backtest import backtest_year
from pipelines.evaluate.decision import Candidate, Champion, Decision
from pipelines.evaluate.gate import decide
from pipelines.evaluate.in_memory import tabular_examples
from pipelines.evaluate.new_weeks import NewWeeks
from pipelines.evaluate.refits import Models
from pipelines.fusion.examples import Examples
from pipelines.training.recipe import train_recipe
from pipelines.weeks import CDC

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]
FIRST, LAST = CDC.week_no("2017-w49"), CDC.week_no("2018-w48")
TRIALS = 200
AS_OF = CDC.week_no("2018-w52")
Rows = dict[int, Examples]
Spoil = Callable[[Examples, npt.NDArray[np.bool_], np.random.Generator], Examples]


@pytest.fixture(scope="module")
def profile() -> Profile:
    return load_profile(
        "sample",
        **{
            "evaluate.horizons_weeks": (4, 12),
            "evaluate.municipalities": None,
            "data.text_window": {"municipalities": ()},
        },
    )


@pytest.fixture(scope="module")
def whole(profile: Profile) -> Rows:
    return tabular_examples(
        municipal_tables(package_table()), profile, AS_OF, profile.evaluate.horizons_weeks
    )[0]


@pytest.fixture(scope="module")
def backtests(whole: Rows, profile: Profile) -> pd.DataFrame:
    """Rolling origins of forty units: a recipe differs from itself by nothing on any of them."""
    some = sorted(set(whole[4].unit_id.tolist()))[:40]
    few = {h: own.take(np.isin(own.unit_id.astype(str), some)) for h, own in whole.items()}
    years = (2014, 2015, 2016, 2017)
    return pd.concat([backtest_year(few, profile, ["linear"], y, ("prevalence",)) for y in years])


def _known(whole: Mapping[int, Examples], week: int) -> Rows:
    """What is there in a week: origins up to it, and the labels of targets up to it."""
    out = {}
    for horizon, rows in whole.items():
        own = rows.take(rows.origin_week_no <= week)
        label = np.where(own.target_week_no <= week, own.label, np.nan).astype(np.float32)
        out[horizon] = replace(own, label=label)
    return out


def _refit(rows: Rows, profile: Profile, week: int) -> Models:
    return train_recipe(rows, "linear", profile, dict.fromkeys(rows, week)).models


def _publish(folder: Path, models: Models, rows: Rows, week: int) -> Path:
    """The columns of a published forecast that are read again."""
    frames = []
    for horizon, model in models.items():
        own = rows[horizon].take(rows[horizon].origin_week_no == week)
        probabilities = model.probability(own)
        frames.append(
            pd.DataFrame(
                {
                    "municipality_code": own.unit_id,
                    "horizon_weeks": horizon,
                    "origin_week": CDC.week_label(week),
                    "target_week": CDC.week_label(week + horizon),
                    "probability": probabilities,
                    "outbreak_expected": probabilities >= model.decision_threshold,
                    "threshold_cases": own.threshold_cases.astype(float),
                    "head": "linear",
                }
            )
        )
    out = folder / f"{CDC.week_label(week)}-{week:016x}"
    out.mkdir(parents=True)
    pd.concat(frames).to_parquet(out / "forecast.parquet")
    return out


def _decide(
    profile: Profile,
    backtests: pd.DataFrame,
    week: int,
    before: int,
    models: tuple[Models, Models],
    rows: Rows,
    forecasts: list[Path],
    kept: Path,
) -> Decision:
    champion, challenger = models
    recipe = profile.recipe_id("linear")
    new = Candidate("linear", f"bundle-{week}", recipe, CDC.week_label(week))
    old = Champion("linear", f"bundle-{before}", recipe, CDC.week_label(before), "1")
    new_weeks = NewWeeks(
        profile,
        CDC.week_label(week),
        lambda: rows,
        lambda _: challenger,
        lambda: champion,
        forecasts,
        kept,
    )
    scored = backtests[backtests["horizon_weeks"].isin(list(rows))]
    return decide(scored, [new], old, profile, new_weeks=new_weeks)


def test_fifty_of_fifty_two_honest_weekly_refits_are_promoted(
    whole: Rows, backtests: pd.DataFrame, profile: Profile, tmp_path: Path
) -> None:
    before = FIRST - 1
    champion = _refit(_known(whole, before), profile, before)
    forecasts: list[Path] = []
    kept_back = []
    for week in range(FIRST, LAST + 1):
        rows = _known(whole, week)
        challenger = _refit(rows, profile, week)
        found = _decide(
            profile,
            backtests,
            week,
            before,
            (champion, challenger),
            rows,
            forecasts,
            tmp_path / "kept",
        )
        if found.decision == "promote":
            champion, before = challenger, week
        else:
            kept_back.append((CDC.week_label(week), found.reasons[-1]))
        forecasts.append(_publish(tmp_path / "forecasts", champion, rows, week))
        print(CDC.week_label(week), found.decision, found.reasons[-3:-1])  # noqa: T201
    print(f"honest weekly refits promoted: {52 - len(kept_back)} of 52")  # noqa: T201
    assert len(kept_back) <= 2, kept_back


def _turned_round(share: float) -> Spoil:
    def spoil(rows: Examples, train: Any, rng: np.random.Generator) -> Examples:
        hit = train & (rng.random(len(rows)) < share)
        return replace(rows, label=np.where(hit, 1 - rows.label, rows.label).astype(np.float32))

    return spoil


def _zero(share: float) -> Spoil:
    def spoil(rows: Examples, train: Any, rng: np.random.Generator) -> Examples:
        hit = train & (rng.random(len(rows)) < share)
        return replace(rows, label=np.where(hit, 0, rows.label).astype(np.float32))

    return spoil


def _mixed_up(share: float) -> Spoil:
    def spoil(rows: Examples, train: Any, rng: np.random.Generator) -> Examples:
        hit = np.flatnonzero(train & (rng.random(len(rows)) < share))
        covariates = rows.covariates.copy()
        covariates[hit] = covariates[rng.permutation(hit)]
        return replace(rows, covariates=covariates)

    return spoil


def _newest(weeks: int, label: float) -> Spoil:
    def spoil(rows: Examples, train: Any, rng: np.random.Generator) -> Examples:
        last = int(rows.target_week_no[train].max())
        hit = train & (rows.target_week_no > last - weeks) & (rng.random(len(rows)) < 0.97)
        return replace(rows, label=np.where(hit, label, rows.label).astype(np.float32))

    return spoil


SPOILS = {
    "labels turned round": _turned_round(0.11),
    "outbreaks lost": _zero(0.21),
    "rows mixed up": _mixed_up(0.125),
    "half a year of outbreaks": _newest(30, 1.0),
}


def test_no_refit_on_spoiled_rows_is_promoted(
    whole: Rows, backtests: pd.DataFrame, profile: Profile, tmp_path: Path
) -> None:
    """Each is worse on the next year's pool, by 0.01 Brier in the mean; judged at the primary
    horizon.
    """
    one = profile.model_copy(
        update={"evaluate": profile.evaluate.model_copy(update={"horizons_weeks": (4,)})}
    )
    promoted, harm, changes, at = 0, [], [], -1
    for trial in range(TRIALS):
        week = CDC.week_no("2017-w29") + 20 * trial // TRIALS
        if week != at:
            at, rows = week, {4: _known(whole, week)[4]}
            honest, champion = _refit(rows, one, week), _refit(rows, one, week - 1)
            target = whole[4].target_week_no
            later = whole[4].take((whole[4].origin_week_no > week) & (target <= week + 52))
        name = list(SPOILS)[trial % len(SPOILS)]
        train = np.isfinite(rows[4].label) & (rows[4].target_week_no <= week)
        spoiled = SPOILS[name](rows[4], train, np.random.default_rng(trial))
        challenger = _refit({4: spoiled}, one, week)
        loss = [np.mean((m[4].probability(later) - later.label) ** 2) for m in (challenger, honest)]
        harm.append(float(loss[0] - loss[1]))
        found = _decide(
            one, backtests, week, week - 1, (champion, challenger), rows, [], tmp_path / "kept"
        )
        promoted += found.decision == "promote"
        changes.append(found.new_weeks["refit"]["horizons"]["4"])
    print(  # noqa: T201
        f"refits on spoiled rows promoted: {promoted} of {TRIALS}; worse by {np.mean(harm):.4f} "
        f"Brier in the mean ({min(harm):.4f} to {max(harm):.4f}); moved the pool by "
        f"{min(m['pool'] for m in changes):.3f} to {max(m['pool'] for m in changes):.3f}, limits "
        f"{min(m['pool_limit'] for m in changes):.3f} to "
        f"{max(m['pool_limit'] for m in changes):.3f}"
    )
    assert promoted == 0
    assert np.mean(harm) >= 0.01
