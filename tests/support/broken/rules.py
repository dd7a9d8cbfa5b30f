"""Label rules that break one promise each, for the tests of the conformance kit."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from pipelines.label_rule import RuleConfig


class Honest(RuleConfig):
    """Breaks none: the mean week of the year before."""

    formula: ClassVar[str] = "support.broken.formulas:mean"
    kind: Literal["broken"] = "broken"

    @property
    def name(self):
        return "mean"

    def reference_weeks(self, calendar, origin_year):
        return (range(calendar.number(origin_year - 1, 1), calendar.number(origin_year, 1)),)


class Peeking(Honest):
    """Finds counts that it was not handed."""

    formula: ClassVar[str] = "support.broken.formulas:peeking"


class Negative(Honest):
    formula: ClassVar[str] = "support.broken.formulas:negative"


class Infinite(Honest):
    formula: ClassVar[str] = "support.broken.formulas:infinite"


class Changing(Honest):
    formula: ClassVar[str] = "support.broken.formulas:changing"


class Rolling(Honest):
    formula: ClassVar[str] = "support.broken.formulas:rolling"


class Ordered(Honest):
    formula: ClassVar[str] = "support.broken.formulas:ordered"


class Falling(Honest):
    formula: ClassVar[str] = "support.broken.formulas:falling"


class Doubled(Honest):
    formula: ClassVar[str] = "support.broken.formulas:doubled"


class Strange(Honest):
    formula: ClassVar[str] = "support.broken.formulas:strange"


class Unseasoned(Honest):
    formula: ClassVar[str] = "support.broken.formulas:unseasoned"


class Silent(Honest):
    formula: ClassVar[str] = "support.broken.formulas:silent"


class Nameless(Honest):
    @property
    def name(self):
        return ""

    @property
    def rule_id(self):
        return " "


class Floorless(Honest):
    @property
    def rule_id(self):
        return "mean"


class Forgetful(Honest):
    """Written into a recipe, it loses what it was made with."""

    factor: float = Field(2.0, exclude=True)


class Endless(Honest):
    def reference_weeks(self, calendar, origin_year):
        return ((calendar.number(origin_year - 1, 1), calendar.number(origin_year, 1)),)
