"""How recipes are judged: rows and folds, and when a challenger may replace the champion."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from pipelines.encoder_config import Frozen

Horizon = Annotated[int, Field(ge=0, le=12)]


class TestYears(Frozen):
    """The newest complete years of the place's calendar; the running year is never one of them."""

    __test__ = False  # not a pytest test, by its name

    last: int = Field(5, ge=1, le=50, description="at most so many; fewer where history is short")
    hold_back: int = Field(
        0, ge=0, le=10, description="newest years that nobody looks at before a release"
    )


class EvaluateConfig(Frozen):
    """Rows and folds a recipe is judged on."""

    horizons_weeks: tuple[Horizon, ...] = (1, 4, 8, 12)
    primary_horizon_weeks: Horizon = 4
    test_years: TestYears | Annotated[tuple[int, ...], Field(min_length=1)] = TestYears()
    municipalities: tuple[str, ...] | None = Field(
        None, description="units that are judged; none = all of the pool"
    )
    modalities: bool = Field(
        False,
        description=(
            "whether a run trains its fused heads twice more in each test year, on images alone "
            "and on texts alone, for the report"
        ),
    )
    delay_table: bool = Field(
        False,
        description=(
            "whether a run makes the table of reporting delays where there is none yet of its "
            "recipe and test years; minutes"
        ),
    )

    @model_validator(mode="after")
    def _consistent(self) -> EvaluateConfig:
        if self.primary_horizon_weeks not in self.horizons_weeks:
            raise ValueError("primary_horizon_weeks must be one of horizons_weeks")
        return self


class GateConfig(Frozen):
    """When a challenger may replace the champion.

    The window of newest weeks and its blocks were chosen by their power, see docs/gate.md.
    """

    margin_brier: float = Field(0.005, gt=0, le=0.05, description="non-inferiority margin")
    block_weeks: int = Field(13, ge=13, le=52, description="shorter blocks share an epidemic")
    min_origins: int = Field(4, ge=4)
    min_blocks: int = Field(16, ge=8)
    resamples: int = Field(2_000, ge=200, le=100_000)
    confidence: float = Field(0.95, gt=0.5, lt=1)
    max_worse_than_prevalence: float = Field(0.01, ge=0, le=0.1)
    max_mean_bias: float = Field(0.1, gt=0, le=0.5)
    recent_weeks: int = Field(
        52,
        ge=13,
        le=52,
        description="newest target weeks that a challenger's recipe is scored on beside "
        "what was published",
    )
    refit_years: int = Field(
        3, ge=1, le=10, description="past years whose refits say how far an honest one moves"
    )
    move_quantile: float = Field(
        1.0,
        gt=0.5,
        le=1,
        description="of those moves; a refit that moves further waits for a person",
    )
    least_move: float = Field(
        0.01,
        ge=0,
        le=0.1,
        description="root mean square probability over the pool that is never too far",
    )
    least_unit_move: float = Field(
        0.05, ge=0, le=0.5, description="probability of one unit that is never too far"
    )
    seed: int = 13
