"""What every label rule must keep: thresholds from the past alone, an answer for poor counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from pipelines.contracts import LABEL_RULES
from pipelines.data.labels import compute_thresholds
from pipelines.label_config import LabelConfig
from pipelines.label_rule import Past, RuleConfig, rule_from
from pipelines.testing.asking import must_import_lightly, without_error
from pipelines.testing.counts import World, past_of, poor_worlds, rich_world, span_of
from pipelines.weeks import CDC, SEASON_WEEKS, Calendar

_COLUMNS = ("unit_id", "season_week", "threshold_cases")
_KEYS = list(_COLUMNS[:2])
_FLOOR = 7.5  # cases a week
_CLOSE = 1e-9  # sums in another order give other last digits


def check_label_rule(
    name: str, settings: Mapping[str, Any] | None = None, calendar: Calendar = CDC
) -> None:
    """Raise AssertionError unless a label rule keeps what label_rule.LabelRule says.

    Args:
        name: in contracts.LABEL_RULES, as a profile's labels.rule.kind gives it.
        settings: the rule's further keys.
    """
    given = {"kind": name, **(settings or {})}
    rule = rule_from(given)
    _check_config(rule, given)
    _check_reference(rule, calendar)
    world = rich_world(rule, calendar)
    past = past_of(world, rule, calendar)
    found = _checked(rule, past, "three units with seasons")
    _check_steady(rule, past, found)
    _check_future(rule, world, calendar)
    for what, poor in poor_worlds(world, rule, calendar).items():
        _check_poor(rule, poor, calendar, what)
    must_import_lightly(
        LABEL_RULES[name], ("pandas", "numpy"), "profiles are read where DAGs are parsed"
    )


def _check_config(rule: RuleConfig, given: Mapping[str, Any]) -> None:
    assert rule.kind == given["kind"], (
        f"its `kind` is {rule.kind!r}, and it is registered as {given['kind']!r}"
    )
    written = rule.model_dump(mode="json", exclude_defaults=True)
    assert rule_from(written) == rule, f"written and read again it is another rule: {written}"
    assert rule.rule_id.strip() and rule.rule_id.isprintable(), "`rule_id` is no readable name"
    assert isinstance(rule.fixed, bool), "`fixed` is not True or False"
    assert isinstance(rule.needed_years, int) and rule.needed_years >= 0, (
        f"`needed_years` is {rule.needed_years!r}"
    )
    other = rule_from({**given, "floor_cases": _FLOOR})
    assert other.floor_cases == _FLOOR, "it has no `floor_cases`: every rule may be given a floor"
    assert other.rule_id != rule.rule_id, (
        f"with a floor it has the same rule_id {rule.rule_id!r}: models of both would be compared"
    )


def _check_reference(rule: RuleConfig, calendar: Calendar) -> None:
    year = None if rule.fixed else span_of(rule, calendar).year
    parts = rule.reference_weeks(calendar, year)
    assert parts and all(isinstance(p, range) and p.step == 1 and len(p) for p in parts), (
        f"`reference_weeks` gives {parts!r}, not ranges of week ordinals"
    )
    assert tuple(rule.reference_weeks(calendar, year)) == tuple(parts), (
        "`reference_weeks` changes from call to call"
    )


def _checked(rule: RuleConfig, past: Past, what: str) -> pd.DataFrame:
    """What the rule's own formula gives, sorted; it may be nothing, but never nonsense."""
    cases, persons = past.cases.copy(), past.persons.copy()
    found = without_error(lambda: rule.thresholds(past), what)
    assert past.cases.equals(cases) and past.persons.equals(persons), (
        f"{what}: it changes the counts or persons that it is handed"
    )
    assert isinstance(found, pd.DataFrame) and set(_COLUMNS) <= set(found.columns) <= {
        *_COLUMNS,
        "refused_reason",
    }, f"{what}: thresholds need the columns {', '.join(_COLUMNS)} and may have refused_reason"
    unknown = set(found["unit_id"]) - set(past.persons.index)
    assert not unknown, f"{what}: thresholds of units that nobody asked about: {sorted(unknown)}"
    _check_values(found["threshold_cases"], what)
    _check_seasons(found, what)
    return found.sort_values(_KEYS, kind="stable", ignore_index=True)


def _check_values(thresholds: pd.Series, what: str) -> None:
    values = thresholds.to_numpy(np.float64)
    assert not np.isinf(values).any(), (
        f"{what}: a threshold is infinite; give NaN where there is none"
    )
    assert not (values < 0).any(), f"{what}: a threshold is negative ({np.nanmin(values):g} cases)"


def _check_seasons(found: pd.DataFrame, what: str) -> None:
    season = found["season_week"].to_numpy(np.float64)
    known = season[~np.isnan(season)]
    assert (np.isin(known, np.arange(1, SEASON_WEEKS + 1))).all(), (
        f"{what}: season_week is 1..{SEASON_WEEKS}, or NaN for every week"
    )
    assert not found.duplicated(_KEYS).any(), f"{what}: two thresholds for one unit and season"
    kinds = found.assign(every=np.isnan(season)).groupby("unit_id")["every"].nunique()
    assert (kinds <= 1).all(), (
        f"{what}: a unit has a threshold for every week beside some for seasons"
    )


def _check_steady(rule: RuleConfig, past: Past, found: pd.DataFrame) -> None:
    assert _same(_checked(rule, past, "asked again"), found), (
        "asked twice about the same counts, it gives other thresholds"
    )
    turned = Past(
        past.cases.sample(frac=1, random_state=0), past.persons.iloc[::-1], past.origin_year
    )
    assert _same(_checked(rule, turned, "rows in another order"), found), (
        "thresholds depend on the order of the rows"
    )


def _check_future(rule: RuleConfig, world: World, calendar: Calendar) -> None:
    """Whatever happens after the first origin: that origin's thresholds stay what they were."""
    known = _table(rule, world, calendar)
    assert (known["threshold_cases"] > 0).any(), (
        "three units with hundreds of cases a year get no threshold"
    )
    later = _table(rule, world.with_other_future(), calendar)
    assert _same(later, known), (
        "thresholds change with counts after the origin: they rest on what nobody knew"
    )
    assert _same(_table(rule, world, calendar), known), "thresholds depend on what was asked before"


def _check_poor(rule: RuleConfig, world: World, calendar: Calendar, what: str) -> None:
    """Poor counts have an answer, be it that there is no threshold."""
    past = past_of(world, rule, calendar)
    if len(past.cases):  # a rule is not asked about nothing
        _checked(rule, past, what)
    table = without_error(lambda: _table(rule, world, calendar), what)
    _check_values(table["threshold_cases"], what)


def _table(rule: RuleConfig, world: World, calendar: Calendar) -> pd.DataFrame:
    """Thresholds of the world's origin year as a run computes them."""
    labels = LabelConfig(rule=rule, min_reference_cases=0)
    first = None if world.year is None else calendar.number(world.year, 1)
    table = compute_thresholds(
        world.tables(), labels, calendar, first_origin_no=first, as_of_week_no=first
    )
    return table.sort_values(_KEYS, kind="stable", ignore_index=True)


def _same(one: pd.DataFrame, two: pd.DataFrame) -> bool:
    return (
        len(one) == len(two)
        and all(np.array_equal(one[key].astype(str), two[key].astype(str)) for key in _KEYS)
        and np.allclose(
            one["threshold_cases"].to_numpy(np.float64),
            two["threshold_cases"].to_numpy(np.float64),
            rtol=_CLOSE,
            atol=_CLOSE,
            equal_nan=True,
        )
    )
