"""Nothing that a row says changes when everything unknown at its origin becomes noise."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from pipelines.config import Profile, load_profile
from pipelines.contracts import COVARIATE_NAMES, SAMPLE_INPUTS, SAMPLE_KEYS
from pipelines.data import availability, scene_choice
from pipelines.data.rows import sample_rows
from pipelines.data.tables import Tables
from pipelines.errors import LeakageError
from pipelines.weeks import CDC

Noise = Callable[[Tables, int, int, int], Tables]
SAID = [*SAMPLE_KEYS, *SAMPLE_INPUTS, *COVARIATE_NAMES]
UNITS = ("05001", "08001", "41001", "76001")
ALL_HORIZONS = tuple(range(13))


def profile_of(delay: int, horizons: tuple[int, ...] = ALL_HORIZONS) -> Profile:
    return load_profile(
        "sample",
        **{
            "data.reporting_delay_weeks": delay,
            "evaluate.horizons_weeks": horizons,
            "evaluate.primary_horizon_weeks": horizons[-1],
        },
    )


def rows_at(tables: Tables, profile: Profile, origin: int) -> pd.DataFrame:
    """Rows of one origin, built with three weeks after it, as a real build would."""
    rows = sample_rows(tables, profile, UNITS, origin + 3, first_origin=origin)
    return rows.loc[rows["origin_week_no"] == origin, SAID].reset_index(drop=True)


def changed_rows(tables: Tables, noisy: Noise, profile: Profile, origin: int) -> list[str]:
    """Sample ids of an origin whose prompt, covariates or scene the future changes."""
    delay = profile.data.reporting_delay_weeks
    seen = rows_at(tables, profile, origin)
    changed: list[str] = []
    for horizon in {min(h, 1) for h in profile.evaluate.horizons_weeks}:
        blind = rows_at(noisy(tables, origin, horizon, delay), profile, origin)
        concerned = (seen["horizon_weeks"] == 0) == (horizon == 0)
        same = ((seen == blind) | (seen.isna() & blind.isna())).all(axis=1)
        changed += list(seen.loc[concerned & ~same, "sample_id"])
    return changed


def some_origins(count: int, seed: int) -> list[int]:
    span = CDC.week_no("2009-w01"), CDC.week_no("2018-w48")
    return sorted(int(o) for o in np.random.default_rng(seed).integers(*span, count))


@pytest.mark.parametrize("delay", [0, 1, 3])
def test_prompt_covariates_and_scene_of_every_horizon_ignore_what_is_not_known(
    ten_tables: Tables, with_unknown_as_noise: Noise, delay: int
) -> None:
    profile = profile_of(delay)
    for origin in some_origins(8, seed=delay):
        assert changed_rows(ten_tables, with_unknown_as_noise, profile, origin) == []


def test_the_noise_reaches_every_kind_of_value_one_week_later(
    ten_tables: Tables, with_unknown_as_noise: Noise
) -> None:
    """Without this the test above could pass on noise that changes nothing."""
    origin = CDC.week_no(
        "2016-w21"
    )  # ends 2016-05-28; the next week brings May's climate and scene
    noisy = with_unknown_as_noise(ten_tables, origin, 1, 0)
    profile = profile_of(0, (1, 4))
    seen, blind = (rows_at(tables, profile, origin + 1) for tables in (ten_tables, noisy))
    for name in ("text", "log1p_cases_lag00", "temp_mean_c_lag1", "log1p_rainfall_mm_lag1"):
        assert (seen[name] != blind[name]).all(), name
    assert (seen["image_sha256"] != blind["image_sha256"]).any()


def test_cases_one_week_too_fresh_are_caught(
    ten_tables: Tables, with_unknown_as_noise: Noise, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = availability.known_lag_weeks
    monkeypatch.setattr(availability, "known_lag_weeks", lambda h, d: right(h, d) - 1)
    with pytest.raises(LeakageError, match="when the future is noise"):
        rows_at(ten_tables, profile_of(1), CDC.week_no("2016-w20"))
    tabular = load_profile("sample", **{"data.text_window.municipalities": ()})
    origin = CDC.week_no("2016-w20")
    assert changed_rows(ten_tables, with_unknown_as_noise, tabular, origin)


def test_cases_of_the_origin_week_at_horizon_0_are_caught(
    ten_tables: Tables, with_unknown_as_noise: Noise, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(availability, "known_lag_weeks", lambda _h, d: d)
    profile = profile_of(0).model_copy(
        update={"data": load_profile("sample", **{"data.text_window.municipalities": ()}).data}
    )
    changed = changed_rows(ten_tables, with_unknown_as_noise, profile, CDC.week_no("2016-w20"))
    assert changed
    assert all(sample.endswith("h00") for sample in changed)


@pytest.mark.parametrize("module", [availability, scene_choice])
def test_climate_or_a_scene_used_before_its_date_is_caught(
    ten_tables: Tables,
    with_unknown_as_noise: Noise,
    monkeypatch: pytest.MonkeyPatch,
    module: object,
) -> None:
    right = availability.known_from_week_no
    monkeypatch.setattr(
        module, "known_from_week_no", lambda days, calendar: right(days, calendar) - 1
    )
    origin = CDC.week_no("2016-w21")  # May's climate and scene come a week later
    assert changed_rows(ten_tables, with_unknown_as_noise, profile_of(0, (1, 4)), origin)
