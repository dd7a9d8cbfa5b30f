"""How large an effect these rows could have shown, against simulation on planted differences."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from pipelines.config import GateConfig, Profile
from pipelines.evaluate.bootstrap import block_standard_error, mean_interval
from pipelines.evaluate.decision import Candidate
from pipelines.evaluate.gate import decide
from pipelines.evaluate.power import POWER, power_statements, shown, smallest_found
from pipelines.evaluate.report_views import power
from pipelines.weeks import CDC

FIRST, WEEKS = CDC.week_no("2015-w01"), 208
SPREAD = 0.01  # standard deviation of a block's mean difference
BLOCKS = 16


def _weeks() -> pd.DataFrame:
    return pd.DataFrame({"target_week_no": FIRST + np.arange(WEEKS)})


def _gains(rng: np.random.Generator, improvement: float) -> np.ndarray:
    """(W,) weekly improvements: one draw a block, and noise of weeks that all but cancels out."""
    block = np.repeat(rng.normal(0, SPREAD, BLOCKS), WEEKS // BLOCKS)
    return np.asarray(improvement + block + rng.normal(0, SPREAD / 10, WEEKS))


def _found(improvement: float, gate: GateConfig, margin: float = 0.0) -> float:
    """Share of 600 made worlds in which the gate's bound shows the improvement."""
    rng = np.random.default_rng(1)
    rows = _weeks()
    bounds = [mean_interval(rows, -_gains(rng, improvement), gate, CDC) for _ in range(600)]
    return float(np.mean([bound is not None and bound[1] < margin for bound in bounds]))


@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_the_smallest_improvement_is_found_in_four_of_five_made_worlds(
    profile: Profile, confidence: float
) -> None:
    gate = profile.gate.model_copy(update={"confidence": confidence})
    smallest = smallest_found(SPREAD / np.sqrt(BLOCKS), BLOCKS, confidence)
    assert _found(smallest, gate) == pytest.approx(POWER, abs=0.05)
    assert _found(smallest / 2, gate) < 0.5
    assert _found(1.5 * smallest, gate) > 0.95


def test_a_margin_makes_a_smaller_improvement_enough(profile: Profile) -> None:
    error, margin = SPREAD / np.sqrt(BLOCKS), 0.004
    smallest = smallest_found(error, BLOCKS, 0.95, margin)
    assert 0 < smallest == pytest.approx(smallest_found(error, BLOCKS, 0.95) - margin)
    assert _found(smallest, profile.gate, margin) == pytest.approx(POWER, abs=0.05)


def test_the_standard_error_is_that_of_blocks_and_not_of_weeks(profile: Profile) -> None:
    rng = np.random.default_rng(2)
    errors = [
        block_standard_error(_weeks(), _gains(rng, 0.0), profile.gate, CDC) for _ in range(200)
    ]
    assert np.sqrt(np.mean(np.square(errors))) == pytest.approx(SPREAD / np.sqrt(BLOCKS), rel=0.05)


def _rows(planted, better: float, base: float = 0.02) -> pd.DataFrame:
    """Rows of `early` beside a base whose expected Brier is worse by `better`."""
    frame = planted({"early": base - better, "linear": base, "prevalence": 0.06})
    kept = frame[frame["head"] == "linear"].set_index(["horizon_weeks", "sample_id"])["probability"]
    own = frame["head"] == "early"
    key = pd.MultiIndex.from_frame(frame.loc[own, ["horizon_weeks", "sample_id"]])
    frame.loc[own, "base_probability"] = kept.reindex(key).to_numpy()
    frame.loc[own, "base"] = "linear"
    return frame


def test_the_statement_says_what_was_seen_and_what_could_have_been(planted, profile) -> None:
    found = power_statements(_rows(planted, 0.01), profile)
    assert sorted(found, key=int) == ["1", "4", "8", "12"]
    one = found["4"]
    assert one["head"] == "early"
    assert one["rows"] == one["changed_rows"] == 10 * 4 * 52
    assert one["seen"] == pytest.approx(0.01, abs=0.006)
    assert 0 < one["smallest"] < 0.02
    share = f"{one['smallest'] / one['base_brier']:.1%}".replace("%", " %")
    assert one["sentence"].startswith(
        f"These rows could have shown an improvement of {one['smallest']:.4f} ({share}) with 80 % "
        f"probability; seen was {one['seen']:.4f}"
    )
    json.dumps(found, allow_nan=False)


