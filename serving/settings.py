"""Settings of the endpoint at start-up, from environment variables only.

The key itself is not among them: the endpoint knows only its SHA-256.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from pipelines.cell_limits import MOST_WEEKLY_CASES, USUAL_RAIN_MM
from pipelines.config import DeploymentPaths
from pipelines.errors import ConfigError, invalid_values
from pipelines.inference.prediction_log import DEFAULT_DAYS
from serving.schemas import MOST_ROWS

_MOST_KEYS = 500  # each request is compared with all of them
_SHA256 = re.compile(r"^[0-9a-f]{64}$")
_HOW_TO_MAKE_A_KEY = (
    "python -c \"import hashlib, secrets; k = secrets.token_urlsafe(32); print('key', k, "
    "'sha256', hashlib.sha256(k.encode()).hexdigest())\""
)


class Settings(BaseSettings):
    """Settings of one endpoint process. Every field is the variable DENGUARD_<FIELD>."""

    model_config = SettingsConfigDict(
        env_prefix="DENGUARD_", frozen=True, extra="ignore", allow_inf_nan=False
    )

    api_key_sha256: Annotated[tuple[str, ...], NoDecode] = Field(
        min_length=1,
        max_length=_MOST_KEYS,
        description="hex SHA-256 of each bearer key, with commas: of programs, two while theirs is "
        "changed, and of people",
    )
    home: Path = Path()
    model_name: str = "denguard"
    poll_s: float = Field(default=5.0, gt=0, description="between two looks at the champion alias")
    stale_after_h: float = Field(
        24.0,
        gt=0,
        description="since the registry last named the champion, until it is called stale",
    )
    max_body_bytes: int = Field(default=8_000_000, ge=1024)
    max_rows: int = Field(default=1000, ge=1, le=MOST_ROWS, description="rows of one call")
    max_scene_pixels: int = Field(
        default=4_000_000, ge=1, description="of an uploaded scene, per band"
    )
    max_pixels_at_once: int = Field(
        8_000_000, ge=1, description="of all scenes that are being read, per band"
    )
    max_body_bytes_at_once: int = Field(
        64_000_000, ge=1024, description="of all bodies that are being read or answered"
    )
    max_computed_at_once: int = Field(
        2, ge=1, description="requests in threads: scenes, new prompts, many rows of fields"
    )
    max_rows_in_hand: int = Field(
        160, ge=2, description="computed in those threads or waiting for one; more get 503"
    )
    max_prompt_cache_bytes: int = Field(
        32_000_000, ge=0, description="of vectors of texts that were asked before; 0 = none is kept"
    )
    request_timeout_s: float = Field(
        30.0, gt=0, description="for reading a body, and for answering"
    )
    max_weekly_cases: int = Field(
        MOST_WEEKLY_CASES, ge=1, description="larger counts are refused; data.max_weekly_cases"
    )
    min_usual_rainfall_mm: float = Field(
        USUAL_RAIN_MM,
        ge=0,
        description="rows whose rain is less in every month are refused as metres; 0 = none are",
    )
    model_age_weeks: int = Field(
        13, ge=0, description="of an origin week beyond the model's data, before answers say so"
    )
    prediction_log_days: int = Field(
        DEFAULT_DAYS,
        ge=0,
        le=36_500,
        description="kept of the prediction log; 0 = none is written or removed",
    )

    @field_validator("api_key_sha256", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return (
            tuple(part.strip().lower() for part in value.split(","))
            if isinstance(value, str)
            else value
        )

    @field_validator("api_key_sha256")
    @classmethod
    def _is_sha256(cls, hashes: tuple[str, ...]) -> tuple[str, ...]:
        if not all(_SHA256.match(entry) for entry in hashes):
            raise ValueError("give the 64 hexadecimal digits of a SHA-256, not the key itself")
        return hashes

    @property
    def paths(self) -> DeploymentPaths:
        """Folders of this deployment; the bundle cache lies there."""
        return DeploymentPaths(home=self.home.resolve())


class DoorLimits(BaseSettings):
    """What a connection may cost before the app knows of it. Every field is DENGUARD_<FIELD>."""

    model_config = SettingsConfigDict(
        env_prefix="DENGUARD_", frozen=True, extra="ignore", allow_inf_nan=False
    )

    max_connections: int = Field(256, ge=1, description="open at once, of a worker; more get 503")
    max_head_bytes: int = Field(32_768, ge=1024, description="request line and headers")
    head_timeout_s: float = Field(
        10.0, gt=0, description="for a whole head, and for saying nothing"
    )
    answer_timeout_s: float = Field(
        120.0, gt=0, description="from the head to the last byte of the answer, body included"
    )


def load_settings() -> Settings:
    """Settings from the environment.

    Raises:
        ConfigError: a variable is absent or refused; all are named, no value is shown.
    """
    try:
        return Settings.model_validate({})
    except ValidationError as err:
        named = "; ".join(f"DENGUARD_{name.upper()}: {why}" for name, why in invalid_values(err))
        raise ConfigError(
            f"the endpoint cannot start: {named}",
            where="environment",
            fix=(
                "set DENGUARD_API_KEY_SHA256 to the hash of a key that you keep; make one with: "
                f"{_HOW_TO_MAKE_A_KEY}"
            ),
        ) from None  # pydantic's own text would show the values
