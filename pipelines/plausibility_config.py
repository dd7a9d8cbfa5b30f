"""When a value is doubted: `data.plausibility` of a profile.

Belongs here: limits of the rules in pipelines/data/plausible, each with where it comes from. Does not
belong here: the rules.
"""

from __future__ import annotations

from pydantic import Field

from pipelines.encoder_config import Frozen


class PlausibilityConfig(Frozen):
    """Limits beyond which values are held until a person has looked."""

    max_held_share: float = Field(
        0.2,
        gt=0,
        le=1,
        description="of the units with counts; beyond it the drop itself is stopped",
    )
    running_mean_cases: float = Field(
        10.0, gt=0, description="mean of four weeks from which a 0 is no ordinary week"
    )
    max_gone_share: float = Field(
        0.2,
        gt=0,
        le=1,
        description="of the units that a file of counts named before; 1 where drops name only units with cases",
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
        description="robust standard deviations of a unit's own past, within which climate and population are usual",
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
        description="of ordinary weeks whose total is told as unusual; needs as many past weeks as its inverse",
    )
