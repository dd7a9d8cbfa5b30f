"""The label rules that are built in, as a profile configures them.

Their formulas need pandas and lie in pipelines/data/label_formulas.py.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from pipelines.label_rule import RuleConfig
from pipelines.weeks import FIRST_YEAR, LAST_YEAR, Calendar, WeekLabel

_FORMULAS = "pipelines.data.label_formulas"
_MIN_YEARS = 2
Year = Annotated[int, Field(ge=FIRST_YEAR, le=LAST_YEAR)]
Years = Annotated[int, Field(ge=1, le=50)]


class QuantileRule(RuleConfig):
    """Cases above a quantile of the unit's own weekly cases over a fixed range of weeks."""

    formula: ClassVar[str] = f"{_FORMULAS}:quantile"
    kind: Literal["quantile"] = "quantile"
    q: float = Field(0.5, gt=0, lt=1)
    reference: tuple[WeekLabel, WeekLabel] = Field(description="first and last week, both included")

    @model_validator(mode="after")
    def _in_order(self) -> QuantileRule:
        if self.reference[0] > self.reference[1]:
            raise ValueError(
                f"reference ends at {self.reference[1]}, before it begins at {self.reference[0]}"
            )
        return self

    @property
    def name(self) -> str:
        """Such as "median_2016_2017"."""
        first, last = self.reference
        whole = first.endswith("w01") and last[5:] in ("w52", "w53")
        years = f"{first[:4]}_{last[:4]}" if whole else f"{first}_{last}"
        return f"{_quantile(self.q)}_{years}"

    @property
    def fixed(self) -> bool:
        """It never moves with a run, so that figures stay comparable."""
        return True

    def reference_weeks(self, calendar: Calendar, origin_year: int | None) -> tuple[range, ...]:
        """The range. Raises ConfigError for a week that the calendar lacks."""
        del origin_year
        first, last = map(calendar.week_no, self.reference)
        return (range(first, last + 1),)


class RollingQuantileRule(RuleConfig):
    """Cases above a quantile of the unit's own weekly cases of the years before the
    origin's year."""

    formula: ClassVar[str] = f"{_FORMULAS}:quantile"
    kind: Literal["rolling_quantile"] = "rolling_quantile"
    q: float = Field(0.75, gt=0, lt=1)
    years: Years = Field(5, description="last complete years before the origin's year")
    min_years: Years = Field(_MIN_YEARS, description="fewer than so many give no threshold")

    @model_validator(mode="after")
    def _enough(self) -> RollingQuantileRule:
        _at_most(self.min_years, self.years)
        return self

    @property
    def name(self) -> str:
        """Such as "q0.75_rolling5"."""
        return f"{_quantile(self.q)}_rolling{self.years}{_least(self.min_years)}"

    @property
    def needed_years(self) -> int:
        return self.min_years

    def reference_weeks(self, calendar: Calendar, origin_year: int | None) -> tuple[range, ...]:
        """The last `years` years before the origin's year."""
        return _weeks_of(calendar, _last_years(origin_year, self.years, ()))


