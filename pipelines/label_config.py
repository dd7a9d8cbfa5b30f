"""What counts as an outbreak week, as a profile says it: the rule and who may be learned from."""

from __future__ import annotations

from typing import Any

from pydantic import Field, model_validator

from pipelines.encoder_config import Frozen
from pipelines.label_rule import AnyRule
from pipelines.label_rules import QuantileRule, RollingQuantileRule

__all__ = ["LabelConfig", "QuantileRule"]


class LabelConfig(Frozen):
    """What counts as an outbreak week; see pipelines/data/labels.py.

    A profile that says nothing gets the upper quartile of the unit's own last five complete years
    before each origin's year, of at least two: it needs nothing but counts, and never the future.
    """

    rule: AnyRule = RollingQuantileRule()
    min_reference_cases: int = Field(
        100, ge=0, description="in the reference period, to be in the pool"
    )

    @model_validator(mode="before")
    @classmethod
    def _of_the_first_version(cls, given: Any) -> Any:
        """Recipes of the first version named the one rule that there was by its id."""
        if isinstance(given, dict) and given.get("rule_id") == "median_2016_2017":
            rest = {key: value for key, value in given.items() if key != "rule_id"}
            return {
                "rule": {"kind": "quantile", "q": 0.5, "reference": ("2016-w01", "2017-w52")},
                **rest,
            }
        return given

    @property
    def rule_id(self) -> str:
        return self.rule.rule_id
