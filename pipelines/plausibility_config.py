"""When a value is doubted: `data.plausibility` of a profile.

How often each hits honest weeks: docs/plausibility.md.
"""

from __future__ import annotations

from pydantic import Field

from pipelines.encoder_config import Frozen


class PlausibilityConfig(Frozen):
    """Limits beyond which values are held until a person has looked."""

    without: tuple[str, ...] = Field(
        (), description="rules that are not asked here, by the name that an issue has; * = none is"
    )
    max_held_share: float = Field(
        0.2,
        gt=0,
        le=1,
        description="of the units with counts; beyond it the drop itself is stopped",
    )
    running_mean_cases: float = Field(
        10.0, gt=0, description="mean of four weeks from which a 0 is no ordinary week"
    )
    fall_share: float = Field(
        0.1, gt=0, lt=1, description="of the four-week mean; what falls to it is held as missing"
    )
    fall_mean_cases: float = Field(
        20.0, gt=0, description="mean of four weeks from which such a fall is held"
    )
    together_chance: float = Field(
        1e-6,
        gt=0,
        lt=1,
        description="probability of as many zeros together, below which they are held",
    )
    silent_after_weeks: int = Field(
        26,
        ge=4,
        le=520,
        description="weeks without a gap, after which a missing newest week is held",
    )
    high_times_maximum: float = Field(
        5.0, gt=1, description="times a unit's own maximum, beyond which a count is unconfirmed"
    )
    high_floor_cases: float = Field(
        20.0, gt=0, description="cases a week, below which no count is far above its maximum"
    )
    jump_times: float = Field(
        7.0, gt=1, description="times the four-week mean, from which a count is unconfirmed"
    )
    jump_floor_cases: float = Field(
        40.0, gt=0, description="cases a week, below which no count is a jump"
    )
    table_distance: float = Field(
        4.0,
        gt=0,
        description="standard deviations of the table's own weekly moves, beyond which a "
        "week is stopped",
    )
    unlike_distance: float = Field(
        7.0,
        gt=0,
        description="the same for how far units lie from their own levels, beyond which "
        "they are mixed up",
    )
    zeros_left_share: float = Field(
        0.25,
        gt=0,
        lt=1,
        description="of the units without a case that one expects; below it zeros were "
        "filled or added to",
    )
    table_low_ratio: float = Field(
        0.7, gt=0, lt=1, description="newest week to level; a table above it is not incomplete"
    )
    table_high_ratio: float = Field(
        2.5, gt=1, description="newest week to level; a table below it is not multiplied"
    )
    area_gain: float = Field(
        14.0,
        gt=0,
        description="usual differences, above one a unit, that neighbours may lie to one "
        "side together",
    )
    copy_chance: float = Field(
        1e-5,
        gt=0,
        lt=1,
        description="probability of as much agreement with any older week, below which a "
        "week is a copy",
    )
    unit_copy_chance: float = Field(
        0.03,
        gt=0,
        lt=1,
        description="probability that one unit's weeks repeat themselves, below which they "
        "are held",
    )
    cumulative_weeks: int = Field(
        12, ge=6, le=52, description="weeks of a year without any fall, from which counts are sums"
    )
    shift_gain: float = Field(
        100.0,
        gt=0,
        description="squared usual differences by which a run of units fits its neighbours better",
    )
    exchange_times: float = Field(
        6.0,
        gt=1,
        description="times its own level, below and above which two units may be each other",
    )
    exchange_cases: float = Field(
        20.0, gt=0, description="cases a week of the larger of two units that may be each other"
    )
    exchange_near: float = Field(
        1.5,
        gt=0,
        description="usual differences from the other unit's level, up to which it is that one",
    )
    first_rows_distance: float = Field(
        2.0,
        gt=0,
        description=(
            "standard deviations by which a first drop's cases rank as the populations of other "
            "rows"
        ),
    )
    rewritten_share: float = Field(
        0.02,
        gt=0,
        lt=1,
        description="of past counts with cases, older than 8 weeks, that one drop may change",
    )
    rewritten_distance: float = Field(
        6.0,
        gt=0,
        description="usual differences by which one drop may change a count older than 8 weeks",
    )
    recent_factor: float = Field(
        1.5,
        gt=1,
        description=(
            "times more or fewer cases that weeks may have in one drop, which were four weeks old "
            "before it"
        ),
    )
    max_gone_share: float = Field(
        0.2,
        gt=0,
        le=1,
        description=(
            "of the units that a file of counts named before; 1 where drops name only units with "
            "cases"
        ),
    )
    max_withdrawn_share: float = Field(
        0.05,
        gt=0,
        le=1,
        description="of the accepted counts, or of the last year's, that a full drop leaves out",
    )
    max_attack_rate: float = Field(
        0.03, gt=0, description="cases of a week in a person of the population"
    )
    max_past_deviations: float = Field(
        6.0,
        gt=0,
        description=(
            "robust standard deviations of a unit's own past, within which climate and population "
            "are usual"
        ),
    )
    max_temp_shift_c: float = Field(
        3.0, gt=0, description="degree Celsius from the same month of other years"
    )
    max_rain_factor: float = Field(
        33.0, gt=1, description="times the rain (mm + 1) of the same month, or so much less"
    )
    max_drop_rain_factor: float = Field(
        6.0, gt=1, description="the same, of half of a drop's new months in wet seasons"
    )
    max_unit_rain_factor: float = Field(
        7.0, gt=1, description="the same, of half of six or more new months of a unit"
    )
    max_population_factor: float = Field(
        4.0, gt=1, description="times the population of the nearest years, or so much less"
    )
    max_series_deviations: float = Field(
        20.0, gt=0, description="robust standard deviations of a declared series' own past"
    )
    shift_alarm_share: float = Field(
        0.02,
        gt=0,
        lt=1,
        description=(
            "of ordinary weeks whose total is told as unusual; needs as many past weeks as its "
            "inverse"
        ),
    )
