"""The newest weeks, first question: would this recipe, on today's history, have forecast them as
well?

Where a week was not published (in the first year) the backtest's forecast of the champion's recipe
stands in, and the record counts how many weeks are which. Scored are rows whose threshold is still
the one that was published. If the challenger has the champion's recipe, only weeks that a model of
the champion's kind published count: a tie of a recipe with itself must not be decided by what
another recipe published before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pipelines.arrays import Bools
from pipelines.config import Profile
from pipelines.evaluate.bootstrap import Interval, count_blocks, paired_interval
from pipelines.evaluate.refits import Refits, last_of_block
from pipelines.fusion.examples import Examples

_KEY = ["unit_id", "horizon_weeks", "target_week_no"]
_FEWEST_BLOCKS = 2
_WORST_UNITS = 5
Record = dict[str, Any]


def recent_rows(
    refits: Refits, published: pd.DataFrame, backtest: pd.DataFrame | None, newest: int
) -> pd.DataFrame:
    """Every scored row of the newest weeks, both forecasts side by side.

    Args:
        published: as published.published_rows gives them.
        backtest: rows of the champion's recipe, columns of backtest.PREDICTION_COLUMNS.
        newest: the newest week whose cases are known.

    Returns:
        test_year, sample_id, unit_id, horizon_weeks, target_week_no, label, probability, alarm of
        the refits; probability_then, alarm_then; `published` False where the backtest stands in.
    """
    window = refits.profile.gate.recent_weeks
    frames = [
        _own_rows(refits, h, rows, newest - window, newest) for h, rows in refits.rows.items()
    ]
    own = pd.concat(frames, ignore_index=True)
    return own.merge(
        _then(own, published, backtest), on="sample_id", how="inner", validate="one_to_one"
    )


def _own_rows(
    refits: Refits, horizon: int, rows: Examples, after: int, newest: int
) -> pd.DataFrame:
    """The refits' rows of one horizon with a known label and a target in the window."""
    profile, target = refits.profile, rows.target_week_no
    asked = (
        np.isfinite(rows.label)
        & (target > after)
        & (target <= newest)
        & _is_in_benchmark(rows, profile)
    )
    chosen = rows.take(asked)
    probability, alarm = np.full(len(chosen), np.nan), np.zeros(len(chosen), dtype=bool)
    serving = last_of_block(profile, chosen.origin_week_no)
    for origin in np.unique(serving).tolist():
        at, models = serving == origin, refits.at(int(origin))
        if models is not None:
            probability[at] = models[horizon].probability(chosen.take(at))
            alarm[at] = probability[at] >= models[horizon].decision_threshold
    year = [profile.calendar.epi_year(int(n)) for n in chosen.target_week_no]
    table = pd.DataFrame(
        {
            "test_year": np.array(year, dtype=np.int64),
            "sample_id": chosen.sample_id.astype(str),
            "unit_id": chosen.unit_id.astype(str),
            "horizon_weeks": horizon,
            "target_week_no": chosen.target_week_no,
            "threshold_cases": chosen.threshold_cases.astype(np.float64),
            "label": chosen.label.astype(np.float64),
            "probability": probability,
            "alarm": alarm,
        }
    )
    return table.dropna(subset=["probability"])


def _is_in_benchmark(rows: Examples, profile: Profile) -> Bools:
    units = profile.evaluate.municipalities
    return (
        np.ones(len(rows), dtype=bool)
        if units is None
        else np.isin(rows.unit_id.astype(str), units)
    )


def _then(
    own: pd.DataFrame, published: pd.DataFrame, backtest: pd.DataFrame | None
) -> pd.DataFrame:
    """sample_id, probability_then, alarm_then, published: of each row that has one."""
    out = own[[*_KEY, "sample_id", "threshold_cases"]].merge(
        published, on=_KEY, suffixes=("", "_then")
    )
    same = np.isclose(
        out["threshold_cases"], out["threshold_cases_then"].astype(np.float64), rtol=1e-5
    )
    out = (
        out[same]
        .rename(columns={"probability": "probability_then", "alarm": "alarm_then"})
        .assign(published=True)
    )
    columns = ["sample_id", "probability_then", "alarm_then", "published"]
    if backtest is None:
        return out[columns]
    stand_in = backtest.assign(
        sample_id=backtest["sample_id"].astype(str),
        probability_then=backtest["probability"],
        alarm_then=backtest["probability"] >= backtest["decision_threshold"],
        published=False,
    )
    missing = ~stand_in["sample_id"].isin(out["sample_id"])
    frames = [part for part in (out[columns], stand_in.loc[missing, columns]) if len(part)]
    return pd.concat(frames, ignore_index=True) if frames else out[columns]


