"""How long a deployment keeps what it made: `retention` of a profile.

Ages are counted up to the newest sign of a run, never beyond it: a deployment that rests loses
nothing, and a clock that is years ahead deletes nothing that the newest runs made.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from pipelines.encoder_config import Frozen

Weeks = int


class RetentionConfig(Frozen):
    """Weeks after which `denguard prune` lets go of things that nothing needs any more."""

    kept_weeks: Weeks = Field(
        4,
        ge=1,
        le=520,
        description=(
            "since its last use: what of a drop was new, what rules found in it, refits of the "
            "gate. Whatever went is made again when it is needed"
        ),
    )
    tables_weeks: Weeks = Field(
        4,
        ge=1,
        le=520,
        description=(
            "clean tables of a run: its dataset holds them again; a month covers a run that is "
            "gone on with"
        ),
    )
    runs_weeks: Weeks = Field(
        26,
        ge=1,
        le=1040,
        description=(
            "everything a run made, published or not: a season's questions about what was tried "
            "and refused"
        ),
    )
    versions_weeks: Weeks = Field(
        104,
        ge=1,
        le=2080,
        description=(
            "what a published forecast rests on: it can be looked into until the season after "
            "next has been compared with it"
        ),
    )
    airflow_weeks: Weeks = Field(
        26,
        ge=1,
        le=1040,
        description=(
            "Airflow's task logs, and rows of its database about old runs; denguard's own records "
            "of a run do not depend on them"
        ),
    )
    forecasts: Literal["keep"] | Weeks = Field(
        "keep",
        description="a published forecast and its report are public record and small; or a "
        "number of weeks",
    )
    at_least_runs: int = Field(
        8, ge=2, le=520, description="newest runs that stay whole at any age, if a clock was wrong"
    )

    @model_validator(mode="after")
    def _longer_for_what_matters_longer(self) -> RetentionConfig:
        weeks = [self.tables_weeks, self.runs_weeks, self.versions_weeks]
        if self.forecasts != "keep":
            weeks.append(self.forecasts)
        if weeks != sorted(weeks):
            raise ValueError(
                "tables_weeks, runs_weeks, versions_weeks and forecasts must not become shorter "
                "in this order"
            )
        return self
