"""Tables of the report: their order and the names that a reader meets."""

from __future__ import annotations

from pipelines.evaluate.report_lambda import lambdas
from pipelines.evaluate.report_views import in_order

SCORED = ("boosting", "climatology", "gradient_boosting", "late_joint", "linear", "prevalence")


def test_every_candidate_stands_before_the_baselines() -> None:
    metrics: dict[str, object] = {"horizons": {"4": {"heads": {name: {} for name in SCORED}}}}
    assert list(in_order(metrics)["horizons"]["4"]["heads"]) == [
        *("linear", "late_joint", "boosting"),
        *("prevalence", "climatology", "gradient_boosting"),
    ]


def test_a_tuned_setting_has_the_name_that_its_reason_gives_it() -> None:
    choice = {"chosen": 0.1, "reason": "why", "seeds": 1, "tried": []}
    settings = [
        {**choice, "setting": name} for name in ("learning_rate", "noise_sigma", "alignment_weight")
    ]
    found = {"lambda_shift": 0.0, "lambda_reason": "why", "settings": settings}
    (row,) = lambdas({"late_joint": found}, {})
    names = [one["name"] for one in row["settings"]]
    assert names == ["learning rate", "noise", "weight of L_reg"]
