"""The interface of label rules: what a rule is, what it may know, and how a profile names one.

A new rule is one subclass of RuleConfig, and one line in contracts.LABEL_RULES or an entry point of
the group `denguard.label_rules`. Profiles are read where DAGs are parsed, so a module that holds
such a class imports neither pandas nor numpy; its formula lies in a module of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Protocol

from pydantic import BeforeValidator, Field, SerializeAsAny, ValidationError, model_serializer

from pipelines.contracts import LABEL_RULES
from pipelines.encoder_config import Frozen
from pipelines.errors import ConfigError, validation_sentence
from pipelines.weeks import Calendar

if TYPE_CHECKING:
    import pandas as pd
    from pydantic import SerializerFunctionWrapHandler


@dataclass(frozen=True)
class Past:
    """All that a rule may know for the thresholds of one origin year; nothing else is handed to it.

    Attributes:
        cases: unit_id, week_no, cases (weekly, known counts alone), year and season_week (1..52;
            week 53 shares the place of week 52) of the weeks of the rule's own reference; never
            empty.
        persons: unit_id -> persons, NaN where not known; every unit is in it.
        origin_year: the year whose origins are asked about; None = every origin.
    """

    cases: pd.DataFrame
    persons: pd.Series
    origin_year: int | None


class LabelRule(Protocol):
    """From past counts to the weekly cases above which a week is an outbreak week."""

    @property
    def kind(self) -> str:
        """Name in contracts.LABEL_RULES."""

    @property
    def rule_id(self) -> str:
        """Readable name in tables and reports; rules that may differ in a threshold differ
        in it."""

    @property
    def fixed(self) -> bool:
        """Whether one reference holds for every origin; else each origin year has its own."""

    @property
    def floor_cases(self) -> float | None:
        """Least threshold, in cases a week; None = none."""

    @property
    def needed_years(self) -> int:
        """Least number of a unit's years that count; one counts if half of its weeks are known.

        With 0, no year is asked for and every known week of the reference counts.
        """

    def reference_weeks(self, calendar: Calendar, origin_year: int | None) -> tuple[range, ...]:
        """Week ordinals that the rule rests on. What an origin of that year may not know is cut off
        by the caller, whatever is returned here."""

    def thresholds(self, past: Past) -> pd.DataFrame:
        """unit_id, season_week (1..52, or NaN for every week) and threshold_cases (a week).

        A unit that the rule cannot judge may be absent, or have a NaN threshold; a column
        refused_reason may then say why.
        """


class RuleConfig(Frozen):
    """Base of every rule's configuration; with `formula` it is a whole LabelRule.

    A subclass gives `kind: Literal["its_name"] = "its_name"`, its own fields, `name`,
    `reference_weeks` and `formula`, which is "module:function" of a function (rule, past) ->
    thresholds.
    """

    formula: ClassVar[str]
    kind: str
    floor_cases: float | None = Field(
        None,
        gt=0,
        le=1_000_000,
        description="cases a week; no threshold is lower. With it, units with rare cases "
        "can be judged too",
    )

    @model_serializer(mode="wrap")
    def _with_kind(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Rules are told apart by their kind, so it is written even where defaults are left out."""
        return {"kind": self.kind, **handler(self)}

    @property
    def name(self) -> str:
        """The rule's id without its floor."""
        raise NotImplementedError(f"{type(self).__name__} has no name")

    @property
    def rule_id(self) -> str:
        """Name of the rule in tables and reports, such as "q0.75_rolling5_floor3"."""
        return self.name if self.floor_cases is None else f"{self.name}_floor{self.floor_cases:g}"

    @property
    def fixed(self) -> bool:
        """Whether one reference holds for every origin."""
        return False

    @property
    def needed_years(self) -> int:
        """Least number of years that count; see LabelRule."""
        return 0

    def reference_weeks(self, calendar: Calendar, origin_year: int | None) -> tuple[range, ...]:
        """Week ordinals that the rule rests on; see LabelRule."""
        raise NotImplementedError(f"{type(self).__name__} has no reference")

    def thresholds(self, past: Past) -> pd.DataFrame:
        """Thresholds by this rule's formula; see LabelRule."""
        module, _, function = self.formula.partition(":")
        found: pd.DataFrame = getattr(import_module(module), function)(self, past)
        return found


def rule_from(given: Any) -> RuleConfig:
    """The rule that a profile's or a recipe's keys name; its own class checks them.

    Raises:
        ValueError: as pydantic wants it: no kind, an unknown one, or keys that its class refuses.
    """
    if isinstance(given, RuleConfig):
        return given
    known = ", ".join(sorted(LABEL_RULES))
    if not isinstance(given, Mapping) or not isinstance(given.get("kind"), str):
        raise ValueError(f"say which rule by `kind`, one of {known}")
    kind = given["kind"]
    try:
        found = LABEL_RULES.load(kind)
    except ConfigError as err:
        raise ValueError(f"{err.what}; {err.fix}") from err
    if not (isinstance(found, type) and issubclass(found, RuleConfig)):
        raise ValueError(
            f"label rule {kind!r} ({LABEL_RULES[kind]}) is no subclass of "
            "pipelines.label_rule.RuleConfig; correct its entry point"
        )
    try:
        return found.model_validate(dict(given))
    except ValidationError as err:
        raise ValueError(validation_sentence(err, whole=kind)) from err


AnyRule = Annotated[SerializeAsAny[RuleConfig], BeforeValidator(rule_from)]