def test_more_weeks_could_show_less(planted, profile) -> None:
    rows = _rows(planted, 0.01)
    half = rows[rows["test_year"] <= 2016]
    gate = profile.gate.model_copy(update={"min_origins": 4, "min_blocks": 8})
    few = gate.model_copy(update={"min_origins": 4})
    own, short = (
        one[(one["head"] == "early") & (one["horizon_weeks"] == 4)] for one in (rows, half)
    )
    whole = shown("early", own, gate, CDC)
    assert whole.smallest is not None
    assert shown("early", short, few, CDC).smallest is None  # two origins are not four
    both = shown("early", short.assign(test_year=short["target_week_no"] // 20), gate, CDC)
    assert both.smallest is not None and both.smallest > whole.smallest


def test_a_head_that_answers_as_its_base_says_so_and_names_no_number(planted, profile) -> None:
    rows = _rows(planted, 0.01)
    rows["base_probability"] = rows["base_probability"].where(
        rows["base_probability"].isna(), rows["probability"]
    )
    one = power_statements(rows, profile)["4"]
    assert one["smallest"] is None and one["changed_rows"] == 0
    assert "answers every row as its base does" in one["sentence"]


def test_rows_that_a_head_leaves_alone_are_counted_beside_the_number(planted, profile) -> None:
    rows = _rows(planted, 0.01)
    alone = rows["sample_id"].str.startswith("05")  # three units without vectors
    rows["base_probability"] = rows["base_probability"].where(
        ~alone | rows["base_probability"].isna(), rows["probability"]
    )
    one = power_statements(rows, profile)["4"]
    assert 0 < one["changed_rows"] < one["rows"]
    assert one["sentence"].endswith(f"differ on {one['changed_rows']:,} of {one['rows']:,} rows.")


def test_an_effect_too_small_to_write_out_is_not_called_zero(planted, profile) -> None:
    rows = _rows(planted, 0.01)
    near = rows["probability"] + 1e-6 * np.sign(rows["base_probability"] - rows["probability"])
    rows["base_probability"] = near.where(rows["base_probability"].notna())
    one = power_statements(rows, profile)["4"]
    assert 0 < one["smallest"] < 0.0001
    assert "an improvement of less than 0.0001 with 80 %" in one["sentence"]


def test_what_was_worse_is_called_a_loss_and_not_a_negative_improvement(planted, profile) -> None:
    one = power_statements(_rows(planted, -0.01), profile)["4"]
    assert one["seen"] < 0
    assert f"; seen was a loss of {-one['seen']:.4f} (" in one["sentence"]
    assert "−" not in one["sentence"]


def test_too_few_blocks_show_nothing_and_say_so(planted, profile) -> None:
    rows = _rows(planted, 0.01)
    one = power_statements(rows[rows["test_year"] == 2018], profile)["4"]
    assert one["smallest"] is None
    assert "4 blocks of weeks are too few" in one["sentence"]


def test_predictions_without_a_base_have_no_statement(planted, profile) -> None:
    assert power_statements(planted({"early": 0.0, "linear": 0.01}), profile) == {}
    old = planted({"early": 0.0}).drop(columns=["base", "base_probability"])
    assert power_statements(old, profile) == {}


def test_the_decision_and_the_report_carry_it(planted, profile) -> None:
    rows = _rows(planted, 0.01)
    candidates = [Candidate(head, head, head, "2018-w48") for head in ("linear", "early")]
    record = decide(rows, candidates, None, profile).to_json()
    assert record["power"]["4"] == power_statements(rows, profile)["4"]
    shown_rows = power(record)
    assert [one["horizon"] for one in shown_rows if one["primary"]] == [4]
    assert shown_rows[1]["sentence"] == record["power"]["4"]["sentence"]


def test_years_of_a_version_that_kept_no_base_leave_no_number_that_is_none(
    planted, profile
) -> None:
    """A run that such a version began and this one goes on with has years of both kinds."""
    rows = _rows(planted, 0.01)
    rows["base_probability"] = rows["base_probability"].where(rows["test_year"] > 2016)
    assert power_statements(rows, profile) == {}