@dataclass(frozen=True)
class RecentResult:
    """What the newest weeks say at the primary horizon; `rule` in words, and what it was applied
    to.
    """

    passed: bool
    rule: str
    margin: float
    interval: Interval
    weeks_published: int
    weeks_of_the_backtest: int

    @property
    def verdict(self) -> str:
        """Such as "is not worse than"."""
        if self.passed:
            return "is not worse than"
        return "is worse than" if self.interval.lower > 0 else "was not shown to be as good as"


def compare_with_published(
    rows: pd.DataFrame, same_recipe: bool, profile: Profile
) -> RecentResult | None:
    """Whether the refits are as good as what was published then; None without a row.

    A refit of the champion's recipe is judged by the upper bound on published weeks alone, once
    they fill two blocks: honest ones hardly differ there. Before, in the first year, the backtest's
    yearly fits stand in; they differ from honest refits by half the margin either way, so that only
    a refit shown to be worse is refused.
    Another recipe is judged by the mean: rolling origins have judged its interval on more years,
    and four quarters are too few for one between two recipes.
    """
    own = rows[rows["horizon_weeks"] == profile.evaluate.primary_horizon_weeks]
    published, margin = own[own["published"].astype(bool)], profile.gate.margin_brier
    strict = same_recipe and _blocks(published, profile) >= _FEWEST_BLOCKS
    judged = published if strict else own
    found = _interval(judged, profile)
    if found is None:
        return None
    weeks = judged.groupby("target_week_no")["published"].max().astype(bool)
    counted = int(weeks.sum()), int((~weeks).sum())
    if strict:
        return RecentResult(
            found.upper < margin,
            f"the upper bound must stay below {margin:+.3f}",
            margin,
            found,
            *counted,
        )
    if same_recipe:
        worse = found.mean >= margin and found.lower > 0
        return RecentResult(
            not worse,
            f"refused is a mean of {margin:+.3f} or more with a lower bound above 0",
            margin,
            found,
            *counted,
        )
    return RecentResult(
        found.mean < margin, f"the mean must stay below {margin:+.3f}", margin, found, *counted
    )


def _blocks(rows: pd.DataFrame, profile: Profile) -> int:
    return count_blocks(rows, profile.gate.block_weeks, profile.calendar) if len(rows) else 0


def _interval(rows: pd.DataFrame, profile: Profile) -> Interval | None:
    """Brier(refits) - Brier(then); bounds are the mean on one block of weeks, None without
    a row."""
    if rows.empty:
        return None
    blocks = _blocks(rows, profile)
    if blocks >= _FEWEST_BLOCKS:
        then = rows.assign(probability=rows["probability_then"].astype(np.float64))
        return paired_interval(rows, then, profile.gate, profile.calendar)
    mean = float((_loss(rows, "probability") - _loss(rows, "probability_then")).mean())
    return Interval(mean, mean, mean, len(rows), blocks, int(rows["test_year"].nunique()))


def scores(rows: pd.DataFrame) -> Record:
    """Horizon -> how both did on its rows, JSON-able; units where the refits did worst
    come last."""
    return {str(h): _scores(own) for h, own in rows.groupby("horizon_weeks", sort=True)}


def _scores(rows: pd.DataFrame) -> Record:
    label = rows["label"].to_numpy(np.float64)
    by_week = rows.groupby("target_week_no")["published"].max()
    gap = (
        (_loss(rows, "probability") - _loss(rows, "probability_then"))
        .groupby(rows["unit_id"])
        .mean()
    )
    worst = gap.sort_values(ascending=False, kind="stable").head(_WORST_UNITS)
    return {
        "rows": len(rows),
        "weeks_published": int(by_week.sum()),
        "weeks_of_the_backtest": int((~by_week.astype(bool)).sum()),
        "outbreak_rate": float(label.mean()),
        "challenger": _one(rows, "probability", "alarm"),
        "published_then": _one(rows, "probability_then", "alarm_then"),
        "worst_units": {str(unit): float(value) for unit, value in worst.items()},
    }


def _one(rows: pd.DataFrame, probability: str, alarm: str) -> Record:
    alarms = rows[alarm].to_numpy(bool)
    return {
        "brier": float(_loss(rows, probability).mean()),
        "mean_probability": float(rows[probability].astype(np.float64).mean()),
        "alarms": int(alarms.sum()),
        "alarms_that_were_right": int((alarms & (rows["label"].to_numpy(np.float64) == 1)).sum()),
    }


def _loss(rows: pd.DataFrame, probability: str) -> pd.Series:
    return (rows[probability].astype(np.float64) - rows["label"]) ** 2