class EndemicChannelRule(RuleConfig):
    """Cases above what is usual in the same weeks of the year: the endemic channel of the unit.

    The value of a week of the year is the centre over that week and `half_window_weeks` on both
    sides, in every reference year. Week 53 shares the place of week 52, and week 1 lies beside it.

    Attributes:
        k: standard deviations above the mean, of `mean_sd` alone. EWARS calls it z and lets 1.25
            begin.
        leave_out: years that are no part of what is usual, such as that of a large epidemic; with
            `years` the one before takes its place.
    """

    formula: ClassVar[str] = f"{_FORMULAS}:endemic_channel"
    kind: Literal["endemic_channel"] = "endemic_channel"
    centre: Literal["median", "geometric_mean", "mean_sd"] = "median"
    k: float = Field(1.25, ge=0, le=10)
    years: Years = Field(5, description="last complete years before the origin's year")
    reference: tuple[Year, Year] | None = Field(
        None, description="first and last year, both included, for every origin, instead of `years`"
    )
    half_window_weeks: int = Field(2, ge=0, le=13)
    leave_out: tuple[Year, ...] = ()
    min_years: Years = Field(_MIN_YEARS, description="fewer than so many give no threshold")

    @model_validator(mode="after")
    def _consistent(self) -> EndemicChannelRule:
        if self.centre != "mean_sd" and self.k != 1.25:
            raise ValueError(f"k belongs to mean_sd, not to {self.centre}")
        if self.reference and self.years != 5:
            raise ValueError("give `years` or `reference`, not both")
        if self.reference and self.reference[0] > self.reference[1]:
            raise ValueError(
                f"reference ends in {self.reference[1]}, before it begins in {self.reference[0]}"
            )
        _at_most(self.min_years, len(self._fixed_years()) if self.reference else self.years)
        return self

    @property
    def name(self) -> str:
        """Such as "channel_median5_hw2_minus2016"."""
        centre = {"median": "median", "geometric_mean": "geomean", "mean_sd": f"mean{self.k:g}sd"}
        years = f"_{self.reference[0]}_{self.reference[1]}" if self.reference else str(self.years)
        if self.reference is None and self.centre == "mean_sd":
            years = f"_{self.years}"  # two numbers would run together
        without = "".join(f"_minus{year}" for year in sorted(set(self.leave_out)))
        least = _least(self.min_years)
        window = f"hw{self.half_window_weeks}"
        return f"channel_{centre[self.centre]}{years}_{window}{without}{least}"

    @property
    def fixed(self) -> bool:
        return self.reference is not None

    @property
    def needed_years(self) -> int:
        return self.min_years

    def reference_weeks(self, calendar: Calendar, origin_year: int | None) -> tuple[range, ...]:
        """The reference years, those left out not among them."""
        if self.reference:
            return _weeks_of(calendar, self._fixed_years())
        return _weeks_of(calendar, _last_years(origin_year, self.years, self.leave_out))

    def _fixed_years(self) -> list[int]:
        first, last = self.reference or (0, -1)
        return [year for year in range(first, last + 1) if year not in self.leave_out]


class IncidenceRule(RuleConfig):
    """Cases above so many a week per 100,000 persons. The pool is chosen by all cases before."""

    formula: ClassVar[str] = f"{_FORMULAS}:incidence"
    kind: Literal["incidence"] = "incidence"
    per_100k: float = Field(gt=0, le=100_000, description="cases a week per 100,000 persons")

    @property
    def name(self) -> str:
        """Such as "incidence20"."""
        return f"incidence{self.per_100k:g}"

    def reference_weeks(self, calendar: Calendar, origin_year: int | None) -> tuple[range, ...]:
        """Every week before the origin's year: what the choice of the pool looks at."""
        return (range(calendar.number(FIRST_YEAR, 1), calendar.number(_given(origin_year), 1)),)


def _quantile(q: float) -> str:
    return "median" if q == 0.5 else f"q{q:g}"


def _least(min_years: int) -> str:
    return "" if min_years == _MIN_YEARS else f"_min{min_years}"


def _at_most(min_years: int, years: int) -> None:
    if min_years > years:
        raise ValueError(f"min_years is {min_years} and the reference has {years}; lower it")


def _last_years(origin_year: int | None, count: int, leave_out: tuple[int, ...]) -> list[int]:
    """The last `count` years before the origin's year that are not left out, oldest first."""
    before = range(_given(origin_year) - 1, FIRST_YEAR - 1, -1)
    return sorted([year for year in before if year not in leave_out][:count])


def _weeks_of(calendar: Calendar, years: list[int]) -> tuple[range, ...]:
    return tuple(range(calendar.number(y, 1), calendar.number(y + 1, 1)) for y in years)


def _given(origin_year: int | None) -> int:
    if origin_year is None:
        raise ValueError("this rule's reference depends on the origin's year")
    return origin_year
