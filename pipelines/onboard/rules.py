"""Label rules that a history allows, each with the outbreak weeks it would give a year; and what
can be judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pipelines.config import EvaluateConfig, GateConfig, TestYears
from pipelines.data.labels import compute_thresholds, label_of, outbreak_rates
from pipelines.data.splits import fold_cut, judged_years
from pipelines.data.tables import Tables, latest_cases
from pipelines.data.threshold_lookup import Thresholds
from pipelines.errors import ConfigError
from pipelines.evaluate.bootstrap import count_blocks
from pipelines.label_config import LabelConfig
from pipelines.onboard.history import History
from pipelines.weeks import LAST_YEAR, SEASON_WEEKS, Calendar

_FLOOR = 3.0
_ROLLING_FROM = 4  # complete years from which the years before each origin carry a threshold
_KINDS = ("rolling_quantile", "quantile", "endemic_channel", "incidence")


@dataclass(frozen=True)
class Rated:
    """A label rule on these tables.

    Attributes:
        rows: unit_id, target_week_no, label of every unit-week with a threshold, at the primary
            horizon.
        pool: units with a threshold at any time; now: at the newest origin.
        begins: first week of the years of origins that have a threshold; None = every origin has.
        zero_share: share of units with enough cases whose thresholds are all 0.
        why_not: the commonest reason for which a unit has none.
    """

    labels: LabelConfig
    rows: pd.DataFrame
    rates: Mapping[int, float]
    pool: int
    now: int
    begins: int | None
    zero_share: float
    why_not: str


class Rater:
    """Rates label rules on one place's tables, each once."""

    def __init__(self, tables: Tables, history: History, calendar: Calendar) -> None:
        self.tables, self.history, self.calendar = tables, history, calendar
        self._known: dict[str, Rated] = {}

    def rate(self, labels: LabelConfig) -> Rated:
        """What a rule would call outbreak weeks. Raises ConfigError for a week that the calendar
        lacks.
        """
        key = labels.model_dump_json()
        if key not in self._known:
            self._known[key] = _rated(self.tables, labels, self.history, self.calendar)
        return self._known[key]

    def rule(self, keys: Mapping[str, Any]) -> Rated:
        """The same for the keys of a rule."""
        return self.rate(LabelConfig.model_validate({"rule": dict(keys)}))


def _rated(tables: Tables, labels: LabelConfig, history: History, calendar: Calendar) -> Rated:
    table = compute_thresholds(tables, labels, calendar, first_origin_no=history.first)
    limits = Thresholds.of_table(table, calendar)
    horizon = EvaluateConfig().primary_horizon_weeks
    known = latest_cases(tables).dropna(subset=["cases"])
    week = known["week_no"].to_numpy(np.int64)
    limit = limits.of_rows(known["unit_id"].tolist(), week - horizon, week)
    rows = pd.DataFrame(
        {
            "unit_id": known["unit_id"],
            "target_week_no": week,
            "label": label_of(known["cases"].to_numpy(np.float64), limit),
        }
    )
    rows = rows.dropna(subset=["label"]).reset_index(drop=True)
    refused = table.loc[~table["in_pool"].astype(bool), "refused_reason"].dropna()
    zero = table["refused_reason"].fillna("").str.contains("is 0")
    enough = zero | table["refused_reason"].isna()
    share = float(zero[enough].mean()) if enough.any() else 0.0
    pool = int(table.loc[table["in_pool"].astype(bool), "unit_id"].nunique())
    why = str(refused.value_counts().index[0]) if len(refused) else ""
    began = table.loc[table["refused_reason"].isna(), "origin_year"].dropna()
    begins = calendar.number(int(began.min()), 1) if len(began) else None
    now = _now(limits, history)
    return Rated(labels, rows, outbreak_rates(rows, calendar), pool, now, begins, share, why)


def _now(limits: Thresholds, history: History) -> int:
    """Units that have a threshold for the newest origin, so that a forecast can name them."""
    origin = np.full(len(limits), history.newest, dtype=np.int64)
    found = [
        np.isfinite(limits.of_rows(limits.unit_ids, origin, origin + h))
        for h in EvaluateConfig().horizons_weeks
    ]
    return int(np.any(found, axis=0).sum()) if len(limits) else 0


def proposed(rater: Rater) -> dict[str, Any]:
    """Keys of the rule that is proposed: rolling where history is long, else of fixed years; with a
    floor where most thresholds would be 0; and the one of both that gives the newest weeks any."""
    earlier = _earlier(rater.history)
    rules: list[dict[str, Any]] = [{"kind": "rolling_quantile"}]
    if earlier:
        rules.append({"kind": "quantile", "q": 0.75, "reference": _span(earlier, rater.calendar)})
    if earlier and len(rater.history.whole_years) < _ROLLING_FROM:
        rules.reverse()
    first = _floored(rules[0], rater)
    found = next(
        (
            rule
            for rule in (first, *(_floored(r, rater) for r in rules[1:]))
            if rater.rule(rule).now
        ),
        None,
    )
    return first if found is None else found


def _floored(rule: dict[str, Any], rater: Rater) -> dict[str, Any]:
    """A rule, with a floor if it needs one."""
    return rule if rater.rule(rule).zero_share <= 0.5 else {**rule, "floor_cases": _FLOOR}


def _earlier(history: History) -> tuple[int, ...]:
    """Complete years before the newest two, which stay to be judged; one at least."""
    return history.whole_years[:-2] or history.whole_years[:1]


