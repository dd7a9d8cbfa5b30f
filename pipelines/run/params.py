"""What a person may say when starting a run, and the profile that follows from it."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipelines.config import Profile, load_profile, profile_file
from pipelines.errors import ConfigError, validation_sentence
from pipelines.evaluation_config import Horizon
from pipelines.weeks import WeekLabel


class RunParams(BaseModel):
    """What a person may say when starting a run; unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    profile: str = "sample"
    as_of: WeekLabel | None = Field(None, description="origin week such as 2018-w48; null = newest")
    horizons: tuple[Horizon, ...] | None = Field(None, min_length=1)
    force: bool = Field(False, description="train and judge again even if nothing is new")


def parse_params(conf: dict[str, Any]) -> RunParams:
    """Check a run's parameters. Raises ConfigError naming every key or value that is refused."""
    try:
        return RunParams.model_validate(conf)
    except ValidationError as err:
        known = ", ".join(RunParams.model_fields)
        raise ConfigError(
            f"the run's parameters are not valid: {validation_sentence(err)}",
            fix=f"known parameters are {known}",
        ) from err


def require_typed_right(conf: dict[str, Any]) -> None:
    """Raise ConfigError for what whoever types a run can alone have wrong: a parameter, or a
    profile that is not there. No run has failed then; a profile that cannot be read is another
    matter.
    """
    profile_file(parse_params(conf).profile)


def profile_of(params: RunParams) -> Profile:
    """The named profile, with the horizons that were asked for. Raises ConfigError."""
    if params.horizons is None:
        return load_profile(params.profile)
    horizons = tuple(sorted(set(params.horizons)))
    primary = load_profile(params.profile).evaluate.primary_horizon_weeks
    return load_profile(
        params.profile,
        **{
            "evaluate.horizons_weeks": horizons,
            "evaluate.primary_horizon_weeks": primary if primary in horizons else horizons[0],
        },
    )
