"""Label rules as a profile names them: kinds, names, defaults, refusals, recipes, plug-ins."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from pipelines.config import Profile, load_profile
from pipelines.contracts import LABEL_RULES
from pipelines.label_config import LabelConfig, QuantileRule
from pipelines.label_rules import EndemicChannelRule
from pipelines.recipes import canonical

ROOT = Path(__file__).parents[2]
NAMED: dict[str, dict[str, Any]] = {
    "median_2016_2017": {"kind": "quantile", "q": 0.5, "reference": ["2016-w01", "2017-w52"]},
    "q0.75_2015-w10_2018-w20": {"kind": "quantile", "q": 0.75, "reference": ["2015-w10", "2018-w20"]},
    "q0.75_rolling5": {"kind": "rolling_quantile"},
    "median_rolling3_min1_floor2.5": {"kind": "rolling_quantile", "q": 0.5, "years": 3, "min_years": 1, "floor_cases": 2.5},
    "channel_median5_hw2_minus2016": {"kind": "endemic_channel", "leave_out": [2016]},
    "channel_median_2010_2014_hw0_minus2010_minus2013": {"kind": "endemic_channel", "reference": [2010, 2014], "half_window_weeks": 0, "leave_out": [2013, 2010]},
    "channel_geomean7_hw1": {"kind": "endemic_channel", "centre": "geometric_mean", "years": 7, "half_window_weeks": 1},
    "channel_mean2sd_5_hw2": {"kind": "endemic_channel", "centre": "mean_sd", "k": 2},
    "incidence20_floor3": {"kind": "incidence", "per_100k": 20, "floor_cases": 3},
}  # fmt: skip


def _labels(rule: Any) -> LabelConfig:
    return LabelConfig.model_validate({"rule": rule})


def _profile(rule: Any) -> Profile:
    return load_profile("ci", **{"labels.rule": rule})


@pytest.mark.parametrize("name", NAMED)
def test_a_rule_has_a_readable_name_and_survives_being_written(name: str) -> None:
    labels = _labels(NAMED[name])
    assert labels.rule_id == name
    assert LabelConfig.model_validate(labels.model_dump(mode="json")) == labels
    assert LabelConfig.model_validate_json(labels.model_dump_json()) == labels


def test_every_built_in_kind_is_named_above() -> None:
    assert {rule["kind"] for rule in NAMED.values()} == set(LABEL_RULES)


def test_a_profile_that_says_nothing_gets_the_rolling_upper_quartile() -> None:
    profile = Profile.model_validate({"profile": "five-lines", "data": {}})
    assert profile.labels.rule_id == "q0.75_rolling5"
    assert profile.labels.rule.needed_years == 2


def test_the_sample_keeps_its_rule() -> None:
    rule = load_profile("sample").labels.rule
    assert isinstance(rule, QuantileRule)
    assert (rule.rule_id, rule.fixed, rule.floor_cases) == ("median_2016_2017", True, None)


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"kind": "tercile"}, (
            r"no label rule 'tercile'; use one of endemic_channel, incidence, quantile, "
            r"rolling_quantile"
        )),
        ({"q": 0.5}, r"say which rule by `kind`, one of endemic_channel"),
        ("quantile", r"say which rule by `kind`"),
        ({"kind": "quantile", "q": 2}, r"q: Input should be less than 1; reference: Field required"),
        ({"kind": "quantile", "reference": ["2017-w01", "2016-w52"]}, r"before it begins"),
        ({"kind": "rolling_quantile", "years": 1}, r"min_years is 2 and the reference has 1"),
        ({"kind": "endemic_channel", "reference": [2010, 2012], "leave_out": [2010, 2011]}, r"the reference has 1"),
        ({"kind": "endemic_channel", "reference": [2010, 2012], "years": 3}, r"not both"),
        ({"kind": "endemic_channel", "k": 2}, r"k belongs to mean_sd"),
        ({"kind": "incidence"}, r"per_100k: Field required"),
        ({"kind": "incidence", "per_100k": 5, "floor_cases": 0}, r"floor_cases: .*greater than 0"),
        ({"kind": "incidence", "per_100k": 5, "per": 1}, r"per: Extra inputs"),
    ],
)  # fmt: skip
def test_what_cannot_be_a_rule_is_refused_by_key(rule: Any, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        _labels(rule)


def test_rules_of_another_kind_are_other_recipes_even_with_equal_keys() -> None:
    rules: list[dict[str, Any]] = [
        {"kind": "rolling_quantile", "years": 4},
        {"kind": "endemic_channel", "years": 4},
    ]
    ids = {_profile(rule).recipe_id("linear") for rule in rules}
    assert len(ids) == 2


def test_a_default_stays_out_of_the_recipe() -> None:
    spoken = canonical(_profile({"kind": "rolling_quantile", "years": 5}).recipe("linear"))
    assert "labels" not in spoken
    spoken = canonical(_profile({"kind": "rolling_quantile", "years": 6}).recipe("linear"))
    assert spoken["labels"] == {"rule": {"kind": "rolling_quantile", "years": 6}}


def test_a_recipe_of_the_first_version_is_the_sample_s() -> None:
    own = load_profile("sample").recipe("linear")
    first = {**own, "labels": {"rule_id": "median_2016_2017", "min_reference_cases": 100}}
    assert canonical(first) == canonical(own)


def test_reading_a_profile_loads_neither_pandas_nor_numpy() -> None:
    code = (
        "import sys; from pipelines.config import load_profile; load_profile('ci', "
        "**{'labels.rule': {'kind': 'endemic_channel'}}); print([m for m in ('pandas', 'numpy') "
        "if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


def test_years_that_are_left_out_are_replaced_by_earlier_ones() -> None:
    from pipelines.weeks import CDC

    rule = EndemicChannelRule(years=2, leave_out=(2016,))
    parts = rule.reference_weeks(CDC, 2018)
    assert [CDC.week_label(part.start) for part in parts] == ["2015-w01", "2017-w01"]
    assert [CDC.week_label(part.stop - 1) for part in parts] == ["2015-w52", "2017-w52"]


@pytest.fixture
def plug_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LABEL_RULES, "twice_usual", "support.rule_plugin:TwiceUsualRule")  # type: ignore[arg-type]
    monkeypatch.setitem(LABEL_RULES, "no_class", "support.rule_plugin:twice_the_mean")  # type: ignore[arg-type]


def test_a_rule_of_another_distribution_checks_its_own_keys(plug_in: None) -> None:
    labels = _labels({"kind": "twice_usual", "times": 3, "floor_cases": 1})
    assert labels.rule_id == "twice_usual3_floor1"
    assert LabelConfig.model_validate(labels.model_dump(mode="json")) == labels
    with pytest.raises(ValidationError, match="times: Input should be greater than 1"):
        _labels({"kind": "twice_usual", "times": 0.5})
    with pytest.raises(ValidationError, match=r"no_class.*is no subclass of .*RuleConfig"):
        _labels({"kind": "no_class"})
