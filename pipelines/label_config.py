"""What counts as an outbreak week, as a profile says it: label rules and who may be learned from.

Belongs here: the shape of `labels` and its checks. Does not belong here: computing thresholds
(pipelines/data/labels.py).
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from pipelines.encoder_config import Frozen
from pipelines.weeks import WeekLabel


class QuantileRule(Frozen):
    """Cases above a quantile of the unit's own weekly cases over a fixed range of weeks."""

    kind: Literal["quantile"] = "quantile"
    q: float = Field(0.5, gt=0, lt=1)
    reference: tuple[WeekLabel, WeekLabel] = Field(description="first and last week, both included")

    @model_validator(mode="after")
    def _in_order(self) -> QuantileRule:
        if self.reference[0] > self.reference[1]:
            raise ValueError(f"reference ends at {self.reference[1]}, before it begins at {self.reference[0]}")  # fmt: skip
        return self

    @property
    def rule_id(self) -> str:
        """Name of the rule in tables and reports, such as "median_2016_2017"."""
        first, last = self.reference
        whole = first.endswith("w01") and last[5:] in ("w52", "w53")
        years = f"{first[:4]}_{last[:4]}" if whole else f"{first}_{last}"
        return f"{'median' if self.q == 0.5 else f'q{self.q:g}'}_{years}"


class LabelConfig(Frozen):
    """What counts as an outbreak week; see pipelines/data/labels.py."""

    rule: QuantileRule
    min_reference_cases: int = Field(
        100, ge=1, description="in the reference period, to be in the pool"
    )

    @model_validator(mode="before")
    @classmethod
    def _of_the_first_version(cls, given: Any) -> Any:
        """Recipes of the first version named the one rule that there was by its id."""
        if isinstance(given, dict) and given.get("rule_id") == "median_2016_2017":
            rest = {key: value for key, value in given.items() if key != "rule_id"}
            return {"rule": {"kind": "quantile", "q": 0.5, "reference": ("2016-w01", "2017-w52")}, **rest}  # fmt: skip
        return given

    @property
    def rule_id(self) -> str:
        return self.rule.rule_id
