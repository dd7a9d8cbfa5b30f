"""What must hold for any value: keys of the store, folds, availability, the calendar."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import date, timedelta

import epiweeks
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.contracts import EncoderSpec
from pipelines.data.availability import (
    NEVER,
    Matrices,
    build_matrices,
    known_from_week_no,
    known_lag_weeks,
)
from pipelines.data.splits import embargo_weeks, fold_cut, inner_seasons, test_year_targets
from pipelines.data.tables import Tables
from pipelines.embed.store import input_key
from pipelines.errors import ConfigError
from pipelines.weeks import CDC

# Of the key format as it was when the first store was written.
KNOWN_KEY = "ea7d84e97bc16ba58828ebda76e50220ac2d90011863822cf8625a42d6b7d558"
HEX = st.text("0123456789abcdef", min_size=64, max_size=64)
SPECS = st.builds(
    EncoderSpec,
    encoder=st.sampled_from(["hf_text", "timm_image", "llama"]),
    modality=st.sampled_from(["image", "text"]),
    width=st.integers(1, 4096),
    weights_sha256=HEX,
    preprocessing=st.text(max_size=8),
    pooling=st.sampled_from(["mean", "last", "cls", "avg"]),
    dtype=st.sampled_from(["float32", "bfloat16"]),
    threads=st.integers(1, 8),
    code_id=st.text(max_size=8),
)


# --- Keys of the store ----------------------------------------------------------------------------
@given(SPECS, SPECS, HEX, HEX)
def test_keys_are_equal_exactly_when_everything_that_makes_a_vector_is(
    a: EncoderSpec, b: EncoderSpec, x: str, y: str
) -> None:
    assert (input_key(a.space_id, x) == input_key(b.space_id, y)) == ((a, x) == (b, y))


@given(SPECS, HEX, st.data())
def test_any_single_part_that_changes_changes_the_key(
    spec: EncoderSpec, content: str, data: st.DataObject
) -> None:
    part = data.draw(st.sampled_from(sorted(asdict(spec))))
    other = data.draw(SPECS.filter(lambda s: getattr(s, part) != getattr(spec, part)))
    changed = replace(spec, **{part: getattr(other, part)})
    assert input_key(changed.space_id, content) != input_key(spec.space_id, content)


@given(SPECS, HEX)
def test_a_key_is_the_same_text_every_time_and_safe_in_a_file_name(
    spec: EncoderSpec, content: str
) -> None:
    key = input_key(spec.space_id, content)
    assert key == input_key(replace(spec).space_id, str(content))
    assert key.isascii()
    assert key.isalnum()
    assert spec.space_id.isalnum()


def test_a_key_never_changes_between_versions() -> None:
    """Stored vectors are found by it: who changes this line embeds everything anew."""
    spec = EncoderSpec("hf_text", "text", 4, "0" * 64, "none", "mean", "float32", 1, "1")
    assert input_key(spec.space_id, "a" * 64) == KNOWN_KEY


# --- The calendar ---------------------------------------------------------------------------------
DAYS = st.dates(date(1990, 1, 1), date(2060, 12, 31))


def test_every_week_of_seventy_years_is_the_one_that_epiweeks_says() -> None:
    number = CDC.week_no("1990-w01")
    for year in range(1990, 2061):
        known = list(epiweeks.Year(year, system="cdc").iterweeks())
        assert CDC.weeks_in_year(year) == len(known)
        for week in known:
            label = f"{year}-w{week.week:02d}"
            assert (CDC.week_no(label), CDC.week_label(number)) == (number, label)
            assert CDC.week_end(number) == week.enddate()
            number += 1
    assert sum(CDC.weeks_in_year(y) == 53 for y in range(1990, 2061)) == 13


@given(DAYS)
def test_a_day_lies_in_its_week_and_in_no_other(day: date) -> None:
    number = CDC.week_no_of_date(day)
    assert timedelta(0) <= CDC.week_end(number) - day <= timedelta(days=6)
    assert CDC.week_label(number) == "{}-w{:02d}".format(
        *epiweeks.Week.fromdate(day, system="cdc").weektuple()
    )
    assert CDC.week_no(CDC.week_label(number)) == number


@given(st.text(max_size=12))
def test_any_other_text_is_no_week(text: str) -> None:
    try:
        assert CDC.week_label(CDC.week_no(text)) == text
    except ConfigError as err:
        assert "2018-w48" in err.fix


# --- Folds ----------------------------------------------------------------------------------------
WEEKS = st.integers(CDC.week_no("2000-w01"), CDC.week_no("2040-w01"))
LAGS = st.integers(0, 12)


@given(WEEKS, LAGS, LAGS)
def test_nothing_learned_was_unknown_when_the_first_judged_answer_was_given(
    first_target: int, horizon: int, delay: int
) -> None:
    cut, origin = fold_cut(first_target, horizon, delay), first_target - horizon
    assert cut <= origin - known_lag_weeks(horizon, delay)
    assert first_target - cut == embargo_weeks(horizon, delay) >= 1


@given(WEEKS, st.integers(1, 6), LAGS, LAGS, st.integers(0, 3), st.integers(0, 3))
def test_longer_horizons_and_delays_never_let_more_be_learned(
    cut: int, seasons: int, horizon: int, delay: int, more_horizon: int, more_delay: int
) -> None:
    near = inner_seasons(cut, seasons, horizon, delay)
    far = inner_seasons(cut, seasons, horizon + more_horizon, delay + more_delay)
    for a, b in zip(near, far, strict=True):
        assert b.train_until_week_no <= a.train_until_week_no
        assert (a.first_target_week_no, a.last_target_week_no) == (
            b.first_target_week_no,
            b.last_target_week_no,
        )


@given(st.integers(1990, 2060))
def test_test_years_hold_every_week_once(year: int) -> None:
    assert len(test_year_targets(year, CDC)) == CDC.weeks_in_year(year)
    assert test_year_targets(year, CDC)[-1] + 1 == test_year_targets(year + 1, CDC)[0]


# --- Availability ---------------------------------------------------------------------------------
FIRST_WEEK, N_WEEKS, N_MONTHS = CDC.week_no("2017-w01"), 60, 14
ORIGIN = st.integers(FIRST_WEEK + 5, FIRST_WEEK + N_WEEKS - 1)


def matrices(delay: int, latency_days: int) -> Matrices:
    """One municipality; every value is its own time, so that it tells when it is from."""
    weeks, months = np.arange(N_WEEKS) + FIRST_WEEK, np.arange(N_MONTHS)
    month_ends = [pd.Timestamp("2017-01-31") + pd.offsets.MonthEnd(int(k)) for k in months]
    climate = pd.DataFrame(
        {
            "unit_id": "05001",
            "year": 2017 + months // 12,
            "month": months % 12 + 1,
            "temp_mean_c": months.astype(float),
            "rainfall_mm": months.astype(float),
            "available_date": [(e + pd.Timedelta(days=latency_days)).date() for e in month_ends],
        }
    )
    cases = pd.DataFrame(
        {
            "unit_id": "05001",
            "week_no": weeks,
            "cases": weeks.astype(float),
            "received_date": date(2019, 1, 1),
        }
    )
    return build_matrices(
        replace(Tables.empty(), cases=cases, climate=climate), ["05001"], delay, CDC
    )


@settings(max_examples=60, deadline=None)
@given(ORIGIN, LAGS, st.integers(0, 12), st.integers(0, 366))
def test_no_value_that_came_after_the_origins_end_is_ever_used(
    origin: int, horizon: int, delay: int, latency: int
) -> None:
    made, origins = matrices(delay, latency), np.array([origin])
    used = made.lagged_cases(origins, 20, horizon)[
        ~np.isnan(made.lagged_cases(origins, 20, horizon))
    ]
    assert (used <= origin - delay).all()
    if horizon == 0:
        assert (used < origin).all()
    month = made.climate_lags("temp_mean_c", origins, 6)
    for k in month[~np.isnan(month)]:
        ended = pd.Timestamp("2017-01-31") + pd.offsets.MonthEnd(int(k))
        assert (ended + pd.Timedelta(days=latency)).date() <= CDC.week_end(origin)


@settings(max_examples=40, deadline=None)
@given(ORIGIN, st.integers(0, 200), st.integers(0, 60))
def test_a_longer_latency_never_shows_more(origin: int, latency: int, more: int) -> None:
    origins = np.array([origin])
    soon, late = (matrices(0, d).newest_month(origins)[0, 0] for d in (latency, latency + more))
    assert late <= soon


@given(DAYS, st.integers(0, 400))
def test_what_is_available_on_a_day_is_known_from_the_first_week_that_has_ended_by_then(
    day: date, later: int
) -> None:
    both = pd.Series([day, day + timedelta(days=later)])
    first, second = (int(w) for w in known_from_week_no(both, CDC))
    assert CDC.week_end(first) >= day > CDC.week_end(first - 1)
    assert first <= second < NEVER


@pytest.mark.parametrize("year", [2008, 2014, 2020])
def test_the_years_with_a_week_53_have_one(year: int) -> None:
    assert CDC.week_label(CDC.week_no(f"{year}-w53") + 1) == f"{year + 1}-w01"
    with pytest.raises(ConfigError):
        CDC.week_no(f"{year + 1}-w53")
