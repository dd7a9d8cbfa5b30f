"""Elbonia's outbreak week, and what a profile must know of its forecaster; nothing heavy is
imported here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from pipelines.candidate_config import ForecasterKind
from pipelines.encoder_config import Frozen
from pipelines.label_rule import Past, RuleConfig
from pipelines.weeks import Calendar

if TYPE_CHECKING:
    import pandas as pd


class AboveMean(RuleConfig):
    """Cases above so many times the mean week of the two years before the origin's year."""

    formula: ClassVar[str] = "elbonia_rule:threshold"
    kind: Literal["above_mean"] = "above_mean"
    factor: float = Field(1.2, gt=0)

    @property
    def name(self) -> str:
        """Such as "mean_times_1.2"."""
        return f"mean_times_{self.factor:g}"

    def reference_weeks(self, calendar: Calendar, origin_year: int | None) -> tuple[range, ...]:
        """The two years before."""
        year = origin_year or 0
        return (range(calendar.number(year - 2, 1), calendar.number(year, 1)),)


def threshold(rule: AboveMean, past: Past) -> pd.DataFrame:
    """unit_id, season_week (none: every week), threshold_cases."""
    mean = past.cases.groupby("unit_id")["cases"].mean() * rule.factor
    return mean.rename("threshold_cases").reset_index().assign(season_week=float("nan"))


class TreeSettings(Frozen):
    """What a profile may set."""

    rounds: int = Field(40, ge=1, le=1000)


ELBONIAN_TREES = ForecasterKind("elbonia_forecaster:Trees", TreeSettings)
