"""What a person may say when starting a run, and the profile that follows from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipelines.config import Profile, load_profile, profile_file
from pipelines.contracts import Modality
from pipelines.encoder_config import EncoderConfig
from pipelines.errors import ConfigError, validation_sentence
from pipelines.evaluation_config import Horizon
from pipelines.run.outputs import Free
from pipelines.weeks import WeekLabel


class RunParams(BaseModel):
    """What a person may say when starting a run; unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    profile: str = "sample"
    as_of: WeekLabel | None = Field(None, description="origin week such as 2018-w48; null = newest")
    horizons: tuple[Horizon, ...] | None = Field(None, min_length=1)
    force: bool = Field(False, description="train and judge again even if nothing is new")


class RecordedParams(RunParams):
    """What run.json holds: the parameters, and the encoders that had been adopted when the run
    began."""

    encoders: dict[Modality, EncoderConfig] | None = None

    def to_json(self) -> Free:
        """As run.json holds it; without adopted encoders it does not name any."""
        return self.model_dump(mode="json", exclude=None if self.encoders else {"encoders"})


Params = TypeVar("Params", bound=RunParams)


def parse_params(conf: dict[str, Any]) -> RunParams:
    """Check a run's parameters. Raises ConfigError naming every key or value that is refused."""
    return _checked(RunParams, conf)


def recorded_params(raw: Mapping[str, object]) -> RecordedParams:
    """run.json as it was read. Raises ConfigError as parse_params does."""
    return _checked(RecordedParams, raw)


def _checked(kind: type[Params], conf: Mapping[str, object]) -> Params:
    try:
        return kind.model_validate(conf)
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


def profile_of(params: RecordedParams) -> Profile:
    """The named profile, with the horizons that were asked for and the encoders that were adopted.

    Raises ConfigError.
    """
    return _with_horizons(params).with_encoders(params.encoders or {})


def _with_horizons(params: RunParams) -> Profile:
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
