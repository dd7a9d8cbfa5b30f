"""A label rule as a country pack brings it: so many times the mean of the year before."""

from __future__ import annotations

from typing import ClassVar, Literal

import pandas as pd
from pydantic import Field

from pipelines.label_rule import Past, RuleConfig
from pipelines.weeks import Calendar


class TwiceUsualRule(RuleConfig):
    """Cases above `times` the mean of the year before. It asks for the future, too."""

    formula: ClassVar[str] = "support.rule_plugin:twice_the_mean"
    kind: Literal["twice_usual"] = "twice_usual"
    times: float = Field(2.0, gt=1)

    @property
    def name(self) -> str:
        return f"twice_usual{self.times:g}"

    def reference_weeks(self, calendar: Calendar, origin_year: int | None) -> tuple[range, ...]:
        assert origin_year is not None
        return (range(calendar.number(origin_year - 1, 1), calendar.number(origin_year + 2, 1)),)


def twice_the_mean(rule: TwiceUsualRule, past: Past) -> pd.DataFrame:
    mean = rule.times * past.cases.groupby("unit_id")["cases"].mean()
    return mean.rename("threshold_cases").reset_index().assign(season_week=float("nan"))