def of_kind(kind: str, base: Mapping[str, Any], rater: Rater) -> dict[str, Any]:
    """Keys of a rule of another kind, as this history allows it."""
    if kind == base["kind"]:
        return dict(base)
    rule: dict[str, Any] = {"kind": kind}
    if kind == "quantile":
        earlier = _earlier(rater.history)
        if not earlier:
            raise ConfigError(
                "there is no complete year that a quantile of fixed years could rest on",
                where="--rule quantile",
                fix="say --reference, or deliver more weeks",
            )
        rule |= {"q": 0.75, "reference": _span(earlier, rater.calendar)}
    if kind == "incidence":
        rule["per_100k"] = 10.0
    return rule | {k: v for k, v in base.items() if k == "floor_cases"}


def offered(rater: Rater, base: Mapping[str, Any]) -> list[Rated]:
    """Every kind that this history allows, the proposed one first."""
    kinds = [base["kind"], *(k for k in _KINDS if k != base["kind"])]
    if not any(str(c).startswith("population_") for c in rater.tables.units):
        kinds = [k for k in kinds if k != "incidence"]
    if not rater.history.whole_years:
        kinds = [k for k in kinds if k != "quantile"]
    return [rater.rule(of_kind(kind, base, rater)) for kind in kinds]


def _span(years: Sequence[int], calendar: Calendar) -> list[str]:
    return [f"{years[0]}-w01", f"{years[-1]}-w{calendar.weeks_in_year(years[-1])}"]


@dataclass(frozen=True)
class TestYearChoice:
    """What can be judged.

    Attributes:
        years: test years that have rows to judge and both classes to learn from.
        too_early: asked for by the counts alone, but before them is nothing to learn from.
        serves: a champion, a provisional one, or nothing.
        why: in words.
    """

    years: tuple[int, ...]
    blocks: int
    serves: str
    why: str
    too_early: tuple[int, ...] = ()

    def as_text(self) -> str:
        """One sentence."""
        if self.serves == "nothing":
            return f"nothing can be judged, because {self.why}"
        years = ", ".join(map(str, self.years))
        early = (
            f" ({', '.join(map(str, self.too_early))} left out: the rule leaves no weeks of both "
            "classes before it to learn from)"
            if self.too_early
            else ""
        )
        return (
            f"test years {years}{early}: {self.blocks} blocks of weeks; what wins will be "
            f"{self.serves} ({self.why})"
        )


def choose_test_years(
    rated: Rated, history: History, wanted: TestYears, gate: GateConfig, calendar: Calendar
) -> TestYearChoice:
    """Which years can be judged, and whether they are enough for more than a provisional
    champion."""
    if rated.rows.empty:
        weeks = history.newest - history.first + 1
        return _nothing(
            f"no unit has a threshold by the rule {rated.labels.rule_id} in {weeks} weeks of "
            f"history: {rated.why_not or 'no year before has counts'}; lags, a threshold and a "
            "test year ask for four complete years, or three with a rule of fixed years",
        )
    first = max(history.first + SEASON_WEEKS, rated.begins or 0)
    asked = judged_years(wanted, first, history.newest, calendar)
    if not asked:
        need = first + SEASON_WEEKS
        year = next(
            y for y in range(calendar.epi_year(need), LAST_YEAR) if calendar.number(y, 1) >= need
        )
        return _nothing(
            f"rows with a year of lags and a threshold begin in {calendar.week_label(first)}, and "
            f"a test year is a whole one with a year of training before it: {year} would be the "
            f"first, and the counts end with {calendar.week_label(history.newest)}",
        )
    if rated.rows["label"].nunique() < 2:
        what = "an outbreak week" if rated.rows["label"].iloc[0] else "no outbreak week"
        return _nothing(
            f"there is one class only: every week of every unit is {what} by the rule "
            f"{rated.labels.rule_id}",
        )
    years = tuple(y for y in asked if _can_test(rated.rows, y, history, calendar))
    if not years:
        return _nothing(
            f"before {asked[-1]} there are no weeks of both classes to learn from, by the rule "
            f"{rated.labels.rule_id}; a rule of fixed years (--rule quantile) leaves more",
        )
    return _enough(rated, asked, years, gate, calendar)


def _nothing(why: str) -> TestYearChoice:
    return TestYearChoice((), 0, "nothing", why)


def _enough(
    rated: Rated,
    asked: Sequence[int],
    years: tuple[int, ...],
    gate: GateConfig,
    calendar: Calendar,
) -> TestYearChoice:
    at = rated.rows["target_week_no"].map(lambda w: calendar.epi_year(w)).isin(years)
    blocks = count_blocks(rated.rows[at], gate.block_weeks, calendar)
    few = [
        f"{blocks} blocks, {gate.min_blocks} are asked for" if blocks < gate.min_blocks else "",
        f"{len(years)} test years, {gate.min_origins} are asked for"
        if len(years) < gate.min_origins
        else "",
    ]
    shortfalls = "; ".join(filter(None, few))
    early = tuple(y for y in asked if y not in years)
    return TestYearChoice(
        years,
        blocks,
        "provisional" if shortfalls else "a champion",
        shortfalls or f"at least {gate.min_blocks} blocks and {gate.min_origins} years",
        early,
    )


def _can_test(rows: pd.DataFrame, year: int, history: History, calendar: Calendar) -> bool:
    horizon, start = EvaluateConfig().primary_horizon_weeks, calendar.number(year, 1)
    week = rows["target_week_no"]
    learned = (week >= history.first + SEASON_WEEKS + horizon) & (
        week <= fold_cut(start, horizon, 0)
    )
    judged = (week >= start) & (week < calendar.number(year + 1, 1))
    return bool(judged.any() and rows.loc[learned, "label"].nunique() == 2)
